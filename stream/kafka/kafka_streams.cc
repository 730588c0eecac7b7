#include "stream/kafka/kafka_streams.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "base/check.h"
#include "base/log.h"
#include "base/stable_hash.h"
#include "base/strings.h"
#include "stream/kafka/internal/kafka_admin.h"
#include "stream/kafka/internal/kafka_changelog.h"
#include "stream/kafka/internal/kafka_membership.h"
#include "stream/kafka/internal/kafka_producer.h"
#include "stream/kafka/internal/kafka_reader.h"

namespace keng::stream {
namespace {

constexpr size_t kReaderNameBytesMax = 128;
constexpr Offset kTimesBackMax = 32 * 32 * 32;
constexpr size_t kTimesBytes = size_t{1} << 20;
// A clock that jumped ahead by more than this between two calls of Maintain() is believed only
// after it has stood there for kBelievedAfter.
constexpr absl::Duration kJumpMax = absl::Hours(48);
constexpr absl::Duration kBelievedAfter = absl::Hours(1);
constexpr absl::Duration kLagInterval = absl::Seconds(5);

std::string TopicName(const KafkaOptions& options, StreamId stream) {
  return base::StrCat(options.prefix, StreamName(stream));
}
std::string RoleName(std::string_view reader, StreamId stream) {
  return base::StrCat(StreamName(stream), ".", reader);
}

class KafkaStreams final : public Streams {
 public:
  KafkaStreams(const KafkaOptions& options, const base::Clock& clock, base::Metrics* metrics)
      : options_(options),
        configs_(options.streams.begin(), options.streams.end()),
        clock_(clock),
        metrics_(metrics) {
    if (metrics_ == nullptr) return;
    trimmed_ =
        metrics_->counter("keng_stream_trimmed_records_total", "Records that retention removed");
    for (const auto& [stream, config] : configs_) {
      expired_unread_[stream] = metrics_->counter(
          "keng_stream_expired_unread_total", "Records that were gone before a reader came to them",
          {{"stream", std::string(StreamName(stream))}});
    }
  }
  ~KafkaStreams() override {
    base::MutexLock lock(mutex_);
    KENG_CHECK(readers_.empty() && members_.empty(), "readers outlive their streams");
  }

  absl::Status Open();

  Capabilities capabilities() const override {
    return {.lookup = false,
            .seek_by_time = !options_.mock,
            .survives_reopen = !options_.mock,
            .trims = !options_.mock,
            .compacts = false,
            .bounds_bytes = false,
            .changelog = configs_.contains(StreamId::kState) && !options_.mock,
            .membership = true};
  }
  int partitions(StreamId stream) const override {
    const auto found = configs_.find(stream);
    return found == configs_.end() ? 0 : found->second.partitions;
  }
  absl::Status Write(const WriteSet& set) override;
  absl::StatusOr<std::unique_ptr<Reader>> OpenReader(std::string_view name, StreamId stream,
                                                     std::vector<int> partitions) override;
  absl::StatusOr<std::unique_ptr<Reader>> OpenTap(StreamId stream,
                                                  std::vector<int> partitions) override;
  absl::Status RemoveReader(std::string_view name, StreamId stream) override;
  absl::StatusOr<std::optional<Committed>> committed(std::string_view name, StreamId stream,
                                                     int partition) override;
  absl::StatusOr<std::optional<std::string>> Lookup(StreamId stream, std::string_view) override {
    if (!configs_.contains(stream)) return absl::NotFoundError("no such stream");
    return absl::FailedPreconditionError("a topic has no index");
  }
  absl::StatusOr<Offset> Begin(StreamId stream, int partition) override;
  absl::StatusOr<Offset> End(StreamId stream, int partition) override;
  absl::StatusOr<std::unique_ptr<Membership>> OpenMembership(std::string_view name,
                                                             StreamId stream) override;
  absl::StatusOr<std::unique_ptr<Changelog>> OpenChangelog(std::string_view owner) override {
    if (options_.mock)
      return absl::FailedPreconditionError("the mock cluster shuts out no former owner");
    KENG_ASSIGN_OR_RETURN(std::unique_ptr<KafkaChangelog> log,
                          KafkaChangelog::Open(options_, owner, clock_, metrics_));
    return log;
  }
  absl::Status Maintain() override;
  absl::Status Sync() override { return absl::OkStatus(); }  // Write() has waited for the replicas
  std::vector<PartitionStats> partition_stats() const override;
  std::vector<ReaderStats> reader_stats() const override;

