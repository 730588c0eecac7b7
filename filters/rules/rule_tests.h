#ifndef KENG_FILTERS_RULES_RULE_TESTS_H_
#define KENG_FILTERS_RULES_RULE_TESTS_H_

// Runs the `tests:` that rules carry. A test judges its own rule only.

#include <memory>
#include <string>
#include <vector>

#include "filters/matcher/rule_set.h"
#include "filters/rules/placing.h"

namespace keng::filters {

struct RuleTestFailure {
  const Rule* rule = nullptr;
  const RuleTest* test = nullptr;
  std::string what;  // "must match and does not", "goes to cell 30307, expected 30310", ...
};

struct RuleTestReport {
  size_t tests = 0;
  size_t unplaced = 0;  // tests of a place that were not judged for want of a gazetteer
  std::vector<RuleTestFailure> failures;
};

// The report borrows from `rules`. `rules` must be compiled with placing.literals.
RuleTestReport RunRuleTests(const std::shared_ptr<const RuleSet>& rules, const Placing& placing);

// Why this rule set is not published; empty when it is fit. Each entry is one line for people.
std::vector<std::string> WhyNotPublished(const RuleSet& rules, const RuleTestReport& report);

}  // namespace keng::filters

#endif  // KENG_FILTERS_RULES_RULE_TESTS_H_
