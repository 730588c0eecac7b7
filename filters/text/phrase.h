#ifndef KENG_FILTERS_TEXT_PHRASE_H_
#define KENG_FILTERS_TEXT_PHRASE_H_

// A phrase is what an operator wrote, as the fold sees it: a literal with a space at both ends for
// the matcher, and for each syllable the marks that were written. Where the literal occurs in a
// folded text, CompareMarks says how the marks that the resident typed compare with them:
//
//   equal        the same marks (hoà = hòa: where in the syllable a tone stands does not count)
//   absent       typed with none of the marks ("ngap" for "ngập"; "d" for "đ")
//   partial      some of the marks and none that the phrase does not have ("ngâp" for "ngập")
//   conflicting  a mark that the phrase does not have there ("ngáp" for "ngập")
//
// The phrase as written is the evidence: an operator who writes "ngap" without marks means texts
// typed without marks, and "ngập" in a text conflicts with it (as "cũ" does with "cu"). Rules that
// want every reading say `marks: ignore`.
//
// Threads: immutable after Parse.

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "filters/text/fold.h"

namespace keng::filters {

class Phrase {
 public:
  static constexpr size_t kBytesMax = 256;
  static constexpr uint32_t kSyllablesMax = 24;

  // Errors (InvalidArgument): not UTF-8, longer than kBytesMax bytes or kSyllablesMax syllables,
  // or nothing of it is left after the fold (only punctuation, an address or a mention).
  static absl::StatusOr<Phrase> Parse(std::string_view written);

  const std::string& written() const { return written_; }
  // " ngap nuoc ": at least one syllable, a space at both ends.
  const std::string& literal() const { return literal_; }
  uint32_t syllables() const { return syllables_; }

  // What CompareMarks needs, as long as literal(): for each letter the letter with its quality
  // (internal/marks.h), for each space the tone of the syllable before it.
  const std::string& marks() const { return marks_; }

 private:
  Phrase() = default;

  std::string written_;
  std::string literal_;
  uint32_t syllables_ = 0;
  std::string marks_;
};

// The evidence of the occurrence of phrase.literal() at folded_begin, the offset of its leading
// space; the worst of its syllables. Costs a look at the original bytes: for hits only.
// REQUIRES: text.text().substr(folded_begin, phrase.literal().size()) == phrase.literal().
MarksEvidence CompareMarks(const Phrase& phrase, const FoldedText& text, uint32_t folded_begin);
// The same for Phrase::marks(), wherever the caller keeps them.
MarksEvidence CompareMarks(std::string_view marks, const FoldedText& text, uint32_t folded_begin);

}  // namespace keng::filters

#endif  // KENG_FILTERS_TEXT_PHRASE_H_
