#ifndef KENG_STREAM_EMBEDDED_INTERNAL_MAINTAINER_H_
#define KENG_STREAM_EMBEDDED_INTERNAL_MAINTAINER_H_

// Retention, compaction and erasing.
//
// Retention moves the beginning of a partition to the first batch that is young enough and within
// the size, never past a registered reader; files that lie wholly before it are deleted at once.
//
// Every compaction_interval, compaction (compactor.h) rewrites the files that hold superseded
// records, and the file in which a partition begins is rewritten without what is before it. Then
// memtables are flushed and the old logs deleted, so that no byte of what was removed is left.

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
  absl::Time BelievedNow(absl::Time now);
  absl::Status Save();
  absl::Status Retain(Partition& partition, absl::Time now);
  absl::StatusOr<Offset> DropStep(Partition& partition, Offset begin);
  absl::StatusOr<Offset> DropIndex(Partition& partition, Offset end, rocksdb::WriteBatch& batch);
  absl::Status CompactAndErase(absl::Time now);

  Database& database_;
  StreamTable& table_;
  Positions& positions_;
  Committer& committer_;
  const base::Clock& clock_;

  absl::Time believed_ = absl::InfinitePast();     // the time that retention acts on
  absl::Time jump_seen_ = absl::InfiniteFuture();  // when the clock was first seen far ahead
  absl::Time compacted_ = absl::InfinitePast();    // when compaction ran last
  bool saved_ = true;                              // compacted_ stands on disk
};

}  // namespace keng::stream::internal

#endif  // KENG_STREAM_EMBEDDED_INTERNAL_MAINTAINER_H_
