#ifndef KENG_BASE_CLOCK_H_
#define KENG_BASE_CLOCK_H_

// Where time comes from. Everything that asks for the time takes a Clock&, so that tests and the
// simulation own it. RealClock reads the system clock; FakeClock stands still until it is told to
// move.

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/mutex.h"

namespace keng::base {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // Wall-clock time. May jump in either direction: whoever needs an order keeps a running maximum.
  virtual absl::Time Now() const = 0;
};

class RealClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::Now(); }
};

class FakeClock final : public Clock {
 public:
  explicit FakeClock(absl::Time start) : now_(start) {}
  absl::Time Now() const override {
    MutexLock lock(mutex_);
    return now_;
  }
  // Moves the clock by `step`, which may be negative (a clock that was set back).
  void Advance(absl::Duration step) {
    MutexLock lock(mutex_);
    now_ += step;
  }
  void Set(absl::Time now) {
    MutexLock lock(mutex_);
    now_ = now;
  }

 private:
  mutable Mutex mutex_;
  absl::Time now_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace keng::base

#endif  // KENG_BASE_CLOCK_H_
