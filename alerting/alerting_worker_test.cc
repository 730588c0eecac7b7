#include "alerting/alerting_worker.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "alerting/store_outbox.h"
#include "alerting/testing/fold_kit.h"
#include "stream/testing/memory_streams.h"

namespace keng::alerting {
namespace {

using filters::InboxRecord;
using filters::RetractionRecord;
using stream::StreamId;
using testing::MakeHit;

class AlertingWorkerTest : public ::testing::Test {
 protected:
  AlertingWorkerTest() { OpenAll(); }

  void OpenAll() {
    store_ = testing::OpenStore(path(), clock_);
    OpenWorker();
  }
  void OpenWorker() {
    AlertingOptions options{.desk = "91", .settings = settings_, .texts_reader = texts_reader_};
    options.commit_bytes = commit_bytes_;
    auto worker = AlertingWorker::Open(options, streams_, *store_, clock_, nullptr);
    ASSERT_TRUE(worker.ok()) << worker.status();
    worker_ = *std::move(worker);
  }
  std::string path() const { return folder_.path() + "/store"; }

  static void Add(stream::WriteSet& set, const InboxRecord& record) {
    filters::AppendInboxRecord(record, set.BeginRecord(StreamId::kInbox, "91"));
    set.EndRecord();
  }
  static void AddText(stream::WriteSet& set, const std::string& post, const std::string& text) {
    set.Append(StreamId::kTexts, post, base::StrCat(R"({"text":")", text, R"("})"));
  }
  void Write(const stream::WriteSet& set) { ASSERT_TRUE(streams_.Write(set).ok()); }
  void Write(const InboxRecord& record) {
    stream::WriteSet set;
    Add(set, record);
    Write(set);
  }
  // Until there is nothing left to do.
  void Drain() {
    for (int i = 0; i < 20; ++i) {
      const auto step = worker_->RunOnce(absl::ZeroDuration());
      ASSERT_TRUE(step.ok()) << step.status();
      if (step->records == 0 && worker_->lag() == 0) return;
    }
  }
  std::optional<std::string> Text(const std::string& post) const {
    return *StoreOutbox(*store_).Text(post);
  }
  int64_t Outcomes(const std::string& name) const { return worker_->outcomes().at(name); }
  int64_t InboxEnd() { return *streams_.End(StreamId::kInbox, 0); }

