#ifndef KENG_STREAM_EMBEDDED_EMBEDDED_STREAMS_H_
#define KENG_STREAM_EMBEDDED_EMBEDDED_STREAMS_H_

// The streams of one process in one RocksDB: the default of keng, with nothing to install.
//
// Life cycle: OpenEmbeddedStreams() once for a directory and process; readers are destroyed before
// the streams. Destruction syncs; kill -9 instead of it loses nothing that was acknowledged.
//
// Threads: makes one, "keng-sync", which syncs the log every sync_interval and sets the gauges;
// RocksDB has two of its own for flush and compaction. Writes of several threads are grouped.
//
// Durable: Write() returns after the log's bytes are with the kernel (kill -9 safe); against power
// loss after the next sync. A failed write or sync makes every later Write() fail with DataLoss.
//
// Clock: the append time is a running maximum for each partition, also across reopening. Retention
// by time believes a clock that went ahead by more than two days since the last Maintain() (or
// since the newest record, after opening) only after it has stood there for an hour, so that a
// wrong clock that is set right again deletes nothing. A record from the time when the clock was
// wrong keeps its wrong time, and so do the later ones until the clock has caught up: the gauge
// keng_stream_clock_behind_seconds shows it; retention by size goes on.
//
// Tests: stream/contract_test.h (the contract), stream/embedded/*_test.cc (files, crashes, disk).

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "stream/stream.h"

namespace keng::stream {

enum class OpenMode {
  kOwner,     // reads and writes; the only one
  kReadOnly,  // for tools while the owner is down: taps, lookups and statistics work
};

struct EmbeddedOptions {
  std::string directory;  // made when it is not there
  OpenMode mode = OpenMode::kOwner;
  // Streams that are not named here do not exist. DefaultStreams() gives what one process needs.
  std::vector<std::pair<StreamId, StreamConfig>> streams;
  // How often the log is synced against power loss; 0: before each Write() returns.
  absl::Duration sync_interval = absl::Milliseconds(200);
  // The newest batches that are kept in memory for readers, for each partition.
  int64_t ring_bytes_max = 32 << 20;
  // A memtable of a partition of posts; the others have an eighth. Up to four exist for a
  // partition.
  int64_t memtable_bytes = 64 << 20;
  // Write() is refused (ResourceExhausted) while the file system has less free, so that what is in
  // memory can always be flushed and deleting stays possible. 0: no check.
  int64_t disk_free_min = 256 << 20;
  // Compaction and erasing run this often by the clock; at most 24 h pass until a byte is gone.
  absl::Duration compaction_interval = absl::Hours(8);
  // How many keys one round of compaction holds in memory (about 24 bytes each).
  int64_t compaction_keys_max = 2'000'000;
};

// All streams of a single process, with DefaultConfig().
std::vector<std::pair<StreamId, StreamConfig>> DefaultStreams(int posts_partitions);

// `metrics` may be null; it and `clock` must outlive the streams.
// FailedPrecondition: another process owns the directory, or a stream in it has another number of
// partitions. DataLoss: damaged files; the message names file and place. InvalidArgument: options.
absl::StatusOr<std::unique_ptr<Streams>> OpenEmbeddedStreams(const EmbeddedOptions& options,
                                                             const base::Clock& clock,
                                                             base::Metrics* metrics);

}  // namespace keng::stream

#endif  // KENG_STREAM_EMBEDDED_EMBEDDED_STREAMS_H_
