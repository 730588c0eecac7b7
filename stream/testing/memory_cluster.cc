#include "stream/testing/memory_cluster.h"

#include <algorithm>

#include "base/check.h"
#include "base/stable_hash.h"
#include "base/strings.h"

namespace keng::stream {

namespace {

void Copy(const WriteSet& from, const WriteSet::Entry& entry, WriteSet& to) {
  if (entry.tombstone) {
    to.AppendTombstone(entry.stream, from.key(entry));
  } else {
    to.Append(entry.stream, from.key(entry), from.value(entry));
  }
}

// In the order in which the set first names them.
std::vector<StreamId> StreamsOf(const WriteSet& set) {
  std::vector<StreamId> streams;
  for (const WriteSet::Entry& entry : set.entries()) {
    if (std::find(streams.begin(), streams.end(), entry.stream) == streams.end())
      streams.push_back(entry.stream);
  }
  return streams;
}

}  // namespace

// A reader's place is its own: others may read under the same name, as a zombie does.
class MemoryCluster::ClusterReader final : public Reader {
 public:
  // `partitions`: all that `tap` reads.
  ClusterReader(MemoryStreams& streams, StreamId stream, std::vector<int> partitions,
                std::unique_ptr<Reader> tap, std::function<void()> on_close)
      : streams_(streams),
        stream_(stream),
        partitions_(std::move(partitions)),
        tap_(std::move(tap)),
        on_close_(std::move(on_close)) {}
  ~ClusterReader() override { on_close_(); }

  // Who does not want to wait wants the end as it is: where the broker does not deliver, no answer
  // would be a wrong one.
  absl::StatusOr<std::shared_ptr<const RecordBatch>> Read(size_t bytes_max,
                                                          absl::Duration timeout) override {
    KENG_ASSIGN_OR_RETURN(auto batch, tap_->Read(bytes_max, absl::ZeroDuration()));
    if (batch != nullptr || timeout > absl::ZeroDuration()) return batch;
    for (const int partition : partitions_) {
      KENG_ASSIGN_OR_RETURN(const Offset end, streams_.End(stream_, partition));
      if (tap_->position(partition) < end) return absl::UnavailableError("nothing came in time");
    }
    return batch;
  }
  absl::Status Seek(int partition, Offset offset) override { return tap_->Seek(partition, offset); }
  absl::Status SeekToTime(int partition, absl::Time time) override {
    return tap_->SeekToTime(partition, time);
  }
  Offset position(int partition) const override { return tap_->position(partition); }
  void Wake() override { tap_->Wake(); }

 private:
  MemoryStreams& streams_;
  const StreamId stream_;
  const std::vector<int> partitions_;
  const std::unique_ptr<Reader> tap_;
  const std::function<void()> on_close_;
};

class MemoryCluster::ClusterMembership final : public Membership {
 public:
  ClusterMembership(MemoryCluster& cluster, GroupId id, const std::string& process)
      : cluster_(cluster),
        id_(std::move(id)),
        process_(process),
        member_(cluster_.Join(id_, process)) {}
  ~ClusterMembership() override {
    if (!member_->is_forsaken) cluster_.Leave(id_, member_);
  }

  absl::StatusOr<MemberEvent> Poll(absl::Duration) override {
    KENG_CHECK(member_->state != MemberState::kDraining, "Poll() before Release()");
    Group& group = cluster_.groups_[id_];
    if (member_->state == MemberState::kConsuming) {
      if (!group.is_dividing && !member_->is_evicted) return MemberEvent::kNone;
      member_->state = MemberState::kDraining;
      return MemberEvent::kLost;
    }
    if (member_->is_evicted) member_ = cluster_.Join(id_, process_);
    if (group.is_dividing) cluster_.Divide(id_, group);
    if (!member_->is_assigned) return MemberEvent::kNone;
    member_->is_assigned = false;
    member_->state = MemberState::kConsuming;
    return MemberEvent::kGained;
  }
  absl::Status Release() override {
    KENG_CHECK(member_->state == MemberState::kDraining, "Release() without kLost");
    member_->state = MemberState::kRevoked;
    member_->partitions.clear();
    return absl::OkStatus();
  }
  MemberState state() const override { return member_->state; }
  const std::vector<int>& partitions() const override { return member_->partitions; }
  void Wake() override {}

