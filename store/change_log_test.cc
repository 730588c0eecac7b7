// A store over a log of changes: what is where, in which order, after which failure.

#include "store/change_log.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "base/mutex.h"
#include "base/strings.h"
#include "base/temporary_folder.h"
#include "store/internal/group_commit.h"
#include "store/store.h"

namespace keng::store {
namespace {

constexpr TableId kTable = 1;
constexpr TableId kOther = 2;
constexpr TableId kUnlogged = 9;

using Rows = std::map<std::pair<TableId, std::string>, std::string>;

// A log in memory. Positions have gaps, as those of a stream do.
class FakeLog final : public ChangeLog {
 public:
  enum class Written { kNo, kYes };
  void FailNext(int n, absl::Status status, Written written = Written::kNo) {
    base::MutexLock lock(mutex_);
    fail_next_ = n;
    status_ = std::move(status);
    written_ = written;
  }
  // As FailNext(), after `good` that are written.
  void FailAfter(int good, int n, absl::Status status) {
    FailNext(n, std::move(status));
    base::MutexLock lock(mutex_);
    good_ = good;
  }
  void Cork() {
    base::MutexLock lock(mutex_);
    corked_ = true;
  }
  void Uncork() {
    base::MutexLock lock(mutex_);
    corked_ = false;
    changed_.NotifyAll();
  }
  void WaitUntilAppending() {
    base::MutexLock lock(mutex_);
    while (!appending_) changed_.Wait(mutex_);
  }
  // Called at the end of each Append(), when the log has the changes and the store has not.
  void OnAppended(std::function<void()> call) { on_appended_ = std::move(call); }

  bool Logs(TableId table, std::string_view) const override { return table != kUnlogged; }
  absl::StatusOr<int64_t> Append(absl::Span<const Change> changes) override {
    base::MutexLock lock(mutex_);
    appending_ = true;
    changed_.NotifyAll();
    while (corked_) changed_.Wait(mutex_);
    appending_ = false;
    ++appends_;
    const bool fails = good_ > 0 ? (--good_, false) : fail_next_ > 0;
    if (fails) {
      --fail_next_;
      ++failed_;
    }
    if (!fails || written_ == Written::kYes) {
      std::vector<std::pair<std::pair<TableId, std::string>, std::optional<std::string>>> batch;
      for (const Change& change : changes) {
        EXPECT_NE(change.table, kUnlogged);
        batch.push_back({{change.table, std::string(change.key)},
                         change.value ? std::optional<std::string>(*change.value) : std::nullopt});
      }
      next_ += static_cast<int64_t>(changes.size()) + 1;
      batches_[next_] = std::move(batch);
    }
    if (fails) return status_;
    if (on_appended_) on_appended_();
    return next_;
  }

  int appends() const {
    base::MutexLock lock(mutex_);
    return appends_;
  }
  int failed() const {
    base::MutexLock lock(mutex_);
    return failed_;
  }
  // What a rebuild from the log up to `position` gives.
  Rows Replay(int64_t position = INT64_MAX) const {
    base::MutexLock lock(mutex_);
    Rows rows;
    for (const auto& [end, batch] : batches_) {
      if (end > position) break;
      for (const auto& [key, value] : batch) {
        if (value) {
          rows[key] = *value;
        } else {
          rows.erase(key);
        }
      }
    }
    return rows;
  }
  // Brings a store that was opened anew to where the log ends.
  void Recover(Store& store) const {
    const auto position = store.log_position();
    ASSERT_TRUE(position.ok()) << position.status();
    base::MutexLock lock(mutex_);
    for (const auto& [end, batch] : batches_) {
      if (position->has_value() && end <= (**position).next) continue;
      std::vector<Change> changes;
      for (const auto& [key, value] : batch) {
        changes.push_back({key.first, key.second,
                           value ? std::optional<std::string_view>(*value) : std::nullopt});
      }
      ASSERT_TRUE(store.ApplyLogged(changes, end).ok());
    }
  }

 private:
  mutable base::Mutex mutex_;
  mutable base::CondVar changed_;
  std::map<int64_t,
           std::vector<std::pair<std::pair<TableId, std::string>, std::optional<std::string>>>>
      batches_ ABSL_GUARDED_BY(mutex_);
  int64_t next_ ABSL_GUARDED_BY(mutex_) = 0;
  int appends_ ABSL_GUARDED_BY(mutex_) = 0;
  int failed_ ABSL_GUARDED_BY(mutex_) = 0;
  int fail_next_ ABSL_GUARDED_BY(mutex_) = 0;
  int good_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  Written written_ ABSL_GUARDED_BY(mutex_) = Written::kNo;
  bool corked_ ABSL_GUARDED_BY(mutex_) = false;
  bool appending_ ABSL_GUARDED_BY(mutex_) = false;
  std::function<void()> on_appended_;
};

class ChangeLogTest : public ::testing::Test {
 protected:
  ChangeLogTest() { Open(path()); }

