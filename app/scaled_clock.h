#ifndef KENG_APP_SCALED_CLOCK_H_
#define KENG_APP_SCALED_CLOCK_H_

// A clock that begins at a given moment and runs a number of times as fast as the real one: the
// demo's evening passes in half a minute and every window, tick and local time in it is the
// evening's own.

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/clock.h"

namespace keng::app {

// Thread-safe.
class ScaledClock final : public base::Clock {
 public:
  // REQUIRES: speed > 0.
  ScaledClock(absl::Time start, double speed)
      : start_(start), speed_(speed), real_start_(absl::Now()) {}

  absl::Time Now() const override { return start_ + (absl::Now() - real_start_) * speed_; }
  // How long to wait, in real time, until the clock shows `time`; zero or less when it does
  // already.
  absl::Duration RealUntil(absl::Time time) const { return (time - Now()) / speed_; }

 private:
  const absl::Time start_;
  const double speed_;
  const absl::Time real_start_;
};

}  // namespace keng::app

#endif  // KENG_APP_SCALED_CLOCK_H_
