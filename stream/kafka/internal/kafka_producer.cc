#include "stream/kafka/internal/kafka_producer.h"

#include <pthread.h>

#include "absl/time/clock.h"
#include "base/check.h"
#include "base/log.h"
#include "base/strings.h"

namespace keng::stream {
namespace {

constexpr int kPollMillis = 100;

// What one Send() waits for. The poll thread counts it down.
struct Flight {
  base::Mutex mutex;
  base::CondVar landed;
  size_t left ABSL_GUARDED_BY(mutex) = 0;
  rd_kafka_resp_err_t error ABSL_GUARDED_BY(mutex) = RD_KAFKA_RESP_ERR_NO_ERROR;
  size_t unproven ABSL_GUARDED_BY(mutex) = 0;
};

// One record's way back.
struct Ticket {
  Flight* flight;
  OutgoingRecord* record;
};

void OnDelivery(rd_kafka_t*, const rd_kafka_message_t* message, void*) {
  const auto* ticket = static_cast<const Ticket*>(message->_private);
  ticket->record->offset = message->offset;
  const rd_kafka_resp_err_t error = DeliveryError(*message);
  Flight& flight = *ticket->flight;
  base::MutexLock lock(flight.mutex);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) flight.error = error;
  if (error == kUnproven) ++flight.unproven;
  if (--flight.left == 0) flight.landed.NotifyAll();
}

}  // namespace

rd_kafka_resp_err_t DeliveryError(const rd_kafka_message_t& message) {
  if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) return message.err;
  return message.offset < 0 ? kUnproven : RD_KAFKA_RESP_ERR_NO_ERROR;
}

struct KafkaProducer::Instance {
  std::unique_ptr<KafkaClient> client;
  std::array<rd_kafka_topic_t*, 16> topics{};  // by StreamId
  std::atomic<bool> stop{false};
  std::atomic<bool> beyond_repair{false};
  std::thread poller;

  ~Instance() {
    stop = true;
    if (poller.joinable()) poller.join();
    for (rd_kafka_topic_t* topic : topics) {
      if (topic != nullptr) rd_kafka_topic_destroy(topic);
    }
  }

  void Poll() {
    pthread_setname_np(pthread_self(), "keng-produce");
    while (!stop) {
      rd_kafka_poll(client->get(), kPollMillis);
      client->Serve();
    }
  }
};

KafkaProducer::KafkaProducer(const KafkaOptions& options, base::Metrics* metrics)
    : options_(options), metrics_(metrics) {
  if (metrics_ == nullptr) return;
  renewed_ = metrics_->counter("keng_kafka_producers_renewed_total",
                               "Producers that were beyond repair and replaced");
  unproven_ = metrics_->counter("keng_kafka_unproven_records_total",
                                "Records that were said to stand in a stream, without their place, "
                                "and are written again");
  send_seconds_ = metrics_->histogram("keng_kafka_send_seconds",
                                      "Time until the brokers had one write of one stream",
                                      base::LatencyBounds());
}

KafkaProducer::~KafkaProducer() = default;

absl::StatusOr<std::unique_ptr<KafkaProducer>> KafkaProducer::Make(const KafkaOptions& options,
                                                                   base::Metrics* metrics) {
  std::unique_ptr<KafkaProducer> producer(new KafkaProducer(options, metrics));
  KENG_RETURN_IF_ERROR(producer->Current().status());
  return producer;
}

absl::StatusOr<std::shared_ptr<KafkaProducer::Instance>> KafkaProducer::Current() {
  base::MutexLock lock(mutex_);
  if (instance_ != nullptr && !instance_->beyond_repair) return instance_;
  auto instance = std::make_shared<Instance>();
  KENG_ASSIGN_OR_RETURN(
      instance->client,
      KafkaClient::Make(
          options_,
          {.role = "producer",
           .type = RD_KAFKA_PRODUCER,
           .defaults = {{"compression.codec", "lz4"},
                        {"linger.ms", "1"},
                        {"batch.size", "1000000"},
                        {"batch.num.messages", "10000"},
                        {"queue.buffering.max.messages", "200000"},
                        {"queue.buffering.max.kbytes", "262144"},
                        {"message.max.bytes", "17825792"}},
           .fixed = {{"enable.idempotence", "true"},
                     {"isolation.level", "read_uncommitted"},  // of End()
                     {"message.timeout.ms", base::StrCat(ToMillis(options_.write_deadline))}},
           .on_delivery = &OnDelivery},
          metrics_));
  for (const auto& [stream, config] : options_.streams) {
    const std::string name = base::StrCat(options_.prefix, StreamName(stream));
    instance->topics[static_cast<size_t>(stream)] =
        rd_kafka_topic_new(instance->client->get(), name.c_str(), nullptr);
  }
  instance->poller = std::thread([raw = instance.get()] { raw->Poll(); });
  if (instance_ != nullptr) {
    renewed_.Add();
    base::LogWarn("kafka.producer_renewed");
  }
  instance_ = std::move(instance);
  return instance_;
}

