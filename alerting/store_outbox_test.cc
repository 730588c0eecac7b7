#include "alerting/store_outbox.h"

#include <gmock/gmock.h>

#include "alerting/testing/fold_kit.h"

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

TEST(StoreOutboxTest, ReopenedAlertsComeAfterThoseDecidedAndBeforeThoseToCome) {
  FoldKit kit;
  StoreOutbox outbox(kit.store());
  kit.Fold(HitOf("p1", "flooding"));
  kit.Fold(HitOf("p2", "bridge"));
  const auto entries = *outbox.Pending(0, 2);
  for (const auto& entry : entries) {
    ASSERT_TRUE(outbox.Complete(entry.sequence, entry.alert.id).ok());
  }
  ASSERT_TRUE(outbox.Reopen(entries[1].alert.id).ok());
  ASSERT_TRUE(outbox.Reopen(entries[0].alert.id).ok());
  ASSERT_TRUE(outbox.Reopen(entries[0].alert.id).ok()) << "a no-op: it is pending";
  kit.Fold(HitOf("p3", "fire"));
  EXPECT_THAT(PendingIds(outbox),
              ElementsAre(entries[1].alert.id, entries[0].alert.id, kit.alerts()[2].id));
  EXPECT_EQ(outbox.Reopen("no-such").code(), absl::StatusCode::kNotFound);
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
