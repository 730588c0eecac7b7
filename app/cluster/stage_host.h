#ifndef KENG_APP_CLUSTER_STAGE_HOST_H_
#define KENG_APP_CLUSTER_STAGE_HOST_H_

// One stage of a process, over the partitions that the process holds at the moment.
//
// Threads: Gain(), Tend(), Lose() and Finish() belong to the thread of the MemberLoop; the rest may
// be called by any. Implementations: the other files of this folder.

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "app/pipeline.h"
#include "net/http_server.h"

namespace keng::app {

class StageHost {
 public:
  virtual ~StageHost() = default;

  // "filter": of metrics, sockets and logs.
  virtual std::string_view name() const = 0;

  // Opens what works on `partitions`. Unavailable or ResourceExhausted: not now; it is called again
  // with the same. Others end the process.
  virtual absl::Status Gain(const std::vector<int>& partitions) = 0;
  // Called a few times a second, with or without partitions: opens again what had to be closed.
  virtual absl::Status Tend() = 0;
  // Ends all work on the partitions. What was begun is finished or forgotten, never half committed.
  // Nothing runs when it returns but what does not end in its time (a call of a channel): that is
  // kept until it does, and Gain() of its partition is Unavailable so long.
  virtual void Lose() = 0;
  // After Lose(), when the process ends: waits for what did not end. DeadlineExceeded: it still
  // runs.
  virtual absl::Status Finish() { return absl::OkStatus(); }

  // What is not well, a line each.
  virtual std::vector<std::string> trouble() const = 0;
  // All that it holds has been worked off, as far as it knows.
  virtual bool idle() const = 0;
  // Every source has ended; false for stages that never end.
  virtual bool finished() const { return false; }
  // What it answers on the admin socket beside what every process does.
  virtual std::vector<net::HttpRoute> Routes() { return {}; }
};

}  // namespace keng::app

#endif  // KENG_APP_CLUSTER_STAGE_HOST_H_
