#ifndef KENG_TESTS_SIMULATION_PROCESS_H_
#define KENG_TESTS_SIMULATION_PROCESS_H_

// The processes of the simulation: the real stages, in the objects that app/cluster/ keeps them in
// but without its threads. A process does one thing at a time, when it is stepped. Destroying it is
// kill -9: nothing of it writes on its way out.
//
// Statuses of a step are those that its process would act upon: Unavailable, ResourceExhausted and
// Aborted have been dealt with as app/cluster/ does, and are told only to be counted; any other
// would have ended the process, which no fault here should do.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "alerting/channels/channel.h"
#include "alerting/partition_owner.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "stream/membership.h"
#include "stream/stream.h"
#include "tests/simulation/territory.h"
#include "tests/simulation/town.h"

namespace rocksdb {
class Env;
}

namespace keng::simulation {

enum class Stage : uint8_t { kIngest, kFilter, kAlert };

// What a process lives in.
class Surroundings {
 public:
  virtual ~Surroundings() = default;
  virtual Territory& territory() = 0;
  virtual Town& town() = 0;
  virtual const base::Clock& clock() = 0;
  virtual rocksdb::Env* disks() = 0;
  // Which rule set is in force in the process.
  virtual int rules_of(const std::string& process) = 0;
  // The folder of its local store.
  virtual std::string folder_of(const std::string& process) = 0;
  // A partition of the inbox was taken over.
  virtual void TakenOver(const std::string& process, const alerting::PartitionOwner& owner) = 0;
  virtual alerting::SendResult Send(const std::string& process,
                                    const alerting::Message& message) = 0;
  virtual bool CanEdit() const = 0;
  // Of all alerting processes together: a process takes its own with it.
  virtual base::Metrics& alerting_metrics() = 0;
};

class Process {
 public:
  // `streams` are those of this process.
  Process(std::string name, std::unique_ptr<stream::Streams> streams, Surroundings& surroundings);
  virtual ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // One thing that `random` chooses. What it was, in `what`.
  absl::Status Step(uint64_t random, std::string& what);

  const std::string& name() const { return name_; }
  stream::Streams& streams() { return *streams_; }

 protected:
  // What is run for one partition. Destruction closes it.
  class Slot {
   public:
    virtual ~Slot() = default;
    virtual absl::Status Step(uint64_t random) = 0;
  };

  virtual std::string_view reader() const = 0;
  virtual stream::StreamId divided() const = 0;
  virtual absl::Status Prepare() { return absl::OkStatus(); }
  virtual std::vector<int> SlotsOf(const std::vector<int>& partitions) { return partitions; }
  virtual absl::StatusOr<std::unique_ptr<Slot>> Open(int slot) = 0;

  Surroundings& world() { return surroundings_; }
  void CloseAll() { slots_.clear(); }

 private:
  absl::Status StepMember(std::string& what);
  absl::Status Tend();

  const std::string name_;
  Surroundings& surroundings_;
  const std::unique_ptr<stream::Streams> streams_;
  std::unique_ptr<stream::Membership> member_;
  bool is_gaining_ = false;
  bool is_holding_ = false;
  std::map<int, std::unique_ptr<Slot>> slots_;
  std::map<int, absl::Time> shut_out_at_;
};

std::unique_ptr<Process> MakeProcess(Stage stage, std::string name,
                                     std::unique_ptr<stream::Streams> streams,
                                     Surroundings& surroundings);

// Of an alerting process; null while it owns nothing.
alerting::PartitionOwner* OwnerIn(Process& process);

}  // namespace keng::simulation

#endif  // KENG_TESTS_SIMULATION_PROCESS_H_
