#include "ingest/sources/intake_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/check.h"
#include "base/clock.h"
#include "base/stable_hash.h"
#include "base/temporary_folder.h"
#include "ingest/testing/ingest_rig.h"
#include "stream/testing/memory_streams.h"

namespace keng::ingest {
namespace {

using stream::StreamId;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// A stage over streams in memory with an intake of two partitions; reopening keeps the streams.
class IntakeSourceTest : public testing::Test {
 protected:
  IntakeSourceTest() { Open(); }

  void Open() {
    source_.reset();
    stage_.reset();
    stage_ = *IngestStage::Open({}, {streams_, clock_, *keyring_, nullptr, &metrics_});
    auto intake = stage_->OpenSource({.name = "door", .purpose = "test", .owner = "test"});
    KENG_CHECK(intake.ok(), intake.status().message());
    auto source = MakeIntakeSource(streams_, *std::move(intake));
    KENG_CHECK(source.ok(), source.status().message());
    source_ = *std::move(source);
  }

  // As a producer outside does. Keys choose the partition.
  void Write(std::vector<std::pair<std::string, std::string>> records) {
    stream::WriteSet set;
    for (const auto& [key, value] : records) set.Append(StreamId::kIntake, key, value);
    ASSERT_TRUE(streams_.Write(set).ok());
  }
  std::string KeyOf(int partition) const {
    for (int i = 0;; ++i) {
      std::string key = base::StrCat("k", i);
      if (base::PartitionOf(key, kPartitions) == partition) return key;
    }
  }

  // Until the last record has its outcome.
  void RunAll() {
    const auto all_done = [this] {
      for (int partition = 0; partition < kPartitions; ++partition) {
        const auto committed = *streams_.committed("ingest", StreamId::kIntake, partition);
        if (committed->next < *streams_.End(StreamId::kIntake, partition)) return false;
      }
      return true;
    };
    while (!all_done()) {
      const auto done = source_->RunOnce();
      ASSERT_TRUE(done.ok()) << done.status();
    }
  }

  std::vector<std::string> Values(StreamId stream) {
    std::vector<std::string> values;
    auto tap = *streams_.OpenTap(stream, {});
    while (auto batch = *tap->Read(1 << 20, absl::ZeroDuration()))
      for (const stream::Record& record : batch->records()) values.emplace_back(record.value);
    return values;
  }

  SourceCounters Counters() { return ReadAllCounters(streams_)->at(0).second; }
  std::vector<stream::Offset> CommittedOfAll() {
    std::vector<stream::Offset> next;
    for (int partition = 0; partition < kPartitions; ++partition)
      next.push_back((*streams_.committed("ingest", StreamId::kIntake, partition))->next);
    return next;
  }

