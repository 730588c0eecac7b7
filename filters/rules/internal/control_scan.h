#ifndef KENG_FILTERS_RULES_INTERNAL_CONTROL_SCAN_H_
#define KENG_FILTERS_RULES_INTERNAL_CONTROL_SCAN_H_

// `control` read as every implementation of the streams can: by a tap, from the oldest record on.

#include <functional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "stream/stream.h"

namespace keng::filters {

inline constexpr absl::Duration kControlScanTimeout = absl::Seconds(60);

using ControlVisitor = std::function<void(const stream::Record&)>;

// Visits what `tap` has not read yet, up to what was the end of each partition at the call.
// DeadlineExceeded: not reached within `timeout` of real time; what was visited stays visited and
// the next call goes on. Else the errors of Read().
absl::Status ReadControlToEnd(stream::Streams& streams, stream::Reader& tap, absl::Duration timeout,
                              const ControlVisitor& visit);

// What was appended at `since` or later (InfinitePast: everything kept), by a tap of its own.
// REQUIRES: `since` is InfinitePast, or the streams can seek by time.
absl::Status ScanControl(stream::Streams& streams, absl::Time since, const ControlVisitor& visit);

}  // namespace keng::filters

#endif  // KENG_FILTERS_RULES_INTERNAL_CONTROL_SCAN_H_
