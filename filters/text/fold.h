#ifndef KENG_FILTERS_TEXT_FOLD_H_
#define KENG_FILTERS_TEXT_FOLD_H_

// Folding: text as people type it becomes one normal form in which a phrase is a plain literal. The
// folded text is lower-case ASCII syllables with exactly one space between them and one at both
// ends (" hem 12 ngap toi goi roi "); everything that is not a letter, mark or digit separates.
// Letters of other scripts pass through case-folded; in scripts written without spaces each
// character stands as a syllable of its own, so that a phrase of them matches as a substring. What
// was folded away (marks) is not lost: Marks evidence is compared syllable by syllable with the
// original.
//
// Threads: a Folder belongs to one thread; FoldedText is a value.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

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

// The result of a fold. Reused from post to post: Fold() overwrites it and keeps its memory.
class FoldedText {
 public:
  // " syllable syllable ... " or " " for a text without any.
  std::string_view text() const { return text_; }
  std::string_view original() const { return original_; }
  // The original bytes that folded bytes [begin, end) came from; boundary spaces excluded by the
  // caller.
  Span Original(uint32_t begin, uint32_t end) const;
  // Syllables are numbered from 0. The syllable that contains folded byte `offset` (a space belongs
  // to the one after it).
  uint32_t SyllableAt(uint32_t offset) const;

 private:
  friend class Folder;
  std::string_view original_;
  std::string text_;
  std::vector<uint32_t> offsets_;  // original offset of each folded byte
};

}  // namespace keng::filters

#endif  // KENG_FILTERS_TEXT_FOLD_H_
