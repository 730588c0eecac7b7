#include "filters/rules/internal/control_scan.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "absl/time/clock.h"
#include "base/check.h"

namespace keng::filters {

namespace {

constexpr size_t kReadBytes = size_t{4} << 20;
constexpr absl::Duration kReadWait = absl::Milliseconds(100);

}  // namespace

absl::Status ReadControlToEnd(stream::Streams& streams, stream::Reader& tap, absl::Duration timeout,
                              const ControlVisitor& visit) {
  constexpr stream::StreamId kControl = stream::StreamId::kControl;
  std::vector<stream::Offset> ends;
  for (int partition = 0; partition < streams.partitions(kControl); ++partition) {
    KENG_ASSIGN_OR_RETURN(const stream::Offset end, streams.End(kControl, partition));
    ends.push_back(end);
  }
  const absl::Time deadline = absl::Now() + timeout;
  const auto at_end = [&] {
    for (size_t i = 0; i < ends.size(); ++i) {
      if (tap.position(static_cast<int>(i)) < ends[i]) return false;
    }
    return true;
  };
  while (!at_end()) {
    const absl::Duration left = deadline - absl::Now();
    KENG_ASSIGN_OR_RETURN(const std::shared_ptr<const stream::RecordBatch> batch,
                          tap.Read(kReadBytes, std::clamp(left, absl::ZeroDuration(), kReadWait)));
    if (batch != nullptr) {
      for (const stream::Record& record : batch->records()) visit(record);
    } else if (left <= absl::ZeroDuration()) {
      if (at_end()) break;
      return absl::DeadlineExceededError("the stream control cannot be read to its end for now");
    }
  }
  return absl::OkStatus();
}

absl::Status ScanControl(stream::Streams& streams, absl::Time since, const ControlVisitor& visit) {
  KENG_ASSIGN_OR_RETURN(const std::unique_ptr<stream::Reader> tap,
                        streams.OpenTap(stream::StreamId::kControl));
  if (since != absl::InfinitePast()) {
    for (int i = 0; i < streams.partitions(stream::StreamId::kControl); ++i) {
      KENG_RETURN_IF_ERROR(tap->SeekToTime(i, since));
    }
  }
  return ReadControlToEnd(streams, *tap, kControlScanTimeout, visit);
}

}  // namespace keng::filters
