#ifndef KENG_APP_DOCTOR_H_
#define KENG_APP_DOCTOR_H_

// `keng doctor`: looks at everything that `keng run` needs, changes nothing, and says for each
// thing whether it is there and what to do when it is not.

#include <ostream>

#include "app/config.h"

namespace keng::app {

// Returns the exit status: 0 when all is well, 1 when something would keep keng from running.
int RunDoctor(const Config& config, std::ostream& out);

}  // namespace keng::app

#endif  // KENG_APP_DOCTOR_H_
