#ifndef KENG_FILTERS_RULES_RULE_PUBLISH_COMMAND_H_
#define KENG_FILTERS_RULES_RULE_PUBLISH_COMMAND_H_

// `keng rules publish` as a function: what is loaded and tested is the package that travels. Where
// it goes is the caller's to say: into the streams, or to the running program that owns them.
// Tests: filters/rules/rule_publish_command_test.cc.

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>

#include "absl/status/statusor.h"
#include "filters/rules/rule_commands.h"
#include "filters/rules/rule_publication.h"

namespace keng::filters {

// A rule set that may be published: RulePackage::Pack() and the version of its rules.
struct PublishableRules {
  std::string packed;
  std::string version;
};
using RulePublisher = std::function<absl::StatusOr<PublishOutcome>(const PublishableRules&)>;

// Loads, compiles, and runs the tests of all rules, with advice as of RulesLint(); then hands over
// to `publish`, or (empty: a dry run) says what would be published. Returns the exit status: 0
// published, or in force already; 1 refused (tests that fail, rules without tests, a pack without
// purpose or past its end: each reason is a line on `err`) or not written; 2 files that do not
// load.
int RulesPublish(const RuleInput& input, const RulePublisher& publish, ReportForm form,
                 std::ostream& out, std::ostream& err);

}  // namespace keng::filters

#endif  // KENG_FILTERS_RULES_RULE_PUBLISH_COMMAND_H_
