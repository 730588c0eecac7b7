#include "filters/text/internal/unicode.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace keng::filters::text_internal {
namespace {

struct LatinEntry {
  uint32_t code_point;
  char ascii[4];
  char quality;
  uint8_t tone;
  uint8_t upper;
};
struct DigitRange {
  uint32_t first;
  uint32_t last;
  uint8_t value;
};
struct CasedEntry {
  uint32_t code_point;
  uint32_t lower;
  uint8_t tone;
  uint8_t upper;
};
struct ClassRange {
  uint32_t first;
  uint32_t last;
  CodePointClass cls;
};

#include "filters/text/internal/unicode_tables.inc"

constexpr CharInfo FromLatin(const LatinEntry& entry) {
  CharInfo info;
  info.cls = CodePointClass::kLatin;
  info.tone = entry.tone;
  info.upper = entry.upper;
  for (int i = 0; i < 4 && entry.ascii[i] != 0; ++i) {
    info.ascii[i] = entry.ascii[i];
    info.ascii_len = static_cast<uint8_t>(i + 1);
  }
  info.quality = entry.quality;
  return info;
}

// Code points that make up Vietnamese text are looked up directly.
constexpr uint32_t kLowEnd = 0x250;
constexpr uint32_t kVietnameseBegin = 0x1EA0;
constexpr uint32_t kVietnameseEnd = 0x1F00;

constexpr std::array<CharInfo, kLowEnd> MakeLow() {
  std::array<CharInfo, kLowEnd> table;
  for (const LatinEntry& entry : kLatinEntries) {
    if (entry.code_point < kLowEnd) table[entry.code_point] = FromLatin(entry);
  }
  for (char c = 'a'; c <= 'z'; ++c) {
    table[c] = FromLatin({static_cast<uint32_t>(c), {c}, c, 0, 0});
    table[c - 'a' + 'A'] = FromLatin({static_cast<uint32_t>(c), {c}, c, 0, 1});
  }
  for (char c = '0'; c <= '9'; ++c) {
    table[c].cls = CodePointClass::kDigit;
    table[c].ascii[0] = c;
    table[c].ascii_len = 1;
  }
  // Superscripts, soft hyphen and the few letters without an ASCII form below U+0250.
  for (const DigitRange& range : kDigitRanges) {
    for (uint32_t cp = range.first; cp <= range.last && cp < kLowEnd; ++cp) {
      table[cp].cls = CodePointClass::kDigit;
      table[cp].ascii[0] = static_cast<char>('0' + range.value + (cp - range.first));
      table[cp].ascii_len = 1;
    }
  }
  for (const ClassRange& range : kClassRanges) {
    for (uint32_t cp = range.first; cp <= range.last && cp < kLowEnd; ++cp) {
      table[cp].cls = range.cls;
      table[cp].lower = cp;
    }
  }
  for (const CasedEntry& entry : kCasedEntries) {
    if (entry.code_point < kLowEnd) {
      table[entry.code_point].lower = entry.lower;
      table[entry.code_point].tone = entry.tone;
      table[entry.code_point].upper = entry.upper;
    }
  }
  return table;
}

constexpr std::array<CharInfo, kVietnameseEnd - kVietnameseBegin> MakeVietnamese() {
  std::array<CharInfo, kVietnameseEnd - kVietnameseBegin> table;
  for (const LatinEntry& entry : kLatinEntries) {
    if (entry.code_point >= kVietnameseBegin && entry.code_point < kVietnameseEnd) {
      table[entry.code_point - kVietnameseBegin] = FromLatin(entry);
    }
  }
  return table;
}

constexpr auto kLow = MakeLow();
constexpr auto kVietnamese = MakeVietnamese();

CharInfo ClassifyRare(uint32_t cp) {
  const auto* latin = std::lower_bound(
      std::begin(kLatinEntries), std::end(kLatinEntries), cp,
      [](const LatinEntry& entry, uint32_t value) { return entry.code_point < value; });
  if (latin != std::end(kLatinEntries) && latin->code_point == cp) return FromLatin(*latin);

  CharInfo info;
  const auto* digit =
      std::lower_bound(std::begin(kDigitRanges), std::end(kDigitRanges), cp,
                       [](const DigitRange& range, uint32_t value) { return range.last < value; });
  if (digit != std::end(kDigitRanges) && digit->first <= cp) {
    info.cls = CodePointClass::kDigit;
    info.ascii[0] = static_cast<char>('0' + digit->value + (cp - digit->first));
    info.ascii_len = 1;
    return info;
  }
  const auto* range =
      std::lower_bound(std::begin(kClassRanges), std::end(kClassRanges), cp,
                       [](const ClassRange& entry, uint32_t value) { return entry.last < value; });
  if (range == std::end(kClassRanges) || range->first > cp) return info;
  info.cls = range->cls;
  info.lower = cp;
  const auto* cased = std::lower_bound(
      std::begin(kCasedEntries), std::end(kCasedEntries), cp,
      [](const CasedEntry& entry, uint32_t value) { return entry.code_point < value; });
  if (cased != std::end(kCasedEntries) && cased->code_point == cp) {
    info.lower = cased->lower;
    info.tone = cased->tone;
    info.upper = cased->upper;
  }
  return info;
}

struct LookalikeEntry {
  uint32_t code_point;  // case-folded
  char latin;
  Likeness likeness;
};

constexpr LookalikeEntry kLookalikes[] = {
    {0x3B1, 'a', Likeness::kSafe}, {0x3B2, 'b', Likeness::kAny},  {0x3B3, 'y', Likeness::kAny},
    {0x3B5, 'e', Likeness::kAny},  {0x3B6, 'z', Likeness::kAny},  {0x3B7, 'n', Likeness::kAny},
    {0x3B9, 'i', Likeness::kSafe}, {0x3BA, 'k', Likeness::kSafe}, {0x3BC, 'u', Likeness::kAny},
    {0x3BD, 'v', Likeness::kSafe}, {0x3BF, 'o', Likeness::kSafe}, {0x3C1, 'p', Likeness::kSafe},
    {0x3C3, 'o', Likeness::kAny},  {0x3C4, 't', Likeness::kAny},  {0x3C5, 'u', Likeness::kSafe},
    {0x3C7, 'x', Likeness::kSafe}, {0x3C9, 'w', Likeness::kAny},  {0x3F2, 'c', Likeness::kSafe},
    {0x3F3, 'j', Likeness::kSafe}, {0x430, 'a', Likeness::kSafe}, {0x432, 'b', Likeness::kAny},
    {0x433, 'r', Likeness::kAny},  {0x435, 'e', Likeness::kSafe}, {0x438, 'u', Likeness::kAny},
    {0x43A, 'k', Likeness::kAny},  {0x43C, 'm', Likeness::kAny},  {0x43D, 'h', Likeness::kAny},
    {0x43E, 'o', Likeness::kSafe}, {0x43F, 'n', Likeness::kAny},  {0x440, 'p', Likeness::kSafe},
    {0x441, 'c', Likeness::kSafe}, {0x442, 't', Likeness::kAny},  {0x443, 'y', Likeness::kSafe},
    {0x445, 'x', Likeness::kSafe}, {0x44C, 'b', Likeness::kAny},  {0x455, 's', Likeness::kSafe},
    {0x456, 'i', Likeness::kSafe}, {0x458, 'j', Likeness::kSafe}, {0x475, 'v', Likeness::kSafe},
    {0x4AF, 'y', Likeness::kSafe}, {0x4BB, 'h', Likeness::kSafe}, {0x4CF, 'l', Likeness::kSafe},
    {0x501, 'd', Likeness::kSafe}, {0x51B, 'q', Likeness::kSafe}, {0x51D, 'w', Likeness::kSafe},
};

}  // namespace

