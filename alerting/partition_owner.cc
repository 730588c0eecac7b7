#include "alerting/partition_owner.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "alerting/delivery_decision.h"
#include "base/check.h"
#include "base/crash_point.h"

namespace keng::alerting {
absl::StatusOr<std::unique_ptr<PartitionOwner>> PartitionOwner::Open(PartitionOwnerOptions options,
                                                                     stream::Streams& streams,
                                                                     const base::Clock& clock,
                                                                     base::Metrics* metrics) {
  AlertingOptions& alerting = options.alerting;
  options.store.layout = std::string(kStateLayout);
  std::unique_ptr<PartitionOwner> owner(new PartitionOwner());
  KENG_ASSIGN_OR_RETURN(owner->store_, store::Store::Open(options.store, clock, metrics));
  KENG_ASSIGN_OR_RETURN(std::unique_ptr<stream::Changelog> changelog,
                        streams.OpenChangelog(alerting.desk));
  owner->changelog_ =
      std::make_unique<StateChangelog>(std::move(changelog), alerting.desk, metrics);
  KENG_ASSIGN_OR_RETURN(const int64_t end, owner->changelog_->Announce(alerting.owner));
  KENG_CRASH_POINT("alerting.after_takeover");
  const RecoveryOptions recovery{
      .desk = alerting.desk, .partition = alerting.partition, .end = end};
  KENG_ASSIGN_OR_RETURN(owner->recovery_,
                        RecoverState(streams, *owner->store_, recovery, clock, metrics));
  owner->store_->SetChangeLog(*owner->changelog_);
  owner->outbox_ = std::make_unique<StoreOutbox>(*owner->store_, alerting.partition);
  KENG_RETURN_IF_ERROR(owner->CountInFlight(metrics));
  // Grows from owner to owner, and one who comes later has the larger one, whatever the fold of
  // either has seen.
  alerting.epoch = end;
  alerting.texts_reader.clear();
  KENG_ASSIGN_OR_RETURN(owner->worker_, AlertingWorker::Open(std::move(alerting), streams,
                                                             *owner->store_, clock, metrics));
  return owner;
}

PartitionOwner::~PartitionOwner() = default;

absl::Status PartitionOwner::CountInFlight(base::Metrics* metrics) {
  std::vector<std::string> pending;
  KENG_RETURN_IF_ERROR(
      store_->ScanPrefix(table::kPending, "", [&](std::string_view, std::string_view alert) {
        pending.emplace_back(alert);
        return store::Visit::kContinue;
      }));
  for (const std::string& alert : pending) {
    KENG_ASSIGN_OR_RETURN(const std::vector<Delivery> deliveries, outbox_->Deliveries(alert));
    for (const Delivery& delivery : deliveries) maybe_sent_again_ += IsInFlight(delivery) ? 1 : 0;
  }
  if (metrics == nullptr) return absl::OkStatus();
  metrics
      ->counter("keng_alerting_maybe_sent_again_total",
                "Deliveries that were in flight when their partition was taken over: each may be "
                "sent a second time, with the same id")
      .Add(static_cast<double>(maybe_sent_again_));
  return absl::OkStatus();
}

}  // namespace keng::alerting
