#include "ingest/masking.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <iterator>

#include "ingest/post_parser.h"

namespace keng::ingest {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsAsciiLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsHigh(char c) { return static_cast<unsigned char>(c) >= 0x80; }
// A letter of any script, as far as it matters here.
bool IsWord(char c) { return IsAsciiLetter(c) || IsDigit(c) || c == '_' || IsHigh(c); }
char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// The position of the first byte at or after `at` that can begin something: a digit, '@', or 0xEF,
// with which full-width digits and @ begin. Eight bytes at a time: each test leaves the high bit of
// a byte set where it holds (bytes >= 0x80 may be reported falsely for '@' and digits never).
size_t NextCandidate(std::string_view text, size_t at) {
  constexpr uint64_t kOnes = 0x0101010101010101;
  constexpr uint64_t kHighs = 0x8080808080808080;
  const auto is = [](char c) { return IsDigit(c) || c == '@' || c == '\xef'; };
  for (; at + 8 <= text.size(); at += 8) {
    uint64_t word;
    std::memcpy(&word, text.data() + at, 8);
    const uint64_t low = word & ~kHighs;
    // low + (0x80 - '0') has the high bit when the byte is >= '0'; likewise for > '9'.
    const uint64_t digit = (low + kOnes * (0x80 - '0')) & ~(low + kOnes * (0x80 - '9' - 1));
    const uint64_t at_sign = kOnes * 0x80 - (low ^ kOnes * '@');
    const uint64_t wide = kOnes * 0x80 - ((word ^ kOnes * 0xEF) & ~kHighs);
    if ((((digit | at_sign) & ~word & kHighs) | (wide & word & kHighs)) != 0) {
      while (!is(text[at])) ++at;
      return at;
    }
  }
  while (at < text.size() && !is(text[at])) ++at;
  return at;
}

struct Digit {
  int value = -1;   // -1: none
  size_t size = 0;  // bytes
};

struct Group {
  size_t begin = 0, end = 0;  // bytes
  size_t first = 0;           // index of its first digit in Run::digits
  size_t digits = 0;
  std::string_view separator;  // before it
};

// Digits in a row, with what people put between the groups of a number.
struct Run {
  static constexpr size_t kGroupsMax = 24;
  static constexpr size_t kDigitsMax = 96;
  std::array<Group, kGroupsMax> groups;
  size_t size = 0;
  std::array<char, kDigitsMax> digits;
  size_t digits_size = 0;
  size_t end = 0;  // where scanning goes on
};

class Masker {
 public:
  explicit Masker(std::string& text) : text_(text) {}

  size_t Pass() {
    size_t at = 0;
    while ((at = NextCandidate(text_, at)) < text_.size()) {
      if (const size_t sign = AtSign(at); sign != 0) {
        at = HandleAt(at, sign);
      } else if (DigitAt(at).value >= 0) {
        at = HandleDigits(at);
      } else {
        ++at;
      }
    }
    return masked_;
  }

 private:
  char At(size_t at) const { return at < text_.size() ? text_[at] : '\0'; }
  char Before(size_t at) const { return at > 0 ? text_[at - 1] : '\0'; }
  bool Has(size_t at, std::string_view what) const {
    return std::string_view(text_).substr(std::min(at, text_.size()), what.size()) == what;
  }

  void Mask(size_t begin, size_t end) {
    masked_ += end - begin;
    std::fill(text_.begin() + static_cast<ptrdiff_t>(begin),
              text_.begin() + static_cast<ptrdiff_t>(end), '*');
  }

  // ASCII and full-width digits, and a letter O beside a digit, which people type for a zero.
  Digit DigitAt(size_t at) const {
    const char c = At(at);
    if (IsDigit(c)) return {c - '0', 1};
    if (c == '\xef' && At(at + 1) == '\xbc') {
      const auto third = static_cast<unsigned char>(At(at + 2));
      if (third >= 0x90 && third <= 0x99) return {third - 0x90, 3};
    }
    if ((c == 'o' || c == 'O') && IsDigit(At(at + 1)) && !IsWord(Before(at))) return {0, 1};
    if ((c == 'o' || c == 'O') && IsDigit(Before(at)) &&
        (IsDigit(At(at + 1)) || !IsWord(At(at + 1))))
      return {0, 1};
    return {};
  }

