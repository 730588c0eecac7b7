#ifndef KENG_STREAM_EMBEDDED_INTERNAL_DATABASE_H_
#define KENG_STREAM_EMBEDDED_INTERNAL_DATABASE_H_

// The RocksDB under the streams: opening with every check, the column families, the keys, and the
// mapping of its errors. Thread-safe after Open().
//
// Column families
//   default      meta: layout version, partitions of each stream, partition states, positions,
//                marks of bytes that must leave the disk
//   index        (stream, hash of the key) -> newest offset, of the indexed streams
//   digests      (stream, partition, base) -> hashes of a batch's keys, of the compacted streams
//   <stream>-<n> base -> batch. A family for each partition: its keys only grow, so that flushed
//                files never overlap and are never rewritten, except where something is erased.

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "stream/embedded/embedded_streams.h"
#include "stream/embedded/internal/rewrite_filter.h"
#include "stream/stream.h"

namespace keng::stream::internal {

// Big-endian, so that keys sort by value.
void AppendBigEndian64(uint64_t value, std::string& out);
uint64_t BigEndian64(std::string_view bytes);

std::string OffsetKey(Offset offset);
std::string DigestKey(StreamId stream, int partition, Offset base);
std::string IndexKey(StreamId stream, std::string_view key);

class Database {
 public:
  // FailedPrecondition: the directory has another owner, or the streams in it have other partitions
  // than configured. DataLoss: a log or file in it is damaged. NotFound: nothing there to read
  // (kReadOnly).
  static absl::StatusOr<std::unique_ptr<Database>> Open(const EmbeddedOptions& options);
  ~Database();

  rocksdb::DB& db() { return *db_; }
  rocksdb::ColumnFamilyHandle* meta() { return db_->DefaultColumnFamily(); }
  rocksdb::ColumnFamilyHandle* index() { return index_; }
  rocksdb::ColumnFamilyHandle* digests() { return digests_; }
  rocksdb::ColumnFamilyHandle* records(StreamId stream, int partition) {
    return records_.at({stream, partition});
  }
  const EmbeddedOptions& options() const { return options_; }
  bool read_only() const { return options_.mode == OpenMode::kReadOnly; }

  // All or nothing. ResourceExhausted: no space. DataLoss: anything else failed, now or earlier.
  absl::Status Write(rocksdb::WriteBatch& batch);
  absl::Status Sync();
  // After a failure the disk may hold less than memory believes: nothing is written any more.
  absl::Status failed() const;
  // Looks at the free space when enough was written since the last look, and always when it was
  // short. ResourceExhausted: less than options().disk_free_min is free.
  absl::Status CheckSpace(size_t bytes);

  // nullopt: not there.
  absl::StatusOr<std::optional<std::string>> GetMeta(std::string_view key);

  // "posts partition 2, offset 17 (/var/lib/keng/streams/000012.sst)": where a damaged byte is.
  std::string Place(StreamId stream, int partition, Offset offset);
  // Corruption becomes DataLoss at `place`, everything else Unavailable.
  static absl::Status ToStatus(const rocksdb::Status& status, std::string_view what);

  // Puts the deletion of the key's index entry into `batch` when it names `offset`. Only within
  // Committer::Exclusive().
  absl::Status DropIndexEntry(StreamId stream, std::string_view key, Offset offset,
                              rocksdb::WriteBatch& batch);

  // A file of a partition: the bases of its first and last batch. In order; they never overlap.
  struct File {
    Offset first = 0;
    Offset last = 0;
  };
  std::vector<File> Files(StreamId stream, int partition);
  // Applies `plan` to the batches of one file, at once.
  absl::Status Rewrite(StreamId stream, int partition, const File& file,
                       std::shared_ptr<const RewritePlan> plan);
  // Deletes the files that lie wholly before `begin`.
  absl::Status DeleteFilesBefore(StreamId stream, int partition, Offset begin);
  absl::Status FlushAll();
  // What was overwritten or removed leaves memtables, logs and the index.
  absl::Status EraseRemoved();

 private:
  explicit Database(const EmbeddedOptions& options) : options_(options) {}
  absl::Status Lock();
  absl::Status OpenFamilies();
  absl::Status CheckLayout();
  absl::Status CreateFamilies();
  absl::Status WriteFailed(const rocksdb::Status& status);
  rocksdb::Options FamilyOptions(const std::string& name);
  rocksdb::Options BaseOptions() const;

  const EmbeddedOptions options_;
  int lock_file_ = -1;
  std::unique_ptr<rocksdb::DB> db_;
  std::map<std::string, rocksdb::ColumnFamilyHandle*, std::less<>> families_;
  std::map<std::string, std::shared_ptr<RewriteFilterFactory>> filters_;
  rocksdb::ColumnFamilyHandle* index_ = nullptr;
  rocksdb::ColumnFamilyHandle* digests_ = nullptr;
  std::map<std::pair<StreamId, int>, rocksdb::ColumnFamilyHandle*> records_;

  std::atomic<int> failed_{0};  // an absl::StatusCode; 0: fine
  std::atomic<bool> no_space_{false};
  std::atomic<int64_t> bytes_since_look_{INT64_MAX / 2};
};

}  // namespace keng::stream::internal

#endif  // KENG_STREAM_EMBEDDED_INTERNAL_DATABASE_H_
