#ifndef KENG_STREAM_TESTING_MEMORY_STREAMS_H_
#define KENG_STREAM_TESTING_MEMORY_STREAMS_H_

// Streams in memory, for tests of the stages: the whole contract but for durability, in the
// simplest form, with controls for what goes wrong. It passes stream/contract_test.h.
//
// Differences: Maintain() retains and compacts at once, whatever the time; nothing survives
// destruction. Thread-safe as the contract says; the controls are too.

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "stream/changelog.h"
#include "stream/stream.h"

namespace keng::stream {

class MemoryStreams final : public Streams {
 public:
  // `clock` must outlive the streams.
  MemoryStreams(std::vector<std::pair<StreamId, StreamConfig>> streams, const base::Clock& clock);
  ~MemoryStreams() override;

  // The next `n` calls of Write() fail with `status` and write nothing.
  void FailNext(int n, absl::Status status = absl::ResourceExhaustedError("FailNext"));
  // How many of them have failed: a test proves that its fault fired.
  int failed() const;
  // The next `n` calls of Changelog::Append() end so. kYes: the batch was written all the same, as
  // a broker whose answer is lost leaves it.
  enum class Written : uint8_t { kNo, kYes };
  void FailNextAppends(int n, absl::Status status = absl::UnavailableError("FailNextAppends"),
                       Written written = Written::kNo);
  int appends_failed() const;
  // Offsets of `state` that each batch leaves unused after its records, as transaction markers do.
  void SetAppendGap(Offset gap);
  // What Write() would say of the set now, without writing it.
  absl::Status Examine(const WriteSet& set) const;
  // While corked, Read() sees nothing new (a broker that does not deliver).
  void Cork();
  void Uncork();
  // While hidden, Begin() cannot be told (no broker answers).
  void HideBegin();
  void ShowBegin();

  Capabilities capabilities() const override {
    return {.atomic_write = true,
            .lookup = true,
            .seek_by_time = true,
            .survives_reopen = false,
            .changelog = configs_.contains(StreamId::kState)};
  }
  int partitions(StreamId stream) const override;
  absl::Status Write(const WriteSet& set) override;
  absl::StatusOr<std::unique_ptr<Reader>> OpenReader(std::string_view name, StreamId stream,
                                                     std::vector<int> partitions) override;
  absl::StatusOr<std::unique_ptr<Reader>> OpenTap(StreamId stream,
                                                  std::vector<int> partitions) override;
  absl::Status RemoveReader(std::string_view name, StreamId stream) override;
  absl::StatusOr<std::optional<Committed>> committed(std::string_view name, StreamId stream,
                                                     int partition) override;
  absl::StatusOr<std::optional<std::string>> Lookup(StreamId stream, std::string_view key) override;
  absl::StatusOr<Offset> Begin(StreamId stream, int partition) override;
  absl::StatusOr<Offset> End(StreamId stream, int partition) override;
  absl::StatusOr<std::unique_ptr<Changelog>> OpenChangelog(std::string_view owner) override;
  absl::Status Maintain() override;
  absl::Status Sync() override;
  std::vector<PartitionStats> partition_stats() const override;
  std::vector<ReaderStats> reader_stats() const override;

 private:
  class MemoryReader;
  class MemoryBatch;
  class MemoryChangelog;
  struct Item {
    std::string key, value;
    bool tombstone;
    absl::Time time;
    Offset offset;
    int64_t bytes() const { return static_cast<int64_t>(key.size() + value.size()); }
  };
  struct Log {
    std::deque<Item> items;
    Offset begin = 0, next = 0;
    absl::Time last = absl::InfinitePast();
    int64_t bytes = 0;
  };
  using LogId = std::pair<StreamId, int>;
  using ReaderId = std::tuple<std::string, StreamId, int>;

  absl::StatusOr<Offset> AppendState(const std::string& owner, int64_t epoch, const WriteSet& set);
  void Store(const WriteSet& set) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Check(const WriteSet& set) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::optional<Offset> Slowest(const LogId& id) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckPartitions(StreamId stream, std::vector<int>& partitions) const;
  std::shared_ptr<const RecordBatch> TryRead(const LogId& id, Offset& position, size_t bytes_max)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Constant after construction.
  const std::map<StreamId, StreamConfig> configs_;
  const base::Clock& clock_;

  mutable base::Mutex mutex_;
  base::CondVar changed_;
  std::map<LogId, Log> logs_ ABSL_GUARDED_BY(mutex_);
  std::map<ReaderId, Committed> positions_ ABSL_GUARDED_BY(mutex_);
  std::set<ReaderId> open_ ABSL_GUARDED_BY(mutex_);
  int readers_ ABSL_GUARDED_BY(mutex_) = 0;
  int fail_next_ ABSL_GUARDED_BY(mutex_) = 0;
  int failed_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status fail_status_ ABSL_GUARDED_BY(mutex_);
  bool corked_ ABSL_GUARDED_BY(mutex_) = false;
  bool begin_is_hidden_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<std::string, int64_t> owners_ ABSL_GUARDED_BY(mutex_);  // how often each was opened
  int fail_appends_ ABSL_GUARDED_BY(mutex_) = 0;
  int appends_failed_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status append_status_ ABSL_GUARDED_BY(mutex_);
  Written append_written_ ABSL_GUARDED_BY(mutex_) = Written::kNo;
  Offset append_gap_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace keng::stream

#endif  // KENG_STREAM_TESTING_MEMORY_STREAMS_H_