 private:
  MemoryCluster& cluster_;
  const GroupId id_;
  const std::string process_;
  std::shared_ptr<Member> member_;
};

class MemoryCluster::ClusterChangelog final : public Changelog {
 public:
  ClusterChangelog(MemoryCluster& cluster, std::string process,
                   std::unique_ptr<Changelog> changelog)
      : cluster_(cluster), process_(std::move(process)), changelog_(std::move(changelog)) {}

  absl::StatusOr<Offset> Append(const WriteSet& set) override {
    cluster_.At(process_, Point::kBeforeAppend);
    const AppendFate fate =
        cluster_.faults_ == nullptr ? AppendFate::kWhole : cluster_.faults_->OnAppend(process_);
    if (fate == AppendFate::kUnreachable) return absl::UnavailableError("the broker is away");
    const absl::StatusOr<Offset> appended = changelog_->Append(set);
    cluster_.At(process_, Point::kAfterAppend);
    if (fate == AppendFate::kUnanswered && appended.ok())
      return absl::UnavailableError("the broker does not answer");
    return appended;
  }

 private:
  MemoryCluster& cluster_;
  const std::string process_;
  const std::unique_ptr<Changelog> changelog_;
};

class MemoryCluster::ClusterStreams final : public Streams {
 public:
  ClusterStreams(MemoryCluster& cluster, std::string process)
      : cluster_(cluster), base_(cluster.streams_), process_(std::move(process)) {}

  Capabilities capabilities() const override {
    Capabilities capabilities = base_.capabilities();
    capabilities.atomic_write = false;
    capabilities.membership = true;
    return capabilities;
  }
  int partitions(StreamId stream) const override { return base_.partitions(stream); }

  absl::Status Write(const WriteSet& set) override {
    cluster_.At(process_, Point::kBeforeWrite);
    KENG_RETURN_IF_ERROR(base_.Examine(set));
    const WriteFate fate =
        cluster_.faults_ == nullptr ? WriteFate{} : cluster_.faults_->OnWrite(process_, set);
    switch (fate.end) {
      case WriteEnd::kRefused:
        return absl::ResourceExhaustedError("the broker is full");
      case WriteEnd::kUnreachable:
        return absl::UnavailableError("the broker is away");
      case WriteEnd::kBroken:
        KENG_RETURN_IF_ERROR(WritePart(set, fate.random));
        return absl::UnavailableError("the connection broke");
      case WriteEnd::kUnanswered:
      case WriteEnd::kWhole:
        break;
    }
    KENG_RETURN_IF_ERROR(WriteRecords(set));
    const absl::Status committed = Commit(set);
    cluster_.At(process_, Point::kAfterWrite);
    if (committed.ok() && fate.end == WriteEnd::kUnanswered)
      return absl::UnavailableError("the broker does not answer");
    return committed;
  }

