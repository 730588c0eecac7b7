#ifndef KENG_APP_CLUSTER_FILTER_HOST_H_
#define KENG_APP_CLUSTER_FILTER_HOST_H_

// The filter stage of a process: a FilterWorker and a thread for each partition of `posts` that it
// holds. A worker opens at the group's committed position and with the counters that stand there,
// so that a partition's counters go with it.
//
// Tests: tests/kafka/line_test.py.

#include <memory>

#include "app/assembly.h"
#include "app/cluster/stage_host.h"
#include "app/cluster/worker_slots.h"
#include "filters/rules/rule_source.h"

namespace keng::app {

class FilterHost final : public StageHost {
 public:
  struct Parts {
    stream::Streams& streams;
    const Territory& territory;
    filters::RuleSource& rules;
    base::Metrics& metrics;
    std::function<void(const std::string&, const absl::Status&)> on_failure;
  };
  FilterHost(filters::FilterOptions options, Parts parts);

  std::string_view name() const override { return "filter"; }
  absl::Status Gain(const std::vector<int>& partitions) override;
  absl::Status Tend() override { return slots_.Tend(); }
  void Lose() override { slots_.CloseAll(); }
  std::vector<std::string> trouble() const override { return slots_.trouble(); }
  bool idle() const override { return slots_.idle(); }

 private:
  const filters::FilterOptions options_;
  const Parts parts_;
  WorkerSlots slots_;
};

}  // namespace keng::app

#endif  // KENG_APP_CLUSTER_FILTER_HOST_H_
