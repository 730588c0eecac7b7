#include "stream/testing/memory_streams.h"

#include <algorithm>

#include "absl/time/clock.h"
#include "base/check.h"
#include "base/stable_hash.h"
#include "base/strings.h"

namespace keng::stream {

class MemoryStreams::MemoryBatch final : public RecordBatch {
 public:
  MemoryBatch(const LogId& id, std::deque<Item>::const_iterator begin,
              std::deque<Item>::const_iterator end, Offset next) {
    stream_ = id.first;
    partition_ = id.second;
    next_offset_ = next;
    for (auto it = begin; it != end; ++it) {
      const size_t at = buffer_.size();
      buffer_.append(it->key).append(it->value);
      places_.push_back(at);
    }
    buffer_.append(kValuePadding, '\0');
    for (auto it = begin; it != end; ++it) {
      const char* at = buffer_.data() + places_[static_cast<size_t>(it - begin)];
      records_.push_back({.key = {at, it->key.size()},
                          .value = {at + it->key.size(), it->value.size()},
                          .tombstone = it->tombstone,
                          .time = it->time,
                          .offset = it->offset});
    }
  }

 private:
  std::string buffer_;
  std::vector<size_t> places_;
};

class MemoryStreams::MemoryReader final : public Reader {
 public:
  struct Cursor {
    LogId id;
    Offset position;
  };
  MemoryReader(MemoryStreams& streams, std::vector<Cursor> cursors, std::vector<ReaderId> ids)
      : streams_(streams), ids_(std::move(ids)), cursors_(std::move(cursors)) {}
  ~MemoryReader() override {
    base::MutexLock lock(streams_.mutex_);
    for (const ReaderId& id : ids_) streams_.open_.erase(id);
    --streams_.readers_;
  }

  absl::StatusOr<std::shared_ptr<const RecordBatch>> Read(size_t bytes_max,
                                                          absl::Duration timeout) override {
    const bool forever = timeout == absl::InfiniteDuration();
    const absl::Time deadline = forever ? absl::InfiniteFuture() : absl::Now() + timeout;
    base::MutexLock lock(streams_.mutex_);
    while (true) {
      for (size_t i = 0; i < cursors_.size(); ++i) {
        Cursor& cursor = cursors_[turn_];
        turn_ = (turn_ + 1) % cursors_.size();
        if (auto batch = streams_.TryRead(cursor.id, cursor.position, bytes_max)) return batch;
      }
      const absl::Duration left = deadline - absl::Now();
      if (woken_ || left <= absl::ZeroDuration()) {
        woken_ = false;
        return nullptr;
      }
      if (forever) {
        streams_.changed_.Wait(streams_.mutex_);
      } else {
        streams_.changed_.WaitFor(streams_.mutex_, left);
      }
    }
  }

