#ifndef KENG_APP_CLUSTER_INGEST_HOST_H_
#define KENG_APP_CLUSTER_INGEST_HOST_H_

// The ingest stage of a process: the sources whose slot it holds. A source belongs to the partition
// of the stream `sources` that its name hashes to, in every process alike, so that a source has one
// owner and another takes it over at its resume point. What two owners in a row read twice is known
// to the second: it reads what the first stored before it begins.
//
// Tests: tests/kafka/line_test.py.

#include <memory>

#include "app/assembly.h"
#include "app/cluster/stage_host.h"
#include "app/cluster/worker_slots.h"

namespace keng::app {

class IngestHost final : public StageHost {
 public:
  struct Parts {
    const Config& config;
    const PipelineEnvironment& environment;
    stream::Streams& streams;
    ingest::IngestStage& stage;
    base::Metrics& metrics;
    std::function<void(const std::string&, const absl::Status&)> on_failure;
  };
  explicit IngestHost(Parts parts);

  std::string_view name() const override { return "ingest"; }
  absl::Status Gain(const std::vector<int>& partitions) override;
  absl::Status Tend() override { return slots_.Tend(); }
  void Lose() override { slots_.CloseAll(); }
  std::vector<std::string> trouble() const override { return slots_.trouble(); }
  bool idle() const override { return slots_.idle(); }
  bool finished() const override { return slots_.all_finished(); }

 private:
  const Parts parts_;
  WorkerSlots slots_;
};

}  // namespace keng::app

#endif  // KENG_APP_CLUSTER_INGEST_HOST_H_
