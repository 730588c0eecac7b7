#include "net/backoff.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>

#include "absl/time/civil_time.h"
#include "base/check.h"
#include "base/strings.h"

namespace keng::net {
namespace {

// The three forms of RFC 9110, section 5.6.7; the second and third are obsolete but must be read.
constexpr std::array<const char*, 3> kHttpDateFormats = {
    "%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y"};

}  // namespace

absl::Duration FullJitter(const BackoffOptions& options, int attempt, uint64_t random) {
  KENG_CHECK(attempt >= 1, "attempt ", attempt);
  KENG_CHECK(options.base > absl::ZeroDuration());
  // 2^40 times any base is beyond every cap; a larger shift would overflow.
  const int doublings = std::min(attempt - 1, 40);
  const absl::Duration bound =
      std::min(options.cap, options.base * static_cast<double>(uint64_t{1} << doublings));
  // The upper 53 bits make an even fraction in [0, 1].
  const double fraction =
      static_cast<double>(random >> 11) / static_cast<double>((uint64_t{1} << 53) - 1);
  return bound * fraction;
}

absl::Duration NextDelay(const BackoffOptions& options, int attempt, uint64_t random,
                         std::optional<absl::Duration> asked, absl::Duration asked_max) {
  const absl::Duration own = FullJitter(options, attempt, random);
  if (!asked.has_value()) return own;
  const absl::Duration minimum = std::clamp(*asked, absl::ZeroDuration(), asked_max);
  // On top of what was asked a part of our own delay is kept, so that many senders that were told
  // the same second do not come back in the same one.
  return std::max(own, minimum + std::min(own, options.base));
}

std::optional<absl::Duration> ParseRetryAfter(std::string_view value, absl::Time now) {
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
  if (value.empty() || value.size() > 64) return std::nullopt;
  int64_t seconds = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (end == value.data() + value.size()) {
    if (error == std::errc::result_out_of_range) return absl::InfiniteDuration();
    if (error == std::errc() && seconds >= 0) return absl::Seconds(seconds);
    return std::nullopt;
  }
  for (const char* format : kHttpDateFormats) {
    absl::Time time;
    std::string problem;
    if (absl::ParseTime(format, std::string(value), &time, &problem)) {
      return std::max(time - now, absl::ZeroDuration());
    }
  }
  return std::nullopt;
}

}  // namespace keng::net
