#ifndef KENG_FILTERS_PLACES_INTERNAL_PLACE_WORDS_H_
#define KENG_FILTERS_PLACES_INTERNAL_PLACE_WORDS_H_

// Words around a name that say what it is: words of place (xã, chợ), prepositions (ở, về), titles
// of people (chị), kinds of firms and goods (công ty, bún). A closed table, compiled once.
//
// Threads: immutable after construction.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "filters/text/fold.h"
#include "filters/text/marks_habit.h"
#include "filters/text/phrase.h"

namespace keng::filters {

enum class WordKind : uint8_t {
  kNone,
  kUnit,      // xã, phường, thị trấn, đặc khu
  kDistrict,  // huyện, quận, thị xã, thành phố
  kProvince,  // tỉnh
  kHamlet,    // ấp, khóm: the name is that of a hamlet
  kRoad,      // đường, hẻm, cầu, bệnh viện: the name is often its own only
  kFeature,   // chợ, bến xe, UBND, công an: stands where its name says
  kAt,        // ở, tại, khu: a place follows
  kThrough,   // về, đi, hướng: a place follows that is not where it happens
  kOrigin,    // từ, quê, người, xe: a place follows that something comes from
  kPerson,    // chị, anh, ông
  kThing,     // công ty, quán, bún
};

struct PlaceWord {
  Phrase phrase;
  WordKind kind = WordKind::kNone;
  std::string type;     // the word of place in full: "phường" for "p"
  bool letter = false;  // one letter or an abbreviation: in capitals or before a full stop only
};

class PlaceWords {
 public:
  PlaceWords();

  // The word that ends at folded byte `end` (the space after it) and is written as one; the
  // longest. nullptr when there is none.
  const PlaceWord* Before(const FoldedText& text, uint32_t end, MarksHabit habit) const;

 private:
  void Add(WordKind kind, std::string_view written, std::string_view type = "");

  std::vector<PlaceWord> words_;
  // Folded last syllable -> indexes of words that end in it, longest first.
  absl::flat_hash_map<std::string, std::vector<uint32_t>> by_last_;
};

}  // namespace keng::filters

#endif  // KENG_FILTERS_PLACES_INTERNAL_PLACE_WORDS_H_
