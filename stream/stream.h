#ifndef KENG_STREAM_STREAM_H_
#define KENG_STREAM_STREAM_H_

// The stream contract: partitioned, durable, replayable sequences of records, read by named readers
// whose committed positions survive a crash. The embedded implementation (RocksDB, in process)
// stands in stream/embedded/. Every implementation passes stream/contract_test.h unchanged; what it
// cannot do it declares in Capabilities.
//
// Life cycle: an implementation is opened once for a process; readers are opened from it and must
// be destroyed before it.
//
// Threads: Streams is thread-safe. A Reader belongs to one thread at a time. A RecordBatch is
// immutable and may be shared.
//
// Invariants
//   I1  Offsets of a partition increase by one a record, from 0, and never go back, not after a
//   crash, retention or
//       compaction (which leave gaps).
//   I2  A record that a reader has seen is durable: it is still there after kill -9.
//   I3  The time of a record is the append time, a running maximum for each partition whatever the
//   clock does. I4  Retention never removes a record at or after the committed position of a
//   registered reader. I5  Two records of one key stand in one partition (murmur2), in the order in
//   which Write() was called.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace keng::stream {

class Changelog;
class Membership;

// Stored on disk: values are never reused.
enum class StreamId : uint8_t {
  kPosts = 1,    // key: post id; canonical post JSON; compacted with tombstones
  kInbox = 2,    // key: desk; filters/inbox_record.h
  kTexts = 3,    // key: post id; compacted with tombstones
  kAlerts = 4,   // key: desk; what was rung, to whom, with what result; no post text
  kControl = 5,  // key: name; resume points, published rule sets; compacted
  kDead = 6,     // key: stage; records put aside
  kState = 7,    // key: desk "/" row; the changelog of alerting's state (stream/changelog.h)
  kIntake = 8,   // key: any; posts of producers outside, read by ingest as one more source
  kSources = 9,  // never written: its partitions are the slots by which processes divide sources
};
inline constexpr StreamId kAllStreams[] = {
    StreamId::kPosts, StreamId::kInbox, StreamId::kTexts,  StreamId::kAlerts, StreamId::kControl,
    StreamId::kDead,  StreamId::kState, StreamId::kIntake, StreamId::kSources};
// "posts", "inbox", ...
std::string_view StreamName(StreamId stream);
std::optional<StreamId> StreamByName(std::string_view name);

// What of a key decides its partition: all of it, but in `state` only the desk before the first
// '/', so that a desk's state stands in the partition of its inbox.
std::string_view PartitionKey(StreamId stream, std::string_view key);

// The number of a record in its partition, from 0.
using Offset = int64_t;

struct StreamConfig {
  int partitions = 1;                                   // fixed when the stream is made
  absl::Duration retention = absl::InfiniteDuration();  // by append time
  int64_t retention_bytes = INT64_MAX;                  // for each partition; the oldest go first
  bool compacted = false;  // a newer record or tombstone of a key removes the older
  // Lookup() finds the newest record of a key. Costs an index entry a record, so it is for streams
  // of low volume (texts, control), not for posts.
  bool indexed = false;
};

// The defaults: partitions 1 for inbox, state, control, dead, alerts; posts, texts and intake as
// given.
StreamConfig DefaultConfig(StreamId stream, int posts_partitions);

struct Record {
  std::string_view key;
  std::string_view value;  // empty for a tombstone
  bool tombstone = false;
  absl::Time time;  // append time
  Offset offset = 0;
};

// Records of one partition in offset order, with the memory that they point into. Each value may be
// read up to kValuePadding bytes past its end (simdjson needs that), whatever stands there.
class RecordBatch {
 public:
  static constexpr size_t kValuePadding = 64;

  virtual ~RecordBatch() = default;
  StreamId stream() const { return stream_; }
  int partition() const { return partition_; }
  absl::Span<const Record> records() const { return records_; }
  // Where the next read begins: one past the last record, also when compaction removed the last
  // ones.
  Offset next_offset() const { return next_offset_; }

