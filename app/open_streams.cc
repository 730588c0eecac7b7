#include "app/open_streams.h"

#include <utility>
#include <vector>

#include "base/strings.h"

namespace keng::app {

using base::StrCat;

namespace {

std::vector<std::pair<stream::StreamId, stream::StreamConfig>> StreamsOf(
    const StreamSettings& settings) {
  auto streams = stream::DefaultStreams(settings.posts_partitions);
  for (auto& [id, config] : streams) {
    switch (id) {
      case stream::StreamId::kPosts:
        config.retention = settings.posts_retention;
        config.retention_bytes = settings.posts_bytes_max;
        break;
      case stream::StreamId::kInbox:
        config.retention = settings.inbox_retention;
        break;
      case stream::StreamId::kTexts:
        config.retention = settings.texts_retention;
        break;
      case stream::StreamId::kAlerts:
        config.retention = settings.alerts_retention;
        break;
      case stream::StreamId::kDead:
        config.retention = settings.dead_retention;
        break;
      case stream::StreamId::kControl:
      case stream::StreamId::kState:
      case stream::StreamId::kIntake:
        break;
    }
  }
  return streams;
}

}  // namespace

stream::EmbeddedOptions StreamOptions(const Config& config) {
  stream::EmbeddedOptions options;
  options.directory = StrCat(config.data_dir, "/streams");
  options.streams = StreamsOf(config.streams);
  options.sync_interval = config.streams.sync_interval;
  options.ring_bytes_max = config.streams.tail_bytes;
  options.disk_free_min = config.streams.disk_free_min;
  return options;
}

bool StreamsHaveOneOwner(const Config&) { return true; }

absl::StatusOr<std::unique_ptr<stream::Streams>> OpenStreams(const Config& config,
                                                             const base::Clock& clock,
                                                             base::Metrics* metrics) {
  return stream::OpenEmbeddedStreams(StreamOptions(config), clock, metrics);
}

}  // namespace keng::app
