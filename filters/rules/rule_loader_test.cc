#include "filters/rules/rule_loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/strings.h"
#include "base/temporary_folder.h"
#include "filters/matcher/rule_set.h"

namespace keng::filters {
namespace {

using base::StrCat;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::StartsWith;

// A rule that is right in lines 1 to 4; `more` begins in line 5.
std::string WithRule(std::string_view more) {
  return StrCat("rules:\n  - id: street\n    topic: flooding\n    any: [ngập nước]\n", more);
}
// A rule whose `any` holds `condition`, in line 4 from column 11 on.
std::string WithAny(std::string_view condition) {
  return StrCat("rules:\n  - id: street\n    topic: flooding\n    any: [", condition, "]\n");
}
// A rule for rumours; `more` begins in line 5.
std::string WithRumour(std::string_view more) {
  return StrCat("rules:\n  - id: dam\n    topic: rumour\n    any: [vỡ đập]\n", more);
}
// Lists of line 1 on, and a rule behind them that is right.
std::string WithLists(std::string_view lists) {
  return StrCat(lists, "rules:\n  - id: street\n    topic: flooding\n    any: [ngập nước]\n");
}

// "open open ... inside close close ...".
std::string Nested(int levels, std::string_view open, std::string_view inside,
                   std::string_view close) {
  std::string text;
  for (int i = 0; i < levels; ++i) text += open;
  text += inside;
  for (int i = 0; i < levels; ++i) text += close;
  return text;
}

// Lists of which each names the next `uses` times, and the last holds a phrase. The first to be
// expanded, which is the first by name, is at the head of the chain or at its end.
enum class FirstByName { kHead, kEnd };
std::string ChainOfLists(int lists, FirstByName first, int uses) {
  const auto name = [&](int i) {
    const int number = first == FirstByName::kHead ? i : lists - 1 - i;
    return StrCat("l", number < 10 ? "0" : "", number);
  };
  std::string yaml = "lists:\n";
  for (int i = 0; i < lists; ++i) {
    base::StrAppend(&yaml, "  ", name(i), ": [");
    for (int use = 0; i + 1 < lists && use < uses; ++use)
      base::StrAppend(&yaml, use == 0 ? "" : ", ", "{list: ", name(i + 1), "}");
    yaml += i + 1 < lists ? "]\n" : "ngập]\n";
  }
  return WithLists(yaml);
}

struct BadFile {
  std::string_view name;
  std::string text;
  std::string_view where;     // LINE:COLUMN; columns count bytes
  std::string_view subject;   // "rule street"; empty when none is known yet
  std::string_view found;     // what stands there
  std::string_view expected;  // what should, or what to do
};
void PrintTo(const BadFile& bad, std::ostream* out) { *out << bad.name; }

class BadFileTest : public ::testing::TestWithParam<BadFile> {};

TEST_P(BadFileTest, TheErrorSaysWhereAndWhat) {
  const BadFile& bad = GetParam();
  const auto files = LoadRulesText("bad.yaml", bad.text);
  ASSERT_FALSE(files.ok());
  EXPECT_EQ(files.status().code(), absl::StatusCode::kInvalidArgument);
  const std::string message(files.status().message());
  EXPECT_THAT(message, StartsWith(StrCat("bad.yaml:", bad.where, ": ")));
  EXPECT_THAT(message, HasSubstr(std::string(bad.subject)));
  EXPECT_THAT(message, HasSubstr(std::string(bad.found)));
  EXPECT_THAT(message, HasSubstr(std::string(bad.expected)));
  EXPECT_THAT(message, Not(HasSubstr("\n"))) << "one error for one thing that is wrong";
}

std::string NameOf(const ::testing::TestParamInfo<BadFile>& info) {
  return std::string(info.param.name);
}

INSTANTIATE_TEST_SUITE_P(
    OfFiles, BadFileTest,
    ::testing::ValuesIn(std::vector<BadFile>{
        {"Empty", "", "1:1", "", "the file is empty", "expected \"rules:\" and a list"},
        {"OnlyComments", "# nothing\n", "1:1", "", "the file is empty", "expected \"rules:\""},
        {"NoYaml", "rules: [\n", "2:1", "", "end of", "sequence"},
        {"Tab", "rules:\n\t- id: a\n", "2:2", "", "illegal block entry", ""},
        {"KeyTwice", "rules: []\nrules: []\n", "2:1", "", "\"rules\" stands twice", "remove one"},
        {"UnknownKeyNear", "rule: []\n", "1:1", "a rule file", "unknown key \"rule\"",
         "did you mean \"rules\"?"},
        {"UnknownKeyFar", "conditions: []\n", "1:1", "a rule file", "unknown key \"conditions\"",
         "known are: pack, lists, rules"},
        {"NoMap", "- id: street\n", "1:1", "a rule file", "is a list", "expected a map"},
        {"NoRules", "lists: {a: [đường]}\n", "1:1", "", "\"rules\" is missing",
         "expected \"rules:\" and under it a list"},
        {"RulesNoList", "rules: {id: street}\n", "1:8", "", "\"rules\" is a map",
         "each entry beginning with \"- id:\""},
        {"RuleNoMap", "rules:\n  - ngập nước\n", "2:5", "a rule", "\"ngập nước\"",
         "expected a map that begins with \"- id:\""},
        {"TooDeepYaml", StrCat("rules: ", Nested(70, "[", "a", "]"), "\n"), "1:72", "",
         "nested deeper than 64", ""},
    }),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    OfLists, BadFileTest,
    ::testing::ValuesIn(std::vector<BadFile>{
        {"ListsNoMap", WithLists("lists: [đường]\n"), "1:8", "lists", "lists is a list",
         "expected a map of names: {road-words: [đường, hẻm]}"},
        {"ListNoList", WithLists("lists:\n  road: đường\n"), "2:9", "list road",
         "list \"road\" is \"đường\"", "expected a list of phrases"},
        {"ListEmpty", WithLists("lists: {road: []}\n"), "1:15", "list road", "\"road\" is empty",
         "write at least one phrase"},
        {"ListOfItself", WithLists("lists:\n  a: [{list: a}]\n"), "2:14", "list a",
         "list \"a\" contains itself", "remove the circle"},
        {"ListOfItselfByAnother", WithLists("lists:\n  a: [{list: b}]\n  b: [{list: a}]\n"), "3:14",
         "list a", "list \"a\" contains itself", "remove the circle"},
        {"ListOfItselfByExcept", WithLists("lists:\n  a: [{phrase: lộ, except: [{list: a}]}]\n"),
         "2:38", "list a", "list \"a\" contains itself", "remove the circle"},
        {"UnknownListNear", WithLists("lists:\n  a: [{list: rods}]\n  roads: [lộ]\n"), "2:14",
         "list a", "no list \"rods\"", "did you mean \"roads\"?"},
        {"UnknownListFar", WithAny("{list: waters}"), "4:18", "rule street", "no list \"waters\"",
         "add it under \"lists:\""},
        {"NumberInList", WithLists("lists:\n  a: [{number: any}]\n"), "2:7", "list a",
         "{number: ...} cannot stand here", "expected a phrase or {list: ...}"},
        {"NearInList", WithLists("lists:\n  a: [{near: {within: 1, of: [[a], [b]]}}]\n"), "2:7",
         "list a", "found a map", "expected a phrase, {phrase: ...} or {list: ...}"},
        {"UnknownKeyInList", WithLists("lists:\n  a: [{phrase: lộ, mark: strict}]\n"), "2:22",
         "list a", "unknown key \"mark\"", "did you mean \"marks\"?"},
        {"TooDeepLists", ChainOfLists(10, FirstByName::kHead, 1), "10:9", "list l00",
         "nested deeper than 16", ""},
        // The lists at the end were expanded before, and are as deep as in the other order.
        {"TooDeepListsFromTheEnd", ChainOfLists(10, FirstByName::kEnd, 1), "2:16", "list l09",
         "nested deeper than 16", ""},
        {"TooManyTerms", ChainOfLists(8, FirstByName::kEnd, 12), "3:94", "list l06",
         "more than 2000000 terms", "split the rule set"},
    }),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    OfRules, BadFileTest,
    ::testing::ValuesIn(std::vector<BadFile>{
        {"NoId", "rules:\n  - topic: flooding\n    any: [lộ]\n", "2:5", "", "a rule without \"id\"",
         "such as flood-street"},
        {"IdOfCapitals", "rules:\n  - id: Flood\n    topic: flooding\n    any: [lộ]\n", "2:9", "",
         "the rule id is \"Flood\"", "lower-case letters, digits and dashes"},
        {"IdOfAList", "rules:\n  - id: [a]\n    topic: flooding\n    any: [lộ]\n", "2:9", "",
         "the rule id is a list", "expected 1 to 64"},
        {"IdTooLong",
         StrCat("rules:\n  - id: ", std::string(65, 'a'), "\n    topic: flooding\n    any: [lộ]\n"),
         "2:9", "", "aaaaaaaa", "expected 1 to 64"},
        {"IdWithADashAtTheEnd", "rules:\n  - id: a-\n    topic: flooding\n    any: [lộ]\n", "2:9",
         "", "the rule id is \"a-\"", "expected 1 to 64"},
        {"IdTwice", WithRule("  - id: street\n    topic: fire\n    any: [cháy]\n"), "5:9",
         "rule street", "the id stands at bad.yaml:2:5 already", "every rule has its own"},
        {"UnknownKey", WithRule("    severty: high\n"), "5:5", "rule street",
         "unknown key \"severty\"", "did you mean \"severity\"?"},
        {"UnknownKeyFar", WithRule("    colour: red\n"), "5:5", "rule street",
         "unknown key \"colour\"", "known are: id, topic, title"},
        {"NoTopic", "rules:\n  - id: street\n    any: [lộ]\n", "2:5", "rule street",
         "lacks \"topic\"", "such as topic: flooding"},
        {"UnknownTopic", "rules:\n  - id: street\n    topic: floding\n    any: [lộ]\n", "3:12",
         "rule street: topic", "is \"floding\"", "did you mean \"flooding\"?"},
        {"TopicOfAList", "rules:\n  - id: street\n    topic: [fire]\n    any: [lộ]\n", "3:12",
         "rule street: topic", "is a list", "expected one of: flooding, road-damage"},
        {"TitleOfAList", WithRule("    title: [Ngập]\n"), "5:12", "rule street: title", "is a list",
         "expected a map"},
        {"TitleUnknownLanguage", WithRule("    title: {vn: Ngập}\n"), "5:13", "rule street: title",
         "unknown key \"vn\"", "did you mean \"vi\"?"},
        {"TitleWithAComma", WithRule("    title: {vi: Rắn, ong}\n"), "5:24", "rule street",
         "\"ong\" has no text", "needs quotes"},
        {"TitleWithoutVietnamese", WithRule("    title: {en: Flooded}\n"), "5:12", "rule street",
         "title lacks its Vietnamese text", "(vi)"},
        {"UnknownSeverity", WithRule("    severity: hig\n"), "5:15", "rule street: severity",
         "is \"hig\"", "low, normal, high, critical; did you mean \"high\"?"},
        {"UnknownStatus", WithRule("    status: live\n"), "5:13", "rule street: status",
         "is \"live\"", "expected one of: draft, test, stable"},
        {"EnabledNoBool", WithRule("    enabled: no\n"), "5:14", "rule street: enabled",
         "is \"no\"", "expected true or false"},
        {"UnknownPlace", WithRule("    place: require\n"), "5:12", "rule street: place",
         "is \"require\"", "did you mean \"required\"?"},
        {"UnknownMarks", WithRule("    marks: exact\n"), "5:12", "rule street: marks",
         "is \"exact\"", "expected one of: compatible, consistent, strict, ignore"},
        {"NoteNoText", WithRule("    note: [a]\n"), "5:11", "rule street: note", "is a list",
         "expected text"},
        {"ThresholdNoMap", WithRule("    threshold: 3\n"), "5:16", "rule street: threshold",
         "is \"3\"", "expected a map"},
        {"ThresholdUnknownKey", WithRule("    threshold: {post: 3}\n"), "5:17",
         "rule street: threshold", "unknown key \"post\"", "did you mean \"posts\"?"},
        {"ThresholdOfNoPosts", WithRule("    threshold: {posts: 0}\n"), "5:24",
         "rule street: threshold: posts", "is \"0\"", "expected a whole number from 1 to 1000000"},
        {"ThresholdOfWords", WithRule("    threshold: {authors: two}\n"), "5:26",
         "rule street: threshold: authors", "is \"two\"", "expected a whole number from 1"},
        {"ThresholdWindow", WithRule("    threshold: {window: 30}\n"), "5:25",
         "rule street: threshold: window", "is \"30\"", "a duration such as 90s, 15m, 24h or 7d"},
        {"JoinWindow", WithRule("    join_window: 6 giờ\n"), "5:18", "rule street: join_window",
         "is \"6 giờ\"", "a duration such as 90s, 15m, 24h or 7d"},
        {"ReopenWindowNegative", WithRule("    reopen_window: -1h\n"), "5:20",
         "rule street: reopen_window", "is \"-1h\"", "a duration such as"},
        {"WindowWithoutEnd", WithRule("    join_window: inf\n"), "5:18", "rule street: join_window",
         "is \"inf\"", "expected at most 366d"},
        {"WindowTooLong", WithRule("    threshold: {window: 367d}\n"), "5:25",
         "rule street: threshold: window", "is \"367d\"", "expected at most 366d"},
        {"WhereUnknownKey", WithRule("    where: {sources: a}\n"), "5:13", "rule street: where",
         "unknown key \"sources\"", "did you mean \"source\"?"},
        {"WhereNoMap", WithRule("    where: facebook\n"), "5:12", "rule street: where",
         "is \"facebook\"", "expected a map"},
        {"WhereOfAMap", WithRule("    where: {account: {a: b}}\n"), "5:22",
         "rule street: where: account", "is a map", "expected a list of texts"},
        {"WhereOfNoSource", WithRule("    where: {source: []}\n"), "5:21", "rule street",
         "where: source is empty", "remove it"},
        {"WhereOfNoKind", WithRule("    where: {kind: []}\n"), "5:19", "rule street",
         "where: kind is empty", "remove it"},
        {"WhereUnknownKind", WithRule("    where: {kind: [post, story]}\n"), "5:26",
         "rule street: where: kind", "is \"story\"", "expected one of: post, comment"},
        {"UnknownScan", WithRule("    scan: never\n"), "5:11", "rule street: scan", "is \"never\"",
         "expected one of: with-phrase, always"},
    }),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    OfConditions, BadFileTest,
    ::testing::ValuesIn(std::vector<BadFile>{
        {"Nothing", "rules:\n  - id: street\n    topic: flooding\n", "2:5", "rule street",
         "has neither \"any\" nor \"all\"", "any: [ngập nước]"},
        {"OnlyNone", "rules:\n  - id: street\n    topic: flooding\n    none: [bán]\n", "2:5",
         "rule street", "has neither \"any\" nor \"all\"", "any: [ngập nước]"},
        {"AnyEmpty", WithAny(""), "4:10", "rule street", "\"any\" is empty",
         "write at least one phrase or condition"},
        {"NoneEmpty", WithRule("    none:\n"), "6:1", "rule street", "\"none\" is empty",
         "or remove it"},
        {"InnerAllEmpty", WithAny("{all: []}"), "4:17", "rule street", "\"all\" is empty",
         "or remove it"},
        {"Null", WithAny("ngập, ~"), "4:19", "rule street", "a condition is nothing",
         "expected a phrase, or one of {phrase: ...}"},
        {"AList", WithAny("[ngập, lụt]"), "4:11", "rule street", "a condition is a list",
         "expected a phrase, or one of {phrase: ...}"},
        {"EmptyMap", WithAny("{}"), "4:11", "rule street", "an empty condition", "remove it"},
        {"UnknownKey", WithAny("{neer: {within: 1}}"), "4:12", "rule street: a condition",
         "unknown key \"neer\"", "did you mean \"near\"?"},
        {"PhraseAndList", WithAny("{phrase: lộ, list: a}"), "4:11", "rule street", "found a map",
         "exactly one of {phrase: ...}, {list: ...}"},
        {"PhraseAndAny", WithAny("{phrase: lộ, any: [a]}"), "4:26", "rule street: phrase",
         "unknown key \"any\"", "known are: phrase, marks, except, not_near"},
        {"PhraseOfAList", WithAny("{phrase: [a, b]}"), "4:20", "rule street: a phrase", "is a list",
         "expected text"},
        {"PhraseOfSigns", WithAny("'!!!'"), "4:11", "rule street",
         "the phrase \"!!!\" can never match", "write words"},
        {"PhraseOfAnAddress", WithAny("'https://a.vn'"), "4:11", "rule street",
         "the phrase \"https://a.vn\" can never match", "write words"},
        {"PhraseTooLong", WithAny(std::string(257, 'a')), "4:11", "rule street", "can never match",
         "256"},
        {"PhraseOfTooManySyllables", WithAny(Nested(25, "a ", "", "")), "4:11", "rule street",
         "can never match", "24"},
        {"UnknownMarks", WithAny("{phrase: lộ, marks: Strict}"), "4:33", "rule street: marks",
         "is \"Strict\"", "did you mean \"strict\"?"},
        {"ListOfAList", WithAny("{list: [a]}"), "4:18", "rule street: list", "is a list",
         "expected text"},
        {"NumberOfOne", WithAny("lộ, {number: 5}"), "4:26", "rule street: number", "is \"5\"",
         "expected one of: any"},
        {"PlaceOfAny", WithAny("lộ, {place: any}"), "4:25", "rule street: place", "is \"any\"",
         "expected one of: named"},
        {"PackMarks", "pack: {name: a, purpose: b, owner: c, until: 2030-01-01, marks: some}\n",
         "1:65", "pack: marks", "expected one of: compatible, consistent, strict, ignore"},
        {"NumberWithMarks", WithAny("{number: any, marks: strict}"), "4:25", "rule street: number",
         "unknown key \"marks\"", "known are: number, not_near"},
        {"ExceptEmpty", WithAny("{phrase: lộ, except: []}"), "4:34", "rule street",
         "except is empty", "write at least one phrase"},
        {"ExceptNumber", WithAny("{phrase: lộ, except: [{number: any}]}"), "4:35", "rule street",
         "{number: ...} cannot stand here", "expected a phrase or {list: ...}"},
        {"NotNearWithoutWithin", WithAny("{phrase: lộ, not_near: {of: [a]}}"), "4:36",
         "rule street", "not_near lacks \"within\"", "expected {within: 3, of: [phrase, ...]}"},
        {"NotNearWithoutOf", WithAny("{phrase: lộ, not_near: {within: 3}}"), "4:36", "rule street",
         "not_near lacks \"of\"", "expected {within: 3, of: [phrase, ...]}"},
        {"NotNearNegative", WithAny("{phrase: lộ, not_near: {within: -1, of: [a]}}"), "4:45",
         "rule street: not_near: within", "is \"-1\"", "expected a whole number from 0 to 100"},
        {"NotNearUnknownKey", WithAny("{phrase: lộ, not_near: {within: 1, off: [a]}}"), "4:48",
         "rule street: not_near", "unknown key \"off\"", "did you mean \"of\"?"},
        {"NearNoMap", WithAny("{near: [a, b]}"), "4:18", "rule street: near", "is a list",
         "expected a map"},
        {"NearWithoutWithin", WithAny("{near: {of: [[a], [b]]}}"), "4:18", "rule street",
         "near lacks \"within\"", "expected {near: {within: 6, of: [[...], [...]]}}"},
        {"NearWithoutOf", WithAny("{near: {within: 6}}"), "4:18", "rule street",
         "near lacks \"of\"", "expected {near: {within: 6, of: [[...], [...]]}}"},
        {"NearTooWide", WithAny("{near: {within: 101, of: [[a], [b]]}}"), "4:27",
         "rule street: near: within", "is \"101\"", "expected a whole number from 0 to 100"},
        {"NearOrderedNoBool", WithAny("{near: {within: 1, ordered: yes, of: [[a], [b]]}}"), "4:39",
         "rule street: near: ordered", "is \"yes\"", "expected true or false"},
        {"NearOneGroup", WithAny("{near: {within: 1, of: [[a, b]]}}"), "4:34", "rule street",
         "near: \"of\" is 1 groups", "expected 2 to 8 groups: [[phrase, ...], [phrase, ...]]"},
        {"NearNineGroups", WithAny("{near: {within: 1, of: [a, b, c, d, e, g, h, i, k]}}"), "4:34",
         "rule street", "near: \"of\" is 9 groups", "expected 2 to 8 groups: [[phrase, ...]"},
        {"NearEmptyGroup", WithAny("{near: {within: 1, of: [[a], []]}}"), "4:40", "rule street",
         "a group of near is empty", "write at least one phrase"},
        {"NearInNear", WithAny("{near: {within: 1, of: [[{regex: a}], [a]]}}"), "4:36",
         "rule street", "found a map", "exactly one of {phrase: ...}, {list: ...}"},
        {"NearBesideAny", WithAny("{near: {within: 1, of: [a, b]}, any: [c]}"), "4:11",
         "rule street", "\"near\" stands alone", "put what is beside it in an \"all\""},
        {"RegexBesideAny", WithAny("{regex: a, any: [c]}"), "4:11", "rule street",
         "\"regex\" stands alone", "put what is beside it in an \"all\""},
        {"RegexEmpty", WithAny("{regex: ''}"), "4:19", "rule street", "a regex has 0 bytes",
         "expected 1 to 500"},
        {"RegexTooLong", WithAny(StrCat("{regex: ", std::string(501, 'a'), "}")), "4:19",
         "rule street", "a regex has 501 bytes", "expected 1 to 500"},
        {"RegexWithoutPattern", WithAny("{regex: {on: text}}"), "4:19", "rule street",
         "regex lacks \"pattern\"", ""},
        {"RegexOnWhat", WithAny("{regex: {pattern: a, on: words}}"), "4:36",
         "rule street: regex: on", "is \"words\"", "expected one of: text, folded"},
        {"TooDeep", WithAny(Nested(17, "{any: [", "a", "]}")), "4:123", "rule street",
         "conditions are nested deeper than 16", "or split the rule"},
    }),
    NameOf);

constexpr std::string_view kWithoutPhrase = "can hold for a post without any phrase";

INSTANTIATE_TEST_SUITE_P(
    OfScan, BadFileTest,
    ::testing::ValuesIn(std::vector<BadFile>{
        {"OnlyRegex", WithAny("{regex: a}"), "2:5", "rule street", kWithoutPhrase, "scan: always"},
        {"OnlyNumber", WithAny("{number: any}"), "2:5", "rule street", kWithoutPhrase,
         "put a phrase in \"all\""},
        {"OnlyPlace", WithAny("{place: named}"), "2:5", "rule street", kWithoutPhrase, "always"},
        {"PhraseOrRegex", WithAny("ngập, {regex: a}"), "2:5", "rule street", kWithoutPhrase,
         "scan: always"},
        {"NestedNone", WithAny("{none: [a]}"), "2:5", "rule street", kWithoutPhrase, "always"},
        {"NearOfNumbers",
         WithAny("{near: {within: 1, of: [[a, {number: any}], [{place: named}]]}}"), "2:5",
         "rule street", kWithoutPhrase, "scan: always"},
    }),
    NameOf);

TEST(RuleLoader, ListsMayBeAsDeepInEitherOrder) {
  for (const FirstByName first : {FirstByName::kHead, FirstByName::kEnd}) {
    const auto files = LoadRulesText("a.yaml", ChainOfLists(9, first, 1));
    EXPECT_TRUE(files.ok()) << files.status();
  }
}

TEST(RuleLoader, ARuleNeedsAPhraseInOnePlaceOnly) {
  for (const std::string_view condition :
       {"{all: [ngập, {regex: a}]}", "{near: {within: 1, of: [[a], [{number: any}]]}}",
        "{any: [a, {all: [b, {number: any}]}]}", "{phrase: a, not_near: {within: 1, of: [b]}}"}) {
    EXPECT_TRUE(LoadRulesText("a.yaml", WithAny(condition)).ok()) << condition;
  }
  EXPECT_TRUE(LoadRulesText("a.yaml", StrCat(WithAny("{regex: a}"), "    scan: always\n")).ok());
}

INSTANTIATE_TEST_SUITE_P(
    OfTests, BadFileTest,
    ::testing::ValuesIn(std::vector<BadFile>{
        {"TestsNoMap", WithRule("    tests: [a]\n"), "5:12", "rule street: tests", "is a list",
         "expected a map"},
        {"UnknownKey", WithRule("    tests: {matches: [a]}\n"), "5:13", "rule street: tests",
         "unknown key \"matches\"", "did you mean \"match\"?"},
        {"MatchNoList", WithRule("    tests: {match: a}\n"), "5:20", "rule street",
         "tests: match is \"a\"", "expected a list of texts"},
        {"NoText", WithRule("    tests: {match: [{kind: post}]}\n"), "5:21", "rule street",
         "a text of 0 bytes", "expected 1 to 65536"},
        {"TextTooLong", WithRule(StrCat("    tests: {match: [", std::string(65537, 'a'), "]}\n")),
         "5:21", "rule street", "a text of 65537 bytes", "expected 1 to 65536"},
        {"TestUnknownKey", WithRule("    tests: {match: [{txt: a}]}\n"), "5:22",
         "rule street: a test", "unknown key \"txt\"", "did you mean \"text\"?"},
        {"TestUnknownKind", WithRule("    tests: {match: [{text: a, kind: delete}]}\n"), "5:37",
         "rule street: a test: kind", "is \"delete\"", "expected one of: post, comment"},
        {"TestUnknownReason", WithRule("    tests: {match: [{text: a, reason: named}]}\n"), "5:39",
         "rule street: a test: reason", "is \"named\"",
         "expected one of: explicit, old_name, account, unclear, elsewhere"},
        {"TestCellOfAList", WithRule("    tests: {match: [{text: a, cell: [1]}]}\n"), "5:37",
         "rule street: a test: cell", "is a list", "expected text"},
        {"NoMatchWithACell", WithRule("    tests: {no_match: [{text: a, cell: 30307}]}\n"), "5:40",
         "rule street: a test: \"cell\"", "is \"30307\" under no_match", "under match only"},
    }),
    NameOf);

constexpr std::string_view kAnswer =
    "    answer: {text: {vi: Không có, en: No}, url: 'https://angiang.gov.vn/1'}\n";

INSTANTIATE_TEST_SUITE_P(
    OfRumours, BadFileTest,
    ::testing::ValuesIn(std::vector<BadFile>{
        {"NoClaim", WithRumour(StrCat("    verdict: false\n", kAnswer)), "2:5", "rule dam",
         "a rumour lacks \"claim\"", "claim, verdict and answer"},
        {"NoVerdict", WithRumour(StrCat("    claim: Vỡ đập\n", kAnswer)), "2:5", "rule dam",
         "a rumour lacks \"verdict\"", "claim, verdict and answer"},
        {"NoAnswer", WithRumour("    claim: Vỡ đập\n    verdict: false\n"), "2:5", "rule dam",
         "a rumour lacks \"answer\"", "claim, verdict and answer"},
        {"ClaimEmpty", WithRumour(StrCat("    claim: ''\n    verdict: false\n", kAnswer)), "5:12",
         "rule dam", "claim is empty", "write what the rumour says"},
        {"UnknownVerdict", WithRumour(StrCat("    claim: Vỡ\n    verdict: fake\n", kAnswer)),
         "6:14", "rule dam: verdict", "is \"fake\"",
         "expected one of: false, misleading, unverified, true"},
        {"AnswerNoMap", WithRumour("    claim: Vỡ\n    verdict: true\n    answer: Có\n"), "7:13",
         "rule dam: answer", "is \"Có\"", "expected a map"},
        {"AnswerWithoutUrl",
         WithRumour("    claim: Vỡ\n    verdict: true\n    answer: {text: Có}\n"), "7:13",
         "rule dam", "answer lacks \"url\"", "expected {text: {vi: ..., en: ...}, url: https"},
        {"AnswerWithoutVietnamese",
         WithRumour("    claim: Vỡ\n    verdict: true\n"
                    "    answer: {text: {en: Yes}, url: 'https://a.vn'}\n"),
         "7:20", "rule dam", "answer: text lacks its Vietnamese text", "(vi)"},
        {"AnswerUrl",
         WithRumour("    claim: Vỡ\n    verdict: true\n    answer: {text: Có, url: angiang.vn}\n"),
         "7:30", "rule dam", "answer: url is \"angiang.vn\"",
         "expected one that begins with https://"},
        {"ClaimElsewhere", WithRule("    claim: Vỡ đập\n"), "5:12", "rule street",
         "\"claim\" is for topic: rumour only", "the topic is flooding"},
        {"VerdictElsewhere", WithRule("    verdict: true\n"), "5:14", "rule street",
         "\"verdict\" is for topic: rumour only", "the topic is flooding"},
        {"AnswerElsewhere", WithRule("    answer: {url: a}\n"), "5:13", "rule street",
         "\"answer\" is for topic: rumour only", "the topic is flooding"},
    }),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    OfPacks, BadFileTest,
    ::testing::ValuesIn(std::vector<BadFile>{
        {"NoMap", WithLists("pack: an-giang\n"), "1:7", "a pack", "is \"an-giang\"",
         "expected a map"},
        {"UnknownKey", WithLists("pack: {nam: a}\n"), "1:8", "a pack", "unknown key \"nam\"",
         "did you mean \"name\"?"},
        {"NoName", WithLists("pack: {purpose: b, owner: c, until: 2027-12-31}\n"), "1:7",
         "the pack", "lacks \"name\"", "every pack says its name, purpose, owner and until"},
        {"PurposeOfBlanks",
         WithLists("pack: {name: a, purpose: '  ', owner: c, until: 2027-12-31}\n"), "1:7",
         "the pack", "lacks \"purpose\"", "name, purpose, owner and until"},
        {"OwnerOfAList", WithLists("pack: {name: a, purpose: b, owner: [c], until: 2027-12-31}\n"),
         "1:36", "pack: owner", "is a list", "expected text"},
        {"NoUntil", WithLists("pack: {name: a, purpose: b, owner: c}\n"), "1:7", "the pack",
         "lacks \"until\"", "until: 2027-12-31"},
        {"UntilOfAYear", WithLists("pack: {name: a, purpose: b, owner: c, until: 2027}\n"), "1:46",
         "pack: until", "is \"2027\"", "expected a day such as 2027-12-31"},
        {"UntilNoDay", WithLists("pack: {name: a, purpose: b, owner: c, until: 2027-02-30}\n"),
         "1:46", "pack: until", "is \"2027-02-30\"", "expected a day such as 2027-12-31"},
    }),
    NameOf);

TEST(RuleLoader, ARegexThatCannotBeUsedIsNamedWhenTheRulesAreCompiled) {
  for (const std::string_view regex : {"(?=a)b", "a*", "(", "(a)\\1"}) {
    auto files =
        LoadRulesText("bad.yaml", WithAny(StrCat("{all: [ngập, {regex: '", regex, "'}]}")));
    ASSERT_TRUE(files.ok()) << files.status();
    const auto set = RuleSet::Compile(*std::move(files));
    ASSERT_FALSE(set.ok()) << regex;
    EXPECT_THAT(std::string(set.status().message()),
                AllOf(StartsWith("bad.yaml:4:26: rule street: "), HasSubstr(regex),
                      HasSubstr("write a simpler one")))
        << regex;
  }
}

TEST(RuleLoader, ARuleIsReadWhole) {
  const auto files = LoadRulesText("a.yaml", WithRumour(R"(    title: {vi: Tin đồn, en: Rumour}
    severity: critical
    status: draft
    place: named
    threshold: {posts: 3, authors: 2, window: 30m}
    join_window: 2h
    reopen_window: 1d
    where: {kind: comment, lang: [vi], source: ["facebook:*"], account: "facebook:page:1"}
    claim: Đập đã vỡ
    verdict: misleading
    answer: {text: Không có, url: 'https://angiang.gov.vn/1'}
    note: vì sao
    tests:
      match: ["vỡ đập", {text: "vỡ đập rồi", account: a, kind: comment, cell: 30307, reason: old_name}]
      no_match: [vỡ mộng]
)"));
  ASSERT_TRUE(files.ok()) << files.status();
  ASSERT_THAT(files->rules, SizeIs(1));
  const Rule& rule = files->rules.front();
  EXPECT_EQ(rule.id, "dam");
  EXPECT_EQ(rule.topic, "rumour");
  EXPECT_EQ(StrCat(rule.file, ":", rule.line, ":", rule.column), "a.yaml:2:5");
  EXPECT_EQ(rule.facts.title_vi, "Tin đồn");
  EXPECT_EQ(rule.facts.title_en, "Rumour");
  EXPECT_EQ(rule.facts.severity, Severity::kCritical);
  EXPECT_EQ(rule.facts.status, RuleStatus::kDraft);
  EXPECT_EQ(rule.place, PlaceNeed::kNamed);
  EXPECT_EQ(rule.facts.threshold_posts, 3);
  EXPECT_EQ(rule.facts.threshold_authors, 2);
  EXPECT_EQ(rule.facts.threshold_window, absl::Minutes(30));
  EXPECT_EQ(rule.facts.join_window, absl::Hours(2));
  EXPECT_EQ(rule.facts.reopen_window, absl::Hours(24));
  EXPECT_THAT(rule.where.kinds, ElementsAre(ingest::PostKind::kComment));
  EXPECT_THAT(rule.where.langs, ElementsAre("vi"));
  EXPECT_THAT(rule.where.sources, ElementsAre("facebook:*"));
  EXPECT_THAT(rule.where.accounts, ElementsAre("facebook:page:1"));
  EXPECT_EQ(rule.facts.claim, "Đập đã vỡ");
  EXPECT_EQ(rule.facts.verdict, "misleading");
  EXPECT_EQ(rule.facts.answer_vi, "Không có");
  EXPECT_EQ(rule.facts.answer_url, "https://angiang.gov.vn/1");
  ASSERT_THAT(rule.tests, SizeIs(3));
  EXPECT_EQ(rule.tests[0].text, "vỡ đập");
  EXPECT_EQ(rule.tests[1].kind, ingest::PostKind::kComment);
  EXPECT_EQ(rule.tests[1].cell, "30307");
  EXPECT_EQ(rule.tests[1].reason, RouteReason::kOldName);
  EXPECT_EQ(rule.tests[2].expect, RuleTest::Expect::kNoMatch);
}

TEST(RuleLoader, WhatIsNotSaidIsAsTheManualSays) {
  const auto files = LoadRulesText("a.yaml", WithRule(""));
  ASSERT_TRUE(files.ok()) << files.status();
  const Rule& rule = files->rules.front();
  EXPECT_EQ(rule.facts.title_vi, "street");
  EXPECT_EQ(rule.facts.severity, Severity::kNormal);
  EXPECT_EQ(rule.facts.status, RuleStatus::kStable);
  EXPECT_EQ(rule.place, PlaceNeed::kOptional);
  EXPECT_EQ(rule.scan, ScanPolicy::kWithPhrase);
  EXPECT_TRUE(rule.where.empty());
  EXPECT_EQ(rule.facts.threshold_posts, 1);
  EXPECT_EQ(rule.facts.threshold_authors, 1);
  EXPECT_EQ(rule.facts.threshold_window, absl::Hours(1));
  EXPECT_EQ(rule.when.children.front().children.front().term.set->phrases.front().marks,
            MarksMode::kCompatible);
}

TEST(RuleLoader, OneErrorARuleAndAtMostTwentyAreNamed) {
  std::string yaml = "rules:\n";
  for (int i = 0; i < 25; ++i)
    base::StrAppend(&yaml, "  - {id: r", i, ", topic: floods, any: [lộ]}\n");
  const auto files = LoadRulesText("bad.yaml", yaml);
  ASSERT_FALSE(files.ok());
  const std::string message(files.status().message());
  EXPECT_EQ(std::count(message.begin(), message.end(), '\n'), 20);
  EXPECT_THAT(message,
              AllOf(HasSubstr("bad.yaml:2:21: rule r0: "), HasSubstr("bad.yaml:21:22: rule r19: "),
                    Not(HasSubstr("rule r20")), HasSubstr("and 5 more errors")));
}

// Folders of files.
class RuleFolderTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, std::string_view text) const {
    const std::filesystem::path path = std::filesystem::path(folder_.path()) / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
    return path.string();
  }
  // A pack in `folder` with two files: rules flood-street and flood-house, and fire.
  std::string WritePack(const std::string& folder) const {
    Write(folder + "/pack.yaml",
          "name: an-giang\npurpose: Problems\nowner: so@angiang.example\nuntil: 2027-12-31\n"
          "legal_basis: 12/2025\nlists:\n  road: [đường, hẻm]\n  fire: [cháy]\n");
    Write(folder + "/flooding.yaml",
          "lists: {water: [nước]}\nrules:\n"
          "  - {id: flood-street, topic: flooding, severity: high,"
          " threshold: {posts: 3, authors: 2}, tests: {match: [đường]},\n"
          "     all: [{list: road}, {list: water}]}\n"
          "  - {id: flood-house, topic: flooding, any: [vô nhà], tests: {match: [vô nhà]}}\n");
    Write(folder + "/fire.yaml",
          "lists: {fire: [hỏa hoạn]}\nrules:\n"
          "  - {id: fire, topic: fire, any: [{list: fire}], tests: {match: [hỏa hoạn]}}\n");
    return folder_.path() + "/" + folder;
  }
  static std::string MessageOf(const absl::StatusOr<RuleFiles>& files) {
    return files.ok() ? "it loads" : std::string(files.status().message());
  }
  static std::vector<std::string> Ids(const RuleFiles& files) {
    std::vector<std::string> ids;
    for (const Rule& rule : files.rules) ids.push_back(rule.id);
    return ids;
  }
  static std::vector<std::string> Warnings(const RuleFiles& files) {
    std::vector<std::string> messages;
    for (const RuleWarning& warning : files.warnings) messages.push_back(warning.message);
    return messages;
  }
  // Phrases of the rule's child condition, which is one list.
  static std::vector<std::string> PhrasesOf(const Rule& rule, size_t child) {
    std::vector<std::string> phrases;
    const Term& term = rule.when.children.front().children[child].term;
    for (const PhraseText& phrase : term.set->phrases) phrases.push_back(phrase.text);
    for (const Term& part : term.set->parts) phrases.push_back(part.set->phrases.front().text);
    return phrases;
  }
  static const Rule& RuleOf(const RuleFiles& files, std::string_view id) {
    for (const Rule& rule : files.rules) {
      if (rule.id == id) return rule;
    }
    ADD_FAILURE() << "no rule " << id;
    return files.rules.front();
  }

