#include "stream/kafka/internal/kafka_admin.h"

#include <algorithm>

#include "absl/time/clock.h"
#include "base/check.h"
#include "base/strings.h"

namespace keng::stream {
namespace {

constexpr absl::Duration kTopicsWait = absl::Seconds(3);

struct EventDeleter {
  void operator()(rd_kafka_event_t* event) const { rd_kafka_event_destroy(event); }
};
using Event = std::unique_ptr<rd_kafka_event_t, EventDeleter>;

struct OptionsDeleter {
  void operator()(rd_kafka_AdminOptions_t* options) const {
    rd_kafka_AdminOptions_destroy(options);
  }
};
using Options = std::unique_ptr<rd_kafka_AdminOptions_t, OptionsDeleter>;

// Sends a request that answers to a queue, and waits for the answer. `send` takes (options, queue).
template <typename Send>
absl::StatusOr<Event> Ask(rd_kafka_t* client, rd_kafka_admin_op_t operation, int deadline_ms,
                          std::string_view what, Send send) {
  const Options options(rd_kafka_AdminOptions_new(client, operation));
  char error[256] = {};
  rd_kafka_AdminOptions_set_request_timeout(options.get(), deadline_ms, error, sizeof(error));
  const Queue queue(rd_kafka_queue_new(client));
  send(options.get(), queue.get());
  // The request has a deadline of its own; this one is for a librdkafka that forgets it.
  Event event(rd_kafka_queue_poll(queue.get(), deadline_ms * 2));
  if (event == nullptr) {
    return absl::UnavailableError(base::StrCat("kafka: ", what, ": no answer in time"));
  }
  KENG_RETURN_IF_ERROR(
      FromKafka(rd_kafka_event_error(event.get()), what, rd_kafka_event_error_string(event.get())));
  return event;
}

// A partition whose leader is being chosen, a coordinator that moves: soon over.
bool PassesSoon(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR:
    case RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::string EscapeMetadata(std::string_view metadata) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (const char c : metadata) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte >= 0x20 && byte < 0x7f && c != '%') {
      out += c;
      continue;
    }
    out += '%';
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
  return out;
}

std::string UnescapeMetadata(std::string_view metadata) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string out;
  for (size_t i = 0; i < metadata.size(); ++i) {
    if (metadata[i] != '%' || i + 2 >= metadata.size()) {
      out += metadata[i];
      continue;
    }
    out += static_cast<char>(digit(metadata[i + 1]) << 4 | digit(metadata[i + 2]));
    i += 2;
  }
  return out;
}

rd_kafka_resp_err_t WhileItPasses(absl::Duration deadline,
                                  absl::FunctionRef<rd_kafka_resp_err_t()> request) {
  const absl::Time end = absl::Now() + deadline;
  absl::Duration pause = absl::Milliseconds(10);
  while (true) {
    const rd_kafka_resp_err_t error = request();
    if (!PassesSoon(error) || absl::Now() + pause >= end) return error;
    absl::SleepFor(pause);
    pause = std::min(pause * 2, absl::Milliseconds(500));
  }
}

absl::StatusOr<std::map<std::string, KafkaAdmin::TopicShape>> KafkaAdmin::Topics() const {
  const rd_kafka_metadata_t* metadata = nullptr;
  KENG_RETURN_IF_ERROR(
      FromKafka(rd_kafka_metadata(client_, 1, nullptr, &metadata, deadline_ms_), "list topics"));
  std::map<std::string, TopicShape> topics;
  for (int i = 0; i < metadata->topic_cnt; ++i) {
    const rd_kafka_metadata_topic_t& topic = metadata->topics[i];
    if (topic.err != RD_KAFKA_RESP_ERR_NO_ERROR || topic.partition_cnt == 0) continue;
    topics[topic.topic] = {.partitions = topic.partition_cnt,
                           .replication = topic.partitions[0].replica_cnt};
  }
  rd_kafka_metadata_destroy(metadata);
  return topics;
}

