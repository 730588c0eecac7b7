#include "app/cluster/cluster_view.h"

#include "absl/time/clock.h"
#include "alerting/alerting_worker.h"
#include "alerting/incident_fold.h"
#include "alerting/incident_queries.h"
#include "alerting/state_changelog.h"
#include "alerting/state_tables.h"
#include "alerting/store_outbox.h"
#include "app/assembly.h"
#include "app/open_streams.h"
#include "base/check.h"
#include "base/stable_hash.h"
#include "base/strings.h"
#include "filters/filter_worker.h"
#include "ingest/ingest_stage.h"

namespace keng::app {

namespace {

using stream::StreamId;

constexpr size_t kReadBytes = size_t{4} << 20;

// Reads of a view look at no time.
const base::Clock& AnyClock() {
  static const base::RealClock kClock;
  return kClock;
}

}  // namespace

absl::StatusOr<std::unique_ptr<StateView>> StateView::Read(const Config& config,
                                                           stream::Streams& streams) {
  KENG_ASSIGN_OR_RETURN(const Territory territory, LoadTerritory(config));
  std::unique_ptr<StateView> view(new StateView);
  view->desk_ = territory.desk();
  KENG_ASSIGN_OR_RETURN(view->store_,
                        store::Store::Open({.path = view->folder_.path(),
                                            .layout = std::string(alerting::kStateLayout),
                                            .sync_interval = absl::Hours(1)},
                                           AnyClock(), nullptr));
  const int partition = base::PartitionOf(view->desk_, streams.partitions(StreamId::kState));
  KENG_ASSIGN_OR_RETURN(const std::unique_ptr<stream::Reader> tap,
                        streams.OpenTap(StreamId::kState, {partition}));
  while (true) {
    KENG_ASSIGN_OR_RETURN(const auto batch, tap->Read(kReadBytes, absl::ZeroDuration()));
    if (batch == nullptr) return view;
    std::vector<store::Change> changes;
    for (const stream::Record& record : batch->records()) {
      KENG_ASSIGN_OR_RETURN(const alerting::StateRow row,
                            alerting::ParseStateRecord(view->desk_, record));
      if (row.is_ours && row.change.table != 0) changes.push_back(row.change);
    }
    KENG_RETURN_IF_ERROR(view->store_->ApplyLogged(changes, batch->next_offset()));
  }
}

absl::StatusOr<PipelineStatus> ReadClusterStatus(const Config& config, stream::Streams& streams) {
  PipelineStatus status;
  status.counting = Counting::kAtLeast;
  KENG_ASSIGN_OR_RETURN(const auto sources, ingest::ReadAllCounters(streams));
  for (const auto& [name, source] : sources) {
    status.ingest.lines += source.lines;
    status.ingest.stored += source.stored;
    status.ingest.duplicate += source.duplicate;
    status.ingest.dropped += source.dropped_total();
    status.ingest.expanded += source.expanded;
  }
  for (int partition = 0; partition < streams.partitions(StreamId::kPosts); ++partition) {
    KENG_ASSIGN_OR_RETURN(const auto committed,
                          streams.committed(filters::kFilterReader, StreamId::kPosts, partition));
    KENG_ASSIGN_OR_RETURN(const stream::Offset end, streams.End(StreamId::kPosts, partition));
    status.lag += end - (committed.has_value() ? committed->next : 0);
    if (!committed.has_value()) continue;
    KENG_ASSIGN_OR_RETURN(const filters::FilterCounts counts,
                          filters::DecodeFilterCounts(committed->metadata));
    status.filters += counts;
  }
  KENG_ASSIGN_OR_RETURN(const std::unique_ptr<StateView> view, StateView::Read(config, streams));
  const int partition = base::PartitionOf(view->desk(), streams.partitions(StreamId::kInbox));
  KENG_ASSIGN_OR_RETURN(const alerting::FoldRow row,
                        alerting::ReadFoldRow(view->store(), partition));
  for (int i = 0; i < alerting::kOutcomes; ++i) {
    status.alerting[std::string(alerting::OutcomeName(static_cast<alerting::Outcome>(i)))] =
        row.outcomes[i];
  }
  KENG_ASSIGN_OR_RETURN(const stream::Offset end, streams.End(StreamId::kInbox, partition));
  status.lag += end - row.next_offset;
  KENG_RETURN_IF_ERROR(view->store().Scan(alerting::table::kPending, "", "",
                                          [&](std::string_view, std::string_view) {
                                            ++status.alerts_pending;
                                            return store::Visit::kContinue;
                                          }));
  status.sources_idle = true;
  return status;
}

absl::Status ActInCluster(const Config& config, const filters::ActionRecord& action) {
  KENG_ASSIGN_OR_RETURN(const auto streams, OpenStreams(config, AnyClock(), nullptr));
  KENG_ASSIGN_OR_RETURN(const auto view, StateView::Read(config, *streams));
  return alerting::WriteAction(*streams, view->store(), view->desk(), action);
}

absl::StatusOr<alerting::DeadReplayResult> ReplayInCluster(
    const Config& config, const alerting::DeadReplayOptions& options) {
  KENG_ASSIGN_OR_RETURN(const auto streams, OpenStreams(config, AnyClock(), nullptr));
  KENG_ASSIGN_OR_RETURN(const auto view, StateView::Read(config, *streams));
  const alerting::StoreOutbox outbox(view->store());
  KENG_ASSIGN_OR_RETURN(const Territory territory, LoadTerritory(config));
  return alerting::DeadReplay(*streams, outbox, RoutesOf(config, territory), view->desk(), options);
}

absl::StatusOr<int64_t> ForgetInCluster(const Config& config, std::string_view id_or_url) {
  base::Metrics metrics;
  KENG_ASSIGN_OR_RETURN(const auto streams, OpenStreams(config, AnyClock(), nullptr));
  KENG_ASSIGN_OR_RETURN(const auto keyring,
                        ingest::AuthorKeyring::Open(config.keys_file, absl::Now()));
  const base::RealClock clock;
  KENG_ASSIGN_OR_RETURN(const auto stage,
                        OpenIngestStage(config, {.clock = &clock}, *streams, *keyring, metrics));
  KENG_ASSIGN_OR_RETURN(const std::vector<std::string> posts, stage->Forget(id_or_url));
  return static_cast<int64_t>(posts.size());
}

}  // namespace keng::app
