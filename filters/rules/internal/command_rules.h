#ifndef KENG_FILTERS_RULES_INTERNAL_COMMAND_RULES_H_
#define KENG_FILTERS_RULES_INTERNAL_COMMAND_RULES_H_

#include <iosfwd>
#include <memory>

#include "filters/matcher/rule_set.h"
#include "filters/rules/rule_commands.h"

namespace keng::filters {

// Loads and compiles what a command was given, or prints why not and returns nullptr.
std::shared_ptr<const RuleSet> LoadForCommand(const RuleInput& input, std::ostream& err);

}  // namespace keng::filters

#endif  // KENG_FILTERS_RULES_INTERNAL_COMMAND_RULES_H_
