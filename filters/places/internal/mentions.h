#ifndef KENG_FILTERS_PLACES_INTERNAL_MENTIONS_H_
#define KENG_FILTERS_PLACES_INTERNAL_MENTIONS_H_

// From the literal matches of a post to its mentions: stretches of text that are read as a place's
// name, each with all its readings and what stands around it. No reading is judged here.
//
// Threads: pure functions and values.

#include <cstdint>
#include <span>
#include <vector>

#include "filters/literal_match.h"
#include "filters/places/gazetteer.h"
#include "filters/places/internal/place_words.h"
#include "filters/text/fold.h"

namespace keng::filters {

// Mentions of one post beyond this many are not looked at: a list of places has no place.
inline constexpr size_t kMentionsMax = 64;

// One place that a mention may mean.
struct Reading {
  uint32_t name = 0;  // index into Gazetteer::names()
  int place = Place::kNobody;
  MarksEvidence marks = MarksEvidence::kEqual;
  int score = 0;
  bool vouched = false;  // by its address or the account
  bool refuted = false;  // by its address
};

enum class Casing : uint8_t { kNoEvidence, kCapitals, kLower };

// How the text goes on from the mention before: as one address or list, or anew.
enum class Link : uint8_t { kNone, kList };

struct Mention {
  uint32_t begin = 0, end = 0;  // folded bytes of the name
  uint32_t head = 0;            // folded byte at which its word of place begins, else `begin`
  Span span;                    // original bytes from `head` to `end`
  size_t first = 0, last = 0;   // syllables from `head` to the name's last
  int sentence = 0, clause = 0;
  std::vector<Reading> readings;
  const PlaceWord* word = nullptr;  // unit to feature, directly before the name
  const PlaceWord* cue = nullptr;   // what stands before `head`
  Casing casing = Casing::kNoEvidence;
  bool all_capitals = false;  // "LX" in a text that is not all in capitals, or any
  bool glued_left = false;    // seems to be the end of a longer capitalised name,
  bool glued_right = false;   // or the beginning of one
  Link link = Link::kNone;    // with the mention before
};

struct Mentions {
  std::vector<Mention> mentions;  // by begin, not overlapping
  MarksHabit habit = MarksHabit::kLeavesOut;
  // Where original byte `offset` stands.
  struct Position {
    size_t syllable = 0;
    int sentence = 0, clause = 0;
  };
  std::vector<Span> syllables;          // original bytes
  std::vector<int> sentences, clauses;  // of each syllable, numbered from 0
  Position At(uint32_t offset) const;
};

Mentions ReadMentions(const FoldedText& text, std::span<const LiteralMatch> matches,
                      const Gazetteer& gazetteer, const PlaceWords& words);

}  // namespace keng::filters

#endif  // KENG_FILTERS_PLACES_INTERNAL_MENTIONS_H_
