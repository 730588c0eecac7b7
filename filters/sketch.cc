#include "filters/sketch.h"

#include <algorithm>

#include "base/stable_hash.h"

namespace keng::filters {
namespace {

constexpr size_t kGram = 4;
constexpr size_t kSetMax = 4096;

uint32_t Hash(std::string_view bytes, uint64_t key) {
  return static_cast<uint32_t>(base::StableHash64(bytes, key));
}

void SortUnique(std::vector<uint32_t>& hashes, size_t count_max) {
  std::sort(hashes.begin(), hashes.end());
  hashes.erase(std::unique(hashes.begin(), hashes.end()), hashes.end());
  if (hashes.size() > count_max) hashes.resize(count_max);
}

}  // namespace

Sketch MakeSketch(std::string_view original, std::string_view folded, uint64_t key) {
  (void)original;
  Sketch sketch;
  for (size_t i = 0; i + kGram <= folded.size(); ++i) {
    sketch.shingles.push_back(Hash(folded.substr(i, kGram), key));
  }
  SortUnique(sketch.shingles, Sketch::kShinglesMax);
  SortUnique(sketch.numbers, kSetMax);
  return sketch;
}

double Jaccard(const std::vector<uint32_t>& a, const std::vector<uint32_t>& b) {
  size_t common = 0, joined = 0;
  // Two cut sketches: only the smallest of the union are known to be complete.
  const bool cut = a.size() >= Sketch::kShinglesMax || b.size() >= Sketch::kShinglesMax;
  const size_t joined_max = cut ? Sketch::kShinglesMax : a.size() + b.size();
  size_t i = 0, j = 0;
  while ((i < a.size() || j < b.size()) && joined < joined_max) {
    ++joined;
    if (j == b.size() || (i < a.size() && a[i] < b[j])) {
      ++i;
    } else if (i == a.size() || b[j] < a[i]) {
      ++j;
    } else {
      ++common, ++i, ++j;
    }
  }
  return joined == 0 ? 0 : static_cast<double>(common) / static_cast<double>(joined);
}

std::string_view LikenessName(Likeness likeness) {
  switch (likeness) {
    case Likeness::kSame:
      return "same";
    case Likeness::kDifferentText:
      return "different_text";
    case Likeness::kDifferentNumbers:
      return "different_numbers";
    case Likeness::kDifferentNames:
      return "different_names";
    case Likeness::kTooShort:
      return "too_short";
  }
  return "different_text";
}

Likeness Compare(const Sketch& a, const Sketch& b) {
  return Jaccard(a.shingles, b.shingles) >= 0.5 ? Likeness::kSame : Likeness::kDifferentText;
}

}  // namespace keng::filters
