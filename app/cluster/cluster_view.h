#ifndef KENG_APP_CLUSTER_CLUSTER_VIEW_H_
#define KENG_APP_CLUSTER_CLUSTER_VIEW_H_

// What the streams alone say about the line, for commands: no process has to be asked, and none has
// to run. Everything is read as of the call.

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "alerting/dead_letters.h"
#include "app/config.h"
#include "app/pipeline.h"
#include "base/temporary_folder.h"
#include "filters/inbox_record.h"
#include "store/store.h"
#include "stream/stream.h"

namespace keng::app {

// The state of the configuration's desk as `state` has it, in a store of its own that goes with it.
class StateView {
 public:
  static absl::StatusOr<std::unique_ptr<StateView>> Read(const Config& config,
                                                         stream::Streams& streams);
  const store::Store& store() const { return *store_; }
  store::Store& store() { return *store_; }
  const std::string& desk() const { return desk_; }

 private:
  StateView() : folder_("keng-state") {}
  base::TemporaryFolder folder_;
  std::string desk_;
  std::unique_ptr<store::Store> store_;
};

// The counters of every stage: of ingest from `control`, of the filters from the metadata of their
// positions, of alerting from `state`. Idle: no reader has anything left to read and no alert
// waits; what a source has not yet handed over is not known here.
absl::StatusOr<PipelineStatus> ReadClusterStatus(const Config& config, stream::Streams& streams);

// Writes an action to the desk's inbox. NotFound: its incident is not known. The errors of
// alerting::WriteAction().
absl::Status ActInCluster(const Config& config, const filters::ActionRecord& action);

// `keng dead replay`. The errors of alerting::DeadReplay().
absl::StatusOr<alerting::DeadReplayResult> ReplayInCluster(
    const Config& config, const alerting::DeadReplayOptions& options);

// `keng forget`: erases the posts of this id or link; returns how many. The errors of
// IngestStage::Forget().
absl::StatusOr<int64_t> ForgetInCluster(const Config& config, std::string_view id_or_url);

}  // namespace keng::app

#endif  // KENG_APP_CLUSTER_CLUSTER_VIEW_H_