  size_t AtSign(size_t at) const {
    if (At(at) == '@') return 1;
    return Has(at, "\xef\xbc\xa0") ? 3 : 0;
  }

  // The length of one separator of a number's groups. ',' and '/' only directly between digits.
  size_t SeparatorAt(size_t at) const {
    switch (At(at)) {
      case ' ':
      case '\t':
      case '.':
      case '-':
      case '_':
      case '(':
      case ')':
        return 1;
      case ',':
      case '/':
        return IsDigit(Before(at)) && IsDigit(At(at + 1)) ? 1 : 0;
      case '\xc2':
        return Has(at, "\xc2\xa0") || Has(at, "\xc2\xb7") ? 2 : 0;
      case '\xe2': {
        if (Has(at, "\xe2\x83\xa3")) return 3;  // keycap
        const auto third = static_cast<unsigned char>(At(at + 2));
        // Spaces of all widths, zero width, hyphens and dashes.
        return At(at + 1) == '\x80' && third >= 0x80 && third <= 0x95 ? 3 : 0;
      }
      case '\xef':
        return Has(at, "\xef\xb8\x8f") || Has(at, "\xef\xbb\xbf") ? 3 : 0;
      default:
        return 0;
    }
  }

  // REQUIRES: a digit at `at`.
  Run ReadRun(size_t at) const {
    constexpr size_t kSeparatorsMax = 3;
    Run run;
    size_t separator = at;
    while (run.size < Run::kGroupsMax) {
      Group group{at, at, run.digits_size, 0,
                  std::string_view(text_).substr(separator, at - separator)};
      for (Digit digit; (digit = DigitAt(at)).value >= 0; at += digit.size) {
        if (run.digits_size < Run::kDigitsMax)
          run.digits[run.digits_size++] = static_cast<char>('0' + digit.value);
        ++group.digits;
      }
      group.end = at;
      if (run.size > 0 && group.first + group.digits > Run::kDigitsMax) {
        run.digits_size = group.first;  // not all of it was kept: it begins the next run
        break;
      }
      run.groups[run.size++] = group;
      run.end = at;
      if (run.digits_size == Run::kDigitsMax) break;
      separator = at;
      for (size_t count = 0, size; count < kSeparatorsMax && (size = SeparatorAt(at)) != 0; ++count)
        at += size;
      if (at == separator || DigitAt(at).value < 0) break;
    }
    return run;
  }

  // ---- the words around a number ----

  // The last word before `at`, lower-case (ASCII and Đ), looking over spaces and punctuation.
  std::string WordBefore(size_t at) const {
    size_t end = at;
    while (end > 0 && at - end < 6 && !IsWord(text_[end - 1]) && text_[end - 1] != '\n') --end;
    size_t begin = end;
    while (begin > 0 && end - begin < 24 && IsWord(text_[begin - 1]) && !IsDigit(text_[begin - 1]))
      --begin;
    std::string word;
    for (size_t i = begin; i < end; ++i) {
      if (text_[i] == '\xc4' && At(i + 1) == '\x90') {
        word += "\xc4\x91";
        ++i;
      } else {
        word.push_back(Lower(text_[i]));
      }
    }
    return word;
  }

  // The word says that a number of a person follows: short ones count too, then.
  bool HasCue(size_t at) const {
    static constexpr std::string_view kCues[] = {
        "đt",      "sđt",   "sdt",   "dt",    "đtdđ", "dtdd",  "tel",     "phone", "mobile",
        "hotline", "thoại", "thoạI", "thoai", "zalo", "viber", "lh",      "alo",   "call",
        "fax",     "cmnd",  "cccd",  "cmt",   "cước", "cuoc",  "stk",     "khoản", "khoan",
        "mst",     "bhyt",  "bhxh",  "momo",  "gplx", "chiếu", "passport"};
    const std::string word = WordBefore(at);
    return std::find(std::begin(kCues), std::end(kCues), word) != std::end(kCues);
  }

  bool HasVehicleCue(size_t at) const {
    static constexpr std::string_view kCues[] = {"xe",   "số",   "so", "bks", "bs",  "biển", "bien",
                                                 "soát", "soat", "ô",  "tải", "tai", "máy",  "may"};
    const std::string word = WordBefore(at);
    return std::find(std::begin(kCues), std::end(kCues), word) != std::end(kCues);
  }

