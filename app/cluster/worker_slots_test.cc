#include "app/cluster/worker_slots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "base/check.h"

namespace keng::app {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr absl::Duration kReopenAfter = absl::Milliseconds(20);
constexpr absl::Duration kCloseDeadline = absl::Milliseconds(40);

// What the workers of a test do, by key, and what became of them.
struct Plan {
  base::Mutex mutex;
  std::map<std::string, absl::StatusOr<int64_t>> steps ABSL_GUARDED_BY(mutex);
  std::map<std::string, absl::Status> opens ABSL_GUARDED_BY(mutex);
  std::set<std::string> finished ABSL_GUARDED_BY(mutex);
  std::set<std::string> endless ABSL_GUARDED_BY(mutex);  // do not end when they are closed
  std::map<std::string, int> opened ABSL_GUARDED_BY(mutex);
  std::vector<std::string> ended ABSL_GUARDED_BY(mutex);
  std::vector<std::string> failures ABSL_GUARDED_BY(mutex);

  void Steps(const std::string& key, absl::StatusOr<int64_t> what) {
    base::MutexLock lock(mutex);
    steps.insert_or_assign(key, std::move(what));
  }
  void Opens(const std::string& key, absl::Status status) {
    base::MutexLock lock(mutex);
    opens[key] = std::move(status);
  }
  void Endless(std::set<std::string> keys) {
    base::MutexLock lock(mutex);
    endless = std::move(keys);
  }
  int times_opened(const std::string& key) {
    base::MutexLock lock(mutex);
    return opened[key];
  }
};

class PlannedWorker final : public SlotWorker {
 public:
  PlannedWorker(Plan& plan, std::string key) : plan_(plan), key_(std::move(key)) {}
  ~PlannedWorker() override { Note(" destroyed"); }
  absl::StatusOr<int64_t> Step() override {
    KENG_CHECK(!closed_, "a step after Close()");
    std::this_thread::yield();
    base::MutexLock lock(plan_.mutex);
    const auto found = plan_.steps.find(key_);
    return found == plan_.steps.end() ? absl::StatusOr<int64_t>(1) : found->second;
  }
  bool finished() const override {
    base::MutexLock lock(plan_.mutex);
    return plan_.finished.contains(key_);
  }
  void Wake() override {}
  absl::Status Close(absl::Duration) override {
    closed_ = true;
    {
      base::MutexLock lock(plan_.mutex);
      if (plan_.endless.contains(key_)) return absl::DeadlineExceededError("a call goes on");
    }
    Note(" closed");
    return absl::OkStatus();
  }

 private:
  void Note(const std::string& what) {
    base::MutexLock lock(plan_.mutex);
    plan_.ended.push_back(key_ + what);
  }
  Plan& plan_;
  const std::string key_;
  std::atomic<bool> closed_{false};
};

class WorkerSlotsTest : public testing::Test {
 protected:
  template <typename Holds>
  void WaitUntil(Holds holds) {
    const absl::Time end = absl::Now() + absl::Seconds(20);
    while (!holds()) {
      ASSERT_LT(absl::Now(), end);
      std::this_thread::yield();
    }
  }