  std::string path() const { return folder_.path() + "/store"; }
  void Open(const std::string& path) {
    store_.reset();
    auto opened = Store::Open({.path = path, .layout = "test/1"}, clock_, nullptr);
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
  }
  static Rows LoggedRows(const Store& store) {
    Rows rows;
    for (const TableId table : {kTable, kOther}) {
      EXPECT_TRUE(store
                      .ScanPrefix(table, "",
                                  [&](std::string_view key, std::string_view value) {
                                    rows[{table, std::string(key)}] = value;
                                    return Visit::kContinue;
                                  })
                      .ok());
    }
    return rows;
  }
  std::optional<std::string> Get(const std::string& key, TableId table = kTable) const {
    const auto value = store_->Get(table, key);
    EXPECT_TRUE(value.ok()) << value.status();
    return value.value_or(std::nullopt);
  }
  std::unique_ptr<Changes> Putting(const std::string& key, const std::string& value,
                                   TableId table = kTable) {
    auto changes = store_->NewChanges();
    changes->Put(table, key, value);
    return changes;
  }
  std::unique_ptr<Changes> Deleting(const std::string& key) {
    auto changes = store_->NewChanges();
    changes->Delete(kTable, key);
    return changes;
  }
  int64_t Position() const {
    const auto position = store_->log_position();
    EXPECT_TRUE(position.ok()) << position.status();
    return position->has_value() ? (**position).next : -1;
  }
  // I4, for stores at rest: a rebuild up to the position lacks nothing that the store has.
  void ExpectEqualToTheLog() const { EXPECT_EQ(LoggedRows(*store_), log_.Replay(Position())); }

  const base::TemporaryFolder folder_{"keng-log"};
  base::FakeClock clock_{absl::FromUnixSeconds(1'760'000'000)};
  FakeLog log_;
  std::unique_ptr<Store> store_;
};

TEST_F(ChangeLogTest, ACommitStandsInTheLogFirst) {
  store_->SetChangeLog(log_);
  EXPECT_EQ(Position(), -1);
  log_.OnAppended([&] { EXPECT_EQ(Get("a"), std::nullopt); });
  const auto changes = store_->NewChanges();
  changes->Put(kTable, "a", "overwritten in the batch");
  changes->Put(kTable, "a", "1");
  changes->Put(kTable, "b", "1");
  changes->Delete(kTable, "b");
  changes->Put(kUnlogged, "u", "not for the log");
  ASSERT_TRUE(store_->Commit(*changes).ok());
  EXPECT_EQ(log_.Replay(), (Rows{{{kTable, "a"}, "1"}}));
  EXPECT_EQ(Position(), 3) << "each row once, and the gap after them";
  EXPECT_EQ((*store_->log_position())->at, clock_.Now());
  EXPECT_EQ(Get("a"), "1");
  EXPECT_EQ(Get("u", kUnlogged), "not for the log");
  EXPECT_EQ(changes->bytes(), store_->NewChanges()->bytes()) << "cleared";
}

TEST_F(ChangeLogTest, WhatIsNotLoggedAsksNoLog) {
  store_->SetChangeLog(log_);
  log_.FailNext(1, absl::UnavailableError("away"));
  EXPECT_TRUE(store_->Commit(*Putting("u", "1", kUnlogged)).ok());
  EXPECT_EQ(Get("u", kUnlogged), "1");
  EXPECT_EQ(log_.appends(), 0);
}

TEST_F(ChangeLogTest, CommitsThatWaitGoTogetherAndInOrder) {
  store_->SetChangeLog(log_);
  log_.Cork();
  constexpr int kThreads = 8, kCommits = 25;
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kCommits; ++i) {
        const auto changes = store_->NewChanges();
        changes->Put(kTable, base::StrCat(t, "-", i), "row");
        changes->Put(kOther, "shared", base::StrCat(t, "-", i));
        if (!store_->Commit(*changes).ok()) ++failures;
      }
    });
  }
  log_.WaitUntilAppending();
  absl::SleepFor(absl::Milliseconds(50));  // the others come to wait behind the first
  log_.Uncork();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(LoggedRows(*store_).size(), static_cast<size_t>(kThreads * kCommits + 1));
  EXPECT_LT(log_.appends(), kThreads * kCommits) << "nothing went together";
  EXPECT_EQ(LoggedRows(*store_), log_.Replay()) << "the last writer of a row is the same in both";
  ExpectEqualToTheLog();
}