  // A unit of money, people or size follows: the number counts something.
  bool HasUnitAfter(size_t at) const {
    static constexpr std::string_view kUnits[] = {
        "đ",  "Đ",  "vnd", "vnđ", "₫",    "usd",  "$",     "đồng",  "dong", "triệu", "trieu",
        "tr", "tỷ", "tỉ",  "ty",  "lượt", "luot", "người", "nguoi", "view", "like",  "m3",
        "m2", "m²", "m³",  "kg",  "tấn",  "tan",  "lít",   "ha",    "%",    "km",    "k"};
    for (size_t count = 0; count < 2 && At(at) == ' '; ++count) ++at;
    std::string lower;
    for (size_t i = at; i < at + 8 && i < text_.size(); ++i) lower.push_back(Lower(text_[i]));
    for (const std::string_view unit : kUnits) {
      if (!std::string_view(lower).starts_with(unit)) continue;
      if (!IsWord(At(at + unit.size())) || unit == "đ" || unit == "like" || unit == "view")
        return true;
    }
    return false;
  }

  // ---- numbers ----

  static std::string_view DigitsFrom(const Run& run, size_t group) {
    return std::string_view(run.digits.data(), run.digits_size).substr(run.groups[group].first);
  }

  static int Number(std::string_view digits) {
    int value = 0;
    for (const char digit : digits) value = value * 10 + (digit - '0');
    return value;
  }

  static bool IsYear(std::string_view digits) {
    return digits.size() == 4 && Number(digits) >= 1900 && Number(digits) <= 2099;
  }

  // Day, month, year at group `at`.
  static bool IsDate(const Run& run, size_t at) {
    if (at + 3 > run.size) return false;
    const Group* group = &run.groups[at];
    if (group[0].digits > 2 || group[1].digits > 2 || group[2].digits != 4) return false;
    const std::string_view digits = DigitsFrom(run, at);
    const int day = Number(digits.substr(0, group[0].digits));
    const int month = Number(digits.substr(group[0].digits, group[1].digits));
    const auto year = digits.substr(group[0].digits + group[1].digits, 4);
    return day >= 1 && day <= 31 && month >= 1 && month <= 12 && IsYear(year);
  }

  // Groups [begin, end) are written as an amount: 2.500.000.
  static bool IsAmount(const Run& run, size_t begin, size_t end) {
    if (end - begin < 2 || run.groups[begin].digits > 3 || DigitsFrom(run, begin)[0] == '0')
      return false;
    const std::string_view separator = run.groups[begin + 1].separator;
    if (separator != "." && separator != ",") return false;
    for (size_t i = begin + 1; i < end; ++i)
      if (run.groups[i].digits != 3 || run.groups[i].separator != separator) return false;
    return true;
  }

  // The end of the amount that begins with group `begin`, at least the next group.
  static size_t AmountEnd(const Run& run, size_t begin) {
    size_t end = begin + 1;
    while (end < run.size && IsAmount(run, begin, end + 1)) ++end;
    return end;
  }

  // Whether people group a phone number like groups [begin, end).
  static bool IsPhoneGrouping(const Run& run, size_t begin, size_t end) {
    size_t ones = 0, twos = 0;
    bool uniform = true, weak = false;
    const size_t count = end - begin;
    for (size_t i = begin; i < end; ++i) {
      const Group& group = run.groups[i];
      ones += group.digits == 1;
      twos += group.digits == 2;
      if (i == begin) continue;
      weak |= group.separator == "," || group.separator == "/";
      uniform &= group.separator == run.groups[begin + 1].separator;
    }
    if (weak) {
      const size_t first = run.groups[begin].digits;
      return uniform && ones == 0 && (first == 3 || first == 4) && count <= 4;
    }
    if (count == 1) return true;
    if (ones == count || twos == count) return uniform;  // else a list of numbers or times
    return ones <= 1 && count <= 6;
  }

