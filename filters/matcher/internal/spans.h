#ifndef KENG_FILTERS_MATCHER_INTERNAL_SPANS_H_
#define KENG_FILTERS_MATCHER_INTERNAL_SPANS_H_

// From what was found in the folded text to the spans of a hit. Both matchers end here: they must
// agree on what was found, and the form is one.

#include <cstdint>
#include <string_view>
#include <vector>

#include "filters/hit.h"
#include "filters/rules/condition.h"
#include "filters/text/fold.h"

namespace keng::filters {

struct FoundPhrase {
  uint32_t begin = 0;  // folded bytes, boundary spaces not included
  uint32_t end = 0;
  std::string_view written;
  MarksEvidence marks = MarksEvidence::kEqual;
};

struct FoundRegex {
  uint32_t begin = 0;  // bytes of what it ran on
  uint32_t end = 0;
  std::string_view pattern;
  Condition::RegexOn on = Condition::RegexOn::kText;
};

// Appends the first kSpansMax distinct phrases by place, then as many expressions as are left room
// for (of those with one beginning the longest), all on the original bytes and in their order.
void AppendSpans(const FoldedText& folded, std::vector<FoundPhrase> phrases,
                 std::vector<FoundRegex> regexes, std::vector<HitSpan>& spans);

}  // namespace keng::filters

#endif  // KENG_FILTERS_MATCHER_INTERNAL_SPANS_H_
