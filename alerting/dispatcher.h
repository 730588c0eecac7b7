#ifndef KENG_ALERTING_DISPATCHER_H_
#define KENG_ALERTING_DISPATCHER_H_

// Delivers the outbox: each alert through each channel of its cell, until the channel has accepted
// it, it went out in a digest marked late, or it was given up and lies in `dead`. Never twice,
// unless the process dies between a channel's acceptance and the durable record of it; the second
// message then has the same id, and says "(có thể trùng)" where the receiver cannot know ids.
//
// Every channel has a worker of its own (alerting/channel_worker.h) that reads the outbox at its
// own pace, so that a stuck channel delays only itself. What waits is in the outbox, on disk; in
// memory a worker holds a bounded window of it.
//
// Life cycle: construct, Start(), Stop(). After a crash nothing special is done: what is pending in
// the outbox is attempted again. kill -9 at any point is as safe as Stop().
//
// Threads: makes one thread a channel ("ring-NAME") and one for alerts that no channel takes
// ("ring-none"). All functions are thread-safe. Tests that need no threads call RunOnce() instead
// of Start().

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "alerting/channel_worker.h"

namespace keng::alerting {

class Dispatcher {
 public:
  // What `context` points to outlives the dispatcher. REQUIRES: channel names are distinct.
  Dispatcher(DeliveryContext context, std::vector<ChannelSpec> channels);
  // Waits until all threads have ended, however long.
  ~Dispatcher();
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  void Start();
  // Ends the threads: no further attempt is begun, calls in progress have three quarters of
  // `deadline` to end and are then cut short; what is pending stays in the outbox. Idempotent.
  // DeadlineExceeded: threads have not ended, and still use what `context` points to. Call it again
  // to wait longer; a process that does not want to wait ends without destruction.
  absl::Status Stop(absl::Duration deadline);

  // There may be new alerts, or ringing was paused or resumed.
  void Wake();
  // These incidents changed in a way that their shown messages should follow. A hint: a scan finds
  // all others within DeliveryOptions::shown_scan_interval.
  void NotifyChanged(const std::vector<std::string>& incident_ids);

  // One round of every worker in the calling thread. REQUIRES: not started.
  void RunOnce();

 private:
  class Loop;

  std::vector<std::unique_ptr<Loop>> loops_;
};

}  // namespace keng::alerting

#endif  // KENG_ALERTING_DISPATCHER_H_
