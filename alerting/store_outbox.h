#ifndef KENG_ALERTING_STORE_OUTBOX_H_
#define KENG_ALERTING_STORE_OUTBOX_H_

// The outbox in the store. The fold puts alerts into it with its own batches; everything here is a
// batch of its own, so that what a channel accepted is durable by itself and in no order with the
// fold.
//
// Thread-safe: the fold writes other tables, but for kAlerts, of which it only adds keys, kPending,
// in which it alone gives numbers, and dead deliveries, which are nobody else's.
//
// Tests: alerting/store_outbox_test.cc.

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "alerting/outbox.h"
#include "alerting/state_tables.h"
#include "store/store.h"

namespace keng::alerting {

class StoreOutbox final : public Outbox {
 public:
  // `store` must outlive the outbox. `partition` of the inbox, whose fold says whether ringing is
  // paused.
  explicit StoreOutbox(store::Store& store, int partition = 0);

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

  // How many alerts wait for a channel.
  absl::StatusOr<int64_t> pending_count() const;

 private:
  // Completes those of `results` that are done as `changes` have it, and returns the others.
  static absl::StatusOr<std::vector<const Result*>> CompleteDone(
      absl::Span<const Result* const> results, store::Changes& changes);

  store::Store& store_;
  const std::string fold_key_;
};

}  // namespace keng::alerting

#endif  // KENG_ALERTING_STORE_OUTBOX_H_
