#ifndef KENG_FILTERS_PLACES_GAZETTEER_H_
#define KENG_FILTERS_PLACES_GAZETTEER_H_

// The gazetteer: every place that a post may name, served or elsewhere, with its names, what it
// lies in, and for units of before July 2025 the unit of today that took them in. Read from YAML
// files that operators edit (rules/places/, form in docs/places.md), compiled to the literals that
// the one shared scan looks for.
//
// Life cycle: loaded once, immutable, shared as shared_ptr<const Gazetteer>; a changed file means a
// new one. Threads: any. Tests: gazetteer_test.cc.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "filters/literal_match.h"
#include "filters/text/fold.h"
#include "filters/text/phrase.h"

namespace keng::filters {

// From wide to narrow; the narrower of two places in one post says more.
enum class PlaceLevel : uint8_t { kProvince, kDistrict, kUnit, kHamlet, kSpot };

// What is known against a name: a name with any of these needs a second sign before it counts.
enum class NameDoubt : uint8_t {
  kNone = 0,
  kNamesake = 1 << 0,      // a place of this name exists elsewhere in the country, too
  kCommonWord = 1 << 1,    // also a word of the language, a person's or a company's name
  kAbbreviation = 1 << 2,  // counts in capitals or after a word of place only
};

struct Place {
  static constexpr int kNobody = -1;

  std::string code;  // "30307", "old:30292", "30307/khom-5"
  std::string name;  // "Long Xuyên"
  std::string type;  // "phường"; a word of place or empty
  PlaceLevel level = PlaceLevel::kUnit;
  bool served = false;      // lies in the province that the cells serve
  bool old = false;         // of before July 2025
  bool unverified = false;  // known by hearsay: supports its parent, is never itself a post's place
  int parent = kNobody;     // index of the place that it lies in; of an old unit: its old district
  int now = kNobody;        // index of the unit of today that took an old one in
  int namesakes = 0;        // units elsewhere that bear the name today or bore it
};

// One written name of one place.
struct PlaceName {
  Phrase phrase;
  int place = Place::kNobody;
  uint8_t doubts = 0;  // NameDoubt, or-ed
  // The name's first syllable is its word of place ("cầu Hoàng Diệu", "phường Sài Gòn").
  bool typed = false;
  // What it folds to means nothing else: it counts without marks, too.
  bool unmistakable = false;

  bool Doubted(NameDoubt doubt) const { return (doubts & static_cast<uint8_t>(doubt)) != 0; }
};

class Gazetteer {
 public:
  // Reads every .yaml file of the given files and folders, in order of path.
  // InvalidArgument "FILE:LINE:COLUMN: what is wrong; what to do"; NotFound: no such path.
  static absl::StatusOr<std::shared_ptr<const Gazetteer>> Load(
      const std::vector<std::string>& paths);
  // The same from texts: (file name for errors, content).
  static absl::StatusOr<std::shared_ptr<const Gazetteer>> Parse(
      const std::vector<std::pair<std::string, std::string>>& files);

  // What the shared scan must look for: folded, one space at both ends, distinct. The index is the
  // literal's id, which LiteralMatch gives back.
  const std::vector<std::string>& literals() const { return literals_; }
  // True for literals that name a place in the area served by themselves or with a second sign;
  // false for those that name only places elsewhere.
  bool NamesServedPlace(uint32_t literal) const;

  const std::vector<Place>& places() const { return places_; }
  const Place& place(int index) const { return places_[static_cast<size_t>(index)]; }
  const std::vector<PlaceName>& names() const { return names_; }
  // Indexes into names(), in order of the files. REQUIRES: literal < literals().size().
  const std::vector<uint32_t>& NamesOf(uint32_t literal) const { return names_of_[literal]; }

  // Index of the place with this code, or Place::kNobody.
  int Find(std::string_view code) const;
  // The unit of today (or hamlet, spot, province) whose cell answers for the place: for an old unit
  // the one that took it in, for an old district the unit of today that kept its name and seat, if
  // any, else the province.
  int Today(int place) const;
  // True when `outer` is `inner` or contains it, now or before July 2025.
  bool Contains(int outer, int inner) const;
  // The province served.
  int province() const { return province_; }

 private:
  friend class GazetteerBuilder;
  Gazetteer() = default;

  // Constant after Load().
  std::vector<Place> places_;
  std::vector<PlaceName> names_;
  std::vector<std::string> literals_;
  std::vector<std::vector<uint32_t>> names_of_;
  std::vector<std::vector<int>> containers_;  // of each place, sorted, itself included
  absl::flat_hash_map<std::string, int> by_code_;
  int province_ = Place::kNobody;
};

// Finds all literals of a gazetteer in one text, for `keng route` and tests, where no shared scan
// stands by. Plain hash look-ups of syllable runs; an oracle for the shared scan, too.
class NameScanner {
 public:
  explicit NameScanner(const Gazetteer& gazetteer);
  // Appends all occurrences, overlapping ones included, by begin, then end.
  void Scan(const FoldedText& text, std::vector<LiteralMatch>& out) const;

 private:
  absl::flat_hash_map<std::string, uint32_t> ids_;
  // Most syllables of a literal that begins with the syllable.
  absl::flat_hash_map<std::string, size_t> longest_;
};

}  // namespace keng::filters

#endif  // KENG_FILTERS_PLACES_GAZETTEER_H_
