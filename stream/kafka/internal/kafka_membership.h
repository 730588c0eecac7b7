#ifndef KENG_STREAM_KAFKA_INTERNAL_KAFKA_MEMBERSHIP_H_
#define KENG_STREAM_KAFKA_INTERNAL_KAFKA_MEMBERSHIP_H_

// Membership in a consumer group, without fetching: the client subscribes, is told its partitions,
// and assigns none of them to itself. Positions of the group are committed through it, with the
// group's generation, so that the coordinator refuses those of a process that has been given up.
//
// librdkafka's callback only writes the event down; assigning and giving back happen on the thread
// of Poll() and Release(). While an event waits for that, librdkafka joins no new generation: a
// worker that does not know yet cannot commit under a generation that is not its own.
//
// Assignment: `range`, eager. All members of all streams lie at the same partitions then, and every
// rebalance takes everything back first. (librdkafka's cooperative-sticky is faulty before 2.6.1.)

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "stream/kafka/internal/kafka_client.h"
#include "stream/membership.h"

namespace keng::stream {

class KafkaMembership final : public Membership {
 public:
  struct Parts {
    std::string topic;
    std::string group;
    std::function<void(const KafkaMembership*)> on_close;
  };
  static absl::StatusOr<std::unique_ptr<KafkaMembership>> Open(const KafkaOptions& options,
                                                               std::string role, Parts parts,
                                                               base::Metrics* metrics);
  ~KafkaMembership() override;

  absl::StatusOr<MemberEvent> Poll(absl::Duration timeout) override;
  absl::Status Release() override;
  MemberState state() const override { return state_; }
  const std::vector<int>& partitions() const override { return partitions_; }
  void Wake() override;

  KafkaClient& client() const { return *client_; }
  // Thread-safe.
  bool Holds(int partition) const;

 private:
  struct Event {
    rd_kafka_resp_err_t kind;
    std::vector<int> partitions;
  };
  explicit KafkaMembership(Parts parts) : parts_(std::move(parts)) {}
  static void OnRebalance(rd_kafka_t* handle, rd_kafka_resp_err_t kind,
                          rd_kafka_topic_partition_list_t* partitions, void* opaque);
  absl::Status Unassign();
  void Leave();
  absl::StatusOr<MemberEvent> Nothing() const;
  bool Forgotten() const;
  void SetState(MemberState state);

  // Constant after Open().
  const Parts parts_;
  std::unique_ptr<KafkaClient> client_;
  Queue queue_;
  base::Gauge state_gauge_, held_gauge_;
  base::Counter rebalances_;

  // Of the polling thread.
  std::vector<Event> events_;
  std::vector<int> partitions_;
  absl::Status refusal_;  // why the group takes no member, until it takes one

  std::atomic<MemberState> state_{MemberState::kRevoked};
  std::atomic<bool> woken_{false};
  mutable base::Mutex mutex_;
  std::vector<int> held_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace keng::stream

#endif  // KENG_STREAM_KAFKA_INTERNAL_KAFKA_MEMBERSHIP_H_
