#include "alerting/delivery_decision.h"

#include <algorithm>
#include <optional>

#include "base/strings.h"

namespace keng::alerting {

using base::StrCat;

std::string_view SendOutcomeName(SendOutcome outcome) {
  switch (outcome) {
    case SendOutcome::kSent:
      return "sent";
    case SendOutcome::kRetryAfter:
      return "retry_after";
    case SendOutcome::kTransient:
      return "transient";
    case SendOutcome::kPermanent:
      return "permanent";
    case SendOutcome::kUnknown:
      return "unknown";
    case SendOutcome::kGone:
      return "gone";
  }
  return "?";
}

std::string_view DeliveryStepName(DeliveryStep step) {
  switch (step) {
    case DeliveryStep::kDone:
      return "done";
    case DeliveryStep::kSuppress:
      return "suppress";
    case DeliveryStep::kHold:
      return "hold";
    case DeliveryStep::kWait:
      return "wait";
    case DeliveryStep::kGiveUp:
      return "give_up";
    case DeliveryStep::kDigest:
      return "digest";
    case DeliveryStep::kSend:
      return "send";
  }
  return "?";
}

DeliveryStep DecideDelivery(const Delivery& delivery, absl::Time decided_at, absl::Time now,
                            RingMode mode, Ringing ringing, absl::Duration late_after) {
  if (IsFinal(delivery.state)) return DeliveryStep::kDone;
  if (mode == RingMode::kShadow) return DeliveryStep::kSuppress;
  if (ringing == Ringing::kPaused) return DeliveryStep::kHold;
  if (now < delivery.next_attempt_at) return DeliveryStep::kWait;
  if (delivery.attempts > 0 && now >= delivery.give_up_at) return DeliveryStep::kGiveUp;
  if (WasHeld(delivery) || now - decided_at > late_after) return DeliveryStep::kDigest;
  return DeliveryStep::kSend;
}

Delivery AfterAttempt(Delivery delivery, const SendResult& result, absl::Time now,
                      const RetryPolicy& policy, Repeats repeats, uint64_t random) {
  const bool was_maybe_sent = MaybeSent(delivery);
  ++delivery.attempts;
  if (delivery.give_up_at == absl::InfiniteFuture()) delivery.give_up_at = now + policy.deadline;
  if (!result.remote_id.empty()) delivery.remote_id = result.remote_id;
  delivery.last_error = result.error;
  std::optional<absl::Duration> asked;
  switch (result.outcome) {
    case SendOutcome::kSent:
      delivery.state = DeliveryState::kSent;
      delivery.last_error.clear();
      return delivery;
    case SendOutcome::kPermanent:
    case SendOutcome::kGone:
      delivery.state = DeliveryState::kDead;
      return delivery;
    case SendOutcome::kRetryAfter:
      asked = result.retry_after;
      break;
    case SendOutcome::kTransient:
    case SendOutcome::kUnknown:
      break;
  }
  const bool is_maybe_sent = was_maybe_sent || result.outcome == SendOutcome::kUnknown;
  if (is_maybe_sent && repeats == Repeats::kVisible) {
    delivery.last_error = StrCat(kMaybeSent, result.error);
  }
  // Not beyond the end: a delivery that has failed until then is dead at that time and not later.
  delivery.next_attempt_at = std::min(
      delivery.give_up_at, now + net::NextDelay(policy.backoff, delivery.attempts, random, asked));
  return delivery;
}

}  // namespace keng::alerting
