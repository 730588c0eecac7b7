#ifndef KENG_BASE_DATABASE_FILES_H_
#define KENG_BASE_DATABASE_FILES_H_

// What the streams and the store both ask of the files of their RocksDB.
//
// Threads: any, at the same time.

#include <string>

#include "absl/status/status.h"

namespace rocksdb {
class DB;
}

namespace keng::base {

// Makes the log files (*.log) in `folder` safe against power loss. Not rocksdb::DB::SyncWAL: its
// log writer aborts the process when a log is synced whose last append has just failed, which a
// full disk brings about. Each append is with the kernel already, so the files can be synced from
// outside. REQUIRES: options.manual_wal_flush is off.
//
// Errors: ResourceExhausted (no space; call again), DataLoss (a sync failed: what was written since
// the last one may be lost, whatever a later call says), Unavailable (`folder` cannot be listed or
// a file not opened: call again).
absl::Status SyncLogFiles(const std::string& folder);

// Deletes the files that `db` no longer needs before it returns. RocksDB does so in the background,
// and leaves a file that a read of another thread still held until its next compaction, which may
// be half a day away. Waits up to five seconds for such reads.
//
// Errors: Unavailable (a read held on to its files for longer, or RocksDB refuses; call again
// later).
absl::Status DeleteObsoleteFiles(rocksdb::DB& db);

}  // namespace keng::base

#endif  // KENG_BASE_DATABASE_FILES_H_
