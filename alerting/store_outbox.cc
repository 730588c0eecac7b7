#include "alerting/store_outbox.h"

#include "alerting/text_record.h"
#include "base/check.h"
#include "base/log.h"
#include "base/strings.h"

namespace keng::alerting {

namespace {

std::string SequenceKey(uint64_t sequence) {
  std::string key;
  AppendBig(sequence, key);
  return key;
}

absl::StatusOr<std::vector<Delivery>> DeliveriesIn(const store::View& view,
                                                   std::string_view alert_id) {
  std::vector<Delivery> deliveries;
  absl::Status decoded;
  KENG_RETURN_IF_ERROR(view.ScanPrefix(
      table::kDeliveries, IdPrefix(alert_id), [&](std::string_view, std::string_view value) {
        decoded = Decode(value, deliveries.emplace_back());
        return decoded.ok() ? store::Visit::kContinue : store::Visit::kStop;
      }));
  KENG_RETURN_IF_ERROR(decoded);
  return deliveries;
}

// Whether it was pending: the number may have come to belong to another alert, or to none.
absl::StatusOr<bool> CompleteIn(store::Changes& changes, uint64_t sequence,
                                std::string_view alert_id) {
  const std::string key = SequenceKey(sequence);
  KENG_ASSIGN_OR_RETURN(const std::optional<std::string> id, changes.Get(table::kPending, key));
  if (!id.has_value() || *id != alert_id) return false;
  changes.Delete(table::kPending, key);
  return true;
}

void PutDelivery(const Delivery& delivery, store::Changes& changes) {
  changes.Put(table::kDeliveries, PairKey(delivery.alert, delivery.channel), Encode(delivery));
}

}  // namespace

StoreOutbox::StoreOutbox(store::Store& store, int partition)
    : store_(store), fold_key_(base::StrCat("inbox/", partition)) {}

absl::StatusOr<std::vector<Outbox::Entry>> StoreOutbox::Pending(uint64_t after_sequence,
                                                                size_t entries_max) const {
  std::vector<std::pair<uint64_t, std::string>> ids;
  KENG_RETURN_IF_ERROR(store_.Scan(table::kPending, SequenceKey(after_sequence + 1), "",
                                   [&](std::string_view key, std::string_view value) {
                                     ids.emplace_back(ReadBig(key), std::string(value));
                                     return ids.size() < entries_max ? store::Visit::kContinue
                                                                     : store::Visit::kStop;
                                   }));
  std::vector<Entry> entries;
  entries.reserve(ids.size());
  for (const auto& [sequence, id] : ids) {
    KENG_ASSIGN_OR_RETURN(std::optional<Alert> alert, Find(id));
    if (!alert.has_value()) {  // erased just now, or by a program that left such rows behind
      base::LogWarn("alert.expired_pending", {{"alert", id}});
      continue;
    }
    entries.push_back({.sequence = sequence, .alert = *std::move(alert)});
  }
  return entries;
}

absl::StatusOr<int64_t> StoreOutbox::pending_count() const {
  int64_t count = 0;
  KENG_RETURN_IF_ERROR(
      store_.Scan(table::kPending, "", "", [&](std::string_view, std::string_view) {
        ++count;
        return store::Visit::kContinue;
      }));
  return count;
}

absl::StatusOr<std::optional<Alert>> StoreOutbox::Find(std::string_view alert_id) const {
  KENG_ASSIGN_OR_RETURN(std::optional<Alert> alert, Load<Alert>(store_, table::kAlerts, alert_id));
  if (!alert.has_value()) return alert;
  // The trail to the post stands in the incident only, from which a retraction takes it back.
  KENG_ASSIGN_OR_RETURN(const std::optional<Incident> now, CurrentIncident(alert->incident.id));
  if (now.has_value()) {
    alert->incident.first_post = now->first_post;
    alert->incident.first_url = now->first_url;
    alert->incident.first_account = now->first_account;
    alert->incident.first_spans = now->first_spans;
  }
  return alert;
}

absl::StatusOr<std::vector<Delivery>> StoreOutbox::Deliveries(std::string_view alert_id) const {
  return DeliveriesIn(store_, alert_id);
}

absl::Status StoreOutbox::RecordAll(absl::Span<const Delivery> deliveries) {
  const std::unique_ptr<store::Changes> changes = store_.NewChanges();
  for (const Delivery& delivery : deliveries) PutDelivery(delivery, *changes);
  return store_.Commit(*changes);
}

absl::StatusOr<std::vector<const Outbox::Result*>> StoreOutbox::CompleteDone(
    absl::Span<const Result* const> results, store::Changes& changes) {
  std::vector<const Result*> others;
  for (const Result* result : results) {
    const std::string& alert = result->delivery.alert;
    KENG_ASSIGN_OR_RETURN(const std::vector<Delivery> deliveries, DeliveriesIn(changes, alert));
    if (!AreDone(deliveries, result->channels)) {
      others.push_back(result);
      continue;
    }
    KENG_RETURN_IF_ERROR(CompleteIn(changes, result->sequence, alert).status());
  }
  return others;
}

absl::Status StoreOutbox::RecordResults(absl::Span<const Result> results) {
  const std::unique_ptr<store::Changes> changes = store_.NewChanges();
  std::vector<const Result*> ended;
  for (const Result& result : results) {
    PutDelivery(result.delivery, *changes);
    if (result.shown.has_value()) {
      changes->Put(table::kShown, PairKey(result.shown->incident, result.shown->channel),
                   Encode(*result.shown));
    }
    if (result.delivery.state != DeliveryState::kPending) ended.push_back(&result);
  }
  KENG_ASSIGN_OR_RETURN(const std::vector<const Result*> waiting, CompleteDone(ended, *changes));
  KENG_RETURN_IF_ERROR(store_.Commit(*changes));
  // The last other channel may have ended meanwhile, and could not see this one's result either.
  // Whichever was committed later sees both now.
  const std::unique_ptr<store::Changes> completions = store_.NewChanges();
  KENG_ASSIGN_OR_RETURN(const std::vector<const Result*> others,
                        CompleteDone(waiting, *completions));
  return others.size() < waiting.size() ? store_.Commit(*completions) : absl::OkStatus();
}

absl::Status StoreOutbox::Complete(uint64_t sequence, std::string_view alert_id) {
  const std::unique_ptr<store::Changes> changes = store_.NewChanges();
  KENG_ASSIGN_OR_RETURN(const bool is_pending, CompleteIn(*changes, sequence, alert_id));
  return is_pending ? store_.Commit(*changes) : absl::OkStatus();
}

absl::StatusOr<std::vector<ShownMessage>> StoreOutbox::Shown(std::string_view incident_id) const {
  std::vector<ShownMessage> messages;
  absl::Status decoded;
  KENG_RETURN_IF_ERROR(
      store_.ScanPrefix(table::kShown, incident_id.empty() ? "" : IdPrefix(incident_id),
                        [&](std::string_view, std::string_view value) {
                          decoded = Decode(value, messages.emplace_back());
                          return decoded.ok() ? store::Visit::kContinue : store::Visit::kStop;
                        }));
  KENG_RETURN_IF_ERROR(decoded);
  return messages;
}

absl::Status StoreOutbox::RecordShown(const ShownMessage& message) {
  const std::unique_ptr<store::Changes> changes = store_.NewChanges();
  changes->Put(table::kShown, PairKey(message.incident, message.channel), Encode(message));
  return store_.Commit(*changes);
}

absl::StatusOr<std::optional<Incident>> StoreOutbox::CurrentIncident(
    std::string_view incident_id) const {
  KENG_ASSIGN_OR_RETURN(std::optional<IncidentRow> row,
                        Load<IncidentRow>(store_, table::kIncidents, incident_id));
  if (!row.has_value()) return std::nullopt;
  return std::move(row->incident);
}

absl::StatusOr<std::optional<std::string>> StoreOutbox::Text(std::string_view post_id) const {
  KENG_ASSIGN_OR_RETURN(std::optional<TextRow> row, Load<TextRow>(store_, table::kTexts, post_id));
  if (!row.has_value()) return std::nullopt;
  return ParseTextRecord(row->record).text;
}

bool StoreOutbox::paused() const {
  const auto fold = Load<FoldRow>(store_, table::kFold, fold_key_);
  return fold.ok() && fold->has_value() && (**fold).paused;
}

}  // namespace keng::alerting
