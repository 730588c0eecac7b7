#ifndef KENG_FILTERS_TEXT_FOLD_H_
#define KENG_FILTERS_TEXT_FOLD_H_

// Folding: text as people type it becomes one normal form in which a phrase is a plain literal. The
// folded text is lower-case ASCII syllables with exactly one space between them and one at both
// ends (" hem 12 ngap toi goi roi "); everything that is not a letter, mark or digit separates.
// Letters of other scripts pass through case-folded; in scripts written without spaces each
// character stands as a syllable of its own, so that a phrase of them matches as a substring. What
// was folded away (marks) is not lost: Marks evidence is compared syllable by syllable with the
// original (phrase.h). README.md lists every form and the rule for it.
//
// I1. The fold of a text is the concatenation of the folds of its chunks, the stretches between
//     bytes <= 0x20, except that a word wholly of Cyrillic or Greek look-alikes asks the whole
//     text.
// I2. The scalar and the vectorised path give the same text() and the same Original() for every
//     input, valid UTF-8 or not; the scalar one is the definition.
//
// Threads: a Folder belongs to one thread. A FoldedText belongs to one thread too, also when const:
// it computes its map to the original as far as that is asked for.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "filters/text/internal/folded_places.h"

namespace keng::filters {

// Bytes [begin, end) of a post's original text.
struct Span {
  uint32_t begin = 0;
  uint32_t end = 0;
  bool operator==(const Span&) const = default;
};

// How the marks of a matched stretch compare with the phrase as it was written; the worst of its
// syllables.
enum class MarksEvidence : uint8_t { kEqual, kPartial, kAbsent, kConflicting };
std::string_view MarksEvidenceName(
    MarksEvidence evidence);  // "equal", "partial", "absent", "conflicting"

enum class FoldPath : uint8_t { kFastest, kScalar };

// The result of a fold. Reused from post to post: Fold() overwrites it and keeps its memory.
class FoldedText {
 public:
  // " syllable syllable ... " or " " for a text without any. A hashtag that can be read in several
  // ways stands once for each reading, with the syllable "|", which no phrase has, between them.
  std::string_view text() const { return std::string_view(buffer_).substr(0, size_); }
  // The text that was folded; its bytes belong to the caller of Fold() and must live as long as
  // original() or Original() are used.
  std::string_view original() const { return original_; }
  // The original bytes that folded bytes [begin, end) came from, on character boundaries, with the
  // combining marks that follow the last character; spaces at either end of [begin, end) are
  // excluded. An empty span when nothing is left. Meant for hits: costs a walk through the text up
  // to `end`, once, or a slow fold of the text.
  // REQUIRES: begin <= end <= text().size().
  Span Original(uint32_t begin, uint32_t end) const;
  // Goes from the original character of one folded byte to that of the next, from `begin` on; cheap
  // where most texts are concerned. What it gives for spaces means nothing.
  // REQUIRES: no space stands at `begin`; at most as many calls of Next() as there are folded
  // bytes.
  class Characters {
   public:
    Characters(const FoldedText& text, uint32_t begin);
    Span Next();

   private:
    const FoldedText& text_;
    uint32_t at_;
    std::optional<text_internal::FoldedPlaces::Walk> walk_;
  };
  // Syllables are numbered from 0. The syllable that contains folded byte `offset` (a space belongs
  // to the one after it). Counts, so costs O(offset).
  // REQUIRES: offset < text().size().
  uint32_t SyllableAt(uint32_t offset) const;

 private:
  friend class Folder;
  // Maps at least folded bytes [0, end).
  void MapTo(uint32_t end) const;

  std::string_view original_;
  // text() is the first size_ bytes; the rest is memory for longer texts and packing.
  std::string buffer_ = " ";
  size_t size_ = 1;
  FoldPath path_ = FoldPath::kFastest;
  text_internal::FoldedPlaces places_;  // unless it is empty; then map_
  // Original bytes of the first folded bytes, as far as was asked for, and how much of the original
  // they come from. A space has an empty span.
  mutable std::vector<Span> map_;
  mutable uint32_t mapped_ = 0;
};

class Folder {
 public:
  // kFastest takes the best vector instructions that the processor has.
  explicit Folder(FoldPath path = FoldPath::kFastest);
  ~Folder();
  Folder(Folder&&) noexcept;
  Folder& operator=(Folder&&) noexcept;

  // Folds `original` into `out`. Never fails: bytes that are not UTF-8 separate. Linear in
  // original.size().
  // REQUIRES: original.size() < 2^31; its bytes live as long as `out` is asked about them.
  void Fold(std::string_view original, FoldedText& out);

 private:
  friend class FoldedText;
  class Scratch;
  FoldPath path_;
  std::unique_ptr<Scratch> scratch_;
};

}  // namespace keng::filters

#endif  // KENG_FILTERS_TEXT_FOLD_H_