absl::StatusOr<std::map<std::string, KafkaAdmin::TopicShape>> KafkaAdmin::TopicsWith(
    const std::vector<std::string>& wanted) const {
  absl::StatusOr<std::map<std::string, TopicShape>> topics;
  const rd_kafka_resp_err_t missing = WhileItPasses(std::min(deadline_, kTopicsWait), [&] {
    topics = Topics();
    const bool all =
        !topics.ok() || std::all_of(wanted.begin(), wanted.end(),
                                    [&](const auto& one) { return topics->contains(one); });
    return all ? RD_KAFKA_RESP_ERR_NO_ERROR : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
  });
  (void)missing;  // whoever asked looks for himself
  return topics;
}

absl::Status KafkaAdmin::CreateTopics(const std::vector<NewTopic>& topics) const {
  if (topics.empty()) return absl::OkStatus();
  std::vector<rd_kafka_NewTopic_t*> wanted;
  char error[256] = {};
  for (const NewTopic& topic : topics) {
    rd_kafka_NewTopic_t* one = rd_kafka_NewTopic_new(topic.name.c_str(), topic.partitions,
                                                     topic.replication, error, sizeof(error));
    if (one == nullptr) {
      rd_kafka_NewTopic_destroy_array(wanted.data(), wanted.size());
      return absl::InvalidArgumentError(base::StrCat("kafka topic ", topic.name, ": ", error));
    }
    for (const auto& [key, value] : topic.settings)
      rd_kafka_NewTopic_set_config(one, key.c_str(), value.c_str());
    wanted.push_back(one);
  }
  auto event = Ask(client_, RD_KAFKA_ADMIN_OP_CREATETOPICS, deadline_ms_, "create topics",
                   [&](const rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
                     rd_kafka_CreateTopics(client_, wanted.data(), wanted.size(), options, queue);
                   });
  rd_kafka_NewTopic_destroy_array(wanted.data(), wanted.size());
  KENG_RETURN_IF_ERROR(event.status());
  size_t count = 0;
  const rd_kafka_topic_result_t** results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event->get()), &count);
  for (size_t i = 0; i < count; ++i) {
    const rd_kafka_resp_err_t code = rd_kafka_topic_result_error(results[i]);
    if (code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) continue;
    const char* text = rd_kafka_topic_result_error_string(results[i]);
    const absl::Status status =
        FromKafka(code, base::StrCat("create topic ", rd_kafka_topic_result_name(results[i])),
                  text == nullptr ? "" : text);
    if (status.ok()) continue;
    const bool wrong = code == RD_KAFKA_RESP_ERR_INVALID_CONFIG ||
                       code == RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR ||
                       code == RD_KAFKA_RESP_ERR_INVALID_PARTITIONS ||
                       code == RD_KAFKA_RESP_ERR_POLICY_VIOLATION;
    return wrong ? absl::InvalidArgumentError(status.message()) : status;
  }
  return absl::OkStatus();
}

absl::StatusOr<KafkaSettings> KafkaAdmin::SettingsOf(const std::string& topic) const {
  rd_kafka_ConfigResource_t* resource =
      rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str());
  auto event = Ask(client_, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, deadline_ms_, "read topic settings",
                   [&](const rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
                     rd_kafka_DescribeConfigs(client_, &resource, 1, options, queue);
                   });
  rd_kafka_ConfigResource_destroy(resource);
  KENG_RETURN_IF_ERROR(event.status());
  size_t count = 0;
  const rd_kafka_ConfigResource_t** results = rd_kafka_DescribeConfigs_result_resources(
      rd_kafka_event_DescribeConfigs_result(event->get()), &count);
  KafkaSettings settings;
  for (size_t i = 0; i < count; ++i) {
    KENG_RETURN_IF_ERROR(FromKafka(rd_kafka_ConfigResource_error(results[i]),
                                   base::StrCat("read the settings of topic ", topic)));
    size_t entries = 0;
    const rd_kafka_ConfigEntry_t** configs = rd_kafka_ConfigResource_configs(results[i], &entries);
    for (size_t j = 0; j < entries; ++j) {
      const char* value = rd_kafka_ConfigEntry_value(configs[j]);
      settings[rd_kafka_ConfigEntry_name(configs[j])] = value == nullptr ? "" : value;
    }
  }
  return settings;
}

