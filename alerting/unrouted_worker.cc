#include "alerting/unrouted_worker.h"

#include <atomic>
#include <utility>

#include "alerting/internal/channel_metrics.h"
#include "base/check.h"
#include "base/log.h"

namespace keng::alerting {
namespace {

constexpr size_t kFetchEntries = 256;

class UnroutedWorker final : public DeliveryWorker {
 public:
  explicit UnroutedWorker(const DeliveryContext& context)
      : context_(context), suppressed_(DeliveryCounter(context.metrics, "none", "suppressed")) {}

  absl::Time RunOnce() override {
    const absl::Time now = context_.clock->Now();
    if (is_lost_) return now + context_.options.poll_interval;
    absl::StatusOr<std::vector<Outbox::Entry>> entries =
        context_.outbox->Pending(cursor_, kFetchEntries);
    if (!entries.ok()) return Trouble(entries.status(), now);
    if (absl::Status status = Look(*entries, now); !status.ok()) return Trouble(status, now);
    return entries->size() == kFetchEntries ? now : now + context_.options.poll_interval;
  }
  void NotifyChanged(const std::vector<std::string>&) override {}
  void Stop() override { stopping_ = true; }
  void Cut() override {}

 private:
  absl::Time Trouble(const absl::Status& status, absl::Time now) {
    is_lost_ = absl::IsAborted(status);
    if (is_lost_) return now + context_.options.poll_interval;
    base::LogError("alert.outbox", {{"channel", "none"}, {"error", status.ToString()}});
    return now + absl::Seconds(1);
  }

  // On an error all of them are looked at again.
  absl::Status Look(absl::Span<const Outbox::Entry> entries, absl::Time now) {
    std::vector<LogRecord> log;
    std::vector<Outbox::Result> results;
    uint64_t looked_at = cursor_;
    for (const Outbox::Entry& entry : entries) {
      if (stopping_) break;
      const Alert& alert = entry.alert;
      const std::vector<std::string>& channels = context_.routes->For(alert.cell, alert.desk);
      looked_at = entry.sequence;
      if (!channels.empty()) {
        KENG_RETURN_IF_ERROR(context_.outbox->CompleteIfDone(entry.sequence, alert.id, channels));
        continue;
      }
      Delivery delivery{.alert = alert.id,
                        .channel = "none",
                        .state = DeliveryState::kSuppressed,
                        .last_error = "the cell has no channel"};
      log.push_back({stream::StreamId::kAlerts, alert.desk,
                     AlertLogRecord(alert, delivery, "none", StateName(delivery.state), now)});
      results.push_back({.delivery = std::move(delivery), .sequence = entry.sequence});
    }
    if (!results.empty()) {
      KENG_RETURN_IF_ERROR(context_.log->Append(log));
      KENG_RETURN_IF_ERROR(context_.outbox->RecordResults(results));
      suppressed_.Add(static_cast<double>(results.size()));
    }
    cursor_ = looked_at;
    return absl::OkStatus();
  }

  const DeliveryContext context_;
  const base::Counter suppressed_;
  std::atomic<bool> stopping_ = false;
  bool is_lost_ = false;  // the outbox belongs to another process
  uint64_t cursor_ = 0;
};

}  // namespace

std::unique_ptr<DeliveryWorker> MakeUnroutedWorker(const DeliveryContext& context) {
  return std::make_unique<UnroutedWorker>(context);
}

}  // namespace keng::alerting
