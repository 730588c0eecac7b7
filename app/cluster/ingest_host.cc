#include "app/cluster/ingest_host.h"

#include <algorithm>

#include "base/check.h"
#include "base/stable_hash.h"
#include "base/strings.h"

namespace keng::app {

namespace {

class SourceSlot final : public SlotWorker {
 public:
  explicit SourceSlot(std::unique_ptr<ingest::Source> source) : source_(std::move(source)) {}
  absl::StatusOr<int64_t> Step() override { return source_->RunOnce(); }
  bool finished() const override { return source_->finished(); }
  void Wake() override { source_->Wake(); }

 private:
  const std::unique_ptr<ingest::Source> source_;
};

}  // namespace

IngestHost::IngestHost(Parts parts)
    : parts_(std::move(parts)),
      slots_(
          {.prefix = "src",
           .open = [this](const std::string& key) -> absl::StatusOr<std::unique_ptr<SlotWorker>> {
             const auto& sources = parts_.config.sources;
             const auto found =
                 std::find_if(sources.begin(), sources.end(),
                              [&](const SourceConfig& source) { return source.name == key; });
             KENG_CHECK(found != sources.end(), key);
             KENG_ASSIGN_OR_RETURN(
                 auto source, OpenSource(parts_.config, *found, parts_.environment, parts_.streams,
                                         parts_.stage, parts_.metrics));
             return std::make_unique<SourceSlot>(std::move(source));
           },
           .on_failure = parts_.on_failure,
           .metrics = &parts_.metrics}) {}

absl::Status IngestHost::Gain(const std::vector<int>& partitions) {
  KENG_RETURN_IF_ERROR(parts_.stage.CatchUp());
  const int slots = parts_.streams.partitions(stream::StreamId::kSources);
  std::vector<std::string> keys;
  for (const SourceConfig& source : parts_.config.sources) {
    const int slot = base::PartitionOf(source.name, slots);
    if (std::find(partitions.begin(), partitions.end(), slot) != partitions.end())
      keys.push_back(source.name);
  }
  return slots_.Open(keys);
}

}  // namespace keng::app
