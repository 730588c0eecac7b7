#include "app/demo_line.h"

#include <utility>
#include <vector>

#include "app/cluster/cluster_process.h"
#include "app/cluster/cluster_view.h"
#include "app/open_streams.h"
#include "base/check.h"
#include "stream/kafka/kafka_streams.h"

namespace keng::app {

namespace {

class EmbeddedLine final : public DemoLine {
 public:
  explicit EmbeddedLine(std::unique_ptr<Pipeline> pipeline) : pipeline_(std::move(pipeline)) {}
  absl::Status Start() override { return pipeline_->Start(); }
  absl::Status Stop() override { return pipeline_->Stop(); }
  absl::StatusOr<PipelineStatus> status() override { return pipeline_->status(); }

 private:
  const std::unique_ptr<Pipeline> pipeline_;
};

class ClusterLine final : public DemoLine {
 public:
  ClusterLine(Config config, std::unique_ptr<stream::Streams> view,
              std::unique_ptr<ClusterProcess> process)
      : config_(std::move(config)), view_(std::move(view)), process_(std::move(process)) {}
  absl::Status Start() override { return process_->Start(); }
  absl::Status Stop() override { return process_->Stop(); }
  absl::StatusOr<PipelineStatus> status() override { return ReadClusterStatus(config_, *view_); }

 private:
  const Config config_;
  const std::unique_ptr<stream::Streams> view_;
  const std::unique_ptr<ClusterProcess> process_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<DemoLine>> DemoLine::Open(const Config& config,
                                                         const PipelineEnvironment& environment) {
  if (StreamsHaveOneOwner(config)) {
    KENG_ASSIGN_OR_RETURN(auto pipeline, Pipeline::Open(config, environment));
    return std::make_unique<EmbeddedLine>(std::move(pipeline));
  }
  KENG_RETURN_IF_ERROR(stream::CreateTopics(ClusterOptions(config)).status());
  KENG_ASSIGN_OR_RETURN(auto view, OpenStreams(config, *environment.clock, nullptr));
  KENG_ASSIGN_OR_RETURN(
      auto process,
      ClusterProcess::Open(config, {Stage::kAlert, Stage::kFilter, Stage::kIngest}, environment));
  return std::make_unique<ClusterLine>(config, std::move(view), std::move(process));
}

}  // namespace keng::app
