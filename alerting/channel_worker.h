#ifndef KENG_ALERTING_CHANNEL_WORKER_H_
#define KENG_ALERTING_CHANNEL_WORKER_H_

// All that one channel has to do, in rounds: take new alerts of its cells from the outbox, attempt
// what is due, bring late ones in a digest, edit the messages that show incidents which have
// changed.
//
// The order of one attempt, which the delivery promise rests on:
//   W1  where the receiver cannot recognise a repeat, or the outbox may be taken over by another
//       process (FlightMark), "in flight" is recorded first;
//   W2  the channel is called;
//   W3  the result goes to the stream `alerts` (and `dead`);
//   W4  the result is recorded in the outbox, and with it
//   W5  the alert is completed when all its channels are done.
// A crash between W2 and W4 repeats the attempt with the same id.
//
// Attempts are made in windows (internal/delivery_window.h): W1 is one commit of the outbox for all
// of a window, then each is called in its turn, then W3 is one write and W4 with W5 one commit. A
// crash in between repeats those that were called, each at most once. A window ends early when
// Stop() is called, the channel takes no more for now, or the calls have taken long together; the
// marks of those that were not called are taken back with W4, so that they do not look like
// repeats.
//
// An outbox that refuses a record for now (Unavailable) ends the round: what was accepted stays in
// memory as such and is recorded at the beginning of a later round, without a second call. An
// outbox that has gone to another process (Aborted) ends all work of this one.
//
// Where the channel can edit, the first message of an incident quotes the post and is the only one
// that does: later alerts go out as follow-ups without a quote, and the first message is edited as
// the incident grows, is resolved, or loses its post. It is recorded together with the delivery, so
// that a quote whose delivery is known can always be withdrawn.
//
// Threads: RunOnce() belongs to one thread; NotifyChanged() and Stop() to any.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "alerting/cell_channels.h"
#include "alerting/channels/channel.h"
#include "alerting/delivery_decision.h"
#include "alerting/delivery_log.h"
#include "alerting/outbox.h"
#include "alerting/render.h"
#include "base/clock.h"
#include "base/metrics.h"

namespace keng::alerting {

struct DeliveryOptions {
  RingMode mode = RingMode::kLive;
  std::string event_source = "/keng";  // CloudEvents `source` of this installation
  absl::Duration late_after = absl::Minutes(30);
  RetryPolicy retry;
  FlightMark flight_mark = FlightMark::kWhereRepeatsShow;
  absl::Duration poll_interval = absl::Milliseconds(500);  // of a worker that nobody wakes
  absl::Duration shown_scan_interval = absl::Minutes(1);
  absl::Duration edit_interval_min = absl::Seconds(15);  // between two edits of one message
  size_t window_max = 1;     // deliveries sent before they are recorded together
  size_t active_max = 1024;  // deliveries a worker holds in memory
  size_t digest_max = 40;    // alerts in one digest
  uint64_t seed = 0;         // of the jitter; 0: from the system
};

// What all workers share. Borrowed pointers are not null (metrics may be) and outlive the workers.
struct DeliveryContext {
  DeliveryOptions options;
  Outbox* outbox = nullptr;
  DeliveryLog* log = nullptr;
  const PlaceNames* places = nullptr;
  const CellChannels* routes = nullptr;
  const base::Clock* clock = nullptr;
  base::Metrics* metrics = nullptr;
};

struct ChannelSpec {
  std::string name;
  std::unique_ptr<Channel> channel;
  Languages languages = Languages::kVi;
};

// One step of a worker's life: what the threads of the dispatcher run.
class DeliveryWorker {
 public:
  virtual ~DeliveryWorker() = default;
  // Does what is due now, and says by the clock when it wants to be called again at the latest.
  virtual absl::Time RunOnce() = 0;
  virtual void NotifyChanged(const std::vector<std::string>& incident_ids) = 0;
  // No further attempt is begun; one in progress goes on (see Cut).
  virtual void Stop() = 0;
  // Cuts a call in progress short.
  virtual void Cut() = 0;
};

std::unique_ptr<DeliveryWorker> MakeChannelWorker(const DeliveryContext& context,
                                                  ChannelSpec channel);

}  // namespace keng::alerting

#endif  // KENG_ALERTING_CHANNEL_WORKER_H_
