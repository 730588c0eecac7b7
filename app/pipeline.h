#ifndef KENG_APP_PIPELINE_H_
#define KENG_APP_PIPELINE_H_

// `keng run`: all stages in one process over embedded streams. This is where everything is wired to
// everything.
//
// Life cycle: Open() builds and checks all parts and starts nothing; Start() starts them against
// the direction of the flow (channels first, sources last); Stop() stops them along it. kill -9 at
// any point is as safe as Stop().
//
// Threads: those of ARCHITECTURE.md. status(), ready() and the admin functions may be called by any
// thread.

#include <array>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "alerting/channels/channel_table.h"
#include "app/config.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "filters/filter_worker.h"

namespace keng::app {

struct PipelineEnvironment {
  const base::Clock* clock = nullptr;
  std::ostream* terminal = nullptr;  // where terminal channels write
  std::ostream* progress = nullptr;  // where files read once show how far they are; null: nowhere
  alerting::ChannelEnvironment::Colours colours = alerting::ChannelEnvironment::Colours::kNo;
  // A stage met corruption or a failed sync and has ended: the owner must Stop() and exit with 1.
  // Called by any thread.
  std::function<void(const std::string& stage, const absl::Status& status)> on_failure;
};

// Whether what one stage writes and its counters are one write. Where they are not (Kafka), a stage
// that dies between the two writes again what it had written: the next stage then meets more than
// was counted, never less, and knows the second for what it is.
enum class Counting : uint8_t { kExact, kAtLeast };

// What `keng top` shows: the counters of every stage, which must agree when idle.
struct PipelineStatus {
  Counting counting = Counting::kExact;
  struct Ingest {
    int64_t lines = 0, stored = 0, duplicate = 0, dropped = 0;
    int64_t expanded = 0;  // records beside the lines: deletions of the posts of a deleted account
  } ingest;
  filters::FilterCounts filters;
  std::map<std::string, int64_t> alerting;  // outcome -> records
  int64_t lag = 0;                          // records that a reader has still to process
  int64_t alerts_pending = 0;               // alerts that some channel has still to take
  std::vector<std::string> trouble;         // what refuses a stage's steps at the moment
  bool sources_idle = false;                // every source has handed over all it has now
  // Everything that came in has been dealt with.
  bool idle() const { return sources_idle && lag == 0 && alerts_pending == 0; }
};

struct Readiness {
  bool ready = false;
  std::string detail;  // one line a finding, for people
};

class Pipeline {
 public:
  // Every problem of configuration, rules, places, cells, keys, channels and sources is found here.
  static absl::StatusOr<std::unique_ptr<Pipeline>> Open(const Config& config,
                                                        const PipelineEnvironment& environment);
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  absl::Status Start();
  // Runs every step whatever the others say; returns the first error.
  absl::Status Stop();

  // Every source has ended (files read once, standard input).
  bool sources_finished() const;
  PipelineStatus status() const;
  Readiness readiness() const;
  // Retention, compaction, rule reload: what the maintenance thread does each second, for tests
  // with a clock of their own.
  absl::Status Maintain();
  base::Metrics& metrics();

 private:
  struct Parts;
  explicit Pipeline(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

// Where the running program listens for the commands of its operator.
std::string AdminSocketPath(const Config& config);

// {"ingest":{...},"filters":{"outcomes":{...},"hits":n,...},"alerting":{...},"lag":n,...,"idle":b}
std::string StatusJson(const PipelineStatus& status);
// The same as a table for people, with a last line that says whether the sums agree.
std::string StatusText(const PipelineStatus& status);
// What stands in a stream beyond what its writers have counted: 0 where counting is exact, and
// otherwise as many as were written a second time. Of `posts` the filters are writers too
// (filters::RestoredPosts).
struct Repeats {
  int64_t posts = 0;
  int64_t hits = 0;
};
Repeats CountRepeats(const PipelineStatus& status);
// The first disagreement between two stages, or "". REQUIRES: status.idle().
std::string Disagreement(const PipelineStatus& status);

}  // namespace keng::app

#endif  // KENG_APP_PIPELINE_H_
