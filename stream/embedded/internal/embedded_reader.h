#ifndef KENG_STREAM_EMBEDDED_INTERNAL_EMBEDDED_READER_H_
#define KENG_STREAM_EMBEDDED_INTERNAL_EMBEDDED_READER_H_

// Reads some partitions of one stream, each in its turn, and sleeps on the stream's bell.

#include <functional>
#include <memory>
#include <vector>

#include "stream/embedded/internal/stream_table.h"
#include "stream/stream.h"

namespace keng::stream::internal {

class EmbeddedReader final : public Reader {
 public:
  struct Start {
    int partition;
    Offset offset;
  };
  // `closed` is called from the destructor.
  EmbeddedReader(StreamEntry& stream, const std::vector<Start>& starts,
                 std::function<void()> closed);
  ~EmbeddedReader() override;

  absl::StatusOr<std::shared_ptr<const RecordBatch>> Read(size_t bytes_max,
                                                          absl::Duration timeout) override;
  absl::Status Seek(int partition, Offset offset) override;
  absl::Status SeekToTime(int partition, absl::Time time) override;
  Offset position(int partition) const override;
  void Wake() override;

 private:
  struct Cursor {
    Partition* partition;
    Offset position;
  };
  absl::StatusOr<std::shared_ptr<const RecordBatch>> TryRead(size_t bytes_max);
  Cursor* Find(int partition);

  StreamEntry& stream_;
  const std::function<void()> closed_;
  std::vector<Cursor> cursors_;
  size_t turn_ = 0;
  bool woken_ ABSL_GUARDED_BY(stream_.bell.mutex) = false;
};

}  // namespace keng::stream::internal

#endif  // KENG_STREAM_EMBEDDED_INTERNAL_EMBEDDED_READER_H_
