#ifndef KENG_STREAM_EMBEDDED_INTERNAL_MAINTAINER_H_
#define KENG_STREAM_EMBEDDED_INTERNAL_MAINTAINER_H_

// Retention, compaction and erasing.
//
// Retention moves the beginning of a partition to the first batch that is young enough and within
// the size, never past a registered reader; files that lie wholly before it go at once.
//
// Compaction (every compaction_interval): the digests of what was appended since the last run give
// a table key -> newest offset; every older batch whose digests name one of these keys is read, the
// keys are compared, and the batch is written again without the superseded records. A batch of
// which nothing is left joins the empty ones before it.
//
// Erasing follows in the same run: what was overwritten or deleted leaves memtables, log and files.
// The ranges that wait for it are on disk before the records go, so that a crash between the two
// does not lose them.

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "stream/embedded/internal/committer.h"
#include "stream/embedded/internal/database.h"
#include "stream/embedded/internal/positions.h"
#include "stream/embedded/internal/stream_table.h"

namespace keng::stream::internal {

// Belongs to one thread at a time.
class Maintainer {
 public:
  Maintainer(Database& database, StreamTable& table, Positions& positions, Committer& committer,
             const base::Clock& clock)
      : database_(database),
        table_(table),
        positions_(positions),
        committer_(committer),
        clock_(clock) {}

  absl::Status Recover();
  absl::Status Run();

 private:
  using Newest = std::map<int, int>;
  absl::Time BelievedNow();
  absl::Status Retain(Partition& partition, absl::Time now);
  absl::Status DropBefore(Partition& partition, Offset begin);
  absl::Status DropIndex(Partition& partition, Offset end, rocksdb::WriteBatch& batch);
  absl::Status Compact(Partition& partition, absl::Time now);
  absl::Status MarkErase(Partition& partition, Offset begin, Offset end,
                         rocksdb::WriteBatch& batch);
  absl::Status EraseMarked();

  Database& database_;
  StreamTable& table_;
  Positions& positions_;
  Committer& committer_;
  const base::Clock& clock_;

  absl::Time believed_ = absl::InfinitePast();     // the newest time that retention acted on
  absl::Time jump_seen_ = absl::InfiniteFuture();  // when the clock was first seen far ahead
  absl::Time compacted_ = absl::InfinitePast();
};

}  // namespace keng::stream::internal

#endif  // KENG_STREAM_EMBEDDED_INTERNAL_MAINTAINER_H_
