#include "filters/text/phrase.h"

#include <algorithm>

#include "absl/status/status.h"
#include "base/check.h"
#include "base/strings.h"
#include "filters/text/internal/chunk_fold.h"
#include "filters/text/internal/marks.h"
#include "filters/text/internal/unicode.h"

namespace keng::filters {
namespace {

using text_internal::JoinTones;
using text_internal::LetterMarks;
using text_internal::ReadMarks;

bool IsUtf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const text_internal::Decoded decoded = text_internal::Decode(text, at);
    if (decoded.code_point == text_internal::kInvalid) return false;
    at += decoded.length;
  }
  return true;
}

bool IsAsciiLetter(char c) { return c >= 'a' && c <= 'z'; }

}  // namespace

absl::StatusOr<Phrase> Phrase::Parse(std::string_view written) {
  if (written.size() > kBytesMax) {
    return absl::InvalidArgumentError(base::StrCat("a phrase of ", written.size(),
                                                   " bytes; at most ", kBytesMax, " are allowed"));
  }
  if (!IsUtf8(written)) return absl::InvalidArgumentError("a phrase that is not UTF-8");

  Phrase phrase;
  phrase.written_ = written;
  phrase.literal_ = " ";
  phrase.marks_.assign(1, '\0');
  uint8_t tone = 0;
  Folder folder(FoldPath::kScalar);
  FoldedText folded;
  const auto append = [&](std::string_view part) {
    folder.Fold(part, folded);
    // The first reading of a glued hashtag; texts have it among theirs.
    const std::string_view text = folded.text().substr(0, folded.text().find('|'));
    for (uint32_t i = 1; i < text.size(); ++i) {
      const char c = text[i];
      phrase.literal_.push_back(c);
      if (c == ' ') {
        phrase.marks_.push_back(static_cast<char>(tone));
        tone = 0;
        ++phrase.syllables_;
        continue;
      }
      LetterMarks marks{c, 0};
      if (IsAsciiLetter(c)) marks = ReadMarks(part, folded.Original(i, i + 1), c);
      phrase.marks_.push_back(marks.quality);
      tone = JoinTones(tone, marks.tone);
    }
  };
  folder.Fold(written, folded);
  if (folded.text().find('|') == std::string_view::npos) {
    append(written);
  } else {
    for (size_t at = 0; at < written.size();) {
      const auto* end = std::find_if(written.begin() + at, written.end(), text_internal::EndsChunk);
      const size_t length = static_cast<size_t>(end - written.begin()) - at;
      append(written.substr(at, length));
      at += length + 1;
    }
  }
  if (phrase.syllables_ == 0) {
    return absl::InvalidArgumentError(
        base::StrCat("a phrase without a letter or digit: \"", written, "\""));
  }
  if (phrase.syllables_ > kSyllablesMax) {
    return absl::InvalidArgumentError(base::StrCat(
        "a phrase of ", phrase.syllables_, " syllables; at most ", kSyllablesMax, " are allowed"));
  }
  return phrase;
}

MarksEvidence CompareMarks(std::string_view marks, const FoldedText& text, uint32_t folded_begin) {
  const std::string_view folded = text.text().substr(folded_begin, marks.size());
  FoldedText::Characters characters(text, folded_begin + 1);
  MarksEvidence worst = MarksEvidence::kEqual;
  bool any = false;
  bool missing = false;
  uint8_t tone = 0;
  for (size_t i = 1; i < folded.size(); ++i) {
    const char c = folded[i];
    if (c != ' ') {
      const Span span = characters.Next();
      if (!IsAsciiLetter(c)) continue;
      LetterMarks typed{c, 0};
      if (span.end - span.begin > 1) typed = ReadMarks(text.original(), span, c);
      tone = JoinTones(tone, typed.tone);
      any |= typed.quality != c;
      missing |= typed.quality != marks[i];
      if (typed.quality != c && typed.quality != marks[i]) return MarksEvidence::kConflicting;
      continue;
    }
    const auto wanted = static_cast<uint8_t>(marks[i]);
    if (tone != 0 && tone != wanted) return MarksEvidence::kConflicting;
    any |= tone != 0;
    missing |= tone != wanted;
    const MarksEvidence evidence = !missing ? MarksEvidence::kEqual
                                   : any    ? MarksEvidence::kPartial
                                            : MarksEvidence::kAbsent;
    worst = std::max(worst, evidence);
    any = false;
    missing = false;
    tone = 0;
    if (i + 1 < folded.size()) characters.Next();
  }
  return worst;
}

MarksEvidence CompareMarks(const Phrase& phrase, const FoldedText& text, uint32_t folded_begin) {
  KENG_CHECK(folded_begin <= text.text().size() &&
                 text.text().substr(folded_begin, phrase.literal().size()) == phrase.literal(),
             "the literal of the phrase does not stand at ", folded_begin);
  return CompareMarks(phrase.marks(), text, folded_begin);
}

}  // namespace keng::filters
