#ifndef KENG_APP_CLUSTER_ALERT_HOST_H_
#define KENG_APP_CLUSTER_ALERT_HOST_H_

// The alerting stage of a process: for each partition of the inbox that it holds, its state
// (alerting/partition_owner.h), the worker that folds it, and the channels. Taking a partition over
// is: shut out the owner before, bring the local store to the end of `state`, go on in the inbox.
//
// The local store is DATA_DIR/alert-INSTANCE/inbox-PARTITION: a cache of `state`, which makes the
// return to the same machine fast. It may be deleted while the process is down.
//
// Tests: tests/kafka/line_test.py, tests/chaos/.

#include <memory>

#include "app/assembly.h"
#include "app/cluster/stage_host.h"
#include "app/cluster/worker_slots.h"

namespace keng::app {

class AlertHost final : public StageHost {
 public:
  struct Parts {
    const Config& config;
    const PipelineEnvironment& environment;
    stream::Streams& streams;
    const Territory& territory;
    base::Metrics& metrics;
    std::function<void(const std::string&, const absl::Status&)> on_failure;
  };
  explicit AlertHost(Parts parts);

  std::string_view name() const override { return "alert"; }
  absl::Status Gain(const std::vector<int>& partitions) override;
  absl::Status Tend() override { return slots_.Tend(); }
  void Lose() override { slots_.CloseAll(); }
  absl::Status Finish() override { return slots_.Finish(); }
  std::vector<std::string> trouble() const override { return slots_.trouble(); }
  bool idle() const override { return slots_.idle(); }

 private:
  const Parts parts_;
  WorkerSlots slots_;
};

}  // namespace keng::app

#endif  // KENG_APP_CLUSTER_ALERT_HOST_H_