 private:
  using ReaderId = std::tuple<std::string, StreamId, int>;
  using GroupId = std::pair<std::string, StreamId>;
  using LogId = std::pair<StreamId, int>;

  std::string Group(std::string_view name, StreamId stream) const {
    return base::StrCat(options_.prefix, RoleName(name, stream));
  }
  absl::Status CheckRecords(const WriteSet& set, std::map<LogId, Offset>& added) const;
  absl::Status CheckPositions(const WriteSet& set, const std::map<LogId, Offset>& added);
  absl::Status CheckPartitions(StreamId stream, std::vector<int>& partitions) const;
  absl::Status SendRecords(const WriteSet& set);
  absl::Status LearnTimes(StreamId stream);
  absl::Status CommitPositions(const std::vector<WriteSet::Position>& positions);
  absl::Status CommitGroup(const GroupId& group, const std::vector<WriteSet::Position>& positions);
  absl::StatusOr<std::shared_ptr<KafkaClient>> GroupClient(const GroupId& group) const;
  absl::StatusOr<std::map<int, Committed>> Positions(std::string_view name, StreamId stream) const;
  absl::StatusOr<std::unique_ptr<KafkaReader>> MakeReader(std::string_view name, StreamId stream,
                                                          std::map<int, Offset> begin);
  absl::StatusOr<bool> IsRegistered(const ReaderId& id);
  absl::Status RefreshReaderStats() const;
  void ReportLag(const std::vector<ReaderStats>& stats) const;
  absl::Status Trim(StreamId stream, const StreamConfig& config, absl::Time now);
  void ReaderClosed(const KafkaReader* reader);

  // Constant after Open().
  const KafkaOptions options_;
  const std::map<StreamId, StreamConfig> configs_;
  const base::Clock& clock_;
  base::Metrics* const metrics_;
  std::map<StreamId, base::Counter> expired_unread_;
  base::Counter trimmed_;
  std::unique_ptr<KafkaProducer> producer_;
  std::shared_ptr<KafkaClient> admin_client_;
  std::unique_ptr<KafkaAdmin> admin_;

  mutable base::Mutex mutex_;
  std::map<LogId, absl::Time> last_time_ ABSL_GUARDED_BY(mutex_);
  std::set<StreamId> timed_ ABSL_GUARDED_BY(mutex_);  // last_time_ knows what was there before
  std::map<LogId, Offset> known_end_ ABSL_GUARDED_BY(mutex_);  // at least so far
  std::set<ReaderId> registered_ ABSL_GUARDED_BY(mutex_);
  std::map<ReaderId, const KafkaReader*> readers_ ABSL_GUARDED_BY(mutex_);
  std::map<GroupId, const KafkaMembership*> members_ ABSL_GUARDED_BY(mutex_);
  // Clients that read positions, and commit those of groups that this process is no member of. As
  // many as there are reader names.
  mutable std::map<GroupId, std::shared_ptr<KafkaClient>> group_clients_ ABSL_GUARDED_BY(mutex_);

  mutable base::Mutex stats_mutex_;
  mutable std::vector<ReaderStats> stats_ ABSL_GUARDED_BY(stats_mutex_);
  mutable absl::Time stats_at_ ABSL_GUARDED_BY(stats_mutex_) = absl::InfinitePast();