  const base::TemporaryFolder folder_{"keng-rules"};
};

TEST_F(RuleFolderTest, APackIsItsFolder) {
  const std::string pack = WritePack("pack");
  Write("pack/notes.txt", "rules: no\n");
  Write("pack/.hidden.yaml", "rules: no\n");
  Write("pack/inner/more.yaml", "rules: no\n");
  const auto files = LoadRules({pack});
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_THAT(Ids(*files), ElementsAre("fire", "flood-street", "flood-house"));
  EXPECT_THAT(Warnings(*files), IsEmpty());
  ASSERT_THAT(files->packs, SizeIs(1));
  EXPECT_EQ(files->packs.front().name, "an-giang");
  EXPECT_EQ(files->packs.front().purpose, "Problems");
  EXPECT_EQ(files->packs.front().owner, "so@angiang.example");
  EXPECT_EQ(files->packs.front().legal_basis, "12/2025");
  EXPECT_EQ(files->rules.front().pack, "an-giang");
  EXPECT_THAT(PhrasesOf(RuleOf(*files, "flood-street"), 0), ElementsAre("đường", "hẻm"));
  EXPECT_THAT(PhrasesOf(RuleOf(*files, "fire"), 0), ElementsAre("hỏa hoạn"))
      << "the file's own list wins over the pack's";
}

TEST_F(RuleFolderTest, TheMarksOfAPackAreThoseOfRulesThatSayNothingElse) {
  const auto files = LoadRules(
      {Write("one.yaml", WithLists("pack: {name: a, purpose: b, owner: c, until: 2027-12-31, "
                                   "marks: consistent}\n") +
                             "  - {id: own, topic: fire, marks: strict, any: [cháy]}\n"
                             "  - {id: of-pack, topic: fire, any: [cháy]}\n")});
  ASSERT_TRUE(files.ok()) << files.status();
  const auto marks = [&](std::string_view id) {
    return RuleOf(*files, id)
        .when.children.front()
        .children.front()
        .term.set->phrases.front()
        .marks;
  };
  EXPECT_EQ(marks("own"), MarksMode::kStrict);
  EXPECT_EQ(marks("of-pack"), MarksMode::kConsistent);
}

TEST_F(RuleFolderTest, OneFileOfAPackBelongsToIt) {
  const std::string pack = WritePack("pack");
  const auto files = LoadRules({pack + "/fire.yaml", pack + "/flooding.yaml"});
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_THAT(Ids(*files), ElementsAre("fire", "flood-street", "flood-house"));
  EXPECT_EQ(files->rules.front().pack, "an-giang");
  EXPECT_THAT(files->packs, SizeIs(1));
  EXPECT_THAT(Warnings(*files), IsEmpty());
}

TEST_F(RuleFolderTest, AFileMayCarryItsPack) {
  const auto files = LoadRules({Write(
      "one.yaml",
      WithLists("pack: {name: a, purpose: b, owner: c, until: 2027-12-31, lists: {x: [lộ]}}\n"))});
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_EQ(files->rules.front().pack, "a");

  WritePack("pack");
  Write("pack/other.yaml", "pack: {name: a}\nrules: []\n");
  EXPECT_THAT(MessageOf(LoadRules({folder_.path() + "/pack"})),
              HasSubstr("other.yaml:1:7: this file's folder has a pack.yaml already; remove"));
}

TEST_F(RuleFolderTest, WithoutAPackOrTestsARuleSetIsNotPublished) {
  const std::string path = Write("one.yaml", WithRule(""));
  const auto files = LoadRules({path});
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_THAT(Warnings(*files),
              ElementsAre(StartsWith(StrCat(path, ":1:1: no pack.yaml beside this file")),
                          StartsWith(StrCat(path, ":2:5: rule street has no tests"))));
  for (const RuleWarning& warning : files->warnings)
    EXPECT_EQ(warning.weight, RuleWarning::Weight::kUnpublishable) << warning.message;
}

TEST_F(RuleFolderTest, APackEndsWithTheLastHourOfItsLastDay) {
  const std::string pack = WritePack("pack");
  // Midnight of the officers, who live at UTC+7.
  const absl::Time end = absl::FromCivil(absl::CivilHour(2027, 12, 31, 17), absl::UTCTimeZone());
  const auto before = LoadRules({pack}, {.now = end - absl::Seconds(1)});
  ASSERT_TRUE(before.ok()) << before.status();
  EXPECT_THAT(before->rules, SizeIs(3));
  EXPECT_THAT(before->off, IsEmpty());

  const auto after = LoadRules({pack}, {.now = end});
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_THAT(after->rules, IsEmpty());
  EXPECT_THAT(after->off, ElementsAre(Pair("fire", RuleOff::kPackExpired),
                                      Pair("flood-street", RuleOff::kPackExpired),
                                      Pair("flood-house", RuleOff::kPackExpired)));
  EXPECT_THAT(Warnings(*after),
              ElementsAre(StrCat(pack,
                                 "/pack.yaml:1:1: the pack's until has passed; its "
                                 "rules are off")));
  EXPECT_NE(before->version, after->version) << "other rules match";
}

TEST_F(RuleFolderTest, PathsThatCannotBeRead) {
  EXPECT_THAT(MessageOf(LoadRules({})), HasSubstr("no rule files given"));
  const auto missing = LoadRules({folder_.path() + "/no.yaml"});
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(MessageOf(missing), HasSubstr("/no.yaml: no such file or folder; expected a rule"));
  Write("empty/notes.txt", "");
  EXPECT_THAT(MessageOf(LoadRules({folder_.path() + "/empty"})),
              HasSubstr("/empty: holds no rule file; expected *.yaml"));
  Write("folder/one.yaml/two.yaml", "");
  EXPECT_EQ(LoadRules({folder_.path() + "/folder"}).status().code(),
            absl::StatusCode::kUnavailable);
  const auto overrides =
      LoadRules({WritePack("pack")}, {.overrides_path = folder_.path() + "/no.yaml"});
  EXPECT_EQ(overrides.status().code(), absl::StatusCode::kNotFound);
}

TEST_F(RuleFolderTest, AnEmptyFileIsNamed) {
  WritePack("pack");
  Write("pack/new.yaml", "");
  EXPECT_THAT(MessageOf(LoadRules({folder_.path() + "/pack"})),
              HasSubstr("new.yaml:1:1: the file is empty; expected \"rules:\""));
}

TEST_F(RuleFolderTest, ALoadIsAllOrNothing) {
  const std::string pack = WritePack("pack");
  const std::string bad = Write("pack/bad.yaml", "rules: [\n");
  const std::string worse = Write("pack/worse.yaml", WithRule("    severity: hi\n"));
  const auto files = LoadRules({pack});
  ASSERT_FALSE(files.ok());
  EXPECT_EQ(files.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(MessageOf(files), AllOf(StartsWith(bad + ":2:1: "),
                                      HasSubstr(StrCat("\n", worse, ":5:15: rule street: "))));
  std::filesystem::remove(bad);
  EXPECT_FALSE(LoadRules({pack}).ok());
  std::filesystem::remove(worse);
  EXPECT_TRUE(LoadRules({pack}).ok());

  const std::string alone = Write("alone.yaml", "rules: 1\n");
  EXPECT_FALSE(LoadRules({pack, alone}).ok());
  Write("pack/pack.yaml", "name: an-giang\n");
  EXPECT_THAT(MessageOf(LoadRules({pack})), HasSubstr("pack.yaml:1:1: the pack lacks \"purpose\""));
}

TEST_F(RuleFolderTest, AnIdIsOneOverAllPaths) {
  const std::string pack = WritePack("pack");
  const std::string other = WritePack("other");
  EXPECT_THAT(MessageOf(LoadRules({pack, other})),
              AllOf(HasSubstr(StrCat(other, "/fire.yaml:3:")),
                    HasSubstr(StrCat("rule fire: the id stands at ", pack, "/fire.yaml:3:"))));
}

TEST_F(RuleFolderTest, TheVersionIsThatOfTheContent) {
  const std::string pack = WritePack("pack");
  const std::string copy = WritePack("copy");
  const auto version = [](const std::string& path) {
    const auto files = LoadRules({path});
    EXPECT_TRUE(files.ok()) << files.status();
    return files.ok() ? files->version : std::string();
  };
  const std::string first = version(pack);
  EXPECT_THAT(first, SizeIs(16));
  EXPECT_EQ(version(pack), first);
  EXPECT_EQ(version(copy), first) << "wherever the files lie";

  std::vector<std::string> versions = {first};
  Write("copy/fire.yaml",
        "rules:\n  - {id: fire, topic: fire, any: [hoả hoạn], tests: {match: [hỏa hoạn]}}\n");
  versions.push_back(version(copy));
  WritePack("copy");
  Write("copy/pack.yaml",
        "name: an-giang\npurpose: Problems\nowner: so@angiang.example\nuntil: 2028-12-31\n"
        "legal_basis: 12/2025\nlists:\n  road: [đường, hẻm]\n  fire: [cháy]\n");
  versions.push_back(version(copy));
  WritePack("copy");
  Write("copy/overrides.yaml", "rules: {fire: {severity: low}}\n");
  versions.push_back(version(copy));
  Write("copy/overrides.yaml", "rules: {fire: {severity: high}}\n");
  versions.push_back(version(copy));
  std::filesystem::remove(copy + "/overrides.yaml");
  std::filesystem::rename(copy + "/fire.yaml", copy + "/a.yaml");
  versions.push_back(version(copy));
  std::sort(versions.begin(), versions.end());
  EXPECT_EQ(std::unique(versions.begin(), versions.end()), versions.end());
}

TEST_F(RuleFolderTest, OverridesChangeWhatTheyName) {
  const std::string pack = WritePack("pack");
  Write("pack/overrides.yaml", R"(rules:
  flood-street: {severity: critical, status: test, place: named, marks: strict,
                 threshold: {posts: 2}, join_window: 2h, reopen_window: 3h}
  flood-house: {enabled: false}
lists:
  road: {add: [đường đất, {phrase: lối, marks: ignore}], remove: [hẻm]}
)");
  const auto files = LoadRules({pack});
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_THAT(Warnings(*files), IsEmpty());
  EXPECT_THAT(Ids(*files), ElementsAre("fire", "flood-street"));
  EXPECT_THAT(files->off, ElementsAre(Pair("flood-house", RuleOff::kDisabled)));
  const Rule& rule = RuleOf(*files, "flood-street");
  EXPECT_EQ(rule.facts.severity, Severity::kCritical);
  EXPECT_EQ(rule.facts.status, RuleStatus::kTest);
  EXPECT_EQ(rule.place, PlaceNeed::kNamed);
  EXPECT_EQ(rule.facts.threshold_posts, 2);
  EXPECT_EQ(rule.facts.threshold_authors, 2) << "what the override does not say stays";
  EXPECT_EQ(rule.facts.join_window, absl::Hours(2));
  EXPECT_EQ(rule.facts.reopen_window, absl::Hours(3));
  EXPECT_THAT(PhrasesOf(rule, 0), ElementsAre("đường", "đường đất", "lối"));
  EXPECT_EQ(rule.when.children.front().children.front().term.set->phrases.front().marks,
            MarksMode::kStrict);
}

TEST_F(RuleFolderTest, AnOverrideSwitchesARuleOnAndTheLaterFileWins) {
  const std::string pack = WritePack("pack");
  Write("pack/more.yaml",
        "rules:\n  - {id: song, topic: other, enabled: false, any: [lạc trôi],"
        " tests: {match: [lạc trôi]}}\n");
  EXPECT_THAT(Ids(*LoadRules({pack})), ElementsAre("fire", "flood-street", "flood-house"));
  Write("pack/overrides.yaml", "rules: {song: {enabled: true, severity: low}}\n");
  const std::string local =
      Write("local.yaml", "rules: {song: {severity: high}}\nlists: {fire: {add: [cháy nhà]}}\n");
  const auto files = LoadRules({pack}, {.overrides_path = local});
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_THAT(Warnings(*files), IsEmpty());
  EXPECT_EQ(RuleOf(*files, "song").facts.severity, Severity::kHigh);
  EXPECT_THAT(PhrasesOf(RuleOf(*files, "fire"), 0), ElementsAre("hỏa hoạn", "cháy nhà"));
}

TEST_F(RuleFolderTest, OverridesOfWhatIsNoLongerThereWarn) {
  const std::string pack = WritePack("pack");
  const std::string overrides = Write("pack/overrides.yaml",
                                      "rules:\n  flood-lane: {severity: low}\nlists:\n"
                                      "  lanes: {add: [ngõ]}\n  road: {remove: [lộ, hẻm]}\n");
  const auto files = LoadRules({pack});
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_THAT(
      Warnings(*files),
      ElementsAre(StrCat(overrides,
                         ":2:3: the override names rule flood-lane, which no loaded "
                         "pack has; remove it when the pack has dropped it"),
                  StartsWith(StrCat(overrides, ":4:3: the override names list lanes, ")),
                  StartsWith(StrCat(overrides, ":5:19: the override names \"lộ\" in list road "))));
  for (const RuleWarning& warning : files->warnings)
    EXPECT_EQ(warning.weight, RuleWarning::Weight::kAdvice) << warning.message;
}

TEST_F(RuleFolderTest, OverridesBesideAPackChangeThatPackOnly) {
  const std::string pack = WritePack("pack");
  const std::string other = folder_.path() + "/other";
  Write("other/rules.yaml", WithRule(""));
  Write("other/overrides.yaml", "rules: {fire: {severity: low}}\n");
  const auto files = LoadRules({pack, other});
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_EQ(RuleOf(*files, "fire").facts.severity, Severity::kNormal);
  EXPECT_THAT(Warnings(*files), ::testing::Contains(HasSubstr("the override names rule fire")));
}

TEST_F(RuleFolderTest, AnOverrideTakesAPhraseOutOfAListHoweverItStandsThere) {
  const std::string pack = WritePack("pack");
  Write("pack/more.yaml",
        "lists: {song: [trôi, {phrase: lạc, marks: strict}]}\nrules:\n"
        "  - {id: song, topic: other, any: [{list: song}], tests: {match: [trôi]}}\n");
  Write("pack/overrides.yaml", "lists: {song: {remove: [lạc]}}\n");
  const auto files = LoadRules({pack});
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_THAT(Warnings(*files), IsEmpty());
  EXPECT_THAT(PhrasesOf(RuleOf(*files, "song"), 0), ElementsAre("trôi"));
}

TEST_F(RuleFolderTest, EmptyOverridesChangeNothing) {
  const std::string pack = WritePack("pack");
  for (const std::string_view text : {"", "# later\n", "rules:\nlists:\n", "{}\n"}) {
    Write("pack/overrides.yaml", text);
    const auto files = LoadRules({pack});
    EXPECT_TRUE(files.ok()) << files.status();
  }
}

TEST_F(RuleFolderTest, AnOverrideDoesNotEmptyAList) {
  const std::string pack = WritePack("pack");
  Write("pack/overrides.yaml", "lists: {road: {remove: [đường, hẻm]}}\n");
  EXPECT_THAT(MessageOf(LoadRules({pack})),
              HasSubstr("pack.yaml:7:9: list road: list \"road\" is empty; write at least one"));
}

TEST_F(RuleFolderTest, AnEmptyPackIsNamed) {
  WritePack("pack");
  Write("pack/pack.yaml", "");
  EXPECT_THAT(MessageOf(LoadRules({folder_.path() + "/pack"})),
              HasSubstr("pack.yaml:1:1: the pack is empty; expected its name, purpose, owner"));
}

struct BadOverrides {
  std::string_view name, text, where, found, expected;
};
void PrintTo(const BadOverrides& bad, std::ostream* out) { *out << bad.name; }

class BadOverridesTest : public RuleFolderTest,
                         public ::testing::WithParamInterface<BadOverrides> {};

TEST_P(BadOverridesTest, TheErrorSaysWhereAndWhat) {
  const BadOverrides& bad = GetParam();
  const std::string pack = WritePack("pack");
  const std::string path = Write("pack/overrides.yaml", bad.text);
  const auto files = LoadRules({pack});
  ASSERT_FALSE(files.ok());
  EXPECT_EQ(files.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(MessageOf(files),
              AllOf(StartsWith(StrCat(path, ":", bad.where, ": ")),
                    HasSubstr(std::string(bad.found)), HasSubstr(std::string(bad.expected))));
}

INSTANTIATE_TEST_SUITE_P(
    OfEachKind, BadOverridesTest,
    ::testing::ValuesIn(std::vector<BadOverrides>{
        {"NoYaml", "rules: {\n", "2:1", "end of", "map"},
        {"NoMap", "- fire\n", "1:1", "the overrides is a list", "expected a map"},
        {"UnknownKey", "rule: {}\n", "1:1", "unknown key \"rule\" in the overrides",
         "did you mean \"rules\"?"},
        {"RulesNoMap", "rules: [fire]\n", "1:8", "overrides: rules is a list",
         "expected a map of rule ids: {flood-street: {...}}"},
        {"RuleNoMap", "rules: {fire: false}\n", "1:15", "the override of rule fire is \"false\"",
         "expected a map"},
        {"KeyThatIsNotTheirs", "rules: {fire: {topic: other}}\n", "1:16",
         "unknown key \"topic\" in the override of rule fire", "known are: enabled, severity"},
        {"UnknownSeverity", "rules: {fire: {severity: hig}}\n", "1:26",
         "rule fire: severity is \"hig\"", "did you mean \"high\"?"},
        {"BadWindow", "rules: {fire: {join_window: long}}\n", "1:29",
         "rule fire: join_window is \"long\"", "a duration such as"},
        {"ListsNoMap", "lists: [road]\n", "1:8", "overrides: lists is a list",
         "expected a map: {road-words: {add"},
        {"ListNoMap", "lists: {road: [lộ]}\n", "1:15", "the override of list road is a list",
         "expected a map"},
        {"ListUnknownKey", "lists: {road: {adds: [lộ]}}\n", "1:16",
         "unknown key \"adds\" in the override of list road", "did you mean \"add\"?"},
        {"AddNoList", "lists: {road: {add: lộ}}\n", "1:21",
         "the override of list road: add is \"lộ\"", "expected a list"},
        {"RemoveNoList", "lists: {road: {remove: hẻm}}\n", "1:24",
         "the override of list road: remove is \"hẻm\"", "expected a list"},
        {"RemoveNoPhrase", "lists: {road: {remove: [{list: a}]}}\n", "1:25",
         "the override of list road: a phrase to remove is a map", "expected text"},
        {"AddNoPhrase", "lists: {road: {add: ['!']}}\n", "1:22", "the phrase \"!\" can never match",
         "write words"},
    }),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace keng::filters