rd_kafka_resp_err_t KafkaAdmin::LeaderAskedAnew(rd_kafka_resp_err_t error) const {
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR || !PassesSoon(error)) return error;
  const rd_kafka_metadata_t* metadata = nullptr;
  if (rd_kafka_metadata(client_, 1, nullptr, &metadata, deadline_ms_) == RD_KAFKA_RESP_ERR_NO_ERROR)
    rd_kafka_metadata_destroy(metadata);
  return error;
}

// rd_kafka_query_watermark_offsets() would ask for both ends at once, but waits without end for a
// broker that does not answer.
absl::StatusOr<Offset> KafkaAdmin::AskOffset(const std::string& topic, int partition,
                                             int64_t time_or_end) const {
  const TopicList list = NewTopicList(1);
  rd_kafka_topic_partition_t* one =
      rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition);
  const rd_kafka_resp_err_t error = WhileItPasses(deadline_, [&] {
    one->offset = time_or_end;
    const rd_kafka_resp_err_t asked = rd_kafka_offsets_for_times(client_, list.get(), deadline_ms_);
    return LeaderAskedAnew(asked == RD_KAFKA_RESP_ERR_NO_ERROR ? one->err : asked);
  });
  KENG_RETURN_IF_ERROR(
      FromKafka(error, base::StrCat("look up a place in ", topic, "/", partition)));
  return one->offset;
}

absl::StatusOr<Offset> KafkaAdmin::EndOf(const std::string& topic, int partition) const {
  return AskOffset(topic, partition, RD_KAFKA_OFFSET_END);
}

absl::StatusOr<Offset> KafkaAdmin::BeginOf(const std::string& topic, int partition) const {
  return AskOffset(topic, partition, RD_KAFKA_OFFSET_BEGINNING);
}

absl::StatusOr<KafkaAdmin::Bounds> KafkaAdmin::BoundsOf(const std::string& topic,
                                                        int partition) const {
  Bounds bounds;
  KENG_ASSIGN_OR_RETURN(bounds.begin, BeginOf(topic, partition));
  KENG_ASSIGN_OR_RETURN(bounds.end, EndOf(topic, partition));
  return bounds;
}

absl::StatusOr<std::optional<Offset>> KafkaAdmin::OffsetAt(const std::string& topic, int partition,
                                                           absl::Time time) const {
  // Negative times have a meaning of their own in the protocol.
  KENG_ASSIGN_OR_RETURN(
      const Offset offset,
      AskOffset(topic, partition, std::max<int64_t>(0, absl::ToUnixMillis(time))));
  if (offset < 0) return std::nullopt;
  return offset;
}

