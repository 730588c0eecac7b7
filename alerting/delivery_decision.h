#ifndef KENG_ALERTING_DELIVERY_DECISION_H_
#define KENG_ALERTING_DELIVERY_DECISION_H_

// What to do next with one delivery, and what an attempt makes of it: pure functions, so that "why
// was this sent, held or given up" has one answer that a table test can hold.

#include <cstdint>
#include <string_view>

#include "absl/time/time.h"
#include "alerting/channels/channel.h"
#include "alerting/outbox.h"
#include "net/backoff.h"

namespace keng::alerting {

// kShadow: the whole line runs and no channel is used.
enum class RingMode : uint8_t { kLive, kShadow };
enum class Ringing : uint8_t { kOn, kPaused };

enum class DeliveryStep : uint8_t {
  kDone,      // nothing is left to do
  kSuppress,  // shadow mode
  kHold,      // ringing is paused
  kWait,      // its next attempt is not due
  kGiveUp,    // attempts have failed for as long as they may
  kDigest,    // it is late: with the others that are late, in one message marked so
  kSend,
};
std::string_view DeliveryStepName(DeliveryStep step);

// In this order: a finished delivery stays so; shadow suppresses; a pause holds, also what is due;
// an attempt waits for its time; one that failed until give_up_at is dead; one that a pause held,
// or that was decided more than `late_after` ago, goes into the digest. An alert decided in the
// future (the clock was set back) is not late.
DeliveryStep DecideDelivery(const Delivery& delivery, absl::Time decided_at, absl::Time now,
                            RingMode mode, Ringing ringing, absl::Duration late_after);

struct RetryPolicy {
  net::BackoffOptions backoff = {.base = absl::Seconds(5), .cap = absl::Minutes(15)};
  absl::Duration deadline = absl::Hours(24);  // from the first attempt
};

// Before which attempts "in flight" is recorded. kAlways where another process may take the outbox
// over: recording it proves that it has not, and tells the next owner what may have been sent.
enum class FlightMark : uint8_t { kWhereRepeatsShow, kAlways };

// A channel whose receiver knows a repeat by its id needs no warning of one.
enum class Repeats : uint8_t { kRecognised, kVisible };

// The delivery after an attempt that ended so at `now`. `random`: 64 random bits for the jitter.
Delivery AfterAttempt(Delivery delivery, const SendResult& result, absl::Time now,
                      const RetryPolicy& policy, Repeats repeats, uint64_t random);

}  // namespace keng::alerting

#endif  // KENG_ALERTING_DELIVERY_DECISION_H_
