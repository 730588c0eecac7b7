#include "stream/embedded/internal/partition.h"

#include <algorithm>

#include "base/check.h"
#include "base/strings.h"

namespace keng::stream::internal {
namespace {

// Several stored batches, or a part of one, as one: the records point into the batches it holds.
class JoinedBatch final : public RecordBatch {
 public:
  JoinedBatch(std::vector<std::shared_ptr<const StoredBatch>> parts, Offset position)
      : parts_(std::move(parts)) {
    stream_ = parts_.front()->stream();
    partition_ = parts_.front()->partition();
    next_offset_ = parts_.back()->next_offset();
    size_t count = 0;
    for (const auto& part : parts_) count += part->records().size();
    records_.reserve(count);
    for (const auto& part : parts_) {
      const absl::Span<const Record> records = part->records();
      const auto first =
          std::lower_bound(records.begin(), records.end(), position,
                           [](const Record& record, Offset at) { return record.offset < at; });
      records_.insert(records_.end(), first, records.end());
    }
  }

 private:
  std::vector<std::shared_ptr<const StoredBatch>> parts_;
};

rocksdb::ReadOptions ReadOptions() {
  rocksdb::ReadOptions options;
  options.verify_checksums = true;
  options.fill_cache = false;
  return options;
}

// To the batch that holds `offset`, or to the first one after it.
void SeekToBatch(rocksdb::Iterator& it, Offset offset) {
  const std::string key = OffsetKey(offset);
  it.SeekForPrev(key);
  if (it.Valid()) {
    const auto header = DecodeHeader(it.value().ToStringView());
    if (header.ok() && header->next() <= offset) it.Next();
  } else if (it.status().ok()) {
    it.Seek(key);
  }
}

}  // namespace

Partition::Partition(Database& database, StreamId stream, int partition, const StreamConfig& config,
                     const Counters& counters)
    : database_(database),
      stream_(stream),
      partition_(partition),
      config_(config),
      ring_bytes_max_(database.options().ring_bytes_max),
      counters_(counters) {}

std::string Partition::StateKey() const {
  return base::StrCat("state/", StreamName(stream_), "/", partition_);
}

std::string Partition::EncodeState(const State& state) {
  std::string out;
  AppendBigEndian64(static_cast<uint64_t>(state.begin), out);
  AppendBigEndian64(static_cast<uint64_t>(state.next), out);
  AppendBigEndian64(static_cast<uint64_t>(absl::ToUnixMicros(state.last)), out);
  AppendBigEndian64(state.bytes_begin, out);
  AppendBigEndian64(state.bytes_next, out);
  return out;
}

absl::Status Partition::Damaged(Offset offset, const absl::Status& why) {
  counters_.corrupted.Add();
  return absl::DataLossError(
      base::StrCat(database_.Place(stream_, partition_, offset), ": ", why.message()));
}

absl::Status Partition::Recover() {
  State state;
  KENG_ASSIGN_OR_RETURN(const std::optional<std::string> stored, database_.GetMeta(StateKey()));
  if (stored.has_value()) {
    if (stored->size() != 40) return Damaged(0, absl::DataLossError("the partition's state"));
    const std::string_view in = *stored;
    state.begin = static_cast<Offset>(BigEndian64(in));
    state.next = static_cast<Offset>(BigEndian64(in.substr(8)));
    state.last = absl::FromUnixMicros(static_cast<int64_t>(BigEndian64(in.substr(16))));
    state.bytes_begin = BigEndian64(in.substr(24));
    state.bytes_next = BigEndian64(in.substr(32));
  }
  std::unique_ptr<rocksdb::Iterator> it(
      database_.db().NewIterator(ReadOptions(), database_.records(stream_, partition_)));
  it->SeekToLast();
  if (it->Valid()) {
    const auto last = DecodeHeader(it->value().ToStringView());
    if (!last.ok()) {
      return Damaged(static_cast<Offset>(BigEndian64(it->key().ToStringView())), last.status());
    }
    if (last->next() > state.begin) {
      if (last->next() < state.next) {
        return Damaged(last->next(), absl::DataLossError("the newest records are not there"));
      }
      state.next = last->next();
      state.last = std::max(state.last, last->time);
      state.bytes_next =
          std::max<uint64_t>(state.bytes_next, last->bytes_before + it->value().size());
    }
  }
  if (!it->status().ok()) {
    return Damaged(state.next, absl::DataLossError(it->status().ToString()));
  }
  if (state.begin < state.next) {
    it->Seek(OffsetKey(state.begin));
    if (!it->status().ok()) {
      return Damaged(state.begin, absl::DataLossError(it->status().ToString()));
    }
    if (!it->Valid()) {
      return Damaged(state.begin, absl::DataLossError("the records are not there"));
    }
    const auto first = DecodeHeader(it->value().ToStringView());
    if (!first.ok()) return Damaged(state.begin, first.status());
    if (first->base != state.begin) {
      return Damaged(state.begin, absl::DataLossError("the oldest records are not there"));
    }
    state.oldest = first->time;
  }
  base::MutexLock lock(mutex_);
  state_ = state;
  return absl::OkStatus();
}

Partition::State Partition::state() const {
  base::MutexLock lock(mutex_);
  return state_;
}

void Partition::PublishAtOnce(absl::Span<const Publication> publications) {
  for (const Publication& publication : publications) publication.partition->mutex_.Lock();
  for (const Publication& publication : publications) {
    publication.partition->Publish(publication.batches);
  }
  for (const Publication& publication : publications) publication.partition->mutex_.Unlock();
}

void Partition::Publish(absl::Span<const std::shared_ptr<const StoredBatch>> batches) {
  for (const auto& batch : batches) {
    KENG_CHECK(batch->header().base == state_.next, "I1: base=", batch->header().base,
               " next=", state_.next);
    if (state_.begin == state_.next) state_.oldest = batch->header().time;
    state_.next = batch->next_offset();
    state_.last = batch->header().time;
    state_.bytes_next = batch->header().bytes_before + batch->bytes().size();
    ring_bytes_ += static_cast<int64_t>(batch->memory_bytes());
    ring_.push_back(batch);
  }
  while (ring_bytes_ > ring_bytes_max_ && !ring_.empty()) {
    ring_bytes_ -= static_cast<int64_t>(ring_.front()->memory_bytes());
    ring_.pop_front();
  }
  counters_.ring_bytes.Set(static_cast<double>(ring_bytes_));
}

void Partition::SetBegin(const State& state) {
  base::MutexLock lock(mutex_);
  state_.begin = state.begin;
  state_.bytes_begin = state.bytes_begin;
  state_.oldest = state.oldest;
  if (state_.begin == state_.next) {
    state_.oldest = absl::InfiniteFuture();
  }
  while (!ring_.empty() && ring_.front()->next_offset() <= state_.begin) {
    ring_bytes_ -= static_cast<int64_t>(ring_.front()->memory_bytes());
    ring_.pop_front();
  }
}

void Partition::Replace(const std::shared_ptr<const StoredBatch>& batch) {
  base::MutexLock lock(mutex_);
  // Its range may cover several batches of the ring, when empty ones were joined; they are then
  // read from the store.
  const Offset begin = batch->header().base, end = batch->next_offset();
  if (ring_.empty() || ring_.front()->header().base >= end) return;
  const auto same = std::find_if(ring_.begin(), ring_.end(), [&](const auto& kept) {
    return kept->header().base == begin && kept->next_offset() == end;
  });
  if (same != ring_.end()) {
    ring_bytes_ -= static_cast<int64_t>((*same)->memory_bytes());
    ring_bytes_ += static_cast<int64_t>(batch->memory_bytes());
    *same = batch;
    return;
  }
  while (!ring_.empty() && ring_.front()->header().base < end) {
    ring_bytes_ -= static_cast<int64_t>(ring_.front()->memory_bytes());
    ring_.pop_front();
  }
}

Partition::Source Partition::FromRing(Offset position, size_t bytes_max, Batches& out) {
  base::MutexLock lock(mutex_);
  if (position >= state_.next) return Source::kRing;
  if (ring_.empty() || position < ring_.front()->header().base) return Source::kStore;
  auto it =
      std::upper_bound(ring_.begin(), ring_.end(), position,
                       [](Offset at, const auto& batch) { return at < batch->next_offset(); });
  size_t bytes = 0;
  for (; it != ring_.end() && (out.empty() || bytes + (*it)->bytes().size() <= bytes_max); ++it) {
    bytes += (*it)->bytes().size();
    out.push_back(*it);
  }
  return Source::kRing;
}

absl::Status Partition::FromStore(Offset position, size_t bytes_max, Batches& out) {
  const Offset end = state().next;
  std::unique_ptr<rocksdb::Iterator> it(
      database_.db().NewIterator(ReadOptions(), database_.records(stream_, partition_)));
  SeekToBatch(*it, position);
  Offset expected = position;
  size_t bytes = 0;
  for (; it->Valid() && expected < end; it->Next()) {
    if (!out.empty() && bytes + it->value().size() > bytes_max) return absl::OkStatus();
    auto batch = StoredBatch::Decode(stream_, partition_, it->value().ToStringView());
    if (!batch.ok()) return out.empty() ? Damaged(expected, batch.status()) : absl::OkStatus();
    const BatchHeader& header = (*batch)->header();
    if (header.base > expected) {
      // Retention may have passed a tap between its look at the state and this read.
      if (header.base > state().begin) {
        if (!out.empty()) return absl::OkStatus();
        return Damaged(expected, absl::DataLossError("records are missing"));
      }
    }
    expected = header.next();
    bytes += it->value().size();
    out.push_back(*std::move(batch));
  }
  if (!it->status().ok() && out.empty()) {
    return it->status().IsCorruption()
               ? Damaged(expected, absl::DataLossError(it->status().ToString()))
               : Database::ToStatus(it->status(), database_.Place(stream_, partition_, expected));
  }
  if (out.empty() && expected < end && state().begin <= expected) {
    return Damaged(expected, absl::DataLossError("records are missing"));
  }
  return absl::OkStatus();
}

std::shared_ptr<const RecordBatch> Partition::Join(const Batches& batches, Offset position) const {
  const bool whole = batches.front()->header().base >= position;
  if (whole && batches.size() == 1) return batches.front();
  return std::make_shared<JoinedBatch>(batches, position);
}

absl::StatusOr<std::shared_ptr<const RecordBatch>> Partition::Read(Offset& position,
                                                                   size_t bytes_max) {
  while (true) {
    position = std::max(position, state().begin);
    Batches batches;
    if (FromRing(position, bytes_max, batches) == Source::kStore) {
      KENG_RETURN_IF_ERROR(FromStore(position, bytes_max, batches));
      counters_.reads_store.Add();
    } else if (!batches.empty()) {
      counters_.reads_ring.Add();
    }
    if (batches.empty()) return nullptr;
    std::shared_ptr<const RecordBatch> batch = Join(batches, position);
    position = batch->next_offset();
    if (!batch->records().empty()) return batch;
  }
}

absl::StatusOr<std::shared_ptr<const StoredBatch>> Partition::Find(Offset offset) {
  Batches batches;
  if (FromRing(offset, 0, batches) == Source::kStore) {
    KENG_RETURN_IF_ERROR(FromStore(offset, 0, batches));
  }
  if (batches.empty() || batches.front()->header().base > offset) {
    return absl::NotFoundError("the record is no longer kept");
  }
  return batches.front();
}

absl::StatusOr<BatchHeader> Partition::HeaderAt(Offset offset) {
  std::unique_ptr<rocksdb::Iterator> it(
      database_.db().NewIterator(ReadOptions(), database_.records(stream_, partition_)));
  SeekToBatch(*it, offset);
  if (!it->status().ok()) return Damaged(offset, absl::DataLossError(it->status().ToString()));
  if (!it->Valid()) return Damaged(offset, absl::DataLossError("records are missing"));
  auto header = DecodeHeader(it->value().ToStringView());
  if (!header.ok()) return Damaged(offset, header.status());
  if (header->base > offset || header->next() <= offset) {
    return Damaged(offset, absl::DataLossError("records are missing"));
  }
  return *header;
}

}  // namespace keng::stream::internal
