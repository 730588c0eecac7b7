#ifndef KENG_NET_BACKOFF_H_
#define KENG_NET_BACKOFF_H_

// How long to wait before the next attempt: exponential back-off with full jitter (M. Brooker,
// "Exponential Backoff And Jitter", AWS Architecture Blog, 2015), and the peer's own word
// (Retry-After), which is a minimum. Pure functions: the caller brings the random number, so that a
// seed repeats a run.

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/time/time.h"

namespace keng::net {

struct BackoffOptions {
  absl::Duration base = absl::Seconds(1);  // upper bound of the first delay
  absl::Duration cap = absl::Minutes(5);   // upper bound of every delay
};

// A delay drawn evenly from [0, min(cap, base * 2^(attempt - 1))], `attempt` counted from 1.
// `random` is any 64 random bits; the same bits give the same delay. REQUIRES: attempt >= 1, base >
// 0.
absl::Duration FullJitter(const BackoffOptions& options, int attempt, uint64_t random);

// As FullJitter, but never below what the peer asked for; `asked` is bounded by `asked_max` so that
// a broken peer cannot silence us for a year.
absl::Duration NextDelay(const BackoffOptions& options, int attempt, uint64_t random,
                         std::optional<absl::Duration> asked,
                         absl::Duration asked_max = absl::Hours(24));

// The value of a Retry-After header (RFC 9110, section 10.2.3): delta seconds or an HTTP date,
// which is compared with `now`. nullopt when it is neither; a date in the past is zero.
std::optional<absl::Duration> ParseRetryAfter(std::string_view value, absl::Time now);

}  // namespace keng::net

#endif  // KENG_NET_BACKOFF_H_
