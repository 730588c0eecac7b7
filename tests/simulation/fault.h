#ifndef KENG_TESTS_SIMULATION_FAULT_H_
#define KENG_TESTS_SIMULATION_FAULT_H_

// What goes wrong in the simulation, and how often each of it took effect. A fault is counted where
// it takes effect and nowhere else: what was meant to happen and met nobody does not count.

#include <array>
#include <cstdint>
#include <string_view>

namespace keng::simulation {

enum class Fault : uint8_t {
  kKilledIdle,         // between two steps
  kKilledBeforeWrite,  // and so on: within a call of the streams, the changelog or the channel
  kKilledInWrite,
  kKilledAfterWrite,
  kKilledBeforeAppend,
  kKilledAfterAppend,  // the changelog has what the local store has not
  kKilledBeforeSend,
  kKilledAfterSend,  // the channel has accepted what nobody has recorded
  kStalled,          // stands still within a call while the others go on
  kZombie,           // and was evicted meanwhile
  kShutOut,          // a step ended with Aborted: another has the partition
  kWriteRefused,
  kWriteUnreachable,
  kWriteBroken,
  kWriteUnanswered,
  kAppendUnreachable,
  kAppendUnanswered,
  kCorked,
  kRebalanced,
  kMachineLost,  // the local store with it
  kDiskFull,     // the local store could not be written
  kClockAhead,
  kClockBack,
  kCompacted,
  kChannelRefused,
  kChannelBusy,
  kChannelUnanswered,   // accepted, and nobody knows
  kChannelUnreachable,  // not accepted, and nobody knows
  kChannelPermanent,    // refused for good: the delivery is dead
  kReplayed,            // somebody asked for dead deliveries again
  kRulesSwapped,
  kLineRepeated,
  kLineReordered,
  kLineBroken,
  kPostEdited,
  kPostDeleted,
};
inline constexpr int kFaults = static_cast<int>(Fault::kPostDeleted) + 1;
std::string_view FaultName(Fault fault);

class FaultCounts {
 public:
  void Add(Fault fault) { ++counts_[static_cast<size_t>(fault)]; }
  int64_t of(Fault fault) const { return counts_[static_cast<size_t>(fault)]; }
  FaultCounts& operator+=(const FaultCounts& other) {
    for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    return *this;
  }

 private:
  std::array<int64_t, kFaults> counts_{};
};

}  // namespace keng::simulation

#endif  // KENG_TESTS_SIMULATION_FAULT_H_