  // Of the thread of Maintain().
  absl::Time lag_reported_at_ = absl::InfinitePast();
  absl::Time trimmed_at_ = absl::InfinitePast();
  absl::Time believed_ = absl::InfinitePast();
  absl::Time jumped_at_ = absl::InfinitePast();
};

absl::Status KafkaStreams::Open() {
  KENG_ASSIGN_OR_RETURN(producer_, KafkaProducer::Make(options_, metrics_));
  KENG_ASSIGN_OR_RETURN(
      admin_client_,
      KafkaClient::Make(options_, {.role = "admin", .type = RD_KAFKA_PRODUCER}, nullptr));
  admin_ = std::make_unique<KafkaAdmin>(admin_client_->get(), options_.request_deadline);
  std::vector<std::string> names;
  for (const auto& [stream, config] : configs_) names.push_back(TopicName(options_, stream));
  const auto listed = admin_->TopicsWith(names);
  if (!listed.ok()) return admin_client_->Explain(listed.status());
  const auto& topics = *listed;
  for (const auto& [stream, config] : configs_) {
    const std::string name = TopicName(options_, stream);
    const auto found = topics.find(name);
    if (found == topics.end()) {
      return absl::NotFoundError(
          base::StrCat("kafka: topic ", name, " is not there; `keng topics create` makes it"));
    }
    if (found->second.partitions != config.partitions) {
      return absl::FailedPreconditionError(
          base::StrCat("kafka: topic ", name, " has ", found->second.partitions,
                       " partitions and the configuration says ", config.partitions,
                       "; partitions are fixed when a topic is made: set the configuration right"));
    }
  }
  return absl::OkStatus();
}

// ---- writing ----

absl::Status KafkaStreams::CheckRecords(const WriteSet& set, std::map<LogId, Offset>& added) const {
  for (const WriteSet::Entry& entry : set.entries()) {
    const auto config = configs_.find(entry.stream);
    if (config == configs_.end())
      return absl::InvalidArgumentError(
          base::StrCat("Write: no stream ", StreamName(entry.stream)));
    if (entry.key_size > WriteSet::kKeyBytesMax || entry.value_size > WriteSet::kValueBytesMax) {
      return absl::InvalidArgumentError(
          base::StrCat("Write: a record of ", entry.key_size, " + ", entry.value_size,
                       " bytes is over the bounds of ", WriteSet::kKeyBytesMax, " + ",
                       WriteSet::kValueBytesMax));
    }
    if (set.positions().empty()) continue;
    ++added[{entry.stream, base::PartitionOf(PartitionKey(entry.stream, set.key(entry)),
                                             config->second.partitions)}];
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> KafkaStreams::IsRegistered(const ReaderId& id) {
  {
    base::MutexLock lock(mutex_);
    if (registered_.contains(id)) return true;
  }
  const auto& [name, stream, partition] = id;
  KENG_ASSIGN_OR_RETURN(const auto found, committed(name, stream, partition));
  if (!found.has_value()) return false;
  base::MutexLock lock(mutex_);
  registered_.insert(id);
  return true;
}

absl::Status KafkaStreams::CheckPositions(const WriteSet& set,
                                          const std::map<LogId, Offset>& added) {
  for (const WriteSet::Position& position : set.positions()) {
    if (position.partition < 0 || position.partition >= partitions(position.stream))
      return absl::InvalidArgumentError("Commit: no such partition");
    if (position.next < 0) return absl::InvalidArgumentError("Commit: a negative position");
    if (EscapeMetadata(position.metadata).size() > WriteSet::kMetadataBytesMax)
      return absl::InvalidArgumentError("Commit: more than 4 KiB of metadata");
    KENG_ASSIGN_OR_RETURN(const bool registered,
                          IsRegistered({position.reader, position.stream, position.partition}));
    if (!registered)
      return absl::FailedPreconditionError(
          base::StrCat("Commit: reader ", position.reader, " is not registered"));
    const LogId id(position.stream, position.partition);
    const auto more = added.find(id);
    const Offset own = more == added.end() ? 0 : more->second;
    {
      base::MutexLock lock(mutex_);
      if (position.next <= known_end_[id] + own) continue;
      const auto reader = readers_.find({position.reader, position.stream, position.partition});
      if (reader != readers_.end() &&
          position.next <= reader->second->position(position.partition) + own) {
        continue;
      }
    }
    KENG_ASSIGN_OR_RETURN(const Offset end, End(position.stream, position.partition));
    if (position.next > end + own) return absl::InvalidArgumentError("Commit: past the end");
  }
  return absl::OkStatus();
}

// Before the first write to a stream: the times of its newest records, below which no later one may
// be, whatever the clock did meanwhile.
absl::Status KafkaStreams::LearnTimes(StreamId stream) {
  {
    base::MutexLock lock(mutex_);
    if (timed_.contains(stream)) return absl::OkStatus();
  }
  const std::string topic = TopicName(options_, stream);
  std::map<int, Offset> ends;
  for (int partition = 0; partition < partitions(stream); ++partition) {
    KENG_ASSIGN_OR_RETURN(const KafkaAdmin::Bounds bounds, admin_->BoundsOf(topic, partition));
    if (bounds.end > bounds.begin) ends[partition] = bounds.end;
  }
  std::map<int, absl::Time> times;
  // Compaction may have taken the last ones: farther back each time.
  for (Offset back = 1; times.size() < ends.size() && back <= kTimesBackMax; back *= 32) {
    std::map<int, Offset> begin;
    for (const auto& [partition, end] : ends) {
      if (!times.contains(partition)) begin[partition] = std::max<Offset>(0, end - back);
    }
    KENG_ASSIGN_OR_RETURN(const std::unique_ptr<KafkaReader> tap,
                          MakeReader("", stream, std::move(begin)));
    while (true) {
      KENG_ASSIGN_OR_RETURN(const auto batch, tap->Read(kTimesBytes, absl::ZeroDuration()));
      if (batch == nullptr) break;
      absl::Time& time = times.try_emplace(batch->partition(), absl::InfinitePast()).first->second;
      time = std::max(time, batch->records().back().time);
    }
  }
  base::MutexLock lock(mutex_);
  for (const auto& [partition, time] : times) {
    absl::Time& last = last_time_.try_emplace({stream, partition}, time).first->second;
    last = std::max(last, time);
  }
  timed_.insert(stream);
  return absl::OkStatus();
}

absl::Status KafkaStreams::SendRecords(const WriteSet& set) {
  // By stream, in the order in which the set names them first.
  std::vector<StreamId> order;
  for (const WriteSet::Entry& entry : set.entries()) {
    if (std::find(order.begin(), order.end(), entry.stream) == order.end())
      order.push_back(entry.stream);
  }
  const absl::Time now = absl::FromUnixMillis(absl::ToUnixMillis(clock_.Now()));
  std::vector<OutgoingRecord> records;
  for (const StreamId stream : order) {
    KENG_RETURN_IF_ERROR(LearnTimes(stream));
    records.clear();
    const int partitions = configs_.at(stream).partitions;
    for (const WriteSet::Entry& entry : set.entries()) {
      if (entry.stream != stream) continue;
      const std::string_view key = set.key(entry);
      records.push_back(
          {.stream = stream,
           .partition =
               partitions == 1 ? 0 : base::PartitionOf(PartitionKey(stream, key), partitions),
           .key = key,
           .value = set.value(entry),
           .tombstone = entry.tombstone});
    }
    {
      base::MutexLock lock(mutex_);
      std::vector<int64_t> times(static_cast<size_t>(partitions), -1);
      for (OutgoingRecord& record : records) {
        int64_t& time = times[static_cast<size_t>(record.partition)];
        if (time < 0) {
          absl::Time& last = last_time_.try_emplace({stream, record.partition}, now).first->second;
          last = std::max(last, now);
          time = absl::ToUnixMillis(last);
        }
        record.time_ms = time;
      }
    }
    KENG_RETURN_IF_ERROR(producer_->Send(absl::MakeSpan(records)));
    base::MutexLock lock(mutex_);
    for (const OutgoingRecord& record : records) {
      Offset& end = known_end_[{stream, record.partition}];
      end = std::max(end, record.offset + 1);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<KafkaClient>> KafkaStreams::GroupClient(const GroupId& group) const {
  {
    base::MutexLock lock(mutex_);
    const auto found = group_clients_.find(group);
    if (found != group_clients_.end()) return found->second;
  }
  const auto& [name, stream] = group;
  KENG_ASSIGN_OR_RETURN(std::shared_ptr<KafkaClient> client,
                        KafkaClient::Make(options_,
                                          {.role = base::StrCat("commit.", RoleName(name, stream)),
                                           .type = RD_KAFKA_CONSUMER,
                                           .fixed = {{"group.id", Group(name, stream)},
                                                     {"enable.auto.commit", "false"}}},
                                          nullptr));
  base::MutexLock lock(mutex_);
  return group_clients_.try_emplace(group, std::move(client)).first->second;
}

absl::StatusOr<std::map<int, Committed>> KafkaStreams::Positions(std::string_view name,
                                                                 StreamId stream) const {
  KENG_ASSIGN_OR_RETURN(const std::shared_ptr<KafkaClient> client,
                        GroupClient({std::string(name), stream}));
  return admin_->Positions(client->get(), TopicName(options_, stream), partitions(stream));
}

absl::Status KafkaStreams::CommitGroup(const GroupId& group,
                                       const std::vector<WriteSet::Position>& positions) {
  const auto& [name, stream] = group;
  std::shared_ptr<KafkaClient> committer;
  rd_kafka_t* handle = nullptr;
  {
    base::MutexLock lock(mutex_);
    if (const auto member = members_.find(group); member != members_.end()) {
      for (const WriteSet::Position& position : positions) {
        if (!member->second->Holds(position.partition))
          return absl::AbortedError(base::StrCat("kafka: ", RoleName(name, stream), "/",
                                                 position.partition, " is another's now"));
      }
      handle = member->second->client().get();
    }
  }
  if (handle == nullptr) {
    KENG_ASSIGN_OR_RETURN(committer, GroupClient(group));
    handle = committer->get();
  }
  const std::string topic = TopicName(options_, stream);
  const TopicList list = NewTopicList(static_cast<int>(positions.size()));
  for (const WriteSet::Position& position : positions) {
    rd_kafka_topic_partition_t* one =
        rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), position.partition);
    one->offset = position.next;
    if (position.metadata.empty()) continue;
    const std::string metadata = EscapeMetadata(position.metadata);
    one->metadata_size = metadata.size();
    one->metadata = std::malloc(metadata.size());  // librdkafka frees it
    std::copy(metadata.begin(), metadata.end(), static_cast<char*>(one->metadata));
  }
  const absl::Status status =
      FromKafka(WhileItPasses(options_.request_deadline,
                              [&] { return rd_kafka_commit(handle, list.get(), 0); }),
                base::StrCat("commit the position of ", RoleName(name, stream)));
  // A topic that is not there just now comes back; a position cannot be made up.
  return absl::IsNotFound(status) || absl::IsDataLoss(status) || absl::IsInvalidArgument(status)
             ? absl::UnavailableError(status.message())
             : status;
}

absl::Status KafkaStreams::CommitPositions(const std::vector<WriteSet::Position>& positions) {
  std::map<GroupId, std::vector<WriteSet::Position>> groups;
  for (const WriteSet::Position& position : positions)
    groups[{position.reader, position.stream}].push_back(position);
  for (const auto& [group, of_group] : groups) KENG_RETURN_IF_ERROR(CommitGroup(group, of_group));
  return absl::OkStatus();
}

absl::Status KafkaStreams::Write(const WriteSet& set) {
  std::map<LogId, Offset> added;
  KENG_RETURN_IF_ERROR(CheckRecords(set, added));
  KENG_RETURN_IF_ERROR(CheckPositions(set, added));
  KENG_RETURN_IF_ERROR(SendRecords(set));
  return CommitPositions(set.positions());
}

// ---- reading ----

absl::Status KafkaStreams::CheckPartitions(StreamId stream, std::vector<int>& partitions) const {
  const auto config = configs_.find(stream);
  if (config == configs_.end()) return absl::NotFoundError("no such stream");
  if (partitions.empty()) {
    for (int i = 0; i < config->second.partitions; ++i) partitions.push_back(i);
  }
  for (const int partition : partitions) {
    if (partition < 0 || partition >= config->second.partitions)
      return absl::InvalidArgumentError("no such partition");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<KafkaReader>> KafkaStreams::MakeReader(std::string_view name,
                                                                      StreamId stream,
                                                                      std::map<int, Offset> begin) {
  const bool tap = name.empty();
  std::string role = tap ? base::StrCat("tap.", StreamName(stream)) : RoleName(name, stream);
  KafkaReader::Parts parts{.stream = stream,
                           .topic = TopicName(options_, stream),
                           .group = base::StrCat(options_.prefix, "fetch.", role),
                           .begin = std::move(begin),
                           .admin = admin_.get()};
  if (!tap) {
    if (const auto counter = expired_unread_.find(stream); counter != expired_unread_.end())
      parts.expired_unread = counter->second;
    parts.on_close = [this](const KafkaReader* reader) { ReaderClosed(reader); };
  }
  return KafkaReader::Open(options_, std::move(role), std::move(parts), tap ? nullptr : metrics_);
}

absl::StatusOr<std::unique_ptr<Reader>> KafkaStreams::OpenReader(std::string_view name,
                                                                 StreamId stream,
                                                                 std::vector<int> partitions) {
  KENG_RETURN_IF_ERROR(CheckPartitions(stream, partitions));
  if (name.empty() || name.size() > kReaderNameBytesMax)
    return absl::InvalidArgumentError("a reader's name has 1 to 128 bytes");
  {
    base::MutexLock lock(mutex_);
    for (const int partition : partitions) {
      if (readers_.contains({std::string(name), stream, partition}))
        return absl::AlreadyExistsError("the reader is open");
    }
  }
  const std::string topic = TopicName(options_, stream);
  KENG_ASSIGN_OR_RETURN(const auto positions, Positions(name, stream));
  std::map<int, Offset> begin;
  std::vector<WriteSet::Position> first;
  for (const int partition : partitions) {
    const auto found = positions.find(partition);
    if (found != positions.end()) {
      begin[partition] = found->second.next;
      continue;
    }
    KENG_ASSIGN_OR_RETURN(const KafkaAdmin::Bounds bounds, admin_->BoundsOf(topic, partition));
    begin[partition] = bounds.begin;
    first.push_back({.reader = std::string(name),
                     .stream = stream,
                     .partition = partition,
                     .next = bounds.begin});
  }
  KENG_RETURN_IF_ERROR(CommitPositions(first));
  KENG_ASSIGN_OR_RETURN(std::unique_ptr<KafkaReader> reader, MakeReader(name, stream, begin));
  base::MutexLock lock(mutex_);
  for (const int partition : partitions) {
    const ReaderId id(name, stream, partition);
    registered_.insert(id);
    readers_[id] = reader.get();
  }
  return reader;
}

void KafkaStreams::ReaderClosed(const KafkaReader* reader) {
  base::MutexLock lock(mutex_);
  std::erase_if(readers_, [reader](const auto& one) { return one.second == reader; });
}

absl::StatusOr<std::unique_ptr<Reader>> KafkaStreams::OpenTap(StreamId stream,
                                                              std::vector<int> partitions) {
  KENG_RETURN_IF_ERROR(CheckPartitions(stream, partitions));
  std::map<int, Offset> begin;
  for (const int partition : partitions) {
    KENG_ASSIGN_OR_RETURN(const KafkaAdmin::Bounds bounds,
                          admin_->BoundsOf(TopicName(options_, stream), partition));
    begin[partition] = bounds.begin;
  }
  KENG_ASSIGN_OR_RETURN(std::unique_ptr<KafkaReader> tap, MakeReader("", stream, std::move(begin)));
  return tap;
}

absl::StatusOr<std::unique_ptr<Membership>> KafkaStreams::OpenMembership(std::string_view name,
                                                                         StreamId stream) {
  std::vector<int> partitions;
  KENG_RETURN_IF_ERROR(CheckPartitions(stream, partitions));
  const GroupId group(name, stream);
  {
    base::MutexLock lock(mutex_);
    if (members_.contains(group)) return absl::AlreadyExistsError("the membership is open");
  }
  KENG_ASSIGN_OR_RETURN(std::unique_ptr<KafkaMembership> member,
                        KafkaMembership::Open(options_, RoleName(name, stream),
                                              {.topic = TopicName(options_, stream),
                                               .group = Group(name, stream),
                                               .on_close =
                                                   [this, group](const KafkaMembership*) {
                                                     base::MutexLock lock(mutex_);
                                                     members_.erase(group);
                                                   }},
                                              metrics_));
  base::MutexLock lock(mutex_);
  members_[group] = member.get();
  return member;
}

absl::Status KafkaStreams::RemoveReader(std::string_view name, StreamId stream) {
  std::vector<int> partitions;
  KENG_RETURN_IF_ERROR(CheckPartitions(stream, partitions));
  {
    base::MutexLock lock(mutex_);
    for (const int partition : partitions) {
      if (readers_.contains({std::string(name), stream, partition}))
        return absl::FailedPreconditionError("the reader is open");
    }
    for (const int partition : partitions)
      registered_.erase({std::string(name), stream, partition});
    group_clients_.erase({std::string(name), stream});
  }
  return admin_->DeleteGroup(Group(name, stream));
}

absl::StatusOr<std::optional<Committed>> KafkaStreams::committed(std::string_view name,
                                                                 StreamId stream, int partition) {
  if (partition < 0 || partition >= partitions(stream))
    return absl::NotFoundError("no such partition");
  KENG_ASSIGN_OR_RETURN(const auto positions, Positions(name, stream));
  const auto found = positions.find(partition);
  if (found == positions.end()) return std::nullopt;
  return found->second;
}

absl::StatusOr<Offset> KafkaStreams::Begin(StreamId stream, int partition) {
  if (partition < 0 || partition >= partitions(stream))
    return absl::NotFoundError("no such partition");
  return admin_->BeginOf(TopicName(options_, stream), partition);
}

absl::StatusOr<Offset> KafkaStreams::End(StreamId stream, int partition) {
  if (partition < 0 || partition >= partitions(stream))
    return absl::NotFoundError("no such partition");
  // The producer's client counts what a transaction has written and not yet marked as committed;
  // readers are at the end when they have read what is marked.
  const std::shared_ptr<KafkaClient> client = producer_->client();
  const KafkaAdmin admin(client->get(), options_.request_deadline);
  return admin.EndOf(TopicName(options_, stream), partition);
}

// ---- upkeep ----

absl::Status KafkaStreams::Trim(StreamId stream, const StreamConfig& config, absl::Time now) {
  const std::string topic = TopicName(options_, stream);
  std::map<int, Offset> before;
  double removed = 0;
  for (int partition = 0; partition < config.partitions; ++partition) {
    KENG_ASSIGN_OR_RETURN(const KafkaAdmin::Bounds bounds, admin_->BoundsOf(topic, partition));
    if (bounds.begin == bounds.end) continue;
    KENG_ASSIGN_OR_RETURN(const std::optional<Offset> young,
                          admin_->OffsetAt(topic, partition, now - config.retention));
    Offset limit = young.value_or(bounds.end);
    base::MutexLock lock(stats_mutex_);
    for (const ReaderStats& reader : stats_) {
      if (reader.stream == stream && reader.partition == partition)
        limit = std::min(limit, reader.committed);
    }
    if (limit <= bounds.begin) continue;
    before[partition] = limit;
    removed += static_cast<double>(limit - bounds.begin);
  }
  KENG_RETURN_IF_ERROR(admin_->DeleteRecords(topic, before));
  trimmed_.Add(removed);
  return absl::OkStatus();
}

absl::Status KafkaStreams::Maintain() {
  if (options_.mock) return absl::OkStatus();
  const absl::Time now = clock_.Now();
  if (metrics_ != nullptr && absl::Now() - lag_reported_at_ >= kLagInterval) {
    lag_reported_at_ = absl::Now();
    KENG_RETURN_IF_ERROR(RefreshReaderStats());
  }
  if (now >= trimmed_at_ && now - trimmed_at_ < options_.trim_interval) return absl::OkStatus();
  if (believed_ != absl::InfinitePast() && now - believed_ > kJumpMax) {
    if (jumped_at_ == absl::InfinitePast()) {
      jumped_at_ = now;
      base::LogWarn("stream.clock_jumped", {{"by", absl::FormatDuration(now - believed_)}});
    }
    if (now - jumped_at_ < kBelievedAfter) return absl::OkStatus();
  }
  jumped_at_ = absl::InfinitePast();
  believed_ = now;
  trimmed_at_ = now;
  KENG_RETURN_IF_ERROR(RefreshReaderStats());
  for (const auto& [stream, config] : configs_) {
    if (config.retention == absl::InfiniteDuration()) continue;
    KENG_RETURN_IF_ERROR(Trim(stream, config, now));
  }
  return absl::OkStatus();
}

std::vector<PartitionStats> KafkaStreams::partition_stats() const {
  std::vector<PartitionStats> stats;
  for (const auto& [stream, config] : configs_) {
    for (int partition = 0; partition < config.partitions; ++partition) {
      const auto bounds = admin_->BoundsOf(TopicName(options_, stream), partition);
      if (!bounds.ok()) continue;
      stats.push_back({.stream = stream,
                       .partition = partition,
                       .begin = bounds->begin,
                       .end = bounds->end,
                       .bytes = 0,
                       .oldest = absl::InfiniteFuture()});
    }
  }
  return stats;
}

// Every process that looks sees the same, so that panels take the maximum over processes.
void KafkaStreams::ReportLag(const std::vector<ReaderStats>& stats) const {
  if (metrics_ == nullptr) return;
  for (const ReaderStats& reader : stats) {
    metrics_
        ->gauge("keng_stream_reader_lag_records", "Records that a reader has still to process",
                {{"reader", reader.reader},
                 {"stream", std::string(StreamName(reader.stream))},
                 {"partition", base::StrCat(reader.partition)}})
        .Set(static_cast<double>(reader.lag));
  }
}

absl::Status KafkaStreams::RefreshReaderStats() const {
  std::vector<ReaderStats> stats;
  std::set<GroupId> groups;
  {
    base::MutexLock lock(mutex_);
    for (const ReaderId& id : registered_) groups.emplace(std::get<0>(id), std::get<1>(id));
  }
  if (!options_.mock) {
    KENG_ASSIGN_OR_RETURN(const std::vector<std::string> listed, admin_->Groups());
    for (const std::string& group : listed) {
      for (const auto& [stream, config] : configs_) {
        const std::string prefix = base::StrCat(options_.prefix, StreamName(stream), ".");
        if (group.starts_with(prefix)) groups.emplace(group.substr(prefix.size()), stream);
      }
    }
  }
  for (const auto& [name, stream] : groups) {
    const std::string topic = TopicName(options_, stream);
    KENG_ASSIGN_OR_RETURN(const auto positions, Positions(name, stream));
    for (const auto& [partition, committed] : positions) {
      KENG_ASSIGN_OR_RETURN(const Offset end, admin_->EndOf(topic, partition));
      stats.push_back({.reader = name,
                       .stream = stream,
                       .partition = partition,
                       .committed = committed.next,
                       .lag = std::max<Offset>(0, end - committed.next)});
    }
  }
  ReportLag(stats);
  base::MutexLock lock(stats_mutex_);
  stats_ = std::move(stats);
  stats_at_ = absl::Now();
  return absl::OkStatus();
}

std::vector<ReaderStats> KafkaStreams::reader_stats() const {
  {
    base::MutexLock lock(stats_mutex_);
    if (absl::Now() - stats_at_ < options_.stats_age_max) return stats_;
  }
  const absl::Status status = RefreshReaderStats();
  base::MutexLock lock(stats_mutex_);
  // Old positions are better than none: a source must not run on because a broker is slow.
  if (!status.ok())
    base::LogWarn("kafka.reader_stats", {{"reason", std::string(status.message())}});
  return stats_;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Streams>> OpenKafkaStreams(const KafkaOptions& options,
                                                          const base::Clock& clock,
                                                          base::Metrics* metrics) {
  auto streams = std::make_unique<KafkaStreams>(options, clock, metrics);
  KENG_RETURN_IF_ERROR(streams->Open());
  return streams;
}

}  // namespace keng::stream
