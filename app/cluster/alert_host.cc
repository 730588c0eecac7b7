#include "app/cluster/alert_host.h"

#include "absl/strings/numbers.h"
#include "absl/time/clock.h"
#include "alerting/partition_owner.h"
#include "base/check.h"
#include "base/log.h"
#include "base/stable_hash.h"
#include "base/strings.h"

namespace keng::app {

namespace {

using base::StrCat;

constexpr absl::Duration kStepWait = absl::Milliseconds(200);
// How often the local store is synced and looked after; it is a cache, `state` is the truth.
constexpr absl::Duration kUpkeepEvery = absl::Seconds(5);

// How often the position in the inbox is told to the cluster.
constexpr absl::Duration kTellEvery = absl::Seconds(1);

class AlertSlot final : public SlotWorker {
 public:
  AlertSlot(std::unique_ptr<alerting::PartitionOwner> owner, std::unique_ptr<Delivery> delivery)
      : owner_(std::move(owner)), delivery_(std::move(delivery)) {
    delivery_->dispatcher().Start();
  }

  absl::StatusOr<int64_t> Step() override {
    if (absl::Now() - kept_at_ >= kUpkeepEvery) {
      kept_at_ = absl::Now();
      KENG_RETURN_IF_ERROR(owner_->store().SyncIfDue());
      KENG_RETURN_IF_ERROR(owner_->store().Maintain());
    }
    KENG_ASSIGN_OR_RETURN(const alerting::AlertingWorker::Step step,
                          owner_->worker().RunOnce(kStepWait));
    if (step.alerts > 0) delivery_->dispatcher().Wake();
    if (!step.changed.empty()) delivery_->dispatcher().NotifyChanged(step.changed);
    return step.records;
  }

  void Wake() override { owner_->worker().Wake(); }

  // A delivery that does not end in time harms nobody: once there is another owner, its records are
  // refused by the log of changes.
  absl::Status Close(absl::Duration deadline) override {
    owner_->EndFold();
    return delivery_->dispatcher().Stop(deadline);
  }

 private:
  const std::unique_ptr<alerting::PartitionOwner> owner_;
  const std::unique_ptr<Delivery> delivery_;
  absl::Time kept_at_ = absl::InfinitePast();
};

}  // namespace

AlertHost::AlertHost(Parts parts)
    : parts_(std::move(parts)),
      slots_(
          {.prefix = "alerting",
           .open = [this](const std::string& key) -> absl::StatusOr<std::unique_ptr<SlotWorker>> {
             alerting::PartitionOwnerOptions options;
             options.alerting = AlertingOptionsOf(parts_.config, parts_.territory);
             KENG_CHECK(absl::SimpleAtoi(key, &options.alerting.partition), key);
             options.alerting.tell_interval = kTellEvery;
             options.alerting.owner = parts_.config.streams.kafka.instance;
             options.store = StoreOptionsOf(
                 parts_.config, StrCat(StageFolder(parts_.config, "alert"), "/inbox-", key));
             KENG_RETURN_IF_ERROR(MakeDataFolder(options.store.path));
             KENG_ASSIGN_OR_RETURN(auto owner, alerting::PartitionOwner::Open(
                                                   options, parts_.streams,
                                                   *parts_.environment.clock, &parts_.metrics));
             base::LogInfo("alerting.taken_over",
                           {{"partition", key},
                            {"way", std::string(alerting::RecoveryWayName(owner->recovery().way))},
                            {"rows", StrCat(owner->recovery().rows)},
                            {"seconds", StrCat(owner->recovery().seconds)}});
             KENG_ASSIGN_OR_RETURN(
                 auto delivery,
                 Delivery::Make(parts_.config, parts_.environment, parts_.territory, parts_.streams,
                                owner->outbox(), alerting::FlightMark::kAlways, parts_.metrics));
             return std::make_unique<AlertSlot>(std::move(owner), std::move(delivery));
           },
           .on_failure = parts_.on_failure,
           .metrics = &parts_.metrics,
           .close_deadline = parts_.config.stop_deadline}) {}

absl::Status AlertHost::Gain(const std::vector<int>& partitions) {
  // A partition of the inbox is a desk, and this configuration knows one.
  const int desk = base::PartitionOf(parts_.territory.desk(),
                                     parts_.streams.partitions(stream::StreamId::kInbox));
  std::vector<std::string> keys;
  for (const int partition : partitions) {
    if (partition == desk) keys.push_back(StrCat(partition));
  }
  return slots_.Open(keys);
}

}  // namespace keng::app
