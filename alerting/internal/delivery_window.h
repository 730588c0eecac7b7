#ifndef KENG_ALERTING_INTERNAL_DELIVERY_WINDOW_H_
#define KENG_ALERTING_INTERNAL_DELIVERY_WINDOW_H_

// How many deliveries a channel's worker sends before it records their results together. Where a
// commit is a transaction and a call is fast, the commits are what an alert costs, and a large
// window shares them; where a call is slow, a result must not wait for the others, and few messages
// may be in flight when the process dies.
//
// Begins at one, doubles while a full window is fast, and falls back to one after a slow one; to
// what the channel took, when it took no more. Belongs to one thread.

#include <algorithm>
#include <cstddef>

#include "absl/time/time.h"

namespace keng::alerting {

class DeliveryWindow {
 public:
  // The calls of a window, together.
  struct Calls {
    size_t asked = 0;  // by the window
    size_t made = 0;
    absl::Duration took;
    bool may_go_on = true;  // the channel would take another call at once, and its last one went
  };

  // REQUIRES: size_max > 0.
  explicit DeliveryWindow(size_t size_max) : size_max_(size_max) {}

  size_t size() const { return size_; }
  // No further call of the window is begun.
  static bool IsSlow(absl::Duration took) { return took > kSlow; }

  void Adapt(const Calls& calls) {
    if (IsSlow(calls.took)) {
      Close();
    } else if (calls.made < calls.asked) {
      size_ = std::max<size_t>(calls.made, 1);
    } else if (calls.asked == size_ && calls.took < kFast && calls.may_go_on) {
      size_ = std::min(2 * size_, size_max_);
    }
  }
  void Close() { size_ = 1; }

 private:
  static constexpr absl::Duration kFast = absl::Milliseconds(20);
  static constexpr absl::Duration kSlow = absl::Milliseconds(100);

  const size_t size_max_;
  size_t size_ = 1;
};

}  // namespace keng::alerting

#endif  // KENG_ALERTING_INTERNAL_DELIVERY_WINDOW_H_
