#include "app/stop_signal.h"

#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <csignal>

#include "base/check.h"

namespace keng::app {

namespace {

// A signal handler can reach nothing but globals; these two are its mailbox. The pipe makes the
// wait race-free.
std::atomic<int> requests{0};
int pipe_ends[2] = {-1, -1};

void Post() {
  const char byte = 's';
  // A full pipe holds a byte already, which is all that a waiter needs.
  [[maybe_unused]] const ssize_t written = write(pipe_ends[1], &byte, 1);
}

void OnSignal(int) {
  if (requests.fetch_add(1) > 0) _exit(130);
  Post();
}

}  // namespace

StopSignal::StopSignal() {
  KENG_CHECK(pipe_ends[0] == -1, "a second StopSignal");
  KENG_CHECK(pipe(pipe_ends) == 0, "no pipe");
  requests = 0;
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

StopSignal::~StopSignal() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
  close(pipe_ends[0]);
  close(pipe_ends[1]);
  pipe_ends[0] = pipe_ends[1] = -1;
}

bool StopSignal::requested() const { return requests.load() > 0; }

void StopSignal::Request() const {
  requests.fetch_add(1);
  Post();
}

void StopSignal::Wait(absl::Duration timeout) const {
  pollfd wait = {.fd = pipe_ends[0], .events = POLLIN, .revents = 0};
  const int milliseconds = timeout == absl::InfiniteDuration()
                               ? -1
                               : static_cast<int>(absl::ToInt64Milliseconds(timeout));
  while (!requested()) {
    if (poll(&wait, 1, milliseconds) == 0) return;
  }
}

}  // namespace keng::app
