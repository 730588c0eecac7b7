#ifndef KENG_APP_STAGE_THREAD_H_
#define KENG_APP_STAGE_THREAD_H_

// A named thread that calls one step of a stage again and again. A step that is refused for now
// (ResourceExhausted, Unavailable) is repeated after a jittered back-off of 10 ms to 1 s, and the
// stage counts as degraded until a step succeeds; any other error ends the thread and is reported
// once to `on_failure`, which stops the program: going on after corruption would be guessing.
//
// Life cycle: starts at construction; Stop() asks, wakes, and joins. The destructor stops.
// Threads: Stop(), degraded() and failure() may be called by any thread.

#include <atomic>
#include <functional>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/metrics.h"
#include "base/mutex.h"

namespace keng::app {

class StageThread {
 public:
  struct Hooks {
    // One step; it may wait a little for work. Returns how much it did, for nothing but tests.
    std::function<absl::StatusOr<int64_t>()> step;
    // True when no step will ever be needed again: the thread ends. May be empty.
    std::function<bool()> finished;
    // Makes a step that waits return soon. May be empty.
    std::function<void()> wake;
    // Called at most once, on the stage's thread. May be empty.
    std::function<void(const std::string& stage, const absl::Status& status)> on_failure;
  };

  StageThread(std::string name, Hooks hooks, base::Metrics& metrics);
  ~StageThread();
  StageThread(const StageThread&) = delete;
  StageThread& operator=(const StageThread&) = delete;

  void Stop();
  const std::string& name() const { return name_; }
  // What refuses the stage's steps at the moment; empty when it is well.
  std::string trouble() const;

 private:
  void Run();
  void SetTrouble(const std::string& trouble);

  // Constant after construction.
  const std::string name_;
  const Hooks hooks_;
  base::Counter retries_;
  base::Gauge degraded_;

  mutable base::Mutex mutex_;
  base::CondVar stopped_;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::string trouble_ ABSL_GUARDED_BY(mutex_);

  std::thread thread_;  // the last member: it sees all others
};

}  // namespace keng::app

#endif  // KENG_APP_STAGE_THREAD_H_
