#ifndef KENG_ALERTING_TESTING_FAKE_OUTBOX_H_
#define KENG_ALERTING_TESTING_FAKE_OUTBOX_H_

// An outbox in memory, with hands on it. What it holds survives the dispatcher that used it, as a
// store survives the process. Thread-safe.

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "alerting/delivery_decision.h"
#include "alerting/outbox.h"
#include "base/mutex.h"

namespace keng::alerting {

class FakeOutbox final : public Outbox {
 public:
  // Controls.
  void Add(Alert alert);
  void SetText(const std::string& post, std::string text);
  void RemoveText(const std::string& post);
  void SetIncident(const Incident& incident);
  void SetPaused(Ringing ringing);
  // As the fold does it with a dead delivery.
  void Replay(const std::string& alert, const std::string& channel);
  // The next `count` calls of RecordAll() and RecordResults() fail and change nothing.
  void FailNextRecords(int count);
  int records_failed() const;
  // How often something was written: each is a transaction where the outbox is Kafka's.
  int commits() const;
  // The delivery of that alert and channel; a pending one when there is none.
  Delivery Get(const std::string& alert, const std::string& channel) const;
  size_t pending() const;

  absl::StatusOr<std::vector<Entry>> Pending(uint64_t after_sequence,
                                             size_t entries_max) const override;
  absl::StatusOr<std::optional<Alert>> Find(std::string_view alert_id) const override;
  absl::StatusOr<std::vector<Delivery>> Deliveries(std::string_view alert_id) const override;
  absl::Status RecordAll(absl::Span<const Delivery> deliveries) override;
  absl::Status RecordResults(absl::Span<const Result> results) override;
  absl::Status Complete(uint64_t sequence, std::string_view alert_id) override;
  absl::StatusOr<std::vector<ShownMessage>> Shown(std::string_view incident_id) const override;
  absl::Status RecordShown(const ShownMessage& message) override;
  absl::StatusOr<std::optional<Incident>> CurrentIncident(
      std::string_view incident_id) const override;
  absl::StatusOr<std::optional<std::string>> Text(std::string_view post_id) const override;
  bool paused() const override;

 private:
  using Key = std::pair<std::string, std::string>;

  // Counts a call that records; the error that it was told to give.
  absl::Status BeginRecord() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::vector<Delivery> DeliveriesOf(std::string_view alert_id) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Erase(uint64_t sequence, std::string_view alert_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable base::Mutex mutex_;
  uint64_t last_sequence_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<uint64_t, std::string> pending_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Alert, std::less<>> alerts_ ABSL_GUARDED_BY(mutex_);
  std::map<Key, Delivery> deliveries_ ABSL_GUARDED_BY(mutex_);
  std::map<Key, ShownMessage> shown_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Incident, std::less<>> incidents_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::string, std::less<>> texts_ ABSL_GUARDED_BY(mutex_);
  bool paused_ ABSL_GUARDED_BY(mutex_) = false;
  int fail_records_ ABSL_GUARDED_BY(mutex_) = 0;
  int records_failed_ ABSL_GUARDED_BY(mutex_) = 0;
  int commits_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace keng::alerting

#endif  // KENG_ALERTING_TESTING_FAKE_OUTBOX_H_
