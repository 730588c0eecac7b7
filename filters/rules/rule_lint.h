#ifndef KENG_FILTERS_RULES_RULE_LINT_H_
#define KENG_FILTERS_RULES_RULE_LINT_H_

// Advice for those who write rules: what is allowed and usually goes wrong.

#include <vector>

#include "filters/matcher/rule_set.h"
#include "filters/rules/rule.h"

namespace keng::filters {

// All of weight kAdvice:
//   - a rule that one phrase alone makes ring, without context and without `none` or exclusions
//   - two phrases of one rule that differ only in marks, so that their bare form is the same
//   - a phrase of one syllable, compatible marks, outside `near`
//   - fewer than 8 tests, or fewer near misses than half of them
//   - a phrase with a stretched letter, which is found as the unstretched word
//   - an `except` phrase that does not contain what it is an exception of
std::vector<RuleWarning> LintRules(const RuleSet& rules);

}  // namespace keng::filters

#endif  // KENG_FILTERS_RULES_RULE_LINT_H_
