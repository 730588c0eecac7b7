#ifndef KENG_FILTERS_RULES_TESTING_LIMITED_STREAMS_H_
#define KENG_FILTERS_RULES_TESTING_LIMITED_STREAMS_H_

// Streams in memory that can less than MemoryStreams: what published rules must live with.

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "stream/testing/memory_streams.h"

namespace keng::filters {

enum class StreamAbility {
  kAll,    // Lookup() works
  kSeeks,  // no Lookup(), but taps seek by time: as over Kafka
  kReads,  // taps, and nothing else
};

class LimitedStreams final : public stream::Streams {
 public:
  LimitedStreams(StreamAbility ability, const base::Clock& clock, int control_partitions = 1)
      : ability_(ability),
        memory_({{stream::StreamId::kControl,
                  {.partitions = control_partitions, .compacted = true, .indexed = true}}},
                clock) {}
  stream::MemoryStreams& memory() { return memory_; }

  stream::Capabilities capabilities() const override {
    stream::Capabilities can = memory_.capabilities();
    can.lookup = ability_ == StreamAbility::kAll;
    can.seek_by_time = ability_ != StreamAbility::kReads;
    can.atomic_write = can.lookup;
    return can;
  }
  int partitions(stream::StreamId stream) const override { return memory_.partitions(stream); }
  absl::Status Write(const stream::WriteSet& set) override { return memory_.Write(set); }
  absl::StatusOr<std::unique_ptr<stream::Reader>> OpenReader(std::string_view name,
                                                             stream::StreamId stream,
                                                             std::vector<int> partitions) override {
    return memory_.OpenReader(name, stream, std::move(partitions));
  }
  absl::StatusOr<std::unique_ptr<stream::Reader>> OpenTap(stream::StreamId stream,
                                                          std::vector<int> partitions) override {
    return memory_.OpenTap(stream, std::move(partitions));
  }
  absl::Status RemoveReader(std::string_view name, stream::StreamId stream) override {
    return memory_.RemoveReader(name, stream);
  }
  absl::StatusOr<std::optional<stream::Committed>> committed(std::string_view name,
                                                             stream::StreamId stream,
                                                             int partition) override {
    return memory_.committed(name, stream, partition);
  }
  absl::StatusOr<std::optional<std::string>> Lookup(stream::StreamId stream,
                                                    std::string_view key) override {
    if (ability_ != StreamAbility::kAll) return absl::UnimplementedError("no look-up here");
    return memory_.Lookup(stream, key);
  }
  absl::StatusOr<stream::Offset> Begin(stream::StreamId stream, int partition) override {
    return memory_.Begin(stream, partition);
  }
  absl::StatusOr<stream::Offset> End(stream::StreamId stream, int partition) override {
    return memory_.End(stream, partition);
  }
  absl::Status Maintain() override { return memory_.Maintain(); }
  absl::Status Sync() override { return memory_.Sync(); }
  std::vector<stream::PartitionStats> partition_stats() const override {
    return memory_.partition_stats();
  }
  std::vector<stream::ReaderStats> reader_stats() const override { return memory_.reader_stats(); }

 private:
  const StreamAbility ability_;
  stream::MemoryStreams memory_;
};

}  // namespace keng::filters

#endif  // KENG_FILTERS_RULES_TESTING_LIMITED_STREAMS_H_
