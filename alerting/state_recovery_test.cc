#include "alerting/state_recovery.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "alerting/state_changelog.h"
#include "alerting/state_tables.h"
#include "alerting/testing/fold_kit.h"
#include "base/stable_hash.h"
#include "base/strings.h"
#include "stream/testing/memory_streams.h"

namespace keng::alerting {
namespace {

using stream::StreamId;
using ::testing::HasSubstr;

TEST(DecideRecoveryTest, TheTailWillDoUnlessSomethingMayBeMissing) {
  const absl::Time now = testing::At(absl::Hours(1000));
  const auto decide = [&](int64_t next, absl::Duration away, int64_t begin) {
    return DecideRecovery(store::LogPosition{.next = next, .at = now - away}, begin, now);
  };
  EXPECT_EQ(DecideRecovery(std::nullopt, 0, now), RecoveryWay::kNoPosition);
  EXPECT_EQ(decide(10, absl::Hours(1), 0), RecoveryWay::kTail);
  EXPECT_EQ(decide(10, absl::Hours(1), 10), RecoveryWay::kTail);
  EXPECT_EQ(decide(10, absl::Hours(1), 11), RecoveryWay::kTrimmed);
  EXPECT_EQ(decide(10, kTombstonesKept / 2, 0), RecoveryWay::kTail);
  EXPECT_EQ(decide(10, kTombstonesKept / 2 + absl::Seconds(1), 0), RecoveryWay::kAway);
  EXPECT_EQ(decide(10, -absl::Minutes(1), 0), RecoveryWay::kTail) << "clocks are set";
  EXPECT_EQ(decide(10, -absl::Hours(2), 0), RecoveryWay::kAway);
}

class StateRecoveryTest : public ::testing::Test {
 protected:
  StateRecoveryTest() { TakeOver(); }

  void TakeOver() {
    auto changelog = streams_.OpenChangelog("91");
    ASSERT_TRUE(changelog.ok()) << changelog.status();
    log_ = std::make_unique<StateChangelog>(*std::move(changelog), "91", nullptr);
    const auto end = log_->Announce("test");
    ASSERT_TRUE(end.ok()) << end.status();
    end_ = *end;
  }
  void Put(const std::string& key, const std::string& value) {
    end_ = *log_->Append(std::vector<store::Change>{{table::kPosts, key, value}});
  }
  void Delete(const std::string& key) {
    end_ = *log_->Append(std::vector<store::Change>{{table::kPosts, key, std::nullopt}});
  }
  std::unique_ptr<store::Store> Open(const std::string& name) {
    return testing::OpenStore(base::StrCat(folder_.path(), "/", name), clock_);
  }
  absl::StatusOr<Recovery> Recover(store::Store& store) {
    return RecoverState(streams_, store, {.desk = "91", .partition = partition_, .end = end_},
                        clock_, &metrics_);
  }
  static std::string Posts(const store::Store& store) {
    std::string rows;
    EXPECT_TRUE(store
                    .ScanPrefix(table::kPosts, "",
                                [&](std::string_view key, std::string_view value) {
                                  base::StrAppend(&rows, key, "=", value, " ");
                                  return store::Visit::kContinue;
                                })
                    .ok());
    return rows;
  }

