#ifndef KENG_FILTERS_RULES_RULE_SOURCE_H_
#define KENG_FILTERS_RULES_RULE_SOURCE_H_

// Where the rules in force come from: files (filters/rules/rule_watcher.h) or publications in
// `control` (filters/rules/rule_follower.h). Both keep the old rules when the new ones are bad.
//
// Threads: current() and trouble() may be called by any thread and are cheap (a worker asks before
// each batch); Poll() by one.

#include <memory>
#include <string>

#include "filters/matcher/rule_set.h"

namespace keng::filters {

class RuleSource {
 public:
  virtual ~RuleSource() = default;
  // Never null.
  virtual std::shared_ptr<const RuleSet> current() const = 0;
  // Looks for a change and takes it up. Called about once a second; cheap while nothing changes.
  virtual void Poll() = 0;
  // Why the newest rules are not in force; empty when they are.
  virtual std::string trouble() const = 0;
};

}  // namespace keng::filters

#endif  // KENG_FILTERS_RULES_RULE_SOURCE_H_
