#ifndef KENG_STORE_INTERNAL_GROUP_COMMIT_H_
#define KENG_STORE_INTERNAL_GROUP_COMMIT_H_

// Commits to a store that has a log of changes: first the log, then the store. An append costs a
// round trip to other machines, so the batches that wait meanwhile go out together, as LevelDB's
// writers do (DBImpl::Write): the first of the queue leads, takes those behind it along, appends
// once, writes each batch in its order, and wakes the others.
//
// Invariants
//   G1  The position kept in the store never passes a change that the store does not hold. A batch
//       that is in the log, or may be (Unavailable), and could not be written is *owed*: it is
//       appended (where that is in doubt) and written before anything else is. One group at most is
//       owed.
//   G2  The log and the store see the batches in one order.
//   G3  A batch is written once: an owed one that is committed again is not written a second time,
//       for what others committed in between may build on it.
//
// Threads: Commit() by any. What the leader uses is handed on with the lock.

#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "rocksdb/db.h"
#include "rocksdb/utilities/write_batch_with_index.h"
#include "store/change_log.h"
#include "store/store.h"

namespace keng::store {

// The place of the position in the log among the store's own rows.
void PutLogPosition(const LogPosition& position, rocksdb::WriteBatch& batch);
void RemoveLogPosition(rocksdb::WriteBatch& batch);
absl::StatusOr<std::optional<LogPosition>> ReadLogPosition(rocksdb::DB& db);

class GroupCommit {
 public:
  // Writes one batch to the database, durable as the store promises.
  using WriteFn = std::function<absl::Status(rocksdb::WriteBatch&)>;
  // What of a batch is owed: the number of its operations when it was taken over.
  using Owed = std::optional<uint32_t>;

  // `log` and `clock` must outlive it.
  GroupCommit(ChangeLog& log, WriteFn write, const base::Clock& clock, base::Gauge owed);

  // As Store::Commit(). `owed` belongs to the batch and begins empty.
  absl::Status Commit(rocksdb::WriteBatchWithIndex& batch, Owed& owed);

 private:
  struct Waiting {
    rocksdb::WriteBatchWithIndex* batch = nullptr;
    Owed* owed = nullptr;
    bool is_done = false;
    absl::Status status;
  };
  struct Debt {
    std::vector<rocksdb::WriteBatch> batches;
    std::optional<int64_t> position;  // nullopt: it is in doubt whether the log has them
  };

  std::vector<Waiting*> TakeGroup() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Lead(const std::vector<Waiting*>& group);
  absl::StatusOr<int64_t> Append(const std::vector<Change>& changes);
  absl::Status Settle();
  void Owe(absl::Span<Waiting* const> batches, std::optional<int64_t> position);
  void KeepPosition(int64_t position);

  // Constant after construction.
  ChangeLog& log_;
  const WriteFn write_;
  const base::Clock& clock_;
  const base::Gauge owed_gauge_;

  // The leader's.
  absl::Status lost_;  // Aborted, for good
  std::optional<Debt> debt_;

  base::Mutex mutex_;
  base::CondVar changed_;
  std::deque<Waiting*> queue_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace keng::store

#endif  // KENG_STORE_INTERNAL_GROUP_COMMIT_H_
