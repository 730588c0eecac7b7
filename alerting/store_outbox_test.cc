#include "alerting/store_outbox.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "alerting/testing/fold_kit.h"
#include "base/mutex.h"

namespace keng::alerting {
namespace {

using filters::ActionRecord;
using filters::ActionVerb;
using filters::RetractionRecord;
using ::testing::ElementsAre;
using testing::FoldKit;
using ::testing::IsEmpty;
using testing::MakeHit;

filters::HitRecord HitOf(const std::string& post, const std::string& topic) {
  filters::HitRecord hit = MakeHit(post);
  hit.hit.topic = topic;
  return hit;
}

std::vector<std::string> PendingIds(const Outbox& outbox, uint64_t after = 0, size_t max = 100) {
  const auto entries = outbox.Pending(after, max);
  EXPECT_TRUE(entries.ok()) << entries.status();
  std::vector<std::string> ids;
  for (const auto& entry : *entries) ids.push_back(entry.alert.id);
  return ids;
}

// A log that keeps nothing and counts.
class CountingLog final : public store::ChangeLog {
 public:
  bool Logs(store::TableId, std::string_view) const override { return true; }
  absl::StatusOr<int64_t> Append(absl::Span<const store::Change>) override {
    if (std::exchange(fails_, false)) return absl::ResourceExhaustedError("told to");
    return ++appends_;
  }
  void FailNext() { fails_ = true; }
  int64_t appends() const { return appends_; }

 private:
  int64_t appends_ = 0;
  bool fails_ = false;
};

// A log in which the append of a row of kShown holds up all commits until two threads are about to
// make theirs, so that the two mostly go together.
class GatedLog final : public store::ChangeLog {
 public:
  bool Logs(store::TableId, std::string_view) const override { return true; }
  absl::StatusOr<int64_t> Append(absl::Span<const store::Change> changes) override {
    base::MutexLock lock(mutex_);
    const auto count = [&](store::TableId id) {
      return std::count_if(changes.begin(), changes.end(),
                           [id](const store::Change& change) { return change.table == id; });
    };
    if (count(table::kDeliveries) == 2) ++together_;
    if (count(table::kShown) > 0) {
      holds_ = true;
      changed_.NotifyAll();
      while (coming_ < 2) changed_.Wait(mutex_);
      holds_ = false;
      coming_ = 0;
    }
    return ++appends_;
  }
  void WaitUntilItHolds() {
    base::MutexLock lock(mutex_);
    while (!holds_) changed_.Wait(mutex_);
  }
  void Come() {
    base::MutexLock lock(mutex_);
    ++coming_;
    changed_.NotifyAll();
  }
  int together() const {
    base::MutexLock lock(mutex_);
    return together_;
  }

