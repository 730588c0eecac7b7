#include "filters/rules/rule_tests.h"

#include <utility>

#include "base/strings.h"
#include "filters/matcher/matcher.h"

namespace keng::filters {

namespace {

ingest::Post PostOf(const RuleTest& test) {
  ingest::Post post;
  post.id = "test:1";
  post.text = test.text;
  post.source = test.source;
  post.account = test.account;
  post.lang = test.lang;
  post.kind = test.kind;
  return post;
}

std::string_view OrNone(std::string_view code) { return code.empty() ? "none" : code; }

// What is wrong with the outcome of one test; empty when nothing is.
std::string Judge(const RuleTest& test, const std::optional<Hit>& hit, const Placing& placing) {
  if (test.expect == RuleTest::Expect::kNoMatch)
    return hit.has_value() ? "must not match and does" : "";
  if (!hit.has_value()) return "must match and does not";
  if (!placing.place) return "";
  if (test.reason.has_value() && hit->reason != *test.reason) {
    return base::StrCat("is placed by reason ", RouteReasonName(hit->reason), ", expected ",
                        RouteReasonName(*test.reason));
  }
  if (!test.cell.empty() && hit->cell != test.cell)
    return base::StrCat("goes to cell ", OrNone(hit->cell), ", expected ", test.cell);
  if (!test.place.empty() && hit->place != test.place)
    return base::StrCat("has place ", OrNone(hit->place), ", expected ", test.place);
  return "";
}

}  // namespace

RuleTestReport RunRuleTests(const std::shared_ptr<const RuleSet>& rules, const Placing& placing) {
  RuleTestReport report;
  Matcher matcher(rules);
  MatchResult result;
  for (const Rule& rule : rules->rules()) {
    for (const RuleTest& test : rule.tests) {
      ++report.tests;
      const bool wants_place = rule.place != PlaceNeed::kOptional || test.reason.has_value() ||
                               !test.cell.empty() || !test.place.empty();
      if (wants_place && !placing.place) ++report.unplaced;
      const ingest::Post post = PostOf(test);
      matcher.Match(post, result);
      std::optional<Hit> hit;
      for (const RuleMatch& match : result.rules) {
        if (match.rule == &rule) hit = MakeHit(post, result, match, placing);
      }
      if (std::string what = Judge(test, hit, placing); !what.empty())
        report.failures.push_back(RuleTestFailure{&rule, &test, std::move(what)});
    }
  }
  return report;
}

std::vector<std::string> WhyNotPublished(const RuleSet& rules, const RuleTestReport& report) {
  std::vector<std::string> reasons;
  for (const RuleWarning& warning : rules.files().warnings) {
    if (warning.weight == RuleWarning::Weight::kUnpublishable) reasons.push_back(warning.message);
  }
  for (const RuleTestFailure& failure : report.failures) {
    reasons.push_back(base::StrCat(failure.rule->file, ":", failure.test->line, ":1: rule ",
                                   failure.rule->id, ": a test ", failure.what));
  }
  return reasons;
}

}  // namespace keng::filters
