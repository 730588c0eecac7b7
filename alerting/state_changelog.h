#ifndef KENG_ALERTING_STATE_CHANGELOG_H_
#define KENG_ALERTING_STATE_CHANGELOG_H_

// Alerting's rows as records of the compacted stream `state`, in which they outlive the store's
// folder: the store's log of changes (store/change_log.h) on a stream's changelog
// (stream/changelog.h). alerting/state_recovery.h reads them back.
//
// A record of `state`
//   key    desk "/" number of the table, decimal "/" key of the row, any bytes
//   value  kStateRowVersion, one byte, and the row's bytes; a deleted row is a tombstone
// The desk is the one whose worker folds the inbox's partition; it holds no '/' and decides the
// partition (stream::PartitionKey). Table 0 holds one row of ours, "owner": who wrote last.
//
// Everything goes but the texts: kTexts, kTextsRead, kTextMarks and the texts' rows of kErasures
// come again from the stream `texts`, where they are deleted in time.
//
// Bounds: a batch is what one Store::Commit() or a group of small ones brings, at most about
// AlertingOptions::commit_bytes + kTickBytesMax, with 64 bytes a row for its key; beyond
// stream::WriteSet::kBytesMax it is refused.
//
// Threads: as ChangeLog says. Tests: alerting/state_changelog_test.cc.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/metrics.h"
#include "store/change_log.h"
#include "stream/changelog.h"
#include "stream/stream.h"

namespace keng::alerting {

// The second part of kStateLayout: goes up with it.
inline constexpr char kStateRowVersion = 3;

std::string StateKey(std::string_view desk, store::TableId table, std::string_view key);

// A record of `state`, taken apart. The views point into it.
struct StateRow {
  store::Change change;
  bool is_ours = false;  // of the desk asked for; nothing else is set when it is not
};
// DataLoss: not made by StateChangelog, or by a program with other rows; the message names the key.
absl::StatusOr<StateRow> ParseStateRecord(std::string_view desk, const stream::Record& record);

class StateChangelog final : public store::ChangeLog {
 public:
  // `metrics` may be null.
  StateChangelog(std::unique_ptr<stream::Changelog> changelog, std::string desk,
                 base::Metrics* metrics);

  bool Logs(store::TableId table, std::string_view key) const override;
  // InvalidArgument: a row or the batch is over the stream's bounds; nothing was written.
  absl::StatusOr<int64_t> Append(absl::Span<const store::Change> changes) override;

  // Writes the row "owner". What it returns is the end of all that owners before have written, and
  // a number that grows from owner to owner. Not while Append() is in progress.
  absl::StatusOr<int64_t> Announce(std::string_view owner);

 private:
  absl::StatusOr<int64_t> AppendSet();

  // Constant after construction.
  const std::unique_ptr<stream::Changelog> changelog_;
  const std::string desk_;
  base::Counter rows_, bytes_, failures_;
  base::Histogram append_seconds_;

  stream::WriteSet set_;  // of the call in progress; keeps its memory
};

}  // namespace keng::alerting

#endif  // KENG_ALERTING_STATE_CHANGELOG_H_
