#include "filters/rules/rule_status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "base/strings.h"
#include "filters/rules/testing/limited_streams.h"

namespace keng::filters {
namespace {

using base::StrCat;
using ::testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(1'780'000'000);

RunningRules Running() {
  return {.instance = "host/run",
          .version = "v2",
          .origin = RulesOrigin::kPublished,
          .since = kNow - absl::Hours(3),
          .written_at = kNow - absl::Seconds(30)};
}
CurrentRules Current() {
  return {.publication = {.version = "v2",
                          .id = "i",
                          .chunks = 1,
                          .bytes = 9,
                          .hash = "h",
                          .published_at = kNow - absl::Hours(4),
                          .publisher = "thu"}};
}

TEST(RuleStatusTest, ARecordComesBack) {
  RunningRules running = Running();
  running.trouble = "x \"y\"";
  const auto decoded = DecodeRunningRules(EncodeRunningRules(running));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(EncodeRunningRules(*decoded), EncodeRunningRules(running));
  EXPECT_EQ(decoded->origin, RulesOrigin::kPublished);
  for (const std::string text : {"", "[]", "{}", R"({"v":2})", R"({"v":1,"instance":1})"})
    EXPECT_TRUE(absl::IsInvalidArgument(DecodeRunningRules(text).status())) << text;
}

TEST(RuleStatusTest, TroubleHoldsNoRuleText) {
  EXPECT_EQ(TroubleLine("a/x.yaml:1:2: rule r: topic is \"bí mật\"; expected one of\nsecond"),
            "a/x.yaml:1:2: rule r: topic is \"...\"; expected one of");
  EXPECT_EQ(TroubleLine("open \"quote"), "open \"...\"");
  EXPECT_EQ(TroubleLine("a\xff.yaml:1:1: \xe1\xbb\x87"), "a.yaml:1:1: ");
  std::string vowels;
  for (int i = 0; i < 200; ++i) vowels.append("ệ");
  EXPECT_EQ(TroubleLine(vowels).size(), 255u) << "cut between letters";
}

TEST(RuleStatusTest, Judges) {
  struct Case {
    std::string what;
    RunningRules running;
    bool published;
    InstanceState expected;
  };
  const auto with = [](auto change) {
    RunningRules running = Running();
    change(running);
    return running;
  };
  const Case cases[] = {
      {"as published", Running(), true, InstanceState::kCurrent},
      {"another version", with([](auto& r) { r.version = "v1"; }), true, InstanceState::kBehind},
      {"files", with([](auto& r) { r.origin = RulesOrigin::kFiles; }), true,
       InstanceState::kBehind},
      {"nothing is published", Running(), false, InstanceState::kBehind},
      {"files, and nothing is published", with([](auto& r) { r.origin = RulesOrigin::kFiles; }),
       false, InstanceState::kCurrent},
      {"trouble", with([](auto& r) { r.trouble = "x"; }), true, InstanceState::kTrouble},
      {"3 minutes", with([](auto& r) { r.written_at = kNow - absl::Minutes(3); }), true,
       InstanceState::kCurrent},
      {"longer", with([](auto& r) { r.written_at = kNow - absl::Seconds(181); }), true,
       InstanceState::kSilent},
  };
  for (const Case& c : cases) {
    std::optional<CurrentRules> current;
    if (c.published) current = Current();
    EXPECT_EQ(JudgeInstance(c.running, current, kNow), c.expected) << c.what;
  }
}

TEST(RuleStatusTest, ReadsAndPrintsWhoRunsWhat) {
  base::FakeClock clock(kNow);
  LimitedStreams streams(StreamAbility::kReads, clock);
  stream::WriteSet set;
  constexpr stream::StreamId kControl = stream::StreamId::kControl;
  RunningRules behind = Running();
  behind.instance = "other/run";
  behind.version = "v1";
  behind.trouble = "a/x.yaml:1:1: unknown key";
  set.Append(kControl, kRulesCurrentKey, EncodeCurrentRules(Current()));
  set.Append(kControl, StrCat(kRulesRunningPrefix, "host/run"), EncodeRunningRules(Running()));
  set.Append(kControl, StrCat(kRulesRunningPrefix, "gone/run"), EncodeRunningRules(Running()));
  set.AppendTombstone(kControl, StrCat(kRulesRunningPrefix, "gone/run"));
  ASSERT_TRUE(streams.Write(set).ok());
  auto status = ReadRulesStatus(streams);
  ASSERT_TRUE(status.ok()) << status.status();
  std::ostringstream out;
  EXPECT_EQ(PrintRulesStatus(*status, kNow, ReportForm::kWords, out), 0);
  EXPECT_THAT(out.str(), HasSubstr("published: v2, "));
  EXPECT_THAT(out.str(), HasSubstr(" by thu\n"));
  EXPECT_THAT(out.str(), HasSubstr("last word 30 s ago\n"));

  set.Clear();
  set.Append(kControl, StrCat(kRulesRunningPrefix, "other/run"), EncodeRunningRules(behind));
  set.Append(kControl, StrCat(kRulesRunningPrefix, "broken"), "?");
  ASSERT_TRUE(streams.Write(set).ok());
  status = ReadRulesStatus(streams);
  // What goes through the admin socket is the same.
  const auto sent = DecodeRulesStatus(EncodeRulesStatus(*status));
  ASSERT_TRUE(sent.ok()) << sent.status();
  std::ostringstream people, json;
  EXPECT_EQ(PrintRulesStatus(*sent, kNow, ReportForm::kWords, people), 1);
  EXPECT_THAT(people.str(), HasSubstr("other/run"));
  EXPECT_THAT(people.str(), HasSubstr("trouble  since"));
  EXPECT_THAT(people.str(), HasSubstr(": a/x.yaml:1:1: unknown key\n"));
  EXPECT_THAT(people.str(), HasSubstr("1 records of instances cannot be read"));
  EXPECT_EQ(PrintRulesStatus(*sent, kNow, ReportForm::kJson, json), 1);
  EXPECT_THAT(json.str(), HasSubstr(R"("state":"trouble")"));
  EXPECT_THAT(json.str(), HasSubstr(R"({"current":"v2")"));
}

TEST(RuleStatusTest, NothingPublishedAndNobodyThere) {
  std::ostringstream out;
  EXPECT_EQ(PrintRulesStatus({}, kNow, ReportForm::kWords, out), 0);
  EXPECT_THAT(out.str(), HasSubstr("published: nothing"));
  EXPECT_EQ(PrintRulesStatus({.current_trouble = "x"}, kNow, ReportForm::kWords, out), 1);
}

}  // namespace
}  // namespace keng::filters