Decoded Decode(std::string_view text, size_t pos) {
  const auto byte = [&](size_t i) -> uint32_t {
    return i < text.size() ? static_cast<uint8_t>(text[i]) : 0;
  };
  const uint32_t b0 = byte(pos);
  if (b0 < 0x80) return {b0, 1};
  const auto continues = [&](size_t i) { return (byte(i) & 0xC0) == 0x80; };
  if (b0 >= 0xC2 && b0 <= 0xDF && continues(pos + 1)) {
    return {((b0 & 0x1F) << 6) | (byte(pos + 1) & 0x3F), 2};
  }
  if (b0 >= 0xE0 && b0 <= 0xEF && continues(pos + 1) && continues(pos + 2)) {
    const uint32_t cp =
        ((b0 & 0x0F) << 12) | ((byte(pos + 1) & 0x3F) << 6) | (byte(pos + 2) & 0x3F);
    if (cp >= 0x800 && (cp < 0xD800 || cp > 0xDFFF)) return {cp, 3};
  }
  if (b0 >= 0xF0 && b0 <= 0xF4 && continues(pos + 1) && continues(pos + 2) && continues(pos + 3)) {
    const uint32_t cp = ((b0 & 0x07) << 18) | ((byte(pos + 1) & 0x3F) << 12) |
                        ((byte(pos + 2) & 0x3F) << 6) | (byte(pos + 3) & 0x3F);
    if (cp >= 0x10000 && cp <= 0x10FFFF) return {cp, 4};
  }
  return {kInvalid, 1};
}

