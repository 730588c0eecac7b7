#ifndef KENG_TESTS_SIMULATION_SIMULATION_H_
#define KENG_TESTS_SIMULATION_SIMULATION_H_

// A seeded simulation of the whole line: two ingest, three filter and two alerting processes with
// the real stages in them, over streams, clock, disks and channels in memory, in one thread. The
// seed decides what people write, who does the next step, and what goes wrong where; the same seed
// gives the same run, to the byte of its trace. Which faults a seed has and how often is drawn,
// too, so that some runs meet one kind many times and others meet all; every eighth has none.
//
// A process is killed by an exception thrown out of its call of the streams or the channel, with
// all that it has done so far and nothing more; it is stalled (SIGSTOP, a long pause of its
// machine) by letting others act within that call. What killing between two instructions of its own
// could show beyond that is left to tests/crash/.
//
// In the end everything heals, the line runs dry, and tests/simulation/checks.h looks at what is
// left.
//
// Threads: one, but for RocksDB's own, on which nothing that is observed here depends.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/simulation/fault.h"
#include "tests/simulation/territory.h"

namespace keng::simulation {

struct Figures {
  int64_t steps = 0;
  int64_t lines = 0;
  int64_t inbox_records = 0;
  int64_t stories = 0;
  int64_t messages = 0;        // accepted by the channel
  int64_t sent_again = 0;      // of those, alerts that it had accepted before
  int64_t takeovers = 0;       // of the inbox's partition
  int64_t restored = 0;        // posts that filters appended again behind an outdated state
  int64_t texts_outdated = 0;  // put right in `texts` by alerting

  Figures& operator+=(const Figures& other);
};

struct Outcome {
  std::vector<std::string> violations;  // empty: everything holds
  FaultCounts faults;
  Figures figures;
  uint64_t trace_hash = 0;
  std::vector<std::string> trace;  // with Keep::kTrace
};

enum class Keep : uint8_t { kNothing, kTrace };

Outcome Simulate(Territory& territory, uint64_t seed, Keep keep);

}  // namespace keng::simulation

#endif  // KENG_TESTS_SIMULATION_SIMULATION_H_