 protected:
  StreamId stream_ = StreamId::kPosts;
  int partition_ = 0;
  Offset next_offset_ = 0;
  std::vector<Record> records_;
};

// What one Write() carries: records for any streams, and positions of readers. Reusable after
// Clear(), which keeps the memory. Not thread-safe.
class WriteSet {
 public:
  struct Entry {
    StreamId stream;
    bool tombstone;
    uint32_t key_begin, key_size;
    uint32_t value_begin, value_size;
  };
  struct Position {
    std::string reader;
    StreamId stream;
    int partition;
    Offset next;           // the first offset that is still to be processed
    std::string metadata;  // at most 4 KiB; kept with the position (the stage's counters)
  };

  // What one set may hold: a producer writes long before this.
  static constexpr size_t kBytesMax = 256 << 20;
  static constexpr size_t kKeyBytesMax = 4096;
  static constexpr size_t kValueBytesMax = 16 << 20;
  static constexpr size_t kMetadataBytesMax = 4096;

  void Append(StreamId stream, std::string_view key, std::string_view value);
  void AppendTombstone(StreamId stream, std::string_view key);
  // Zero-copy form: the caller appends the value's bytes to the returned buffer, then calls
  // EndRecord().
  std::string& BeginRecord(StreamId stream, std::string_view key);
  void EndRecord();
  void Commit(std::string_view reader, StreamId stream, int partition, Offset next,
              std::string_view metadata = {});

  bool empty() const { return entries_.empty() && positions_.empty(); }
  size_t bytes() const { return buffer_.size(); }
  const std::vector<Entry>& entries() const { return entries_; }
  const std::vector<Position>& positions() const { return positions_; }
  std::string_view key(const Entry& entry) const {
    return {buffer_.data() + entry.key_begin, entry.key_size};
  }
  std::string_view value(const Entry& entry) const {
    return {buffer_.data() + entry.value_begin, entry.value_size};
  }
  void Clear();

 private:
  std::string buffer_;
  std::vector<Entry> entries_;
  std::vector<Position> positions_;
  bool record_open_ = false;
};

struct Committed {
  Offset next = 0;
  std::string metadata;
};

class Reader {
 public:
  virtual ~Reader() = default;

  // The next records of one of the reader's partitions (each in its turn), at most about
  // `bytes_max` bytes (one batch at least). Waits up to `timeout` for some; nullptr when there were
  // none. The read position moves past them; the committed position moves only by WriteSet::Commit.
  // DataLoss: a stored batch fails its checksum; the reader stays before it and every later Read()
  // fails likewise.
  virtual absl::StatusOr<std::shared_ptr<const RecordBatch>> Read(size_t bytes_max,
                                                                  absl::Duration timeout) = 0;

  // Moves the read position (not the committed one). OutOfRange when `offset` is past the end.
  virtual absl::Status Seek(int partition, Offset offset) = 0;
  // To the first record at or after `time`. Unimplemented without Capabilities::seek_by_time.
  virtual absl::Status SeekToTime(int partition, absl::Time time) = 0;
  virtual Offset position(int partition) const = 0;
  // Makes a Read() that waits in another thread return nullptr soon. Thread-safe.
  virtual void Wake() = 0;
};

struct Capabilities {
  bool atomic_write = false;  // a Write() is all or nothing, across streams and positions
  bool lookup = false;        // Lookup() works
  bool seek_by_time = false;
  bool survives_reopen = true;
  // Maintain() removes what is past its retention, to the record.
  bool trims = true;
  // Maintain() compacts; where not, somebody else does in his own time.
  bool compacts = true;
  // StreamConfig::retention_bytes holds, and an append that would have to pass a reader is refused.
  bool bounds_bytes = true;
  bool changelog = false;   // OpenChangelog() works
  bool membership = false;  // OpenMembership() works
};

struct PartitionStats {
  StreamId stream;
  int partition;
  Offset begin;  // of the oldest record kept
  Offset end;    // of the next record to come
  int64_t bytes;
  absl::Time oldest;  // append time of the oldest record; InfiniteFuture when empty
};
struct ReaderStats {
  std::string reader;
  StreamId stream;
  int partition;
  Offset committed;
  Offset lag;
};

