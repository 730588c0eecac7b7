#ifndef KENG_FILTERS_MATCHER_REFERENCE_MATCHER_H_
#define KENG_FILTERS_MATCHER_REFERENCE_MATCHER_H_

// The slow matcher, written from the definition in filters/rules/condition.h: no Hyperscan for
// phrases, no index, no compiled form; it looks for each phrase at each syllable and walks the
// conditions as they were written. It is the oracle of Matcher (matcher_test.cc, the corpora and
// matcher_fuzz.cc hold the two equal) and, because it sees every step, what `keng rules explain`
// speaks from. The one thing that both share is the engine that runs a single regex.
//
// Threads: belongs to one thread. Borrows the rules, which must outlive it.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "filters/hit.h"
#include "filters/matcher/matcher.h"
#include "filters/matcher/rule_set.h"
#include "filters/rules/rule.h"
#include "filters/text/fold.h"
#include "filters/text/phrase.h"
#include "ingest/post.h"

namespace keng::filters {

// One place in the text where a term stands, or would.
struct TracedOccurrence {
  // Why it does not count.
  enum class Aside : uint8_t {
    kCounts,
    kMarks,    // the marks do not fit the phrase's mode
    kExcept,   // part of a longer phrase, `by`
    kNotNear,  // `by` stands near
  };
  uint32_t begin = 0;  // syllables
  uint32_t end = 0;
  uint32_t folded_begin = 0;  // bytes, boundary spaces not included
  uint32_t folded_end = 0;
  std::string_view phrase;  // as written; empty for numbers and places
  MarksEvidence marks = MarksEvidence::kEqual;
  MarksMode mode = MarksMode::kCompatible;
  Aside aside = Aside::kCounts;
  std::string_view by;
};

// What became of one condition.
struct ConditionTrace {
  const Condition* condition = nullptr;
  bool holds = false;
  std::vector<TracedOccurrence> counted;  // what makes a term, near or regex hold
  std::vector<TracedOccurrence> aside;    // what stands there and does not count
  std::string found_groups;               // near: "1, 2, 0", occurrences of each group
  bool apart = false;                     // near: each group occurs, and not as it asks
  std::vector<ConditionTrace> children;
};

struct RuleTrace {
  const Rule* rule = nullptr;
  bool where_holds = false;
  bool holds = false;  // where and conditions; a place that the rule needs is not looked at
  ConditionTrace when;
};

class ReferenceMatcher {
 public:
  explicit ReferenceMatcher(const std::vector<Rule>& rules, ExtraLiterals extras = {});
  ~ReferenceMatcher();
  ReferenceMatcher(const ReferenceMatcher&) = delete;
  ReferenceMatcher& operator=(const ReferenceMatcher&) = delete;

  // The matches in the order of the rules, equal to Matcher's.
  std::vector<RuleMatch> Match(const ingest::Post& post);
  // Every rule with all its conditions, also where an outcome was certain before. The traces borrow
  // the post's text, and this matcher until its next call.
  std::vector<RuleTrace> Trace(const ingest::Post& post);
  // One occurrence's original bytes in the text of the last call.
  Span Original(const TracedOccurrence& occurrence) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace keng::filters

#endif  // KENG_FILTERS_MATCHER_REFERENCE_MATCHER_H_