  // Total digits are right for a phone number that begins as `digits` does.
  static bool IsPhoneLength(std::string_view digits, size_t total, bool plus) {
    const auto mobile = [&](size_t at) {
      return at < digits.size() &&
             std::string_view("35789").find(digits[at]) != std::string_view::npos;
    };
    const auto starts = [&](std::string_view prefix) { return digits.starts_with(prefix); };
    if (starts("0084")) return total == 13 || total == 14;
    if (starts("840")) return total == 12 && (plus || mobile(3));
    if (starts("842")) return total == 12;
    if (starts("84")) return total == 11 && mobile(2);
    if (plus) return total >= 9 && total <= 15;
    if (starts("02")) return total == 11 || total == 10;
    if (starts("01")) return total == 11;
    if (starts("0")) return total == 10 && digits.size() > 1 && digits[1] != '0';
    if (starts("1900") || starts("1800")) return total == 8 || total == 10;
    return false;
  }

  // The end (exclusive) of the phone number that begins with group `begin`, or 0.
  size_t PhoneEnd(const Run& run, size_t begin, bool plus) const {
    const std::string_view digits = DigitsFrom(run, begin);
    const bool hotline = digits.starts_with("1900") || digits.starts_with("1800");
    size_t total = 0, found = 0;
    for (size_t end = begin; end < run.size; ++end) {
      total += run.groups[end].digits;
      if (total > 15) break;
      if (!IsPhoneLength(digits, total, plus) || !IsPhoneGrouping(run, begin, end + 1)) continue;
      if (!plus && IsAmount(run, begin, end + 1) && HasUnitAfter(run.groups[end].end)) continue;
      if (plus && !digits.starts_with("84") && IsAmount(run, begin, end + 1)) continue;
      if (hotline && end == begin + 1 && IsYear(digits.substr(4, 4))) continue;  // 1900-1975
      if (hotline && run.groups[begin].digits < 4) continue;
      found = end + 1;
      if (digits[0] == '0' && total == 10 && digits[1] != '2') break;
    }
    return found;
  }

  // The end (exclusive) of the identity number that begins with group `begin`, or 0.
  size_t IdentityEnd(const Run& run, size_t begin) const {
    const Group& group = run.groups[begin];
    const std::string_view digits = DigitsFrom(run, begin);
    if (group.digits == 9 || group.digits == 12) {
      const bool round = digits.substr(group.digits - 3, 3) == "000";
      return round || HasUnitAfter(group.end) ? 0 : begin + 1;
    }
    if (begin != 0) return 0;  // part of a longer number
    const auto all = [&](size_t count, size_t size) {
      if (run.size != count) return false;
      for (size_t i = 0; i < count; ++i)
        if (run.groups[i].digits != size) return false;
      return true;
    };
    if (digits[0] == '0' && (all(3, 3) || all(4, 3) || all(3, 4))) return run.size;
    if (all(3, 3)) {
      const bool round = digits.substr(6, 3) == "000";
      if (!round && !IsAmount(run, 0, 3) && !HasUnitAfter(run.end)) return run.size;
    }
    return 0;
  }

  // After a word like "STK" or "tel", any number of that length is somebody's.
  size_t CuedEnd(const Run& run, size_t begin) const {
    constexpr size_t kDigitsMin = 6, kDigitsMax = 19;
    if (begin != 0 || !HasCue(run.groups[0].begin)) return 0;
    size_t total = 0, end = 0;
    while (end < run.size && total + run.groups[end].digits <= kDigitsMax)
      total += run.groups[end++].digits;
    if (total < kDigitsMin || HasUnitAfter(run.groups[end - 1].end)) return 0;
    return end;
  }

