#include "filters/rules/rule_commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/strings.h"
#include "base/temporary_folder.h"
#include "base/yaml.h"

namespace keng::filters {
namespace {

using base::StrCat;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr std::string_view kRules = R"(lists:
  road: [đường, hẻm]
rules:
  - id: flood-street
    topic: flooding
    any:
      - near:
          within: 3
          of:
            - [{list: road}]
            - [{phrase: ngập, except: [ngập tràn], not_near: {within: 2, of: [công việc, {number: any}]}}]
      - ngập lút bánh
    none: [dự báo]
    tests:
      match: [hẻm ngập rồi, "duong ngap qua"]
      no_match: [ngập trong công việc, đường ngập tràn hoa]
  - id: dike
    topic: erosion
    place: required
    any: [{phrase: vỡ đê, marks: strict}]
    tests:
      match: [{text: vỡ đê Long Xuyên, place: "30307", reason: explicit}]
      no_match: [vo de]
  - id: depth
    topic: flooding
    all: [nước, {regex: '\d+ ?cm'}]
    where: {account: "facebook:*"}
    tests: {match: [{text: nước 50cm, account: "facebook:1"}]}
)";

// What a command said, and its status.
struct Said {
  int status = -1;
  std::string out, err;
};

class RuleCommandsTest : public ::testing::Test {
 protected:
  RuleCommandsTest() { Write("pack/rules.yaml", kRules); }

