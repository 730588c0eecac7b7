#include "filters/rules/rule_commands.h"

#include <algorithm>
#include <istream>
#include <map>
#include <ostream>
#include <set>

#include "base/json_text.h"
#include "base/strings.h"
#include "filters/matcher/matcher.h"
#include "filters/rules/internal/command_rules.h"
#include "filters/rules/internal/post_lines.h"
#include "filters/rules/rule_lint.h"
#include "filters/rules/rule_loader.h"
#include "filters/rules/rule_tests.h"

namespace keng::filters {

namespace {

std::string Quoted(std::string_view text) {
  std::string out;
  base::AppendJsonString(text, out);
  return out;
}

size_t CountTests(const RuleSet& rules) {
  size_t tests = 0;
  for (const Rule& rule : rules.rules()) tests += rule.tests.size();
  return tests;
}

void PrintWarnings(const std::vector<RuleWarning>& warnings, ReportForm form, std::ostream& out) {
  for (const RuleWarning& warning : warnings) {
    const bool heavy = warning.weight == RuleWarning::Weight::kUnpublishable;
    if (form == ReportForm::kJson) {
      out << "{\"warning\":" << Quoted(warning.message)
          << ",\"publishable\":" << (heavy ? "false" : "true") << "}\n";
    } else {
      out << (heavy ? "warning: " : "advice: ") << warning.message << "\n";
    }
  }
}

void PrintSummary(const RuleSet& rules, ReportForm form, std::ostream& out) {
  if (form == ReportForm::kJson) {
    out << "{\"rules\":" << rules.rules().size() << ",\"off\":" << rules.files().off.size()
        << ",\"phrases\":" << rules.patterns() << ",\"literals\":" << rules.literals()
        << ",\"tests\":" << CountTests(rules) << ",\"version\":" << Quoted(rules.version())
        << "}\n";
  } else {
    out << rules.rules().size() << " rules (" << rules.files().off.size() << " off), "
        << rules.patterns() << " phrases, " << CountTests(rules) << " tests, version "
        << rules.version() << "\n";
  }
}

}  // namespace

std::shared_ptr<const RuleSet> LoadForCommand(const RuleInput& input, std::ostream& err) {
  auto files = LoadRules(input.paths, {.now = input.now, .overrides_path = input.overrides_path});
  if (!files.ok()) {
    err << files.status().message() << "\n";
    return nullptr;
  }
  auto rules = RuleSet::Compile(*std::move(files), input.placing.literals);
  if (!rules.ok()) {
    err << rules.status().message() << "\n";
    return nullptr;
  }
  return *std::move(rules);
}

int RulesCheck(const RuleInput& input, ReportForm form, std::ostream& out, std::ostream& err) {
  const std::shared_ptr<const RuleSet> rules = LoadForCommand(input, err);
  if (rules == nullptr) return 1;
  PrintWarnings(rules->files().warnings, form, out);
  PrintSummary(*rules, form, out);
  return 0;
}

int RulesLint(const RuleInput& input, ReportForm form, std::ostream& out, std::ostream& err) {
  const std::shared_ptr<const RuleSet> rules = LoadForCommand(input, err);
  if (rules == nullptr) return 1;
  PrintWarnings(rules->files().warnings, form, out);
  PrintWarnings(LintRules(*rules), form, out);
  PrintSummary(*rules, form, out);
  return 0;
}

int RulesTest(const RuleInput& input, ReportForm form, std::ostream& out, std::ostream& err) {
  const std::shared_ptr<const RuleSet> rules = LoadForCommand(input, err);
  if (rules == nullptr) return 2;
  const RuleTestReport report = RunRuleTests(rules, input.placing);
  for (const RuleTestFailure& failure : report.failures) {
    const bool match = failure.test->expect == RuleTest::Expect::kMatch;
    if (form == ReportForm::kJson) {
      out << "{\"rule\":" << Quoted(failure.rule->id) << ",\"file\":" << Quoted(failure.rule->file)
          << ",\"line\":" << failure.test->line
          << ",\"expect\":" << (match ? "\"match\"" : "\"no_match\"")
          << ",\"what\":" << Quoted(failure.what) << ",\"text\":" << Quoted(failure.test->text)
          << "}\n";
    } else {
      out << failure.rule->file << ":" << failure.test->line << ": rule " << failure.rule->id
          << ": the post " << failure.what << ": " << failure.test->text << "\n";
    }
  }
  if (form == ReportForm::kJson) {
    out << "{\"tests\":" << report.tests << ",\"failed\":" << report.failures.size()
        << ",\"unplaced\":" << report.unplaced << "}\n";
  } else {
    out << report.tests << " tests, " << report.failures.size() << " failed";
    if (report.unplaced > 0)
      out << "; the place of " << report.unplaced << " was not judged (no gazetteer given)";
    out << "\n";
  }
  return report.failures.empty() ? 0 : 1;
}

int RulesProfile(const RuleInput& input, ReportForm form, std::istream& in, std::ostream& out,
                 std::ostream& err) {
  const std::shared_ptr<const RuleSet> rules = LoadForCommand(input, err);
  if (rules == nullptr) return 2;
  Matcher matcher(rules);
  matcher.SetProfiling(Matcher::Profiling::kTime);
  PostLines posts(in, err, input.now);
  ingest::Post post;
  MatchResult result;
  while (posts.Next(post)) matcher.Match(post, result);

  std::vector<size_t> order(rules->rules().size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  const std::vector<Matcher::RuleCost>& costs = matcher.costs();
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return costs[a].nanoseconds > costs[b].nanoseconds; });
  const double per_post = 1.0 / static_cast<double>(std::max<int64_t>(posts.posts(), 1));
  if (form == ReportForm::kWords) out << "ns a post  evaluated  matched  rule\n";
  for (const size_t i : order) {
    const Matcher::RuleCost& cost = costs[i];
    const double nanoseconds = static_cast<double>(cost.nanoseconds) * per_post;
    if (form == ReportForm::kJson) {
      out << "{\"rule\":" << Quoted(rules->rules()[i].id) << ",\"ns_per_post\":" << nanoseconds
          << ",\"evaluations\":" << cost.evaluations << ",\"matches\":" << cost.matches << "}\n";
    } else {
      char line[64];
      std::snprintf(line, sizeof(line), "%9.1f  %9llu  %7llu  ", nanoseconds,
                    static_cast<unsigned long long>(cost.evaluations),
                    static_cast<unsigned long long>(cost.matches));
      out << line << rules->rules()[i].id << "\n";
    }
  }
  return posts.broken() > 0 ? 1 : 0;
}

}  // namespace keng::filters
