#include "stream/embedded/internal/committer.h"

#include <algorithm>

#include "base/check.h"
#include "base/crash_point.h"
#include "base/stable_hash.h"
#include "base/strings.h"
#include "stream/embedded/internal/digests.h"

namespace keng::stream::internal {
namespace {

// A group is closed when it has this many bytes, so that no writer waits for many others.
constexpr size_t kGroupBytesMax = 8 << 20;

}  // namespace

absl::Status Committer::Prepare(const WriteSet& set, Pending& pending) const {
  struct Slot {
    size_t payload = 0, records = 0;  // still to come
    int open = -1;                    // index into pending.batches
  };
  std::vector<Slot> slots(static_cast<size_t>(table_.slots()));
  std::vector<uint16_t> routes;
  routes.reserve(set.entries().size());
  for (const WriteSet::Entry& entry : set.entries()) {
    StreamEntry* stream = table_.Find(entry.stream);
    if (stream == nullptr) return absl::InvalidArgumentError("Write: no such stream");
    if (entry.key_size > WriteSet::kKeyBytesMax || entry.value_size > WriteSet::kValueBytesMax) {
      return absl::InvalidArgumentError(
          base::StrCat("Write: a record of ", entry.key_size, " + ", entry.value_size,
                       " bytes is over the bounds of ", WriteSet::kKeyBytesMax, " + ",
                       WriteSet::kValueBytesMax));
    }
    const int partitions = stream->config.partitions;
    const int partition = partitions == 1 ? 0 : base::PartitionOf(set.key(entry), partitions);
    const auto slot = static_cast<uint16_t>(stream->first_slot + partition);
    routes.push_back(slot);
    slots[slot].payload +=
        BatchBuilder::PayloadBytes(entry.key_size, entry.value_size, BatchHeader::Form::kDense);
    ++slots[slot].records;
  }
  for (size_t i = 0; i < routes.size(); ++i) {
    const WriteSet::Entry& entry = set.entries()[i];
    Slot& slot = slots[routes[i]];
    const size_t bytes =
        BatchBuilder::PayloadBytes(entry.key_size, entry.value_size, BatchHeader::Form::kDense);
    if (slot.open >= 0) {
      BatchBuilder& builder = pending.batches[static_cast<size_t>(slot.open)].builder;
      if (builder.bytes() + bytes > kBatchBytesMax) slot.open = -1;
    }
    if (slot.open < 0) {
      StreamEntry* stream = table_.Find(entry.stream);
      const int partition = routes[i] - stream->first_slot;
      const size_t capacity = std::min(slot.payload, std::max(kBatchBytesMax, bytes));
      const size_t records = std::min(slot.records, slot.records * capacity / slot.payload + 16);
      slot.open = static_cast<int>(pending.batches.size());
      pending.batches.push_back(
          {.stream = stream,
           .partition = stream->partitions[static_cast<size_t>(partition)].get(),
           .builder = BatchBuilder(entry.stream, partition, BatchHeader::Form::kDense, capacity,
                                   records)});
      if (stream->config.compacted) {
        pending.batches.back().digests.reserve(records * kDigestBytes);
      }
    }
    Prepared& prepared = pending.batches[static_cast<size_t>(slot.open)];
    const std::string_view key = set.key(entry);
    if (prepared.stream->config.compacted) {
      AppendDigest({.delta = prepared.builder.count(),
                    .key_hash = DigestHash(key),
                    .tombstone = entry.tombstone},
                   prepared.digests);
    }
    prepared.builder.Add(key, set.value(entry), entry.tombstone);
    slot.payload -= bytes;
    --slot.records;
  }
  for (Prepared& prepared : pending.batches) {
    prepared.builder.Finish();
    pending.bytes += prepared.builder.bytes();
  }
  return absl::OkStatus();
}

absl::Status Committer::Write(const WriteSet& set) {
  if (set.empty()) return database_.failed();
  KENG_RETURN_IF_ERROR(database_.failed());
  Pending pending;
  pending.set = &set;
  KENG_RETURN_IF_ERROR(Prepare(set, pending));
  return Run(pending);
}

absl::Status Committer::Exclusive(std::function<absl::Status()> action) {
  Pending pending;
  pending.action = std::move(action);
  return Run(pending);
}

absl::Status Committer::Run(Pending& pending) {
  std::vector<Pending*> group;
  {
    base::MutexLock lock(mutex_);
    queue_.push_back(&pending);
    while (!pending.done && queue_.front() != &pending) pending.wake.Wait(mutex_);
    if (pending.done) return pending.status;
    // The leader: takes those behind it along. An action goes alone.
    size_t bytes = 0;
    for (Pending* waiting : queue_) {
      if (!group.empty() && (waiting->action || bytes + waiting->bytes > kGroupBytesMax)) break;
      group.push_back(waiting);
      bytes += waiting->bytes;
      if (waiting->action) break;
    }
  }
  if (pending.action) {
    pending.status = pending.action();
  } else {
    WriteGroup(group);
  }
  base::MutexLock lock(mutex_);
  for (Pending* written : group) {
    queue_.pop_front();
    written->done = true;
    if (written != &pending) written->wake.NotifyOne();
  }
  if (!queue_.empty()) queue_.front()->wake.NotifyOne();
  return pending.status;
}

Committer::Tail& Committer::TailOf(Partition* partition, Tails& tails) const {
  const auto [it, is_new] = tails.try_emplace(partition);
  if (is_new) it->second.state = partition->state();
  return it->second;
}

absl::Status Committer::AdmitSize(const Pending& pending, Tails& tails) {
  std::map<Partition*, int64_t> added;
  for (const Prepared& prepared : pending.batches) {
    if (prepared.stream->config.retention_bytes != INT64_MAX) {
      added[prepared.partition] += static_cast<int64_t>(prepared.builder.bytes());
    }
  }
  for (const auto& [partition, bytes] : added) {
    const Tail& tail = TailOf(partition, tails);
    const int64_t bytes_max = partition->config().retention_bytes;
    if (tail.state.bytes() + bytes <= bytes_max) continue;
    const std::optional<Offset> slowest =
        positions_.Slowest(partition->stream(), partition->partition());
    // Nothing unread, or only in this group: an append of any size is taken, so that progress is
    // certain.
    if (!slowest.has_value() || *slowest >= partition->state().next) continue;
    KENG_ASSIGN_OR_RETURN(const BatchHeader oldest_unread, partition->HeaderAt(*slowest));
    const auto unread = static_cast<int64_t>(tail.state.bytes_next - oldest_unread.bytes_before);
    if (unread + bytes > bytes_max) {
      return absl::ResourceExhaustedError(base::StrCat(
          "stream ", StreamName(partition->stream()), ", partition ", partition->partition(),
          " may hold ", bytes_max, " bytes and a registered reader has ", unread,
          " bytes left to read: the append is refused until it has moved on (or is removed)"));
    }
  }
  return absl::OkStatus();
}

absl::Status Committer::Admit(const Pending& pending, Tails& tails) {
  KENG_RETURN_IF_ERROR(AdmitSize(pending, tails));
  for (const WriteSet::Position& position : pending.set->positions()) {
    Partition* partition = table_.Find(position.stream, position.partition);
    if (partition == nullptr) return absl::InvalidArgumentError("Commit: no such partition");
    if (position.metadata.size() > WriteSet::kMetadataBytesMax) {
      return absl::InvalidArgumentError("Commit: more than 4 KiB of metadata");
    }
    if (!positions_.Has(position.reader, position.stream, position.partition)) {
      return absl::FailedPreconditionError(
          base::StrCat("Commit: reader ", position.reader, " is not registered for stream ",
                       StreamName(position.stream), ", partition ", position.partition));
    }
    Offset end = TailOf(partition, tails).state.next;
    for (const Prepared& prepared : pending.batches) {
      if (prepared.partition == partition) end += prepared.builder.count();
    }
    if (position.next < 0 || position.next > end) {
      return absl::InvalidArgumentError(base::StrCat("Commit: the position ", position.next,
                                                     " of reader ", position.reader,
                                                     " is past the end ", end));
    }
  }
  return absl::OkStatus();
}

void Committer::Place(Pending& pending, absl::Time now, Tails& tails) {
  for (Prepared& prepared : pending.batches) {
    Tail& tail = TailOf(prepared.partition, tails);
    const absl::Time time = std::max(now, tail.state.last);
    const uint32_t span = prepared.builder.count();
    std::shared_ptr<const StoredBatch> batch =
        prepared.builder.Place(tail.state.next, time, tail.state.bytes_next, span);
    tail.state.next = batch->next_offset();
    tail.state.last = time;
    tail.state.bytes_next += batch->bytes().size();

    const Partition& partition = *prepared.partition;
    const Offset base = batch->header().base;
    batch_.Put(database_.records(partition.stream(), partition.partition()), OffsetKey(base),
               rocksdb::Slice(batch->bytes().data(), batch->bytes().size()));
    if (!prepared.digests.empty()) {
      batch_.Put(database_.digests(), DigestKey(partition.stream(), partition.partition(), base),
                 prepared.digests);
    }
    if (prepared.stream->config.indexed) {
      for (const Record& record : batch->records()) {
        batch_.Put(database_.index(), IndexKey(partition.stream(), record.key),
                   OffsetKey(record.offset));
      }
    }
    tail.batches.push_back(std::move(batch));
  }
  for (const WriteSet::Position& position : pending.set->positions()) {
    batch_.Put(Positions::Key(position.reader, position.stream, position.partition),
               Positions::Encode(position.next, position.metadata));
  }
}

void Committer::WriteGroup(const std::vector<Pending*>& group) {
  // Whole microseconds, as they are stored.
  const absl::Time now = absl::FromUnixMicros(absl::ToUnixMicros(clock_.Now()));
  Tails tails;
  std::vector<Pending*> admitted;
  size_t bytes = 0;
  batch_.Clear();
  for (Pending* pending : group) {
    pending->status = Admit(*pending, tails);
    if (pending->status.ok() && pending->bytes > 0) {
      pending->status = database_.CheckSpace(pending->bytes);
    }
    if (absl::IsResourceExhausted(pending->status)) {
      for (const Prepared& prepared : pending->batches) prepared.stream->refused.Add();
    }
    if (!pending->status.ok()) continue;
    Place(*pending, now, tails);
    bytes += pending->bytes;
    admitted.push_back(pending);
  }
  if (admitted.empty()) return;
  KENG_CRASH_POINT("stream.before_write");
  const absl::Status written = database_.Write(batch_);
  KENG_CRASH_POINT("stream.after_write");
  // The memory stays for the next group, unless one set was very large.
  batch_.Clear();
  if (bytes > 4 * kGroupBytesMax) batch_ = rocksdb::WriteBatch();
  for (Pending* pending : admitted) pending->status = written;
  if (!written.ok()) return;
  std::vector<Partition::Publication> publications;
  for (const auto& [partition, tail] : tails) {
    if (!tail.batches.empty()) publications.push_back({partition, tail.batches});
  }
  Partition::PublishAtOnce(publications);
  // After the records: who sees that a reader is through also sees what it made of them.
  for (Pending* pending : admitted) {
    for (const WriteSet::Position& position : pending->set->positions()) {
      positions_.Set(position.reader, position.stream, position.partition,
                     {.next = position.next, .metadata = position.metadata});
    }
  }
  for (const auto& [partition, tail] : tails) {
    if (tail.batches.empty()) continue;
    StreamEntry& stream = *table_.Find(partition->stream());
    size_t stored_records = 0, stored_bytes = 0;
    for (const auto& batch : tail.batches) {
      stored_records += batch->records().size();
      stored_bytes += batch->bytes().size();
    }
    stream.records.Add(static_cast<double>(stored_records));
    stream.bytes.Add(static_cast<double>(stored_bytes));
    stream.bell.Ring();
  }
}

}  // namespace keng::stream::internal