TEST_F(ChangeLogTest, ARefusedAppendFailsTheGroupAndKeepsTheChanges) {
  store_->SetChangeLog(log_);
  log_.Cork();
  std::thread first([&] { EXPECT_TRUE(store_->Commit(*Putting("first", "1")).ok()); });
  log_.WaitUntilAppending();
  // These two wait together; their append is the second.
  std::vector<std::unique_ptr<Changes>> waiting;
  waiting.push_back(Putting("a", "1"));
  waiting.push_back(Putting("b", "1"));
  std::vector<std::thread> others;
  std::vector<absl::Status> statuses(2);
  for (size_t i = 0; i < 2; ++i) {
    others.emplace_back([&, i] { statuses[i] = store_->Commit(*waiting[i]); });
  }
  absl::SleepFor(absl::Milliseconds(50));
  log_.FailAfter(1, 2, absl::ResourceExhaustedError("full"));
  log_.Uncork();
  first.join();
  for (std::thread& thread : others) thread.join();
  // Together where both waited by then, which is nearly always.
  EXPECT_GE(log_.failed(), 1) << "the fault never fired";
  log_.FailNext(0, absl::OkStatus());
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_TRUE(absl::IsResourceExhausted(statuses[i])) << statuses[i];
  }
  EXPECT_EQ(Get("a"), std::nullopt);
  for (const auto& changes : waiting) EXPECT_TRUE(store_->Commit(*changes).ok());
  EXPECT_EQ(Get("a"), "1");
  EXPECT_EQ(Get("b"), "1");
  ExpectEqualToTheLog();
}

// The answer is lost and another thread commits meanwhile: the position must not pass what the
// store does not have.
TEST_F(ChangeLogTest, ADoubtfulBatchIsWrittenBeforeAnyOther) {
  for (const FakeLog::Written written : {FakeLog::Written::kNo, FakeLog::Written::kYes}) {
    FakeLog log;
    Open(path() + (written == FakeLog::Written::kYes ? "-yes" : "-no"));
    store_->SetChangeLog(log);
    log.FailNext(2, absl::UnavailableError("no answer"), written);
    const auto doubtful = Putting("pending/1", "alert");
    EXPECT_TRUE(absl::IsUnavailable(store_->Commit(*doubtful)));
    EXPECT_EQ(Get("pending/1"), std::nullopt);
    const auto other = Putting("other", "1");
    EXPECT_TRUE(absl::IsUnavailable(store_->Commit(*other)));
    EXPECT_EQ(log.failed(), 2);
    EXPECT_TRUE(store_->Commit(*other).ok());
    EXPECT_EQ(Get("pending/1"), "alert") << "what the log may have, the store has";
    EXPECT_EQ(LoggedRows(*store_), log.Replay(Position()));
    // Somebody builds on it before its owner hears of it: the second attempt must not undo that.
    EXPECT_TRUE(store_->Commit(*Deleting("pending/1")).ok());
    EXPECT_TRUE(store_->Commit(*doubtful).ok());
    EXPECT_EQ(Get("pending/1"), std::nullopt) << "G3: the alert would ring again";
    EXPECT_EQ(LoggedRows(*store_), log.Replay(Position()));
    doubtful->Put(kTable, "next", "1");
    EXPECT_TRUE(store_->Commit(*doubtful).ok()) << "and its owner goes on with it";
    EXPECT_EQ(Get("next"), "1");
    EXPECT_EQ(LoggedRows(*store_), log.Replay(Position()));
    store_.reset();
  }
}

TEST_F(ChangeLogTest, AnotherOwnerEndsAllWriting) {
  store_->SetChangeLog(log_);
  ASSERT_TRUE(store_->Commit(*Putting("a", "1")).ok());
  log_.FailNext(1, absl::AbortedError("another owner"));
  const auto changes = Putting("a", "2");
  EXPECT_TRUE(absl::IsAborted(store_->Commit(*changes)));
  EXPECT_TRUE(absl::IsAborted(store_->Commit(*changes))) << "remembered";
  EXPECT_TRUE(absl::IsAborted(store_->Commit(*Putting("u", "1", kUnlogged))));
  EXPECT_EQ(log_.appends(), 2) << "it is not asked again";
  EXPECT_EQ(Get("a"), "1");
  ExpectEqualToTheLog();
}

// kill -9 between the append and the write, at each of several commits.
TEST_F(ChangeLogTest, ACrashBetweenTheTwoIsMendedFromTheLog) {
  store_->SetChangeLog(log_);
  int crashes = 0;
  log_.OnAppended([&] { base::CopyAsKilled(path(), base::StrCat(path(), "-", ++crashes)); });
  for (int i = 0; i < 5; ++i) {
    const auto changes = store_->NewChanges();
    changes->Put(kTable, "counter", base::StrCat(i));
    changes->Put(kOther, base::StrCat(i), "1");
    changes->Delete(kOther, base::StrCat(i - 1));
    ASSERT_TRUE(store_->Commit(*changes).ok());
  }
  ASSERT_EQ(crashes, 5);
  for (int i = 1; i <= crashes; ++i) {
    Open(base::StrCat(path(), "-", i));
    EXPECT_EQ(Get("counter"), i == 1 ? std::nullopt : std::optional(base::StrCat(i - 2)));
    ExpectEqualToTheLog();
    log_.Recover(*store_);
    EXPECT_EQ(LoggedRows(*store_), log_.Replay());
  }
}

