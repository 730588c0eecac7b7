#ifndef KENG_ALERTING_DELIVERY_DECISION_H_
#define KENG_ALERTING_DELIVERY_DECISION_H_

// What to do next with one delivery: a pure function, so that "why was this sent, held or given
// up" has one answer that a table test can hold.

#include <cstdint>
#include <string_view>

#include "absl/time/time.h"
#include "alerting/outbox.h"

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

// Delivery::last_error of deliveries that a pause held back, and of those whose attempt has begun
// and whose end is not known. They survive a crash with the delivery.
inline constexpr std::string_view kHeldByPause = "held by pause";
inline constexpr std::string_view kInFlight = "in flight";

// In this order: a finished delivery stays so; shadow suppresses; a pause holds, also what is due;
// an attempt waits for its time; one beyond give_up_at is dead; one that a pause held, or that was
// decided more than `late_after` ago, goes into the digest. An alert decided in the future (the
// clock was set back) is not late.
DeliveryStep DecideDelivery(const Delivery& delivery, absl::Time decided_at, absl::Time now,
                            RingMode mode, Ringing ringing, absl::Duration late_after);

}  // namespace keng::alerting

#endif  // KENG_ALERTING_DELIVERY_DECISION_H_
