#include "alerting/alerting_worker.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/time/clock.h"
#include "alerting/internal/inbox_reading.h"
#include "base/check.h"
#include "base/strings.h"

namespace keng::alerting {

namespace {

using stream::StreamId;

constexpr size_t kErasedAtOnce = 10'000;

}  // namespace

AlertingWorker::AlertingWorker(AlertingOptions options, stream::Streams& streams,
                               store::Store& store, const base::Clock& clock,
                               base::Metrics* metrics)
    : options_(std::move(options)),
      streams_(streams),
      store_(store),
      clock_(clock),
      metrics_(metrics) {
  if (metrics_ == nullptr) return;
  batch_seconds_ =
      metrics_->histogram("keng_alerting_batch_seconds", "Time to fold one batch, without waiting",
                          base::LatencyBounds());
  gap_ = metrics_->counter("keng_alerting_expired_unread_total",
                           "Inbox records that retention took unread");
  bands_known_ = metrics_->gauge("keng_alerting_bands_known",
                                 "Entries of the near-duplicate index in memory, 8 bytes each");
  const auto labels = [this](const char* name, std::string_view value) {
    return base::Labels{{"partition", base::StrCat(options_.partition)},
                        {name, std::string(value)}};
  };
  for (int i = 0; i < kOutcomes; ++i) {
    outcome_counters_[i] =
        metrics_->counter("keng_alerting_records_total", "Inbox records by what became of them",
                          labels("outcome", OutcomeName(static_cast<Outcome>(i))));
  }
  for (int i = 1; i < kAlertReasons; ++i) {
    alert_counters_[i] =
        metrics_->counter("keng_alerting_alerts_total", "Alerts decided",
                          labels("reason", AlertReasonName(static_cast<AlertReason>(i))));
  }
  for (int i = 0; i < kRingVerdicts; ++i) {
    ring_counters_[i] =
        metrics_->counter("keng_alerting_rings_total", "Whether a change of an incident rang",
                          labels("verdict", RingVerdictName(static_cast<RingVerdict>(i))));
  }
}

AlertingWorker::~AlertingWorker() = default;

absl::StatusOr<std::unique_ptr<AlertingWorker>> AlertingWorker::Open(AlertingOptions options,
                                                                     stream::Streams& streams,
                                                                     store::Store& store,
                                                                     const base::Clock& clock,
                                                                     base::Metrics* metrics) {
  std::unique_ptr<AlertingWorker> worker(
      new AlertingWorker(std::move(options), streams, store, clock, metrics));
  KENG_ASSIGN_OR_RETURN(worker->fold_, IncidentFold::Open(store, worker->options_.partition));
  KENG_RETURN_IF_ERROR(worker->OpenReaders());
  worker->Report();
  return worker;
}

absl::Status AlertingWorker::OpenReaders() {
  const int partition = options_.partition;
  KENG_ASSIGN_OR_RETURN(inbox_,
                        streams_.OpenReader(options_.inbox_reader, StreamId::kInbox, {partition}));
  stream::Offset next = fold_->next_offset();
  if (next == 0) {
    // No store, or a new one: the fold begins with the oldest record kept, whatever was committed
    // before.
    KENG_ASSIGN_OR_RETURN(next, streams_.Begin(StreamId::kInbox, partition));
  }
  KENG_RETURN_IF_ERROR(inbox_->Seek(partition, next));
  KENG_ASSIGN_OR_RETURN(texts_,
                        TextKeeper::Open(options_.texts_reader, streams_, store_, metrics_));
  return absl::OkStatus();
}

void AlertingWorker::AddToInbox(const filters::InboxRecord& record, stream::WriteSet& set) const {
  filters::AppendInboxRecord(record, set.BeginRecord(StreamId::kInbox, options_.desk));
  set.EndRecord();
}

bool AlertingWorker::SettingsDiffer() const {
  return !filters::SameSettings(options_.settings, fold_->row().settings);
}

// A new owner announces itself, and settings that changed go through the inbox, so that a replay
// knows them too.
absl::Status AlertingWorker::Begin() {
  // A batch of an owner before may stand in the inbox unfolded, with an epoch that the row does not
  // know: where owners change, the number comes from outside.
  epoch_ = std::max(options_.epoch, fold_->row().epoch + 1);
  stream::WriteSet set;
  AddToInbox(filters::EpochRecord{.epoch = epoch_, .owner = options_.owner}, set);
  filters::SettingsRecord settings = options_.settings;
  settings.epoch = epoch_;
  if (SettingsDiffer()) AddToInbox(settings, set);
  KENG_RETURN_IF_ERROR(streams_.Write(set));
  begun_ = true;
  return absl::OkStatus();
}

absl::Status AlertingWorker::Tick(absl::Time now) {
  stream::WriteSet set;
  AddToInbox(filters::TickRecord{.now = now}, set);
  // The owner before may have written settings that were folded only after the first look. Once
  // our own epoch is folded, nothing of his is taken any more.
  if (SettingsDiffer() && fold_->row().epoch == epoch_) {
    filters::SettingsRecord settings = options_.settings;
    settings.epoch = epoch_;
    AddToInbox(settings, set);
  }
  KENG_RETURN_IF_ERROR(streams_.Write(set));
  tick_due_ = now + options_.tick_interval;
  return EraseExpired();
}

absl::StatusOr<AlertingWorker::Step> AlertingWorker::RunOnce(absl::Duration timeout) {
  if (folded_) return CommitFold();
  if (batch_ == nullptr) {
    if (!begun_) KENG_RETURN_IF_ERROR(Begin());
    const absl::Time now = clock_.Now();
    // A clock that was set back makes the next tick due at once: better one too many than none for
    // hours.
    if (now >= tick_due_ || tick_due_ - now > options_.tick_interval) {
      KENG_RETURN_IF_ERROR(Tick(now));
    }
    KENG_ASSIGN_OR_RETURN(
        batch_, inbox_->Read(options_.batch_bytes, std::min(timeout, options_.tick_interval)));
    batch_next_ = 0;
  }
  // Deletions must reach the texts also while no hit comes. When this is refused the batch waits:
  // its reader has moved past it.
  KENG_RETURN_IF_ERROR(texts_->Drain());
  const absl::Status right = texts_->PutRight();
  const bool for_now = absl::IsResourceExhausted(right) || absl::IsUnavailable(right);
  // What is to ring does not wait for it: the ticks bring batches, and between them it is told.
  if (!right.ok() && (batch_ == nullptr || !for_now)) return right;
  return batch_ == nullptr ? Step{} : Fold();
}

absl::StatusOr<AlertingWorker::Step> AlertingWorker::Fold() {
  const absl::Time begin = absl::Now();
  const absl::Span<const stream::Record> records = batch_->records();
  folded_records_ = 0;
  while (batch_next_ < records.size() &&
         (folded_records_ == 0 || fold_->changed_bytes() < options_.commit_bytes)) {
    const stream::Record& record = records[batch_next_++];
    ++folded_records_;
    if (record.offset > fold_->next_offset() && fold_->next_offset() > 0) {
      gap_.Add(static_cast<double>(record.offset - fold_->next_offset()));
    }
    const auto read = ReadInbox(parser_, record);
    if (const Outcome* skipped = std::get_if<Outcome>(&read)) {
      fold_->Skip(record.offset, record.time, *skipped);
      continue;
    }
    const auto& known = std::get<filters::InboxRecord>(read);
    KENG_RETURN_IF_ERROR(fold_->Apply(record.key, record.offset, record.time, known).status());
    texts_->Note(known);
  }
  if (batch_next_ == records.size()) batch_ = nullptr;
  folded_ = true;
  absl::StatusOr<Step> step = CommitFold();
  batch_seconds_.Observe(absl::ToDoubleSeconds(absl::Now() - begin));
  return step;
}

absl::StatusOr<AlertingWorker::Step> AlertingWorker::CommitFold() {
  Step step{.records = folded_records_,
            .alerts = static_cast<int64_t>(fold_->alerts().size()) + fold_->replayed(),
            .changed = fold_->changed()};
  KENG_RETURN_IF_ERROR(texts_->MarkNoted());
  KENG_RETURN_IF_ERROR(fold_->Commit());
  folded_ = false;
  std::sort(step.changed.begin(), step.changed.end());
  step.changed.erase(std::unique(step.changed.begin(), step.changed.end()), step.changed.end());
  Report();
  KENG_RETURN_IF_ERROR(TellPosition());
  return step;
}

// For retention only: the store knows better. When it is refused, a later batch says it again; the
// ticks bring one.
absl::Status AlertingWorker::TellPosition() {
  const absl::Time now = clock_.Now();
  if (now >= told_at_ && now - told_at_ < options_.tell_interval) return absl::OkStatus();
  told_at_ = now;
  stream::WriteSet set;
  set.Commit(options_.inbox_reader, StreamId::kInbox, options_.partition, fold_->next_offset());
  const absl::Status told = streams_.Write(set);
  return absl::IsDataLoss(told) ? told : absl::OkStatus();
}

// Alerts and texts past their time. Not part of the fold: what was delivered is not a function of
// the inbox.
absl::Status AlertingWorker::EraseExpired() {
  std::string end;
  AppendTime(fold_->row().now, end);
  std::vector<std::string> due;
  KENG_RETURN_IF_ERROR(
      store_.Scan(table::kErasures, "", end, [&](std::string_view key, std::string_view) {
        due.emplace_back(key);
        return due.size() < kErasedAtOnce ? store::Visit::kContinue : store::Visit::kStop;
      }));
  if (due.empty()) return absl::OkStatus();
  const std::unique_ptr<store::Changes> changes = store_.NewChanges();
  int64_t texts = 0;
  std::set<std::string, std::less<>> alerts;
  for (const std::string& key : due) {
    changes->Delete(table::kErasures, key);
    const char kind = key[8];
    const std::string_view id = std::string_view(key).substr(9);
    if (kind == kTextErasure) {
      KENG_ASSIGN_OR_RETURN(const int64_t gone, texts_->Expire(id, fold_->row().now, *changes));
      texts += gone;
    } else if (kind == kAlertErasure) {
      changes->Delete(table::kAlerts, id);
      alerts.emplace(id);
      KENG_RETURN_IF_ERROR(store_.ScanPrefix(table::kDeliveries, IdPrefix(id),
                                             [&](std::string_view delivery, std::string_view) {
                                               changes->Delete(table::kDeliveries, delivery);
                                               return store::Visit::kContinue;
                                             }));
    }
  }
  if (!alerts.empty()) {  // one that waited all that time (a pause) waits no longer
    KENG_RETURN_IF_ERROR(
        store_.Scan(table::kPending, "", "", [&](std::string_view key, std::string_view alert) {
          if (alerts.contains(alert)) changes->Delete(table::kPending, key);
          return store::Visit::kContinue;
        }));
  }
  KENG_RETURN_IF_ERROR(store_.Commit(*changes));
  texts_->CountErased(texts);
  return absl::OkStatus();
}

// Metrics are what the store says, so that they survive a crash with it.
void AlertingWorker::Report() {
  const FoldRow& row = fold_->row();
  next_offset_.store(row.next_offset);
  std::map<std::string, int64_t> outcomes;
  for (int i = 0; i < kOutcomes; ++i) {
    outcome_counters_[i].RaiseTo(static_cast<double>(row.outcomes[i]));
    outcomes[std::string(OutcomeName(static_cast<Outcome>(i)))] = row.outcomes[i];
  }
  for (int i = 1; i < kAlertReasons; ++i) {
    alert_counters_[i].RaiseTo(static_cast<double>(row.alerts[i]));
  }
  for (int i = 0; i < kRingVerdicts; ++i) {
    ring_counters_[i].RaiseTo(static_cast<double>(row.rings[i]));
  }
  bands_known_.Set(static_cast<double>(fold_->bands_known()));
  base::MutexLock lock(mutex_);
  outcomes_ = std::move(outcomes);
}

void AlertingWorker::Wake() { inbox_->Wake(); }

std::map<std::string, int64_t> AlertingWorker::outcomes() const {
  base::MutexLock lock(mutex_);
  return outcomes_;
}

int64_t AlertingWorker::lag() const {
  const auto end = streams_.End(StreamId::kInbox, options_.partition);
  return end.ok() ? std::max<int64_t>(0, *end - next_offset_.load()) : 0;
}

}  // namespace keng::alerting
