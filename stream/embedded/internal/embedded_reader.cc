#include "stream/embedded/internal/embedded_reader.h"

#include <algorithm>

#include "absl/time/clock.h"
#include "base/check.h"
#include "base/strings.h"

namespace keng::stream::internal {

EmbeddedReader::EmbeddedReader(StreamEntry& stream, const std::vector<Start>& starts,
                               std::function<void()> closed)
    : stream_(stream), closed_(std::move(closed)) {
  for (const Start& start : starts) {
    cursors_.push_back(
        {stream.partitions[static_cast<size_t>(start.partition)].get(), start.offset});
  }
}

EmbeddedReader::~EmbeddedReader() { closed_(); }

absl::StatusOr<std::shared_ptr<const RecordBatch>> EmbeddedReader::TryRead(size_t bytes_max) {
  for (size_t i = 0; i < cursors_.size(); ++i) {
    Cursor& cursor = cursors_[turn_];
    turn_ = (turn_ + 1) % cursors_.size();
    auto batch = cursor.partition->Read(cursor.position, bytes_max);
    if (!batch.ok()) turn_ = static_cast<size_t>(&cursor - cursors_.data());
    if (!batch.ok() || *batch != nullptr) return batch;
  }
  return nullptr;
}

absl::StatusOr<std::shared_ptr<const RecordBatch>> EmbeddedReader::Read(size_t bytes_max,
                                                                        absl::Duration timeout) {
  const bool forever = timeout == absl::InfiniteDuration();
  const absl::Time deadline = forever ? absl::InfiniteFuture() : absl::Now() + timeout;
  while (true) {
    uint64_t seen;
    {
      base::MutexLock lock(stream_.bell.mutex);
      seen = stream_.bell.count;
    }
    auto batch = TryRead(bytes_max);
    if (!batch.ok() || *batch != nullptr) return batch;
    base::MutexLock lock(stream_.bell.mutex);
    while (stream_.bell.count == seen && !woken_) {
      if (forever) {
        stream_.bell.rung.Wait(stream_.bell.mutex);
        continue;
      }
      const absl::Duration left = deadline - absl::Now();
      if (left <= absl::ZeroDuration()) return nullptr;
      stream_.bell.rung.WaitFor(stream_.bell.mutex, left);
    }
    if (woken_) {
      woken_ = false;
      return nullptr;
    }
  }
}

EmbeddedReader::Cursor* EmbeddedReader::Find(int partition) {
  for (Cursor& cursor : cursors_) {
    if (cursor.partition->partition() == partition) return &cursor;
  }
  return nullptr;
}

absl::Status EmbeddedReader::Seek(int partition, Offset offset) {
  Cursor* cursor = Find(partition);
  if (cursor == nullptr) return absl::InvalidArgumentError("Seek: not a partition of this reader");
  const Offset end = cursor->partition->state().next;
  if (offset < 0 || offset > end) {
    return absl::OutOfRangeError(base::StrCat("Seek: offset ", offset, " is not in 0..", end));
  }
  cursor->position = offset;
  return absl::OkStatus();
}

absl::Status EmbeddedReader::SeekToTime(int partition, absl::Time time) {
  Cursor* cursor = Find(partition);
  if (cursor == nullptr) return absl::InvalidArgumentError("Seek: not a partition of this reader");
  KENG_ASSIGN_OR_RETURN(cursor->position,
                        cursor->partition->FirstBatch(
                            [time](const BatchHeader& header) { return header.time >= time; }));
  return absl::OkStatus();
}

Offset EmbeddedReader::position(int partition) const {
  for (const Cursor& cursor : cursors_) {
    if (cursor.partition->partition() == partition) return cursor.position;
  }
  KENG_CHECK(false, "not a partition of this reader: ", partition);
  return 0;
}

void EmbeddedReader::Wake() {
  base::MutexLock lock(stream_.bell.mutex);
  woken_ = true;
  stream_.bell.rung.NotifyAll();
}

}  // namespace keng::stream::internal
