#include "stream/embedded/internal/stream_table.h"

#include "base/check.h"
#include "base/strings.h"

namespace keng::stream::internal {

absl::Status StreamTable::Open(Database& database, base::Metrics* metrics) {
  for (const auto& [stream, config] : database.options().streams) {
    auto entry = std::make_unique<StreamEntry>();
    entry->id = stream;
    entry->config = config;
    entry->first_slot = slots_;
    const std::string name(StreamName(stream));
    if (metrics != nullptr) {
      entry->records = metrics->counter("keng_stream_append_records_total", "Records appended.",
                                        {{"stream", name}});
      entry->bytes = metrics->counter("keng_stream_append_bytes_total",
                                      "Bytes of stored batches appended.", {{"stream", name}});
      entry->refused = metrics->counter(
          "keng_stream_refused_total",
          "Writes refused because of a slow reader, retention by size, or a full disk.",
          {{"stream", name}});
    }
    for (int i = 0; i < config.partitions; ++i) {
      Partition::Counters counters;
      if (metrics != nullptr) {
        const char* kReads = "Reads by where the records were found.";
        counters.reads_ring = metrics->counter("keng_stream_reads_total", kReads,
                                               {{"stream", name}, {"from", "ring"}});
        counters.reads_store = metrics->counter("keng_stream_reads_total", kReads,
                                                {{"stream", name}, {"from", "store"}});
        counters.corrupted =
            metrics->counter("keng_stream_corrupted_total",
                             "Damaged batches met. Somebody must act.", {{"stream", name}});
        counters.ring_bytes =
            metrics->gauge("keng_stream_ring_bytes", "Bytes of the newest batches in memory.",
                           {{"stream", name}, {"partition", base::StrCat(i)}});
      }
      auto partition = std::make_unique<Partition>(database, stream, i, config, counters);
      KENG_RETURN_IF_ERROR(partition->Recover());
      entry->partitions.push_back(std::move(partition));
    }
    slots_ += config.partitions;
    by_id_[static_cast<size_t>(stream)] = entry.get();
    entries_.push_back(std::move(entry));
  }
  return absl::OkStatus();
}

}  // namespace keng::stream::internal