 private:
  mutable base::Mutex mutex_;
  base::CondVar changed_;
  int64_t appends_ ABSL_GUARDED_BY(mutex_) = 0;
  int coming_ ABSL_GUARDED_BY(mutex_) = 0;
  int together_ ABSL_GUARDED_BY(mutex_) = 0;
  bool holds_ ABSL_GUARDED_BY(mutex_) = false;
};

TEST(StoreOutboxTest, WhatTheFoldDecidedIsPendingInItsOrder) {
  FoldKit kit;
  const StoreOutbox outbox(kit.store());
  kit.Fold(HitOf("p1", "flooding"));
  kit.Fold(HitOf("p2", "bridge"));
  kit.Fold(HitOf("p3", "fire"));
  ASSERT_EQ(kit.alerts().size(), 3u);
  const std::vector<Alert>& decided = kit.alerts();
  EXPECT_THAT(PendingIds(outbox), ElementsAre(decided[0].id, decided[1].id, decided[2].id));
  EXPECT_THAT(PendingIds(outbox, 0, 2), ElementsAre(decided[0].id, decided[1].id));
  const auto first = outbox.Pending(0, 1);
  EXPECT_THAT(PendingIds(outbox, first->front().sequence),
              ElementsAre(decided[1].id, decided[2].id));
  EXPECT_EQ(*outbox.pending_count(), 3);
}

TEST(StoreOutboxTest, CompletingTwiceIsCompletingOnce) {
  FoldKit kit;
  StoreOutbox outbox(kit.store());
  kit.Fold(MakeHit("p1"));
  const auto entry = outbox.Pending(0, 1)->front();
  EXPECT_TRUE(outbox.Complete(entry.sequence, "another").ok());
  EXPECT_EQ(*outbox.pending_count(), 1) << "the number belongs to another alert";
  EXPECT_TRUE(outbox.Complete(entry.sequence, entry.alert.id).ok());
  EXPECT_TRUE(outbox.Complete(entry.sequence, entry.alert.id).ok());
  EXPECT_THAT(PendingIds(outbox), IsEmpty());
  EXPECT_TRUE(outbox.Find(entry.alert.id)->has_value()) << "dead replay still finds it";
}

filters::ActionRecord ReplayOf(const std::string& id, const std::string& alert,
                               const std::string& channel) {
  return {.id = id,
          .verb = filters::ActionVerb::kReplay,
          .actor = "officer",
          .alert = alert,
          .channel = channel};
}

// Two alerts that wait.
class TwoAlertsTest : public ::testing::Test {
 protected:
  TwoAlertsTest() {
    kit.Fold(HitOf("p1", "flooding"));
    kit.Fold(HitOf("p2", "bridge"));
  }
  FoldKit kit;
  StoreOutbox outbox{kit.store()};
};

// `keng dead replay` is the fold's.
TEST_F(TwoAlertsTest, ReplayedAlertsComeAfterThoseDecidedAndBeforeThoseToCome) {
  const auto entries = *outbox.Pending(0, 2);
  for (const auto& entry : entries) {
    ASSERT_TRUE(outbox
                    .Record({.alert = entry.alert.id,
                             .channel = "hook",
                             .state = DeliveryState::kDead,
                             .attempts = 3,
                             .remote_id = "m-1",
                             .last_error = "410"})
                    .ok());
    ASSERT_TRUE(outbox.Complete(entry.sequence, entry.alert.id).ok());
  }
  kit.Fold(ReplayOf("r1", entries[1].alert.id, "hook"));
  kit.Fold(ReplayOf("r2", entries[0].alert.id, "hook"));
  kit.Fold(ReplayOf("r3", entries[1].alert.id, "hook"));  // not dead any more
  kit.Fold(ReplayOf("r4", "no-such", "hook"));
  kit.Fold(HitOf("p3", "fire"));
  EXPECT_THAT(PendingIds(outbox),
              ElementsAre(entries[1].alert.id, entries[0].alert.id, kit.alerts()[2].id));
  const Delivery again = outbox.Deliveries(entries[1].alert.id)->front();
  EXPECT_EQ(again.state, DeliveryState::kPending);
  EXPECT_EQ(again.attempts, 0);
  EXPECT_EQ(again.remote_id, "m-1");
  EXPECT_EQ(again.last_error, "");
}

// A worker reads on from the number that it has seen last.
TEST(StoreOutboxTest, ANumberIsGivenOnce) {
  FoldKit kit;
  StoreOutbox outbox(kit.store());
  kit.Fold(HitOf("p1", "flooding"));
  uint64_t seen = 0;
  for (int i = 0; i < 4; ++i) {
    const auto entries = *outbox.Pending(seen, 9);
    ASSERT_EQ(entries.size(), 1u) << i;
    seen = entries[0].sequence;
    const std::string alert = entries[0].alert.id;
    ASSERT_TRUE(
        outbox.Record({.alert = alert, .channel = "hook", .state = DeliveryState::kDead}).ok());
    ASSERT_TRUE(outbox.Complete(seen, alert).ok());
    if (i == 1) kit.Reopen();  // after a crash as well
    kit.Fold(ReplayOf(base::StrCat("r", i), alert, "hook"));
  }
}

TEST_F(TwoAlertsTest, AReplayedAlertThatStillWaitsMovesToTheEnd) {
  const auto entries = *outbox.Pending(0, 2);
  const std::string alert = entries[0].alert.id;
  ASSERT_TRUE(outbox
                  .RecordAll({{.alert = alert,
                               .channel = "hook",
                               .state = DeliveryState::kDead,
                               .last_error = "maybe sent: 410"},
                              {.alert = alert, .channel = "tele"}})
                  .ok());
  kit.Fold(ReplayOf("r1", alert, "tele"));
  EXPECT_THAT(PendingIds(outbox), ElementsAre(alert, entries[1].alert.id)) << "it is not dead";
  kit.Fold(ReplayOf("r2", alert, "hook"));
  EXPECT_THAT(PendingIds(outbox), ElementsAre(entries[1].alert.id, alert)) << "and there once";
  EXPECT_TRUE(MaybeSent(outbox.Deliveries(alert)->front()));
}

// Another program's, or erased between two reads of this one.
TEST_F(TwoAlertsTest, APendingAlertThatIsGoneStopsNobody) {
  const auto changes = kit.store().NewChanges();
  changes->Delete(table::kAlerts, kit.alerts()[0].id);
  ASSERT_TRUE(kit.store().Commit(*changes).ok());
  EXPECT_THAT(PendingIds(outbox), ElementsAre(kit.alerts()[1].id));
}

TEST(StoreOutboxTest, ResultsAreOneCommitAndCompleteWhatTheyEnd) {
  FoldKit kit;
  StoreOutbox outbox(kit.store());
  for (const char* topic : {"flooding", "bridge", "fire"}) kit.Fold(HitOf(topic, topic));
  const auto entries = *outbox.Pending(0, 3);
  ASSERT_EQ(entries.size(), 3u);
  CountingLog log;
  kit.store().SetChangeLog(log);
  const std::vector<std::string> one = {"hook"};
  const std::vector<std::string> two = {"hook", "tele"};
  const auto result = [&](size_t i, const std::string& channel, DeliveryState state,
                          absl::Span<const std::string> channels) {
    return Outbox::Result{
        .delivery = {.alert = entries[i].alert.id, .channel = channel, .state = state},
        .sequence = entries[i].sequence,
        .channels = channels};
  };
  std::vector<Outbox::Result> results = {result(0, "hook", DeliveryState::kSent, one),
                                         result(1, "hook", DeliveryState::kDead, two),
                                         result(2, "hook", DeliveryState::kPending, one)};
  results[0].shown =
      ShownMessage{.incident = entries[0].alert.incident.id, .channel = "hook", .remote_id = "m-1"};
  ASSERT_TRUE(outbox.RecordResults(results).ok());
  EXPECT_EQ(log.appends(), 1);
  EXPECT_THAT(PendingIds(outbox), ElementsAre(entries[1].alert.id, entries[2].alert.id));
  EXPECT_EQ(outbox.Shown(entries[0].alert.incident.id)->front().remote_id, "m-1");
  EXPECT_EQ(outbox.Deliveries(entries[1].alert.id)->front().state, DeliveryState::kDead);

  ASSERT_TRUE(outbox.RecordResults({result(1, "tele", DeliveryState::kSent, two)}).ok());
  EXPECT_EQ(log.appends(), 2) << "completed in the same commit";
  EXPECT_THAT(PendingIds(outbox), ElementsAre(entries[2].alert.id));
  ASSERT_TRUE(outbox.RecordResults({result(2, "none", DeliveryState::kSuppressed, {})}).ok());
  EXPECT_THAT(PendingIds(outbox), IsEmpty()) << "nobody else rings for it";

  ASSERT_TRUE(
      outbox.RecordAll({results[0].delivery, results[1].delivery, results[2].delivery}).ok());
  EXPECT_EQ(log.appends(), 4);
}

TEST(StoreOutboxTest, ARefusedBatchRecordsNothing) {
  FoldKit kit;
  StoreOutbox outbox(kit.store());
  kit.Fold(MakeHit("p1"));
  const auto entry = outbox.Pending(0, 1)->front();
  CountingLog log;
  kit.store().SetChangeLog(log);
  const std::vector<std::string> channels = {"hook"};
  const Outbox::Result result{
      .delivery = {.alert = entry.alert.id, .channel = "hook", .state = DeliveryState::kSent},
      .sequence = entry.sequence,
      .channels = channels};
  log.FailNext();
  EXPECT_FALSE(outbox.RecordResults({result}).ok());
  EXPECT_EQ(*outbox.pending_count(), 1);
  EXPECT_THAT(*outbox.Deliveries(entry.alert.id), IsEmpty());
  EXPECT_TRUE(outbox.RecordResults({result}).ok());
  EXPECT_EQ(*outbox.pending_count(), 0);
}

// Neither of two channels that end an alert in one group of commits sees the other's result before
// its own is written: one of them completes the alert all the same.
TEST(StoreOutboxTest, ChannelsThatEndTogetherLeaveNothingPending) {
  FoldKit kit;
  StoreOutbox outbox(kit.store());
  kit.Fold(MakeHit("p1"));
  const std::string alert = outbox.Pending(0, 1)->front().alert.id;
  GatedLog log;
  kit.store().SetChangeLog(log);
  const std::vector<std::string> channels = {"hook", "tele"};
  for (int i = 0; i < 2000 && log.together() < 5; ++i) {
    const uint64_t sequence = outbox.Pending(0, 1)->front().sequence;
    for (const std::string& channel : channels) {
      ASSERT_TRUE(outbox.Record({.alert = alert, .channel = channel}).ok());
    }
    std::vector<std::thread> threads;
    threads.emplace_back(
        [&] { EXPECT_TRUE(outbox.RecordShown({.incident = "gate", .channel = "none"}).ok()); });
    log.WaitUntilItHolds();
    for (const std::string& channel : channels) {
      threads.emplace_back([&, channel] {
        const Outbox::Result result{
            .delivery = {.alert = alert, .channel = channel, .state = DeliveryState::kSent},
            .sequence = sequence,
            .channels = channels};
        log.Come();
        EXPECT_TRUE(outbox.RecordResults({result}).ok());
      });
    }
    for (std::thread& thread : threads) thread.join();
    ASSERT_EQ(*outbox.pending_count(), 0);
    const auto changes = kit.store().NewChanges();
    std::string key;
    AppendBig(sequence + 1, key);
    changes->Put(table::kPending, key, alert);
    ASSERT_TRUE(kit.store().Commit(*changes).ok());
  }
  EXPECT_EQ(log.together(), 5) << "the case did not come up";
}

TEST(StoreOutboxTest, DeliveriesAndShownMessagesComeBack) {
  FoldKit kit;
  StoreOutbox outbox(kit.store());
  kit.Fold(MakeHit("p1"));
  const std::string alert = kit.alerts()[0].id;
  const Delivery delivery{.alert = alert,
                          .channel = "hook",
                          .state = DeliveryState::kDead,
                          .attempts = 7,
                          .next_attempt_at = testing::At(absl::Minutes(1)),
                          .give_up_at = testing::At(absl::Hours(1)),
                          .remote_id = "m-1",
                          .last_error = "503"};
  ASSERT_TRUE(outbox.Record(delivery).ok());
  ASSERT_TRUE(outbox.Record({.alert = alert, .channel = "tele"}).ok());
  ASSERT_TRUE(outbox.Record({.alert = alert + "0", .channel = "hook"}).ok());
  const auto deliveries = *outbox.Deliveries(alert);
  ASSERT_EQ(deliveries.size(), 2u) << "another alert's id that begins alike is another";
  EXPECT_EQ(deliveries[0].channel, "hook");
  EXPECT_EQ(deliveries[0].state, DeliveryState::kDead);
  EXPECT_EQ(deliveries[0].attempts, 7);
  EXPECT_EQ(deliveries[0].next_attempt_at, delivery.next_attempt_at);
  EXPECT_EQ(deliveries[0].give_up_at, delivery.give_up_at);
  EXPECT_EQ(deliveries[0].remote_id, "m-1");
  EXPECT_EQ(deliveries[0].last_error, "503");

  const std::string incident = kit.alerts()[0].incident.id;
  ASSERT_TRUE(
      outbox
          .RecordShown(
              {.incident = incident, .channel = "tele", .remote_id = "m-1", .incident_version = 3})
          .ok());
  ASSERT_TRUE(outbox.RecordShown({.incident = "ix", .channel = "tele", .remote_id = "m-2"}).ok());
  ASSERT_EQ(outbox.Shown(incident)->size(), 1u);
  EXPECT_EQ(outbox.Shown(incident)->front().incident_version, 3);
  EXPECT_EQ(outbox.Shown("")->size(), 2u);
}

// A channel that comes to an alert late must not link to a post that is gone.
TEST(StoreOutboxTest, TheTrailIsThatOfTheIncidentNow) {
  FoldKit kit;
  const StoreOutbox outbox(kit.store());
  kit.Fold(MakeHit("p1"));
  kit.Fold(MakeHit("p2"));
  const std::string alert = kit.alerts()[0].id;
  EXPECT_EQ((*outbox.Find(alert))->incident.first_url, "https://example.org/p1");
  kit.Fold(RetractionRecord{"p1", ""});
  EXPECT_EQ((*outbox.Find(alert))->incident.first_url, "https://example.org/p2");
  EXPECT_EQ((*outbox.Find(alert))->incident.posts, 1) << "the rest as it was decided";
  kit.Fold(RetractionRecord{"p2", ""});
  EXPECT_EQ((*outbox.Find(alert))->incident.first_url, "");
}

TEST(StoreOutboxTest, PausedIsWhatTheInboxSays) {
  FoldKit kit;
  const StoreOutbox outbox(kit.store());
  EXPECT_FALSE(outbox.paused());
  kit.Fold(ActionRecord{.id = "1", .verb = ActionVerb::kPause});
  EXPECT_TRUE(outbox.paused());
  kit.Fold(ActionRecord{.id = "2", .verb = ActionVerb::kResume});
  EXPECT_FALSE(outbox.paused());
}

}  // namespace
}  // namespace keng::alerting
