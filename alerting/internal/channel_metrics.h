#ifndef KENG_ALERTING_INTERNAL_CHANNEL_METRICS_H_
#define KENG_ALERTING_INTERNAL_CHANNEL_METRICS_H_

// What a channel's worker counts, and the words for its results in metrics and in `alerts`.

#include <string>
#include <string_view>

#include "alerting/outbox.h"
#include "base/metrics.h"

namespace keng::alerting {

// A label of metrics and "result" of the stream `alerts`.
std::string_view StateName(DeliveryState state);

// No-op when `metrics` is null.
base::Counter DeliveryCounter(base::Metrics* metrics, std::string_view channel,
                              std::string_view result);

struct ChannelMetrics {
  ChannelMetrics(base::Metrics* metrics, const std::string& channel);

  // Adds one to the counter of a delivery that is final.
  void CountEnd(DeliveryState state) const;

  base::Counter sent, retry, dead, suppressed, digested, edited, edit_failed;
  base::Histogram post_to_alert;
  base::Gauge queue_items, window_items, oldest, disabled;
  base::Counter queue_full, outbox_errors;
};

}  // namespace keng::alerting

#endif  // KENG_ALERTING_INTERNAL_CHANNEL_METRICS_H_
