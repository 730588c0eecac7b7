#include "alerting/outbox.h"

#include <algorithm>

#include "base/check.h"
#include "base/strings.h"

namespace keng::alerting {

bool WasHeld(const Delivery& delivery) { return delivery.last_error.ends_with(kHeldByPause); }

bool MaybeSent(const Delivery& delivery) {
  return delivery.last_error == kInFlight || delivery.last_error.starts_with(kMaybeSent);
}

bool IsInFlight(const Delivery& delivery) {
  return !IsFinal(delivery.state) && delivery.last_error.ends_with(kInFlight) &&
         MaybeSent(delivery);
}

bool IsFinal(DeliveryState state) { return state != DeliveryState::kPending; }

bool AreDone(absl::Span<const Delivery> deliveries, absl::Span<const std::string> channels) {
  return std::all_of(channels.begin(), channels.end(), [&](const std::string& channel) {
    return std::any_of(deliveries.begin(), deliveries.end(), [&](const Delivery& delivery) {
      return delivery.channel == channel && delivery.state != DeliveryState::kPending;
    });
  });
}

absl::Status Outbox::CompleteIfDone(uint64_t sequence, std::string_view alert_id,
                                    absl::Span<const std::string> channels) {
  KENG_ASSIGN_OR_RETURN(const std::vector<Delivery> deliveries, Deliveries(alert_id));
  return AreDone(deliveries, channels) ? Complete(sequence, alert_id) : absl::OkStatus();
}

absl::StatusOr<std::optional<Delivery>> Outbox::Dead(std::string_view alert_id,
                                                     std::string_view channel) const {
  KENG_ASSIGN_OR_RETURN(const std::vector<Delivery> known, Deliveries(alert_id));
  for (const Delivery& delivery : known) {
    if (delivery.channel == channel && delivery.state == DeliveryState::kDead) return delivery;
  }
  return std::optional<Delivery>();
}

}  // namespace keng::alerting
