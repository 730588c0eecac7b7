#ifndef KENG_STREAM_KAFKA_INTERNAL_KAFKA_CLIENT_H_
#define KENG_STREAM_KAFKA_INTERNAL_KAFKA_CLIENT_H_

// One librdkafka client: its settings, its end, and what it tells. librdkafka's callbacks (errors,
// statistics, logs) only append to a bounded buffer; Serve() turns it into metrics and log lines on
// the owner's thread.
//
// Threads: get() is thread-safe as librdkafka is; Serve() may be called by any thread.

#include <librdkafka/rdkafka.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "stream/kafka/kafka_streams.h"

namespace keng::stream {

// How long a request may go unanswered on a connection before that is given up; librdkafka's own 60
// s would be the time without alerts when a connection dies without a word.
constexpr absl::Duration kSocketTimeout = absl::Seconds(10);

// A right is missing (an ACL).
bool IsAuthorizationFailure(rd_kafka_resp_err_t error);
// What librdkafka says, as our kinds of error. `what` begins the message.
absl::Status FromKafka(rd_kafka_resp_err_t error, std::string_view what,
                       std::string_view detail = {});
// Takes and destroys `error`; nullptr is OK.
absl::Status FromKafka(rd_kafka_error_t* error, std::string_view what);

int ToMillis(absl::Duration duration);

struct TopicListDeleter {
  void operator()(rd_kafka_topic_partition_list_t* list) const {
    rd_kafka_topic_partition_list_destroy(list);
  }
};
using TopicList = std::unique_ptr<rd_kafka_topic_partition_list_t, TopicListDeleter>;
TopicList NewTopicList(int size);

struct QueueDeleter {
  void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }
};
using Queue = std::unique_ptr<rd_kafka_queue_t, QueueDeleter>;

struct MessageDeleter {
  void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
};
using Message = std::unique_ptr<rd_kafka_message_t, MessageDeleter>;

class KafkaClient {
 public:
  using DeliveryCallback = void (*)(rd_kafka_t*, const rd_kafka_message_t*, void*);
  using RebalanceCallback = void (*)(rd_kafka_t*, rd_kafka_resp_err_t,
                                     rd_kafka_topic_partition_list_t*, void*);

  struct Spec {
    std::string role;  // for metrics and logs: "producer", "posts.filters"
    rd_kafka_type_t type = RD_KAFKA_PRODUCER;
    KafkaSettings defaults;  // the operator's settings go over them
    KafkaSettings fixed;     // the operator may not set these
    DeliveryCallback on_delivery = nullptr;
    RebalanceCallback on_rebalance = nullptr;
    void* rebalance_opaque = nullptr;  // given to on_rebalance as the client's opaque
  };

  // InvalidArgument: a setting that is not known or not for the operator, by its name.
  static absl::StatusOr<std::unique_ptr<KafkaClient>> Make(const KafkaOptions& options, Spec spec,
                                                           base::Metrics* metrics);
  // Waits for what librdkafka has begun. Consumers must have been closed.
  ~KafkaClient();
  KafkaClient(const KafkaClient&) = delete;
  KafkaClient& operator=(const KafkaClient&) = delete;

  rd_kafka_t* get() const { return handle_; }
  const std::string& role() const { return role_; }

  // Metrics and log lines of what was told since the last call.
  void Serve();
  // `status` with what the client was told of its brokers since the last Serve(), when it is
  // Unavailable: a refused password or certificate shows itself only there. For clients that
  // nobody polls.
  absl::Status Explain(const absl::Status& status);

 private:
  struct Told {
    std::vector<std::pair<rd_kafka_resp_err_t, std::string>> errors;
    std::vector<std::pair<int, std::string>> logs;
    std::string statistics;  // the newest
    int64_t dropped = 0;     // lines that found the buffer full
  };

  KafkaClient(std::string role, base::Metrics* metrics);
  static void OnError(rd_kafka_t* handle, int error, const char* reason, void* opaque);
  static void OnLog(const rd_kafka_t* handle, int level, const char* facility, const char* text);
  static int OnStatistics(rd_kafka_t* handle, char* json, size_t size, void* opaque);
  static void OnRebalance(rd_kafka_t* handle, rd_kafka_resp_err_t error,
                          rd_kafka_topic_partition_list_t* partitions, void* opaque);
  void ReportStatistics(std::string_view json);

  // Constant after Make().
  const std::string role_;
  base::Metrics* const metrics_;
  rd_kafka_t* handle_ = nullptr;
  RebalanceCallback on_rebalance_ = nullptr;
  void* rebalance_opaque_ = nullptr;

  base::Mutex mutex_;
  Told told_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace keng::stream

#endif  // KENG_STREAM_KAFKA_INTERNAL_KAFKA_CLIENT_H_