  absl::StatusOr<std::unique_ptr<Reader>> OpenReader(std::string_view name, StreamId stream,
                                                     std::vector<int> partitions) override {
    partitions = AllIfNone(stream, std::move(partitions));
    for (const int partition : partitions) {
      if (open_.contains({std::string(name), stream, partition}))
        return absl::AlreadyExistsError("the reader is open");
    }
    // Opening it registers it; what it reads comes through a tap, for only one may be open there.
    KENG_RETURN_IF_ERROR(base_.OpenReader(name, stream, partitions).status());
    KENG_ASSIGN_OR_RETURN(std::unique_ptr<Reader> tap, base_.OpenTap(stream, partitions));
    for (const int partition : partitions) {
      KENG_ASSIGN_OR_RETURN(const auto committed, base_.committed(name, stream, partition));
      KENG_RETURN_IF_ERROR(tap->Seek(partition, committed->next));
      open_.emplace(name, stream, partition);
    }
    auto close = [this, reader = std::string(name), stream, partitions] {
      for (const int partition : partitions) open_.erase({reader, stream, partition});
    };
    return std::make_unique<ClusterReader>(base_, stream, std::move(partitions), std::move(tap),
                                           std::move(close));
  }
  absl::StatusOr<std::unique_ptr<Reader>> OpenTap(StreamId stream,
                                                  std::vector<int> partitions) override {
    partitions = AllIfNone(stream, std::move(partitions));
    KENG_ASSIGN_OR_RETURN(std::unique_ptr<Reader> tap, base_.OpenTap(stream, partitions));
    return std::make_unique<ClusterReader>(base_, stream, std::move(partitions), std::move(tap),
                                           [] {});
  }
  absl::Status RemoveReader(std::string_view name, StreamId stream) override {
    for (int i = 0; i < base_.partitions(stream); ++i) {
      if (open_.contains({std::string(name), stream, i}))
        return absl::FailedPreconditionError("the reader is open");
    }
    return base_.RemoveReader(name, stream);
  }
  absl::StatusOr<std::optional<Committed>> committed(std::string_view name, StreamId stream,
                                                     int partition) override {
    return base_.committed(name, stream, partition);
  }
  absl::StatusOr<std::optional<std::string>> Lookup(StreamId stream,
                                                    std::string_view key) override {
    return base_.Lookup(stream, key);
  }
  absl::StatusOr<Offset> Begin(StreamId stream, int partition) override {
    return base_.Begin(stream, partition);
  }
  absl::StatusOr<Offset> End(StreamId stream, int partition) override {
    return base_.End(stream, partition);
  }
  absl::StatusOr<std::unique_ptr<Membership>> OpenMembership(std::string_view name,
                                                             StreamId stream) override {
    return std::make_unique<ClusterMembership>(cluster_, GroupId(name, stream), process_);
  }
  absl::StatusOr<std::unique_ptr<Changelog>> OpenChangelog(std::string_view owner) override {
    KENG_ASSIGN_OR_RETURN(auto changelog, base_.OpenChangelog(owner));
    return std::make_unique<ClusterChangelog>(cluster_, process_, std::move(changelog));
  }
  absl::Status Maintain() override { return base_.Maintain(); }
  absl::Status Sync() override { return base_.Sync(); }
  std::vector<PartitionStats> partition_stats() const override { return base_.partition_stats(); }
  std::vector<ReaderStats> reader_stats() const override { return base_.reader_stats(); }

 private:
  std::vector<int> AllIfNone(StreamId stream, std::vector<int> partitions) const {
    if (!partitions.empty()) return partitions;
    for (int i = 0; i < base_.partitions(stream); ++i) partitions.push_back(i);
    return partitions;
  }

  absl::Status WriteRecords(const WriteSet& set) {
    const std::vector<StreamId> streams = StreamsOf(set);
    for (size_t i = 0; i < streams.size(); ++i) {
      if (i > 0) cluster_.At(process_, Point::kInWrite);
      WriteSet one;
      for (const WriteSet::Entry& entry : set.entries()) {
        if (entry.stream == streams[i]) Copy(set, entry, one);
      }
      KENG_RETURN_IF_ERROR(base_.Write(one));
    }
    if (!streams.empty() && !set.positions().empty()) cluster_.At(process_, Point::kInWrite);
    return absl::OkStatus();
  }

  // Some streams whole, of the next one the first records of each partition, no position.
  absl::Status WritePart(const WriteSet& set, uint64_t random) {
    const std::vector<StreamId> streams = StreamsOf(set);
    if (streams.empty()) return absl::OkStatus();
    const size_t whole = random % (streams.size() + 1);
    WriteSet part;
    std::map<int, uint64_t> left;  // of the stream that breaks, by partition
    for (size_t i = 0; i <= whole && i < streams.size(); ++i) {
      for (const WriteSet::Entry& entry : set.entries()) {
        if (entry.stream != streams[i]) continue;
        if (i == whole) {
          const int partition = base::PartitionOf(PartitionKey(entry.stream, set.key(entry)),
                                                  base_.partitions(entry.stream));
          const auto drawn = (random >> (8 + (4 * partition) % 48)) % 8;
          if (left.try_emplace(partition, drawn).first->second == 0) continue;
          --left[partition];
        }
        Copy(set, entry, part);
      }
    }
    return base_.Write(part);
  }

