#ifndef KENG_FILTERS_TEXT_INTERNAL_SYLLABLES_H_
#define KENG_FILTERS_TEXT_INTERNAL_SYLLABLES_H_

// The inventory of Vietnamese syllables, made from onsets and rimes, and a few loan words. It
// over-generates on purpose (a syllable that could be Vietnamese is in it); it only decides how
// words that are written together come apart and which doubled letters are a stretch.
//
// Threads: immutable.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace keng::filters::text_internal {

class SyllableInventory {
 public:
  static constexpr size_t kLettersMax = 10;  // livestream

  static const SyllableInventory& Get();

  // `folded`: ASCII letters without marks ("nuoc").
  bool Contains(std::string_view folded) const;
  // Whether letters with these qualities (unicode.h) and tones can be one syllable as far as they
  // were typed: some syllable has every quality that was typed, at most one tone stands, and a
  // syllable that ends in a stop has none, sắc or nặng.
  bool Admits(std::string_view qualities, std::string_view folded,
              const std::vector<uint8_t>& tones_of_letters, size_t first) const;

  // A reading of a word as syllables: their lengths.
  using Reading = std::vector<uint8_t>;
  // The readings of a glued word with the fewest syllables, but more than one, at most
  // kReadingsMax, those first whose syllables begin with a consonant. Empty when there is none, or
  // when the word is longer than kGluedMax letters.
  static constexpr size_t kReadingsMax = 6;
  static constexpr size_t kGluedMax = 64;
  std::vector<Reading> Split(std::string_view folded, std::string_view qualities,
                             const std::vector<uint8_t>& tones) const;

 private:
  SyllableInventory();
  void Add(std::string_view qualities);

  // Folded syllable -> the forms that it has, as qualities.
  std::unordered_map<std::string, std::vector<std::string>> forms_;
  std::unordered_set<std::string> loans_;
};

}  // namespace keng::filters::text_internal

#endif  // KENG_FILTERS_TEXT_INTERNAL_SYLLABLES_H_
