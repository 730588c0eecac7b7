#include "filters/rules/rule_publish_command.h"

#include <memory>
#include <optional>
#include <ostream>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/json_text.h"
#include "base/strings.h"
#include "filters/matcher/rule_set.h"
#include "filters/rules/rule_lint.h"
#include "filters/rules/rule_package.h"
#include "filters/rules/rule_tests.h"

namespace keng::filters {

namespace {

struct Prepared {
  PublishableRules publishable;
  std::shared_ptr<const RuleSet> rules;
};

absl::StatusOr<Prepared> Prepare(const RuleInput& input) {
  KENG_ASSIGN_OR_RETURN(const RulePackage package,
                        RulePackage::Read(input.paths, input.overrides_path));
  KENG_ASSIGN_OR_RETURN(RuleFiles files, package.Load(input.now));
  Prepared prepared;
  KENG_ASSIGN_OR_RETURN(prepared.rules, RuleSet::Compile(std::move(files), input.placing.literals));
  prepared.publishable.version = prepared.rules->version();
  KENG_ASSIGN_OR_RETURN(prepared.publishable.packed, package.Pack());
  return prepared;
}

void PrintAdvice(const RuleSet& rules, ReportForm form, std::ostream& out) {
  std::vector<RuleWarning> advice = LintRules(rules);
  for (const RuleWarning& warning : rules.files().warnings) {
    if (warning.weight == RuleWarning::Weight::kAdvice) advice.push_back(warning);
  }
  if (form == ReportForm::kJson) {
    out << "{\"advice\":" << advice.size() << "}\n";
  } else if (!advice.empty()) {
    out << advice.size() << " pieces of advice: keng rules lint names them\n";
  }
}

void PrintOutcome(const Prepared& prepared, std::string_view outcome, std::string_view words,
                  ReportForm form, std::ostream& out) {
  const PublishableRules& rules = prepared.publishable;
  if (form == ReportForm::kJson) {
    std::string version;
    base::AppendJsonString(rules.version, version);
    out << "{\"version\":" << version << ",\"outcome\":\"" << outcome
        << "\",\"rules\":" << prepared.rules->rules().size() << ",\"bytes\":" << rules.packed.size()
        << "}\n";
  } else {
    out << "version " << rules.version << " " << words << ": " << prepared.rules->rules().size()
        << " rules, " << rules.packed.size() << " bytes\n";
  }
}

}  // namespace

int RulesPublish(const RuleInput& input, const RulePublisher& publish, ReportForm form,
                 std::ostream& out, std::ostream& err) {
  const absl::StatusOr<Prepared> prepared = Prepare(input);
  if (!prepared.ok()) {
    err << prepared.status().message() << "\n";
    return 2;
  }
  const RuleTestReport report = RunRuleTests(prepared->rules, input.placing);
  std::vector<std::string> reasons = WhyNotPublished(*prepared->rules, report);
  if (prepared->rules->rules().empty())
    reasons.emplace_back("no rule of this rule set is on: nothing would ever match");
  if (!reasons.empty()) {
    for (const std::string& reason : reasons) err << reason << "\n";
    err << "not published: " << reasons.size() << (reasons.size() == 1 ? " reason" : " reasons")
        << "; the rules in force stay\n";
    return 1;
  }
  PrintAdvice(*prepared->rules, form, out);
  if (publish == nullptr) {
    PrintOutcome(*prepared, "dry-run", "would be published", form, out);
    return 0;
  }
  const absl::StatusOr<PublishOutcome> outcome = publish(prepared->publishable);
  if (!outcome.ok()) {
    err << "not published: " << outcome.status().message() << "\n";
    return 1;
  }
  if (*outcome == PublishOutcome::kAlreadyCurrent) {
    PrintOutcome(*prepared, "current", "is published already", form, out);
  } else {
    PrintOutcome(*prepared, "published", "is published", form, out);
  }
  return 0;
}

}  // namespace keng::filters
