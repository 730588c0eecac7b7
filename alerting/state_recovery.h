#ifndef KENG_ALERTING_STATE_RECOVERY_H_
#define KENG_ALERTING_STATE_RECOVERY_H_

// Brings a store to where `state` ends, before it is kept with its log of changes: the tail after
// the store's position, or everything into an emptied store.
//
// Threads: one. Tests: alerting/state_recovery_test.cc; speed: alerting/recovery_bench.cc.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "store/store.h"
#include "stream/stream.h"

namespace keng::alerting {

// How long `state` keeps a tombstone at least after compaction has removed what it deletes. A store
// that has been away for longer would keep rows of whose deletion nobody can tell it any more.
inline constexpr absl::Duration kTombstonesKept = absl::Hours(24 * 7);

enum class RecoveryWay : uint8_t {
  kTail = 0,
  kNoPosition = 1,  // all, as for all that follow: the store is new
  kTrimmed = 2,     // `state` begins after the store's position
  kAway = 3,        // longer than half of kTombstonesKept, or the clock says nothing sensible
};
std::string_view RecoveryWayName(RecoveryWay way);
// `begin`: of the oldest record that the partition keeps.
RecoveryWay DecideRecovery(const std::optional<store::LogPosition>& position, int64_t begin,
                           absl::Time now);

struct RecoveryOptions {
  std::string desk;  // whose rows
  int partition = 0;
  // One past the last record to read (StateChangelog::Announce). The stream's own end would not do:
  // behind the last record may stand what no reader ever sees.
  stream::Offset end = 0;
};

struct Recovery {
  RecoveryWay way = RecoveryWay::kTail;
  int64_t rows = 0;   // records read of the desk, tombstones included
  int64_t bytes = 0;  // of their keys and values
  double seconds = 0;
};

// On OK the store holds, durably, what the records before `end` say and has that position.
// Unavailable: the stream delivers nothing; call again, what was read counts. DataLoss: a record is
// not readable, or the store has seen more of `state` than there is (the stream was lost: to go on
// would lose what only the store has). FailedPrecondition: the store holds incidents and was never
// kept with a log, so that emptying it would lose them; or the desk's partition is another one.
// REQUIRES: the store has no log yet. `metrics` may be null.
absl::StatusOr<Recovery> RecoverState(stream::Streams& streams, store::Store& store,
                                      const RecoveryOptions& options, const base::Clock& clock,
                                      base::Metrics* metrics);

}  // namespace keng::alerting

#endif  // KENG_ALERTING_STATE_RECOVERY_H_