TEST_F(ChangeLogTest, WhatWasAppliedIsDurableWithItsPositionOrNotAtAll) {
  const std::vector<Change> changes = {{kTable, "a", "1"}, {kTable, "b", std::nullopt}};
  ASSERT_TRUE(store_->ApplyLogged(changes, 7).ok());
  EXPECT_EQ(Position(), 7);
  base::CopyAsKilled(path(), path() + "-before");
  ASSERT_TRUE(store_->FlushApplied().ok());
  base::CopyAsKilled(path(), path() + "-after");
  ASSERT_TRUE(store_->ApplyLogged(std::vector<Change>{{kTable, "c", "1"}}, 9).ok());
  ASSERT_TRUE(store_->Commit(*Putting("d", "1")).ok());
  base::CopyAsKilled(path(), path() + "-committed");
  Open(path() + "-before");
  EXPECT_EQ(Position(), -1);
  EXPECT_EQ(Get("a"), std::nullopt);
  Open(path() + "-after");
  EXPECT_EQ(Position(), 7);
  EXPECT_EQ(Get("a"), "1");
  Open(path() + "-committed");
  EXPECT_EQ(Get("d"), "1");
  EXPECT_EQ(Position(), 9) << "a commit that survives stands on nothing that does not";
  EXPECT_EQ(Get("c"), "1");
}

TEST_F(ChangeLogTest, AClearedStoreIsEmptyAndHasNoPosition) {
  ASSERT_TRUE(
      store_->ApplyLogged(std::vector<Change>{{kTable, "a", "1"}, {254, "z", "1"}}, 7).ok());
  ASSERT_TRUE(store_->Clear().ok());
  EXPECT_EQ(Position(), -1);
  EXPECT_EQ(Get("a"), std::nullopt);
  EXPECT_EQ(Get("z", 254), std::nullopt);
  ASSERT_TRUE(store_->ApplyLogged(std::vector<Change>{{kTable, "a", "2"}}, 8).ok());
  Open(path());
  EXPECT_EQ(Get("a"), "2") << "the layout is still known";
  EXPECT_EQ(Position(), 8);
}

// The disk is full after the log has the batches: GroupCommit itself, over a database that refuses.
TEST(GroupCommitTest, ABatchThatTheLogHasIsWrittenBeforeAnyOther) {
  FakeLog log;
  const base::FakeClock clock(absl::FromUnixSeconds(1'760'000'000));
  std::vector<std::string> written;
  int refuse = 2;
  class Names final : public rocksdb::WriteBatch::Handler {
   public:
    std::string names;
    rocksdb::Status PutCF(uint32_t, const rocksdb::Slice& key, const rocksdb::Slice&) override {
      names += key[0] == kTable ? key.ToString().substr(1) : "@";
      return rocksdb::Status::OK();
    }
  };
  GroupCommit group(
      log,
      [&](rocksdb::WriteBatch& batch) {
        if (refuse-- > 0) return absl::ResourceExhaustedError("full");
        Names names;
        EXPECT_TRUE(batch.Iterate(&names).ok());
        written.push_back(names.names);
        return absl::OkStatus();
      },
      clock, base::Gauge());
  rocksdb::WriteBatchWithIndex first(rocksdb::BytewiseComparator(), 0, true);
  rocksdb::WriteBatchWithIndex second(rocksdb::BytewiseComparator(), 0, true);
  ASSERT_TRUE(first.Put("\1a", "1").ok());
  ASSERT_TRUE(second.Put("\1b", "1").ok());
  GroupCommit::Owed first_owed, second_owed;
  EXPECT_TRUE(absl::IsResourceExhausted(group.Commit(first, first_owed)));
  EXPECT_TRUE(absl::IsResourceExhausted(group.Commit(second, second_owed)));
  EXPECT_EQ(log.appends(), 1) << "nothing is appended while something is owed";
  EXPECT_TRUE(group.Commit(second, second_owed).ok());
  EXPECT_EQ(written, (std::vector<std::string>{"a", "@", "b", "@"}));
  EXPECT_TRUE(group.Commit(first, first_owed).ok());
  EXPECT_EQ(written.size(), 4u) << "G3";
  EXPECT_EQ(log.appends(), 2);
}

}  // namespace
}  // namespace keng::store
