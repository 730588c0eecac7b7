#ifndef KENG_TESTS_SIMULATION_WORLD_H_
#define KENG_TESTS_SIMULATION_WORLD_H_

// One run of the simulation: the machines, what they share, and the scheduler. Simulate()
// (simulation.h) makes one, runs it, lets it heal and has it checked.

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "stream/testing/memory_cluster.h"
#include "tests/simulation/memory_disk.h"
#include "tests/simulation/process.h"
#include "tests/simulation/simulation.h"
#include "tests/simulation/town.h"

namespace keng::simulation {

// How often, in 10,000: of the chances that each kind has.
struct Rates {
  int kill_idle = 0, kill_in_call = 0, stall_in_call = 0, stall_idle = 0;
  int write = 0, append = 0;
  int cork = 0, rebalance = 0, machine = 0, disk = 0, clock = 0, compact = 0, rules = 0;
  int channel = 0;
};
// Every eighth seed: none. Else each is drawn to be off, rare or frequent.
Rates DrawRates(uint64_t seed, std::mt19937_64& random);

// What the channel has accepted.
struct Sent {
  std::vector<std::string> alerts;  // the message's own, or all that a digest tells
  bool is_digest = false;
};

class World final : public Surroundings, public stream::MemoryCluster::Faults {
 public:
  World(Territory& territory, uint64_t seed, Keep keep);
  ~World() override;

  // The part with faults.
  void Run();
  // Ends all faults and goes on until nothing is left to do. A violation when that takes too long.
  void Heal();

  Outcome& outcome() { return outcome_; }
  void Violate(std::string what) { outcome_.violations.push_back(std::move(what)); }

  // For the checks.
  stream::MemoryStreams& streams() { return streams_; }
  const std::vector<Sent>& sent() const { return sent_; }
  // How often an alert may have been sent a second time: deliveries in flight at a takeover, and
  // those whose acceptance the channel did not tell.
  int64_t repeats_allowed() const { return maybe_sent_again_ + unanswered_; }
  bool is_faultless() const { return is_faultless_; }
  // Null when nobody owns the inbox.
  alerting::PartitionOwner* owner();
  std::unique_ptr<stream::Streams> Join(const std::string& process) {
    return cluster_.Open(process);
  }

  Territory& territory() override { return territory_; }
  Town& town() override { return town_; }
  const base::Clock& clock() override { return clock_; }
  rocksdb::Env* disks() override { return disk_.environment(); }
  int rules_of(const std::string& process) override;
  std::string folder_of(const std::string& process) override;
  void TakenOver(const std::string& process, const alerting::PartitionOwner& owner) override;
  alerting::SendResult Send(const std::string& process, const alerting::Message& message) override;
  bool CanEdit() const override { return can_edit_; }
  base::Metrics& alerting_metrics() override { return alerting_metrics_; }

  void At(const std::string& process, stream::MemoryCluster::Point point) override;
  stream::MemoryCluster::WriteFate OnWrite(const std::string& process,
                                           const stream::WriteSet& set) override;
  stream::MemoryCluster::AppendFate OnAppend(const std::string& process) override;

 private:
  using Point = stream::MemoryCluster::Point;

  struct Machine {
    std::string name;
    Stage stage;
    std::unique_ptr<Process> process;  // null: dead
    int rules = 0;
    int folder = 0;          // goes up when the machine is lost
    int64_t restart_at = 0;  // dead: the step at which it comes back
    int64_t evict_at = 0;    // the step at which its session ends; 0: never
    int64_t stalled_until = 0;
    bool is_stalled = false;
    bool is_evicted = false;  // while it stood still
    bool is_in_call = false;  // below us on the stack
  };

  uint64_t Below(uint64_t n) { return random_() % n; }
  bool Chance(int rate) { return rate > 0 && Below(10'000) < static_cast<uint64_t>(rate); }
  void Trace(std::string line);
  void Count(Fault fault) { outcome_.faults.Add(fault); }
  Machine& machine(const std::string& name);
  void Start(Machine& machine);
  void Kill(Machine& machine, Fault fault);
  void StepSomebody();
  void StepMachine(Machine& machine);
  void Intervene();
  void InterveneInStreams();
  void Wake(Machine& machine);
  void Due();
  void MaybeKill(Fault fault);
  void MaybeStall(const std::string& process);
  void LookAtInbox();
  void ReplayDead();
  std::string Left();
  void CheckText(const alerting::Message& message);

  Territory& territory_;
  const Keep keep_;
  Outcome outcome_;
  std::mt19937_64 random_;
  Rates rates_;
  bool is_faultless_ = false;
  bool can_edit_ = false;
  base::FakeClock clock_{kStart};
  base::Metrics alerting_metrics_;
  Town town_;
  MemoryDisk disk_;
  stream::MemoryStreams streams_;
  stream::MemoryCluster cluster_;
  std::vector<Machine> machines_;
  int64_t step_ = 0;
  int depth_ = 0;  // of stalls in calls
  bool is_corked_ = false;
  int64_t uncork_at_ = 0;
  int64_t empty_disk_at_ = 0;
  int64_t disk_refused_ = 0;

  std::unique_ptr<stream::Reader> inbox_tap_;
  std::vector<Sent> sent_;
  std::map<std::string, int64_t> sent_count_;
  int64_t maybe_sent_again_ = 0;
  int64_t unanswered_ = 0;
};

}  // namespace keng::simulation

#endif  // KENG_TESTS_SIMULATION_WORLD_H_
