#ifndef KENG_FILTERS_MATCHER_RULE_SET_H_
#define KENG_FILTERS_MATCHER_RULE_SET_H_

// A rule set: all rules that match, compiled, immutable, with a version. Built once, shared between
// threads as shared_ptr<const RuleSet>; a worker finishes its batch on the rule set it began with.
// One literal index holds the folded phrases of all rules and all names that the
// caller adds (the gazetteer); Hyperscan databases hold the expressions. The matcher over it is
// matcher.h; the definition that it must agree with is reference_matcher.h.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "filters/rules/rule.h"

namespace keng::filters {

// Names that the caller wants found in every post, beside the rules' phrases: the gazetteer's. A
// name may equal a phrase's folded form.
struct ExtraLiterals {
  // Folded, one space at both ends. The index is the id that LiteralMatch gives back.
  std::vector<std::string> folded;
  // For each, whether {place: named} takes it.
  std::vector<uint8_t> is_named_place;
};

struct CompiledRules;  // filters/matcher/internal/compiled_rules.h

class RuleSet {
 public:
  // InvalidArgument: an expression that Hyperscan refuses (named with file, line and rule) or a
  // phrase that folds to nothing. ResourceExhausted: the databases do not fit in memory.
  static absl::StatusOr<std::shared_ptr<const RuleSet>> Compile(RuleFiles files,
                                                                ExtraLiterals literals = {});
  ~RuleSet();
  RuleSet(const RuleSet&) = delete;
  RuleSet& operator=(const RuleSet&) = delete;

  const std::vector<Rule>& rules() const { return files_.rules; }
  const RuleFiles& files() const { return files_; }
  const ExtraLiterals& extra_literals() const { return literals_; }
  // Version of the content of the rule files; the extra literals are not part of it.
  const std::string& version() const { return files_.version; }
  size_t literals() const;  // distinct ones in the database
  size_t patterns() const;  // distinct phrases with their marks

  const CompiledRules& compiled() const { return *compiled_; }

 private:
  RuleSet();
  // Constant after Compile().
  RuleFiles files_;
  ExtraLiterals literals_;
  std::unique_ptr<CompiledRules> compiled_;
};

}  // namespace keng::filters

#endif  // KENG_FILTERS_MATCHER_RULE_SET_H_
