#include "stream/embedded/embedded_streams.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>
#include <tuple>

#include "absl/time/clock.h"
#include "base/check.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/stable_hash.h"
#include "base/strings.h"
#include "stream/embedded/internal/committer.h"
#include "stream/embedded/internal/database.h"
#include "stream/embedded/internal/embedded_reader.h"
#include "stream/embedded/internal/maintainer.h"
#include "stream/embedded/internal/positions.h"
#include "stream/embedded/internal/stream_table.h"

namespace keng::stream {
namespace {

using internal::Committer;
using internal::Database;
using internal::EmbeddedReader;
using internal::Maintainer;
using internal::Partition;
using internal::Positions;
using internal::StreamEntry;
using internal::StreamTable;

constexpr int kPartitionsMax = 64;
// How often the gauges are set when nothing has to be synced.
constexpr absl::Duration kGaugesInterval = absl::Seconds(1);

absl::Status CheckOptions(const EmbeddedOptions& options) {
  if (options.directory.empty()) return absl::InvalidArgumentError("streams: no directory");
  std::set<StreamId> seen;
  for (const auto& [stream, config] : options.streams) {
    if (StreamName(stream) == "unknown" || !seen.insert(stream).second) {
      return absl::InvalidArgumentError("streams: a stream is unknown or named twice");
    }
    if (config.partitions < 1 || config.partitions > kPartitionsMax) {
      return absl::InvalidArgumentError(
          base::StrCat("streams: ", StreamName(stream), " has ", config.partitions,
                       " partitions; expected 1 to ", kPartitionsMax));
    }
    if (config.retention <= absl::ZeroDuration() || config.retention_bytes <= 0) {
      return absl::InvalidArgumentError(base::StrCat(
          "streams: the retention of ", StreamName(stream), " must be greater than zero"));
    }
    if (config.indexed && !config.compacted) {
      return absl::InvalidArgumentError(base::StrCat(
          "streams: ", StreamName(stream), " is indexed and not compacted; an index needs both"));
    }
  }
  return absl::OkStatus();
}

class EmbeddedStreams final : public Streams {
 public:
  EmbeddedStreams(std::unique_ptr<Database> database, const base::Clock& clock,
                  base::Metrics* metrics)
      : clock_(clock),
        metrics_(metrics),
        database_(std::move(database)),
        committer_(*database_, table_, positions_, clock),
        maintainer_(*database_, table_, positions_, committer_, clock) {}
  ~EmbeddedStreams() override { Stop(); }

  absl::Status Start();

  Capabilities capabilities() const override {
    return {.atomic_write = true, .lookup = true, .seek_by_time = true, .survives_reopen = true};
  }
  int partitions(StreamId stream) const override {
    const StreamEntry* entry = table_.Find(stream);
    return entry == nullptr ? 0 : entry->config.partitions;
  }

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
  absl::Status Maintain() override;
  absl::Status Sync() override;
  std::vector<PartitionStats> partition_stats() const override;
  std::vector<ReaderStats> reader_stats() const override;

 private:
  using OpenId = std::tuple<std::string, StreamId, int>;

  void Stop();
  void RunSync();
  void SetGauges();
  absl::StatusOr<StreamEntry*> Entry(StreamId stream, std::vector<int>& partitions) const;
  absl::Status Register(std::string_view name, StreamEntry& entry,
                        const std::vector<int>& partitions);

  // Constant after construction.
  const base::Clock& clock_;
  base::Metrics* const metrics_;
  const std::unique_ptr<Database> database_;
  base::Histogram sync_seconds_;

  // Synchronise themselves.
  StreamTable table_;
  Positions positions_;
  Committer committer_;

  base::Mutex maintain_mutex_;
  Maintainer maintainer_ ABSL_GUARDED_BY(maintain_mutex_);

  base::Mutex open_mutex_;
  std::set<OpenId> open_ ABSL_GUARDED_BY(open_mutex_);
  int taps_ ABSL_GUARDED_BY(open_mutex_) = 0;