std::shared_ptr<KafkaClient> KafkaProducer::client() {
  base::MutexLock lock(mutex_);
  return {instance_, instance_->client.get()};
}

absl::Status KafkaProducer::Send(absl::Span<OutgoingRecord> records) {
  if (records.empty()) return absl::OkStatus();
  KENG_ASSIGN_OR_RETURN(const std::shared_ptr<Instance> instance, Current());
  const absl::Time begin = absl::Now();
  Flight flight;
  {
    base::MutexLock lock(flight.mutex);
    flight.left = records.size();
  }
  std::vector<Ticket> tickets;
  tickets.reserve(records.size());
  size_t refused = 0;
  rd_kafka_resp_err_t refusal = RD_KAFKA_RESP_ERR_NO_ERROR;
  rd_kafka_t* const handle = instance->client->get();
  rd_kafka_vu_t arguments[7] = {};
  arguments[0].vtype = RD_KAFKA_VTYPE_RKT;
  arguments[1].vtype = RD_KAFKA_VTYPE_PARTITION;
  arguments[2].vtype = RD_KAFKA_VTYPE_KEY;
  arguments[3].vtype = RD_KAFKA_VTYPE_VALUE;
  arguments[4].vtype = RD_KAFKA_VTYPE_TIMESTAMP;
  arguments[5].vtype = RD_KAFKA_VTYPE_OPAQUE;
  arguments[6].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
  // Not copied, and waiting while the client's queue is full: the poll thread makes room.
  arguments[6].u.i = RD_KAFKA_MSG_F_BLOCK;
  for (OutgoingRecord& record : records) {
    tickets.push_back({&flight, &record});
    arguments[0].u.rkt = instance->topics[static_cast<size_t>(record.stream)];
    arguments[1].u.i32 = record.partition;
    arguments[2].u.mem = {const_cast<char*>(record.key.data()), record.key.size()};
    arguments[3].u.mem = {record.tombstone ? nullptr : const_cast<char*>(record.value.data()),
                          record.value.size()};
    arguments[4].u.i64 = record.time_ms;
    arguments[5].u.ptr = &tickets.back();
    rd_kafka_error_t* error = rd_kafka_produceva(handle, arguments, 7);
    if (error == nullptr) continue;
    refusal = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    // What follows must not overtake it.
    refused = records.size() - tickets.size() + 1;
    break;
  }
  rd_kafka_resp_err_t failure = refusal;
  {
    base::MutexLock lock(flight.mutex);
    flight.left -= refused;
    while (flight.left > 0) flight.landed.Wait(flight.mutex);
    if (failure == RD_KAFKA_RESP_ERR_NO_ERROR) failure = flight.error;
    if (flight.unproven > 0) unproven_.Add(static_cast<double>(flight.unproven));
  }
  char reason[256] = {};
  if (rd_kafka_fatal_error(handle, reason, sizeof(reason)) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    instance->beyond_repair = true;
    // The next producer starts with numbers of its own, so that the brokers cannot tell a
    // repetition: what is in doubt is written again.
    if (failure != RD_KAFKA_RESP_ERR_NO_ERROR)
      return absl::UnavailableError(base::StrCat("kafka: write: ", reason));
  }
  send_seconds_.Observe(absl::ToDoubleSeconds(absl::Now() - begin));
  const absl::Status status = FromKafka(failure, "write");
  // A topic that is not there just now may be so for a moment, after its brokers restarted.
  if (absl::IsNotFound(status) || absl::IsAborted(status) || absl::IsDataLoss(status))
    return absl::UnavailableError(status.message());
  return status;
}

}  // namespace keng::stream
