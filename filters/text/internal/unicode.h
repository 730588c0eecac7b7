#ifndef KENG_FILTERS_TEXT_INTERNAL_UNICODE_H_
#define KENG_FILTERS_TEXT_INTERNAL_UNICODE_H_

// What the fold knows about single code points. A Latin letter has an ASCII letter, a quality and a
// tone. Qualities are ASCII stand-ins so that a syllable's qualities are a plain string:
//   A ă   B â   D đ   E ê   O ô   P ơ   U ư   and a letter stands for itself when it has none.
// Tones: 0 none, 1 huyền, 2 sắc, 3 hỏi, 4 ngã, 5 nặng. Other accents (ñ, ö, ç) are dropped.

#include <cstdint>
#include <string_view>

namespace keng::filters::text_internal {

enum class CodePointClass : uint8_t {
  kSeparator,
  kLatin,     // has an ASCII form
  kDigit,     // decimal digit of any script
  kOther,     // letter or sign of a script with spaces between words; passes case-folded
  kSolo,      // letter of a script without spaces: a syllable of its own
  kSoloMark,  // sign that belongs to the kSolo before it
  kMark,      // combining mark of Latin
  kIgnored,   // zero-width, soft hyphen, variation selectors
};

struct CharInfo {
  CodePointClass cls = CodePointClass::kSeparator;
  uint8_t tone = 0;
  uint8_t upper = 0;      // 1 for a capital letter
  uint8_t ascii_len = 0;  // kLatin: letters in `ascii`; kDigit: 1
  char ascii[4] = {};
  char quality = 0;    // kLatin: of its first letter
  uint32_t lower = 0;  // kOther: the case-folded code point
};

// The code point that starts at text[pos]. Anything that is not well-formed UTF-8 (RFC 3629) gives
// kInvalid with a length of one byte, so that a walk always ends.
struct Decoded {
  uint32_t code_point;
  uint32_t length;
};
inline constexpr uint32_t kInvalid = 0xFFFFFFFF;
Decoded Decode(std::string_view text, size_t pos);

CharInfo Classify(uint32_t code_point);

// Adds a combining mark to a letter: its quality or tone changes when it is a Vietnamese mark.
void ApplyMark(uint32_t mark, char letter, char& quality, uint8_t& tone);

// The Latin letter that a Cyrillic or Greek letter looks like, or 0. `Safe` ones look alike in
// nearly every typeface; the others only pass for Latin inside a word that has Latin letters.
enum class Likeness : uint8_t { kSafe, kAny };
char LatinLookalike(uint32_t code_point, bool upper, Likeness likeness);
bool IsGreekOrCyrillic(uint32_t code_point);

// Appends as UTF-8; returns the number of bytes written to `out` (at most 4).
uint32_t Encode(uint32_t code_point, char out[4]);

}  // namespace keng::filters::text_internal

#endif  // KENG_FILTERS_TEXT_INTERNAL_UNICODE_H_
