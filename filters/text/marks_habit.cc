#include "filters/text/marks_habit.h"

#include <algorithm>
#include <cstddef>

#include "filters/text/internal/chunk_fold.h"

namespace keng::filters {

namespace {

bool IsAsciiLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// Bytes of the Latin letter with marks, or of the combining mark, that begins at `at`; 0 when there
// is none. U+00C0 to U+01B0, U+0300 to U+036F, U+1E80 to U+1EFF.
size_t MarkedLetter(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
  };
  const unsigned lead = byte(at);
  if ((lead >= 0xC3 && lead <= 0xC6) || lead == 0xCC || lead == 0xCD) return 2;
  if (lead == 0xE1 && (byte(at + 1) == 0xBA || byte(at + 1) == 0xBB)) return 3;
  return 0;
}

struct Words {
  size_t all = 0;
  size_t marked = 0;
};

void Count(std::string_view chunk, Words& words) {
  bool in_word = false, is_marked = false;
  for (size_t i = 0; i < chunk.size();) {
    const size_t marked = MarkedLetter(chunk, i);
    if (marked == 0 && !IsAsciiLetter(chunk[i])) {
      in_word = is_marked = false;
      ++i;
      continue;
    }
    if (!in_word) ++words.all;
    if (marked != 0 && !is_marked) ++words.marked;
    in_word = true;
    is_marked = is_marked || marked != 0;
    i += std::max<size_t>(marked, 1);
  }
}

}  // namespace

MarksHabit MarksHabitOf(std::string_view original) {
  Words words;
  for (size_t begin = 0; begin < original.size();) {
    const auto* end =
        std::find_if(original.begin() + begin, original.end(), text_internal::EndsChunk);
    const std::string_view chunk =
        original.substr(begin, static_cast<size_t>(end - original.begin()) - begin);
    if (chunk.find_first_of("#@/") == std::string_view::npos) Count(chunk, words);
    begin += chunk.size() + 1;
  }
  return words.all > 0 && 2 * words.marked >= words.all ? MarksHabit::kTypesMarks
                                                        : MarksHabit::kLeavesOut;
}

bool InHashtag(std::string_view original, Span span) {
  for (size_t i = std::min<size_t>(span.begin, original.size()); i > 0; --i) {
    if (text_internal::EndsChunk(original[i - 1])) return false;
    if (original[i - 1] == '#') return true;
  }
  return false;
}

}  // namespace keng::filters
