#include "filters/rules/rule_publish_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/strings.h"
#include "base/temporary_folder.h"
#include "filters/rules/rule_package.h"
#include "filters/rules/rule_status.h"
#include "filters/rules/testing/limited_streams.h"

namespace keng::filters {
namespace {

using base::StrCat;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kPack[] = "name: a\npurpose: b\nowner: c\nuntil: 2027-12-31\n";
constexpr char kGood[] = R"(rules:
  - id: flood
    topic: flooding
    any: [ngập nước]
    tests: {match: [đường ngập nước], no_match: [ngáp]}
)";

class RulePublishCommandTest : public testing::Test {
 protected:
  RulePublishCommandTest()
      : folder_("keng-publish"),
        clock_(absl::FromUnixSeconds(1'780'000'000)),
        streams_(StreamAbility::kSeeks, clock_) {
    Write("pack.yaml", kPack);
    Write("flood.yaml", kGood);
  }
  void Write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(StrCat(folder_.path(), "/pack"));
    std::ofstream(StrCat(folder_.path(), "/pack/", name), std::ios::binary) << text;
  }
  int Run(const RulePublisher& publish, ReportForm form = ReportForm::kWords) {
    out_.str("");
    err_.str("");
    return RulesPublish({.paths = {StrCat(folder_.path(), "/pack")}, .now = clock_.Now()}, publish,
                        form, out_, err_);
  }
  RulePublisher Publisher() {
    return [this](const PublishableRules& rules) {
      ++asked_;
      return PublishRules(streams_, rules.packed, rules.version, {"thu", clock_.Now()});
    };
  }
  std::optional<CurrentRules> Current() { return ReadRulesStatus(streams_)->current; }
  // Refused, with these words, and nothing was written.
  void ExpectRefused(int status, const std::string& words) {
    EXPECT_EQ(Run(Publisher()), status);
    EXPECT_THAT(err_.str(), HasSubstr(words));
    EXPECT_EQ(asked_, 0);
    EXPECT_FALSE(Current().has_value());
  }

  const base::TemporaryFolder folder_;
  base::FakeClock clock_;
  LimitedStreams streams_;
  std::ostringstream out_, err_;
  int asked_ = 0;
};

TEST_F(RulePublishCommandTest, PublishesTestedRules) {
  EXPECT_EQ(Run(Publisher()), 0) << err_.str();
  ASSERT_TRUE(Current().has_value());
  EXPECT_THAT(out_.str(), HasSubstr(StrCat("version ", Current()->publication.version,
                                           " is published: 1 rules")));
  const auto package = RulePackage::Unpack(*GatherPackage(streams_, Current()->publication));
  ASSERT_TRUE(package.ok());
  EXPECT_EQ(package->Load(clock_.Now())->version, Current()->publication.version);
  EXPECT_EQ(Run(Publisher(), ReportForm::kJson), 0);
  EXPECT_THAT(out_.str(), HasSubstr(R"("outcome":"current")"));
}

TEST_F(RulePublishCommandTest, ADryRunPublishesNothing) {
  EXPECT_EQ(Run(nullptr), 0);
  EXPECT_THAT(out_.str(), HasSubstr("would be published"));
  EXPECT_FALSE(Current().has_value());
}

TEST_F(RulePublishCommandTest, RefusesRulesWhoseTestsFail) {
  Write("flood.yaml", R"(rules:
  - id: flood
    topic: flooding
    any: [ngập nước]
    tests: {match: [đường khô]}
)");
  ExpectRefused(1, "flood.yaml:5:1: rule flood: a test must match and does not");
  EXPECT_THAT(err_.str(), HasSubstr("not published: 1 reason; the rules in force stay"));
}

TEST_F(RulePublishCommandTest, RefusesRulesWithoutTests) {
  Write("fire.yaml", "rules: [{id: fire, topic: fire, any: [cháy nhà]}]\n");
  ExpectRefused(1, "rule fire has no tests");
}

TEST_F(RulePublishCommandTest, RefusesAPackPastItsEndAndOneWithoutAPurpose) {
  Write("pack.yaml", "name: a\npurpose: b\nowner: c\nuntil: 2020-12-31\n");
  ExpectRefused(1, "until has passed");
  std::filesystem::remove(StrCat(folder_.path(), "/pack/pack.yaml"));
  ExpectRefused(1, "it is not published");
}

TEST_F(RulePublishCommandTest, RefusesARuleSetInWhichNothingIsOn) {
  Write("overrides.yaml", "rules: {flood: {enabled: false}}\n");
  ExpectRefused(1, "nothing would ever match");
}

TEST_F(RulePublishCommandTest, FilesThatDoNotLoadAreNamedAsTheyLie) {
  Write("fire.yaml", "rules: [{id: fire, topic: fier, any: [cháy nhà]}]\n");
  ExpectRefused(2, StrCat(folder_.path(), "/pack/fire.yaml:1"));
}

TEST_F(RulePublishCommandTest, AWriteThatFailsIsToldAndNothingChanges) {
  streams_.memory().FailNext(1, absl::UnavailableError("the broker is away"));
  EXPECT_EQ(Run(Publisher()), 1);
  EXPECT_THAT(err_.str(), StartsWith("not published: the broker is away"));
  EXPECT_EQ(streams_.memory().failed(), 1);
  EXPECT_FALSE(Current().has_value());
}

}  // namespace
}  // namespace keng::filters
