#ifndef KENG_FILTERS_PLACES_INTERNAL_JUDGE_H_
#define KENG_FILTERS_PLACES_INTERNAL_JUDGE_H_

// Weighs the readings of a post's mentions. A name that nothing speaks against stands by itself; a
// doubted one needs a second sign: a word of place, an address that it is part of, another place of
// the same area, or an account of the area. The weights are small whole numbers, so that
// they can be explained (docs/places.md).
//
// Threads: pure functions and values.

#include <cstdint>
#include <string>
#include <vector>

#include "filters/places/gazetteer.h"
#include "filters/places/internal/mentions.h"

namespace keng::filters {

// A reading counts from this score on.
inline constexpr int kScoreAccepted = 3;

struct Verdict {
  int place = Place::kNobody;  // the mention's best reading; kNobody: it counts for nothing
  int best = Place::kNobody;   // the same, accepted or not
  int score = 0;
  bool ambiguous = false;  // two places of ours fit equally well
  bool served = false;     // of `place`
  bool firm = false;       // counts without doubt or by its address: it may vouch for others
  bool refuted = false;    // its address says that it is a namesake elsewhere
};

// One verdict a mention. `account` is the place of the account's cell, or Place::kNobody. Sets
// Reading::score.
std::vector<Verdict> Judge(Mentions& mentions, const Gazetteer& gazetteer, int account);

}  // namespace keng::filters

#endif  // KENG_FILTERS_PLACES_INTERNAL_JUDGE_H_
