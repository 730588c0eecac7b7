// A rule set of the size that the filter is built for travels.

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/strings.h"
#include "filters/matcher/matcher.h"
#include "filters/rules/rule_follower.h"
#include "filters/rules/rule_package.h"
#include "filters/rules/rule_publication.h"
#include "filters/rules/testing/limited_streams.h"

namespace keng::filters {
namespace {

using base::StrCat;

// Syllables that mean nothing, by number.
std::string Word(uint32_t number) {
  static constexpr const char* kOnsets[] = {"b", "c", "ch", "d",  "đ",  "g", "h", "kh",
                                            "l", "m", "n",  "ng", "ph", "r", "s", "t"};
  static constexpr const char* kRimes[] = {"ang", "ập", "ước", "ình", "ô", "ết", "ồng", "ải"};
  std::string word;
  for (int i = 0; i < 3; ++i) {
    base::StrAppend(&word, i == 0 ? "" : " ", kOnsets[number % 16], kRimes[number / 16 % 8]);
    number /= 128;
  }
  return word;
}

TEST(RulePublicationSlowTest, AHundredThousandPhrasesTravel) {
  constexpr uint32_t kPhrases = 100'000;
  constexpr uint32_t kRules = 500;
  RulePackage::Files files = {
      {"big/pack.yaml", "name: big\npurpose: b\nowner: c\nuntil: 2099-12-31\n"}};
  for (uint32_t rule = 0; rule < kRules; ++rule) {
    std::string& text = files[StrCat("big/", 1000 + rule, ".yaml")];
    text = StrCat("rules:\n  - id: rule-", rule, "\n    topic: other\n    any:\n");
    for (uint32_t i = rule; i < kPhrases; i += kRules)
      base::StrAppend(&text, "      - {phrase: \"", Word(i * 17 % (128 * 128 * 128)), " số ", i,
                      "\", marks: strict}\n");
  }
  const auto package = RulePackage::Make({"big"}, "", std::move(files));
  ASSERT_TRUE(package.ok()) << package.status();
  const auto packed = package->Pack();
  ASSERT_TRUE(packed.ok()) << packed.status();
  EXPECT_GT(packed->size(), kRuleChunkBytes) << "one chunk would prove nothing";
  base::FakeClock clock(absl::FromUnixSeconds(1'780'000'000));
  const std::string version = package->Load(clock.Now())->version;

  LimitedStreams streams(StreamAbility::kSeeks, clock);
  auto follower =
      RulePublicationFollower::Open({.instance = "i"}, {.streams = &streams, .clock = &clock});
  ASSERT_TRUE(follower.ok()) << follower.status();
  ASSERT_TRUE(PublishRules(streams, *packed, version, {"thu", clock.Now()}).ok());
  (*follower)->Poll();
  ASSERT_EQ((*follower)->trouble(), "");
  const auto rules = (*follower)->current();
  EXPECT_EQ(rules->version(), version);
  EXPECT_EQ(rules->rules().size(), kRules);
  EXPECT_EQ(rules->patterns(), kPhrases);

  Matcher matcher(rules);
  MatchResult result;
  ingest::Post post;
  const std::string text =
      StrCat("nghe nói ", Word(77'777u * 17 % (128 * 128 * 128)), " số 77777 rồi");
  post.text = text;
  matcher.Match(post, result);
  ASSERT_EQ(result.rules.size(), 1u);
  EXPECT_EQ(result.rules[0].rule->id, StrCat("rule-", 77'777 % kRules));
  RecordProperty("packed_bytes", static_cast<int>(packed->size()));
}

}  // namespace
}  // namespace keng::filters
