#ifndef KENG_ALERTING_CHANNELS_SEND_PACE_H_
#define KENG_ALERTING_CHANNELS_SEND_PACE_H_

// The pace that a chat service allows: a least distance between messages and a most number of them
// in any minute. Remembers the times of the last messages only. Belongs to one thread.

#include <cstddef>
#include <deque>

#include "absl/time/time.h"

namespace keng::alerting {

class SendPace {
 public:
  SendPace(absl::Duration distance_min, size_t per_minute_max)
      : distance_min_(distance_min), per_minute_max_(per_minute_max) {}

  // When the next message may go, not before `now`. Messages "after" `now` (the clock was set back)
  // are forgotten.
  absl::Time ReadyAt(absl::Time now);
  // A message went at `now`.
  void Count(absl::Time now);

 private:
  const absl::Duration distance_min_;
  const size_t per_minute_max_;
  std::deque<absl::Time> sent_;  // at most per_minute_max_
};

}  // namespace keng::alerting

#endif  // KENG_ALERTING_CHANNELS_SEND_PACE_H_
