#include "alerting/testing/fake_outbox.h"

#include "base/check.h"

namespace keng::alerting {

void FakeOutbox::Add(Alert alert) {
  base::MutexLock lock(mutex_);
  incidents_[alert.incident.id] = alert.incident;
  pending_[++last_sequence_] = alert.id;
  alerts_[alert.id] = std::move(alert);
}

void FakeOutbox::SetText(const std::string& post, std::string text) {
  base::MutexLock lock(mutex_);
  texts_[post] = std::move(text);
}

void FakeOutbox::RemoveText(const std::string& post) {
  base::MutexLock lock(mutex_);
  texts_.erase(post);
}

void FakeOutbox::SetIncident(const Incident& incident) {
  base::MutexLock lock(mutex_);
  incidents_[incident.id] = incident;
}

void FakeOutbox::SetPaused(Ringing ringing) {
  base::MutexLock lock(mutex_);
  paused_ = ringing == Ringing::kPaused;
}

void FakeOutbox::FailNextRecords(int count) {
  base::MutexLock lock(mutex_);
  fail_records_ = count;
}

int FakeOutbox::records_failed() const {
  base::MutexLock lock(mutex_);
  return records_failed_;
}

int FakeOutbox::commits() const {
  base::MutexLock lock(mutex_);
  return commits_;
}

Delivery FakeOutbox::Get(const std::string& alert, const std::string& channel) const {
  base::MutexLock lock(mutex_);
  const auto found = deliveries_.find({alert, channel});
  return found == deliveries_.end() ? Delivery{.alert = alert, .channel = channel} : found->second;
}

size_t FakeOutbox::pending() const {
  base::MutexLock lock(mutex_);
  return pending_.size();
}

absl::StatusOr<std::vector<Outbox::Entry>> FakeOutbox::Pending(uint64_t after_sequence,
                                                               size_t entries_max) const {
  base::MutexLock lock(mutex_);
  std::vector<Entry> entries;
  for (auto it = pending_.upper_bound(after_sequence);
       it != pending_.end() && entries.size() < entries_max; ++it) {
    entries.push_back({it->first, alerts_.find(it->second)->second});
  }
  return entries;
}

absl::StatusOr<std::optional<Alert>> FakeOutbox::Find(std::string_view alert_id) const {
  base::MutexLock lock(mutex_);
  const auto found = alerts_.find(alert_id);
  if (found == alerts_.end()) return std::optional<Alert>();
  return std::optional<Alert>(found->second);
}

std::vector<Delivery> FakeOutbox::DeliveriesOf(std::string_view alert_id) const {
  std::vector<Delivery> found;
  for (const auto& [key, delivery] : deliveries_) {
    if (key.first == alert_id) found.push_back(delivery);
  }
  return found;
}

absl::StatusOr<std::vector<Delivery>> FakeOutbox::Deliveries(std::string_view alert_id) const {
  base::MutexLock lock(mutex_);
  return DeliveriesOf(alert_id);
}

absl::Status FakeOutbox::BeginRecord() {
  if (fail_records_ > 0) {
    --fail_records_;
    ++records_failed_;
    return absl::UnavailableError("the fake outbox was told to fail");
  }
  ++commits_;
  return absl::OkStatus();
}

absl::Status FakeOutbox::RecordAll(absl::Span<const Delivery> deliveries) {
  base::MutexLock lock(mutex_);
  KENG_RETURN_IF_ERROR(BeginRecord());
  for (const Delivery& delivery : deliveries) {
    deliveries_[{delivery.alert, delivery.channel}] = delivery;
  }
  return absl::OkStatus();
}

absl::Status FakeOutbox::RecordResults(absl::Span<const Result> results) {
  base::MutexLock lock(mutex_);
  KENG_RETURN_IF_ERROR(BeginRecord());
  for (const Result& result : results) {
    const Delivery& delivery = result.delivery;
    deliveries_[{delivery.alert, delivery.channel}] = delivery;
    if (result.shown.has_value()) {
      shown_[{result.shown->incident, result.shown->channel}] = *result.shown;
    }
    const bool is_done = delivery.state != DeliveryState::kPending &&
                         AreDone(DeliveriesOf(delivery.alert), result.channels);
    if (is_done) Erase(result.sequence, delivery.alert);
  }
  return absl::OkStatus();
}

void FakeOutbox::Erase(uint64_t sequence, std::string_view alert_id) {
  const auto found = pending_.find(sequence);
  if (found != pending_.end() && found->second == alert_id) pending_.erase(found);
}

absl::Status FakeOutbox::Complete(uint64_t sequence, std::string_view alert_id) {
  base::MutexLock lock(mutex_);
  ++commits_;
  Erase(sequence, alert_id);
  return absl::OkStatus();
}

void FakeOutbox::Replay(const std::string& alert, const std::string& channel) {
  base::MutexLock lock(mutex_);
  std::erase_if(pending_, [&](const auto& one) { return one.second == alert; });
  pending_[++last_sequence_] = alert;
  deliveries_[{alert, channel}] = Delivery{.alert = alert, .channel = channel};
}

absl::StatusOr<std::vector<ShownMessage>> FakeOutbox::Shown(std::string_view incident_id) const {
  base::MutexLock lock(mutex_);
  std::vector<ShownMessage> found;
  for (const auto& [key, message] : shown_) {
    if (incident_id.empty() || key.first == incident_id) found.push_back(message);
  }
  return found;
}

absl::Status FakeOutbox::RecordShown(const ShownMessage& message) {
  base::MutexLock lock(mutex_);
  ++commits_;
  shown_[{message.incident, message.channel}] = message;
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Incident>> FakeOutbox::CurrentIncident(
    std::string_view incident_id) const {
  base::MutexLock lock(mutex_);
  const auto found = incidents_.find(incident_id);
  if (found == incidents_.end()) return std::optional<Incident>();
  return std::optional<Incident>(found->second);
}

absl::StatusOr<std::optional<std::string>> FakeOutbox::Text(std::string_view post_id) const {
  base::MutexLock lock(mutex_);
  const auto found = texts_.find(post_id);
  if (found == texts_.end()) return std::optional<std::string>();
  return std::optional<std::string>(found->second);
}

bool FakeOutbox::paused() const {
  base::MutexLock lock(mutex_);
  return paused_;
}

}  // namespace keng::alerting
