#ifndef KENG_FILTERS_TEXT_INTERNAL_MARKS_H_
#define KENG_FILTERS_TEXT_INTERNAL_MARKS_H_

// The marks of one folded letter as they stand in the original bytes that it came from: a
// precomposed letter, a letter with combining marks, a look-alike, or a stretched run of them.

#include <cstdint>
#include <string_view>

#include "filters/text/fold.h"

namespace keng::filters::text_internal {

inline constexpr uint8_t kTwoTones = 7;  // of a letter or syllable on which two tones stand

struct LetterMarks {
  char quality = 0;  // as in unicode.h; `letter` itself when there is none or none is possible
  uint8_t tone = 0;
};

LetterMarks ReadMarks(std::string_view original, Span span, char letter);
// The tone of two letters of one syllable together.
uint8_t JoinTones(uint8_t a, uint8_t b);

}  // namespace keng::filters::text_internal

#endif  // KENG_FILTERS_TEXT_INTERNAL_MARKS_H_