absl::Status KafkaAdmin::DeleteRecords(const std::string& topic,
                                       const std::map<int, Offset>& before) const {
  if (before.empty()) return absl::OkStatus();
  const TopicList list = NewTopicList(static_cast<int>(before.size()));
  for (const auto& [partition, offset] : before) {
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition)->offset = offset;
  }
  rd_kafka_DeleteRecords_t* request = rd_kafka_DeleteRecords_new(list.get());
  auto event = Ask(client_, RD_KAFKA_ADMIN_OP_DELETERECORDS, deadline_ms_, "trim a topic",
                   [&](const rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
                     rd_kafka_DeleteRecords(client_, &request, 1, options, queue);
                   });
  rd_kafka_DeleteRecords_destroy(request);
  KENG_RETURN_IF_ERROR(event.status());
  const rd_kafka_topic_partition_list_t* results =
      rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event->get()));
  for (int i = 0; i < results->cnt; ++i) {
    KENG_RETURN_IF_ERROR(FromKafka(results->elems[i].err, base::StrCat("trim ", topic)));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> KafkaAdmin::Groups() const {
  KENG_ASSIGN_OR_RETURN(
      const Event event,
      Ask(client_, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS, deadline_ms_, "list groups",
          [&](const rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
            rd_kafka_ListConsumerGroups(client_, options, queue);
          }));
  const rd_kafka_ListConsumerGroups_result_t* result =
      rd_kafka_event_ListConsumerGroups_result(event.get());
  size_t errors = 0;
  const rd_kafka_error_t** failed = rd_kafka_ListConsumerGroups_result_errors(result, &errors);
  if (errors > 0) {
    return FromKafka(rd_kafka_error_code(failed[0]), "list groups",
                     rd_kafka_error_string(failed[0]));
  }
  size_t count = 0;
  const rd_kafka_ConsumerGroupListing_t** listed =
      rd_kafka_ListConsumerGroups_result_valid(result, &count);
  std::vector<std::string> groups;
  for (size_t i = 0; i < count; ++i)
    groups.emplace_back(rd_kafka_ConsumerGroupListing_group_id(listed[i]));
  return groups;
}

namespace {

rd_kafka_resp_err_t AskPositions(rd_kafka_t* of_group, const std::string& topic, int partitions,
                                 int deadline_ms, std::map<int, Committed>& positions) {
  const TopicList list = NewTopicList(partitions);
  for (int i = 0; i < partitions; ++i)
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), i);
  const rd_kafka_resp_err_t error = rd_kafka_committed(of_group, list.get(), deadline_ms);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return error;
  positions.clear();
  for (int i = 0; i < list->cnt; ++i) {
    const rd_kafka_topic_partition_t& one = list->elems[i];
    if (one.err != RD_KAFKA_RESP_ERR_NO_ERROR) return one.err;
    if (one.offset < 0) continue;
    positions[one.partition] = {
        .next = one.offset,
        .metadata = UnescapeMetadata({static_cast<const char*>(one.metadata), one.metadata_size})};
  }
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

}  // namespace

absl::StatusOr<std::map<int, Committed>> KafkaAdmin::Positions(rd_kafka_t* of_group,
                                                               const std::string& topic,
                                                               int partitions) const {
  std::map<int, Committed> positions;
  const rd_kafka_resp_err_t error = WhileItPasses(deadline_, [&] {
    return AskPositions(of_group, topic, partitions, deadline_ms_, positions);
  });
  KENG_RETURN_IF_ERROR(FromKafka(error, base::StrCat("read positions in ", topic)));
  return positions;
}

absl::Status KafkaAdmin::DeleteGroup(const std::string& group) const {
  rd_kafka_DeleteGroup_t* request = rd_kafka_DeleteGroup_new(group.c_str());
  auto event = Ask(client_, RD_KAFKA_ADMIN_OP_DELETEGROUPS, deadline_ms_, "delete a group",
                   [&](const rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
                     rd_kafka_DeleteGroups(client_, &request, 1, options, queue);
                   });
  rd_kafka_DeleteGroup_destroy(request);
  KENG_RETURN_IF_ERROR(event.status());
  size_t count = 0;
  const rd_kafka_group_result_t** results =
      rd_kafka_DeleteGroups_result_groups(rd_kafka_event_DeleteGroups_result(event->get()), &count);
  for (size_t i = 0; i < count; ++i) {
    const rd_kafka_error_t* error = rd_kafka_group_result_error(results[i]);
    if (error == nullptr) continue;
    const rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    const absl::Status status = FromKafka(code, base::StrCat("delete group ", group));
    if (code == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND) return absl::NotFoundError(status.message());
    if (code == RD_KAFKA_RESP_ERR_NON_EMPTY_GROUP)
      return absl::FailedPreconditionError(status.message());
    return status;
  }
  return absl::OkStatus();
}

}  // namespace keng::stream