  // The end of the vehicle plate that begins at byte `at`, or 0: 67A-123.45, 67-B1 234.56.
  size_t PlateEnd(size_t at) const {
    if (IsWord(Before(at)) || !IsDigit(At(at)) || !IsDigit(At(at + 1)) || At(at) == '0') return 0;
    size_t next = at + 2;
    const size_t first_separator = next;
    if (At(next) == '-' || At(next) == ' ' || At(next) == '.') ++next;
    const bool split = next != first_separator;
    size_t letters = 0;
    bool upper = true;
    const size_t series = next;
    while (letters < 2) {
      if (IsAsciiLetter(At(next))) {
        upper &= At(next) < 'a';
        ++next;
      } else if (Has(next, "\xc4\x90") || Has(next, "\xc4\x91")) {
        upper &= At(next + 1) == '\x90';
        next += 2;
      } else {
        break;
      }
      ++letters;
    }
    if (letters == 0) return 0;
    // "67B1-234.56", "67-B1 2345": the series' digit, when a separator or five digits follow it.
    size_t digit = next;
    if (IsDigit(At(next))) {
      const char after = At(next + 1);
      if (after == '-' || after == ' ' || after == '.') ++digit;
    }
    const bool series_digit = digit != next;
    next = digit;
    const size_t second_separator = next;
    while (next - second_separator < 3 && (At(next) == '-' || At(next) == ' ' || At(next) == '.'))
      ++next;
    const std::string_view separator =
        std::string_view(text_).substr(second_separator, next - second_separator);
    const size_t number = next;
    while (IsDigit(At(next))) ++next;
    size_t digits = next - number;
    bool dotted = false;
    if (digits == 3 && (At(next) == '.' || At(next) == '-') && IsDigit(At(next + 1)) &&
        IsDigit(At(next + 2)) && !IsDigit(At(next + 3))) {
      next += 3;
      digits = 5;
      dotted = true;
    }
    if (digits == 6 && separator.empty() && !series_digit) digits = 5;  // 67B123456
    if ((digits != 4 && digits != 5) || IsWord(At(next))) return 0;
    const bool dashed = separator.find('-') != std::string_view::npos;
    if (HasVehicleCue(at)) return next;
    if (!upper && !dotted && !(dashed && separator.size() == 1) && !separator.empty()) return 0;
    if (!upper && split && !dotted) return 0;
    if (dotted) return next;
    // From here on a time (20H 15000), a price (50K 20000) or a road (91C-2024) can be meant.
    const char letter = Lower(At(series));
    const bool ambiguous = letters == 1 && !series_digit &&
                           (letter == 'h' || letter == 'k' || letter == 'm' || letter == 'g');
    if (ambiguous && !dashed) return 0;
    if (digits == 4) {
      if (separator == " " && !series_digit) return 0;
      if (IsYear(std::string_view(text_).substr(number, 4)) && !series_digit) return 0;
      if (separator.empty() && !upper) return 0;
    }
    if (split && letters == 1 && !series_digit && !dashed) return 0;  // "12 A 12345"
    return next;
  }

  // A passport (C1234567) or a health insurance card (DN4893210123456) whose digits are `group`:
  // returns where its letters begin, or npos.
  size_t LettersBefore(const Group& group) const {
    size_t begin = group.begin;
    while (begin > 0 && Before(begin) >= 'A' && Before(begin) <= 'Z' && group.begin - begin < 3)
      --begin;
    const size_t letters = group.begin - begin;
    if (IsWord(Before(begin)) || IsWord(At(group.end))) return std::string::npos;
    const bool card = (letters == 1 && (group.digits == 7 || group.digits == 8)) ||
                      (letters == 2 && group.digits == 13);
    return card ? begin : std::string::npos;
  }

  // Masks what begins with a digit at `at`; returns where scanning goes on.
  size_t HandleDigits(size_t at) {
    // A letter O before the first digit belongs to the number.
    if (at > 0 && DigitAt(at - 1).value >= 0) --at;
    const Run run = ReadRun(at);
    for (size_t i = 0; i < run.size;) {
      const Group& group = run.groups[i];
      if (const size_t end = PlateEnd(group.begin); end != 0) {
        Mask(group.begin, end);
        return end;
      }
      if (const size_t letters = LettersBefore(group); letters != std::string::npos) {
        Mask(letters, group.end);
        ++i;
        continue;
      }
      if (IsDate(run, i)) {
        i += 3;
        continue;
      }
      size_t begin = group.begin;
      const bool plus =
          Before(begin) == '+' || Has(begin - std::min<size_t>(begin, 3), "\xef\xbc\x8b");
      size_t end = PhoneEnd(run, i, plus);
      if (end == 0) end = CuedEnd(run, i);
      if (end == 0) end = IdentityEnd(run, i);
      if (end == 0) {
        i = AmountEnd(run, i);
        continue;
      }
      if (Before(begin) == '+') --begin;
      const size_t last = run.groups[end - 1].end;
      const std::string_view number = std::string_view(text_).substr(begin, last - begin);
      if (Before(begin) == '(' && number.find(')') != std::string_view::npos) --begin;
      Mask(begin, last);
      i = end;
    }
    return run.end;
  }

