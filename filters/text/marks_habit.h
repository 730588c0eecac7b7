#ifndef KENG_FILTERS_TEXT_MARKS_HABIT_H_
#define KENG_FILTERS_TEXT_MARKS_HABIT_H_

// Whether a writer types marks. In a text that is typed with them a word without marks is most
// likely another word ("chay" is a vegetarian meal, not "cháy"); in one that is typed without, it
// may be any of those that fold to it.

#include <cstdint>
#include <string_view>

#include "filters/text/fold.h"

namespace keng::filters {

enum class MarksHabit : uint8_t {
  kTypesMarks,  // at least half of the words bear a mark; Vietnamese that is typed in full: 3 of 4
  kLeavesOut,
};

// Words are stretches of Latin letters; hashtags, mentions and addresses do not count. A text
// without words leaves out. Linear in original.size().
MarksHabit MarksHabitOf(std::string_view original);

// `span` of `original` begins in a hashtag: those are typed without marks by writers who otherwise
// type them.
bool InHashtag(std::string_view original, Span span);

}  // namespace keng::filters

#endif  // KENG_FILTERS_TEXT_MARKS_HABIT_H_
