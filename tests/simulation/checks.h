#ifndef KENG_TESTS_SIMULATION_CHECKS_H_
#define KENG_TESTS_SIMULATION_CHECKS_H_

// What must hold when a run has healed and run dry; each breach becomes a violation of the world.
//
//   stories       each story of the town is one open incident, with the posts that report it now,
//                 opened once, and its alert was accepted by the channel
//   second sends  no more than deliveries that were in flight at a takeover, or whose acceptance
//                 the channel did not tell
//   conservation  the counters of each stage add up to what the stage before has written
//   posts         the newest record of each post is its newest state, a deletion if it was deleted
//   fold          the incidents are those of a fold of the inbox from empty
//   state         what the changelog rebuilds on an empty machine is what the owner has
//   privacy       posts that were deleted, or edited so that they report nothing, have no text, and
//                 others the newest one, whatever a process has written that had lost its
//                 partition and did not know it yet

#include "tests/simulation/world.h"

namespace keng::simulation {

void CheckAll(World& world);

}  // namespace keng::simulation

#endif  // KENG_TESTS_SIMULATION_CHECKS_H_
