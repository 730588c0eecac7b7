#ifndef KENG_FILTERS_RULES_RULE_COMMANDS_H_
#define KENG_FILTERS_RULES_RULE_COMMANDS_H_

// `keng rules check | lint | test | explain | profile | schema` and `keng match` as functions; app/
// parses the flags. Each returns the exit status: 0 done, 1 something found wrong, 2 usage or rule
// files that do not load (1 of check and lint, which are there to find that).
// Tests: filters/rules/rule_commands_test.cc.

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "filters/rules/placing.h"

namespace keng::filters {

enum class ReportForm : uint8_t { kWords, kJson };

// What all of them take.
struct RuleInput {
  std::vector<std::string> paths;
  std::string overrides_path;  // may be empty
  absl::Time now;              // packs end; posts' times are judged
  Placing placing;             // default: no gazetteer
};

// Loads and compiles; prints a summary and the warnings.
int RulesCheck(const RuleInput& input, ReportForm form, std::ostream& out, std::ostream& err);

// Check, and advice on what usually goes wrong: rules that are mere keywords, phrases that are
// other words when typed without marks, too few tests. Advice alone is status 0.
int RulesLint(const RuleInput& input, ReportForm form, std::ostream& out, std::ostream& err);

// Runs the rules' tests. Status 1 when one fails.
int RulesTest(const RuleInput& input, ReportForm form, std::ostream& out, std::ostream& err);

struct ExplainOptions {
  std::string text;
  std::string rule;  // id; empty: all rules, in words only those that match or nearly do
  std::string account, source, lang;
};
// Why the text matched or did not, condition by condition. Status 0 when a rule matched, else 1.
int RulesExplain(const RuleInput& input, const ExplainOptions& options, ReportForm form,
                 std::ostream& out, std::ostream& err);

// Posts as JSON lines on `in`; for each rule what it cost over them, the dearest first.
int RulesProfile(const RuleInput& input, ReportForm form, std::istream& in, std::ostream& out,
                 std::ostream& err);

// Prints the JSON Schema of rule files.
int RulesSchema(std::ostream& out);

// Whether `keng match` asks the reference matcher too.
enum class MatchOracle : uint8_t { kNone, kReference };

// Posts as JSON lines on `in`, hits as JSON lines on `out`, a summary on `err`. A line that is no
// post is counted by reason and named on `err` (the first ones); the lines around it are unharmed,
// and the status is 1. So it is when the oracle disagrees.
int Match(const RuleInput& input, MatchOracle oracle, std::istream& in, std::ostream& out,
          std::ostream& err);

}  // namespace keng::filters

#endif  // KENG_FILTERS_RULES_RULE_COMMANDS_H_
