#ifndef KENG_APP_STOP_SIGNAL_H_
#define KENG_APP_STOP_SIGNAL_H_

// SIGINT and SIGTERM as something to wait for. While one exists, both signals are caught; a second
// signal after the first ends the process at once (status 130), so that an operator is never held
// by a stop that hangs.
//
// At most one at a time. Thread-safe.

#include "absl/time/time.h"

namespace keng::app {

class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  bool requested() const;
  // As if a signal had come: a stage failed.
  void Request() const;
  // Returns when requested, or after `timeout`.
  void Wait(absl::Duration timeout = absl::InfiniteDuration()) const;
};

}  // namespace keng::app

#endif  // KENG_APP_STOP_SIGNAL_H_
