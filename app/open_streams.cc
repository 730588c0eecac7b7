#include "app/open_streams.h"

#include <utility>
#include <vector>

#include "base/strings.h"

namespace keng::app {

using base::StrCat;

namespace {

using StreamList = std::vector<std::pair<stream::StreamId, stream::StreamConfig>>;

StreamList StreamsOf(const StreamSettings& settings, StreamList streams) {
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
      case stream::StreamId::kSources:
        break;
    }
  }
  return streams;
}

}  // namespace

stream::EmbeddedOptions StreamOptions(const Config& config) {
  stream::EmbeddedOptions options;
  options.directory = StrCat(config.data_dir, "/streams");
  options.streams =
      StreamsOf(config.streams, stream::DefaultStreams(config.streams.posts_partitions));
  options.sync_interval = config.streams.sync_interval;
  options.ring_bytes_max = config.streams.tail_bytes;
  options.disk_free_min = config.streams.disk_free_min;
  return options;
}

stream::KafkaOptions ClusterOptions(const Config& config) {
  const KafkaConfig& kafka = config.streams.kafka;
  stream::KafkaOptions options;
  options.bootstrap = kafka.bootstrap;
  options.prefix = kafka.prefix;
  options.instance = kafka.instance;
  options.replication = kafka.replication;
  options.min_insync_replicas = kafka.min_insync_replicas;
  options.broker_retention_slack = kafka.retention_slack;
  options.settings = kafka.settings;
  options.producer_settings = kafka.producer;
  options.consumer_settings = kafka.consumer;
  StreamList streams;
  for (const stream::StreamId stream : stream::kAllStreams)
    streams.emplace_back(stream, stream::DefaultConfig(stream, config.streams.posts_partitions));
  options.streams = StreamsOf(config.streams, std::move(streams));
  return options;
}

bool StreamsHaveOneOwner(const Config& config) { return config.streams.kafka.bootstrap.empty(); }

absl::StatusOr<std::unique_ptr<stream::Streams>> OpenStreams(const Config& config,
                                                             const base::Clock& clock,
                                                             base::Metrics* metrics) {
  if (!StreamsHaveOneOwner(config))
    return stream::OpenKafkaStreams(ClusterOptions(config), clock, metrics);
  return stream::OpenEmbeddedStreams(StreamOptions(config), clock, metrics);
}

}  // namespace keng::app
