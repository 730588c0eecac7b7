#ifndef KENG_APP_CLUSTER_WORKER_SLOTS_H_
#define KENG_APP_CLUSTER_WORKER_SLOTS_H_

// The workers of a StageHost: one for each partition (or source), each with a thread. A worker that
// the streams have shut out (Aborted) is closed and, while the partition is still held, opened anew
// after a pause: the group tells within a few heartbeats when it is not.
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

// What a slot runs. Destruction closes it.
class SlotWorker {
 public:
  virtual ~SlotWorker() = default;
  virtual absl::StatusOr<int64_t> Step() = 0;
  virtual bool finished() const { return false; }
  virtual void Wake() = 0;
  // Called before destruction, when no step runs any more.
  virtual void Close() {}
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
    absl::Duration reopen_after = kReopenAfter;
  };

  explicit WorkerSlots(Parts parts);
  ~WorkerSlots();

  // Opens workers for these keys; those that are open stay. The errors of `open`.
  absl::Status Open(const std::vector<std::string>& keys);
  absl::Status Tend();
  void CloseAll();

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
  absl::Status OpenSlot(const std::string& key, Slot& slot);
  static void CloseSlot(Slot& slot);

  const Parts parts_;
  base::Counter shut_out_counter_;
  mutable base::Mutex mutex_;
  std::map<std::string, std::unique_ptr<Slot>> slots_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace keng::app

#endif  // KENG_APP_CLUSTER_WORKER_SLOTS_H_
