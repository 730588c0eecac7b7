// A partition of the inbox that moves between processes: two owners in one test process, over one
// set of streams, each with a folder, a channel worker and a grudge.

#include "alerting/partition_owner.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <thread>

#include "alerting/dispatcher.h"
#include "alerting/testing/fake_channel.h"
#include "alerting/testing/fold_kit.h"
#include "alerting/verify_fold.h"
#include "base/strings.h"
#include "stream/testing/memory_streams.h"

namespace keng::alerting {
namespace {

using base::StrCat;
using filters::ActionRecord;
using filters::ActionVerb;
using filters::InboxRecord;
using filters::RetractionRecord;
using filters::SettingsRecord;
using stream::StreamId;
using ::testing::HasSubstr;
using testing::MakeHit;
using Written = stream::MemoryStreams::Written;

constexpr store::TableId kOutboxTables[] = {table::kAlerts, table::kPending, table::kDeliveries,
                                            table::kShown};

class NoNames final : public PlaceNames {
 public:
  std::optional<std::string> Name(std::string_view) const override { return std::nullopt; }
};

class StreamLog final : public DeliveryLog {
 public:
  absl::Status Append(absl::Span<const LogRecord>) override { return absl::OkStatus(); }
};

class PartitionOwnerTest : public ::testing::Test {
 protected:
  // One process: what it owns, and the channel worker over it.
  struct Process {
    std::unique_ptr<PartitionOwner> owner;
    std::unique_ptr<Dispatcher> dispatcher;

    void Kill() {
      dispatcher.reset();
      owner.reset();
    }
  };

  std::string path(const std::string& name) const { return folder_.path() + "/" + name; }

  absl::StatusOr<std::unique_ptr<PartitionOwner>> TryOpen(const std::string& name) {
    PartitionOwnerOptions options;
    options.alerting.desk = "91";
    options.alerting.owner = name;
    // Processes do not see each other's readers; here they would.
    options.alerting.inbox_reader = StrCat("alerting.", name);
    options.alerting.settings = settings_;
    options.store.path = path(name);
    return PartitionOwner::Open(std::move(options), streams_, clock_, &metrics_);
  }
  Process Open(const std::string& name, std::set<Capability> can = {Capability::kIdempotent}) {
    Process process;
    auto opened = TryOpen(name);
    EXPECT_TRUE(opened.ok()) << opened.status();
    process.owner = *std::move(opened);
    DeliveryContext context;
    context.options.seed = 7;
    context.options.flight_mark = FlightMark::kAlways;
    context.options.window_max = window_max_;
    context.outbox = &process.owner->outbox();
    context.log = &log_;
    context.places = &names_;
    context.routes = &routes_;
    context.clock = &clock_;
    context.metrics = &metrics_;
    std::vector<ChannelSpec> channels;
    channels.push_back(
        {.name = "duty", .channel = std::make_unique<FakeChannel>(service_, std::move(can))});
    process.dispatcher = std::make_unique<Dispatcher>(context, std::move(channels));
    return process;
  }

  void Write(const InboxRecord& record) {
    stream::WriteSet set;
    filters::AppendInboxRecord(record, set.BeginRecord(StreamId::kInbox, "91"));
    set.EndRecord();
    ASSERT_TRUE(streams_.Write(set).ok());
  }
  void WriteStory(int from, int to) {
    for (int i = from; i < to; ++i) {
      filters::HitRecord hit = MakeHit(StrCat("p", i));
      hit.hit.topic = StrCat("topic-", i % 7);
      hit.hit.place = StrCat(30300 + i % 5);
      Write(hit);
      if (i % 10 == 3) Write(RetractionRecord{StrCat("p", i - 1), ""});
    }
  }
  static void Drain(PartitionOwner& owner) {
    for (int i = 0; i < 100; ++i) {
      const auto step = owner.worker().RunOnce(absl::ZeroDuration());
      ASSERT_TRUE(step.ok()) << step.status();
      if (step->records == 0 && owner.worker().lag() == 0) return;
    }
  }
  std::vector<std::string> SentIds() const {
    std::vector<std::string> ids;
    for (const auto& sent : service_.sent()) ids.push_back(sent.message.id);
    return ids;
  }

