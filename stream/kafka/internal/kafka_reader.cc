#include "stream/kafka/internal/kafka_reader.h"

#include <algorithm>

#include "absl/time/clock.h"
#include "base/check.h"
#include "base/strings.h"

namespace keng::stream {
namespace {

// Taken from librdkafka at a time.
constexpr size_t kTakenMax = 2048;
constexpr absl::Duration kCatchUpStep = absl::Milliseconds(100);
constexpr absl::Duration kSeekRetry = absl::Milliseconds(1);

// Keys and values of one batch in one block.
class KafkaBatch final : public RecordBatch {
 public:
  KafkaBatch(StreamId stream, int partition, const std::vector<Message>& messages,
             absl::Time& last) {
    stream_ = stream;
    partition_ = partition;
    size_t bytes = kValuePadding;
    for (const Message& message : messages) bytes += message->key_len + message->len;
    block_ = std::make_unique_for_overwrite<char[]>(bytes);
    std::fill_n(block_.get() + bytes - kValuePadding, kValuePadding, '\0');
    records_.reserve(messages.size());
    char* at = block_.get();
    for (const Message& message : messages) {
      Record record{.tombstone = message->payload == nullptr, .offset = message->offset};
      at = Copy(message->key, message->key_len, at, record.key);
      at = Copy(message->payload, message->len, at, record.value);
      rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
      const int64_t millis = rd_kafka_message_timestamp(message.get(), &type);
      // I3 of the contract: a running maximum, whatever the clocks of the writers say.
      if (type != RD_KAFKA_TIMESTAMP_NOT_AVAILABLE)
        last = std::max(last, absl::FromUnixMillis(millis));
      record.time = last;
      records_.push_back(record);
    }
    next_offset_ = records_.back().offset + 1;
  }

 private:
  static char* Copy(const void* bytes, size_t size, char* to, std::string_view& view) {
    if (size > 0) std::copy_n(static_cast<const char*>(bytes), size, to);
    view = {to, size};
    return to + size;
  }

