#include "tests/simulation/simulation.h"

#include <utility>

#include "tests/simulation/checks.h"
#include "tests/simulation/world.h"

namespace keng::simulation {

Figures& Figures::operator+=(const Figures& other) {
  steps += other.steps;
  lines += other.lines;
  inbox_records += other.inbox_records;
  stories += other.stories;
  messages += other.messages;
  sent_again += other.sent_again;
  takeovers += other.takeovers;
  restored += other.restored;
  texts_outdated += other.texts_outdated;
  return *this;
}

Outcome Simulate(Territory& territory, uint64_t seed, Keep keep) {
  World world(territory, seed, keep);
  world.Run();
  world.Heal();
  // What is said of a line that did not run dry would only be noise.
  if (world.outcome().violations.empty()) CheckAll(world);
  return std::move(world.outcome());
}

}  // namespace keng::simulation