  const base::TemporaryFolder folder_{"keng-owner"};
  base::FakeClock clock_{testing::At({})};
  base::Metrics metrics_;
  stream::MemoryStreams streams_{{{StreamId::kInbox, {}},
                                  {StreamId::kState, {.compacted = true}},
                                  {StreamId::kTexts, stream::DefaultConfig(StreamId::kTexts, 2)}},
                                 clock_};
  SettingsRecord settings_{.rings_per_cell_hour = 50};
  NoNames names_;
  StreamLog log_;
  CellChannels routes_{{{"91", {"duty"}}}, {{"30307", "91"}}};
  FakeService service_;
  size_t window_max_ = 1;
};

TEST_F(PartitionOwnerTest, AnotherOwnerWithAnEmptyFolderHasTheSameState) {
  streams_.SetAppendGap(1);
  WriteStory(0, 60);
  Process first = Open("first");
  EXPECT_EQ(first.owner->recovery().way, RecoveryWay::kNoPosition);
  Drain(*first.owner);
  first.dispatcher->RunOnce();
  const size_t rung = service_.sent().size();
  ASSERT_GT(rung, 5u);
  Write(ActionRecord{.id = "a1",
                     .verb = ActionVerb::kSilence,
                     .topic = "topic-1",
                     .until = testing::At(absl::Hours(1))});
  Drain(*first.owner);
  ASSERT_TRUE(streams_.Maintain().ok()) << "compacts";
  const std::string fold = testing::DumpFold(first.owner->store());
  const std::string outbox = testing::DumpTables(first.owner->store(), kOutboxTables);
  WriteStory(60, 90);  // nobody has folded these

  Process second = Open("second");
  EXPECT_GT(second.owner->recovery().rows, 60);
  EXPECT_EQ(testing::DumpFold(second.owner->store()), fold);
  EXPECT_EQ(testing::DumpTables(second.owner->store(), kOutboxTables), outbox);
  Drain(*second.owner);
  second.dispatcher->RunOnce();
  const std::vector<std::string> ids = SentIds();
  EXPECT_GT(ids.size(), rung) << "the rest of the inbox rings";
  EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()).size(), ids.size()) << "and only that";
  EXPECT_EQ(second.owner->maybe_sent_again(), 0);
  EXPECT_EQ(*VerifyFold(streams_, second.owner->store()), "") << "as a fold from empty";
}

TEST_F(PartitionOwnerTest, TheSameMachineReadsTheTailOnly) {
  WriteStory(0, 40);
  Process first = Open("first");
  Drain(*first.owner);
  const int64_t all = *streams_.End(StreamId::kState, 0);
  first.Kill();
  Process second = Open("second");
  WriteStory(40, 45);
  Drain(*second.owner);
  const std::string fold = testing::DumpFold(second.owner->store());
  second.Kill();
  first = Open("first");
  EXPECT_EQ(first.owner->recovery().way, RecoveryWay::kTail);
  EXPECT_LT(first.owner->recovery().rows, all / 2);
  EXPECT_EQ(testing::DumpFold(first.owner->store()), fold);
}

TEST_F(PartitionOwnerTest, AZombieChangesNothing) {
  Process zombie = Open("zombie");
  WriteStory(0, 10);
  Drain(*zombie.owner);
  const std::string theirs = testing::DumpFold(zombie.owner->store());
  Process owner = Open("owner");
  const stream::Offset state_end = *streams_.End(StreamId::kState, 0);
  WriteStory(10, 20);
  EXPECT_TRUE(absl::IsAborted(zombie.owner->worker().RunOnce(absl::ZeroDuration()).status()));
  EXPECT_TRUE(absl::IsAborted(zombie.owner->worker().RunOnce(absl::ZeroDuration()).status()));
  zombie.dispatcher->RunOnce();
  zombie.dispatcher->RunOnce();
  EXPECT_EQ(service_.calls(), 0) << "what it has pending is not its to send";
  EXPECT_EQ(testing::DumpFold(zombie.owner->store()), theirs);
  EXPECT_EQ(*streams_.End(StreamId::kState, 0), state_end);
  Drain(*owner.owner);
  owner.dispatcher->RunOnce();
  EXPECT_GT(service_.sent().size(), 0u);
  EXPECT_EQ(*VerifyFold(streams_, owner.owner->store()), "");
}

// The second owner must not be talked out of its settings by what the first still writes.
TEST_F(PartitionOwnerTest, SettingsOfAnOldOwnerAreIgnored) {
  settings_.rings_per_cell_hour = 5;
  Process first = Open("first");
  Drain(*first.owner);
  const int64_t old_epoch = *streams_.End(StreamId::kState, 0) > 0 ? 1 : 0;
  settings_.rings_per_cell_hour = 9;
  Process second = Open("second");
  // Written after the second has looked and before its epoch stands in the inbox.
  settings_.rings_per_cell_hour = 5;
  Write(SettingsRecord{5, old_epoch});
  Drain(*second.owner);
  Write(SettingsRecord{7, old_epoch});
  Drain(*second.owner);
  EXPECT_EQ(second.owner->worker().outcomes().at("stale_epoch"), 1);
  clock_.Advance(absl::Seconds(11));
  Drain(*second.owner);
  const auto row = Load<FoldRow>(second.owner->store(), table::kFold, "inbox/0");
  EXPECT_EQ((**row).settings.rings_per_cell_hour, 9);
  Write(SettingsRecord{8});
  Drain(*second.owner);
  EXPECT_EQ((**Load<FoldRow>(second.owner->store(), table::kFold, "inbox/0"))
                .settings.rings_per_cell_hour,
            8)
      << "who says no epoch is not ignored: inboxes of before fold to the same";
  EXPECT_EQ(*VerifyFold(streams_, second.owner->store()), "");
}

