#ifndef KENG_BASE_BOUNDED_QUEUE_H_
#define KENG_BASE_BOUNDED_QUEUE_H_

// A queue between two stages, bounded by count and by bytes. Work moves through it by value. A full
// queue makes its producer wait; it never grows. An empty queue always takes one item, however
// large, so that progress is certain.
//
// Thread-safe. Close() ends it: producers are refused at once, consumers receive what is left and
// then nullopt.

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/mutex.h"

namespace keng::base {

template <typename T>
class BoundedQueue {
 public:
  BoundedQueue(size_t items_max, size_t bytes_max) : items_max_(items_max), bytes_max_(bytes_max) {}

  // Waits for room. Returns false, dropping nothing from the queue but not taking `item`, when the
  // queue is closed.
  bool Push(T item, size_t bytes) {
    MutexLock lock(mutex_);
    while (!closed_ && !HasRoom(bytes)) room_.Wait(mutex_);
    if (closed_) return false;
    Put(std::move(item), bytes);
    return true;
  }

  // Takes `item` only when there is room now. Returns false when full or closed; `item` is then
  // unchanged.
  bool TryPush(T& item, size_t bytes) {
    MutexLock lock(mutex_);
    if (closed_ || !HasRoom(bytes)) return false;
    Put(std::move(item), bytes);
    return true;
  }

  // Waits up to `timeout` for an item. nullopt: timed out, or closed and empty (see closed()).
  std::optional<T> Pop(absl::Duration timeout = absl::InfiniteDuration()) {
    MutexLock lock(mutex_);
    const bool forever = timeout == absl::InfiniteDuration();
    const absl::Time deadline = forever ? absl::InfiniteFuture() : absl::Now() + timeout;
    while (items_.empty() && !closed_) {
      if (forever) {
        filled_.Wait(mutex_);
        continue;
      }
      const absl::Duration left = deadline - absl::Now();
      if (left <= absl::ZeroDuration()) return std::nullopt;
      filled_.WaitFor(mutex_, left);
    }
    if (items_.empty()) return std::nullopt;
    Entry entry = std::move(items_.front());
    items_.pop_front();
    bytes_ -= entry.bytes;
    room_.NotifyAll();
    return std::move(entry.item);
  }

  void Close() {
    MutexLock lock(mutex_);
    closed_ = true;
    room_.NotifyAll();
    filled_.NotifyAll();
  }

  bool closed() const {
    MutexLock lock(mutex_);
    return closed_;
  }
  size_t size() const {
    MutexLock lock(mutex_);
    return items_.size();
  }
  size_t bytes() const {
    MutexLock lock(mutex_);
    return bytes_;
  }

 private:
  struct Entry {
    T item;
    size_t bytes;
  };

  bool HasRoom(size_t bytes) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return items_.empty() || (items_.size() < items_max_ && bytes_ + bytes <= bytes_max_);
  }
  void Put(T item, size_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    items_.push_back(Entry{std::move(item), bytes});
    bytes_ += bytes;
    filled_.NotifyOne();
  }

  // Constant after construction.
  const size_t items_max_;
  const size_t bytes_max_;

  mutable Mutex mutex_;
  CondVar room_;
  CondVar filled_;
  std::deque<Entry> items_ ABSL_GUARDED_BY(mutex_);
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace keng::base

#endif  // KENG_BASE_BOUNDED_QUEUE_H_
