#ifndef KENG_FILTERS_SKETCH_H_
#define KENG_FILTERS_SKETCH_H_

// Near-duplicates: what a text is reduced to (Sketch), and whether two sketches are the same text
// told again (Compare). Pure functions; no sketch holds a readable word.
//
// Numbers and names are compared apart from the letters: a price list of another day and a
// "missing person" notice with another name share nearly all their 4-grams and are not the same
// story.
//
// Thread-safe. Tests: filters/sketch_test.cc; on real pairs: tests/eval/eval_group.py.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "filters/inbox_record.h"

namespace keng::filters {

// The sketch of one text. `original` is the post's text, `folded` its folded form
// (FoldedText::text()). `key` keys every hash: sketches of two keys are not comparable.
Sketch MakeSketch(std::string_view original, std::string_view folded, uint64_t key);

// Why two texts are, or are not, the same text told again. Values are metric labels, not stored.
enum class Likeness : uint8_t {
  kSame,              // near-duplicate
  kDifferentText,     // too few 4-grams in common
  kDifferentNumbers,  // like in letters, unlike in numbers: another day's list
  kDifferentNames,    // like in letters, unlike in names: another case in the same form
  kTooShort,          // too little text to say anything: never a near-duplicate
};
std::string_view LikenessName(Likeness likeness);

// Symmetric.
Likeness Compare(const Sketch& a, const Sketch& b);
inline bool NearDuplicate(const Sketch& a, const Sketch& b) {
  return Compare(a, b) == Likeness::kSame;
}

// |a ∩ b| / |a ∪ b| of two sorted distinct sets; 0 when both are empty. For two sketches that were
// cut at Sketch::kShinglesMax, the estimate from the smallest of the union.
double Jaccard(const std::vector<uint32_t>& a, const std::vector<uint32_t>& b);

// Sorted distinct hashes as text: base64url of the varints of their differences, about 5 bytes a
// hash.
void AppendPackedHashes(const std::vector<uint32_t>& hashes, std::string& out);
// The inverse. InvalidArgument when `text` is no such form, is not strictly increasing or holds
// more than `count_max`.
absl::Status ParsePackedHashes(std::string_view text, size_t count_max,
                               std::vector<uint32_t>& hashes);

}  // namespace keng::filters

#endif  // KENG_FILTERS_SKETCH_H_
