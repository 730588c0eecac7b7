#ifndef KENG_STREAM_EMBEDDED_INTERNAL_COMMITTER_H_
#define KENG_STREAM_EMBEDDED_INTERNAL_COMMITTER_H_

// The write path. Each caller encodes its own batches; then they queue, and the first of the queue
// gives all that wait their offsets and writes them as one RocksDB batch (group commit). After that
// they become visible to readers, in the same order.

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "stream/embedded/internal/batch_format.h"
#include "stream/embedded/internal/database.h"
#include "stream/embedded/internal/positions.h"
#include "stream/embedded/internal/stream_table.h"
#include "stream/stream.h"

namespace keng::stream::internal {

// Thread-safe.
class Committer {
 public:
  Committer(Database& database, StreamTable& table, Positions& positions, const base::Clock& clock)
      : database_(database), table_(table), positions_(positions), clock_(clock) {}

  absl::Status Write(const WriteSet& set);

  // Runs `action` while no write is under way, for changes that depend on what is stored.
  absl::Status Exclusive(std::function<absl::Status()> action);

 private:
  struct Prepared {
    StreamEntry* stream;
    Partition* partition;
    BatchBuilder builder;
    std::string digests;
  };
  struct Pending {
    const WriteSet* set = nullptr;
    std::vector<Prepared> batches;
    size_t bytes = 0;
    std::function<absl::Status()> action;  // instead of a set
    absl::Status status;
    bool done = false;
    base::CondVar wake;
  };
  // Where a partition stands within a group that is not yet written.
  struct Tail {
    Partition::State state;
    std::vector<std::shared_ptr<const StoredBatch>> batches;
  };
  using Tails = std::map<Partition*, Tail>;

  absl::Status Prepare(const WriteSet& set, Pending& pending) const;
  absl::Status Run(Pending& pending);
  void WriteGroup(const std::vector<Pending*>& group);
  absl::Status Admit(const Pending& pending, Tails& tails);
  absl::Status AdmitSize(const Pending& pending, Tails& tails);
  void Place(Pending& pending, absl::Time now, Tails& tails);
  Tail& TailOf(Partition* partition, Tails& tails) const;

  Database& database_;
  StreamTable& table_;
  Positions& positions_;
  const base::Clock& clock_;

  base::Mutex mutex_;
  std::deque<Pending*> queue_ ABSL_GUARDED_BY(mutex_);  // bounded by the threads that write

  // Belong to the leader.
  rocksdb::WriteBatch batch_;
};

}  // namespace keng::stream::internal

#endif  // KENG_STREAM_EMBEDDED_INTERNAL_COMMITTER_H_
