#ifndef KENG_APP_DEMO_LINE_H_
#define KENG_APP_DEMO_LINE_H_

// What the demo's evening runs through: all stages in this process, over embedded streams or, where
// the configuration has streams.kafka, over topics that are made for it.
//
// Life cycle: Open(), Start(), Stop(); status() at any time, also after Stop().
// Threads: those of app/pipeline.h or app/cluster/cluster_process.h; the functions belong to one.
// Tests: tests/demo/demo_test.py.

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "app/config.h"
#include "app/pipeline.h"

namespace keng::app {

class DemoLine {
 public:
  static absl::StatusOr<std::unique_ptr<DemoLine>> Open(const Config& config,
                                                        const PipelineEnvironment& environment);
  virtual ~DemoLine() = default;

  virtual absl::Status Start() = 0;
  virtual absl::Status Stop() = 0;
  // Unavailable: the brokers do not answer.
  virtual absl::StatusOr<PipelineStatus> status() = 0;
};

}  // namespace keng::app

#endif  // KENG_APP_DEMO_LINE_H_
