#include "stream/embedded/internal/maintainer.h"

#include <algorithm>

#include "base/check.h"
#include "base/crash_point.h"
#include "base/log.h"
#include "base/strings.h"
#include "stream/embedded/internal/compactor.h"

namespace keng::stream::internal {
namespace {

constexpr std::string_view kKey = "maintained";
// A clock further ahead than this since the last run is believed after it stood for kJumpStands.
constexpr absl::Duration kJump = absl::Hours(48);
constexpr absl::Duration kJumpStands = absl::Hours(1);
// In a stream that is kept for ever, tombstones outlive the longest replay (the inbox's 35 days).
constexpr absl::Duration kTombstonesKept = absl::Hours(24 * 35);
// Dropping indexed records reads them and holds back writers: so many bytes at a time.
constexpr size_t kDropBytesMax = 4 << 20;

}  // namespace

absl::Status Maintainer::Recover() {
  KENG_ASSIGN_OR_RETURN(const std::optional<std::string> stored, database_.GetMeta(kKey));
  if (stored.has_value() && stored->size() == 16) {
    compacted_ = absl::FromUnixMicros(static_cast<int64_t>(BigEndian64(*stored)));
    believed_ = absl::FromUnixMicros(
        static_cast<int64_t>(BigEndian64(std::string_view(*stored).substr(8))));
  } else {
    compacted_ = clock_.Now();
    saved_ = false;
  }
  for (const auto& entry : table_.entries()) {
    for (const auto& partition : entry->partitions) {
      const Partition::State state = partition->state();
      if (state.next > 0) believed_ = std::max(believed_, state.last);
    }
  }
  return absl::OkStatus();
}

absl::Status Maintainer::Save() {
  std::string value;
  AppendBigEndian64(static_cast<uint64_t>(absl::ToUnixMicros(compacted_)), value);
  AppendBigEndian64(static_cast<uint64_t>(absl::ToUnixMicros(believed_)), value);
  rocksdb::WriteBatch batch;
  batch.Put(std::string(kKey), value);
  KENG_RETURN_IF_ERROR(database_.Write(batch));
  saved_ = true;
  return absl::OkStatus();
}

absl::Time Maintainer::BelievedNow(absl::Time now) {
  if (believed_ == absl::InfinitePast() || now <= believed_ + kJump) {
    jump_seen_ = absl::InfiniteFuture();
    believed_ = now;
    return now;
  }
  if (now < jump_seen_) {
    jump_seen_ = now;
    base::LogWarn("stream.clock_jump",
                  {{"from", absl::FormatTime(believed_, absl::UTCTimeZone())},
                   {"to", absl::FormatTime(now, absl::UTCTimeZone())},
                   {"effect", "retention by time waits until the clock has stood for an hour"}});
  }
  if (now - jump_seen_ >= kJumpStands) {
    jump_seen_ = absl::InfiniteFuture();
    believed_ = now;
  }
  return believed_;
}

absl::Status Maintainer::Run() {
  KENG_RETURN_IF_ERROR(database_.failed());
  const absl::Time now = clock_.Now();
  const absl::Time believed = BelievedNow(now);
  for (const auto& entry : table_.entries()) {
    for (const auto& partition : entry->partitions) {
      KENG_RETURN_IF_ERROR(Retain(*partition, believed));
    }
  }
  // The interval counts from the first opening, however often the process starts anew within it.
  if (!saved_) KENG_RETURN_IF_ERROR(Save());
  const absl::Duration since = now - compacted_;
  const absl::Duration interval = database_.options().compaction_interval;
  // A clock that was set back counts as time that passed.
  if (since < interval && since > -interval) return absl::OkStatus();
  KENG_RETURN_IF_ERROR(CompactAndErase(now));
  compacted_ = now;
  return Save();
}

absl::Status Maintainer::Retain(Partition& partition, absl::Time now) {
  const Partition::State state = partition.state();
  const StreamConfig& config = partition.config();
  const absl::Time oldest =
      config.retention == absl::InfiniteDuration() ? absl::InfinitePast() : now - config.retention;
  if (state.oldest >= oldest && state.bytes() <= config.retention_bytes) return absl::OkStatus();
  KENG_ASSIGN_OR_RETURN(const Offset begin, partition.FirstBatch([&](const BatchHeader& header) {
    const auto bytes = static_cast<int64_t>(state.bytes_next - header.bytes_before);
    return header.time >= oldest && bytes <= config.retention_bytes;
  }));
  Offset dropped = state.begin;
  while (dropped < begin) {
    Offset before = dropped;
    KENG_RETURN_IF_ERROR(committer_.Exclusive([&]() -> absl::Status {
      KENG_ASSIGN_OR_RETURN(dropped, DropStep(partition, begin));
      return absl::OkStatus();
    }));
    if (dropped == before) break;  // a reader holds it back
  }
  KENG_CRASH_POINT("stream.retention");
  if (dropped > state.begin) {
    // The new beginning must not be lost when the files are.
    KENG_RETURN_IF_ERROR(database_.Sync());
    return database_.DeleteFilesBefore(partition.stream(), partition.partition(), dropped);
  }
  return absl::OkStatus();
}

// Moves the beginning towards `begin`, as far as readers and the size of a step allow.
absl::StatusOr<Offset> Maintainer::DropStep(Partition& partition, Offset begin) {
  Partition::State state = partition.state();
  // I4.
  const std::optional<Offset> slowest =
      positions_.Slowest(partition.stream(), partition.partition());
  if (slowest.has_value() && *slowest < begin) {
    begin = *slowest;
    if (begin < state.next && begin > state.begin) {
      KENG_ASSIGN_OR_RETURN(const BatchHeader header, partition.HeaderAt(begin));
      begin = header.base;
    }
  }
  if (begin <= state.begin) return state.begin;
  rocksdb::WriteBatch batch;
  if (partition.config().indexed) {
    KENG_ASSIGN_OR_RETURN(begin, DropIndex(partition, begin, batch));
  }
  state.begin = begin;
  if (begin < state.next) {
    KENG_ASSIGN_OR_RETURN(const BatchHeader first, partition.HeaderAt(begin));
    state.bytes_begin = first.bytes_before;
    state.oldest = first.time;
  } else {
    state.bytes_begin = state.bytes_next;
    state.oldest = absl::InfiniteFuture();
  }
  batch.Put(partition.StateKey(), Partition::EncodeState(state));
  if (partition.config().compacted) {
    batch.DeleteRange(database_.digests(), DigestKey(partition.stream(), partition.partition(), 0),
                      DigestKey(partition.stream(), partition.partition(), begin));
  }
  KENG_RETURN_IF_ERROR(database_.Write(batch));
  partition.SetBegin(state);
  return begin;
}

// Removes the index entries of records before `end`; returns how far it came.
absl::StatusOr<Offset> Maintainer::DropIndex(Partition& partition, Offset end,
                                             rocksdb::WriteBatch& batch) {
  size_t bytes = 0;
  Offset at = partition.state().begin;
  while (at < end && bytes < kDropBytesMax) {
    KENG_ASSIGN_OR_RETURN(const auto stored, partition.Find(at));
    for (const Record& record : stored->records()) {
      KENG_RETURN_IF_ERROR(
          database_.DropIndexEntry(partition.stream(), record.key, record.offset, batch));
    }
    bytes += stored->bytes().size();
    at = stored->next_offset();
  }
  return at;
}

absl::Status Maintainer::CompactAndErase(absl::Time now) {
  KENG_RETURN_IF_ERROR(database_.FlushAll());
  for (const auto& entry : table_.entries()) {
    for (const auto& partition : entry->partitions) {
      if (entry->config.compacted) {
        Offset tombstones_until = 0;
        if (entry->config.retention == absl::InfiniteDuration()) {
          KENG_ASSIGN_OR_RETURN(tombstones_until,
                                partition->FirstBatch([&](const BatchHeader& header) {
                                  return header.time >= now - kTombstonesKept;
                                }));
          const auto slowest = positions_.Slowest(entry->id, partition->partition());
          tombstones_until = std::min(tombstones_until, slowest.value_or(tombstones_until));
        }
        KENG_RETURN_IF_ERROR(Compactor(database_, committer_, *partition, tombstones_until).Run());
      }
      const Offset begin = partition->state().begin;
      for (const Database::File& file : database_.Files(entry->id, partition->partition())) {
        if (file.first >= begin) break;
        auto plan = std::make_shared<RewritePlan>();
        plan->begin = begin;
        KENG_RETURN_IF_ERROR(
            database_.Rewrite(entry->id, partition->partition(), file, std::move(plan)));
      }
    }
  }
  KENG_CRASH_POINT("stream.erase");
  return database_.EraseRemoved();
}

}  // namespace keng::stream::internal
