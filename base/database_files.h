#ifndef KENG_BASE_DATABASE_FILES_H_
#define KENG_BASE_DATABASE_FILES_H_

// What the streams and the store both ask of their RocksDB and its files.
//
// Threads: any, at the same time.

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace rocksdb {
class DB;
class Env;
class Status;
struct DBOptions;
}  // namespace rocksdb

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

// Whether the file system of `folder` has `free_min` bytes free, 0 for any. RocksDB survives a disk
// without a free byte badly: as packaged by Debian it is built with its assertions, and some end
// the process. So its callers stop before that, and leave the rest to what it writes by itself.
// OK too where `environment` does not know of such a thing. ResourceExhausted: less is free; the
// message says so. Unavailable: it cannot be told just now.
absl::Status CheckFreeSpace(rocksdb::Env& environment, const std::string& folder, int64_t free_min);

// Leaves it to Resume() to go on after a full disk. RocksDB would look at the free space every five
// seconds by itself, and refuse to be asked in between.
void ResumeByHand(rocksdb::DBOptions& options);

// rocksdb::DB::Resume() of a database opened after ResumeByHand(), once there is room for what is
// in memory. It flushes that and waits, in RocksDB 7.8.3 sometimes for ever: a flush that was given
// to a thread and finds the database stopped stays in the queue, which holds one a column family,
// and is never run again. So when nothing was flushed or compacted for two seconds, the database is
// told to shut down.
// OK: the database takes writes again. ShutdownInProgress: only opening it again will help. Else
// NoSpace, as a rule: ask again later.
rocksdb::Status Resume(rocksdb::DB& db);

}  // namespace keng::base

#endif  // KENG_BASE_DATABASE_FILES_H_