class Streams {
 public:
  virtual ~Streams() = default;

  virtual Capabilities capabilities() const = 0;
  virtual int partitions(StreamId stream) const = 0;

  // Appends the records and moves the positions. On OK all of it is durable (ARCHITECTURE.md)
  // and visible: whoever sees a record or a position of the set sees all its records.
  // Where atomic_write is not declared, streams become durable and visible one after the other, in
  // the order in which the set first names them, and positions last, so that a crash repeats and
  // never loses. Unavailable: only there; some of it may have been written: the same set is to be
  // written again. Aborted: only there; the records are written, a position is not, for the
  // partition has another owner now. ResourceExhausted: retention by
  // size would have to pass a registered reader, or the disk is full: nothing was
  //   written, try again later. DataLoss: an earlier write or sync failed; the process must stop
  //   writing. InvalidArgument: a key, value or metadata over the bounds in WriteSet, a stream or
  //   partition that is not there, a position past the end. FailedPrecondition: a position of a
  //   reader that is not registered (OpenReader registers). On all but OK, Unavailable and Aborted
  // nothing was written.
  virtual absl::Status Write(const WriteSet& set) = 0;

  // Registers `name` (its committed position holds back retention from now on) and opens it at its
  // committed position, or at the beginning of what is kept when it has none. `partitions` empty:
  // all. One open Reader for a name and partition.
  virtual absl::StatusOr<std::unique_ptr<Reader>> OpenReader(std::string_view name, StreamId stream,
                                                             std::vector<int> partitions = {}) = 0;
  // A reader that commits nothing and holds nothing back, from the oldest record kept: taps,
  // rebuilds, scans.
  virtual absl::StatusOr<std::unique_ptr<Reader>> OpenTap(StreamId stream,
                                                          std::vector<int> partitions = {}) = 0;
  // Forgets a reader's position. NotFound when there is none.
  virtual absl::Status RemoveReader(std::string_view name, StreamId stream) = 0;
  virtual absl::StatusOr<std::optional<Committed>> committed(std::string_view name, StreamId stream,
                                                             int partition) = 0;

  // The newest value of `key` in an indexed stream (StreamConfig::indexed); nullopt when there is
  // none or a tombstone. FailedPrecondition: the stream is not indexed. Capabilities::lookup.
  virtual absl::StatusOr<std::optional<std::string>> Lookup(StreamId stream,
                                                            std::string_view key) = 0;
  // The oldest record kept.
  virtual absl::StatusOr<Offset> Begin(StreamId stream, int partition) = 0;
  // One past the last record.
  virtual absl::StatusOr<Offset> End(StreamId stream, int partition) = 0;

  // Joins the processes that read `stream` as `name` (stream/membership.h). FailedPrecondition:
  // these streams have one process.
  virtual absl::StatusOr<std::unique_ptr<Membership>> OpenMembership(std::string_view name,
                                                                     StreamId stream);
  // Makes the caller the one owner of `owner`'s rows in `state` (stream/changelog.h).
  // FailedPrecondition: there is no such stream. Unavailable: not now.
  virtual absl::StatusOr<std::unique_ptr<Changelog>> OpenChangelog(std::string_view owner);

  // Retention and compaction of everything that is due by the clock. Called from time to time
  // (every few seconds; cheap when nothing is due) by the owner, from one thread; also makes sure
  // that the bytes of superseded and deleted records leave the disk within 24 h. A tombstone stays
  // as long as the stream's retention, so that every replay sees it.
  virtual absl::Status Maintain() = 0;
  // Makes all written so far safe against power loss.
  virtual absl::Status Sync() = 0;

  virtual std::vector<PartitionStats> partition_stats() const = 0;
  virtual std::vector<ReaderStats> reader_stats() const = 0;
};

}  // namespace keng::stream

#endif  // KENG_STREAM_STREAM_H_
