// Making and checking the topics of the streams.

#include <algorithm>

#include "base/check.h"
#include "base/strings.h"
#include "stream/kafka/internal/kafka_admin.h"
#include "stream/kafka/kafka_streams.h"

namespace keng::stream {
namespace {

std::string Millis(absl::Duration duration) {
  return duration == absl::InfiniteDuration() ? "-1"
                                              : base::StrCat(absl::ToInt64Milliseconds(duration));
}

struct AdminConnection {
  std::unique_ptr<KafkaClient> client;
  std::unique_ptr<KafkaAdmin> admin;
};

absl::StatusOr<AdminConnection> Connect(const KafkaOptions& options) {
  AdminConnection connection;
  KENG_ASSIGN_OR_RETURN(
      connection.client,
      KafkaClient::Make(options, {.role = "topics", .type = RD_KAFKA_PRODUCER}, nullptr));
  connection.admin =
      std::make_unique<KafkaAdmin>(connection.client->get(), options.request_deadline);
  return connection;
}

}  // namespace

KafkaSettings TopicSettings(const KafkaOptions& options, StreamId stream) {
  const auto found = std::find_if(options.streams.begin(), options.streams.end(),
                                  [stream](const auto& one) { return one.first == stream; });
  if (found == options.streams.end()) return {};
  const StreamConfig& config = found->second;
  const bool forever = config.retention == absl::InfiniteDuration();
  KafkaSettings settings = {
      {"min.insync.replicas", base::StrCat(options.min_insync_replicas)},
      {"message.timestamp.type", "CreateTime"},
      // WriteSet's bounds, and what a record batch adds to them.
      {"max.message.bytes", "17825792"},
      {"compression.type", "producer"},
      {"cleanup.policy", !config.compacted ? "delete"
                         : forever         ? "compact"
                                           : "compact,delete"},
      {"retention.ms", forever ? "-1" : Millis(config.retention + options.broker_retention_slack)}};
  if (config.compacted) {
    // A superseded or deleted record is physically gone within 24 h: the cleaner is due after half
    // of that, whatever the share of such records.
    settings["max.compaction.lag.ms"] = Millis(absl::Hours(12));
    settings["min.cleanable.dirty.ratio"] = "0.2";
    // A tombstone outlives the longest time that a reader of it may be away.
    settings["delete.retention.ms"] = Millis(forever ? absl::Hours(24 * 7) : config.retention);
  }
  for (const auto& [key, value] : options.topic_settings) settings[key] = value;
  return settings;
}

absl::StatusOr<std::vector<std::string>> CreateTopics(const KafkaOptions& options) {
  KENG_ASSIGN_OR_RETURN(const AdminConnection connection, Connect(options));
  const auto listed = connection.admin->Topics();
  if (!listed.ok()) return connection.client->Explain(listed.status());
  const auto& topics = *listed;
  std::vector<KafkaAdmin::NewTopic> wanted;
  std::vector<std::string> lines;
  for (const auto& [stream, config] : options.streams) {
    const std::string name = base::StrCat(options.prefix, StreamName(stream));
    if (topics.contains(name)) {
      lines.push_back(base::StrCat(name, ": there already"));
      continue;
    }
    wanted.push_back({.name = name,
                      .partitions = config.partitions,
                      .replication = options.replication,
                      .settings = TopicSettings(options, stream)});
    lines.push_back(base::StrCat(name, ": made, ", config.partitions, " partitions, replication ",
                                 options.replication));
  }
  KENG_RETURN_IF_ERROR(connection.admin->CreateTopics(wanted));
  std::vector<std::string> names;
  for (const KafkaAdmin::NewTopic& topic : wanted) names.push_back(topic.name);
  KENG_RETURN_IF_ERROR(connection.admin->TopicsWith(names).status());
  return lines;
}

absl::StatusOr<std::vector<std::string>> CheckTopics(const KafkaOptions& options) {
  KENG_ASSIGN_OR_RETURN(const AdminConnection connection, Connect(options));
  const auto listed = connection.admin->Topics();
  if (!listed.ok()) return connection.client->Explain(listed.status());
  const auto& topics = *listed;
  std::vector<std::string> lines;
  for (const auto& [stream, config] : options.streams) {
    const std::string name = base::StrCat(options.prefix, StreamName(stream));
    const auto found = topics.find(name);
    if (found == topics.end()) {
      lines.push_back(base::StrCat(name, ": missing; `keng topics create` makes it"));
      continue;
    }
    if (found->second.partitions != config.partitions)
      lines.push_back(base::StrCat(name, ": ", found->second.partitions, " partitions, expected ",
                                   config.partitions,
                                   "; set the configuration right, partitions are fixed"));
    if (found->second.replication < options.replication)
      lines.push_back(base::StrCat(name, ": replication ", found->second.replication, ", expected ",
                                   options.replication,
                                   "; reassign its partitions with Kafka's tools"));
    KENG_ASSIGN_OR_RETURN(const KafkaSettings actual, connection.admin->SettingsOf(name));
    for (const auto& [key, value] : TopicSettings(options, stream)) {
      const auto is = actual.find(key);
      const std::string now = is == actual.end() ? "" : is->second;
      if (now != value)
        lines.push_back(base::StrCat(name, ": ", key, " is ", now, ", expected ", value,
                                     "; kafka-configs.sh --alter sets it"));
    }
  }
  return lines;
}

}  // namespace keng::stream
