#include "stream/kafka/internal/kafka_membership.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/time/clock.h"
#include "base/check.h"
#include "base/log.h"
#include "base/strings.h"

namespace keng::stream {

namespace {

// What is given back at the end is answered by this process's own client, not by the cluster.
constexpr absl::Duration kLeaveWait = absl::Seconds(5);
constexpr absl::Duration kLeaveStep = absl::Milliseconds(10);

constexpr int64_t kSessionMillis = 10'000;
constexpr int64_t kGraceMillis = 5'000;

// The broker answers SyncGroup when the leader of the group has spoken or its session has ended.
// librdkafka waits for the session and 3 s, but not beyond the socket's time-out.
std::string SocketTimeout(const KafkaOptions& options) {
  int64_t session = kSessionMillis;
  for (const KafkaSettings* settings : {&options.settings, &options.consumer_settings}) {
    const auto found = settings->find("session.timeout.ms");
    if (found == settings->end()) continue;
    (void)absl::SimpleAtoi(found->second, &session);  // what is no number, librdkafka refuses
  }
  return base::StrCat(std::max<int64_t>(ToMillis(kSocketTimeout), session + kGraceMillis));
}

}  // namespace

absl::StatusOr<std::unique_ptr<KafkaMembership>> KafkaMembership::Open(const KafkaOptions& options,
                                                                       std::string role,
                                                                       Parts parts,
                                                                       base::Metrics* metrics) {
  std::unique_ptr<KafkaMembership> member(new KafkaMembership(std::move(parts)));
  KafkaSettings fixed = {{"group.id", member->parts_.group},
                         {"enable.auto.commit", "false"},
                         {"enable.auto.offset.store", "false"},
                         {"auto.offset.reset", "earliest"},
                         {"partition.assignment.strategy", "range"}};
  if (!options.instance.empty())
    fixed["group.instance.id"] = base::StrCat(options.instance, ".", role);
  if (metrics != nullptr) {
    const base::Labels labels = {{"group", role}};
    member->state_gauge_ =
        metrics->gauge("keng_kafka_member_state", "0 revoked, 1 consuming, 2 draining", labels);
    member->held_gauge_ = metrics->gauge("keng_kafka_member_partitions",
                                         "Partitions in this process's hands", labels);
    member->rebalances_ = metrics->counter("keng_kafka_rebalances_total",
                                           "Times that partitions were given or taken", labels);
  }
  KENG_ASSIGN_OR_RETURN(
      member->client_,
      KafkaClient::Make(options,
                        {.role = base::StrCat("member.", role),
                         .type = RD_KAFKA_CONSUMER,
                         .defaults = {{"session.timeout.ms", base::StrCat(kSessionMillis)},
                                      {"socket.timeout.ms", SocketTimeout(options)},
                                      {"heartbeat.interval.ms", "1000"},
                                      {"max.poll.interval.ms", "60000"}},
                         .fixed = std::move(fixed),
                         .on_rebalance = &KafkaMembership::OnRebalance,
                         .rebalance_opaque = member.get()},
                        metrics));
  member->queue_.reset(rd_kafka_queue_get_consumer(member->client_->get()));
  const TopicList topics = NewTopicList(1);
  rd_kafka_topic_partition_list_add(topics.get(), member->parts_.topic.c_str(),
                                    RD_KAFKA_PARTITION_UA);
  KENG_RETURN_IF_ERROR(FromKafka(rd_kafka_subscribe(member->client_->get(), topics.get()),
                                 base::StrCat("join ", member->parts_.group)));
  return member;
}

KafkaMembership::~KafkaMembership() {
  if (client_ == nullptr) return;
  if (parts_.on_close) parts_.on_close(this);
  if (queue_ != nullptr) Leave();
  queue_ = nullptr;
  rd_kafka_consumer_close(client_->get());
}

// Leaves the group and gives back what is held, all of it before the client is closed. A client
// that closes drops what its own thread has not answered yet when a rebalance was not taken for
// too long, and rd_kafka_assign() would wait for that answer for ever (librdkafka 2.0.2:
// rd_kafka_cgrp_terminated() purges the queue of requests).
void KafkaMembership::Leave() {
  if (state_ == MemberState::kDraining) (void)Unassign();
  bool is_held = state_ == MemberState::kConsuming;
  if (rd_kafka_unsubscribe(client_->get()) != RD_KAFKA_RESP_ERR_NO_ERROR) return;  // put out
  const absl::Time deadline = absl::Now() + kLeaveWait;
  while (true) {
    // In steps: what comes by way of OnRebalance() does not end the call.
    const Message message(rd_kafka_consume_queue(queue_.get(), is_held ? ToMillis(kLeaveStep) : 0));
    const std::vector<Event> events = std::exchange(events_, {});
    for (const Event& event : events) {
      (void)Unassign();
      if (event.kind == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS) is_held = false;
    }
    const bool is_quiet = message == nullptr && events.empty();
    if (is_quiet && (!is_held || absl::Now() > deadline)) return;
  }
}

void KafkaMembership::OnRebalance(rd_kafka_t* handle, rd_kafka_resp_err_t kind,
                                  rd_kafka_topic_partition_list_t* partitions, void* opaque) {
  auto* member = static_cast<KafkaMembership*>(opaque);
  if (member->queue_ == nullptr) {  // closing, and it did not come within kLeaveWait
    rd_kafka_assign(handle, nullptr);
    return;
  }
  Event event{.kind = kind};
  for (int i = 0; i < partitions->cnt; ++i)
    event.partitions.push_back(partitions->elems[i].partition);
  std::sort(event.partitions.begin(), event.partitions.end());
  member->events_.push_back(std::move(event));
}

void KafkaMembership::SetState(MemberState state) {
  state_ = state;
  state_gauge_.Set(static_cast<double>(state));
  held_gauge_.Set(static_cast<double>(partitions_.size()));
  base::MutexLock lock(mutex_);
  held_ = partitions_;
}

bool KafkaMembership::Holds(int partition) const {
  base::MutexLock lock(mutex_);
  return std::binary_search(held_.begin(), held_.end(), partition);
}

absl::Status KafkaMembership::Unassign() {
  partitions_.clear();
  SetState(MemberState::kRevoked);
  return FromKafka(rd_kafka_assign(client_->get(), nullptr),
                   base::StrCat("give back ", parts_.group));
}

absl::StatusOr<MemberEvent> KafkaMembership::Poll(absl::Duration timeout) {
  KENG_CHECK(state_ != MemberState::kDraining, "Poll() before Release()");
  const absl::Time deadline = absl::Now() + timeout;
  while (true) {
    client_->Serve();
    if (!events_.empty()) {
      const Event event = std::move(events_.front());
      events_.erase(events_.begin());
      rebalances_.Add();
      if (event.kind == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        refusal_ = absl::OkStatus();
        // Nothing is fetched through this client: the readers do that.
        const TopicList none = NewTopicList(0);
        KENG_RETURN_IF_ERROR(FromKafka(rd_kafka_assign(client_->get(), none.get()),
                                       base::StrCat("take over ", parts_.group)));
        partitions_ = event.partitions;
        SetState(MemberState::kConsuming);
        return MemberEvent::kGained;
      }
      if (state_ == MemberState::kConsuming) {
        SetState(MemberState::kDraining);
        return MemberEvent::kLost;
      }
      KENG_RETURN_IF_ERROR(Unassign());
      continue;
    }
    if (woken_.exchange(false)) return Nothing();
    // Also without any time to wait: what the group has said is in this queue, and a member that
    // never looks there is put out.
    const absl::Duration left = std::max(deadline - absl::Now(), absl::ZeroDuration());
    const Message message(rd_kafka_consume_queue(queue_.get(), ToMillis(left)));
    if (message == nullptr || message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      if (left <= absl::ZeroDuration() && events_.empty()) return Nothing();
      continue;
    }
    if (message->err == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID ||
        message->err == RD_KAFKA_RESP_ERR__FATAL) {
      // Also after the cluster was away for longer than the session: what the client had sent as
      // the member that it was reaches the group after it has joined anew (librdkafka 2.0.2).
      const std::string reason =
          base::StrCat("kafka: ", parts_.group, ": ", rd_kafka_message_errstr(message.get()));
      return Forgotten() ? absl::CancelledError(reason) : absl::AbortedError(reason);
    }
    // A right that is missing is said once by librdkafka, and stays away until somebody grants it.
    // Others (a broker that is away, a poll that came late) end by themselves, with a rebalance
    // when it comes to that.
    if (IsAuthorizationFailure(message->err)) {
      refusal_ = FromKafka(message->err, base::StrCat("join ", parts_.group));
    }
  }
}

absl::StatusOr<MemberEvent> KafkaMembership::Nothing() const {
  if (!refusal_.ok()) return refusal_;
  return MemberEvent::kNone;
}

// A member that was silent for longer than its session forgets its id, and before it joins again
// librdkafka still sends a heartbeat, without an id, which the coordinator must take for that of a
// second process with the instance's name. Who was really replaced knows his id.
bool KafkaMembership::Forgotten() const {
  char* const id = rd_kafka_memberid(client_->get());
  const bool forgotten = id == nullptr || *id == '\0';
  if (id != nullptr) rd_kafka_mem_free(client_->get(), id);
  return forgotten;
}

absl::Status KafkaMembership::Release() {
  KENG_CHECK(state_ == MemberState::kDraining, "Release() without kLost");
  return Unassign();
}

void KafkaMembership::Wake() {
  woken_ = true;
  rd_kafka_queue_yield(queue_.get());
}

}  // namespace keng::stream
