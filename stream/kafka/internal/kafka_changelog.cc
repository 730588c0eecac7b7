#include "stream/kafka/internal/kafka_changelog.h"

#include <algorithm>

#include "absl/time/clock.h"
#include "base/check.h"
#include "base/log.h"
#include "base/stable_hash.h"
#include "base/strings.h"
#include "stream/kafka/internal/kafka_producer.h"

namespace keng::stream {
namespace {

// What a commit has in any case, however long the records took.
constexpr absl::Duration kCommitMin = absl::Seconds(1);

// Written by the delivery callback, on the thread that waits for the transaction.
struct Batch {
  Offset last = -1;
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
};

void OnDelivery(rd_kafka_t*, const rd_kafka_message_t* message, void*) {
  auto* batch = static_cast<Batch*>(message->_private);
  const rd_kafka_resp_err_t error = DeliveryError(*message);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    batch->error = error;
  } else {
    batch->last = std::max(batch->last, message->offset);
  }
}

// Serves the callbacks of what is still under way while its Batch lives.
void Settle(rd_kafka_t* handle, int deadline_ms) {
  rd_kafka_purge(handle, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  rd_kafka_flush(handle, deadline_ms);
}

}  // namespace

absl::StatusOr<std::unique_ptr<KafkaChangelog>> KafkaChangelog::Open(const KafkaOptions& options,
                                                                     std::string_view owner,
                                                                     const base::Clock& clock,
                                                                     base::Metrics* metrics) {
  const auto state = std::find_if(options.streams.begin(), options.streams.end(),
                                  [](const auto& one) { return one.first == StreamId::kState; });
  if (state == options.streams.end())
    return absl::FailedPreconditionError("these streams keep no changelog");
  std::unique_ptr<KafkaChangelog> log(new KafkaChangelog(options, owner, clock, metrics));
  log->topic_ = base::StrCat(options.prefix, StreamName(StreamId::kState));
  log->partition_ = base::PartitionOf(owner, state->second.partitions);
  if (metrics != nullptr) {
    log->append_seconds_ =
        metrics->histogram("keng_kafka_changelog_seconds",
                           "Time of one transaction of the changelog", base::LatencyBounds());
  }
  for (size_t turn = 0; turn < log->clients_.size(); ++turn) {
    KENG_RETURN_IF_ERROR(log->Begin(turn));
  }
  return log;
}

KafkaChangelog::~KafkaChangelog() {
  for (const auto& client : clients_) {
    if (client != nullptr) Settle(client->get(), 1000);
  }
}

absl::Status KafkaChangelog::Note(rd_kafka_error_t* error, std::string_view what) {
  if (error == nullptr) return absl::OkStatus();
  const bool fatal = rd_kafka_error_is_fatal(error) != 0;
  const rd_kafka_resp_err_t code = rd_kafka_error_code(error);
  absl::Status status = FromKafka(error, what);
  const bool fenced = code == RD_KAFKA_RESP_ERR__FENCED ||
                      code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
                      code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
  if (fenced) {
    shut_out_ = absl::AbortedError(
        base::StrCat("the state of ", owner_, " has another owner now: ", status.message()));
    return shut_out_;
  }
  if (fatal) clients_[turn_] = nullptr;  // nothing can be done with this one
  return absl::UnavailableError(status.message());
}

absl::Status KafkaChangelog::Begin(size_t turn) {
  turn_ = turn;
  const std::string name = turn == 0 ? owner_ : base::StrCat(owner_, "/", turn);
  KENG_ASSIGN_OR_RETURN(
      clients_[turn],
      KafkaClient::Make(
          options_,
          {.role = base::StrCat("changelog.", name),
           .type = RD_KAFKA_PRODUCER,
           .defaults = {{"compression.codec", "lz4"},
                        {"linger.ms", "0"},
                        {"batch.size", "1000000"},
                        {"queue.buffering.max.messages", "1000000"},
                        {"message.max.bytes", "17825792"}},
           .fixed = {{"transactional.id", base::StrCat(options_.prefix, "state.", name)},
                     {"enable.idempotence", "true"},
                     {"transaction.timeout.ms",
                      base::StrCat(2 * ToMillis(options_.write_deadline))},
                     {"message.timeout.ms", base::StrCat(ToMillis(options_.write_deadline))},
                     // librdkafka refuses one that is longer than a transaction.
                     {"socket.timeout.ms",
                      base::StrCat(ToMillis(std::min(kSocketTimeout, options_.write_deadline)))}},
           .on_delivery = &OnDelivery},
          metrics_));
  const absl::Status begun =
      Note(rd_kafka_init_transactions(clients_[turn]->get(), ToMillis(options_.write_deadline)),
           "take over the changelog");
  if (!begun.ok()) clients_[turn] = nullptr;
  return begun;
}

absl::Status KafkaChangelog::Check(const WriteSet& set) const {
  if (set.entries().empty() || !set.positions().empty())
    return absl::InvalidArgumentError("changelog: a batch is records, at least one");
  for (const WriteSet::Entry& entry : set.entries()) {
    const std::string_view key = set.key(entry);
    if (entry.stream != StreamId::kState || key.size() <= owner_.size() ||
        !key.starts_with(owner_) || key[owner_.size()] != '/') {
      return absl::InvalidArgumentError(
          base::StrCat("changelog of ", owner_, ": a record of something else"));
    }
    if (entry.key_size > WriteSet::kKeyBytesMax || entry.value_size > WriteSet::kValueBytesMax)
      return absl::InvalidArgumentError("changelog: a record is over the bounds of WriteSet");
  }
  return absl::OkStatus();
}

absl::Status KafkaChangelog::Abort() {
  if (clients_[turn_] == nullptr) return absl::OkStatus();
  return Note(rd_kafka_abort_transaction(clients_[turn_]->get(), ToMillis(options_.write_deadline)),
              "undo a batch of the changelog");
}

absl::StatusOr<Offset> KafkaChangelog::Produce(const WriteSet& set) {
  rd_kafka_t* const handle = clients_[turn_]->get();
  const absl::Time deadline = absl::Now() + options_.write_deadline;
  KENG_RETURN_IF_ERROR(Note(rd_kafka_begin_transaction(handle), "begin a batch of the changelog"));
  Batch batch;
  const int64_t now_ms = absl::ToUnixMillis(clock_.Now());
  rd_kafka_vu_t arguments[6] = {};
  arguments[0] = {.vtype = RD_KAFKA_VTYPE_TOPIC, .u = {.cstr = topic_.c_str()}};
  arguments[1].vtype = RD_KAFKA_VTYPE_PARTITION;
  arguments[1].u.i32 = partition_;
  arguments[2].vtype = RD_KAFKA_VTYPE_KEY;
  arguments[3].vtype = RD_KAFKA_VTYPE_VALUE;
  arguments[4].vtype = RD_KAFKA_VTYPE_TIMESTAMP;
  arguments[4].u.i64 = now_ms;
  arguments[5].vtype = RD_KAFKA_VTYPE_OPAQUE;
  arguments[5].u.ptr = &batch;
  absl::Status status;
  for (const WriteSet::Entry& entry : set.entries()) {
    const std::string_view key = set.key(entry), value = set.value(entry);
    arguments[2].u.mem = {const_cast<char*>(key.data()), key.size()};
    arguments[3].u.mem = {entry.tombstone ? nullptr : const_cast<char*>(value.data()),
                          value.size()};
    while (true) {
      rd_kafka_error_t* error = rd_kafka_produceva(handle, arguments, 6);
      if (error == nullptr) break;
      const bool full = rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR__QUEUE_FULL;
      status = FromKafka(error, "write the changelog");
      if (!full) break;
      status = absl::OkStatus();
      rd_kafka_poll(handle, 10);
    }
    if (!status.ok()) break;
  }
  // What is under way ends here, as the commit would have it end; a batch with a hole is not
  // committed.
  if (status.ok()) {
    rd_kafka_flush(handle, ToMillis(deadline - absl::Now()));
    if (batch.error == kUnproven) status = FromKafka(kUnproven, "write the changelog");
  }
  if (status.ok()) {
    rd_kafka_error_t* error =
        rd_kafka_commit_transaction(handle, ToMillis(std::max(deadline - absl::Now(), kCommitMin)));
    if (error == nullptr) {
      if (batch.error == RD_KAFKA_RESP_ERR_NO_ERROR && batch.last >= 0) return batch.last + 1;
      return absl::InternalError("kafka: a batch of the changelog was committed without a place");
    }
    status = Note(error, "commit a batch of the changelog");
  }
  // What became of it is in doubt: undone here, or by the cluster when this id begins anew. That
  // may take as long again, in which nothing rings.
  if (clients_[turn_] != nullptr && shut_out_.ok()) {
    base::LogWarn("changelog.in_doubt",
                  {{"owner", owner_}, {"reason", std::string(status.message())}});
    Settle(handle, ToMillis(options_.write_deadline));
    if (absl::Status undone = Abort(); !undone.ok()) {
      if (absl::IsAborted(undone)) return undone;
      clients_[turn_] = nullptr;
    }
  } else if (clients_[turn_] != nullptr) {
    Settle(handle, 1000);
  }
  return status;
}

absl::StatusOr<Offset> KafkaChangelog::Append(const WriteSet& set) {
  KENG_RETURN_IF_ERROR(shut_out_);
  KENG_RETURN_IF_ERROR(Check(set));
  const absl::Time begin = absl::Now();
  clients_[turn_]->Serve();
  absl::StatusOr<Offset> next = Produce(set);
  append_seconds_.Observe(absl::ToDoubleSeconds(absl::Now() - begin));
  if (clients_[turn_] == nullptr && shut_out_.ok()) {
    // Taking over from itself could as well be taking over from a new owner.
    shut_out_ = absl::AbortedError(
        base::StrCat("the changelog of ", owner_, " has to be taken over anew after a failure"));
  }
  turn_ = (turn_ + 1) % clients_.size();
  return next;
}

}  // namespace keng::stream
