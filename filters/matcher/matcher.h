#ifndef KENG_FILTERS_MATCHER_MATCHER_H_
#define KENG_FILTERS_MATCHER_MATCHER_H_

// The fast matcher: folds a post, scans it once, and evaluates only the rules of which a needed
// phrase occurred. What it yields are matches, not hits: a rule may ask for a place
// (Rule::place), which the placer decides from MatchResult::literals and folded; the caller drops
// what PlaceNeedHolds() refuses.
//
// Threads: a Matcher belongs to one thread and holds that thread's scratch; make one for each. The
// rule set is shared. A MatchResult is reused from post to post and keeps its memory; its rule
// pointers are valid as long as the rule set.

#include <cstdint>
#include <memory>
#include <vector>

#include "base/metrics.h"
#include "filters/hit.h"
#include "filters/literal_match.h"
#include "filters/matcher/rule_set.h"
#include "filters/rules/rule.h"
#include "filters/text/fold.h"
#include "ingest/post.h"

namespace keng::filters {

struct RuleMatch {
  const Rule* rule = nullptr;
  std::vector<HitSpan> spans;  // at most kSpansMax, by begin, end and phrase
};
inline constexpr size_t kSpansMax = 32;

struct MatchResult {
  FoldedText folded;
  std::vector<RuleMatch> rules;        // in the order of the rule set
  std::vector<LiteralMatch> literals;  // filled only when a rule matched, or always (see Literals)
  bool capped = false;                 // a bound was reached; counted in keng_rules_capped_total
};

struct MatcherMetrics {
  base::Counter evaluated;  // posts with at least one candidate rule
  base::Counter capped;     // posts with more literal matches or occurrences than are looked at
};

class Matcher {
 public:
  // When MatchResult::literals is filled.
  enum class Literals : uint8_t { kIfMatched, kAlways };

  explicit Matcher(std::shared_ptr<const RuleSet> rules, Literals literals = Literals::kIfMatched,
                   MatcherMetrics metrics = {});
  ~Matcher();
  Matcher(const Matcher&) = delete;
  Matcher& operator=(const Matcher&) = delete;

  // Overwrites `out`. The post's text must outlive it (spans and FoldedText refer to it). A
  // deletion matches nothing.
  void Match(const ingest::Post& post, MatchResult& out);

  // The same in steps, for measuring: Match() is Fold, Scan, Evaluate.
  void Fold(std::string_view text, MatchResult& out);
  void Scan(MatchResult& out);
  // After Scan(): whether any rule has to be evaluated. Without, Evaluate() would find nothing, and
  // the caller needs no more of the post than its text.
  bool HasCandidates(const MatchResult& out);
  void Evaluate(const ingest::Post& post, MatchResult& out);

  const RuleSet& rule_set() const { return *rules_; }

  // What each rule cost since construction, by index of rule.
  struct RuleCost {
    uint64_t evaluations = 0;
    uint64_t matches = 0;
    uint64_t nanoseconds = 0;  // only while profiling
  };
  enum class Profiling : uint8_t { kCount, kTime };
  void SetProfiling(Profiling profiling);
  const std::vector<RuleCost>& costs() const;

 private:
  struct State;
  void EvaluateRule(uint32_t index, const ingest::Post& post, MatchResult& out);

  std::shared_ptr<const RuleSet> rules_;
  std::unique_ptr<State> state_;
};

}  // namespace keng::filters

#endif  // KENG_FILTERS_MATCHER_MATCHER_H_