  // ---- addresses and handles ----

  static bool IsMailChar(char c) {
    return IsWord(c) || c == '.' || c == '+' || c == '-' || c == '%';
  }
  static bool IsHandleChar(char c) { return IsWord(c) || c == '.' || c == '-'; }

  size_t HandleEnd(size_t at) const {
    size_t end = at;
    while (IsHandleChar(At(end)) && end < text_.size()) ++end;
    while (end > at && (At(end - 1) == '.' || At(end - 1) == '-')) --end;
    return end;
  }

  // An upper-case first letter: ASCII, or the two-byte and three-byte blocks of Vietnamese, in
  // which upper case is even.
  bool IsCapitalAt(size_t at) const {
    const char c = At(at);
    if (c >= 'A' && c <= 'Z') return true;
    const auto second = static_cast<unsigned char>(At(at + 1));
    if (c == '\xc3') return second >= 0x80 && second <= 0x9e;
    if (c == '\xc4' || c == '\xc5' || c == '\xc6')
      return Has(at, "\xc6\xaf") || (second % 2 == 0 && !Has(at, "\xc6\xb0"));
    if (c == '\xe1') return static_cast<unsigned char>(At(at + 2)) % 2 == 0;
    return false;
  }

  // Masks what the @ at `at` (of `sign` bytes) belongs to; returns where scanning goes on.
  size_t HandleAt(size_t at, size_t sign) {
    size_t begin = at;
    while (begin > 0 && IsMailChar(text_[begin - 1])) --begin;
    const size_t right = at + sign;
    size_t domain = right;
    size_t end = HandleEnd(right);
    if (end == right) {
      // "ten @ gmail.com"
      if (At(right) != ' ') return right;
      domain = right + 1;
      end = HandleEnd(domain);
      if (!IsMailDomain(std::string_view(text_).substr(domain, end - domain))) return right;
    }
    if (begin < at && IsDigit(text_[at - 1]) && IsDigit(At(right)) &&
        std::string_view(text_).substr(right, end - right).find('.') == std::string_view::npos)
      return right;  // "2@50k"
    if (begin == at && IsMailDomain(std::string_view(text_).substr(domain, end - domain))) {
      // "ten @gmail.com": the word before belongs to it.
      size_t word = at;
      while (word > 0 && text_[word - 1] == ' ' && at - word < 2) --word;
      size_t first = word;
      while (first > 0 && IsMailChar(text_[first - 1])) --first;
      if (first < word && word < at) begin = first;
    }
    if (AtSign(end) != 0) end = HandleEnd(end + AtSign(end));  // @user@host.example
    if (begin == at && IsCapitalAt(right)) end = NameEnd(end);
    Mask(begin, end);
    return end;
  }

  static bool IsMailDomain(std::string_view domain) {
    for (const std::string_view known : {"gmail", "yahoo", "hotmail", "outlook", "icloud", "mail"})
      if (domain.starts_with(known) && domain.find('.') != std::string_view::npos) return true;
    return false;
  }

  // "@Nguyễn Văn A": up to three more capitalised words.
  size_t NameEnd(size_t end) const {
    for (int words = 0; words < 3 && At(end) == ' ' && IsCapitalAt(end + 1); ++words) {
      size_t next = end + 1;
      while (next < text_.size() && IsWord(text_[next])) ++next;
      end = next;
    }
    return end;
  }

  std::string& text_;
  size_t masked_ = 0;
};

// The length of the UTF-8 sequence at `at`, or 0 when it is none (RFC 3629).
size_t Utf8Size(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const auto tail = [&](size_t i) { return (byte(i) & 0xC0) == 0x80; };
  const unsigned first = byte(at), second = byte(at + 1);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return tail(at + 1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if (!tail(at + 1) || !tail(at + 2)) return 0;
    if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F)) return 0;
    return 3;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if (!tail(at + 1) || !tail(at + 2) || !tail(at + 3)) return 0;
    if ((first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) return 0;
    return 4;
  }
  return 0;
}

