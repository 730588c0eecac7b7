#include "filters/text/internal/marks.h"

#include "filters/text/internal/unicode.h"

namespace keng::filters::text_internal {

uint8_t JoinTones(uint8_t a, uint8_t b) {
  if (a == 0) return b;
  if (b == 0 || a == b) return a;
  return kTwoTones;
}

LetterMarks ReadMarks(std::string_view original, Span span, char letter) {
  LetterMarks marks{letter, 0};
  for (size_t at = span.begin; at < span.end;) {
    const Decoded decoded = Decode(original, at);
    at += decoded.length;
    if (decoded.code_point == kInvalid) continue;
    const CharInfo info = Classify(decoded.code_point);
    uint8_t tone = info.tone;
    if (info.cls == CodePointClass::kLatin && info.ascii[0] == letter && info.quality != letter) {
      marks.quality = info.quality;
    } else if (info.cls == CodePointClass::kMark) {
      ApplyMark(decoded.code_point, letter, marks.quality, tone);
    }
    marks.tone = JoinTones(marks.tone, tone);
  }
  return marks;
}

}  // namespace keng::filters::text_internal
