#ifndef KENG_STREAM_KAFKA_KAFKA_STREAMS_H_
#define KENG_STREAM_KAFKA_KAFKA_STREAMS_H_

// The streams as topics of a Kafka cluster, over librdkafka: for more than one process or machine.
// A stream is the topic prefix + name ("keng.posts"); a reader is the consumer group
// prefix + stream + "." + name ("keng.posts.filters"), whose committed offsets are the reader's
// positions, so that Kafka's own tools show them.
//
// Life cycle: OpenKafkaStreams() checks that the topics are there as configured; `keng topics
// create` makes them. Readers, memberships and changelogs are destroyed before the streams. kill -9
// instead of destruction loses nothing that was acknowledged.
//
// Threads: makes one, "keng-produce", that takes the brokers' acknowledgements; librdkafka has some
// of its own for each client (the producer, each reader, membership and changelog).
//
// Durable: Write() returns when all in-sync replicas have the records (acks=all, idempotent
// producer) and the group coordinator has the positions.
//
// What the contract leaves open, and what differs (docs/kafka.md, docs/decisions/009):
//   - A Write() is not atomic. Streams become visible in the order in which the set names them
//     first; positions come last.
//   - Times are kept in milliseconds. A reader sees a running maximum of what writers say.
//   - Maintain() trims to the record, never past a registered reader; the brokers' own retention,
//     which knows no readers, is `broker_retention_slack` longer. Compaction is the brokers' work.
//   - Metadata of positions is kept as printable ASCII: other bytes count as three.
//   - PartitionStats::bytes and ::oldest are not known (0, InfiniteFuture).
//
// Tests: stream/contract_test.h against a real broker and against librdkafka's mock cluster
// (stream/kafka/kafka_contract_test.cc), stream/kafka/kafka_streams_test.cc.

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "stream/membership.h"
#include "stream/stream.h"

namespace keng::stream {

// librdkafka's setting -> value; secrets in it are never logged.
using KafkaSettings = std::map<std::string, std::string>;

struct KafkaOptions {
  std::string bootstrap;         // "host:port,host:port"
  std::string prefix = "keng.";  // of topics and groups
  // Of this process, for static membership: a process that comes back under its name within the
  // session timeout keeps its partitions. Empty: a member of no name.
  std::string instance;
  // Streams that are not named here do not exist.
  std::vector<std::pair<StreamId, StreamConfig>> streams;

  KafkaSettings settings;  // of every client
  KafkaSettings producer_settings;
  KafkaSettings consumer_settings;

  // How long a Write() tries before it says Unavailable.
  absl::Duration write_deadline = absl::Seconds(20);
  // How long other calls wait for the cluster.
  absl::Duration request_deadline = absl::Seconds(15);
  // How old the answers of reader_stats() may be.
  absl::Duration stats_age_max = absl::Seconds(3);
  // How often Maintain() looks for what is past its retention.
  absl::Duration trim_interval = absl::Minutes(1);

  // The brokers are librdkafka's mock cluster, which knows no admin requests: for fast tests.
  bool mock = false;

  // For `topics create` only.
  int replication = 1;
  int min_insync_replicas = 1;
  absl::Duration broker_retention_slack = absl::Hours(24 * 7);
  KafkaSettings topic_settings;  // of every topic, over keng's own
};

// `metrics` may be null; it and `clock` must outlive the streams.
// Unavailable: no broker answers in time. NotFound: a topic is missing. FailedPrecondition: a topic
// has another number of partitions. InvalidArgument: a setting that librdkafka does not know, or
// one that keng sets itself.
absl::StatusOr<std::unique_ptr<Streams>> OpenKafkaStreams(const KafkaOptions& options,
                                                          const base::Clock& clock,
                                                          base::Metrics* metrics);

// Of the streams that `options` names: makes the topics that are missing. Returns a line for each
// topic, for people. Errors as OpenKafkaStreams().
absl::StatusOr<std::vector<std::string>> CreateTopics(const KafkaOptions& options);

// Compares the topics with what CreateTopics() would make. Returns a line for each difference:
// missing, partitions, replication, settings; empty when all is as it should be.
absl::StatusOr<std::vector<std::string>> CheckTopics(const KafkaOptions& options);

// The settings with which CreateTopics() makes the topic of `stream`.
KafkaSettings TopicSettings(const KafkaOptions& options, StreamId stream);

}  // namespace keng::stream

#endif  // KENG_STREAM_KAFKA_KAFKA_STREAMS_H_