  const base::TemporaryFolder folder_{"keng-recovery"};
  base::FakeClock clock_{testing::At({})};
  base::Metrics metrics_;
  const int partition_ = base::PartitionOf("91", 3);
  stream::MemoryStreams streams_{{{StreamId::kInbox, {.partitions = 3}},
                                  {StreamId::kState, {.partitions = 3, .compacted = true}}},
                                 clock_};
  std::unique_ptr<StateChangelog> log_;
  stream::Offset end_ = 0;
};

TEST_F(StateRecoveryTest, ANewStoreGetsAllAndAnOldOneTheTail) {
  streams_.SetAppendGap(2);  // as transaction markers leave them
  Put("a", "1");
  Put("b", "1");
  auto store = Open("store");
  auto recovery = Recover(*store);
  ASSERT_TRUE(recovery.ok()) << recovery.status();
  EXPECT_EQ(recovery->way, RecoveryWay::kNoPosition);
  EXPECT_EQ(recovery->rows, 3) << "with the row \"owner\"";
  EXPECT_EQ(Posts(*store), "a=1 b=1 ");
  Delete("a");
  Put("c", "1");
  recovery = Recover(*store);
  ASSERT_TRUE(recovery.ok()) << recovery.status();
  EXPECT_EQ(recovery->way, RecoveryWay::kTail);
  EXPECT_EQ(recovery->rows, 2);
  EXPECT_EQ(Posts(*store), "b=1 c=1 ") << "a deletion is recovered as one";
  TakeOver();  // behind the unused offsets that the last batch left
  recovery = Recover(*store);
  ASSERT_TRUE(recovery.ok()) << recovery.status();
  EXPECT_EQ(recovery->rows, 1);
  store.reset();
  EXPECT_EQ(Posts(*Open("store")), "b=1 c=1 ") << "durable";
  EXPECT_THAT(metrics_.Expose(), HasSubstr("keng_alerting_recovered_rows_total 6"));
}

TEST_F(StateRecoveryTest, ACompactedStreamGivesTheSame) {
  for (int i = 0; i < 20; ++i) Put(base::StrCat("k", i % 4), base::StrCat(i));
  Delete("k2");
  Put("last", "1");
  ASSERT_TRUE(streams_.Maintain().ok());
  const auto store = Open("store");
  ASSERT_TRUE(Recover(*store).ok());
  EXPECT_EQ(Posts(*store), "k0=16 k1=17 k3=19 last=1 ");
}

TEST_F(StateRecoveryTest, OtherDesksOfThePartitionAreLeftAlone) {
  std::string other = "1";
  while (base::PartitionOf(other, 3) != partition_) other += '1';
  StateChangelog theirs(*streams_.OpenChangelog(other), other, nullptr);
  ASSERT_TRUE(theirs.Append(std::vector<store::Change>{{table::kPosts, "theirs", "1"}}).ok());
  Put("a", "1");
  const auto store = Open("store");
  const auto recovery = Recover(*store);
  ASSERT_TRUE(recovery.ok()) << recovery.status();
  EXPECT_EQ(recovery->rows, 2);
  EXPECT_EQ(Posts(*store), "a=1 ");
}

// The tombstone is gone from the stream: only a rebuild forgets the row.
TEST_F(StateRecoveryTest, AStoreThatWasAwayTooLongIsRebuilt) {
  Put("a", "1");
  Put("b", "1");
  const auto store = Open("store");
  ASSERT_TRUE(Recover(*store).ok());
  clock_.Advance(kTombstonesKept / 2 + absl::Hours(1));
  Put("b", "2");
  stream::MemoryStreams later({{StreamId::kInbox, {.partitions = 3}},
                               {StreamId::kState, {.partitions = 3, .compacted = true}}},
                              clock_);
  // What compaction leaves of it: "a" and its tombstone are gone.
  StateChangelog left(*later.OpenChangelog("91"), "91", nullptr);
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(left.Append(std::vector<store::Change>{{table::kPosts, "b", "2"}}).ok());
  }
  ASSERT_TRUE(later.Maintain().ok());
  const auto recovery = RecoverState(
      later, *store, {.desk = "91", .partition = partition_, .end = 5}, clock_, nullptr);
  ASSERT_TRUE(recovery.ok()) << recovery.status();
  EXPECT_EQ(recovery->way, RecoveryWay::kAway);
  EXPECT_EQ(Posts(*store), "b=2 ");
}

TEST_F(StateRecoveryTest, WhatItCannotDoItSays) {
  Put("a", "1");
  {
    const auto store = Open("foreign");
    const auto changes = store->NewChanges();
    changes->Put(table::kFold, "inbox/0", Encode(FoldRow{}));
    ASSERT_TRUE(store->Commit(*changes).ok());
    EXPECT_TRUE(absl::IsFailedPrecondition(Recover(*store).status())) << "incidents would be lost";
    EXPECT_TRUE(store->Get(table::kFold, "inbox/0")->has_value());
  }
  {
    const auto store = Open("ahead");
    ASSERT_TRUE(store->ApplyLogged({}, end_ + 5).ok());
    EXPECT_TRUE(absl::IsDataLoss(Recover(*store).status())) << "the stream was lost";
  }
  {
    const auto store = Open("corked");
    const auto wrong = RecoverState(streams_, *store,
                                    {.desk = "91", .partition = (partition_ + 1) % 3, .end = end_},
                                    clock_, nullptr);
    EXPECT_TRUE(absl::IsFailedPrecondition(wrong.status())) << wrong.status();
  }
  {
    // Taken for 0 it would make a store that retention has passed go on with a tail of rows.
    const auto store = Open("begin unknown");
    streams_.HideBegin();
    EXPECT_TRUE(absl::IsUnavailable(Recover(*store).status()));
    streams_.ShowBegin();
  }
  stream::WriteSet set;
  set.Append(StreamId::kState, StateKey("91", table::kPosts, "odd"), "\x77");
  ASSERT_TRUE(streams_.Write(set).ok());
  Put("b", "1");
  const auto unreadable = Recover(*Open("unreadable")).status();
  EXPECT_TRUE(absl::IsDataLoss(unreadable)) << unreadable;
  EXPECT_THAT(std::string(unreadable.message()), HasSubstr("91/2/odd"));
}

// kill -9 anywhere in a rebuild: what was read counts or does not, and the next one ends it.
TEST_F(StateRecoveryTest, ACrashInTheMiddleIsTakenUp) {
  const std::string large(300'000, 'x');
  for (int i = 0; i < 12; ++i) Put(base::StrCat("k", i % 8), base::StrCat(i, large));
  Delete("k3");
  const std::string path = folder_.path() + "/store";
  const auto whole = Open("whole");
  ASSERT_TRUE(Recover(*whole).ok());
  for (int batches = 1; batches < 5; ++batches) {
    std::filesystem::remove_all(path);
    auto store = Open("store");
    const auto tap = *streams_.OpenTap(StreamId::kState, {partition_});
    for (int i = 0; i < batches; ++i) {
      const auto batch = *tap->Read(1 << 20, absl::ZeroDuration());
      ASSERT_NE(batch, nullptr);
      std::vector<store::Change> changes;
      for (const stream::Record& record : batch->records()) {
        const auto row = ParseStateRecord("91", record);
        if (row->change.table != 0) changes.push_back(row->change);
      }
      ASSERT_TRUE(store->ApplyLogged(changes, batch->next_offset()).ok());
      if (i != batches / 2) continue;
      ASSERT_TRUE(store->FlushApplied().ok());
    }
    base::CopyAsKilled(path, path + "-killed");
    store = Open("store-killed");
    ASSERT_TRUE(Recover(*store).ok());
    EXPECT_EQ(Posts(*store), Posts(*whole));
    store.reset();
    std::filesystem::remove_all(path + "-killed");
  }
}

}  // namespace
}  // namespace keng::alerting
