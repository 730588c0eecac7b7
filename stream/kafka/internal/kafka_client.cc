#include "stream/kafka/internal/kafka_client.h"

#include <algorithm>
#include <boost/json.hpp>

#include "base/check.h"
#include "base/log.h"
#include "base/strings.h"

namespace keng::stream {
namespace {

constexpr size_t kToldMax = 256;
constexpr size_t kErrorBytes = 512;

// Settings that decide whether keng's promises hold.
constexpr std::string_view kNotForOperators[] = {"bootstrap.servers",
                                                 "metadata.broker.list",
                                                 "group.id",
                                                 "group.instance.id",
                                                 "enable.auto.commit",
                                                 "enable.auto.offset.store",
                                                 "auto.offset.reset",
                                                 "enable.idempotence",
                                                 "acks",
                                                 "request.required.acks",
                                                 "transactional.id",
                                                 "partition.assignment.strategy",
                                                 "isolation.level",
                                                 "enable.partition.eof",
                                                 "max.in.flight",
                                                 "max.in.flight.requests.per.connection",
                                                 "delivery.report.only.error"};

absl::Status Set(rd_kafka_conf_t* conf, const std::string& key, const std::string& value) {
  char error[kErrorBytes] = {};
  if (rd_kafka_conf_set(conf, key.c_str(), value.c_str(), error, sizeof(error)) ==
      RD_KAFKA_CONF_OK) {
    return absl::OkStatus();
  }
  // librdkafka's text names the value; a secret must not reach a log.
  return absl::InvalidArgumentError(base::StrCat(
      "kafka setting \"", key, "\" is not one that librdkafka knows, or its value is not one that ",
      "it takes; see librdkafka's CONFIGURATION.md"));
}

absl::Status SetAll(rd_kafka_conf_t* conf, const KafkaSettings& settings) {
  for (const auto& [key, value] : settings) KENG_RETURN_IF_ERROR(Set(conf, key, value));
  return absl::OkStatus();
}

absl::Status SetOperators(rd_kafka_conf_t* conf, const KafkaSettings& settings) {
  for (const auto& [key, value] : settings) {
    if (std::find(std::begin(kNotForOperators), std::end(kNotForOperators), key) !=
        std::end(kNotForOperators)) {
      return absl::InvalidArgumentError(
          base::StrCat("kafka setting \"", key, "\" is set by keng itself; remove it"));
    }
    KENG_RETURN_IF_ERROR(Set(conf, key, value));
  }
  return absl::OkStatus();
}

double Number(const boost::json::object& object, std::string_view key) {
  const boost::json::value* value = object.if_contains({key.data(), key.size()});
  if (value == nullptr) return 0;
  if (value->is_int64()) return static_cast<double>(value->as_int64());
  if (value->is_uint64()) return static_cast<double>(value->as_uint64());
  return value->is_double() ? value->as_double() : 0;
}

}  // namespace

bool IsAuthorizationFailure(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
         error == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED ||
         error == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED ||
         error == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
}

absl::Status FromKafka(rd_kafka_resp_err_t error, std::string_view what, std::string_view detail) {
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return absl::OkStatus();
  const std::string message = base::StrCat(
      "kafka: ", what, ": ", detail.empty() ? std::string_view(rd_kafka_err2str(error)) : detail,
      " (", rd_kafka_err2name(error), ")");
  if (IsAuthorizationFailure(error)) {
    // An ACL that is mended lets the work go on where it stands.
    return absl::UnavailableError(base::StrCat(message, "; see the ACLs in docs/kafka.md"));
  }
  switch (error) {
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      return absl::NotFoundError(message);
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
    case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR__FENCED:
    case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
      return absl::AbortedError(message);
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
      return absl::InvalidArgumentError(message);
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
      return absl::DataLossError(message);
    default:
      return absl::UnavailableError(message);
  }
}

absl::Status FromKafka(rd_kafka_error_t* error, std::string_view what) {
  if (error == nullptr) return absl::OkStatus();
  const absl::Status status =
      FromKafka(rd_kafka_error_code(error), what, rd_kafka_error_string(error));
  rd_kafka_error_destroy(error);
  return status;
}

int ToMillis(absl::Duration duration) {
  return static_cast<int>(std::clamp<int64_t>(
      absl::ToInt64Milliseconds(absl::Ceil(duration, absl::Milliseconds(1))), 0, INT32_MAX / 2));
}

TopicList NewTopicList(int size) { return TopicList(rd_kafka_topic_partition_list_new(size)); }

KafkaClient::KafkaClient(std::string role, base::Metrics* metrics)
    : role_(std::move(role)), metrics_(metrics) {}

absl::StatusOr<std::unique_ptr<KafkaClient>> KafkaClient::Make(const KafkaOptions& options,
                                                               Spec spec, base::Metrics* metrics) {
  std::unique_ptr<KafkaClient> client(new KafkaClient(std::move(spec.role), metrics));
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  const auto configure = [&]() -> absl::Status {
    KENG_RETURN_IF_ERROR(
        SetAll(conf, {{"bootstrap.servers", options.bootstrap},
                      {"client.id", base::StrCat("keng-", client->role_)},
                      {"statistics.interval.ms", metrics == nullptr ? "0" : "5000"},
                      {"reconnect.backoff.ms", "50"},
                      {"reconnect.backoff.max.ms", "2000"},
                      {"topic.metadata.refresh.interval.ms", "30000"},
                      {"socket.timeout.ms", base::StrCat(ToMillis(kSocketTimeout))},
                      {"socket.keepalive.enable", "true"},
                      // Small records must not wait for their acknowledgement.
                      {"socket.nagle.disable", "true"}}));
    KENG_RETURN_IF_ERROR(SetAll(conf, spec.defaults));
    KENG_RETURN_IF_ERROR(SetOperators(conf, options.settings));
    KENG_RETURN_IF_ERROR(SetOperators(conf, spec.type == RD_KAFKA_PRODUCER
                                                ? options.producer_settings
                                                : options.consumer_settings));
    return SetAll(conf, spec.fixed);
  };
  if (absl::Status status = configure(); !status.ok()) {
    rd_kafka_conf_destroy(conf);
    return status;
  }
  client->on_rebalance_ = spec.on_rebalance;
  client->rebalance_opaque_ = spec.rebalance_opaque;
  rd_kafka_conf_set_opaque(conf, client.get());
  rd_kafka_conf_set_error_cb(conf, &KafkaClient::OnError);
  rd_kafka_conf_set_log_cb(conf, &KafkaClient::OnLog);
  rd_kafka_conf_set_stats_cb(conf, &KafkaClient::OnStatistics);
  if (spec.on_delivery != nullptr) rd_kafka_conf_set_dr_msg_cb(conf, spec.on_delivery);
  if (spec.on_rebalance != nullptr) rd_kafka_conf_set_rebalance_cb(conf, &KafkaClient::OnRebalance);
  char error[kErrorBytes] = {};
  client->handle_ = rd_kafka_new(spec.type, conf, error, sizeof(error));
  if (client->handle_ == nullptr) {
    rd_kafka_conf_destroy(conf);
    return absl::InvalidArgumentError(
        base::StrCat("kafka: the client \"", client->role_, "\" cannot be made: ", error));
  }
  if (spec.type == RD_KAFKA_CONSUMER) rd_kafka_poll_set_consumer(client->handle_);
  return client;
}

KafkaClient::~KafkaClient() {
  if (handle_ == nullptr) return;
  rd_kafka_destroy(handle_);
  Serve();
}

void KafkaClient::OnError(rd_kafka_t*, int error, const char* reason, void* opaque) {
  auto* client = static_cast<KafkaClient*>(opaque);
  base::MutexLock lock(client->mutex_);
  if (client->told_.errors.size() >= kToldMax) {
    ++client->told_.dropped;
    return;
  }
  client->told_.errors.emplace_back(static_cast<rd_kafka_resp_err_t>(error), reason);
}

void KafkaClient::OnLog(const rd_kafka_t* handle, int level, const char* facility,
                        const char* text) {
  auto* client = static_cast<KafkaClient*>(rd_kafka_opaque(handle));
  // While the client is being made its log goes nowhere else.
  if (client == nullptr) return;
  base::MutexLock lock(client->mutex_);
  if (client->told_.logs.size() >= kToldMax) {
    ++client->told_.dropped;
    return;
  }
  client->told_.logs.emplace_back(level, base::StrCat(facility, ": ", text));
}

int KafkaClient::OnStatistics(rd_kafka_t*, char* json, size_t size, void* opaque) {
  auto* client = static_cast<KafkaClient*>(opaque);
  base::MutexLock lock(client->mutex_);
  client->told_.statistics.assign(json, size);
  return 0;
}

void KafkaClient::OnRebalance(rd_kafka_t* handle, rd_kafka_resp_err_t error,
                              rd_kafka_topic_partition_list_t* partitions, void* opaque) {
  auto* client = static_cast<KafkaClient*>(opaque);
  client->on_rebalance_(handle, error, partitions, client->rebalance_opaque_);
}

absl::Status KafkaClient::Explain(const absl::Status& status) {
  if (!absl::IsUnavailable(status)) return status;
  rd_kafka_poll(handle_, 0);
  // That no connection stands is said of everything; the reason why, once.
  const auto weight = [](rd_kafka_resp_err_t error) {
    switch (error) {
      case RD_KAFKA_RESP_ERR__AUTHENTICATION:
      case RD_KAFKA_RESP_ERR__SSL:
        return 3;
      case RD_KAFKA_RESP_ERR__RESOLVE:
        return 2;
      case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
        return 0;
      default:
        return 1;
    }
  };
  base::MutexLock lock(mutex_);
  const auto best = std::max_element(
      told_.errors.begin(), told_.errors.end(),
      [&](const auto& a, const auto& b) { return weight(a.first) < weight(b.first); });
  if (best == told_.errors.end()) return status;
  return absl::UnavailableError(base::StrCat(status.message(), "; ", best->second, " (",
                                             rd_kafka_err2name(best->first), ")"));
}

void KafkaClient::Serve() {
  Told told;
  {
    base::MutexLock lock(mutex_);
    if (told_.errors.empty() && told_.logs.empty() && told_.statistics.empty() &&
        told_.dropped == 0) {
      return;
    }
    told = std::exchange(told_, {});
  }
  for (const auto& [error, reason] : told.errors) {
    base::LogWarn("kafka.error",
                  {{"client", role_}, {"error", rd_kafka_err2name(error)}, {"reason", reason}});
    if (metrics_ != nullptr) {
      metrics_
          ->counter("keng_kafka_errors_total", "What librdkafka reported, by client and kind",
                    {{"client", role_}, {"error", rd_kafka_err2name(error)}})
          .Add();
    }
  }
  // librdkafka's log repeats what error_cb says; the rest is for who looks for it.
  for (const auto& [level, text] : told.logs) {
    base::LogDebug("kafka.log", {{"client", role_}, {"text", text}});
  }
  if (told.dropped > 0 && metrics_ != nullptr) {
    metrics_
        ->counter("keng_kafka_told_dropped_total", "Reports of librdkafka that found no room",
                  {{"client", role_}})
        .Add(static_cast<double>(told.dropped));
  }
  if (!told.statistics.empty() && metrics_ != nullptr) ReportStatistics(told.statistics);
}

// The fields are librdkafka's STATISTICS.md.
void KafkaClient::ReportStatistics(std::string_view json) {
  boost::system::error_code error;
  const boost::json::value value = boost::json::parse({json.data(), json.size()}, error);
  if (error || !value.is_object()) return;
  const boost::json::object& all = value.as_object();
  const base::Labels labels = {{"client", role_}};
  metrics_->gauge("keng_kafka_queue_messages", "Messages in the client's queues", labels)
      .Set(Number(all, "msg_cnt"));
  metrics_->gauge("keng_kafka_queue_bytes", "Bytes of messages in the client's queues", labels)
      .Set(Number(all, "msg_size"));
  metrics_->gauge("keng_kafka_queue_bytes_max", "Bound of keng_kafka_queue_bytes", labels)
      .Set(Number(all, "msg_size_max"));
  if (const auto* brokers = all.if_contains("brokers"); brokers && brokers->is_object()) {
    double requests = 0, round_trip_p99 = 0;
    for (const auto& [name, broker] : brokers->as_object()) {
      if (!broker.is_object()) continue;
      requests += Number(broker.as_object(), "outbuf_cnt");
      const auto* rtt = broker.as_object().if_contains("rtt");
      if (rtt == nullptr || !rtt->is_object()) continue;
      round_trip_p99 = std::max(round_trip_p99, Number(rtt->as_object(), "p99"));
    }
    metrics_->gauge("keng_kafka_requests_waiting", "Requests that wait to be sent", labels)
        .Set(requests);
    metrics_->gauge("keng_kafka_round_trip_seconds_p99", "Of the slowest broker", labels)
        .Set(round_trip_p99 / 1e6);
  }
  const auto* topics = all.if_contains("topics");
  if (topics == nullptr || !topics->is_object()) return;
  for (const auto& [topic, detail] : topics->as_object()) {
    const auto* partitions =
        detail.is_object() ? detail.as_object().if_contains("partitions") : nullptr;
    if (partitions == nullptr || !partitions->is_object()) continue;
    double fetched_bytes = 0;
    for (const auto& [number, partition] : partitions->as_object()) {
      if (!partition.is_object()) continue;
      fetched_bytes += Number(partition.as_object(), "fetchq_size");
    }
    metrics_
        ->gauge("keng_kafka_fetched_bytes", "Bytes fetched and not yet read",
                {{"client", role_}, {"topic", std::string(topic)}})
        .Set(fetched_bytes);
  }
}

}  // namespace keng::stream