  const base::TemporaryFolder folder_{"keng-worker"};
  base::FakeClock clock_{testing::At({})};
  stream::MemoryStreams streams_{{{StreamId::kInbox, stream::DefaultConfig(StreamId::kInbox, 2)},
                                  {StreamId::kTexts, stream::DefaultConfig(StreamId::kTexts, 2)}},
                                 clock_};
  filters::SettingsRecord settings_{.rings_per_cell_hour = 5};
  std::string texts_reader_{kTextsReader};
  size_t commit_bytes_ = AlertingOptions().commit_bytes;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<AlertingWorker> worker_;
};

TEST_F(AlertingWorkerTest, EveryRecordHasOneCountedOutcome) {
  Write(MakeHit("p1"));
  Write(MakeHit("p1"));
  stream::WriteSet set;
  set.Append(StreamId::kInbox, "91", "no record");
  set.Append(StreamId::kInbox, "91", R"({"type":"of_tomorrow","v":1})");
  set.AppendTombstone(StreamId::kInbox, "91");
  Write(set);
  Drain();
  EXPECT_EQ(Outcomes("opened"), 1);
  EXPECT_EQ(Outcomes("duplicate"), 1);
  EXPECT_EQ(Outcomes("broken"), 2);
  EXPECT_EQ(Outcomes("unknown_record"), 1);
  EXPECT_EQ(Outcomes("epoch"), 1);
  EXPECT_EQ(Outcomes("settings"), 1);
  EXPECT_EQ(Outcomes("tick"), 1);
  int64_t sum = 0;
  for (const auto& [name, count] : worker_->outcomes()) sum += count;
  EXPECT_EQ(sum, InboxEnd());
}

// As in a pause of a month. Its entry would stop all channels at the next start.
TEST_F(AlertingWorkerTest, AnAlertThatExpiresWhileItWaitsWaitsNoMore) {
  Write(MakeHit("p1"));
  Drain();
  StoreOutbox outbox(*store_);
  const std::string alert = outbox.Pending(0, 1)->front().alert.id;
  for (const absl::Duration step : {kAlertsKept + absl::Hours(1), absl::Minutes(1)}) {
    clock_.Advance(step);
    Drain();
  }
  EXPECT_FALSE(outbox.Find(alert)->has_value());
  EXPECT_EQ(*outbox.pending_count(), 0);
}

// What `keng dead replay` writes.
TEST_F(AlertingWorkerTest, AReplayMakesADeadDeliveryPending) {
  Write(MakeHit("p1"));
  Drain();
  StoreOutbox outbox(*store_);
  const auto entry = outbox.Pending(0, 1)->front();
  const Delivery dead{
      .alert = entry.alert.id, .channel = "hook", .state = DeliveryState::kDead, .attempts = 9};
  ASSERT_TRUE(outbox.Record(dead).ok());
  ASSERT_TRUE(outbox.Complete(entry.sequence, entry.alert.id).ok());
  const filters::ActionRecord action{.id = "r-1",
                                     .verb = filters::ActionVerb::kReplay,
                                     .actor = "officer",
                                     .alert = entry.alert.id,
                                     .channel = "hook"};
  Write(action);
  int64_t alerts = 0;
  for (int i = 0; i < 5; ++i) {
    const auto step = worker_->RunOnce(absl::ZeroDuration());
    ASSERT_TRUE(step.ok()) << step.status();
    alerts += step->alerts;
  }
  EXPECT_EQ(alerts, 1) << "the dispatcher is woken";
  EXPECT_EQ(outbox.Deliveries(entry.alert.id)->front().state, DeliveryState::kPending);
  EXPECT_EQ(*outbox.pending_count(), 1);
  EXPECT_EQ(Outcomes("action_done"), 1);
  Write(action);
  filters::ActionRecord unknown = action;
  unknown.id = "r-2";
  unknown.alert = "no-such";
  Write(unknown);
  Drain();
  EXPECT_EQ(*outbox.pending_count(), 1);
  EXPECT_EQ(Outcomes("action_repeated"), 1);
  EXPECT_EQ(Outcomes("action_done"), 2);
}

// Where it would begin instead, at the position that was committed, hits before it would be
// missing.
TEST_F(AlertingWorkerTest, ANewStoreDoesNotBeginWhereNobodyKnowsTheBeginning) {
  Write(MakeHit("p1"));
  Drain();
  worker_.reset();
  store_.reset();
  std::filesystem::remove_all(path());
  store_ = testing::OpenStore(path(), clock_);
  streams_.HideBegin();
  const auto open = [&] {
    return AlertingWorker::Open({.desk = "91", .settings = settings_}, streams_, *store_, clock_,
                                nullptr);
  };
  EXPECT_EQ(open().status().code(), absl::StatusCode::kUnavailable);
  streams_.ShowBegin();
  auto worker = open();
  ASSERT_TRUE(worker.ok()) << worker.status();
  worker_ = *std::move(worker);
  Drain();
  EXPECT_EQ(Outcomes("opened"), 1);
}

TEST_F(AlertingWorkerTest, AnAlertFindsItsText) {
  stream::WriteSet set;
  AddText(set, "p1", "ngập lút bánh");
  Add(set, MakeHit("p1"));
  Write(set);
  for (int i = 0; i < 20; ++i) {
    const auto step = worker_->RunOnce(absl::ZeroDuration());
    ASSERT_TRUE(step.ok());
    if (step->alerts > 0) break;
    ASSERT_LT(i, 19) << "nothing rang";
  }
  EXPECT_EQ(Text("p1"), "ngập lút bánh") << "there at the moment when the alert is";
}

TEST_F(AlertingWorkerTest, ADeletedTextGoesAlsoWhenNothingElseComes) {
  stream::WriteSet set;
  AddText(set, "p1", "ngập");
  Write(set);
  Drain();
  ASSERT_EQ(Text("p1"), "ngập");
  set.Clear();
  set.AppendTombstone(StreamId::kTexts, "p1");
  Write(set);
  Drain();
  EXPECT_EQ(Text("p1"), std::nullopt);
}

TEST_F(AlertingWorkerTest, TextsExpireAfter30DaysUnlessTheyWereRenewed) {
  stream::WriteSet set;
  AddText(set, "p1", "ngập");
  AddText(set, "p2", "ngập");
  Write(set);
  Drain();
  clock_.Advance(absl::Hours(24 * 20));
  set.Clear();
  AddText(set, "p2", "hết ngập");
  Write(set);
  Drain();
  clock_.Advance(absl::Hours(24 * 11));
  Drain();  // writes the tick that makes the time pass
  clock_.Advance(absl::Seconds(11));
  Drain();
  EXPECT_EQ(Text("p1"), std::nullopt);
  EXPECT_EQ(Text("p2"), "hết ngập");
}

TEST_F(AlertingWorkerTest, ADroppedWorkerIsTakenUpWhereItsStoreStands) {
  Write(MakeHit("p1"));
  Drain();
  Write(MakeHit("p2"));
  worker_.reset();  // as safe as kill -9
  OpenWorker();
  Drain();
  EXPECT_EQ(Outcomes("opened"), 1);
  EXPECT_EQ(Outcomes("joined"), 1);
  EXPECT_EQ(Outcomes("epoch"), 2);
  EXPECT_EQ(Outcomes("settings"), 1) << "the settings have not changed";
  EXPECT_EQ(*StoreOutbox(*store_).pending_count(), 1);
}

TEST_F(AlertingWorkerTest, ALostStoreIsFoldedAnewFromTheInbox) {
  Write(MakeHit("p1"));
  Write(MakeHit("p2"));
  Drain();
  const std::string alert = StoreOutbox(*store_).Pending(0, 1)->front().alert.id;
  worker_.reset();
  store_.reset();
  std::filesystem::remove_all(path());
  OpenAll();
  Drain();
  EXPECT_EQ(Outcomes("opened"), 1);
  EXPECT_EQ(Outcomes("joined"), 1);
  EXPECT_EQ(StoreOutbox(*store_).Pending(0, 1)->front().alert.id, alert)
      << "the same id: receivers know it";
}

TEST_F(AlertingWorkerTest, ChangedSettingsGoThroughTheInbox) {
  Drain();
  worker_.reset();
  settings_.rings_per_cell_hour = 9;
  OpenWorker();
  Drain();
  EXPECT_EQ(Outcomes("settings"), 2);
}

TEST_F(AlertingWorkerTest, ARefusedWriteIsRepeated) {
  Write(MakeHit("p1"));
  for (int failures = 0; failures < 5; ++failures) {
    streams_.FailNext(1);
    const auto step = worker_->RunOnce(absl::ZeroDuration());
    EXPECT_TRUE(step.ok() || absl::IsResourceExhausted(step.status())) << step.status();
    clock_.Advance(absl::Seconds(11));
  }
  Drain();
  ASSERT_GT(streams_.failed(), 2) << "the fault never fired";
  EXPECT_EQ(Outcomes("opened"), 1);
  EXPECT_EQ(*StoreOutbox(*store_).pending_count(), 1);
}

// The batch has been read and its reader is past it when the texts before it are refused.
TEST_F(AlertingWorkerTest, ABatchWhoseTextsAreRefusedIsNotLost) {
  Drain();
  stream::WriteSet set;
  AddText(set, "p1", "ngập");
  Add(set, MakeHit("p1"));
  Write(set);
  streams_.FailNext(1);  // the position of the texts' reader
  EXPECT_TRUE(absl::IsResourceExhausted(worker_->RunOnce(absl::ZeroDuration()).status()));
  ASSERT_EQ(streams_.failed(), 1) << "the fault never fired";
  Write(MakeHit("p2"));
  Drain();
  EXPECT_EQ(Outcomes("opened"), 1);
  EXPECT_EQ(Outcomes("joined"), 1) << "both are in";
}

TEST_F(AlertingWorkerTest, ALargeBatchIsCommittedInParts) {
  worker_.reset();
  commit_bytes_ = 1;
  OpenWorker();
  stream::WriteSet set;
  for (int i = 0; i < 10; ++i) Add(set, MakeHit(base::StrCat("p", i)));
  Write(set);
  int steps = 0;
  for (; worker_->lag() > 0 || steps == 0; ++steps) {
    ASSERT_LT(steps, 30);
    const auto step = worker_->RunOnce(absl::ZeroDuration());
    ASSERT_TRUE(step.ok()) << step.status();
    EXPECT_LE(step->records, 1);
    // Each part is durable with its position: a worker that is dropped here loses nothing.
    if (steps == 5) {
      worker_.reset();
      OpenWorker();
    }
  }
  EXPECT_GE(steps, 10);
  EXPECT_EQ(Outcomes("opened"), 1);
  EXPECT_EQ(Outcomes("joined"), 9);
}

TEST_F(AlertingWorkerTest, WithoutAReaderOfItsOwnTextsComeAllTheSame) {
  worker_.reset();
  ASSERT_TRUE(streams_.RemoveReader(kTextsReader, StreamId::kTexts).ok());
  texts_reader_.clear();
  OpenWorker();
  stream::WriteSet set;
  AddText(set, "p1", "ngập");
  Write(set);
  Drain();
  worker_.reset();
  OpenWorker();
  set.Clear();
  set.AppendTombstone(StreamId::kTexts, "p1");
  AddText(set, "p2", "cháy");
  Write(set);
  Drain();
  EXPECT_EQ(Text("p1"), std::nullopt);
  EXPECT_EQ(Text("p2"), "cháy");
  for (const stream::ReaderStats& reader : streams_.reader_stats()) {
    EXPECT_NE(reader.stream, StreamId::kTexts) << reader.reader;
  }
}

TEST_F(AlertingWorkerTest, TheEpochIsTheLargerOfTheOwnersAndTheFolds) {
  Drain();
  worker_.reset();
  AlertingOptions options{.desk = "91", .settings = settings_};
  for (const int64_t epoch : {40, 7}) {
    options.epoch = epoch;
    options.owner = "host-1";
    auto worker = AlertingWorker::Open(options, streams_, *store_, clock_, nullptr);
    ASSERT_TRUE(worker.ok()) << worker.status();
    worker_ = *std::move(worker);
    Drain();
    const auto row = Load<FoldRow>(*store_, table::kFold, "inbox/0");
    EXPECT_EQ((**row).epoch, epoch == 40 ? 40 : 41);
    worker_.reset();
  }
  OpenWorker();
}

TEST_F(AlertingWorkerTest, TicksGoOnWhenTheClockIsSetBack) {
  Drain();
  clock_.Advance(absl::Hours(1));
  Drain();
  const int64_t before = Outcomes("tick");
  clock_.Advance(-absl::Hours(1));
  Drain();
  EXPECT_EQ(Outcomes("tick"), before + 1) << "not only in an hour";
}

TEST_F(AlertingWorkerTest, ChangedIncidentsAreNamedOnce) {
  Write(MakeHit("p1"));
  Write(MakeHit("p2"));
  Write(RetractionRecord{"p1", ""});
  std::vector<std::string> changed;
  for (int i = 0; i < 5; ++i) {
    const auto step = worker_->RunOnce(absl::ZeroDuration());
    ASSERT_TRUE(step.ok());
    changed.insert(changed.end(), step->changed.begin(), step->changed.end());
  }
  EXPECT_EQ(changed.size(), 1u);
}

}  // namespace
}  // namespace keng::alerting
