#ifndef KENG_BASE_CRASH_POINT_H_
#define KENG_BASE_CRASH_POINT_H_

// Named durable points at which a crash test can kill the process, as `kill -9` would: no
// destructor, no flush. Off unless the environment names one:
//
//   KENG_CRASH_POINT=alerting.after_commit      the first time that the point is passed
//   KENG_CRASH_POINT=alerting.after_commit:7    the seventh time
//
// In the code:  KENG_CRASH_POINT("alerting.after_commit");
//
// Names are "<stage>.<where>". The environment is read once. Thread-safe. A point that is not named
// costs one load and one compare.

#include <string_view>

namespace keng::base {

// Kills the process when `name` is the point that the environment names and the count is reached.
void PassCrashPoint(std::string_view name);

}  // namespace keng::base

#define KENG_CRASH_POINT(name) ::keng::base::PassCrashPoint(name)

#endif  // KENG_BASE_CRASH_POINT_H_
