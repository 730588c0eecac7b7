#ifndef KENG_STREAM_EMBEDDED_INTERNAL_STREAM_TABLE_H_
#define KENG_STREAM_EMBEDDED_INTERNAL_STREAM_TABLE_H_

// The streams of one database and what belongs to each: its partitions, the bell that wakes its
// readers, its counters. Constant after Open(); what it holds is thread-safe.

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "stream/embedded/internal/database.h"
#include "stream/embedded/internal/partition.h"
#include "stream/stream.h"

namespace keng::stream::internal {

// Rung after each append to a stream.
struct Bell {
  base::Mutex mutex;
  base::CondVar rung;
  uint64_t count ABSL_GUARDED_BY(mutex) = 0;

  void Ring() {
    base::MutexLock lock(mutex);
    ++count;
    rung.NotifyAll();
  }
};

struct StreamEntry {
  StreamId id = StreamId::kPosts;
  StreamConfig config;
  int first_slot = 0;  // partitions are numbered across streams: first_slot + partition
  std::vector<std::unique_ptr<Partition>> partitions;
  Bell bell;
  base::Counter records, bytes, refused;
};

class StreamTable {
 public:
  // Makes the partitions and recovers them.
  absl::Status Open(Database& database, base::Metrics* metrics);

  // nullptr when it does not exist.
  StreamEntry* Find(StreamId stream) const {
    const auto index = static_cast<size_t>(stream);
    return index < by_id_.size() ? by_id_[index] : nullptr;
  }
  Partition* Find(StreamId stream, int partition) const {
    StreamEntry* entry = Find(stream);
    if (entry == nullptr || partition < 0 || partition >= entry->config.partitions) return nullptr;
    return entry->partitions[static_cast<size_t>(partition)].get();
  }
  const std::vector<std::unique_ptr<StreamEntry>>& entries() const { return entries_; }
  int slots() const { return slots_; }

 private:
  std::vector<std::unique_ptr<StreamEntry>> entries_;
  std::array<StreamEntry*, 16> by_id_{};
  int slots_ = 0;
};

}  // namespace keng::stream::internal

#endif  // KENG_STREAM_EMBEDDED_INTERNAL_STREAM_TABLE_H_