CharInfo Classify(uint32_t code_point) {
  if (code_point < kLowEnd) return kLow[code_point];
  if (code_point >= kVietnameseBegin && code_point < kVietnameseEnd) {
    return kVietnamese[code_point - kVietnameseBegin];
  }
  return ClassifyRare(code_point);
}

void ApplyMark(uint32_t mark, char letter, char& quality, uint8_t& tone) {
  switch (mark) {
    case 0x300:
    case 0x340:
      tone = 1;
      break;
    case 0x301:
    case 0x341:
      tone = 2;
      break;
    case 0x309:
      tone = 3;
      break;
    case 0x303:
      tone = 4;
      break;
    case 0x323:
      tone = 5;
      break;
    case 0x306:
      if (letter == 'a') quality = 'A';
      break;
    case 0x302:
      if (letter == 'a') quality = 'B';
      if (letter == 'e') quality = 'E';
      if (letter == 'o') quality = 'O';
      break;
    case 0x31B:
      if (letter == 'o') quality = 'P';
      if (letter == 'u') quality = 'U';
      break;
    default:
      break;
  }
}

char LatinLookalike(uint32_t code_point, bool upper, Likeness likeness) {
  if (upper) {
    // Capitals that look like another letter than their small ones, and exactly so.
    switch (code_point) {
      case 0x3B7:
        return 'h';
      case 0x3BC:
        return 'm';
      case 0x3BD:
        return 'n';
      case 0x3C5:
        return 'y';
      default:
        break;
    }
  }
  const auto* entry = std::lower_bound(
      std::begin(kLookalikes), std::end(kLookalikes), code_point,
      [](const LookalikeEntry& a, uint32_t value) { return a.code_point < value; });
  if (entry == std::end(kLookalikes) || entry->code_point != code_point) return 0;
  return likeness == Likeness::kAny || entry->likeness == Likeness::kSafe ? entry->latin : '\0';
}

bool IsGreekOrCyrillic(uint32_t code_point) {
  return (code_point >= 0x370 && code_point <= 0x52F) ||
         (code_point >= 0x1F00 && code_point <= 0x1FFF);
}

uint32_t Encode(uint32_t code_point, char out[4]) {
  const auto put = [&](int i, uint32_t value) { out[i] = static_cast<char>(value); };
  if (code_point < 0x80) {
    put(0, code_point);
    return 1;
  }
  if (code_point < 0x800) {
    put(0, 0xC0 | (code_point >> 6));
    put(1, 0x80 | (code_point & 0x3F));
    return 2;
  }
  if (code_point < 0x10000) {
    put(0, 0xE0 | (code_point >> 12));
    put(1, 0x80 | ((code_point >> 6) & 0x3F));
    put(2, 0x80 | (code_point & 0x3F));
    return 3;
  }
  put(0, 0xF0 | (code_point >> 18));
  put(1, 0x80 | ((code_point >> 12) & 0x3F));
  put(2, 0x80 | ((code_point >> 6) & 0x3F));
  put(3, 0x80 | (code_point & 0x3F));
  return 4;
}

}  // namespace keng::filters::text_internal
