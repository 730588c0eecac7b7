#ifndef KENG_STORE_STORE_H_
#define KENG_STORE_STORE_H_

// The state of one process on RocksDB: tables of keys and bytes. A batch of changes to any tables,
// the position that it came from included, becomes durable whole or not at all. Knows nothing of
// what the bytes mean.
//
// Life cycle: one owner process (a lock file refuses a second); opened once, Changes and Views are
// destroyed before it. Others may open it read-only while the owner is down; what they see is the
// moment of opening.
//
// Threads: Store is thread-safe. A Changes belongs to one thread at a time.
//
// Durable (ARCHITECTURE.md): a committed batch survives kill -9 at once, and a power cut after the
// next sync, at most `sync_interval` later when the owner calls SyncIfDue() that often.
//
// Invariants
//   I1  A batch is read whole or not at all, by everybody, after a crash too.
//   I2  A flipped byte in the log or in a table stops with DataLoss. Only a torn tail of the log,
//       which a crash leaves, is tolerated.
//   I3  The bytes of a deleted or overwritten value are on no disk byte 24 h after the commit, as
//       long as Maintain() is called at least hourly.
//   I4  With a log of changes (store/change_log.h): what the store holds of logged rows, the log
//       holds, and the position in the log that is kept here never passes a change that is not.
//
// With a log a commit is an append to the log and then a write here; commits of several threads go
// to the log together. Before the log is set, ApplyLogged() brings the store to where the log ends.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "store/change_log.h"

namespace rocksdb {
class Env;
}

namespace keng::store {

struct StoreOptions {
  std::string path;
  // Who writes the tables and in which form, "alerting/1". Another layout on disk is refused.
  std::string layout;
  absl::Duration sync_interval = absl::Milliseconds(200);  // 0: every commit
  // How long deleted bytes may stay: half of the promised 24 h, so that a missed turn is harmless.
  absl::Duration erase_interval = absl::Hours(12);
  size_t cache_bytes = size_t{32} << 20;
  size_t write_buffer_bytes = size_t{16} << 20;
  // Commits are refused while the file system has less free; 0: never. What is kept back is for the
  // flushes and compactions that RocksDB makes by itself.
  int64_t disk_free_min = int64_t{64} << 20;
  // Where the files are; borrowed. Null: on disk. With another one nothing is synced, and closing
  // the store writes nothing that a crash would have lost.
  rocksdb::Env* environment = nullptr;
};

enum class Visit : uint8_t { kContinue, kStop };
using Visitor = absl::FunctionRef<Visit(std::string_view key, std::string_view value)>;

// The smallest string greater than every string that begins with `prefix`; "" (no end) when there
// is none.
std::string PrefixEnd(std::string_view prefix);

// What tables hold: the store's last commit, or uncommitted changes over it. Every call: DataLoss
// when a checksum fails.
class View {
 public:
  virtual ~View() = default;
  // nullopt: no such key.
  virtual absl::StatusOr<std::optional<std::string>> Get(TableId table,
                                                         std::string_view key) const = 0;
  // Visits the keys in [begin, end) in byte order; `end` empty: to the table's end. The visitor
  // must not change what is being visited.
  virtual absl::Status Scan(TableId table, std::string_view begin, std::string_view end,
                            Visitor visit) const = 0;

  absl::Status ScanPrefix(TableId table, std::string_view prefix, Visitor visit) const {
    return Scan(table, prefix, PrefixEnd(prefix), visit);
  }
};

// How far a store holds its log of changes.
struct LogPosition {
  int64_t next = 0;  // of the first change that it does not hold
  absl::Time at;     // by the clock, when it came so far
};

class Store;

// A batch in the making. Reads see its own changes. Dropped when destroyed without Commit().
class Changes final : public View {
 public:
  ~Changes() override;
  Changes(const Changes&) = delete;
  Changes& operator=(const Changes&) = delete;

  void Put(TableId table, std::string_view key, std::string_view value);
  void Delete(TableId table, std::string_view key);
  absl::StatusOr<std::optional<std::string>> Get(TableId table,
                                                 std::string_view key) const override;
  absl::Status Scan(TableId table, std::string_view begin, std::string_view end,
                    Visitor visit) const override;
  // Of the keys and values held, about.
  size_t bytes() const;
  void Clear();

 private:
  friend class Store;
  struct State;
  explicit Changes(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

class Store final : public View {
 public:
  // FailedPrecondition: another process owns it, or it has another layout (the message says which).
  // DataLoss: a checksum fails. `metrics` may be null; it and `clock` must outlive the store.
  static absl::StatusOr<std::unique_ptr<Store>> Open(const StoreOptions& options,
                                                     const base::Clock& clock,
                                                     base::Metrics* metrics);
  // NotFound: there is no store. Writing calls must not be made.
  static absl::StatusOr<std::unique_ptr<Store>> OpenReadOnly(const StoreOptions& options,
                                                             const base::Clock& clock);
  ~Store() override;

  std::unique_ptr<Changes> NewChanges();
  // Makes the changes durable and visible, and clears them. ResourceExhausted: the disk is full
  // or nearly so, nothing was written and the changes are kept: call again later. DataLoss: a write
  // or sync failed, or RocksDB cannot go on after a full disk (the message says so, and nothing is
  // lost); this and every later call fails, the process must stop writing and open the store anew.
  // With a log of changes also: Unavailable: the log cannot be reached, the changes are kept: call
  // again later with the same changes, to which nothing was added. They may come to stand in the
  // log and here before that, but only once. Changes that are given up instead may come true.
  // Aborted: another owner has the log; nothing was written, and nothing ever will be. Other errors
  // of the log: nothing was written.
  absl::Status Commit(Changes& changes);

  // From now on commits go through `log`, which outlives the store. Once; REQUIRES: no other call
  // is in progress.
  void SetChangeLog(ChangeLog& log);
  // Changes that stand in the log, in its order, and the position after them. Durable, with all
  // before, at the next FlushApplied() or Commit(); until then a crash takes back the last ones,
  // and the position with them. REQUIRES: no log is set yet; keys and values are copied.
  absl::Status ApplyLogged(absl::Span<const Change> changes, int64_t next_position);
  absl::Status FlushApplied();
  // nullopt: the store was never kept with a log, or was cleared.
  absl::StatusOr<std::optional<LogPosition>> log_position() const;
  // Removes all rows and the position in the log, in one write. REQUIRES: no log is set yet.
  absl::Status Clear();

  absl::StatusOr<std::optional<std::string>> Get(TableId table,
                                                 std::string_view key) const override;
  absl::Status Scan(TableId table, std::string_view begin, std::string_view end,
                    Visitor visit) const override;

  // Safe against power loss, all that is committed. SyncIfDue: when `sync_interval` has passed
  // since the last one and something was committed.
  absl::Status Sync();
  absl::Status SyncIfDue();
  // Erases deleted bytes when `erase_interval` has passed since the last time (kept on disk). Waits
  // for an erasure that another thread has begun. Unavailable: a read held on to erased bytes; the
  // next call tries again.
  absl::Status Maintain();

  int64_t disk_bytes() const;

 private:
  struct State;
  explicit Store(std::unique_ptr<State> state);
  absl::Status Erase();
  std::unique_ptr<State> state_;
};

}  // namespace keng::store

#endif  // KENG_STORE_STORE_H_