  absl::Status Seek(int partition, Offset offset) override {
    base::MutexLock lock(streams_.mutex_);
    for (Cursor& cursor : cursors_) {
      if (cursor.id.second != partition) continue;
      if (offset < 0 || offset > streams_.logs_.at(cursor.id).next) {
        return absl::OutOfRangeError("Seek: past the end");
      }
      cursor.position = offset;
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError("Seek: not a partition of this reader");
  }

  absl::Status SeekToTime(int partition, absl::Time time) override {
    base::MutexLock lock(streams_.mutex_);
    for (Cursor& cursor : cursors_) {
      if (cursor.id.second != partition) continue;
      const Log& log = streams_.logs_.at(cursor.id);
      cursor.position = log.next;
      for (const Item& item : log.items) {
        if (item.time < time) continue;
        cursor.position = item.offset;
        break;
      }
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError("Seek: not a partition of this reader");
  }

  Offset position(int partition) const override {
    for (const Cursor& cursor : cursors_) {
      if (cursor.id.second == partition) return cursor.position;
    }
    KENG_CHECK(false, "not a partition of this reader: ", partition);
    return 0;
  }

  void Wake() override {
    base::MutexLock lock(streams_.mutex_);
    woken_ = true;
    streams_.changed_.NotifyAll();
  }

 private:
  MemoryStreams& streams_;
  const std::vector<ReaderId> ids_;
  std::vector<Cursor> cursors_;
  size_t turn_ = 0;
  bool woken_ ABSL_GUARDED_BY(streams_.mutex_) = false;
};

MemoryStreams::MemoryStreams(std::vector<std::pair<StreamId, StreamConfig>> streams,
                             const base::Clock& clock)
    : configs_(streams.begin(), streams.end()), clock_(clock) {
  base::MutexLock lock(mutex_);
  for (const auto& [stream, config] : configs_) {
    for (int i = 0; i < config.partitions; ++i) logs_[{stream, i}];
  }
}

MemoryStreams::~MemoryStreams() {
  base::MutexLock lock(mutex_);
  KENG_CHECK(readers_ == 0, "readers must be destroyed before their streams");
}

void MemoryStreams::FailNext(int n, absl::Status status) {
  base::MutexLock lock(mutex_);
  fail_next_ = n;
  fail_status_ = std::move(status);
}

int MemoryStreams::failed() const {
  base::MutexLock lock(mutex_);
  return failed_;
}

absl::Status MemoryStreams::Examine(const WriteSet& set) const {
  base::MutexLock lock(mutex_);
  return Check(set);
}

void MemoryStreams::Cork() {
  base::MutexLock lock(mutex_);
  corked_ = true;
}

void MemoryStreams::Uncork() {
  base::MutexLock lock(mutex_);
  corked_ = false;
  changed_.NotifyAll();
}

int MemoryStreams::partitions(StreamId stream) const {
  const auto it = configs_.find(stream);
  return it == configs_.end() ? 0 : it->second.partitions;
}

std::optional<Offset> MemoryStreams::Slowest(const LogId& id) const {
  std::optional<Offset> slowest;
  for (const auto& [reader, committed] : positions_) {
    if (std::get<1>(reader) != id.first || std::get<2>(reader) != id.second) continue;
    slowest = std::min(slowest.value_or(committed.next), committed.next);
  }
  return slowest;
}

absl::Status MemoryStreams::Check(const WriteSet& set) const {
  std::map<LogId, std::pair<Offset, int64_t>> added;
  for (const WriteSet::Entry& entry : set.entries()) {
    const auto config = configs_.find(entry.stream);
    if (config == configs_.end()) return absl::InvalidArgumentError("Write: no such stream");
    if (entry.key_size > WriteSet::kKeyBytesMax || entry.value_size > WriteSet::kValueBytesMax) {
      return absl::InvalidArgumentError("Write: a record is over the bounds");
    }
    auto& [records, bytes] =
        added[{entry.stream, base::PartitionOf(PartitionKey(entry.stream, set.key(entry)),
                                               config->second.partitions)}];
    ++records;
    bytes += entry.key_size + entry.value_size;
  }
  for (const auto& [id, more] : added) {
    const Log& log = logs_.at(id);
    const std::optional<Offset> slowest = Slowest(id);
    if (!slowest.has_value()) continue;
    int64_t unread = 0;
    for (const Item& item : log.items) unread += item.offset >= *slowest ? item.bytes() : 0;
    if (unread > 0 && unread + more.second > configs_.at(id.first).retention_bytes) {
      return absl::ResourceExhaustedError("a registered reader is too far behind");
    }
  }
  for (const WriteSet::Position& position : set.positions()) {
    const LogId id(position.stream, position.partition);
    const auto log = logs_.find(id);
    if (log == logs_.end()) return absl::InvalidArgumentError("Commit: no such partition");
    if (!positions_.contains({position.reader, position.stream, position.partition})) {
      return absl::FailedPreconditionError("Commit: the reader is not registered");
    }
    const auto more = added.find(id);
    const Offset end = log->second.next + (more == added.end() ? 0 : more->second.first);
    if (position.next < 0 || position.next > end) {
      return absl::InvalidArgumentError("Commit: past the end");
    }
    if (position.metadata.size() > WriteSet::kMetadataBytesMax) {
      return absl::InvalidArgumentError("Commit: more than 4 KiB of metadata");
    }
  }
  return absl::OkStatus();
}

absl::Status MemoryStreams::Write(const WriteSet& set) {
  base::MutexLock lock(mutex_);
  if (fail_next_ > 0) {
    --fail_next_;
    ++failed_;
    return fail_status_;
  }
  KENG_RETURN_IF_ERROR(Check(set));
  Store(set);
  for (const WriteSet::Position& position : set.positions()) {
    positions_[{position.reader, position.stream, position.partition}] = {position.next,
                                                                          position.metadata};
  }
  return absl::OkStatus();
}

void MemoryStreams::Store(const WriteSet& set) {
  const absl::Time now = absl::FromUnixMicros(absl::ToUnixMicros(clock_.Now()));
  for (const WriteSet::Entry& entry : set.entries()) {
    const std::string_view key = set.key(entry);
    Log& log = logs_[{entry.stream, base::PartitionOf(PartitionKey(entry.stream, key),
                                                      configs_.at(entry.stream).partitions)}];
    log.last = std::max(log.last, now);
    log.items.push_back({.key = std::string(key),
                         .value = std::string(set.value(entry)),
                         .tombstone = entry.tombstone,
                         .time = log.last,
                         .offset = log.next++});
    log.bytes += log.items.back().bytes();
  }
  changed_.NotifyAll();
}

class MemoryStreams::MemoryChangelog final : public Changelog {
 public:
  MemoryChangelog(MemoryStreams& streams, std::string owner, int64_t epoch)
      : streams_(streams), owner_(std::move(owner)), epoch_(epoch) {}
  absl::StatusOr<Offset> Append(const WriteSet& set) override {
    return streams_.AppendState(owner_, epoch_, set);
  }

 private:
  MemoryStreams& streams_;
  const std::string owner_;
  const int64_t epoch_;
};

absl::StatusOr<std::unique_ptr<Changelog>> MemoryStreams::OpenChangelog(std::string_view owner) {
  if (!configs_.contains(StreamId::kState)) {
    return absl::FailedPreconditionError("these streams keep no changelog");
  }
  if (owner.empty() || owner.find('/') != std::string_view::npos) {
    return absl::InvalidArgumentError("an owner's name has no '/' and is not empty");
  }
  base::MutexLock lock(mutex_);
  const int64_t epoch = ++owners_[std::string(owner)];
  return std::make_unique<MemoryChangelog>(*this, std::string(owner), epoch);
}

absl::StatusOr<Offset> MemoryStreams::AppendState(const std::string& owner, int64_t epoch,
                                                  const WriteSet& set) {
  if (set.entries().empty() || !set.positions().empty()) {
    return absl::InvalidArgumentError("Append: records, and nothing else");
  }
  for (const WriteSet::Entry& entry : set.entries()) {
    if (entry.stream != StreamId::kState || !set.key(entry).starts_with(owner + "/")) {
      return absl::InvalidArgumentError("Append: a record that is not the owner's state");
    }
  }
  base::MutexLock lock(mutex_);
  if (owners_.at(owner) != epoch) return absl::AbortedError("another owner has opened it");
  KENG_RETURN_IF_ERROR(Check(set));
  const bool fails = fail_appends_ > 0;
  if (fails) {
    --fail_appends_;
    ++appends_failed_;
    if (append_written_ == Written::kNo) return append_status_;
  }
  Store(set);
  Log& log =
      logs_[{StreamId::kState, base::PartitionOf(owner, configs_.at(StreamId::kState).partitions)}];
  const Offset end = log.next;
  log.next += append_gap_;
  if (fails) return append_status_;
  return end;
}

void MemoryStreams::FailNextAppends(int n, absl::Status status, Written written) {
  base::MutexLock lock(mutex_);
  fail_appends_ = n;
  append_status_ = std::move(status);
  append_written_ = written;
}

int MemoryStreams::appends_failed() const {
  base::MutexLock lock(mutex_);
  return appends_failed_;
}

void MemoryStreams::SetAppendGap(Offset gap) {
  base::MutexLock lock(mutex_);
  append_gap_ = gap;
}

std::shared_ptr<const RecordBatch> MemoryStreams::TryRead(const LogId& id, Offset& position,
                                                          size_t bytes_max) {
  if (corked_) return nullptr;
  const Log& log = logs_.at(id);
  const auto begin =
      std::lower_bound(log.items.begin(), log.items.end(), position,
                       [](const Item& item, Offset offset) { return item.offset < offset; });
  auto end = begin;
  size_t bytes = 0;
  while (end != log.items.end() && (end == begin || bytes < bytes_max)) {
    bytes += static_cast<size_t>(end->bytes());
    ++end;
  }
  position = end == log.items.end() ? log.next : end->offset;
  if (begin == end) return nullptr;
  return std::make_shared<MemoryBatch>(id, begin, end, position);
}

absl::Status MemoryStreams::CheckPartitions(StreamId stream, std::vector<int>& partitions) const {
  const auto config = configs_.find(stream);
  if (config == configs_.end()) return absl::NotFoundError("no such stream");
  if (partitions.empty()) {
    for (int i = 0; i < config->second.partitions; ++i) partitions.push_back(i);
  }
  for (const int partition : partitions) {
    if (partition < 0 || partition >= config->second.partitions) {
      return absl::InvalidArgumentError("no such partition");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Reader>> MemoryStreams::OpenReader(std::string_view name,
                                                                  StreamId stream,
                                                                  std::vector<int> partitions) {
  KENG_RETURN_IF_ERROR(CheckPartitions(stream, partitions));
  if (name.empty() || name.size() > 128) {
    return absl::InvalidArgumentError("a reader's name has 1 to 128 bytes");
  }
  base::MutexLock lock(mutex_);
  std::vector<ReaderId> ids;
  std::vector<MemoryReader::Cursor> cursors;
  for (const int partition : partitions) {
    ids.emplace_back(name, stream, partition);
    if (open_.contains(ids.back())) return absl::AlreadyExistsError("the reader is open");
  }
  for (const ReaderId& id : ids) {
    const LogId log(stream, std::get<2>(id));
    const auto [it, is_new] = positions_.try_emplace(id);
    if (is_new) it->second.next = logs_.at(log).begin;
    cursors.push_back({log, it->second.next});
  }
  open_.insert(ids.begin(), ids.end());
  ++readers_;
  return std::make_unique<MemoryReader>(*this, std::move(cursors), std::move(ids));
}

absl::StatusOr<std::unique_ptr<Reader>> MemoryStreams::OpenTap(StreamId stream,
                                                               std::vector<int> partitions) {
  KENG_RETURN_IF_ERROR(CheckPartitions(stream, partitions));
  base::MutexLock lock(mutex_);
  std::vector<MemoryReader::Cursor> cursors;
  for (const int partition : partitions) {
    const LogId log(stream, partition);
    cursors.push_back({log, logs_.at(log).begin});
  }
  ++readers_;
  return std::make_unique<MemoryReader>(*this, std::move(cursors), std::vector<ReaderId>());
}

absl::Status MemoryStreams::RemoveReader(std::string_view name, StreamId stream) {
  std::vector<int> partitions;
  KENG_RETURN_IF_ERROR(CheckPartitions(stream, partitions));
  base::MutexLock lock(mutex_);
  size_t found = 0;
  for (const int partition : partitions) {
    const ReaderId id(name, stream, partition);
    if (open_.contains(id)) return absl::FailedPreconditionError("the reader is open");
    found += positions_.count(id);
  }
  if (found == 0) return absl::NotFoundError("no such reader");
  for (const int partition : partitions) {
    positions_.erase(ReaderId(std::string(name), stream, partition));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Committed>> MemoryStreams::committed(std::string_view name,
                                                                  StreamId stream, int partition) {
  base::MutexLock lock(mutex_);
  if (!logs_.contains({stream, partition})) return absl::NotFoundError("no such partition");
  const auto it = positions_.find({std::string(name), stream, partition});
  if (it == positions_.end()) return std::nullopt;
  return it->second;
}

absl::StatusOr<std::optional<std::string>> MemoryStreams::Lookup(StreamId stream,
                                                                 std::string_view key) {
  base::MutexLock lock(mutex_);
  const auto config = configs_.find(stream);
  if (config == configs_.end()) return absl::NotFoundError("no such stream");
  if (!config->second.indexed) return absl::FailedPreconditionError("the stream is not indexed");
  const Log& log = logs_.at({stream, base::PartitionOf(key, config->second.partitions)});
  for (auto it = log.items.rbegin(); it != log.items.rend(); ++it) {
    if (it->key != key) continue;
    if (it->tombstone) return std::nullopt;
    return it->value;
  }
  return std::nullopt;
}

void MemoryStreams::HideBegin() {
  base::MutexLock lock(mutex_);
  begin_is_hidden_ = true;
}

void MemoryStreams::ShowBegin() {
  base::MutexLock lock(mutex_);
  begin_is_hidden_ = false;
}

absl::StatusOr<Offset> MemoryStreams::Begin(StreamId stream, int partition) {
  base::MutexLock lock(mutex_);
  if (begin_is_hidden_) return absl::UnavailableError("HideBegin");
  const auto it = logs_.find({stream, partition});
  if (it == logs_.end()) return absl::NotFoundError("no such partition");
  return it->second.begin;
}

absl::StatusOr<Offset> MemoryStreams::End(StreamId stream, int partition) {
  base::MutexLock lock(mutex_);
  const auto it = logs_.find({stream, partition});
  if (it == logs_.end()) return absl::NotFoundError("no such partition");
  return it->second.next;
}

absl::Status MemoryStreams::Maintain() {
  const absl::Time now = clock_.Now();
  base::MutexLock lock(mutex_);
  for (auto& [id, log] : logs_) {
    const StreamConfig& config = configs_.at(id.first);
    const Offset limit = Slowest(id).value_or(log.next);
    const absl::Time oldest = config.retention == absl::InfiniteDuration() ? absl::InfinitePast()
                                                                           : now - config.retention;
    while (!log.items.empty() && log.items.front().offset < limit &&
           (log.items.front().time < oldest || log.bytes > config.retention_bytes)) {
      log.begin = log.items.front().offset + 1;
      log.bytes -= log.items.front().bytes();
      log.items.pop_front();
    }
    if (!config.compacted) continue;
    std::set<std::string> seen;
    std::deque<Item> left;
    for (auto it = log.items.rbegin(); it != log.items.rend(); ++it) {
      if (seen.insert(it->key).second) left.push_front(*it);
    }
    log.items = std::move(left);
  }
  return absl::OkStatus();
}

absl::Status MemoryStreams::Sync() { return absl::OkStatus(); }

std::vector<PartitionStats> MemoryStreams::partition_stats() const {
  base::MutexLock lock(mutex_);
  std::vector<PartitionStats> stats;
  for (const auto& [id, log] : logs_) {
    stats.push_back({.stream = id.first,
                     .partition = id.second,
                     .begin = log.begin,
                     .end = log.next,
                     .bytes = log.bytes,
                     .oldest = log.items.empty() ? absl::InfiniteFuture() : log.items[0].time});
  }
  return stats;
}

std::vector<ReaderStats> MemoryStreams::reader_stats() const {
  base::MutexLock lock(mutex_);
  std::vector<ReaderStats> stats;
  for (const auto& [id, committed] : positions_) {
    const auto& [name, stream, partition] = id;
    stats.push_back({.reader = name,
                     .stream = stream,
                     .partition = partition,
                     .committed = committed.next,
                     .lag = logs_.at({stream, partition}).next - committed.next});
  }
  return stats;
}

}  // namespace keng::stream