  base::Mutex sync_mutex_;
  base::CondVar stop_;
  bool stopping_ ABSL_GUARDED_BY(sync_mutex_) = false;
  std::atomic<bool> unsynced_{false};
  std::thread sync_thread_;
};

absl::Status EmbeddedStreams::Start() {
  KENG_RETURN_IF_ERROR(table_.Open(*database_, metrics_));
  KENG_RETURN_IF_ERROR(positions_.Recover(*database_));
  {
    base::MutexLock lock(maintain_mutex_);
    KENG_RETURN_IF_ERROR(maintainer_.Recover());
  }
  if (metrics_ != nullptr) {
    sync_seconds_ = metrics_->histogram("keng_stream_sync_seconds",
                                        "Time of syncs of the streams' log against power loss.",
                                        base::LatencyBounds());
  }
  SetGauges();
  if (!database_->read_only()) sync_thread_ = std::thread([this] { RunSync(); });
  return absl::OkStatus();
}

void EmbeddedStreams::Stop() {
  {
    base::MutexLock lock(sync_mutex_);
    stopping_ = true;
    stop_.NotifyAll();
  }
  if (sync_thread_.joinable()) sync_thread_.join();
  base::MutexLock lock(open_mutex_);
  KENG_CHECK(open_.empty() && taps_ == 0, "readers must be destroyed before their streams");
}

void EmbeddedStreams::RunSync() {
  pthread_setname_np(pthread_self(), "keng-sync");
  const absl::Duration configured = database_->options().sync_interval;
  const absl::Duration interval =
      configured > absl::ZeroDuration() ? std::min(configured, kGaugesInterval) : kGaugesInterval;
  absl::Time gauges_due = absl::Now();
  while (true) {
    {
      base::MutexLock lock(sync_mutex_);
      if (!stopping_) stop_.WaitFor(sync_mutex_, interval);
      if (stopping_) return;
    }
    if (const absl::Status synced = Sync(); absl::IsDataLoss(synced)) {
      base::LogError("stream.sync_failed", {{"error", std::string(synced.message())}});
      return;  // every Write() fails from now on
    }
    if (absl::Now() >= gauges_due) {
      SetGauges();
      gauges_due = absl::Now() + kGaugesInterval;
    }
  }
}

void EmbeddedStreams::SetGauges() {
  if (metrics_ == nullptr) return;
  const absl::Time now = clock_.Now();
  for (const PartitionStats& stats : partition_stats()) {
    const base::Labels labels = {{"stream", std::string(StreamName(stats.stream))},
                                 {"partition", base::StrCat(stats.partition)}};
    metrics_->gauge("keng_stream_bytes", "Bytes kept, as they were appended.", labels)
        .Set(static_cast<double>(stats.bytes));
    metrics_
        ->gauge("keng_stream_oldest_age_seconds", "Age of the oldest record that is kept.", labels)
        .Set(stats.begin == stats.end ? 0 : absl::ToDoubleSeconds(now - stats.oldest));
    const absl::Time last = table_.Find(stats.stream, stats.partition)->state().last;
    metrics_
        ->gauge("keng_stream_clock_behind_seconds",
                "How far the clock is behind the newest append time.", labels)
        .Set(std::max(0.0, absl::ToDoubleSeconds(last - now)));
  }
  for (const ReaderStats& stats : reader_stats()) {
    metrics_
        ->gauge("keng_stream_reader_lag_records", "Records that a reader has not committed.",
                {{"stream", std::string(StreamName(stats.stream))},
                 {"partition", base::StrCat(stats.partition)},
                 {"reader", stats.reader}})
        .Set(static_cast<double>(stats.lag));
  }
}

absl::Status EmbeddedStreams::Write(const WriteSet& set) {
  if (database_->read_only()) return absl::FailedPreconditionError("streams: opened read-only");
  KENG_RETURN_IF_ERROR(committer_.Write(set));
  unsynced_.store(true, std::memory_order_release);
  return absl::OkStatus();
}

absl::Status EmbeddedStreams::Sync() {
  if (!unsynced_.exchange(false, std::memory_order_acq_rel)) return database_->failed();
  const absl::Time begin = absl::Now();
  const absl::Status synced = database_->Sync();
  if (!synced.ok()) unsynced_.store(true, std::memory_order_release);  // still due
  sync_seconds_.Observe(absl::ToDoubleSeconds(absl::Now() - begin));
  return synced;
}

// Fills `partitions` with all when it is empty.
absl::StatusOr<StreamEntry*> EmbeddedStreams::Entry(StreamId stream,
                                                    std::vector<int>& partitions) const {
  StreamEntry* entry = table_.Find(stream);
  if (entry == nullptr) return absl::NotFoundError("no such stream");
  if (partitions.empty()) {
    for (int i = 0; i < entry->config.partitions; ++i) partitions.push_back(i);
  }
  for (const int partition : partitions) {
    if (partition < 0 || partition >= entry->config.partitions) {
      return absl::InvalidArgumentError(base::StrCat("stream ", StreamName(stream), " has ",
                                                     entry->config.partitions,
                                                     " partitions, not number ", partition));
    }
  }
  return entry;
}

absl::Status EmbeddedStreams::Register(std::string_view name, StreamEntry& entry,
                                       const std::vector<int>& partitions) {
  // Exclusive, so that retention cannot pass between the look and the registration.
  return committer_.Exclusive([&]() -> absl::Status {
    rocksdb::WriteBatch batch;
    std::vector<std::pair<int, Offset>> added;
    for (const int partition : partitions) {
      if (positions_.Has(name, entry.id, partition)) continue;
      const Offset begin = entry.partitions[static_cast<size_t>(partition)]->state().begin;
      batch.Put(Positions::Key(name, entry.id, partition), Positions::Encode(begin, ""));
      added.emplace_back(partition, begin);
    }
    if (added.empty()) return absl::OkStatus();
    KENG_RETURN_IF_ERROR(database_->Write(batch));
    for (const auto& [partition, begin] : added) {
      positions_.Set(name, entry.id, partition, {.next = begin});
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<std::unique_ptr<Reader>> EmbeddedStreams::OpenReader(std::string_view name,
                                                                    StreamId stream,
                                                                    std::vector<int> partitions) {
  if (database_->read_only()) return absl::FailedPreconditionError("streams: opened read-only");
  if (name.empty() || name.size() > 128) {
    return absl::InvalidArgumentError("a reader's name has 1 to 128 bytes");
  }
  KENG_ASSIGN_OR_RETURN(StreamEntry * entry, Entry(stream, partitions));
  std::vector<OpenId> ids;
  {
    base::MutexLock lock(open_mutex_);
    for (const int partition : partitions) {
      OpenId id(name, stream, partition);
      if (open_.contains(id) || std::find(ids.begin(), ids.end(), id) != ids.end()) {
        return absl::AlreadyExistsError(base::StrCat("reader ", name, " is open for stream ",
                                                     StreamName(stream), ", partition ",
                                                     partition));
      }
      ids.push_back(std::move(id));
    }
    open_.insert(ids.begin(), ids.end());
  }
  auto close = [this, ids] {
    base::MutexLock lock(open_mutex_);
    for (const OpenId& id : ids) open_.erase(id);
  };
  if (const absl::Status registered = Register(name, *entry, partitions); !registered.ok()) {
    close();
    return registered;
  }
  std::vector<EmbeddedReader::Start> starts;
  for (const int partition : partitions) {
    starts.push_back({partition, positions_.Get(name, stream, partition)->next});
  }
  return std::make_unique<EmbeddedReader>(*entry, starts, std::move(close));
}

absl::StatusOr<std::unique_ptr<Reader>> EmbeddedStreams::OpenTap(StreamId stream,
                                                                 std::vector<int> partitions) {
  KENG_ASSIGN_OR_RETURN(StreamEntry * entry, Entry(stream, partitions));
  std::vector<EmbeddedReader::Start> starts;
  for (const int partition : partitions) {
    starts.push_back({partition, entry->partitions[static_cast<size_t>(partition)]->state().begin});
  }
  base::MutexLock lock(open_mutex_);
  ++taps_;
  return std::make_unique<EmbeddedReader>(*entry, starts, [this] {
    base::MutexLock lock(open_mutex_);
    --taps_;
  });
}

absl::Status EmbeddedStreams::RemoveReader(std::string_view name, StreamId stream) {
  if (database_->read_only()) return absl::FailedPreconditionError("streams: opened read-only");
  std::vector<int> partitions;
  KENG_ASSIGN_OR_RETURN(StreamEntry * entry, Entry(stream, partitions));
  {
    base::MutexLock lock(open_mutex_);
    for (const int partition : partitions) {
      if (open_.contains(OpenId(name, stream, partition))) {
        return absl::FailedPreconditionError(
            base::StrCat("reader ", name, " of stream ", StreamName(stream), " is open"));
      }
    }
  }
  return committer_.Exclusive([&]() -> absl::Status {
    rocksdb::WriteBatch batch;
    bool found = false;
    for (const int partition : partitions) {
      if (!positions_.Has(name, entry->id, partition)) continue;
      found = true;
      batch.Delete(Positions::Key(name, entry->id, partition));
    }
    if (!found) {
      return absl::NotFoundError(
          base::StrCat("stream ", StreamName(stream), " has no reader ", name));
    }
    KENG_RETURN_IF_ERROR(database_->Write(batch));
    positions_.Remove(name, entry->id);
    return absl::OkStatus();
  });
}

absl::StatusOr<std::optional<Committed>> EmbeddedStreams::committed(std::string_view name,
                                                                    StreamId stream,
                                                                    int partition) {
  if (table_.Find(stream, partition) == nullptr) return absl::NotFoundError("no such partition");
  return positions_.Get(name, stream, partition);
}

absl::StatusOr<std::optional<std::string>> EmbeddedStreams::Lookup(StreamId stream,
                                                                   std::string_view key) {
  StreamEntry* entry = table_.Find(stream);
  if (entry == nullptr) return absl::NotFoundError("no such stream");
  if (!entry->config.indexed) {
    return absl::FailedPreconditionError(
        base::StrCat("stream ", StreamName(stream), " is not indexed"));
  }
  std::string offset_key;
  const rocksdb::Status got =
      database_->db().Get({}, database_->index(), internal::IndexKey(stream, key), &offset_key);
  if (got.IsNotFound()) return std::nullopt;
  if (!got.ok()) return Database::ToStatus(got, "looking up a key");
  if (offset_key.size() != 8) return absl::DataLossError("an index entry is damaged");
  const auto offset = static_cast<Offset>(internal::BigEndian64(offset_key));
  const int number = base::PartitionOf(key, entry->config.partitions);
  Partition& partition = *entry->partitions[static_cast<size_t>(number)];
  if (offset < partition.state().begin) return std::nullopt;
  const auto batch = partition.Find(offset);
  if (absl::IsNotFound(batch.status())) return std::nullopt;
  if (!batch.ok()) return batch.status();
  for (const Record& record : (*batch)->records()) {
    if (record.offset != offset) continue;
    if (record.tombstone || record.key != key) return std::nullopt;
    return std::string(record.value);
  }
  return std::nullopt;
}

absl::StatusOr<Offset> EmbeddedStreams::Begin(StreamId stream, int partition) {
  const Partition* found = table_.Find(stream, partition);
  if (found == nullptr) return absl::NotFoundError("no such partition");
  return found->state().begin;
}

absl::StatusOr<Offset> EmbeddedStreams::End(StreamId stream, int partition) {
  const Partition* found = table_.Find(stream, partition);
  if (found == nullptr) return absl::NotFoundError("no such partition");
  return found->state().next;
}

absl::Status EmbeddedStreams::Maintain() {
  if (database_->read_only()) return absl::FailedPreconditionError("streams: opened read-only");
  base::MutexLock lock(maintain_mutex_);
  return maintainer_.Run();
}

std::vector<PartitionStats> EmbeddedStreams::partition_stats() const {
  std::vector<PartitionStats> stats;
  for (const auto& entry : table_.entries()) {
    for (const auto& partition : entry->partitions) {
      const Partition::State state = partition->state();
      stats.push_back({.stream = entry->id,
                       .partition = partition->partition(),
                       .begin = state.begin,
                       .end = state.next,
                       .bytes = state.bytes(),
                       .oldest = state.oldest});
    }
  }
  return stats;
}

std::vector<ReaderStats> EmbeddedStreams::reader_stats() const {
  std::vector<ReaderStats> stats;
  for (const Positions::Row& row : positions_.rows()) {
    const Partition* partition = table_.Find(row.stream, row.partition);
    if (partition == nullptr) continue;  // of a stream that is not configured now
    stats.push_back({.reader = row.reader,
                     .stream = row.stream,
                     .partition = row.partition,
                     .committed = row.next,
                     .lag = std::max<Offset>(0, partition->state().next - row.next)});
  }
  return stats;
}

}  // namespace

std::vector<std::pair<StreamId, StreamConfig>> DefaultStreams(int posts_partitions) {
  std::vector<std::pair<StreamId, StreamConfig>> streams;
  for (const StreamId stream : kAllStreams) {
    // One process: the store is the state, and producers outside have the HTTP source.
    if (stream == StreamId::kState || stream == StreamId::kIntake || stream == StreamId::kSources)
      continue;
    streams.emplace_back(stream, DefaultConfig(stream, posts_partitions));
  }
  return streams;
}

absl::StatusOr<std::unique_ptr<Streams>> OpenEmbeddedStreams(const EmbeddedOptions& options,
                                                             const base::Clock& clock,
                                                             base::Metrics* metrics) {
  KENG_RETURN_IF_ERROR(CheckOptions(options));
  KENG_ASSIGN_OR_RETURN(std::unique_ptr<Database> database, Database::Open(options));
  auto streams = std::make_unique<EmbeddedStreams>(std::move(database), clock, metrics);
  KENG_RETURN_IF_ERROR(streams->Start());
  return streams;
}

}  // namespace keng::stream
