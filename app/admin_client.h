#ifndef KENG_APP_ADMIN_CLIENT_H_
#define KENG_APP_ADMIN_CLIENT_H_

// The other end of the admin socket: one request to the running program. HTTP/1.1 over a
// unix-domain socket in the data folder (mode 0600), so that the file system decides who may.

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace keng::app {

struct AdminAnswer {
  int status = 0;  // of HTTP
  std::string body;
  std::string next;  // the header X-Keng-Next: where a tap goes on
};

// Sends one request and waits for its answer, at most `deadline`.
// NotFound: nothing listens at `socket_path` (keng is not running there); DeadlineExceeded;
// Unavailable: it broke off.
absl::StatusOr<AdminAnswer> CallAdmin(const std::string& socket_path, std::string_view method,
                                      std::string_view target, std::string_view body,
                                      absl::Duration deadline = absl::Seconds(30));

}  // namespace keng::app

#endif  // KENG_APP_ADMIN_CLIENT_H_
