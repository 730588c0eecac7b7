#include "app/stage_thread.h"

#include <gtest/gtest.h>

#include <atomic>

namespace keng::app {
namespace {

// Waits for a condition that another thread brings about; fails after 10 s, returns as soon as it
// holds.
class Gate {
 public:
  void Open() {
    base::MutexLock lock(mutex_);
    open_ = true;
    opened_.NotifyAll();
  }
  bool Wait() {
    base::MutexLock lock(mutex_);
    const absl::Time deadline = absl::Now() + absl::Seconds(10);
    while (!open_ && absl::Now() < deadline) opened_.WaitFor(mutex_, absl::Seconds(1));
    return open_;
  }

 private:
  base::Mutex mutex_;
  base::CondVar opened_;
  bool open_ ABSL_GUARDED_BY(mutex_) = false;
};

TEST(StageThread, RepeatsARefusedStepAndReportsRecovery) {
  base::Metrics metrics;
  std::atomic<int> calls{0};
  Gate recovered;
  StageThread stage("filter", {.step = [&]() -> absl::StatusOr<int64_t> {
                      const int call = ++calls;
                      if (call <= 3) return absl::ResourceExhaustedError("the disk is full");
                      if (call == 5) recovered.Open();  // the state after call 4 is visible by now
                      return 1;
                    }},
                    metrics);
  ASSERT_TRUE(recovered.Wait());
  EXPECT_EQ(stage.trouble(), "");
  EXPECT_EQ(metrics.counter("keng_stage_retries_total", "", {{"stage", "filter"}}).value(), 3);
  stage.Stop();
}

TEST(StageThread, CorruptionEndsItAndIsReportedOnce) {
  base::Metrics metrics;
  Gate reported;
  std::atomic<int> calls{0};
  StageThread stage("filter",
                    {.step = [&]() -> absl::StatusOr<int64_t> {
                       ++calls;
                       return absl::DataLossError("posts/0 at 17: checksum");
                     },
                     .on_failure =
                         [&](const std::string& name, const absl::Status& status) {
                           EXPECT_EQ(name, "filter");
                           EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
                           reported.Open();
                         }},
                    metrics);
  ASSERT_TRUE(reported.Wait());
  stage.Stop();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(stage.trouble(), "posts/0 at 17: checksum");
}

TEST(StageThread, StopInterruptsTheBackOff) {
  base::Metrics metrics;
  Gate refused;
  StageThread stage("filter", {.step = [&]() -> absl::StatusOr<int64_t> {
                      refused.Open();
                      return absl::UnavailableError("later");
                    }},
                    metrics);
  ASSERT_TRUE(refused.Wait());
  stage.Stop();  // hangs for ever, and the test with it, when the back-off ignores it
}

}  // namespace
}  // namespace keng::app
