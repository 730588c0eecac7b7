#ifndef KENG_INGEST_RFC3339_H_
#define KENG_INGEST_RFC3339_H_

// Times of the canonical post: RFC 3339 with 0 to 9 digits of fraction and the offset as Z, +hh:mm
// or +hhmm (Facebook's form). Written by hand because absl::ParseTime costs 1 us, a post has two of
// them, and the whole parser has a budget of 0.3 us.

#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace keng::ingest {

// nullopt: another form, or a field out of its range (month 13, 30 February). A leap second (:60)
// counts as the second after :59.
std::optional<absl::Time> ParseRfc3339(std::string_view text);

// ParseRfc3339 for times that are mostly of one day and in the form of AppendRfc3339: what is said
// of a date is kept for the next. One thread.
class Rfc3339Reader {
 public:
  std::optional<absl::Time> Parse(std::string_view text);

 private:
  char date_[11] = {};  // "2026-11-24T"
  absl::Time midnight_;
};

// Appends "2026-11-24T05:06:07.089Z": UTC, always milliseconds, rounded down. REQUIRES: the year is
// 0 to 9999.
void AppendRfc3339(absl::Time time, std::string& out);

}  // namespace keng::ingest

#endif  // KENG_INGEST_RFC3339_H_
