#include "filters/matcher/internal/spans.h"

#include <algorithm>
#include <string>
#include <tuple>

#include "filters/matcher/matcher.h"

namespace keng::filters {

void AppendSpans(const FoldedText& folded, std::vector<FoundPhrase> phrases,
                 std::vector<FoundRegex> regexes, std::vector<HitSpan>& spans) {
  const auto phrase_key = [](const FoundPhrase& found) {
    return std::tie(found.begin, found.end, found.written);
  };
  std::sort(phrases.begin(), phrases.end(), [&](const FoundPhrase& a, const FoundPhrase& b) {
    return phrase_key(a) < phrase_key(b);
  });
  phrases.erase(std::unique(phrases.begin(), phrases.end(),
                            [&](const FoundPhrase& a, const FoundPhrase& b) {
                              return phrase_key(a) == phrase_key(b);
                            }),
                phrases.end());
  if (phrases.size() > kSpansMax) phrases.resize(kSpansMax);
  for (const FoundPhrase& found : phrases) {
    spans.push_back(
        HitSpan{folded.Original(found.begin, found.end), std::string(found.written), found.marks});
  }

  // The longest of one beginning first, and the others of that beginning dropped.
  std::sort(regexes.begin(), regexes.end(), [](const FoundRegex& a, const FoundRegex& b) {
    return std::tie(a.on, a.begin, a.pattern, b.end) < std::tie(b.on, b.begin, b.pattern, a.end);
  });
  regexes.erase(std::unique(regexes.begin(), regexes.end(),
                            [](const FoundRegex& a, const FoundRegex& b) {
                              return std::tie(a.on, a.begin, a.pattern) ==
                                     std::tie(b.on, b.begin, b.pattern);
                            }),
                regexes.end());
  for (const FoundRegex& found : regexes) {
    if (spans.size() >= kSpansMax) break;
    const Span span = found.on == Condition::RegexOn::kText
                          ? Span{found.begin, found.end}
                          : folded.Original(found.begin, found.end);
    spans.push_back(HitSpan{span, std::string(found.pattern), MarksEvidence::kEqual});
  }

  const auto span_key = [](const HitSpan& span) {
    return std::tie(span.span.begin, span.span.end, span.phrase, span.marks);
  };
  std::sort(spans.begin(), spans.end(),
            [&](const HitSpan& a, const HitSpan& b) { return span_key(a) < span_key(b); });
  spans.erase(std::unique(spans.begin(), spans.end(),
                          [&](const HitSpan& a, const HitSpan& b) {
                            return a.span == b.span && a.phrase == b.phrase;
                          }),
              spans.end());
}

}  // namespace keng::filters