  std::unique_ptr<char[]> block_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<KafkaReader>> KafkaReader::Open(const KafkaOptions& options,
                                                               std::string role, Parts parts,
                                                               base::Metrics* metrics) {
  std::unique_ptr<KafkaReader> reader(new KafkaReader(std::move(parts)));
  reader->deadline_ms_ = ToMillis(options.request_deadline);
  KENG_ASSIGN_OR_RETURN(reader->client_,
                        KafkaClient::Make(options,
                                          {.role = std::move(role),
                                           .type = RD_KAFKA_CONSUMER,
                                           .defaults = {{"queued.max.messages.kbytes", "16384"},
                                                        {"queued.min.messages", "20000"},
                                                        {"fetch.wait.max.ms", "100"},
                                                        {"fetch.error.backoff.ms", "50"},
                                                        {"fetch.message.max.bytes", "1048576"},
                                                        {"check.crcs", "true"}},
                                           .fixed = {{"group.id", reader->parts_.group},
                                                     {"enable.auto.commit", "false"},
                                                     {"enable.auto.offset.store", "false"},
                                                     {"auto.offset.reset", "earliest"},
                                                     {"enable.partition.eof", "true"},
                                                     {"isolation.level", "read_committed"}}},
                                          metrics));
  reader->queue_.reset(rd_kafka_queue_get_consumer(reader->client_->get()));
  for (const auto& [partition, begin] : reader->parts_.begin) {
    Cursor& cursor = reader->cursors_[partition];
    cursor.next = begin;
    cursor.fetched = begin;
  }
  return reader;
}

KafkaReader::~KafkaReader() {
  for (auto& [partition, cursor] : cursors_) cursor.waiting.clear();
  if (client_ != nullptr) {
    if (parts_.on_close) parts_.on_close(this);
    queue_ = nullptr;
    rd_kafka_consumer_close(client_->get());
  }
}

// Once: librdkafka 2.0.2 ends the process when an assignment is replaced before it has let go of
// the one before.
absl::Status KafkaReader::Assign() {
  const TopicList list = NewTopicList(static_cast<int>(cursors_.size()));
  for (auto& [partition, cursor] : cursors_) {
    rd_kafka_topic_partition_list_add(list.get(), parts_.topic.c_str(), partition)->offset =
        cursor.fetched;
    cursor.end_seen = -1;
  }
  KENG_RETURN_IF_ERROR(FromKafka(rd_kafka_assign(client_->get(), list.get()), "assign"));
  assigned_ = true;
  return absl::OkStatus();
}

absl::Status KafkaReader::Take(Message message) {
  if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
    const auto found = cursors_.find(message->partition);
    if (found == cursors_.end()) return absl::OkStatus();
    Cursor& cursor = found->second;
    if (message->offset < cursor.fetched) return absl::OkStatus();  // I1
    cursor.fetched = message->offset + 1;
    cursor.waiting.push_back(std::move(message));
    return absl::OkStatus();
  }
  if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    const auto found = cursors_.find(message->partition);
    if (found == cursors_.end()) return absl::OkStatus();
    Cursor& cursor = found->second;
    if (message->offset < cursor.fetched) {
      // What comes from here on would be taken for what was read already.
      return absl::DataLossError(base::StrCat(
          "kafka: ", parts_.topic, "/", message->partition, " ends at ", message->offset,
          " and was read up to ", cursor.fetched,
          ": its newest records are lost (an unclean leader election?); see docs/kafka.md"));
    }
    cursor.end_seen = message->offset;
    cursor.fetched = std::max(cursor.fetched, message->offset);
    if (cursor.waiting.empty()) cursor.next = cursor.fetched;
    return absl::OkStatus();
  }
  const absl::Status status = FromKafka(message->err, base::StrCat("read ", parts_.topic),
                                        rd_kafka_message_errstr(message.get()));
  // The client goes on by itself after everything but a damaged record.
  return absl::IsDataLoss(status) ? status : absl::OkStatus();
}

absl::Status KafkaReader::Fetch(absl::Duration timeout) {
  if (!assigned_) KENG_RETURN_IF_ERROR(Assign());
  client_->Serve();
  // One with waiting, the rest without: the batch call would wait until its array is full.
  Message first(rd_kafka_consume_queue(queue_.get(), ToMillis(timeout)));
  if (first == nullptr) return absl::OkStatus();
  KENG_RETURN_IF_ERROR(Take(std::move(first)));
  taken_.resize(kTakenMax);
  const ssize_t count = rd_kafka_consume_batch_queue(queue_.get(), 0, taken_.data(), taken_.size());
  absl::Status status;
  for (ssize_t i = 0; i < count; ++i) {
    status.Update(Take(Message(taken_[static_cast<size_t>(i)])));
  }
  return status;
}

std::shared_ptr<const RecordBatch> KafkaReader::Cut(size_t bytes_max) {
  auto at = cursors_.begin();
  std::advance(at, turn_ % static_cast<int>(cursors_.size()));
  for (size_t i = 0; i < cursors_.size(); ++i, ++at) {
    if (at == cursors_.end()) at = cursors_.begin();
    auto& [partition, cursor] = *at;
    if (cursor.waiting.empty()) continue;
    turn_ = static_cast<int>(std::distance(cursors_.begin(), at)) + 1;
    const Offset first = cursor.waiting.front()->offset;
    std::vector<Message> messages;
    size_t bytes = 0;
    while (!cursor.waiting.empty() && (messages.empty() || bytes < bytes_max)) {
      bytes += cursor.waiting.front()->key_len + cursor.waiting.front()->len;
      messages.push_back(std::move(cursor.waiting.front()));
      cursor.waiting.pop_front();
    }
    auto batch = std::make_shared<KafkaBatch>(parts_.stream, partition, messages, cursor.last);
    if (first > cursor.next) {
      // Compaction leaves gaps everywhere; retention takes the beginning.
      int64_t low = 0, high = 0;
      if (rd_kafka_get_watermark_offsets(client_->get(), parts_.topic.c_str(), partition, &low,
                                         &high) == RD_KAFKA_RESP_ERR_NO_ERROR &&
          low > cursor.next) {
        parts_.expired_unread.Add(static_cast<double>(std::min(low, first) - cursor.next));
      }
    }
    cursor.next = cursor.waiting.empty() ? cursor.fetched : batch->next_offset();
    return batch;
  }
  return nullptr;
}

absl::StatusOr<bool> KafkaReader::CaughtUp() {
  for (auto& [partition, cursor] : cursors_) {
    KENG_ASSIGN_OR_RETURN(const Offset end, parts_.admin->EndOf(parts_.topic, partition));
    // An end that librdkafka reports covers what only it knows: transaction marks at the end.
    if (std::max(cursor.fetched, cursor.end_seen) < end) return false;
  }
  return true;
}

absl::StatusOr<std::shared_ptr<const RecordBatch>> KafkaReader::Read(size_t bytes_max,
                                                                     absl::Duration timeout) {
  KENG_RETURN_IF_ERROR(failed_);
  const bool forever = timeout == absl::InfiniteDuration();
  absl::Time deadline = forever ? absl::InfiniteFuture() : absl::Now() + timeout;
  if (timeout <= absl::ZeroDuration()) {
    // I2: "now" means the ends as they are, not what happens to have been fetched.
    deadline = absl::Now() + absl::Milliseconds(deadline_ms_);
    failed_ = Fetch(absl::ZeroDuration());
    KENG_RETURN_IF_ERROR(failed_);
    while (true) {
      if (auto batch = Cut(bytes_max)) return batch;
      if (woken_.exchange(false)) return nullptr;
      KENG_ASSIGN_OR_RETURN(const bool caught_up, CaughtUp());
      if (caught_up) return nullptr;
      if (absl::Now() >= deadline) {
        return absl::UnavailableError(
            base::StrCat("kafka: read ", parts_.topic, ": nothing came in time"));
      }
      failed_ = Fetch(kCatchUpStep);
      KENG_RETURN_IF_ERROR(failed_);
    }
  }
  constexpr absl::Duration kWaitMax = absl::Seconds(1);
  while (true) {
    if (auto batch = Cut(bytes_max)) return batch;
    const absl::Duration left = deadline - absl::Now();
    if (woken_.exchange(false) || left <= absl::ZeroDuration()) return nullptr;
    failed_ = Fetch(std::min(left, kWaitMax));
    KENG_RETURN_IF_ERROR(failed_);
  }
}

// Afterwards librdkafka hands out nothing that it fetched before.
absl::Status KafkaReader::SeekClient(int partition, Offset offset) {
  const absl::Time deadline = absl::Now() + absl::Milliseconds(deadline_ms_);
  while (true) {
    const TopicList list = NewTopicList(1);
    rd_kafka_topic_partition_t* place =
        rd_kafka_topic_partition_list_add(list.get(), parts_.topic.c_str(), partition);
    place->offset = offset;
    rd_kafka_error_t* refused = rd_kafka_seek_partitions(client_->get(), list.get(), deadline_ms_);
    const rd_kafka_resp_err_t error =
        refused != nullptr ? rd_kafka_error_code(refused) : place->err;
    if (refused != nullptr) rd_kafka_error_destroy(refused);
    // An assignment takes librdkafka's own thread a moment.
    if (error != RD_KAFKA_RESP_ERR__STATE || absl::Now() >= deadline)
      return FromKafka(error, base::StrCat("seek in ", parts_.topic, "/", partition));
    absl::SleepFor(kSeekRetry);
  }
}

absl::Status KafkaReader::Seek(int partition, Offset offset) {
  const auto found = cursors_.find(partition);
  if (found == cursors_.end())
    return absl::InvalidArgumentError("Seek: not a partition of this reader");
  if (offset < 0) return absl::OutOfRangeError("Seek: before the beginning");
  KENG_ASSIGN_OR_RETURN(const Offset end, parts_.admin->EndOf(parts_.topic, partition));
  if (offset > end) return absl::OutOfRangeError("Seek: past the end");
  if (assigned_) KENG_RETURN_IF_ERROR(SeekClient(partition, offset));
  Cursor& cursor = found->second;
  cursor.next = offset;
  cursor.fetched = offset;
  cursor.end_seen = -1;
  cursor.waiting.clear();
  cursor.last = absl::InfinitePast();
  return absl::OkStatus();
}

absl::Status KafkaReader::SeekToTime(int partition, absl::Time time) {
  if (!cursors_.contains(partition))
    return absl::InvalidArgumentError("Seek: not a partition of this reader");
  std::optional<Offset> offset;
  if (time < absl::InfiniteFuture()) {
    KENG_ASSIGN_OR_RETURN(offset, parts_.admin->OffsetAt(parts_.topic, partition, time));
  }
  if (!offset.has_value()) {
    KENG_ASSIGN_OR_RETURN(offset, parts_.admin->EndOf(parts_.topic, partition));
  }
  return Seek(partition, *offset);
}

Offset KafkaReader::position(int partition) const {
  const auto found = cursors_.find(partition);
  KENG_CHECK(found != cursors_.end(), "not a partition of this reader: ", partition);
  return found->second.next;
}

void KafkaReader::Wake() {
  woken_ = true;
  rd_kafka_queue_yield(queue_.get());
}

}  // namespace keng::stream
