#include "alerting/state_recovery.h"

#include <memory>
#include <vector>

#include "absl/time/clock.h"
#include "alerting/state_changelog.h"
#include "alerting/state_tables.h"
#include "base/check.h"
#include "base/crash_point.h"
#include "base/log.h"
#include "base/stable_hash.h"
#include "base/strings.h"

namespace keng::alerting {
namespace {

using stream::StreamId;

constexpr size_t kReadBytes = size_t{4} << 20;
constexpr absl::Duration kReadWait = absl::Seconds(1);
constexpr int kEmptyReadsMax = 30;
// A clock that was set back by more says nothing about how long the store was away.
constexpr absl::Duration kClockBackMax = absl::Hours(1);

// 1 while in recovery, for each partition.
class Progress {
 public:
  Progress(base::Metrics* metrics, int partition) {
    if (metrics == nullptr) return;
    const base::Labels labels{{"partition", base::StrCat(partition)}};
    rows_ = metrics->counter("keng_alerting_recovered_rows_total",
                             "Records of `state` read to bring a store up to date");
    seconds_ = metrics->gauge("keng_alerting_recovery_seconds",
                              "Time that the last recovery of the partition took", labels);
    recovering_ = metrics->gauge("keng_alerting_recovering",
                                 "1 while the partition's store is brought up to date", labels);
    recovering_.Set(1);
  }
  ~Progress() {
    seconds_.Set(seconds());
    recovering_.Set(0);
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void AddRows(int64_t rows) const { rows_.Add(static_cast<double>(rows)); }
  double seconds() const { return absl::ToDoubleSeconds(absl::Now() - begin_); }

 private:
  const absl::Time begin_ = absl::Now();
  base::Counter rows_;
  base::Gauge recovering_, seconds_;
};

absl::Status CheckPartition(stream::Streams& streams, const RecoveryOptions& options) {
  const int count = streams.partitions(StreamId::kState);
  if (count != streams.partitions(StreamId::kInbox)) {
    return absl::FailedPreconditionError(
        base::StrCat("`state` has ", count, " partitions and `inbox` has ",
                     streams.partitions(StreamId::kInbox), ": they must be as many"));
  }
  if (base::PartitionOf(options.desk, count) != options.partition) {
    return absl::FailedPreconditionError(base::StrCat(
        "desk ", options.desk, " stands in partition ", base::PartitionOf(options.desk, count),
        " of ", count, " and not in ", options.partition));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> HasIncidents(const store::Store& store) {
  bool has = false;
  KENG_RETURN_IF_ERROR(store.Scan(table::kFold, "", "", [&](std::string_view, std::string_view) {
    has = true;
    return store::Visit::kStop;
  }));
  return has;
}

// Empties the store unless its tail will do.
absl::StatusOr<RecoveryWay> Prepare(stream::Streams& streams, store::Store& store,
                                    const RecoveryOptions& options, const base::Clock& clock) {
  KENG_ASSIGN_OR_RETURN(const std::optional<store::LogPosition> position, store.log_position());
  if (position && position->next > options.end) {
    return absl::DataLossError(base::StrCat(
        "the store has `state` up to ", position->next, " and the stream ends at ", options.end,
        ": the stream was lost or made anew. Move the store's folder away to go on with what the "
        "stream and the inbox have"));
  }
  KENG_ASSIGN_OR_RETURN(const stream::Offset begin,
                        streams.Begin(StreamId::kState, options.partition));
  const RecoveryWay way = DecideRecovery(position, begin, clock.Now());
  if (way == RecoveryWay::kTail) return way;
  if (!position) {
    KENG_ASSIGN_OR_RETURN(const bool has_incidents, HasIncidents(store));
    if (has_incidents) {
      return absl::FailedPreconditionError(
          "the store holds incidents and was never kept with a changelog: give another folder");
    }
  }
  KENG_RETURN_IF_ERROR(store.Clear());
  return way;
}

absl::Status ApplyBatch(const stream::RecordBatch& batch, const RecoveryOptions& options,
                        store::Store& store, Recovery& recovery) {
  std::vector<store::Change> changes;
  changes.reserve(batch.records().size());
  for (const stream::Record& record : batch.records()) {
    KENG_ASSIGN_OR_RETURN(const StateRow row, ParseStateRecord(options.desk, record));
    if (!row.is_ours) continue;
    ++recovery.rows;
    recovery.bytes += static_cast<int64_t>(record.key.size() + record.value.size());
    // The store's own table is not for others: what stands there says only who wrote.
    if (row.change.table != 0) changes.push_back(row.change);
  }
  return store.ApplyLogged(changes, batch.next_offset());
}

}  // namespace

std::string_view RecoveryWayName(RecoveryWay way) {
  switch (way) {
    case RecoveryWay::kTail:
      return "tail";
    case RecoveryWay::kNoPosition:
      return "no_position";
    case RecoveryWay::kTrimmed:
      return "trimmed";
    case RecoveryWay::kAway:
      return "away";
  }
  return "?";
}

RecoveryWay DecideRecovery(const std::optional<store::LogPosition>& position, int64_t begin,
                           absl::Time now) {
  if (!position) return RecoveryWay::kNoPosition;
  if (position->next < begin) return RecoveryWay::kTrimmed;
  const absl::Duration away = now - position->at;
  if (away > kTombstonesKept / 2 || away < -kClockBackMax) return RecoveryWay::kAway;
  return RecoveryWay::kTail;
}

absl::StatusOr<Recovery> RecoverState(stream::Streams& streams, store::Store& store,
                                      const RecoveryOptions& options, const base::Clock& clock,
                                      base::Metrics* metrics) {
  const Progress progress(metrics, options.partition);
  KENG_RETURN_IF_ERROR(CheckPartition(streams, options));
  Recovery recovery;
  KENG_ASSIGN_OR_RETURN(recovery.way, Prepare(streams, store, options, clock));
  KENG_ASSIGN_OR_RETURN(const auto tap, streams.OpenTap(StreamId::kState, {options.partition}));
  stream::Offset next = 0;
  if (recovery.way == RecoveryWay::kTail) {
    KENG_ASSIGN_OR_RETURN(const std::optional<store::LogPosition> position, store.log_position());
    next = position->next;
    KENG_RETURN_IF_ERROR(tap->Seek(options.partition, next));
  }
  int empty_reads = 0;
  while (next < options.end) {
    KENG_ASSIGN_OR_RETURN(const auto batch, tap->Read(kReadBytes, kReadWait));
    if (batch == nullptr) {
      if (++empty_reads < kEmptyReadsMax) continue;
      return absl::UnavailableError(base::StrCat("state: nothing comes after record ", next,
                                                 ", and it goes to ", options.end));
    }
    empty_reads = 0;
    const int64_t rows = recovery.rows;
    KENG_RETURN_IF_ERROR(ApplyBatch(*batch, options, store, recovery));
    KENG_CRASH_POINT("alerting.in_recovery");
    progress.AddRows(recovery.rows - rows);
    next = batch->next_offset();
  }
  KENG_RETURN_IF_ERROR(store.FlushApplied());
  recovery.seconds = progress.seconds();
  base::LogInfo("state.recovered", {{"desk", options.desk},
                                    {"way", std::string(RecoveryWayName(recovery.way))},
                                    {"rows", base::StrCat(recovery.rows)},
                                    {"seconds", base::StrCat(recovery.seconds)}});
  return recovery;
}

}  // namespace keng::alerting
