#include "filters/matcher/matcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/strings.h"
#include "filters/rules/rule_loader.h"

namespace keng::filters {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::shared_ptr<const RuleSet> Compiled(std::string_view yaml, ExtraLiterals extras = {}) {
  auto files = LoadRulesText("test.yaml", yaml);
  EXPECT_TRUE(files.ok()) << files.status();
  if (!files.ok()) return nullptr;
  auto set = RuleSet::Compile(*std::move(files), std::move(extras));
  EXPECT_TRUE(set.ok()) << set.status();
  return set.ok() ? *set : nullptr;
}

// "rule-id[begin,end phrase marks]..." of every match.
std::vector<std::string> Matches(Matcher& matcher, std::string_view text,
                                 ingest::Post post = ingest::Post()) {
  post.text = text;
  MatchResult result;
  matcher.Match(post, result);
  std::vector<std::string> lines;
  for (const RuleMatch& match : result.rules) {
    std::string line = match.rule->id;
    for (const HitSpan& span : match.spans) {
      base::StrAppend(&line, " [", text.substr(span.span.begin, span.span.end - span.span.begin),
                      "|", span.phrase, "|", MarksEvidenceName(span.marks), "]");
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

TEST(Matcher, SmallestRuleFileOfTheDesign) {
  Matcher matcher(Compiled(R"(rules:
  - id: flood-street
    topic: flooding
    any: [ngập nước, "ngập lút bánh"]
)"));
  EXPECT_THAT(Matches(matcher, "Đường Trần Hưng Đạo NGẬP NƯỚC rồi"),
              ElementsAre("flood-street [NGẬP NƯỚC|ngập nước|equal]"));
  EXPECT_THAT(Matches(matcher, "duong ngap nuoc qua troi"),
              ElementsAre("flood-street [ngap nuoc|ngập nước|absent]"));
  EXPECT_THAT(Matches(matcher, "ngáp nước"), IsEmpty());
  EXPECT_THAT(Matches(matcher, "ngập nướng"), IsEmpty());
  EXPECT_THAT(Matches(matcher, ""), IsEmpty());
}

}  // namespace
}  // namespace keng::filters
