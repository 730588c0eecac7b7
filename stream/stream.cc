#include "stream/stream.h"

#include "base/check.h"
#include "stream/changelog.h"
#include "stream/membership.h"

namespace keng::stream {

std::string_view StreamName(StreamId stream) {
  switch (stream) {
    case StreamId::kPosts:
      return "posts";
    case StreamId::kInbox:
      return "inbox";
    case StreamId::kTexts:
      return "texts";
    case StreamId::kAlerts:
      return "alerts";
    case StreamId::kControl:
      return "control";
    case StreamId::kDead:
      return "dead";
    case StreamId::kState:
      return "state";
    case StreamId::kIntake:
      return "intake";
    case StreamId::kSources:
      return "sources";
  }
  return "unknown";
}

std::optional<StreamId> StreamByName(std::string_view name) {
  for (const StreamId stream : kAllStreams) {
    if (StreamName(stream) == name) return stream;
  }
  return std::nullopt;
}

std::string_view PartitionKey(StreamId stream, std::string_view key) {
  return stream == StreamId::kState ? key.substr(0, key.find('/')) : key;
}

StreamConfig DefaultConfig(StreamId stream, int posts_partitions) {
  constexpr absl::Duration kDay = absl::Hours(24);
  switch (stream) {
    case StreamId::kPosts:
      return {.partitions = posts_partitions, .retention = 7 * kDay, .compacted = true};
    case StreamId::kInbox:
      return {.retention = 35 * kDay};
    case StreamId::kTexts:
      return {.partitions = posts_partitions,
              .retention = 30 * kDay,
              .compacted = true,
              .indexed = true};
    case StreamId::kAlerts:
      return {.retention = 396 * kDay};  // 13 months
    case StreamId::kControl:
      return {.compacted = true, .indexed = true};
    case StreamId::kDead:
      return {.retention = 7 * kDay};
    case StreamId::kState:
      return {.compacted = true};
    case StreamId::kIntake:
      return {.partitions = posts_partitions, .retention = kDay};
    case StreamId::kSources:
      return {.partitions = 32, .retention = kDay};
  }
  return {};
}

absl::StatusOr<std::unique_ptr<Changelog>> Streams::OpenChangelog(std::string_view) {
  return absl::FailedPreconditionError("these streams keep no changelog");
}

absl::StatusOr<std::unique_ptr<Membership>> Streams::OpenMembership(std::string_view, StreamId) {
  return absl::FailedPreconditionError("these streams have one process");
}

std::string_view MemberStateName(MemberState state) {
  constexpr std::string_view kNames[] = {"revoked", "consuming", "draining"};
  return kNames[static_cast<size_t>(state)];
}

void WriteSet::Append(StreamId stream, std::string_view key, std::string_view value) {
  BeginRecord(stream, key).append(value);
  EndRecord();
}

void WriteSet::AppendTombstone(StreamId stream, std::string_view key) {
  BeginRecord(stream, key);
  entries_.back().tombstone = true;
  EndRecord();
}

std::string& WriteSet::BeginRecord(StreamId stream, std::string_view key) {
  KENG_CHECK(!record_open_, "BeginRecord() before EndRecord() of the record before");
  record_open_ = true;
  Entry entry{.stream = stream, .tombstone = false, .value_size = 0};
  entry.key_begin = static_cast<uint32_t>(buffer_.size());
  entry.key_size = static_cast<uint32_t>(key.size());
  buffer_.append(key);
  entry.value_begin = static_cast<uint32_t>(buffer_.size());
  entries_.push_back(entry);
  return buffer_;
}

void WriteSet::EndRecord() {
  KENG_CHECK(record_open_, "EndRecord() without BeginRecord()");
  KENG_CHECK(buffer_.size() <= kBytesMax, "bytes=", buffer_.size());
  record_open_ = false;
  Entry& entry = entries_.back();
  KENG_CHECK(buffer_.size() >= entry.value_begin, "the value's buffer was cut");
  entry.value_size = static_cast<uint32_t>(buffer_.size() - entry.value_begin);
}

void WriteSet::Commit(std::string_view reader, StreamId stream, int partition, Offset next,
                      std::string_view metadata) {
  positions_.push_back(Position{.reader = std::string(reader),
                                .stream = stream,
                                .partition = partition,
                                .next = next,
                                .metadata = std::string(metadata)});
}

void WriteSet::Clear() {
  buffer_.clear();
  entries_.clear();
  positions_.clear();
  record_open_ = false;
}

}  // namespace keng::stream
