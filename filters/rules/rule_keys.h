#ifndef KENG_FILTERS_RULES_RULE_KEYS_H_
#define KENG_FILTERS_RULES_RULE_KEYS_H_

// The keys that the loader takes in each kind of map, in one table: the loader checks by it, and a
// test holds the JSON Schema for editors (rules/rules.schema.json) in step with it.

#include <string_view>
#include <vector>

namespace keng::filters {

struct RuleKeys {
  std::string_view map;  // "file", "rule", "phrase", ...
  std::vector<std::string_view> keys;
};
const std::vector<RuleKeys>& AllRuleKeys();

// REQUIRES: `map` stands in the table.
const std::vector<std::string_view>& KeysOf(std::string_view map);

}  // namespace keng::filters

#endif  // KENG_FILTERS_RULES_RULE_KEYS_H_
