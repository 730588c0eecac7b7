#ifndef KENG_FILTERS_RULES_INTERNAL_RULE_PARSER_H_
#define KENG_FILTERS_RULES_INTERNAL_RULE_PARSER_H_

// One entry of `rules:` as a Rule. Its file and pack are the loader's to fill in.

#include <vector>

#include "absl/status/statusor.h"
#include "base/yaml.h"
#include "filters/rules/internal/condition_parser.h"
#include "filters/rules/rule.h"

namespace keng::filters {

struct ParsedRule {
  Rule rule;
  bool enabled = true;
};

// `overrides` are the maps of local changes to this rule; a later one wins over an earlier one.
// `marks` holds for a rule that says nothing else.
absl::StatusOr<ParsedRule> ParseRule(const base::Yaml& yaml,
                                     const std::vector<const base::Yaml*>& overrides,
                                     MarksMode marks, ConditionParser& conditions);

}  // namespace keng::filters

#endif  // KENG_FILTERS_RULES_INTERNAL_RULE_PARSER_H_
