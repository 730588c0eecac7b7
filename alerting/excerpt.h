#ifndef KENG_ALERTING_EXCERPT_H_
#define KENG_ALERTING_EXCERPT_H_

// What of a post's text reaches an officer's screen: the shortest piece that explains why it rang,
// free of bytes that could do harm there. Pure functions.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "filters/hit.h"
#include "filters/text/fold.h"

namespace keng::alerting {

// Spans are byte ranges of `text`, in order, not overlapping.
struct Excerpt {
  std::string text;
  std::vector<filters::Span> spans;
};

// Cuts around the first spans that fit into `characters_max` code points, at spaces where there are
// any, never inside a character or before its combining marks, with "…" where something is left
// out. Runs of white space become one space; the text is cleaned as by CleanText(). Spans that are
// not in the text or not at characters' borders are dropped; without any the text's beginning is
// quoted.
Excerpt CutExcerpt(std::string_view text, absl::Span<const filters::HitSpan> spans,
                   size_t characters_max = 220);

// Control characters (terminal escapes, line breaks), bidirectional overrides and marks become
// spaces, broken UTF-8 U+FFFD. For every string that a stranger wrote.
std::string CleanText(std::string_view text);

}  // namespace keng::alerting

#endif  // KENG_ALERTING_EXCERPT_H_
