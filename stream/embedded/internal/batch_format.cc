#include "stream/embedded/internal/batch_format.h"

#include <cstring>

#include "base/check.h"
#include "base/stable_hash.h"

namespace keng::stream::internal {
namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the stored form is little-endian");

constexpr uint32_t kMagic = 0x3142534b;  // "KSB1"
constexpr uint16_t kTombstone = 1;

template <typename T>
void Put(char* at, T value) {
  std::memcpy(at, &value, sizeof(value));
}
template <typename T>
T Get(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

void EncodeHeader(const BatchHeader& header, char* out) {
  Put<uint32_t>(out, kMagic);
  Put<uint32_t>(out + 4, static_cast<uint32_t>(header.form));
  Put<int64_t>(out + 8, header.base);
  Put<int64_t>(out + 16, absl::ToUnixMicros(header.time));
  Put<uint64_t>(out + 24, header.bytes_before);
  Put<uint32_t>(out + 32, header.span);
  Put<uint32_t>(out + 36, header.count);
  Put<uint64_t>(out + 40, header.payload_checksum);
  Put<uint64_t>(out + 48, base::StableHash64({out, 48}));
}

}  // namespace

absl::StatusOr<BatchHeader> DecodeHeader(std::string_view bytes) {
  if (bytes.size() < kBatchHeaderBytes)
    return absl::DataLossError("a batch shorter than its header");
  const char* in = bytes.data();
  if (Get<uint64_t>(in + 48) != base::StableHash64({in, 48})) {
    return absl::DataLossError("the checksum of a batch's header does not match");
  }
  if (Get<uint32_t>(in) != kMagic) return absl::DataLossError("a batch of an unknown version");
  BatchHeader header;
  const uint32_t flags = Get<uint32_t>(in + 4);
  header.form = static_cast<BatchHeader::Form>(flags & 1);
  header.base = Get<int64_t>(in + 8);
  header.time = absl::FromUnixMicros(Get<int64_t>(in + 16));
  header.bytes_before = Get<uint64_t>(in + 24);
  header.span = Get<uint32_t>(in + 32);
  header.count = Get<uint32_t>(in + 36);
  header.payload_checksum = Get<uint64_t>(in + 40);
  const bool dense = header.form == BatchHeader::Form::kDense;
  if (flags > 1 || header.base < 0 || header.base > INT64_MAX - header.span || header.span == 0 ||
      header.count > header.span || (dense && header.count != header.span)) {
    return absl::DataLossError("a batch's header holds impossible values");
  }
  return header;
}

absl::StatusOr<std::shared_ptr<const StoredBatch>> StoredBatch::Decode(StreamId stream,
                                                                       int partition,
                                                                       std::string_view bytes) {
  auto header = DecodeHeader(bytes);
  if (!header.ok()) return header.status();
  std::shared_ptr<StoredBatch> batch(new StoredBatch);
  batch->stream_ = stream;
  batch->partition_ = partition;
  batch->header_ = *header;
  batch->next_offset_ = header->next();
  batch->size_ = bytes.size();
  batch->buffer_ = std::make_unique_for_overwrite<char[]>(bytes.size() + kValuePadding);
  std::memcpy(batch->buffer_.get(), bytes.data(), bytes.size());
  std::memset(batch->buffer_.get() + bytes.size(), 0, kValuePadding);
  KENG_RETURN_IF_ERROR(batch->ParseRecords());
  return batch;
}

absl::Status StoredBatch::ParseRecords() {
  const char* at = buffer_.get() + kBatchHeaderBytes;
  size_t left = size_ - kBatchHeaderBytes;
  if (header_.payload_checksum != base::StableHash64({at, left})) {
    return absl::DataLossError("the checksum of a batch's records does not match");
  }
  const bool sparse = header_.form == BatchHeader::Form::kSparse;
  const size_t fixed = kRecordHeaderBytes + (sparse ? 4 : 0);
  // The checksum holds, so what follows can only fail on a batch that was made to deceive.
  if (header_.count > left / fixed) return absl::DataLossError("a batch shorter than its records");
  records_.reserve(header_.count);
  int64_t delta_before = -1;
  for (uint32_t i = 0; i < header_.count; ++i) {
    if (left < fixed) return absl::DataLossError("a batch ends within a record");
    const size_t value_size = Get<uint32_t>(at);
    const size_t key_size = Get<uint16_t>(at + 4);
    const uint16_t flags = Get<uint16_t>(at + 6);
    const int64_t delta = sparse ? int64_t{Get<uint32_t>(at + 8)} : int64_t{i};
    at += fixed;
    left -= fixed;
    if (key_size + value_size > left || flags > 1 || delta <= delta_before ||
        delta >= int64_t{header_.span}) {
      return absl::DataLossError("a batch holds an impossible record");
    }
    delta_before = delta;
    records_.push_back(Record{.key = {at, key_size},
                              .value = {at + key_size, value_size},
                              .tombstone = (flags & kTombstone) != 0,
                              .time = header_.time,
                              .offset = header_.base + delta});
    at += key_size + value_size;
    left -= key_size + value_size;
  }
  return left == 0 ? absl::OkStatus() : absl::DataLossError("a batch longer than its records");
}

BatchBuilder::BatchBuilder(StreamId stream, int partition, BatchHeader::Form form,
                           size_t payload_bytes, size_t records)
    : batch_(new StoredBatch), capacity_(kBatchHeaderBytes + payload_bytes) {
  batch_->stream_ = stream;
  batch_->partition_ = partition;
  batch_->header_.form = form;
  batch_->buffer_ = std::make_unique_for_overwrite<char[]>(capacity_ + RecordBatch::kValuePadding);
  batch_->size_ = kBatchHeaderBytes;
  batch_->records_.reserve(records);
}

void BatchBuilder::Add(std::string_view key, std::string_view value, bool tombstone,
                       uint32_t delta) {
  StoredBatch& batch = *batch_;
  const bool sparse = batch.header_.form == BatchHeader::Form::kSparse;
  KENG_CHECK(batch.size_ + PayloadBytes(key.size(), value.size(), batch.header_.form) <= capacity_);
  char* at = batch.buffer_.get() + batch.size_;
  Put<uint32_t>(at, static_cast<uint32_t>(value.size()));
  Put<uint16_t>(at + 4, static_cast<uint16_t>(key.size()));
  Put<uint16_t>(at + 6, tombstone ? kTombstone : 0);
  at += kRecordHeaderBytes;
  if (sparse) {
    Put<uint32_t>(at, delta);
    at += 4;
  }
  std::memcpy(at, key.data(), key.size());
  std::memcpy(at + key.size(), value.data(), value.size());
  batch.records_.push_back(Record{.key = {at, key.size()},
                                  .value = {at + key.size(), value.size()},
                                  .tombstone = tombstone,
                                  .offset = sparse ? delta : batch.header_.count});
  batch.size_ = static_cast<size_t>(at - batch.buffer_.get()) + key.size() + value.size();
  ++batch.header_.count;
}

void BatchBuilder::Finish() {
  StoredBatch& batch = *batch_;
  std::memset(batch.buffer_.get() + batch.size_, 0, RecordBatch::kValuePadding);
  batch.header_.payload_checksum = base::StableHash64(
      {batch.buffer_.get() + kBatchHeaderBytes, batch.size_ - kBatchHeaderBytes});
}

std::shared_ptr<const StoredBatch> BatchBuilder::Place(Offset base, absl::Time time,
                                                       uint64_t bytes_before, uint32_t span) {
  StoredBatch& batch = *batch_;
  batch.header_.base = base;
  batch.header_.time = time;
  batch.header_.bytes_before = bytes_before;
  batch.header_.span = span;
  batch.next_offset_ = batch.header_.next();
  EncodeHeader(batch.header_, batch.buffer_.get());
  for (Record& record : batch.records_) {
    record.time = time;
    record.offset += base;
  }
  return std::move(batch_);
}

}  // namespace keng::stream::internal
