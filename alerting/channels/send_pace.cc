#include "alerting/channels/send_pace.h"

#include <algorithm>

namespace keng::alerting {

absl::Time SendPace::ReadyAt(absl::Time now) {
  if (!sent_.empty() && sent_.back() > now) sent_.clear();
  if (sent_.empty()) return now;
  absl::Time ready = std::max(now, sent_.back() + distance_min_);
  if (sent_.size() >= per_minute_max_) ready = std::max(ready, sent_.front() + absl::Minutes(1));
  return ready;
}

void SendPace::Count(absl::Time now) {
  sent_.push_back(now);
  if (sent_.size() > per_minute_max_) sent_.pop_front();
}

}  // namespace keng::alerting
