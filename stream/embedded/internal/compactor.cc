#include "stream/embedded/internal/compactor.h"

#include <algorithm>
#include <optional>

#include "base/check.h"
#include "base/crash_point.h"
#include "base/strings.h"
#include "stream/embedded/internal/digests.h"

namespace keng::stream::internal {
namespace {

// The digests of a partition, batch by batch.
class DigestWalk {
 public:
  DigestWalk(Database& database, const Partition& partition, Offset from)
      : it_(database.db().NewIterator({}, database.digests())),
        prefix_(DigestKey(partition.stream(), partition.partition(), 0).substr(0, 3)) {
    it_->Seek(DigestKey(partition.stream(), partition.partition(), from));
  }
  bool Valid() const {
    return it_->Valid() && it_->key().size() == 11 &&
           it_->key().ToStringView().starts_with(prefix_);
  }
  void Next() { it_->Next(); }
  Offset base() const {
    return static_cast<Offset>(BigEndian64(it_->key().ToStringView().substr(3)));
  }
  std::string_view digests() const { return it_->value().ToStringView(); }
  absl::Status status() const { return Database::ToStatus(it_->status(), "reading digests"); }

 private:
  std::unique_ptr<rocksdb::Iterator> it_;
  const std::string prefix_;
};

}  // namespace

std::string Compactor::DoneKey() const {
  return base::StrCat("compacted/", StreamName(partition_.stream()), "/", partition_.partition());
}

absl::Status Compactor::Run() {
  const Partition::State state = partition_.state();
  KENG_ASSIGN_OR_RETURN(const std::optional<std::string> stored, database_.GetMeta(DoneKey()));
  Offset done = stored.has_value() && stored->size() == 8
                    ? static_cast<Offset>(BigEndian64(*stored))
                    : state.begin;
  done = std::clamp(done, state.begin, state.next);
  if (done == state.next && tombstones_until_ <= state.begin) return absl::OkStatus();
  do {
    KENG_ASSIGN_OR_RETURN(const Offset stop, Collect(done, state.next));
    for (const Database::File& file :
         database_.Files(partition_.stream(), partition_.partition())) {
      if (file.last < state.begin || file.first >= stop) continue;
      KENG_RETURN_IF_ERROR(CompactFile(file, state.begin, stop));
    }
    done = stop;
    rocksdb::WriteBatch batch;
    batch.Put(DoneKey(), OffsetKey(done));
    KENG_RETURN_IF_ERROR(database_.Write(batch));
    KENG_CRASH_POINT("stream.compaction_round");
  } while (done < state.next);
  return absl::OkStatus();
}

absl::StatusOr<Offset> Compactor::Collect(Offset from, Offset end) {
  newest_.clear();
  newer_ = nullptr;
  const auto keys_max = static_cast<size_t>(database_.options().compaction_keys_max);
  DigestWalk walk(database_, partition_, from);
  for (; walk.Valid() && walk.base() < end; walk.Next()) {
    if (newest_.size() >= keys_max) return walk.base();
    const std::string_view digests = walk.digests();
    for (size_t i = 0; i < digests.size() / kDigestBytes; ++i) {
      const Digest digest = DigestAt(digests, i);
      newest_[digest.key_hash] = walk.base() + digest.delta;
    }
  }
  KENG_RETURN_IF_ERROR(walk.status());
  return end;
}

absl::StatusOr<bool> Compactor::IsCandidate(Offset base, std::string_view digests) const {
  if (digests.size() % kDigestBytes != 0) {
    return absl::DataLossError(base::StrCat("the digests of stream ",
                                            StreamName(partition_.stream()), ", partition ",
                                            partition_.partition(), ", offset ", base));
  }
  for (size_t i = 0; i < digests.size() / kDigestBytes; ++i) {
    const Digest digest = DigestAt(digests, i);
    const Offset offset = base + digest.delta;
    if (digest.tombstone && offset < tombstones_until_) return true;
    const auto it = newest_.find(digest.key_hash);
    if (it != newest_.end() && it->second > offset) return true;
  }
  return false;
}

absl::StatusOr<bool> Compactor::IsSuperseded(const Record& record) {
  const auto it = newest_.find(DigestHash(record.key));
  if (it == newest_.end() || it->second <= record.offset) return false;
  const Offset offset = it->second;
  if (newer_ == nullptr || offset < newer_->header().base || offset >= newer_->next_offset()) {
    auto found = partition_.Find(offset);
    if (absl::IsNotFound(found.status())) return false;
    KENG_RETURN_IF_ERROR(found.status());
    newer_ = *std::move(found);
  }
  const absl::Span<const Record> records = newer_->records();
  const auto newer =
      std::lower_bound(records.begin(), records.end(), offset,
                       [](const Record& candidate, Offset at) { return candidate.offset < at; });
  // Equal hashes of different keys must not remove anything.
  return newer != records.end() && newer->offset == offset && newer->key == record.key;
}

// The batch's new form; nullptr when nothing changes.
absl::StatusOr<std::shared_ptr<const StoredBatch>> Compactor::Survivors(const StoredBatch& batch,
                                                                        Change& change) {
  std::vector<const Record*> left;
  size_t payload = 0;
  for (const Record& record : batch.records()) {
    if (record.tombstone && record.offset < tombstones_until_) {
      change.dropped_tombstones.emplace_back(record.key, record.offset);
      continue;
    }
    KENG_ASSIGN_OR_RETURN(const bool superseded, IsSuperseded(record));
    if (superseded) continue;
    left.push_back(&record);
    payload += BatchBuilder::PayloadBytes(record.key.size(), record.value.size(),
                                          BatchHeader::Form::kSparse);
  }
  if (left.size() == batch.records().size()) return nullptr;
  const BatchHeader& header = batch.header();
  BatchBuilder builder(batch.stream(), batch.partition(), BatchHeader::Form::kSparse, payload,
                       left.size());
  std::string digests;
  for (const Record* record : left) {
    const auto delta = static_cast<uint32_t>(record->offset - header.base);
    builder.Add(record->key, record->value, record->tombstone, delta);
    AppendDigest(
        {.delta = delta, .key_hash = DigestHash(record->key), .tombstone = record->tombstone},
        digests);
  }
  builder.Finish();
  change.digests.emplace_back(header.base, std::move(digests));
  return builder.Place(header.base, header.time, header.bytes_before, header.span);
}

absl::Status Compactor::CompactFile(const Database::File& file, Offset begin, Offset end) {
  Change change;
  // The last batch when it is empty, and whether it is to be written.
  std::shared_ptr<const StoredBatch> empty;
  const auto flush_empty = [&] {
    if (empty != nullptr) change.batches.push_back(empty);
    empty = nullptr;
  };
  bool empty_is_new = false;
  DigestWalk walk(database_, partition_, std::max(file.first, begin));
  for (; walk.Valid() && walk.base() <= file.last && walk.base() < end; walk.Next()) {
    const Offset base = walk.base();
    std::shared_ptr<const StoredBatch> now;  // when it is changed or empty
    bool is_new = false;
    KENG_ASSIGN_OR_RETURN(const bool candidate, IsCandidate(base, walk.digests()));
    if (candidate || walk.digests().empty()) {
      KENG_ASSIGN_OR_RETURN(now, partition_.Find(base));
      if (now->header().base != base) {
        // Digests of a batch that was joined to an empty one before a crash.
        change.removed.push_back(base);
        continue;
      }
      KENG_ASSIGN_OR_RETURN(const auto changed, Survivors(*now, change));
      is_new = changed != nullptr;
      if (is_new) now = changed;
    }
    if (now == nullptr || !now->records().empty()) {
      if (empty_is_new) flush_empty();
      empty = nullptr;
      empty_is_new = false;
      if (is_new) change.batches.push_back(now);
      continue;
    }
    const uint64_t span =
        empty == nullptr ? 0 : uint64_t{empty->header().span} + now->header().span;
    if (empty != nullptr && span <= UINT32_MAX) {
      const BatchHeader& first = empty->header();
      BatchBuilder joined(partition_.stream(), partition_.partition(), BatchHeader::Form::kSparse,
                          0, 0);
      joined.Finish();
      empty = joined.Place(first.base, first.time, first.bytes_before, static_cast<uint32_t>(span));
      empty_is_new = true;
      change.removed.push_back(base);
      continue;
    }
    if (empty_is_new) flush_empty();
    empty = now;
    empty_is_new = is_new;
  }
  KENG_RETURN_IF_ERROR(walk.status());
  if (empty_is_new) flush_empty();
  if (change.batches.empty() && change.removed.empty()) return absl::OkStatus();
  return Apply(file, std::move(change));
}

absl::Status Compactor::Apply(const Database::File& file, Change change) {
  auto plan = std::make_shared<RewritePlan>();
  for (const auto& batch : change.batches) {
    plan->values[batch->header().base] = std::string(batch->bytes());
  }
  for (const Offset base : change.removed) plan->values[base] = std::nullopt;
  KENG_RETURN_IF_ERROR(
      database_.Rewrite(partition_.stream(), partition_.partition(), file, std::move(plan)));
  KENG_CRASH_POINT("stream.compaction_file");
  for (const auto& batch : change.batches) partition_.Replace(batch);
  return committer_.Exclusive([&]() -> absl::Status {
    rocksdb::WriteBatch batch;
    for (const auto& [base, digests] : change.digests) {
      batch.Put(database_.digests(), DigestKey(partition_.stream(), partition_.partition(), base),
                digests);
    }
    for (const Offset base : change.removed) {
      batch.Delete(database_.digests(),
                   DigestKey(partition_.stream(), partition_.partition(), base));
    }
    if (partition_.config().indexed) {
      for (const auto& [key, offset] : change.dropped_tombstones) {
        KENG_RETURN_IF_ERROR(database_.DropIndexEntry(partition_.stream(), key, offset, batch));
      }
    }
    return database_.Write(batch);
  });
}

}  // namespace keng::stream::internal