  Plan plan_;
  base::Metrics metrics_;
  WorkerSlots slots_{
      {.prefix = "work",
       .open = [this](const std::string& key) -> absl::StatusOr<std::unique_ptr<SlotWorker>> {
         base::MutexLock lock(plan_.mutex);
         ++plan_.opened[key];
         if (const auto found = plan_.opens.find(key);
             found != plan_.opens.end() && !found->second.ok())
           return found->second;
         return std::make_unique<PlannedWorker>(plan_, key);
       },
       .on_failure =
           [this](const std::string& stage, const absl::Status& status) {
             base::MutexLock lock(plan_.mutex);
             plan_.failures.push_back(stage + ": " + std::string(status.message()));
           },
       .metrics = &metrics_,
       .close_deadline = kCloseDeadline,
       .reopen_after = kReopenAfter}};
};

TEST_F(WorkerSlotsTest, WhatIsOpenStaysAndWhatIsMissingIsOpened) {
  ASSERT_TRUE(slots_.Open({"0"}).ok());
  plan_.Opens("2", absl::UnavailableError("not now"));
  EXPECT_TRUE(absl::IsUnavailable(slots_.Open({"0", "2", "1"})));
  EXPECT_EQ(plan_.times_opened("1"), 1) << "one that cannot be opened keeps no other from it";
  plan_.Opens("2", absl::OkStatus());
  ASSERT_TRUE(slots_.Open({"0", "2", "1"}).ok());
  EXPECT_EQ(plan_.times_opened("0"), 1);
  EXPECT_EQ(plan_.times_opened("1"), 1);
  EXPECT_EQ(plan_.times_opened("2"), 2);
  slots_.CloseAll();
  base::MutexLock lock(plan_.mutex);
  EXPECT_THAT(plan_.ended, ElementsAre("0 closed", "0 destroyed", "1 closed", "1 destroyed",
                                       "2 closed", "2 destroyed"));
}

TEST_F(WorkerSlotsTest, AWorkerThatIsShutOutIsClosedAndOpenedAfterAPause) {
  plan_.Steps("0", absl::AbortedError("another owner"));
  ASSERT_TRUE(slots_.Open({"0", "1"}).ok());
  // At first it is a step like any other that was refused.
  WaitUntil([&] {
    const auto trouble = slots_.trouble();
    return trouble.size() == 1 && trouble[0].find("work-0: shut out") != std::string::npos;
  });
  EXPECT_THAT(slots_.trouble(), ElementsAre(HasSubstr("work-0: shut out")));
  plan_.Steps("0", 1);
  const absl::Time closed = absl::Now();
  ASSERT_TRUE(slots_.Tend().ok());
  {
    base::MutexLock lock(plan_.mutex);
    EXPECT_THAT(plan_.ended, ElementsAre("0 closed", "0 destroyed"));
    EXPECT_THAT(plan_.failures, IsEmpty()) << "nothing that ends the process";
  }
  EXPECT_EQ(plan_.times_opened("0"), 1);
  // Still shut out when it is opened: another pause.
  plan_.Opens("0", absl::AbortedError("another owner"));
  WaitUntil([&] { return slots_.Tend().ok() && plan_.times_opened("0") == 2; });
  EXPECT_GE(absl::Now() - closed, kReopenAfter);
  plan_.Opens("0", absl::OkStatus());
  WaitUntil([&] { return slots_.Tend().ok() && plan_.times_opened("0") == 3; });
  EXPECT_GE(absl::Now() - closed, 2 * kReopenAfter);
  EXPECT_THAT(slots_.trouble(), IsEmpty());
  EXPECT_EQ(plan_.times_opened("1"), 1);
}

TEST_F(WorkerSlotsTest, AReopeningThatIsRefusedKeepsNoOtherFromIt) {
  plan_.Steps("0", absl::AbortedError("another owner"));
  plan_.Steps("1", absl::AbortedError("another owner"));
  ASSERT_TRUE(slots_.Open({"0", "1"}).ok());
  WaitUntil([&] {
    const auto trouble = slots_.trouble();
    return std::count_if(trouble.begin(), trouble.end(), [](const std::string& line) {
             return line.find("shut out") != std::string::npos;
           }) == 2;
  });
  plan_.Opens("0", absl::UnavailableError("no broker"));
  plan_.Steps("1", 1);
  absl::Status status;
  WaitUntil([&] {
    status = slots_.Tend();
    return plan_.times_opened("1") == 2;
  });
  EXPECT_TRUE(absl::IsUnavailable(status)) << "and is told";
}

// One process may not have two owners of a partition: they share the folder and the reader.
TEST_F(WorkerSlotsTest, AWorkerThatDoesNotEndIsKeptAndItsKeyIsNotOpened) {
  plan_.Endless({"0"});
  ASSERT_TRUE(slots_.Open({"0", "1"}).ok());
  slots_.CloseAll();
  {
    base::MutexLock lock(plan_.mutex);
    EXPECT_THAT(plan_.ended, ElementsAre("1 closed", "1 destroyed"));
  }
  EXPECT_THAT(slots_.trouble(), ElementsAre(HasSubstr("work-0: was closed and has not ended")));
  EXPECT_THAT(metrics_.Expose(), HasSubstr("keng_workers_leaving{stage=\"work\"} 1"));
  EXPECT_TRUE(absl::IsUnavailable(slots_.Open({"0"})));
  EXPECT_TRUE(absl::IsDeadlineExceeded(slots_.Finish()));
  EXPECT_TRUE(slots_.Tend().ok()) << "its key is nobody's";
  EXPECT_EQ(plan_.times_opened("0"), 1);
  plan_.Endless({});
  ASSERT_TRUE(slots_.Open({"0"}).ok());
  EXPECT_EQ(plan_.times_opened("0"), 2);
  EXPECT_THAT(slots_.trouble(), IsEmpty());
  EXPECT_TRUE(slots_.Finish().ok());
  base::MutexLock lock(plan_.mutex);
  EXPECT_THAT(plan_.ended, ElementsAre("1 closed", "1 destroyed", "0 closed", "0 destroyed"));
}

// The group takes us for the one who works on it.
TEST_F(WorkerSlotsTest, AKeyThatIsOursAndCannotBeOpenedEndsTheProcess) {
  plan_.Endless({"0"});
  ASSERT_TRUE(slots_.Open({"0"}).ok());
  slots_.CloseAll();
  const absl::Time wanted = absl::Now();
  absl::Status status;
  WaitUntil([&] {
    status = slots_.Open({"0"});
    return !absl::IsUnavailable(status);
  });
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_GE(absl::Now() - wanted, kCloseDeadline);
  EXPECT_EQ(plan_.times_opened("0"), 1);
}

TEST_F(WorkerSlotsTest, OneThatEndsLateIsDestroyedByTheNextTend) {
  plan_.Endless({"0"});
  ASSERT_TRUE(slots_.Open({"0"}).ok());
  slots_.CloseAll();
  plan_.Endless({});
  ASSERT_TRUE(slots_.Tend().ok());
  EXPECT_THAT(metrics_.Expose(), HasSubstr("keng_workers_leaving{stage=\"work\"} 0"));
  base::MutexLock lock(plan_.mutex);
  EXPECT_THAT(plan_.ended, ElementsAre("0 closed", "0 destroyed"));
}

TEST_F(WorkerSlotsTest, AWorkerThatIsShutOutAndDoesNotEndIsOpenedWhenItHas) {
  plan_.Endless({"0"});
  plan_.Steps("0", absl::AbortedError("another owner"));
  ASSERT_TRUE(slots_.Open({"0"}).ok());
  WaitUntil([&] { return absl::IsUnavailable(slots_.Tend()); });
  EXPECT_EQ(plan_.times_opened("0"), 1);
  plan_.Steps("0", 1);
  plan_.Endless({});
  WaitUntil([&] { return slots_.Tend().ok() && plan_.times_opened("0") == 2; });
  EXPECT_THAT(slots_.trouble(), IsEmpty());
}

TEST_F(WorkerSlotsTest, OtherErrorsAreReportedAndEndTheWorker) {
  plan_.Steps("0", absl::DataLossError("damaged"));
  ASSERT_TRUE(slots_.Open({"0"}).ok());
  WaitUntil([&] {
    base::MutexLock lock(plan_.mutex);
    return !plan_.failures.empty();
  });
  {
    base::MutexLock lock(plan_.mutex);
    EXPECT_THAT(plan_.failures, ElementsAre("work-0: damaged"));
  }
  EXPECT_THAT(slots_.trouble(), ElementsAre("work-0: damaged"));
  ASSERT_TRUE(slots_.Tend().ok());
  EXPECT_EQ(plan_.times_opened("0"), 1) << "it is not opened again";
}

TEST_F(WorkerSlotsTest, ARefusedStepIsRepeatedByItsThread) {
  plan_.Steps("0", absl::UnavailableError("no broker"));
  ASSERT_TRUE(slots_.Open({"0"}).ok());
  WaitUntil([&] { return !slots_.trouble().empty(); });
  EXPECT_THAT(slots_.trouble(), ElementsAre("work-0: no broker"));
  EXPECT_FALSE(slots_.idle());
  plan_.Steps("0", 0);
  WaitUntil([&] { return slots_.trouble().empty() && slots_.idle(); });
}

TEST_F(WorkerSlotsTest, IsIdleAndFinishedWhenAllAre) {
  plan_.Steps("0", 1);
  plan_.Steps("1", 0);
  ASSERT_TRUE(slots_.Open({"0", "1"}).ok());
  EXPECT_FALSE(slots_.idle());
  EXPECT_FALSE(slots_.all_finished());
  plan_.Steps("0", 0);
  WaitUntil([&] { return slots_.idle(); });
  EXPECT_FALSE(slots_.all_finished());
  {
    base::MutexLock lock(plan_.mutex);
    plan_.finished = {"0", "1"};
  }
  WaitUntil([&] { return slots_.all_finished(); });
  EXPECT_TRUE(slots_.idle());
}

}  // namespace
}  // namespace keng::app
