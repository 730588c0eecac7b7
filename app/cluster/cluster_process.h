#ifndef KENG_APP_CLUSTER_CLUSTER_PROCESS_H_
#define KENG_APP_CLUSTER_CLUSTER_PROCESS_H_

// One process of the line over Kafka: one stage, or all of them. Everything that a stage shares
// with the others of its kind is in the streams, so that any number of processes of each stage may
// run; Kafka's groups divide the work.
//
// Life cycle: Open() builds and checks, Start() joins the groups (against the flow), Stop() leaves
// them along it. kill -9 at any point is as safe as Stop().
//
// Threads: those of app/cluster/member_loop.h and of the stages, and "upkeep" (retention, rules).

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "app/config.h"
#include "app/pipeline.h"

namespace keng::app {

enum class Stage : uint8_t { kIngest, kFilter, kAlert };
std::string_view StageName(Stage stage);

class ClusterProcess {
 public:
  // FailedPrecondition: streams.kafka is not configured. The errors of the stages.
  static absl::StatusOr<std::unique_ptr<ClusterProcess>> Open(
      const Config& config, std::vector<Stage> stages, const PipelineEnvironment& environment);
  ~ClusterProcess();
  ClusterProcess(const ClusterProcess&) = delete;
  ClusterProcess& operator=(const ClusterProcess&) = delete;

  absl::Status Start();
  // DeadlineExceeded: something did not end in its time: a call of a channel, for which the
  // destructor waits, or an HTTP request, which was cut off.
  absl::Status Stop();

  // It has ingest, every source that it holds has ended, and nothing else is held back by it.
  bool sources_finished() const;
  Readiness readiness() const;
  base::Metrics& metrics();

 private:
  struct Parts;
  explicit ClusterProcess(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace keng::app

#endif  // KENG_APP_CLUSTER_CLUSTER_PROCESS_H_
