#include "ingest/rfc3339.h"

#include <cstdint>
#include <cstring>

#include "base/check.h"

namespace keng::ingest {
namespace {

// Days from 1970-01-01 in the proleptic Gregorian calendar (Howard Hinnant, chrono-Compatible
// Low-Level Date Algorithms), and back.
int64_t DaysFromCivil(int64_t year, int month, int day) {
  year -= month <= 2;
  const int64_t era = (year >= 0 ? year : year - 399) / 400;
  const int64_t year_of_era = year - era * 400;
  const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 719468;
}

struct Civil {
  int64_t year;
  int month, day;
};
Civil CivilFromDays(int64_t days) {
  days += 719468;
  const int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  const int64_t day_of_era = days - era * 146097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t shifted_month = (5 * day_of_year + 2) / 153;
  const int day = static_cast<int>(day_of_year - (153 * shifted_month + 2) / 5 + 1);
  const int month = static_cast<int>(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
  return {year_of_era + era * 400 + (month <= 2), month, day};
}

int DaysInMonth(int year, int month) {
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : kDays[month - 1];
}

// `count` digits at `at`; -1 when one of them is none.
int Digits(const char* at, int count) {
  int value = 0;
  for (int i = 0; i < count; ++i) {
    const unsigned digit = static_cast<unsigned char>(at[i]) - static_cast<unsigned>('0');
    if (digit > 9) return -1;
    value = value * 10 + static_cast<int>(digit);
  }
  return value;
}

void AppendDigits(int64_t value, int count, std::string& out) {
  char digits[8];
  for (int i = count - 1; i >= 0; --i) {
    digits[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  out.append(digits, static_cast<size_t>(count));
}

// Seconds east of UTC of what follows the seconds and their fraction.
std::optional<int> ParseOffset(std::string_view text) {
  if (text == "Z" || text == "z") return 0;
  if (text.size() != 5 && text.size() != 6) return std::nullopt;
  if (text[0] != '+' && text[0] != '-') return std::nullopt;
  if (text.size() == 6 && text[3] != ':') return std::nullopt;
  const int hours = Digits(text.data() + 1, 2);
  const int minutes = Digits(text.data() + text.size() - 2, 2);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return std::nullopt;
  const int seconds = hours * 3600 + minutes * 60;
  return text[0] == '-' ? -seconds : seconds;
}

}  // namespace

std::optional<absl::Time> ParseRfc3339(std::string_view text) {
  constexpr size_t kToSeconds = 19;  // "2026-11-24T05:06:07"
  if (text.size() <= kToSeconds) return std::nullopt;
  const char* at = text.data();
  if (at[4] != '-' || at[7] != '-' || at[13] != ':' || at[16] != ':') return std::nullopt;
  if (at[10] != 'T' && at[10] != 't' && at[10] != ' ') return std::nullopt;
  const int year = Digits(at, 4), month = Digits(at + 5, 2), day = Digits(at + 8, 2);
  const int hour = Digits(at + 11, 2), minute = Digits(at + 14, 2), second = Digits(at + 17, 2);
  if (year < 0 || month < 1 || month > 12 || day < 1 || day > DaysInMonth(year, month))
    return std::nullopt;
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60)
    return std::nullopt;

  size_t end = kToSeconds;
  int64_t nanoseconds = 0;
  if (at[end] == '.') {
    int64_t scale = 100'000'000;
    const size_t begin = ++end;
    for (; end < text.size() && at[end] >= '0' && at[end] <= '9'; ++end) {
      if (end - begin >= 9) return std::nullopt;
      nanoseconds += (at[end] - '0') * scale;
      scale /= 10;
    }
    if (end == begin) return std::nullopt;
  }
  const std::optional<int> offset = ParseOffset(text.substr(end));
  if (!offset.has_value()) return std::nullopt;
  const int64_t seconds =
      DaysFromCivil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - *offset;
  return absl::FromUnixSeconds(seconds) + absl::Nanoseconds(nanoseconds);
}

std::optional<absl::Time> Rfc3339Reader::Parse(std::string_view text) {
  constexpr size_t kSize = 24;  // "2026-11-24T05:06:07.089Z"
  const bool canonical = text.size() == kSize && text[13] == ':' && text[16] == ':' &&
                         text[19] == '.' && text[23] == 'Z';
  if (!canonical) return ParseRfc3339(text);
  const char* at = text.data();
  const int hour = Digits(at + 11, 2), minute = Digits(at + 14, 2), second = Digits(at + 17, 2);
  const int millisecond = Digits(at + 20, 3);
  const bool in_range = hour >= 0 && hour <= 23 && minute >= 0 && minute <= 59 && second >= 0 &&
                        second <= 60 && millisecond >= 0;
  if (!in_range) return std::nullopt;
  const absl::Duration of_day =
      absl::Milliseconds(((hour * 60 + minute) * 60 + second) * int64_t{1000} + millisecond);
  if (std::memcmp(at, date_, sizeof(date_)) == 0) return midnight_ + of_day;
  const std::optional<absl::Time> time = ParseRfc3339(text);
  if (time.has_value()) {
    std::memcpy(date_, at, sizeof(date_));
    midnight_ = *time - of_day;
  }
  return time;
}

void AppendRfc3339(absl::Time time, std::string& out) {
  const int64_t milliseconds = absl::ToUnixMillis(time);
  int64_t days = milliseconds / 86'400'000;
  int64_t rest = milliseconds % 86'400'000;
  if (rest < 0) {
    rest += 86'400'000;
    --days;
  }
  const Civil civil = CivilFromDays(days);
  KENG_CHECK(civil.year >= 0 && civil.year <= 9999, "year=", civil.year);
  AppendDigits(civil.year, 4, out);
  out.push_back('-');
  AppendDigits(civil.month, 2, out);
  out.push_back('-');
  AppendDigits(civil.day, 2, out);
  out.push_back('T');
  AppendDigits(rest / 3'600'000, 2, out);
  out.push_back(':');
  AppendDigits(rest / 60'000 % 60, 2, out);
  out.push_back(':');
  AppendDigits(rest / 1000 % 60, 2, out);
  out.push_back('.');
  AppendDigits(rest % 1000, 3, out);
  out.push_back('Z');
}

}  // namespace keng::ingest
