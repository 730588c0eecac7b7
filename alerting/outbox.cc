#include "alerting/outbox.h"

#include <algorithm>

#include "base/check.h"

namespace keng::alerting {

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

}  // namespace keng::alerting
