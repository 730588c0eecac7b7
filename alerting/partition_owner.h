#ifndef KENG_ALERTING_PARTITION_OWNER_H_
#define KENG_ALERTING_PARTITION_OWNER_H_

// Takes over one partition of the inbox and holds all that belongs to it, where partitions move
// between processes: the store, its log of changes in `state`, the worker and the outbox.
//
// What happens, in this order:
//   1. the local store is opened: a cache of `state`;
//   2. the changelog is opened, which shuts out the owner before, whatever he still has in flight,
//      and the row "owner" is appended, which is the end of what he wrote;
//   3. the store is brought to that end (alerting/state_recovery.h);
//   4. from now on commits go to `state` first;
//   5. the worker goes on in the inbox where the fold stands, and announces itself there first.
// So an alert is decided once: its decision and the position in the inbox that goes with it stand
// in `state` before any channel sees it.
//
// Second sendings: with DeliveryOptions::flight_mark = kAlways an owner records in `state` that
// deliveries are in flight before it calls the channel. An owner who was shut out is refused that,
// so what can be sent twice is what was in flight at the takeover: one window a channel
// (DeliveryOptions::window_max), each alert of it once. Each is counted at step 5
// (keng_alerting_maybe_sent_again_total) and is sent with the same id.
//
// Life cycle: Open(); then the owner runs worker() and a dispatcher over outbox(); EndFold(), and
// when the dispatcher has stopped this is destroyed. When a call gives Aborted, another process has
// the partition: stop and destroy. Destruction at any point is as safe as kill -9.
//
// Threads: as of the parts. Tests: alerting/partition_owner_test.cc.

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "alerting/alerting_worker.h"
#include "alerting/state_changelog.h"
#include "alerting/state_recovery.h"
#include "alerting/store_outbox.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "store/store.h"
#include "stream/stream.h"

namespace keng::alerting {

struct PartitionOwnerOptions {
  // Its `epoch` and `texts_reader` are set here. `owner` names this process to people.
  AlertingOptions alerting;
  // A folder of this partition alone. The layout is set here.
  store::StoreOptions store;
};

class PartitionOwner {
 public:
  // `streams`, `clock` and `metrics` (may be null) must outlive it. FailedPrecondition: the streams
  // keep no changelog, or as Store::Open() and RecoverState() say. Unavailable: not now, call
  // again. Aborted: a third process took the partition meanwhile.
  static absl::StatusOr<std::unique_ptr<PartitionOwner>> Open(PartitionOwnerOptions options,
                                                              stream::Streams& streams,
                                                              const base::Clock& clock,
                                                              base::Metrics* metrics);
  ~PartitionOwner();
  PartitionOwner(const PartitionOwner&) = delete;
  PartitionOwner& operator=(const PartitionOwner&) = delete;

  // REQUIRES: EndFold() was not called.
  AlertingWorker& worker() { return *worker_; }
  StoreOutbox& outbox() { return *outbox_; }
  store::Store& store() { return *store_; }
  // Closes the worker and with it the readers of the streams, so that the partition can be given
  // back; deliveries that are in progress go on with the outbox.
  void EndFold() { worker_ = nullptr; }
  const Recovery& recovery() const { return recovery_; }
  // Deliveries that were in flight at the takeover.
  int64_t maybe_sent_again() const { return maybe_sent_again_; }

 private:
  PartitionOwner() = default;
  absl::Status CountInFlight(base::Metrics* metrics);

  // In the order of their needs: destroyed from the last.
  std::unique_ptr<StateChangelog> changelog_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<StoreOutbox> outbox_;
  std::unique_ptr<AlertingWorker> worker_;
  Recovery recovery_;
  int64_t maybe_sent_again_ = 0;
};

}  // namespace keng::alerting

#endif  // KENG_ALERTING_PARTITION_OWNER_H_
