#ifndef KENG_FILTERS_MATCHER_RULE_SET_H_
#define KENG_FILTERS_MATCHER_RULE_SET_H_

// A rule set: all rules that match, compiled, immutable, with a version. Built once, shared between
// threads as shared_ptr<const RuleSet>; a worker finishes its batch on the rule set it began with.
// One Hyperscan literal database holds the folded phrases of all rules and all names that the
// caller adds (the gazetteer); a second one holds the expressions. The matcher over it is
// matcher.h; the definition that it must agree with is reference_matcher.h.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "filters/rules/rule.h"

namespace keng::filters {

// A name that the caller wants found in every post, beside the rules' phrases. Several names may
// share a literal, with each other and with phrases.
struct ExtraLiteral {
  std::string folded;  // as Folder makes it: one space at both ends
  uint32_t id = 0;     // the caller's; given back in LiteralMatch
};

struct CompiledRules;  // filters/matcher/internal/compiled_rules.h

class RuleSet {
 public:
  // InvalidArgument: an expression that Hyperscan refuses (named with file, line and rule) or a
  // phrase that folds to nothing. ResourceExhausted: the databases do not fit in memory.
  static absl::StatusOr<std::shared_ptr<const RuleSet>> Compile(
      RuleFiles files, std::vector<ExtraLiteral> literals = {});
  ~RuleSet();
  RuleSet(const RuleSet&) = delete;
  RuleSet& operator=(const RuleSet&) = delete;

  const std::vector<Rule>& rules() const { return files_.rules; }
  const RuleFiles& files() const { return files_; }
  // Version of the content of the rule files; the extra literals are not part of it.
  const std::string& version() const { return files_.version; }
  size_t literals() const;  // distinct ones in the database
  size_t patterns() const;  // distinct phrases with their marks

  const CompiledRules& compiled() const { return *compiled_; }

 private:
  RuleSet();
  // Constant after Compile().
  RuleFiles files_;
  std::unique_ptr<CompiledRules> compiled_;
};

}  // namespace keng::filters

#endif  // KENG_FILTERS_MATCHER_RULE_SET_H_
