#ifndef KENG_STREAM_MEMBERSHIP_H_
#define KENG_STREAM_MEMBERSHIP_H_

// How the partitions of a stream are divided among the processes that read it under one name. The
// streams do the dividing (Kafka's group protocol); this says what this process holds. The records
// themselves are read by Readers, which OpenReader() opens for the partitions that are held.
//
// States, on the thread that calls Poll():
//
//   kRevoked   nothing is held      -- kGained --> kConsuming
//   kConsuming partitions are held  -- kLost   --> kDraining
//   kDraining  they are given back  -- Release() --> kRevoked
//
// Between kLost and Release() the partitions still belong to this process, unless it was silent for
// longer than the session timeout: it finishes or drops what it has begun, closes its readers, and
// calls Release(). What it commits after that is refused with Aborted.
//
// Threads: Poll() and Release() belong to one thread; Wake() and state() may be called by any.
// Implementations: stream/kafka/internal/kafka_membership.h, stream/testing/memory_streams.h.

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace keng::stream {

enum class MemberState : uint8_t { kRevoked = 0, kConsuming = 1, kDraining = 2 };
std::string_view MemberStateName(MemberState state);

enum class MemberEvent : uint8_t {
  kNone,    // nothing happened in time
  kGained,  // partitions() is new
  kLost,    // all of partitions() go: drain, then Release()
};

class Membership {
 public:
  // Leaves the group and gives back what is held. REQUIRES: no Reader of the partitions is open.
  virtual ~Membership() = default;

  // Waits up to `timeout` for an event. Must be called at least every few seconds, or the process
  // counts as gone. REQUIRES: not kDraining.
  // Unavailable: the cluster cannot be reached; what is held is held. Aborted: the group takes this
  // member for a former one, because another process has this instance's name or, once, because
  // the cluster was away: nothing is held any more, and the caller drops what it has begun and
  // opens another membership in place of this one. Cancelled: likewise, and it is known that no
  // other process is the reason.
  virtual absl::StatusOr<MemberEvent> Poll(absl::Duration timeout) = 0;
  // REQUIRES: kDraining, and no Reader of the partitions is open.
  virtual absl::Status Release() = 0;

  virtual MemberState state() const = 0;
  // What is held, in ascending order; also while kDraining. Of the thread of Poll().
  virtual const std::vector<int>& partitions() const = 0;
  // Makes a Poll() that waits in another thread return kNone soon.
  virtual void Wake() = 0;
};

}  // namespace keng::stream

#endif  // KENG_STREAM_MEMBERSHIP_H_
