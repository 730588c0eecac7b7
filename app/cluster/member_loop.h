#ifndef KENG_APP_CLUSTER_MEMBER_LOOP_H_
#define KENG_APP_CLUSTER_MEMBER_LOOP_H_

// Keeps a process in a consumer group and its StageHost at the partitions that it has there
// (stream/membership.h).
//
// A member that the group takes for a former one (Aborted) loses what it has and joins anew. When
// that happens again and again, two processes have one name, and the loop fails with
// FailedPrecondition.
//
// Life cycle: Start() joins; Stop() lets the host lose what it has and leaves. A member that has a
// name (streams.kafka.instance) keeps its partitions for the session timeout, so that a restart
// moves nothing.
//
// Threads: makes one, "member-STAGE". Start() and Stop() belong to one thread.
// Tests: app/cluster/member_loop_test.cc.

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "app/cluster/stage_host.h"
#include "app/stage_thread.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "stream/membership.h"
#include "stream/stream.h"

namespace keng::app {

class MemberLoop {
 public:
  // So often within this time, and it is no outage.
  static constexpr int kShutOutMax = 4;
  static constexpr absl::Duration kShutOutWithin = absl::Minutes(5);

  using OnFailure = std::function<void(const std::string& stage, const absl::Status& status)>;

  // The group is that of `reader` in `stream`. All must outlive the loop.
  MemberLoop(StageHost& host, stream::Streams& streams, std::string reader, stream::StreamId stream,
             base::Metrics& metrics);
  ~MemberLoop();
  MemberLoop(const MemberLoop&) = delete;
  MemberLoop& operator=(const MemberLoop&) = delete;

  absl::Status Start(OnFailure on_failure);
  // DeadlineExceeded: something that the host had begun still runs (StageHost::Finish()). A second
  // call is a no-op.
  absl::Status Stop();

  StageHost& host() { return host_; }
  // What is not well with the membership or the host, a line each.
  std::vector<std::string> trouble() const;
  // How many partitions are held; any thread.
  int held() const { return held_; }

  // One step of the thread, for tests without one.
  absl::StatusOr<int64_t> Step(absl::Duration wait);

 private:
  absl::Status Join();
  absl::Status ShutOut(const absl::Status& why);
  void Lose();

  StageHost& host_;
  stream::Streams& streams_;
  const std::string reader_;
  const stream::StreamId stream_;
  base::Metrics& metrics_;
  base::Counter shut_out_counter_;

  // Changed by the loop's thread, which reads it without the lock; Wake() is called under it.
  mutable base::Mutex mutex_;
  std::unique_ptr<stream::Membership> member_;
  // Changed by the thread that starts and stops, likewise.
  std::unique_ptr<StageThread> thread_;

  // Of the loop's thread.
  std::deque<absl::Time> shut_out_;  // at most kShutOutMax
  bool gaining_ = false;             // Gain() has to be called (again)
  std::atomic<int> held_{0};
};

}  // namespace keng::app

#endif  // KENG_APP_CLUSTER_MEMBER_LOOP_H_
