#ifndef KENG_APP_CLUSTER_WORKER_SLOTS_H_
#define KENG_APP_CLUSTER_WORKER_SLOTS_H_

// The workers of a StageHost: one for each partition (or source), each with a thread. A worker that
// the streams have shut out (Aborted) is closed and, while the partition is still held, opened anew
// after a pause: the group tells within a few heartbeats when it is not.
//
// A worker that does not come to its end when it is closed (a call outside, a broker that does not
// answer) is kept aside until it does: "leaving". Its key is opened again only then; where it is
// wanted for longer than close_deadline, the process has to end, so that another can work on it.
//
// Threads: as StageHost. `open` is called on the loop's thread.
// Tests: app/cluster/worker_slots_test.cc.

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "app/stage_thread.h"
#include "base/mutex.h"

namespace keng::app {

// What a slot runs.
class SlotWorker {
 public:
  virtual ~SlotWorker() = default;
  virtual absl::StatusOr<int64_t> Step() = 0;
  virtual bool finished() const { return false; }
  virtual void Wake() = 0;
  // Called before destruction, when no step runs any more. DeadlineExceeded: something of it still
  // runs; it is called again, with no time at all as well.
  virtual absl::Status Close(absl::Duration /*deadline*/) { return absl::OkStatus(); }
};

class WorkerSlots {
 public:
  // How long a worker that was shut out stays closed at least.
  static constexpr absl::Duration kReopenAfter = absl::Seconds(3);

  struct Parts {
    std::string prefix;  // of thread names: "filter-"
    std::function<absl::StatusOr<std::unique_ptr<SlotWorker>>(const std::string& key)> open;
    // A worker met an error that ends the process.
    std::function<void(const std::string& stage, const absl::Status& status)> on_failure;
    base::Metrics* metrics;
    absl::Duration close_deadline = absl::Seconds(20);
    absl::Duration reopen_after = kReopenAfter;
  };

  explicit WorkerSlots(Parts parts);
  ~WorkerSlots();

  // Opens workers for these keys, as many as can be; those that are open stay. The first of the
  // errors of `open`; Unavailable: a worker of the key is leaving; FailedPrecondition: and has been
  // for too long.
  absl::Status Open(const std::vector<std::string>& keys);
  absl::Status Tend();
  void CloseAll();
  // Waits a little for those that are leaving. DeadlineExceeded: one has not ended; its destruction
  // waits for it, however long.
  absl::Status Finish();

  std::vector<std::string> trouble() const;
  bool all_finished() const;
  // Every worker's last step found nothing to do.
  bool idle() const;

 private:
  struct Slot {
    std::unique_ptr<SlotWorker> worker;
    std::unique_ptr<StageThread> thread;
    std::atomic<bool> idle{false};
    std::atomic<bool> finished{false};
    std::atomic<bool> shut_out{false};
    absl::Time closed_at = absl::InfinitePast();
  };
  struct Leaving {
    std::unique_ptr<SlotWorker> worker;
    absl::Time wanted_at = absl::InfiniteFuture();  // when its key was first to be opened again
  };
  absl::Status OpenSlot(const std::string& key, Slot& slot);
  void CloseSlot(const std::string& key, Slot& slot);
  absl::Status End(const std::string& key, absl::Duration deadline);
  absl::Status Reap(absl::Duration deadline);

  const Parts parts_;
  base::Counter shut_out_counter_;
  base::Gauge leaving_gauge_;
  mutable base::Mutex mutex_;
  std::map<std::string, std::unique_ptr<Slot>> slots_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Leaving> leaving_;  // changed under the lock too
};

}  // namespace keng::app

#endif  // KENG_APP_CLUSTER_WORKER_SLOTS_H_
