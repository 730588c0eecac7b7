#ifndef KENG_STREAM_EMBEDDED_INTERNAL_BATCH_FORMAT_H_
#define KENG_STREAM_EMBEDDED_INTERNAL_BATCH_FORMAT_H_

// The stored form of a batch: consecutive records of one partition as one value. Little-endian.
//
//   0  u32 magic "KSB1" (the version is in it)
//   4  u32 flags: bit 0 sparse (compaction removed records; each remaining one carries its delta)
//   8  i64 base: offset of the first record that was written
//  16  i64 append time, microseconds since 1970
//  24  u64 bytes_before: bytes that were appended to the partition before this batch
//  32  u32 span: records written; the next batch begins at base + span, always
//  36  u32 count: records that are left
//  40  u64 XXH3 of the payload
//  48  u64 XXH3 of bytes 0..48
//  56  payload: per record u32 value size, u16 key size, u16 flags (bit 0 tombstone),
//      [u32 delta: offset - base, when sparse], key, value
//
// Batches of a partition are contiguous (span), also where compaction left none of their records,
// so a batch that is lost cannot go unnoticed. bytes_before makes the bytes between two offsets a
// subtraction. A StoredBatch is mutable until it is published, then immutable.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "stream/stream.h"

namespace keng::stream::internal {

struct BatchHeader {
  Offset base = 0;
  absl::Time time;
  uint64_t bytes_before = 0;
  uint32_t span = 0;
  uint32_t count = 0;
  uint64_t payload_checksum = 0;
  enum class Form : uint32_t { kDense = 0, kSparse = 1 };
  Form form = Form::kDense;

  Offset next() const { return base + span; }
};

inline constexpr size_t kBatchHeaderBytes = 56;
inline constexpr size_t kRecordHeaderBytes = 8;
// A batch is closed when it reaches this size, so that a reader's unit stays bounded.
inline constexpr size_t kBatchBytesMax = 1 << 20;

// Checks the header's checksum and bounds, not the payload. DataLoss when it is damaged.
absl::StatusOr<BatchHeader> DecodeHeader(std::string_view bytes);

class StoredBatch final : public RecordBatch {
 public:
  // Takes a copy of `bytes` and checks all of it. DataLoss: what is damaged, without its place.
  static absl::StatusOr<std::shared_ptr<const StoredBatch>> Decode(StreamId stream, int partition,
                                                                   std::string_view bytes);

  const BatchHeader& header() const { return header_; }
  std::string_view bytes() const { return {buffer_.get(), size_}; }
  // What it costs to keep in memory.
  size_t memory_bytes() const {
    return size_ + kValuePadding + records_.capacity() * sizeof(Record) + sizeof(*this);
  }

 private:
  friend class BatchBuilder;
  StoredBatch() = default;
  absl::Status ParseRecords();

  BatchHeader header_;
  std::unique_ptr<char[]> buffer_;
  size_t size_ = 0;
};

// Builds one batch. The bytes of all records must be known before, so that nothing is moved.
class BatchBuilder {
 public:
  BatchBuilder(StreamId stream, int partition, BatchHeader::Form form, size_t payload_bytes,
               size_t records);

  void Add(std::string_view key, std::string_view value, bool tombstone, uint32_t delta = 0);
  // Closes the payload. Before Place(), the batch has no offsets yet.
  void Finish();
  // Gives the batch its place in the partition and returns it; `span` is the count for a new batch.
  std::shared_ptr<const StoredBatch> Place(Offset base, absl::Time time, uint64_t bytes_before,
                                           uint32_t span);

  uint32_t count() const { return batch_->header_.count; }
  size_t bytes() const { return batch_->size_; }

  static size_t PayloadBytes(size_t key_bytes, size_t value_bytes, BatchHeader::Form form) {
    return kRecordHeaderBytes + (form == BatchHeader::Form::kSparse ? 4 : 0) + key_bytes +
           value_bytes;
  }

 private:
  std::shared_ptr<StoredBatch> batch_;
  size_t capacity_;
};

}  // namespace keng::stream::internal

#endif  // KENG_STREAM_EMBEDDED_INTERNAL_BATCH_FORMAT_H_
