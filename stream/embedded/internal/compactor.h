#ifndef KENG_STREAM_EMBEDDED_INTERNAL_COMPACTOR_H_
#define KENG_STREAM_EMBEDDED_INTERNAL_COMPACTOR_H_

// One compaction run over one partition; see maintainer.h for the way it works.

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "stream/embedded/internal/committer.h"
#include "stream/embedded/internal/database.h"
#include "stream/embedded/internal/partition.h"

namespace keng::stream::internal {

class Compactor {
 public:
  // Adds the mark "bytes in [begin, end) are to be erased" to the batch.
  using MarkErase = std::function<absl::Status(Offset begin, Offset end, rocksdb::WriteBatch&)>;

  // Tombstones before `tombstones_until` are dropped too.
  Compactor(Database& database, Committer& committer, Partition& partition, Offset tombstones_until,
            MarkErase mark_erase)
      : database_(database),
        committer_(committer),
        partition_(partition),
        tombstones_until_(tombstones_until),
        mark_erase_(std::move(mark_erase)) {}

  absl::Status Run();

 private:
  using Newest = absl::flat_hash_map<uint64_t, Offset>;
  std::string DoneKey() const;
  // Fills `newest_` from `from` on, until it is full; returns where it stopped.
  absl::StatusOr<Offset> Collect(Offset from, Offset end);
  absl::Status Rewrite(Offset begin, Offset end);
  absl::Status RewriteBatch(Offset base);
  absl::StatusOr<bool> Superseded(const Record& record);
  absl::Status JoinEmpty(Offset begin, Offset end);

  Database& database_;
  Committer& committer_;
  Partition& partition_;
  const Offset tombstones_until_;
  const MarkErase mark_erase_;
  Newest newest_;
  std::shared_ptr<const StoredBatch> newer_;  // the batch that was compared with last
};

}  // namespace keng::stream::internal

#endif  // KENG_STREAM_EMBEDDED_INTERNAL_COMPACTOR_H_
