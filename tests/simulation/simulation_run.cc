// Runs seeds of the simulation and prints the seed and the trace of one that fails.
//
//   simulation_run [--seed S] [--runs N] [--trace yes]
//
// Seeds S, S+1, ..., S+N-1. Exit status: 0 everything holds, 1 not, 2 usage. The last line has the
// figures, before it how often each fault took effect.

#include <chrono>
#include <cstdint>
#include <iostream>
#include <string>
#include <string_view>

#include "absl/strings/numbers.h"
#include "base/log.h"
#include "base/strings.h"
#include "tests/simulation/simulation.h"

namespace keng::simulation {
namespace {

struct Options {
  uint64_t seed = 1;
  uint64_t runs = 1;
  Keep keep = Keep::kNothing;
};

bool Parse(int argc, char** argv, Options& options) {
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    const std::string_view value = argv[i + 1];
    if (name == "--trace" && value == "yes") {
      options.keep = Keep::kTrace;
    } else if (name == "--seed") {
      if (!absl::SimpleAtoi(base::ToAbsl(value), &options.seed)) return false;
    } else if (name == "--runs") {
      if (!absl::SimpleAtoi(base::ToAbsl(value), &options.runs)) return false;
    } else {
      return false;
    }
  }
  return argc % 2 == 1;
}

void PrintTrace(const Outcome& outcome) {
  for (const std::string& line : outcome.trace) std::cout << "  " << line << "\n";
}

int Run(const Options& options) {
  base::ConfigureLog(base::LogLevel::kOff, base::LogForm::kText);
  Territory territory;
  FaultCounts faults;
  Figures figures;
  uint64_t failed = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (uint64_t seed = options.seed; seed < options.seed + options.runs; ++seed) {
    const Outcome outcome = Simulate(territory, seed, options.keep);
    faults += outcome.faults;
    figures += outcome.figures;
    if (options.keep == Keep::kTrace) PrintTrace(outcome);
    if (outcome.violations.empty()) continue;
    // The first one in full; of the others the seed will do.
    if (++failed == 1 && options.keep == Keep::kNothing)
      PrintTrace(Simulate(territory, seed, Keep::kTrace));
    for (const std::string& violation : outcome.violations)
      std::cout << "seed " << seed << ": " << violation << std::endl;
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  for (int i = 0; i < kFaults; ++i) {
    const auto fault = static_cast<Fault>(i);
    std::cout << FaultName(fault) << " " << faults.of(fault) << "\n";
  }
  std::cout << options.runs << " runs from seed " << options.seed << ", " << failed << " failed, "
            << static_cast<double>(options.runs) / seconds << " runs/s; " << figures.steps
            << " steps, " << figures.lines << " lines, " << figures.inbox_records
            << " inbox records, " << figures.stories << " stories, " << figures.takeovers
            << " takeovers, " << figures.messages << " messages, " << figures.sent_again
            << " sent again, " << figures.restored << " posts restored, " << figures.texts_outdated
            << " texts put right\n";
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace keng::simulation

int main(int argc, char** argv) {
  keng::simulation::Options options;
  if (!keng::simulation::Parse(argc, argv, options)) {
    std::cerr << "usage: simulation_run [--seed S] [--runs N] [--trace yes]\n";
    return 2;
  }
  return keng::simulation::Run(options);
}
