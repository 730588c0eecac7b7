#ifndef KENG_STREAM_EMBEDDED_INTERNAL_COMPACTOR_H_
#define KENG_STREAM_EMBEDDED_INTERNAL_COMPACTOR_H_

// One compaction run over one partition. The digests of what was appended since the last run give a
// table key -> newest offset. Then file by file: each batch whose digests name one of these keys is
// read, the keys themselves are compared, and the file is rewritten (rewrite_filter.h) without the
// superseded records. Empty batches that follow each other in a file become one.
//
// A crash at any point repeats work and changes nothing else: the file changes at once, then the
// digests, and last the mark of how far the run came.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "stream/embedded/internal/committer.h"
#include "stream/embedded/internal/database.h"
#include "stream/embedded/internal/partition.h"
#include "stream/embedded/internal/rewrite_filter.h"

namespace keng::stream::internal {

class Compactor {
 public:
  // Tombstones before `tombstones_until` are dropped too.
  Compactor(Database& database, Committer& committer, Partition& partition, Offset tombstones_until)
      : database_(database),
        committer_(committer),
        partition_(partition),
        tombstones_until_(tombstones_until) {}

  // REQUIRES: what was appended so far is flushed.
  absl::Status Run();

 private:
  // What is to change in one file.
  struct Change {
    RewritePlan plan;
    std::vector<std::shared_ptr<const StoredBatch>> batches;         // new forms
    std::vector<std::pair<Offset, std::string>> digests;             // base -> new digests
    std::vector<Offset> removed;                                     // bases of joined batches
    std::vector<std::pair<std::string, Offset>> dropped_tombstones;  // key, offset
  };

  std::string DoneKey() const;
  // Fills `newest_` from `from` on until it is full; returns where it stopped.
  absl::StatusOr<Offset> Collect(Offset from, Offset end);
  absl::Status CompactFile(const Database::File& file, Offset begin, Offset end);
  absl::StatusOr<bool> IsCandidate(Offset base, std::string_view digests) const;
  absl::StatusOr<std::shared_ptr<const StoredBatch>> Survivors(const StoredBatch& batch,
                                                               Change& change);
  absl::StatusOr<bool> IsSuperseded(const Record& record);
  absl::Status Apply(const Database::File& file, Change change);

  Database& database_;
  Committer& committer_;
  Partition& partition_;
  const Offset tombstones_until_;
  absl::flat_hash_map<uint64_t, Offset> newest_;  // by hash of the key
  std::shared_ptr<const StoredBatch> newer_;      // the batch that was compared with last
};

}  // namespace keng::stream::internal

#endif  // KENG_STREAM_EMBEDDED_INTERNAL_COMPACTOR_H_