  static constexpr int kPartitions = 2;
  const base::TemporaryFolder folder_{"keng-intake"};
  base::FakeClock clock_{absl::FromUnixSeconds(1'789'351'866)};
  base::Metrics metrics_;
  stream::MemoryStreams streams_{
      {{StreamId::kPosts, {.partitions = 1, .compacted = true}},
       {StreamId::kControl, {.compacted = true, .indexed = true}},
       {StreamId::kDead, {}},
       {StreamId::kIntake, {.partitions = kPartitions, .retention = absl::Hours(24)}}},
      clock_};
  std::unique_ptr<AuthorKeyring> keyring_ =
      *AuthorKeyring::Open(folder_.path() + "/keys.json", clock_.Now());
  std::unique_ptr<IngestStage> stage_;
  std::unique_ptr<Source> source_;
};

TEST_F(IntakeSourceTest, MapsMasksAndHashesWhateverTheKey) {
  Write({{"", PostLine("x:1", "ngập, gọi 0912345678", R"(,"author":"teo")")},
         {"any", PostLine("x:2", "b")},
         {"x:1", DeleteLine("x:2")}});
  RunAll();
  const std::vector<std::string> posts = Values(StreamId::kPosts);
  ASSERT_EQ(posts.size(), 3u);
  EXPECT_THAT(posts, testing::Contains(HasSubstr("ngập, gọi **********")));
  for (const std::string& post : posts) EXPECT_THAT(post, Not(HasSubstr("teo")));
  EXPECT_EQ(Counters().lines, 3);
  EXPECT_EQ(Counters().stored, 3);
  EXPECT_FALSE(source_->finished());
}

TEST_F(IntakeSourceTest, EveryRecordEndsInOneOutcome) {
  Write({{"a", "{"}, {"a", ""}, {"a", " \n\t"}, {"a", "[]"}, {"a", PostLine("x:1", "a")}});
  stream::WriteSet tombstone;
  tombstone.AppendTombstone(StreamId::kIntake, "a");
  ASSERT_TRUE(streams_.Write(tombstone).ok());
  RunAll();
  const SourceCounters counters = Counters();
  EXPECT_EQ(counters.lines, 6);
  EXPECT_EQ(counters.stored, 1);
  EXPECT_EQ(counters.dropped_total(), 5) << "broken, empty, blank, no object, tombstone";
  EXPECT_EQ(Values(StreamId::kDead).size(), 5u);
}

TEST_F(IntakeSourceTest, GoesOnWhereItWas) {
  Write({{KeyOf(0), PostLine("x:1", "a")}, {KeyOf(1), PostLine("x:2", "a")}});
  RunAll();
  EXPECT_THAT(CommittedOfAll(), ElementsAre(1, 1));
  Write({{KeyOf(1), PostLine("x:3", "a")}});
  Open();
  RunAll();
  EXPECT_EQ(Counters().lines, 3);
  EXPECT_EQ(Counters().duplicate, 0);
  EXPECT_THAT(CommittedOfAll(), ElementsAre(1, 2));
}

// The resume point counts, not the committed position, which may be behind it after a crash.
TEST_F(IntakeSourceTest, TheResumePointCounts) {
  Write({{KeyOf(0), PostLine("x:1", "a")}, {KeyOf(0), PostLine("x:2", "a")}});
  RunAll();
  stream::WriteSet back;
  back.Commit("ingest", StreamId::kIntake, 0, 0);
  ASSERT_TRUE(streams_.Write(back).ok());
  Open();
  Write({{KeyOf(0), PostLine("x:3", "a")}});
  RunAll();
  EXPECT_EQ(Counters().lines, 3);
  EXPECT_EQ(Counters().duplicate, 0);
}

TEST_F(IntakeSourceTest, ARefusedBatchIsWrittenLaterAndOnce) {
  Write({{KeyOf(0), PostLine("x:1", "a")}});
  streams_.FailNext(2);
  int refused = 0;
  while (refused < 2) {
    const auto done = source_->RunOnce();
    if (!done.ok()) {
      ASSERT_TRUE(absl::IsResourceExhausted(done.status())) << done.status();
      ++refused;
    }
  }
  EXPECT_EQ(streams_.failed(), 2);
  RunAll();
  EXPECT_EQ(Counters().lines, 1);
  EXPECT_EQ(Counters().stored, 1);
  EXPECT_EQ(Values(StreamId::kPosts).size(), 1u);
}

TEST_F(IntakeSourceTest, BeginsWhereRetentionLeftOff) {
  Write({{KeyOf(0), PostLine("x:1", "a")}, {KeyOf(0), PostLine("x:2", "a")}});
  RunAll();
  Write({{KeyOf(0), PostLine("x:3", "a")}});
  source_.reset();
  stage_.reset();
  // What would hold retention back is away, as a topic's own retention knows no readers.
  ASSERT_TRUE(streams_.RemoveReader("ingest", StreamId::kIntake).ok());
  clock_.Advance(absl::Hours(25));
  ASSERT_TRUE(streams_.Maintain().ok());
  Open();
  Write({{KeyOf(0), PostLine("x:4", "a")}});
  RunAll();
  EXPECT_EQ(Counters().lines, 3) << "x:3 was gone";
  EXPECT_EQ(Counters().stored, 3);
}

TEST_F(IntakeSourceTest, NeedsTheStream) {
  stream::MemoryStreams none({{StreamId::kPosts, {.compacted = true}},
                              {StreamId::kControl, {.compacted = true, .indexed = true}},
                              {StreamId::kDead, {}}},
                             clock_);
  auto stage = *IngestStage::Open({}, {none, clock_, *keyring_, nullptr, nullptr});
  const auto source = MakeIntakeSource(
      none, *stage->OpenSource({.name = "door", .purpose = "test", .owner = "test"}));
  EXPECT_EQ(source.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(source.status().message()), HasSubstr("streams.kafka"));
}

TEST_F(IntakeSourceTest, AForeignResumePointIsDamage) {
  for (const char* point : {"x", "1,-2", "1,2,3"}) {
    source_.reset();
    auto intake = *stage_->OpenSource({.name = "door", .purpose = "test", .owner = "test"});
    AddLine(*intake, PostLine("x:1", "a"));
    ASSERT_TRUE(intake->Commit(point).ok());
    intake.reset();
    const auto source = MakeIntakeSource(
        streams_, *stage_->OpenSource({.name = "door", .purpose = "test", .owner = "test"}));
    EXPECT_EQ(source.status().code(), absl::StatusCode::kDataLoss) << point;
  }
}

}  // namespace
}  // namespace keng::ingest