// Nothing is written at the second look when the first was right, and the record of another owner
// that came between the two looks is corrected.
TEST_F(PartitionOwnerTest, SettingsThatCameBetweenAreCorrected) {
  Process first = Open("first");
  Drain(*first.owner);
  Write(SettingsRecord{5, 1});
  Process second = Open("second");  // has not folded it: looks the same as its own
  Drain(*second.owner);
  for (int i = 0; i < 3; ++i) {
    clock_.Advance(absl::Seconds(11));
    Drain(*second.owner);
  }
  EXPECT_EQ((**Load<FoldRow>(second.owner->store(), table::kFold, "inbox/0"))
                .settings.rings_per_cell_hour,
            50);
  EXPECT_EQ(second.owner->worker().outcomes().at("settings"), 3) << "once and no more";
}

TEST_F(PartitionOwnerTest, ARefusedCommitIsRepeatedAndLosesNothing) {
  for (const Written written : {Written::kNo, Written::kYes}) {
    const std::string name = written == Written::kYes ? "yes" : "no";
    Process process = Open(name);
    WriteStory(written == Written::kYes ? 100 : 0, written == Written::kYes ? 140 : 40);
    streams_.FailNextAppends(3, absl::UnavailableError("broker away"), written);
    const int failed = streams_.appends_failed();
    int refused = 0;
    for (int i = 0; i < 50; ++i) {
      const auto step = process.owner->worker().RunOnce(absl::ZeroDuration());
      if (!step.ok()) {
        ASSERT_TRUE(absl::IsUnavailable(step.status())) << step.status();
        ++refused;
      }
    }
    EXPECT_EQ(refused, 3);
    EXPECT_EQ(streams_.appends_failed() - failed, 3) << "the faults fired";
    Drain(*process.owner);
    EXPECT_EQ(*VerifyFold(streams_, process.owner->store()), "");
    Process next = Open(name + "-next");
    EXPECT_EQ(testing::DumpFold(next.owner->store()), testing::DumpFold(process.owner->store()));
  }
}

// Accepted by the channel, and the record of it is refused for a while: recorded later, not sent
// again.
TEST_F(PartitionOwnerTest, ARefusedRecordOfADeliveryIsRepeatedWithoutSending) {
  for (const Written written : {Written::kNo, Written::kYes}) {
    const std::string name = written == Written::kYes ? "yes" : "no";
    Process process = Open(name);
    filters::HitRecord hit = MakeHit("post-" + name);
    hit.hit.topic = name;
    Write(hit);
    Drain(*process.owner);
    const size_t before = service_.sent().size();
    service_.Cork();
    std::thread round([&] { process.dispatcher->RunOnce(); });
    service_.WaitForCalls(static_cast<int>(before) + 1);
    streams_.FailNextAppends(4, absl::UnavailableError("broker away"), written);
    service_.Uncork();
    round.join();
    const int failed = streams_.appends_failed();
    EXPECT_GT(failed, 0) << "the fault fired";
    for (int i = 0; i < 10; ++i) {
      clock_.Advance(absl::Seconds(2));
      process.dispatcher->RunOnce();
    }
    EXPECT_EQ(service_.sent().size(), before + 1) << "sent again";
    EXPECT_EQ(*process.owner->outbox().pending_count(), 0);
    Drain(*process.owner);
    Process next = Open(name + "-next");
    next.dispatcher->RunOnce();
    EXPECT_EQ(next.owner->maybe_sent_again(), 0);
    EXPECT_EQ(service_.sent().size(), before + 1) << "the next owner knows it";
  }
}

// W1 is refused: nothing is sent, and the rest of the round is not tried against a closed door.
TEST_F(PartitionOwnerTest, NothingIsSentWhileTheOutboxTakesNoRecords) {
  Process process = Open("one");
  WriteStory(0, 30);
  Drain(*process.owner);
  ASSERT_GT(*process.owner->outbox().pending_count(), 3);
  const int failed = streams_.appends_failed();
  streams_.FailNextAppends(2);
  process.dispatcher->RunOnce();
  EXPECT_EQ(streams_.appends_failed(), failed + 1) << "one attempt a round";
  EXPECT_EQ(service_.calls(), 0);
  for (int i = 0; i < 5; ++i) {
    clock_.Advance(absl::Seconds(2));
    process.dispatcher->RunOnce();
  }
  const std::vector<std::string> ids = SentIds();
  EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()).size(), ids.size());
  EXPECT_EQ(*process.owner->outbox().pending_count(), 0);
}

