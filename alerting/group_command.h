#ifndef KENG_ALERTING_GROUP_COMMAND_H_
#define KENG_ALERTING_GROUP_COMMAND_H_

// `keng group`: near-duplicate grouping as a plain tool, with the sketches, the signature index and
// the comparison that incidents use. A post joins the group whose first post's text it repeats, so
// chains of likeness do not drift.

#include <cstddef>
#include <iosfwd>

namespace keng::alerting {

struct GroupOptions {
  size_t groups_max = 1'000'000;  // remembered; the oldest are forgotten, so that memory is bounded
};

// Posts as JSON lines on `in`; {"id","group"} a line on `out`, `group` being the id of the group's
// first post. A line that is no post is counted on `err`; the status is then 1.
int RunGroup(const GroupOptions& options, std::istream& in, std::ostream& out, std::ostream& err);

}  // namespace keng::alerting

#endif  // KENG_ALERTING_GROUP_COMMAND_H_