// Walks over a line that may be no JSON at all and keeps what is certainly harmless.
class Redactor {
 public:
  explicit Redactor(std::string_view line) : line_(line) { out_.reserve(line.size()); }

  std::string Run() && {
    while (at_ < line_.size()) {
      const char c = line_[at_];
      if (c == '"') {
        String();
        continue;
      }
      if (c == '{' || c == '[') ++depth_;
      if (c == '}' || c == ']') --depth_;
      const bool keep = std::string_view("{}[]:, \t+-.").find(c) != std::string_view::npos ||
                        IsDigit(c) || KeepLiteral();
      if (c == ',' || c == '{') key_ = {};
      if (!keep) literal_ = 0;
      out_.push_back(keep ? c : '*');
      ++at_;
    }
    return std::move(out_);
  }

 private:
  // "true", "false" and "null" stay; other words outside of strings may be anything.
  bool KeepLiteral() {
    if (literal_ > 0) {
      --literal_;
      return true;
    }
    for (const std::string_view word : {"true", "false", "null"}) {
      if (!line_.substr(at_).starts_with(word)) continue;
      literal_ = word.size() - 1;
      return true;
    }
    return false;
  }

  void String() {
    size_t end = at_ + 1;
    while (end < line_.size() && line_[end] != '"') end += line_[end] == '\\' ? 2 : 1;
    const bool closed = end < line_.size();
    end = std::min(end, line_.size());
    const std::string_view inside = line_.substr(at_ + 1, end - at_ - 1);
    size_t next = closed ? end + 1 : end;
    while (next < line_.size() && line_[next] == ' ') ++next;
    const bool is_key = closed && next < line_.size() && line_[next] == ':';
    const bool known =
        std::find(std::begin(kPostFields), std::end(kPostFields), inside) != std::end(kPostFields);
    const bool keep = is_key ? known : depth_ == 1 && !key_.empty() && key_ != "author";
    if (is_key) key_ = known && depth_ == 1 ? inside : std::string_view();
    out_.push_back('"');
    if (keep)
      Keep(inside);
    else
      out_.append(inside.size(), '*');
    if (closed) out_.push_back('"');
    at_ = closed ? end + 1 : end;
  }

  // The inside of a string, without escapes that hide a digit or an @ from masking.
  void Keep(std::string_view inside) {
    for (size_t i = 0; i < inside.size();) {
      if (inside.substr(i, 4) == "\\u00" || inside.substr(i, 4) == "\\uFF" ||
          inside.substr(i, 4) == "\\uff") {
        const size_t size = std::min<size_t>(6, inside.size() - i);
        out_.append(size, '*');
        i += size;
        continue;
      }
      const size_t size = Utf8Size(inside, i);
      if (size == 0 || static_cast<unsigned char>(inside[i]) < 0x20) {
        out_.push_back('*');
        ++i;
        continue;
      }
      out_.append(inside.substr(i, size));
      i += size;
    }
  }

  std::string_view line_;
  size_t at_ = 0;
  int depth_ = 0;
  size_t literal_ = 0;
  std::string_view key_;  // the field of the schema whose value is awaited
  std::string out_;
};

}  // namespace

bool MayHoldPersonalData(std::string_view text) { return NextCandidate(text, 0) < text.size(); }

size_t MaskPersonalData(std::string& text) {
  // What is masked changes the neighbourhood of what is not, so once more until nothing changes:
  // each pass masks at least one byte more, and a second pass is rarely needed.
  size_t total = 0;
  while (true) {
    const size_t masked = Masker(text).Pass();
    if (masked == 0) return total;
    total += masked;
  }
}

std::string RedactLine(std::string_view line, size_t bytes_max) {
  // Cut before masking would leave half a number in sight, so cut after it, with some room.
  std::string redacted = Redactor(line.substr(0, bytes_max + 256)).Run();
  MaskPersonalData(redacted);
  if (redacted.size() > bytes_max) {
    size_t end = bytes_max;
    while (end > 0 && (static_cast<unsigned char>(redacted[end]) & 0xC0) == 0x80) --end;
    redacted.resize(end);
  }
  return redacted;
}

}  // namespace keng::ingest