// The owner stands still between the channel's yes and its record, is taken over, and comes back.
TEST_F(PartitionOwnerTest, OneDeliveryAtMostIsSentTwiceAMoveAndIsCounted) {
  Process first = Open("first");
  WriteStory(0, 30);
  Drain(*first.owner);
  const int64_t pending = *first.owner->outbox().pending_count();
  ASSERT_GT(pending, 3);
  service_.Cork();
  std::thread stopped([&] { first.dispatcher->RunOnce(); });
  service_.WaitForCalls(1);
  Process second = Open("second");
  EXPECT_EQ(second.owner->maybe_sent_again(), 1);
  EXPECT_THAT(metrics_.Expose(), HasSubstr("keng_alerting_maybe_sent_again_total 1"));
  service_.Uncork();
  stopped.join();
  EXPECT_EQ(service_.sent().size(), 1u) << "the one in flight; the rest is not its to send";
  for (int i = 0; i < 5; ++i) {
    clock_.Advance(absl::Seconds(2));
    first.dispatcher->RunOnce();
    second.dispatcher->RunOnce();
  }
  const std::vector<std::string> ids = SentIds();
  EXPECT_EQ(static_cast<int64_t>(ids.size()), pending + 1);
  EXPECT_EQ(static_cast<int64_t>(std::set<std::string>(ids.begin(), ids.end()).size()), pending);
}

// As a process that loses the partition while a channel does not answer.
TEST_F(PartitionOwnerTest, ADeliveryGoesOnAfterTheFoldHasEnded) {
  Process process = Open("one");
  WriteStory(0, 3);
  Drain(*process.owner);
  const int64_t pending = *process.owner->outbox().pending_count();
  service_.Cork();
  std::thread ringing([&] { process.dispatcher->RunOnce(); });
  service_.WaitForCalls(1);
  process.owner->EndFold();
  EXPECT_TRUE(streams_.OpenReader("alerting.one", StreamId::kInbox, {0}).ok())
      << "the partition can be given back";
  service_.Uncork();
  ringing.join();
  EXPECT_EQ(static_cast<int64_t>(service_.sent().size()), pending);
  EXPECT_EQ(*process.owner->outbox().pending_count(), 0) << "and is recorded";
}

// With windows it may be one window a channel, each alert of it once.
TEST_F(PartitionOwnerTest, OneWindowAtMostIsSentTwiceAMoveAndIsCounted) {
  window_max_ = 4;
  Process first = Open("first");
  WriteStory(0, 30);
  Drain(*first.owner);
  const int64_t pending = *first.owner->outbox().pending_count();
  ASSERT_GT(pending, 9);
  Process second;
  service_.OnCalls([&] {
    // In the third window, after those of one and two.
    if (service_.calls() != 5) return;
    second = Open("second");
    clock_.Advance(absl::Seconds(1));  // the first owner stood still for so long
  });
  first.dispatcher->RunOnce();
  EXPECT_EQ(second.owner->maybe_sent_again(), 4);
  EXPECT_EQ(service_.sent().size(), 5u)
      << "what it had not sent before it stood still, it does not";
  for (int i = 0; i < 5; ++i) {
    clock_.Advance(absl::Seconds(2));
    first.dispatcher->RunOnce();
    second.dispatcher->RunOnce();
  }
  const std::vector<std::string> ids = SentIds();
  EXPECT_EQ(static_cast<int64_t>(ids.size()), pending + 2);
  EXPECT_EQ(static_cast<int64_t>(std::set<std::string>(ids.begin(), ids.end()).size()), pending);
}

TEST_F(PartitionOwnerTest, WithoutBothTheFoldBeginsWithTheInbox) {
  WriteStory(0, 20);
  Process first = Open("first");
  Drain(*first.owner);
  EXPECT_EQ(first.owner->worker().outcomes().at("epoch"), 1);
  EXPECT_GT(first.owner->worker().outcomes().at("opened"), 0);
}

TEST_F(PartitionOwnerTest, StreamsWithoutAChangelogAreRefused) {
  stream::MemoryStreams plain({{StreamId::kInbox, {}}, {StreamId::kTexts, {}}}, clock_);
  PartitionOwnerOptions options;
  options.alerting.desk = "91";
  options.store.path = path("plain");
  EXPECT_TRUE(absl::IsFailedPrecondition(
      PartitionOwner::Open(std::move(options), plain, clock_, nullptr).status()));
  EXPECT_TRUE(streams_.appends_failed() == 0);
  streams_.FailNextAppends(1);
  EXPECT_TRUE(absl::IsUnavailable(TryOpen("x").status())) << "the caller tries again";
  EXPECT_TRUE(TryOpen("x").ok());
}

}  // namespace
}  // namespace keng::alerting
