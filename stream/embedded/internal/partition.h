#ifndef KENG_STREAM_EMBEDDED_INTERNAL_PARTITION_H_
#define KENG_STREAM_EMBEDDED_INTERNAL_PARTITION_H_

// One partition: where it begins and ends, its newest batches in memory (the ring), and reading
// from the ring or, below it, from RocksDB. Thread-safe; no lock is held across I/O.

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/check.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "stream/embedded/internal/batch_format.h"
#include "stream/embedded/internal/database.h"
#include "stream/stream.h"

namespace keng::stream::internal {

class Partition {
 public:
  struct State {
    Offset begin = 0;                        // of the oldest batch kept
    Offset next = 0;                         // of the next record to come
    absl::Time last = absl::InfinitePast();  // append time of the newest record ever
    uint64_t bytes_begin = 0, bytes_next = 0;
    absl::Time oldest = absl::InfiniteFuture();
    int64_t bytes() const { return static_cast<int64_t>(bytes_next - bytes_begin); }
  };
  struct Counters {
    base::Counter reads_ring, reads_store, corrupted;
    base::Gauge ring_bytes;
  };

  Partition(Database& database, StreamId stream, int partition, const StreamConfig& config,
            const Counters& counters);

  StreamId stream() const { return stream_; }
  int partition() const { return partition_; }
  const StreamConfig& config() const { return config_; }
  std::string StateKey() const;
  static std::string EncodeState(const State& state);

  // Reads the state back. DataLoss: batches that should be there are not, or are damaged.
  absl::Status Recover();

  State state() const;
  // Batches of several partitions, which are durable, become visible, all at the same moment. One
  // caller at a time.
  struct Publication {
    Partition* partition;
    absl::Span<const std::shared_ptr<const StoredBatch>> batches;
  };
  static void PublishAtOnce(absl::Span<const Publication> publications)
      ABSL_NO_THREAD_SAFETY_ANALYSIS;  // holds as many mutexes as there are partitions
  // Retention: what is before `state.begin` is no longer read.
  void SetBegin(const State& state);
  // Compaction wrote another form of the batch at `batch`'s base.
  void Replace(const std::shared_ptr<const StoredBatch>& batch);

  // Records from `position` on, at most about `bytes_max`; nullptr at the end. Moves `position`
  // past them, and past what compaction left empty.
  absl::StatusOr<std::shared_ptr<const RecordBatch>> Read(Offset& position, size_t bytes_max);
  // The batch that holds `offset`, also when the record itself was removed. NotFound: not kept.
  absl::StatusOr<std::shared_ptr<const StoredBatch>> Find(Offset offset);

  // The base of the first batch for which `after` holds; it must hold for all later ones too.
  // state().next when there is none.
  template <typename Predicate>
  absl::StatusOr<Offset> FirstBatch(Predicate after) {
    const State now = state();
    Offset low = now.begin, high = now.next;
    while (low < high) {
      KENG_ASSIGN_OR_RETURN(const BatchHeader header, HeaderAt(low + (high - low) / 2));
      if (after(header)) {
        high = header.base;
      } else {
        low = header.next();
      }
    }
    return low;
  }
  absl::StatusOr<BatchHeader> HeaderAt(Offset offset);

  // DataLoss at `offset`, counted, with its place.
  absl::Status Damaged(Offset offset, const absl::Status& why);

 private:
  using Batches = std::vector<std::shared_ptr<const StoredBatch>>;
  void Publish(absl::Span<const std::shared_ptr<const StoredBatch>> batches)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Appends what the ring has from `position` on. False: `position` is below the ring.
  enum class Source { kRing, kStore };
  Source FromRing(Offset position, size_t bytes_max, Batches& out);
  absl::Status FromStore(Offset position, size_t bytes_max, Batches& out);
  std::shared_ptr<const RecordBatch> Join(const Batches& batches, Offset position) const;

  // Constant after construction.
  Database& database_;
  const StreamId stream_;
  const int partition_;
  const StreamConfig config_;
  const int64_t ring_bytes_max_;
  const Counters counters_;

  mutable base::Mutex mutex_;
  State state_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::shared_ptr<const StoredBatch>> ring_ ABSL_GUARDED_BY(mutex_);
  int64_t ring_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace keng::stream::internal

#endif  // KENG_STREAM_EMBEDDED_INTERNAL_PARTITION_H_
