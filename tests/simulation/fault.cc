#include "tests/simulation/fault.h"

namespace keng::simulation {

std::string_view FaultName(Fault fault) {
  constexpr std::string_view kNames[] = {"killed_idle",
                                         "killed_before_write",
                                         "killed_in_write",
                                         "killed_after_write",
                                         "killed_before_append",
                                         "killed_after_append",
                                         "killed_before_send",
                                         "killed_after_send",
                                         "stalled",
                                         "zombie",
                                         "shut_out",
                                         "write_refused",
                                         "write_unreachable",
                                         "write_broken",
                                         "write_unanswered",
                                         "append_unreachable",
                                         "append_unanswered",
                                         "corked",
                                         "rebalanced",
                                         "machine_lost",
                                         "disk_full",
                                         "clock_ahead",
                                         "clock_back",
                                         "compacted",
                                         "channel_refused",
                                         "channel_busy",
                                         "channel_unanswered",
                                         "channel_unreachable",
                                         "channel_permanent",
                                         "replayed",
                                         "rules_swapped",
                                         "line_repeated",
                                         "line_reordered",
                                         "line_broken",
                                         "post_edited",
                                         "post_deleted"};
  static_assert(sizeof(kNames) / sizeof(kNames[0]) == kFaults);
  return kNames[static_cast<size_t>(fault)];
}

}  // namespace keng::simulation