  absl::Status Commit(const WriteSet& set) {
    WriteSet mine;
    absl::Status lost;
    for (const WriteSet::Position& position : set.positions()) {
      if (cluster_.groups_.contains({position.reader, position.stream}) &&
          !cluster_.Holds(process_, position.reader, position.stream, position.partition)) {
        lost = absl::AbortedError(
            base::StrCat(position.reader, "/", position.partition, " is another's now"));
        continue;
      }
      mine.Commit(position.reader, position.stream, position.partition, position.next,
                  position.metadata);
    }
    KENG_RETURN_IF_ERROR(base_.Write(mine));
    return lost;
  }

  MemoryCluster& cluster_;
  MemoryStreams& base_;
  const std::string process_;
  std::set<std::tuple<std::string, StreamId, int>> open_;
};

MemoryCluster::MemoryCluster(MemoryStreams& streams, Faults* faults)
    : streams_(streams), faults_(faults) {}

MemoryCluster::~MemoryCluster() = default;

std::unique_ptr<Streams> MemoryCluster::Open(const std::string& process) {
  return std::make_unique<ClusterStreams>(*this, process);
}

void MemoryCluster::At(const std::string& process, Point point) {
  if (faults_ != nullptr) faults_->At(process, point);
}

std::shared_ptr<MemoryCluster::Member> MemoryCluster::Join(const GroupId& id,
                                                           const std::string& process) {
  Group& group = groups_[id];
  auto member = std::make_shared<Member>();
  member->process = process;
  for (std::shared_ptr<Member>& other : group.members) {
    if (other->process != process) continue;
    KENG_CHECK(other->is_forsaken, process, " is a member already");
    member->partitions = other->partitions;
    member->is_assigned = other->is_assigned || other->state != MemberState::kRevoked;
    other->is_evicted = true;
    other = member;
    return member;
  }
  group.members.push_back(member);
  group.is_dividing = true;
  return member;
}

void MemoryCluster::Leave(const GroupId& id, const std::shared_ptr<Member>& member) {
  Group& group = groups_[id];
  if (std::erase(group.members, member) > 0) group.is_dividing = true;
}

// When everybody has given back what he had.
void MemoryCluster::Divide(const GroupId& id, Group& group) {
  for (const auto& member : group.members) {
    if (member->state != MemberState::kRevoked || member->is_forsaken) return;
  }
  std::sort(group.members.begin(), group.members.end(),
            [](const auto& a, const auto& b) { return a->process < b->process; });
  const int count = streams_.partitions(id.second);
  const int members = static_cast<int>(group.members.size());
  int next = 0;
  for (int i = 0; i < members; ++i) {
    Member& member = *group.members[static_cast<size_t>(i)];
    member.partitions.clear();
    const int share = count / members + (i < count % members ? 1 : 0);
    for (int k = 0; k < share; ++k) member.partitions.push_back(next++);
    member.is_assigned = true;
  }
  group.is_dividing = false;
}

void MemoryCluster::Forsake(const std::string& process) {
  for (auto& [id, group] : groups_) {
    for (const auto& member : group.members) {
      if (member->process == process) member->is_forsaken = true;
    }
  }
}

bool MemoryCluster::Evict(const std::string& process) {
  bool was_member = false;
  for (auto& [id, group] : groups_) {
    for (const auto& member : group.members) {
      if (member->process == process) member->is_evicted = true;
    }
    const size_t gone =
        std::erase_if(group.members, [](const auto& member) { return member->is_evicted; });
    was_member = was_member || gone > 0;
    group.is_dividing = group.is_dividing || gone > 0;
  }
  return was_member;
}

bool MemoryCluster::Rebalance(std::string_view name, StreamId stream) {
  const auto group = groups_.find({std::string(name), stream});
  if (group == groups_.end()) return false;
  group->second.is_dividing = true;
  return true;
}

bool MemoryCluster::Holds(const std::string& process, std::string_view name, StreamId stream,
                          int partition) const {
  const auto group = groups_.find({std::string(name), stream});
  if (group == groups_.end()) return false;
  for (const auto& member : group->second.members) {
    if (member->process != process || member->state == MemberState::kRevoked) continue;
    return std::find(member->partitions.begin(), member->partitions.end(), partition) !=
           member->partitions.end();
  }
  return false;
}

}  // namespace keng::stream