  std::string Write(const std::string& name, std::string_view text) const {
    const std::filesystem::path path = std::filesystem::path(folder_.path()) / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
    return path.string();
  }
  void WritePack() const {
    Write("pack/pack.yaml", "name: a\npurpose: b\nowner: c\nuntil: 2027-12-31\n");
  }
  RuleInput Input() const {
    return {.paths = {folder_.path() + "/pack"}, .now = absl::FromUnixSeconds(1'780'000'000)};
  }
  // With a gazetteer of one name, Long Xuyên: place 30307, cell 30307.
  RuleInput InputWithPlaces() const {
    RuleInput input = Input();
    input.placing.literals = {.folded = {" long xuyen "}, .is_named_place = {1}};
    input.placing.place = [](const ingest::Post&, const MatchResult& result, const RuleMatch&) {
      Placement placement{.cell = "91"};
      if (!result.literals.empty())
        placement = {.cell = "30307", .place = "30307", .reason = RouteReason::kExplicit};
      return placement;
    };
    return input;
  }
  template <typename Command>
  static Said Run(Command command) {
    std::ostringstream out, err;
    Said said;
    said.status = command(out, err);
    said.out = out.str();
    said.err = err.str();
    return said;
  }

  Said Check(ReportForm form = ReportForm::kWords) const {
    return Run([&](auto& out, auto& err) { return RulesCheck(Input(), form, out, err); });
  }
  Said Lint(ReportForm form = ReportForm::kWords) const {
    return Run([&](auto& out, auto& err) { return RulesLint(Input(), form, out, err); });
  }
  Said Test(const RuleInput& input, ReportForm form = ReportForm::kWords) const {
    return Run([&](auto& out, auto& err) { return RulesTest(input, form, out, err); });
  }
  Said Explain(const RuleInput& input, const ExplainOptions& options,
               ReportForm form = ReportForm::kWords) const {
    return Run([&](auto& out, auto& err) { return RulesExplain(input, options, form, out, err); });
  }
  Said Explain(std::string_view text) const {
    return Explain(Input(), {.text = std::string(text)});
  }
  Said Profile(const std::string& posts, ReportForm form = ReportForm::kWords) const {
    std::istringstream in(posts);
    return Run([&](auto& out, auto& err) { return RulesProfile(Input(), form, in, out, err); });
  }
  Said MatchLines(const RuleInput& input, const std::string& posts,
                  MatchOracle oracle = MatchOracle::kReference) const {
    std::istringstream in(posts);
    return Run([&](auto& out, auto& err) { return Match(input, oracle, in, out, err); });
  }

  static std::vector<std::string> Lines(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }
  // Each line is a JSON object (JSON is YAML).
  static void ExpectJsonLines(const std::string& text) {
    for (const std::string& line : Lines(text)) {
      const auto parsed = base::Yaml::Parse("line", line);
      EXPECT_TRUE(parsed.ok() && parsed->is_map()) << line;
    }
  }

  const base::TemporaryFolder folder_{"keng-commands"};
};

TEST_F(RuleCommandsTest, CheckCountsWhatItLoaded) {
  WritePack();
  const Said said = Check();
  EXPECT_EQ(said.status, 0);
  EXPECT_THAT(said.err, IsEmpty());
  EXPECT_THAT(Lines(said.out),
              ElementsAre(StartsWith("3 rules (0 off), 9 phrases, 7 tests, version ")));

  const Said json = Check(ReportForm::kJson);
  EXPECT_EQ(json.status, 0);
  EXPECT_THAT(json.out, AllOf(HasSubstr("{\"rules\":3,\"off\":0,\"phrases\":9,\"literals\":9,"
                                        "\"tests\":7,\"version\":\"")));
  ExpectJsonLines(json.out);
}

TEST_F(RuleCommandsTest, CheckWarnsOfWhatIsNotPublished) {
  EXPECT_THAT(Check().out, StartsWith(StrCat("warning: ", folder_.path(),
                                             "/pack/rules.yaml:1:1: no pack.yaml beside")));
  const Said json = Check(ReportForm::kJson);
  EXPECT_EQ(json.status, 0);
  EXPECT_THAT(json.out, HasSubstr("\"publishable\":false}"));
  ExpectJsonLines(json.out);
}

TEST_F(RuleCommandsTest, CheckNamesEveryError) {
  Write("pack/bad.yaml", "rules:\n  - {id: a, topic: fires, any: [cháy]}\n  - {id: b}\n");
  for (const Said& said : {Check(), Lint()}) {
    EXPECT_EQ(said.status, 1);
    EXPECT_THAT(said.out, IsEmpty());
    EXPECT_THAT(Lines(said.err), ElementsAre(HasSubstr("bad.yaml:2:20: rule a: topic is \"fires\""),
                                             HasSubstr("bad.yaml:3:5: rule b: lacks \"topic\"")));
  }
  // To the others it is as a wrong command line.
  EXPECT_EQ(Test(Input()).status, 2);
  EXPECT_EQ(Explain("ngập").status, 2);
  EXPECT_EQ(Profile("").status, 2);
  EXPECT_EQ(MatchLines(Input(), "").status, 2);
  EXPECT_THAT(MatchLines(Input(), "").err, HasSubstr("bad.yaml:2:20"));
}

TEST_F(RuleCommandsTest, CheckNamesARegexThatDoesNotCompile) {
  Write("pack/bad.yaml", "rules:\n  - {id: a, topic: fire, all: [cháy, {regex: '(?<!a)b'}]}\n");
  EXPECT_EQ(Check().status, 1);
  EXPECT_THAT(Check().err,
              AllOf(HasSubstr("bad.yaml:2:"), HasSubstr("rule a: the regex \"(?<!a)b\"")));
}

TEST_F(RuleCommandsTest, LintAdvises) {
  WritePack();
  Write("pack/rules.yaml", R"(rules:
  - id: words
    topic: other
    any: [đường, duong, "hố ga", hố gà]
    tests: {match: [a1 đường], no_match: [b]}
  - id: more-words
    topic: other
    any: [đường, {phrase: kẹt, marks: strict}]
    tests: {match: [đường, đường, đường, đường, đường], no_match: [a, b, c]}
  - id: figure
    topic: flooding
    any: [{phrase: ngập, except: [tràn đầy]}]
    none: [quaaa, pccc]
    tests: {match: [ngập, ngập, ngập, ngập], no_match: [a, b, c, d]}
)");
  const Said said = Lint();
  EXPECT_EQ(said.status, 0) << "advice alone is no failure";
  const std::string at = StrCat("advice: ", folder_.path(), "/pack/rules.yaml:");
  const std::vector<std::string> lines = Lines(said.out);
  EXPECT_THAT(
      lines,
      ElementsAre(
          StartsWith(at + "2:5: rule words: is a list of keywords: "),
          StartsWith(at + "2:5: rule words: the one-syllable phrase \"đường\" stands"),
          StartsWith(at + "2:5: rule words: the one-syllable phrase \"duong\" stands"),
          StartsWith(at + "2:5: rule words: the phrases \"duong\", \"đường\" are one"),
          StartsWith(at + "2:5: rule words: the phrases \"hố ga\", \"hố gà\" are one"),
          StartsWith(at + "2:5: rule words: has 2 tests; write 8"),
          StartsWith(at + "6:5: rule more-words: is a list of keywords: "),
          StartsWith(at + "6:5: rule more-words: the one-syllable phrase \"đường\" "),
          StartsWith(at + "6:5: rule more-words: has 3 near misses among 8 tests"),
          StartsWith(at + "10:5: rule figure: except \"tràn đầy\" does not contain \"ngập\""),
          StartsWith(at + "10:5: rule figure: \"quaaa\" is a stretched word and found as \"qua\" "),
          StartsWith("3 rules (0 off), ")));
  ExpectJsonLines(Lint(ReportForm::kJson).out);
  EXPECT_THAT(Lint(ReportForm::kJson).out, HasSubstr("\"publishable\":true}"));
}

TEST_F(RuleCommandsTest, TestsThatHold) {
  const Said said = Test(InputWithPlaces());
  EXPECT_EQ(said.status, 0);
  EXPECT_EQ(said.out, "7 tests, 0 failed\n");
  const Said without = Test(Input());
  EXPECT_EQ(without.status, 0) << "without a gazetteer no place is judged";
  EXPECT_EQ(without.out, "7 tests, 0 failed; the place of 2 was not judged (no gazetteer given)\n");
  EXPECT_EQ(Test(InputWithPlaces(), ReportForm::kJson).out,
            "{\"tests\":7,\"failed\":0,\"unplaced\":0}\n");
}

TEST_F(RuleCommandsTest, TestsThatFail) {
  const std::string path = Write("pack/rules.yaml", R"(rules:
  - id: flood-street
    topic: flooding
    any: [ngập nước]
    tests:
      match:
        - đường ngập nước
        - đường ngáp nước
      no_match: ["tin: ngập nước"]
  - id: placed
    topic: flooding
    place: named
    any: [ngập nước]
    tests:
      match:
        - ngập nước ở quê
        - {text: ngập nước Long Xuyên, cell: "30310"}
        - {text: ngập nước Long Xuyên, place: "30310"}
        - {text: ngập nước Long Xuyên, reason: account}
      no_match: [ngập nước ở xa]
)");
  const Said said = Test(InputWithPlaces());
  EXPECT_EQ(said.status, 1);
  EXPECT_THAT(
      Lines(said.out),
      ElementsAre(
          StrCat(path, ":8: rule flood-street: the post must match and does not: đường ngáp nước"),
          StrCat(path, ":9: rule flood-street: the post must not match and does: tin: ngập nước"),
          HasSubstr(":16: rule placed: the post must match and does not: ngập nước ở quê"),
          HasSubstr(":17: rule placed: the post goes to cell 30307, expected 30310: "),
          HasSubstr(":18: rule placed: the post has place 30307, expected 30310: "),
          HasSubstr(":19: rule placed: the post is placed by reason explicit, expected account: "),
          "8 tests, 6 failed"));
  const Said json = Test(Input(), ReportForm::kJson);
  EXPECT_EQ(json.status, 1);
  ExpectJsonLines(json.out);
  EXPECT_THAT(Lines(json.out)[0],
              StrCat("{\"rule\":\"flood-street\",\"file\":\"", path,
                     "\",\"line\":8,\"expect\":\"match\",\"what\":\"must match and does not\","
                     "\"text\":\"đường ngáp nước\"}"));
  EXPECT_THAT(json.out, HasSubstr("{\"tests\":8,\"failed\":3,\"unplaced\":5}"));
}

TEST_F(RuleCommandsTest, ExplainSaysWhatMadeARuleMatch) {
  const Said said = Explain("Hẻm nhà ngap tới gối");
  EXPECT_EQ(said.status, 0);
  EXPECT_EQ(said.out, R"(rule flood-street (flooding): matches
  [x] each of these
    [x] at least one of these
      [x] within 3 syllables: (list road) and ("ngập")
            found "Hẻm" for "hẻm", marks equal
            found "ngap" for "ngập", marks absent
      [ ] "ngập lút bánh"
    [x] none of these
      [ ] "dự báo"
)");
}

// The rule that nearly matched and the one condition that failed.
TEST_F(RuleCommandsTest, ExplainNamesWhatFailedInANearMiss) {
  struct Row {
    std::string_view text, why;
  };
  for (const Row& row : std::vector<Row>{
           {"đường ngập tràn hoa",
            "rule flood-street: does not match: \"ngập\" for \"ngập\", marks equal, it is part of "
            "\"ngập tràn\""},
           {"ngập trong công việc ngoài đường",
            "rule flood-street: does not match: \"ngập\" for \"ngập\", marks equal, it stands near "
            "\"công việc\""},
           {"đường số 5 ngập",
            "rule flood-street: does not match: \"ngập\" for \"ngập\", marks equal, it stands near "
            "a number or place"},
           {"đường đi ngáp suốt",
            "rule flood-street: does not match: \"ngáp\" for \"ngập\", marks conflicting (another "
            "word)"},
           {"đường ra chợ mua rau thì ngập",
            "rule flood-street: does not match: each group stands, but not within 3 syllables: "
            "(list road) and (\"ngập\")"},
           {"dự báo hẻm ngập",
            "rule flood-street: does not match: excluded by \"dự báo\": \"dự báo\" for \"dự báo\", "
            "marks equal"},
           {"vo de roi",
            "rule dike: does not match: \"vo de\" for \"vỡ đê\", marks absent (strict asks for "
            "equal)"},
           {"nước dâng 50 phân", "rule depth: does not match: lacks regex \\d+ ?cm"},
           {"nước 50cm", "rule depth: does not match: its \"where\" does not fit"},
       }) {
    const Said said = Explain(row.text);
    EXPECT_EQ(said.status, 1) << row.text;
    EXPECT_THAT(Lines(said.out), ElementsAre(std::string(row.why), "no rule matches"));
  }
  EXPECT_EQ(Explain("trời đẹp").out, "no rule matches; none of their phrases occurs\n");
  EXPECT_EQ(Explain("trời đẹp").status, 1);
}

TEST_F(RuleCommandsTest, ExplainOfOneRuleShowsAllOfIt) {
  const Said said =
      Explain(Input(), {.text = "Đường ngập tràn hoa, nước 5cm", .rule = "flood-street"});
  EXPECT_EQ(said.status, 1);
  EXPECT_THAT(said.out,
              AllOf(HasSubstr("rule flood-street (flooding): does not match\n"),
                    HasSubstr("  [ ] within 3 syllables: (list road) and (\"ngập\")\n"),
                    HasSubstr("occurrences of each group: 1, 0\n"),
                    HasSubstr("does not count: \"ngập\" for \"ngập\", marks equal, it is part of"),
                    Not(HasSubstr("rule depth"))));
  const Said depth =
      Explain(Input(), {.text = "nước 5cm", .rule = "depth", .account = "facebook:page:1"});
  EXPECT_EQ(depth.status, 0);
  EXPECT_THAT(depth.out, HasSubstr("found \"5cm\"\n"));
  EXPECT_THAT(Explain(Input(), {.text = "nước 5cm", .rule = "depth"}).out,
              HasSubstr("its \"where\" does not fit this post"));
  const Said unknown = Explain(Input(), {.text = "a", .rule = "flood"});
  EXPECT_EQ(unknown.status, 2);
  EXPECT_EQ(unknown.err, "no rule \"flood\" is on in these files\n");
}

TEST_F(RuleCommandsTest, ExplainSpeaksOfThePlace) {
  const Said far = Explain(InputWithPlaces(), {.text = "vỡ đê rồi"});
  EXPECT_EQ(far.status, 1) << "the rule asks for a place";
  EXPECT_THAT(far.out,
              AllOf(HasSubstr("rule dike (erosion): does not match\n"),
                    HasSubstr("place: unclear, cell 91; the rule asks for a known place")));
  const Said near = Explain(InputWithPlaces(), {.text = "vỡ đê Long Xuyên"});
  EXPECT_EQ(near.status, 0);
  EXPECT_THAT(near.out, AllOf(HasSubstr("rule dike (erosion): matches\n"),
                              HasSubstr("place: explicit, 30307, cell 30307\n")));
  EXPECT_THAT(Explain("vỡ đê").out,
              HasSubstr("place: not judged (no gazetteer given); the rule asks for one"));
}

TEST_F(RuleCommandsTest, ExplainAsJson) {
  const Said said =
      Explain(InputWithPlaces(), {.text = "vỡ đê Long Xuyên ngập tràn"}, ReportForm::kJson);
  EXPECT_EQ(said.status, 0);
  ExpectJsonLines(said.out);
  const std::vector<std::string> lines = Lines(said.out);
  ASSERT_THAT(lines, SizeIs(3)) << "every rule";
  EXPECT_THAT(lines[0],
              AllOf(StartsWith("{\"rule\":\"flood-street\",\"matches\":false,\"where\":true,"),
                    HasSubstr("\"kind\":\"near\",\"line\":7,\"holds\":false,"),
                    HasSubstr("\"groups\":[0, 0]"),
                    HasSubstr("\"aside\":[{\"begin\":22,\"end\":28,\"phrase\":\"ngập\",\"marks\":"
                              "\"equal\",\"why\":\"except\",\"by\":\"ngập tràn\"}]")));
  EXPECT_THAT(lines[1],
              AllOf(StartsWith("{\"rule\":\"dike\",\"matches\":true,\"where\":true,\"place\":{"
                               "\"reason\":\"explicit\",\"place\":\"30307\",\"cell\":\"30307\","
                               "\"enough\":true},\"why\":{\"kind\":\"all\""),
                    HasSubstr("\"found\":[{\"begin\":0,\"end\":9,\"phrase\":\"vỡ đê\",\"marks\":"
                              "\"equal\"}]")));
  EXPECT_THAT(lines[2], StartsWith("{\"rule\":\"depth\",\"matches\":false,\"where\":false,"));
}

TEST_F(RuleCommandsTest, ProfileCountsWhatEachRuleCost) {
  const std::string posts =
      "{\"id\":\"a:1\",\"text\":\"hẻm ngập\"}\n{\"id\":\"a:2\",\"text\":\"đường ngập tràn\"}\n"
      "{\"id\":\"a:3\",\"text\":\"nước 5cm\"}\n\n{\"id\":\"a:4\",\"text\":\"trời đẹp\"}\n";
  const Said said = Profile(posts);
  EXPECT_EQ(said.status, 0);
  const std::vector<std::string> lines = Lines(said.out);
  ASSERT_THAT(lines, SizeIs(4));
  EXPECT_EQ(lines[0], "ns a post  evaluated  matched  rule");
  EXPECT_THAT(lines[1], ::testing::EndsWith("          2        1  flood-street"))
      << "the dearest first";
  const Said json = Profile(posts, ReportForm::kJson);
  ExpectJsonLines(json.out);
  EXPECT_THAT(json.out, AllOf(HasSubstr("\"evaluations\":2,\"matches\":1}"),
                              HasSubstr("{\"rule\":\"depth\",\"ns_per_post\":0,")))
      << "a rule whose where does not fit costs nothing";
  const Said broken = Profile("{\"id\":\n" + posts);
  EXPECT_EQ(broken.status, 1);
  EXPECT_THAT(broken.err, StartsWith("line 1: no post: "));
}

TEST_F(RuleCommandsTest, SchemaIsTheFile) {
  std::ostringstream out;
  EXPECT_EQ(RulesSchema(out), 0);
  std::ifstream file(KENG_SOURCE_DIR "/rules/rules.schema.json", std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  EXPECT_EQ(out.str(), text.str());
  EXPECT_THAT(out.str(), Not(IsEmpty()));
}

TEST_F(RuleCommandsTest, MatchWritesHitsAndASummary) {
  WritePack();
  const Said said = MatchLines(InputWithPlaces(),
                               "{\"id\":\"a:1\",\"text\":\"Hẻm này thì... hẻm ngap rồi\"}\n"
                               "{\"id\":\"a:2\",\"text\":\"vỡ đê Long Xuyên, đường ngập\"}\n"
                               "{\"id\":\"a:3\",\"text\":\"vỡ đê\"}\n"
                               "{\"id\":\"a:4\",\"kind\":\"delete\"}\n");
  EXPECT_EQ(said.status, 0);
  EXPECT_THAT(
      Lines(said.out),
      ElementsAre(
          "{\"post\":\"a:1\",\"rule\":\"flood-street\",\"topic\":\"flooding\",\"cell\":\"91\","
          "\"place\":null,\"reason\":\"unclear\",\"spans\":["
          "{\"begin\":0,\"end\":5,\"phrase\":\"hẻm\",\"marks\":\"equal\"},"
          "{\"begin\":19,\"end\":24,\"phrase\":\"hẻm\",\"marks\":\"equal\"},"
          "{\"begin\":25,\"end\":29,\"phrase\":\"ngập\",\"marks\":\"absent\"}]}",
          StartsWith("{\"post\":\"a:2\",\"rule\":\"flood-street\",\"topic\":\"flooding\",\"cell\":"
                     "\"30307\",\"place\":\"30307\",\"reason\":\"explicit\""),
          StartsWith("{\"post\":\"a:2\",\"rule\":\"dike\",\"topic\":\"erosion\"")));
  EXPECT_EQ(said.err,
            "posts 4, with hits 2, hits 3, matches without the place that their rule needs 1, "
            "lines that are no posts 0, capped 0, disagreements with the reference matcher 0\n");
}

TEST_F(RuleCommandsTest, ALineThatIsNoPostHarmsNoOther) {
  WritePack();
  const Said said = MatchLines(Input(),
                               "{\"id\":\"a:1\",\"text\":\"hẻm ngập\"}\n"
                               "not json\n"
                               "{\"text\":\"hẻm ngập\"}\n"
                               "{\"id\":\"a:2\",\"text\":5}\n"
                               "\n"
                               "{\"id\":\"a:3\",\"text\":\"hẻm ngập\"}",
                               MatchOracle::kNone);
  EXPECT_EQ(said.status, 1);
  EXPECT_THAT(Lines(said.out),
              ElementsAre(StartsWith("{\"post\":\"a:1\","), StartsWith("{\"post\":\"a:3\",")));
  EXPECT_THAT(Lines(said.err),
              ElementsAre("line 2: no post: json_syntax", "line 3: no post: missing_field (id)",
                          "line 4: no post: wrong_type (text)",
                          "posts 2, with hits 2, hits 2, matches without the place that their rule "
                          "needs 0, lines that are no posts 3, capped 0"));
}

TEST_F(RuleCommandsTest, OnlyTheFirstBrokenLinesAreNamed) {
  std::string lines;
  for (int i = 0; i < 30; ++i) lines += "broken\n";
  const Said said = MatchLines(Input(), lines);
  EXPECT_EQ(said.status, 1);
  EXPECT_THAT(said.err, AllOf(HasSubstr("line 20: no post"), Not(HasSubstr("line 21:")),
                              HasSubstr("further lines that are no posts are only counted"),
                              HasSubstr("lines that are no posts 30")));
  EXPECT_THAT(said.err, HasSubstr("warning: ")) << "that the rules are not fit to be published";
}

}  // namespace
}  // namespace keng::filters
