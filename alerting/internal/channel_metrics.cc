#include "alerting/internal/channel_metrics.h"

#include <vector>

namespace keng::alerting {
namespace {

// Fine around what is aimed at: 10 ms in one process, 50 ms over Kafka.
const std::vector<double>& PostToAlertBounds() {
  static const std::vector<double> kBounds = {
      0.001, 0.002, 0.003, 0.004, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08,
      0.1,   0.15,  0.2,   0.25,  0.5,   1,      2.5,  5,     10,   30,   60,   300,  1800};
  return kBounds;
}

}  // namespace

std::string_view StateName(DeliveryState state) {
  switch (state) {
    case DeliveryState::kPending:
      return "pending";
    case DeliveryState::kSent:
      return "sent";
    case DeliveryState::kDead:
      return "dead";
    case DeliveryState::kSuppressed:
      return "suppressed";
    case DeliveryState::kDigested:
      return "digested";
  }
  return "?";
}

base::Counter DeliveryCounter(base::Metrics* metrics, std::string_view channel,
                              std::string_view result) {
  if (metrics == nullptr) return {};
  return metrics->counter("keng_channel_deliveries_total", "Results of alert deliveries",
                          {{"channel", std::string(channel)}, {"result", std::string(result)}});
}

ChannelMetrics::ChannelMetrics(base::Metrics* metrics, const std::string& channel)
    : sent(DeliveryCounter(metrics, channel, "sent")),
      retry(DeliveryCounter(metrics, channel, "retry")),
      dead(DeliveryCounter(metrics, channel, "dead")),
      suppressed(DeliveryCounter(metrics, channel, "suppressed")),
      digested(DeliveryCounter(metrics, channel, "digested")),
      edited(DeliveryCounter(metrics, channel, "edited")),
      edit_failed(DeliveryCounter(metrics, channel, "edit_failed")) {
  if (metrics == nullptr) return;
  const base::Labels labels{{"channel", channel}};
  post_to_alert =
      metrics->histogram("keng_post_to_alert_seconds",
                         "From the post's durable append to the channel's acceptance of the alert",
                         PostToAlertBounds(), labels);
  queue_items = metrics->gauge("keng_channel_queue_items",
                               "Deliveries that the channel's worker holds in memory", labels);
  window_items = metrics->gauge("keng_channel_window_items",
                                "Deliveries that are sent before they are recorded together; "
                                "1: the channel is slow, or does not need more",
                                labels);
  queue_full = metrics->counter("keng_channel_queue_full_total",
                                "Rounds in which further alerts had to wait on disk", labels);
  oldest = metrics->gauge("keng_channel_oldest_seconds",
                          "Age of the oldest alert that the channel has not accepted", labels);
  disabled = metrics->gauge("keng_channel_disabled",
                            "1 when the endpoint asked never to be called again", labels);
  outbox_errors = metrics->counter("keng_channel_outbox_errors_total",
                                   "Failed reads and writes of the outbox and its logs", labels);
}

void ChannelMetrics::CountEnd(DeliveryState state) const {
  switch (state) {
    case DeliveryState::kSent:
      return sent.Add();
    case DeliveryState::kDead:
      return dead.Add();
    case DeliveryState::kSuppressed:
      return suppressed.Add();
    case DeliveryState::kDigested:
      return digested.Add();
    case DeliveryState::kPending:
      return;
  }
}

}  // namespace keng::alerting
