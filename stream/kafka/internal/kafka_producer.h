#ifndef KENG_STREAM_KAFKA_INTERNAL_KAFKA_PRODUCER_H_
#define KENG_STREAM_KAFKA_INTERNAL_KAFKA_PRODUCER_H_

// The idempotent producer of one process: sends records and waits until all in-sync replicas have
// them. The bytes are not copied: they stay the caller's until Send() returns, which it does only
// when librdkafka has let go of each of them.
//
// When librdkafka says that its producer is beyond repair (a fatal error), the next Send() works
// with a new one.
//
// Threads: Send() is thread-safe; its calls are batched together by librdkafka. Each underlying
// client has a thread "keng-produce" that takes the acknowledgements.

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/types/span.h"
#include "stream/kafka/internal/kafka_client.h"

namespace keng::stream {

struct OutgoingRecord {
  StreamId stream = StreamId::kPosts;
  int partition = 0;
  std::string_view key;
  std::string_view value;
  bool tombstone = false;
  int64_t time_ms = 0;
  Offset offset = -1;  // set by Send(): where it stands
};

// Of a delivery that librdkafka calls good and cannot say the place of. It concludes that a request
// of which it has no answer was written from the success of the next one
// (rd_kafka_dr_implicit_ack); but a broker takes any first request of a producer that it does not
// know, so that the one before may be lost: seen when the leader of a partition moves while a
// process writes to it for the first time.
// https://github.com/confluentinc/confluent-kafka-go/issues/921
inline constexpr rd_kafka_resp_err_t kUnproven = RD_KAFKA_RESP_ERR__NO_OFFSET;
// What became of a message: no error only where the broker has said where it stands.
rd_kafka_resp_err_t DeliveryError(const rd_kafka_message_t& message);

class KafkaProducer {
 public:
  static absl::StatusOr<std::unique_ptr<KafkaProducer>> Make(const KafkaOptions& options,
                                                             base::Metrics* metrics);
  ~KafkaProducer();

  // Waits until every record is acknowledged or given up. Records of one partition keep their
  // order. Unavailable: some may stand in the stream and some not. InvalidArgument: one is larger
  // than the topic takes.
  absl::Status Send(absl::Span<OutgoingRecord> records);

  // A client for requests that are no records. Valid as long as the returned pointer lives.
  std::shared_ptr<KafkaClient> client();

 private:
  struct Instance;
  KafkaProducer(const KafkaOptions& options, base::Metrics* metrics);
  absl::StatusOr<std::shared_ptr<Instance>> Current();

  // Constant after construction.
  const KafkaOptions options_;
  base::Metrics* const metrics_;
  base::Counter renewed_, unproven_;
  base::Histogram send_seconds_;

  base::Mutex mutex_;
  std::shared_ptr<Instance> instance_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace keng::stream

#endif  // KENG_STREAM_KAFKA_INTERNAL_KAFKA_PRODUCER_H_
