// The language of docs/rules.md, feature by feature: a text that matches and near misses, with the
// exact spans. Both matchers must give what stands here.

#include "filters/matcher/matcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/metrics.h"
#include "base/strings.h"
#include "filters/matcher/reference_matcher.h"
#include "filters/rules/rule_loader.h"

namespace keng::filters {
namespace {

using base::StrCat;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Long Xuyên and Chợ Mới are places that {place: named} takes, Cà Mau is a name that it does not.
ExtraLiterals Names() {
  return {.folded = {" long xuyen ", " cho moi ", " ca mau "}, .is_named_place = {1, 1, 0}};
}

std::shared_ptr<const RuleSet> Compiled(std::string_view yaml) {
  auto files = LoadRulesText("test.yaml", yaml);
  EXPECT_TRUE(files.ok()) << files.status();
  if (!files.ok()) return nullptr;
  auto set = RuleSet::Compile(*std::move(files), Names());
  EXPECT_TRUE(set.ok()) << set.status();
  return set.ok() ? *set : nullptr;
}

// "rule [BEGIN what stands there|phrase|marks]..., rule ..." of all matches.
std::string Words(const std::vector<RuleMatch>& matches, std::string_view text) {
  std::string words;
  for (const RuleMatch& match : matches) {
    base::StrAppend(&words, words.empty() ? "" : ", ", match.rule->id);
    for (const HitSpan& span : match.spans) {
      base::StrAppend(&words, " [", span.span.begin, " ",
                      text.substr(span.span.begin, span.span.end - span.span.begin), "|",
                      span.phrase, "|", MarksEvidenceName(span.marks), "]");
    }
  }
  return words;
}

struct Sample {
  std::string_view text;
  std::string_view found;  // as Words(); empty: nothing matches
  ingest::Post post = {};  // its other fields
};

struct Feature {
  std::string_view name;
  std::string_view rules;  // a whole file, or what follows `id` and `topic` of the one rule r
  std::vector<Sample> samples;
};
void PrintTo(const Feature& feature, std::ostream* out) { *out << feature.name; }

class LanguageTest : public ::testing::TestWithParam<Feature> {};

TEST_P(LanguageTest, BothMatchersFindExactlyThis) {
  const Feature& feature = GetParam();
  const bool whole = feature.rules.find("rules:") != feature.rules.npos;
  const auto rules =
      Compiled(whole ? std::string(feature.rules)
                     : StrCat("rules:\n  - id: r\n    topic: flooding\n    ", feature.rules, "\n"));
  ASSERT_NE(rules, nullptr);
  Matcher matcher(rules);
  ReferenceMatcher reference(rules->rules(), rules->extra_literals());
  MatchResult result;
  for (const Sample& sample : feature.samples) {
    ingest::Post post = sample.post;
    post.text = sample.text;
    matcher.Match(post, result);
    EXPECT_EQ(Words(result.rules, sample.text), sample.found) << "text: " << sample.text;
    EXPECT_EQ(Words(reference.Match(post), sample.text), sample.found)
        << "the reference, text: " << sample.text;
    EXPECT_FALSE(result.capped) << sample.text;
  }
}

std::string NameOf(const ::testing::TestParamInfo<Feature>& info) {
  return std::string(info.param.name);
}

INSTANTIATE_TEST_SUITE_P(
    Phrases, LanguageTest,
    ::testing::ValuesIn(std::vector<Feature>{
        {"SmallestFileOfTheManual",
         "any: [ngập nước, \"ngập lút bánh\"]",
         {
             {"Đường Trần Hưng Đạo NGẬP NƯỚC rồi", "r [30 NGẬP NƯỚC|ngập nước|equal]"},
             {"duong ngap nuoc qua troi", "r [6 ngap nuoc|ngập nước|absent]"},
             {"ngập, lút... bánh", "r [0 ngập, lút... bánh|ngập lút bánh|equal]"},
             {"ngậppp nướccc", "r [0 ngậppp nướccc|ngập nước|equal]"},
             {"nga\u0323\u0302p nu\u031bo\u031b\u0301c", "r [0 ngập nước|ngập nước|equal]"},
             {"ngáp nước", ""},
             {"ngập nướng", ""},
             {"ngập đầy nước", ""},
             {"", ""},
             {"...", ""},
         }},
        {"WholeSyllablesOnly",
         "any: [kẹt xe]",
         {
             {"kẹt xe", "r [0 kẹt xe|kẹt xe|equal]"},
             {"kẹt xem", ""},
             {"bị kẹt xe, kẹt xe!", "r [5 kẹt xe|kẹt xe|equal] [15 kẹt xe|kẹt xe|equal]"},
         }},
        {"Hashtags",
         "any: [ngập nước, an giang]",
         {
             {"#NgậpNước rồi", "r [1 NgậpNước|ngập nước|equal]"},
             {"xem #ngapnuoc", "r [5 ngapnuoc|ngập nước|absent]"},
             {"#ngap_nuoc", "r [1 ngap_nuoc|ngập nước|absent]"},
             {"#SaveAnGiang", "r [5 AnGiang|an giang|equal]"},
             {"#nuocngap", ""},
             {"#ngập #nước", "r [1 ngập #nước|ngập nước|equal]"},
             {"nhà #ngậpnước-quá", "r [6 ngậpnước|ngập nước|equal]"},
         }},
        {"OtherScripts",
         "any: [水浸, привет, ទឹកជំនន់, 街]",
         {
             {"今日水浸街", "r [6 水浸|水浸|equal] [12 街|街|equal]"},
             {"水 浸", "r [0 水 浸|水浸|equal]"},
             {"浸水", ""},
             {"ПРИВЕТ, мир", "r [0 ПРИВЕТ|привет|equal]"},
             {"приветы", ""},
             {"មានទឹកជំនន់ធំ", "r [9 ទឹកជំនន់|ទឹកជំនន់|equal]"},
             {"ទឹកធំ", ""},
         }},
        {"OnePhraseWrittenTwice",
         "any: [ngập, ngap]",
         {
             {"ngap", "r [0 ngap|ngap|equal] [0 ngap|ngập|absent]"},
             {"ngập", "r [0 ngập|ngập|equal]"},
         }},
    }),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Groups, LanguageTest,
    ::testing::ValuesIn(std::vector<Feature>{
        {"AllNeedsEach",
         "all: [đường, ngập]",
         {
             {"ngập hết con đường", "r [0 ngập|ngập|equal] [17 đường|đường|equal]"},
             {"đường ngáp", ""},
             {"đường", ""},
         }},
        {"AnyAndAllAndNone",
         "any: [nước, lụt]\n    all: [đường]\n    none: [dự báo, {all: [bán, sách]}]",
         {
             {"nước đầy đường", "r [0 nước|nước|equal] [15 đường|đường|equal]"},
             {"đường khô", ""},
             {"nước lên", ""},
             {"dự báo nước đầy đường", ""},
             {"du bao nuoc day duong", ""},
             {"bán sách: nước đầy đường", ""},
             {"đang bán mà nước đầy đường", "r [15 nước|nước|equal] [30 đường|đường|equal]"},
         }},
        {"Nested",
         "any:\n"
         "      - {all: [xe, {any: [kẹt, {all: [hỏng, giữa đường]}]}]}\n"
         "      - {any: [lụt, ngập], none: [giả, {none: [nhà]}]}",
         {
             {"xe kẹt", "r [0 xe|xe|equal] [3 kẹt|kẹt|equal]"},
             {"xe hỏng giữa đường",
              "r [0 xe|xe|equal] [3 hỏng|hỏng|equal] [10 giữa đường|giữa đường|equal]"},
             {"xe hỏng", ""},
             {"kẹt", ""},
             // In one map all must hold: `nhà` must stand, for `none` of `none`.
             {"ngập nhà", "r [0 ngập|ngập|equal]"},
             {"ngập", ""},
             {"ngập nhà giả", ""},
             {"ngập nhà, kẹt xe", "r [0 ngập|ngập|equal] [13 kẹt|kẹt|equal] [19 xe|xe|equal]"},
         }},
        {"NoneLooksAtTheWholeText",
         "any: [ngập]\n    none: [{phrase: hàng, except: [hàng xóm]}]",
         {
             {"ngập rồi hàng xóm ơi", "r [0 ngập|ngập|equal]"},
             {"ngập rồi hàng xóm ơi, hàng về", ""},
         }},
    }),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Exclusions, LanguageTest,
    ::testing::ValuesIn(std::vector<Feature>{
        {"ExceptPutsOneOccurrenceAside",
         "lists: {figures: [ngập đầu ngập cổ]}\n"
         "rules:\n"
         "  - {id: r, topic: flooding, any: [{phrase: ngập, except: [ngập tràn, {list: "
         "figures}]}]}",
         {
             {"ngập sâu", "r [0 ngập|ngập|equal]"},
             {"đường ngập tràn hoa", ""},
             {"ngập tràn hoa mà hẻm cũng ngập", "r [33 ngập|ngập|equal]"},
             {"ngập đầu ngập cổ", ""},
             {"ngập đầu, ngập tay", "r [0 ngập|ngập|equal] [15 ngập|ngập|equal]"},
             // The exception follows the marks too.
             {"ngap tran", ""},
             {"ngập trán", "r [0 ngập|ngập|equal]"},
         }},
        {"AnExceptionHoldsWhatLiesInsideIt",
         "any: [{phrase: ngập nước, except: [nước mắt, bị ngập nước lã]}]",
         {
             {"ngập nước mắt", "r [0 ngập nước|ngập nước|equal]"},
             {"bị ngập nước lã", ""},
             {"bị ngập nước, lá", "r [5 ngập nước|ngập nước|equal]"},
         }},
        {"AnExceptionHasItsOwn",
         "any: [{phrase: ngập, except: [{phrase: ngập tràn, except: [ngập tràn lan]}]}]",
         {
             {"ngập tràn hoa", ""},
             {"ngập tràn lan", "r [0 ngập|ngập|equal]"},
         }},
        {"NotNear",
         "any: [{phrase: ngập, not_near: {within: 3, of: [công việc, hàng]}}]",
         {
             {"ngập trong công việc mà hẻm nhà mình cũng ngập tới gối", "r [53 ngập|ngập|equal]"},
             {"ngập một hai ba hàng", ""},
             {"ngập một hai ba bốn hàng", "r [0 ngập|ngập|equal]"},
             {"hàng một hai ba ngập", ""},
             {"hàng một hai ba bốn ngập", "r [25 ngập|ngập|equal]"},
             {"ngap trong cong viec", ""},
             {"ngập trong cống việc", "r [0 ngập|ngập|equal]"},
         }},
        {"NotNearCountsBetweenTheEnds",
         "any: [{phrase: nước lên, not_near: {within: 0, of: [lên giá, tiền nước]}}]",
         {
             {"nước lên giá", ""},
             {"tiền nước lên", ""},
             {"lên giá nước lên", ""},
             {"lên giá, mà nước lên", "r [15 nước lên|nước lên|equal]"},
         }},
        {"NotNearNumbersAndPlaces",
         "any: [{phrase: ngập, not_near: {within: 1, of: [{number: any}, {place: named}]}}]",
         {
             {"ngập 5 phân", ""},
             {"ngập tới 5 phân", ""},
             {"ngập tới hơn 5 phân", "r [0 ngập|ngập|equal]"},
             {"Long Xuyên ngập", ""},
             {"Cà Mau ngập", "r [8 ngập|ngập|equal]"},
         }},
        {"NotNearHasExclusions",
         "any: [{phrase: ngập, not_near: {within: 2, of: [{phrase: hàng, except: [hàng xóm]}]}}]",
         {
             {"ngập hàng", ""},
             {"ngập hàng xóm", "r [0 ngập|ngập|equal]"},
         }},
    }),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Near, LanguageTest,
    ::testing::ValuesIn(std::vector<Feature>{
        {"OneOfEachGroup",
         "lists: {road: [đường, con lộ]}\n"
         "rules:\n"
         "  - {id: r, topic: flooding, any: [{near: {within: 2, of: [[hẻm, {list: road}], "
         "[ngập]]}}]}",
         {
             {"hẻm bị rồi ngập", "r [0 hẻm|hẻm|equal] [17 ngập|ngập|equal]"},
             {"hẻm bị lút rồi ngập", ""},
             {"ngập cái con lộ", "r [0 ngập|ngập|equal] [12 con lộ|con lộ|equal]"},
             {"con ngập lộ", ""},
             {"hẻm, đường đi xa xôi lắm ngập", ""},
             // All that stand in a window with one of each.
             {"hẻm ngập đường", "r [0 hẻm|hẻm|equal] [6 ngập|ngập|equal] [13 đường|đường|equal]"},
             {"hẻm và đường xa ngập", "r [10 đường|đường|equal] [23 ngập|ngập|equal]"},
         }},
        {"FromTheEndOfTheFirstToTheBeginningOfTheLast",
         "any: [{near: {within: 4, of: [[con lộ], [ngập], [tới gối]]}}]",
         {
             {"con lộ này ngập hơn nữa tới gối",
              "r [0 con lộ|con lộ|equal] [14 ngập|ngập|equal] [32 tới gối|tới gối|equal]"},
             {"con lộ này ngập hơn nữa mà tới gối", ""},
             {"tới gối ngập con lộ",
              "r [0 tới gối|tới gối|equal] [12 ngập|ngập|equal] [19 con lộ|con lộ|equal]"},
         }},
        {"OneOccurrenceForTwoGroups",
         "any: [{near: {within: 0, of: [[ngập nước], [nước, nước lên]]}}]",
         {
             {"ngập nước", "r [0 ngập nước|ngập nước|equal] [7 nước|nước|equal]"},
             {"ngập nước lên",
              "r [0 ngập nước|ngập nước|equal] [7 nước|nước|equal] [7 nước lên|nước lên|equal]"},
             {"ngập", ""},
         }},
        {"Ordered",
         "any: [{near: {within: 4, ordered: true, of: [[ngập], [tới, đến, lút], [gối, bánh]]}}]",
         {
             {"ngập tới gối", "r [0 ngập|ngập|equal] [7 tới|tới|equal] [13 gối|gối|equal]"},
             {"ngập nước lên tới đầu gối",
              "r [0 ngập|ngập|equal] [20 tới|tới|equal] [33 gối|gối|equal]"},
             {"ngập nước nó lên tới đầu gối", ""},
             {"tới gối ngập", ""},
             {"gối ngập tới", ""},
             // From each occurrence of the first group, the choice that ends first.
             {"ngập ngập tới đến gối bánh",
              "r [0 ngập|ngập|equal] [7 ngập|ngập|equal] [14 tới|tới|equal] [27 gối|gối|equal]"},
         }},
        {"OrderedDoesNotOverlap",
         "any: [{near: {within: 3, ordered: true, of: [[ngập nước], [nước lên]]}}]",
         {
             {"ngập nước nước lên", "r [0 ngập nước|ngập nước|equal] [15 nước lên|nước lên|equal]"},
             {"ngập nước lên", ""},
         }},
        // What ends first is right for a group between, and wrong for the last one.
        {"OrderedTakesTheLastThatBeginsFirst",
         "any: [{near: {within: 1, ordered: true, of: [[xe], [bị kẹt cứng, kẹt]]}}]",
         {
             {"xe nó bị kẹt cứng", "r [0 xe|xe|equal] [7 bị kẹt cứng|bị kẹt cứng|equal]"},
             {"xe nó bị kẹt", ""},
             {"xe nó cũng bị kẹt cứng", ""},
         }},
        {"OrderedTakesTheMiddleThatEndsFirst",
         "any: [{near: {within: 2, ordered: true, of: [[xe], [bị kẹt cứng, kẹt], [cứng rồi]]}}]",
         {
             {"xe bị kẹt cứng rồi",
              "r [0 xe|xe|equal] [8 kẹt|kẹt|equal] [14 cứng rồi|cứng rồi|equal]"},
             {"xe nó bị kẹt cứng rồi", ""},
         }},
        {"ExclusionsInside",
         "any: [{near: {within: 3, of: [[{phrase: ngập, except: [ngập tràn]}], [đường]]}}]",
         {
             {"đường ngập", "r [0 đường|đường|equal] [10 ngập|ngập|equal]"},
             {"đường ngập tràn", ""},
             {"ngập tràn đường ngập", "r [13 đường|đường|equal] [23 ngập|ngập|equal]"},
         }},
        {"OneSpanForOnePlace",
         "any: [ngập, {near: {within: 3, of: [[ngập], [đường]]}}]\n    all: [ngập]",
         {
             {"đường ngập", "r [0 đường|đường|equal] [10 ngập|ngập|equal]"},
         }},
    }),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Marks, LanguageTest,
    ::testing::ValuesIn(std::vector<Feature>{
        {"Compatible",
         "any: [vỡ đê]",
         {
             {"vỡ đê", "r [0 vỡ đê|vỡ đê|equal]"},
             {"vơ đê", "r [0 vơ đê|vỡ đê|partial]"},
             {"vo de", "r [0 vo de|vỡ đê|absent]"},
             {"vỡ dê", "r [0 vỡ dê|vỡ đê|partial]"},
             {"vợ đê", ""},
             {"vỡ đề", ""},
         }},
        {"Strict",
         "marks: strict\n    any: [vỡ đê]",
         {
             {"VỠ ĐÊ", "r [0 VỠ ĐÊ|vỡ đê|equal]"},
             {"vo de", ""},
             {"vơ đê", ""},
             {"vỡ đề", ""},
         }},
        {"ConsistentAsksForMarksWhereTheyAreTyped",
         "marks: consistent\n    any: [cháy quán]",
         {
             {"quán kia cháy quán rồi", "r [10 cháy quán|cháy quán|equal]"},
             {"quan kia chay quan roi", "r [9 chay quan|cháy quán|absent]"},
             {"ghé chay quán này ăn nhé", ""},
             {"chay quan kia roi", "r [0 chay quan|cháy quán|absent]"},
             {"chạy quan kia roi", ""},
             // Half of the words are enough.
             {"chay quan bà này", ""},
             {"chay quan kia này", "r [0 chay quan|cháy quán|absent]"},
             {"CHÁY QUÁN", "r [0 CHÁY QUÁN|cháy quán|equal]"},
             // Hashtags are typed without marks by everybody, and say nothing about the habit.
             {"bà con ở đó ơi #chayquan", "r [22 chayquan|cháy quán|absent]"},
             {"bà con ở đó ơi #ChayQuan", "r [22 ChayQuan|cháy quán|absent]"},
             {"chay quan kia #ngập #lụt #nặng #rồi", "r [0 chay quan|cháy quán|absent]"},
             {"bà con ở đó ơi # chay quán", ""},
         }},
        {"ConsistentTakesPartialMarksLikeNone",
         "marks: consistent\n    any: [vỡ đê]",
         {
             {"vơ đê roi ba con oi", "r [0 vơ đê|vỡ đê|partial]"},
             {"vơ đê rồi bà con ơi", ""},
             {"vỡ đê roi ba con oi", "r [0 vỡ đê|vỡ đê|equal]"},
         }},
        {"ConsistentBesideOtherModes",
         "marks: consistent\n    all: [{phrase: chó, marks: strict}, {phrase: cắn, marks: "
         "compatible},"
         " bé]",
         {
             {"chó nhà đó cắn bé", "r [0 chó|chó|equal] [15 cắn|cắn|equal] [21 bé|bé|equal]"},
             {"chó nhà đó can bé", "r [0 chó|chó|equal] [15 can|cắn|absent] [19 bé|bé|equal]"},
             {"chó nhà đó cắn be", ""},
             {"cho nha do cắn be", ""},
         }},
        {"Ignore",
         "marks: ignore\n    any: [vỡ đê]",
         {
             {"vỡ đê", "r [0 vỡ đê|vỡ đê|equal]"},
             {"vo de", "r [0 vo de|vỡ đê|absent]"},
             {"vợ để", "r [0 vợ để|vỡ đê|conflicting]"},
             {"vơ đen", ""},
         }},
        {"TheInnermostWins",
         "lists:\n"
         "  inner: [lụt, {phrase: lở, marks: ignore}]\n"
         "  outer: [{list: inner}, {list: inner, marks: strict}, ngập]\n"
         "rules:\n"
         "  - id: of-rule\n"
         "    topic: flooding\n"
         "    marks: strict\n"
         "    any: [{list: outer}, {phrase: mưa, marks: compatible}]\n"
         "  - id: of-list\n"
         "    topic: flooding\n"
         "    any: [{list: outer, marks: ignore}, mưa]\n",
         {
             {"ngập", "of-rule [0 ngập|ngập|equal], of-list [0 ngập|ngập|equal]"},
             {"ngap", "of-list [0 ngap|ngập|absent]"},
             {"lut", "of-list [0 lut|lụt|absent]"},
             {"lũt", "of-list [0 lũt|lụt|conflicting]"},
             {"lo", "of-rule [0 lo|lở|absent], of-list [0 lo|lở|absent]"},
             {"lọ", "of-rule [0 lọ|lở|conflicting], of-list [0 lọ|lở|conflicting]"},
             {"mua", "of-rule [0 mua|mưa|absent], of-list [0 mua|mưa|absent]"},
             {"múa", ""},
         }},
        {"ExceptAndNotNearFollowTheirPhrase",
         "any: [{phrase: ngập, marks: strict, except: [ngập tràn],"
         " not_near: {within: 1, of: [hàng, {phrase: nợ, marks: ignore}]}}]",
         {
             {"ngập tràn", ""},
             {"ngập tran", "r [0 ngập|ngập|equal]"},
             {"ngập hàng", ""},
             {"ngập hang", "r [0 ngập|ngập|equal]"},
             {"ngập no", ""},
         }},
        {"OneTextInTwoRules",
         "rules:\n"
         "  - {id: strict, topic: flooding, marks: strict, any: [ngập]}\n"
         "  - {id: ignore, topic: flooding, marks: ignore, any: [ngập]}\n"
         "  - {id: other, topic: flooding, any: [ngáp]}\n",
         {
             {"ngập", "strict [0 ngập|ngập|equal], ignore [0 ngập|ngập|equal]"},
             {"ngáp", "ignore [0 ngáp|ngập|conflicting], other [0 ngáp|ngáp|equal]"},
             {"ngap", "ignore [0 ngap|ngập|absent], other [0 ngap|ngáp|absent]"},
             {"ngạp", "ignore [0 ngạp|ngập|partial]"},
         }},
    }),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Lists, LanguageTest,
    ::testing::ValuesIn(std::vector<Feature>{
        {"ListsInLists",
         "lists:\n"
         "  a: [{list: b}, {phrase: ngập, except: [ngập tràn]}]\n"
         "  b: [lụt, {list: c, not_near: {within: 1, of: [mắm]}}]\n"
         "  c: [nước]\n"
         "rules:\n"
         "  - {id: r, topic: flooding, any: [{list: a, except: [nước mắt]}]}\n",
         {
             {"lụt", "r [0 lụt|lụt|equal]"},
             {"nước", "r [0 nước|nước|equal]"},
             {"nước mắm", ""},
             {"nước mắt", ""},
             {"ngập tràn", ""},
             {"ngập, lụt, nước", "r [0 ngập|ngập|equal] [8 lụt|lụt|equal] [15 nước|nước|equal]"},
             {"ngáp", ""},
         }},
        {"AListHasItsExclusionsWhereItStands",
         "lists: {a: [lụt, nước]}\n"
         "rules:\n"
         "  - {id: r, topic: flooding, all: [{list: a, not_near: {within: 0, of: [mắt]}}, {list: "
         "a}]}",
         {
             {"nước mắt", ""},
             {"nước mắt và lụt", "r [0 nước|nước|equal] [18 lụt|lụt|equal]"},
         }},
    }),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    NumbersPlacesExpressions, LanguageTest,
    ::testing::ValuesIn(std::vector<Feature>{
        {"Number",
         "any: [{near: {within: 1, of: [[ngập, hẻm], [{number: any}]]}}]",
         {
             {"ngập 50cm", "r [0 ngập|ngập|equal]"},
             {"ngập cỡ 15h", "r [0 ngập|ngập|equal]"},
             {"hẻm12", "r [0 hẻm|hẻm|equal]"},
             {"ngập ១២ phân", "r [0 ngập|ngập|equal]"},
             {"ngập nửa mét", ""},
             {"ngập cỡ hơn 5", ""},
             {"ngập ½ mét", ""},
         }},
        {"NumberAlone",
         "scan: always\n    any: [{number: any, not_near: {within: 0, of: [đồng]}}]",
         {
             {"nhà 5", "r"},
             {"5 đồng", ""},
             {"năm", ""},
         }},
        {"Place",
         "any: [{near: {within: 2, of: [[ngập], [{place: named}]]}}]",
         {
             {"Long Xuyên bị rồi ngập", "r [23 ngập|ngập|equal]"},
             {"ngap o cho moi", "r [0 ngap|ngập|absent]"},
             {"ngập ở Cà Mau", ""},
             {"ngập hết cả rồi Long Xuyên ơi", ""},
             {"ngập Long, Xuyên", "r [0 ngập|ngập|equal]"},
         }},
        {"PlaceAlone",
         "scan: always\n    all: [{place: named}]\n    none: [xổ số]",
         {
             {"Long Xuyên", "r"},
             {"xổ số Long Xuyên", ""},
             {"Cà Mau", ""},
             {"chợ mới", "r"},
         }},
        {"RegexWithAPhrase",
         "all: [ngập, {regex: '\\d+ ?cm'}]",
         {
             {"ngập 50 CM rồi", "r [0 ngập|ngập|equal] [7 50 CM|\\d+ ?cm|equal]"},
             {"ngập 5cm, 50cm",
              "r [0 ngập|ngập|equal] [7 5cm|\\d+ ?cm|equal] [12 50cm|\\d+ ?cm|equal]"},
             {"sâu 50cm", ""},
             {"ngập 50 phân", ""},
         }},
        {"RegexAlone",
         "scan: always\n    any: [{regex: 'ngập+'}, {regex: 'đ.{1,3}n'}]",
         {
             {"NGẬP", "r [0 NGẬP|ngập+|equal]"},
             {"ngậppp", "r [0 ngậppp|ngập+|equal]"},
             {"ngap", ""},
             {"ĐIỆN", "r [0 ĐIỆN|đ.{1,3}n|equal]"},
             {"", ""},
             {"ng\xffập ngập", ""},
         }},
        {"RegexOnTheFoldedText",
         "scan: always\n    any: [{regex: {pattern: ' ngap [a-z]+ goi ', on: folded}}]",
         {
             {"Ngập tới GỐI!", "r [0 Ngập tới GỐI| ngap [a-z]+ goi |equal]"},
             {"ngập tới tận gối", ""},
             {"\xff ngập tới gối", "r [2 ngập tới gối| ngap [a-z]+ goi |equal]"},
         }},
        {"RegexInNone",
         "any: [ngập]\n    none: [{regex: '0\\d{9}'}, {regex: 'https?://'}]",
         {
             {"ngập rồi", "r [0 ngập|ngập|equal]"},
             {"ngập rồi, gọi 0912345678", ""},
             {"ngập https://a.vn", ""},
         }},
    }),
    NameOf);

ingest::Post Of(std::string_view source, std::string_view account, std::string_view lang,
                ingest::PostKind kind = ingest::PostKind::kPost) {
  ingest::Post post;
  post.source = source;
  post.account = account;
  post.lang = lang;
  post.kind = kind;
  return post;
}
constexpr auto kComment = ingest::PostKind::kComment;
constexpr auto kDelete = ingest::PostKind::kDelete;
constexpr std::string_view kFound = "r [0 ngập|ngập|equal]";

INSTANTIATE_TEST_SUITE_P(
    Where, LanguageTest,
    ::testing::ValuesIn(std::vector<Feature>{
        {"Source",
         "any: [ngập]\n    where: {source: [rss, \"facebook:*\"]}",
         {
             {"ngập", kFound, Of("rss", "", "")},
             {"ngập", kFound, Of("facebook:graph", "", "")},
             {"ngập", kFound, Of("facebook:", "", "")},
             {"ngập", "", Of("facebook", "", "")},
             {"ngập", "", Of("rss2", "", "")},
             {"ngập", "", Of("", "", "")},
         }},
        {"Account",
         "any: [ngập]\n    where: {account: \"facebook:page:1\"}",
         {
             {"ngập", kFound, Of("", "facebook:page:1", "")},
             {"ngập", "", Of("", "facebook:page:12", "")},
         }},
        {"Language",
         "any: [ngập]\n    where: {lang: [vi, \"zh*\"]}",
         {
             {"ngập", kFound, Of("", "", "vi")},
             {"ngập", kFound, Of("", "", "vi-VN")},
             {"ngập", kFound, Of("", "", "")},
             {"ngập", kFound, Of("", "", "zh-Hant")},
             {"ngập", "", Of("", "", "vie")},
             {"ngập", "", Of("", "", "en")},
         }},
        {"Kind",
         "any: [ngập]\n    where: {kind: comment}",
         {
             {"ngập", kFound, Of("", "", "", kComment)},
             {"ngập", "", Of("", "", "")},
         }},
        {"EachKeyMustFit",
         "any: [ngập]\n    where: {kind: [post, comment], source: \"*\", account: [\"a:*\"]}",
         {
             {"ngập", kFound, Of("b", "a:1", "")},
             {"ngập", kFound, Of("", "a:1", "", kComment)},
             {"ngập", "", Of("b", "b:1", "")},
         }},
        {"ADeletionMatchesNothing",
         "rules:\n"
         "  - {id: a, topic: flooding, any: [ngập]}\n"
         "  - {id: b, topic: flooding, scan: always, any: [{none: [lụt]}, {regex: ngập}]}",
         {
             {"ngập", "a [0 ngập|ngập|equal], b [0 ngập|ngập|equal]"},
             {"ngập", "", Of("", "", "", kDelete)},
             {"", "b"},
             {"", "", Of("", "", "", kDelete)},
         }},
    }),
    NameOf);

TEST(Matcher, ManyRulesOverOneText) {
  std::string yaml = "lists: {water: [ngập, nước]}\nrules:\n";
  for (int i = 0; i < 50; ++i) {
    base::StrAppend(&yaml, "  - {id: r", i, ", topic: flooding, any: [{list: water}, phrase ", i,
                    "], none: [no ", i, "]}\n");
  }
  Matcher matcher(Compiled(yaml));
  MatchResult result;
  ingest::Post post;
  post.text = "ngập, phrase 7, no 13";
  matcher.Match(post, result);
  ASSERT_THAT(result.rules, SizeIs(49));
  for (size_t i = 0; i < result.rules.size(); ++i)
    EXPECT_EQ(result.rules[i].rule->id, StrCat("r", i < 13 ? i : i + 1)) << "in their order";
  EXPECT_THAT(result.rules[7].spans, SizeIs(2));
}

// A text in which each of `words` stands `times`, one after another.
std::string Repeated(std::string_view word, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) base::StrAppend(&text, word, " ");
  return text;
}

struct CountedMatcher {
  explicit CountedMatcher(std::string_view yaml)
      : matcher(Compiled(yaml), Matcher::Literals::kIfMatched,
                {.evaluated = metrics.counter("evaluated", "Posts"),
                 .capped = metrics.counter("capped", "Posts")}) {}
  const MatchResult& Match(std::string_view text) {
    ingest::Post post;
    post.text = text;
    matcher.Match(post, result);
    return result;
  }
  double evaluated() { return metrics.counter("evaluated", "").value(); }
  double capped() { return metrics.counter("capped", "").value(); }

  base::Metrics metrics;
  Matcher matcher;
  MatchResult result;
};

constexpr std::string_view kRule = "rules:\n  - {id: r, topic: flooding, any: [ngập]}\n";

TEST(Matcher, AHitHasTheFirstSpansOnly) {
  CountedMatcher counted(kRule);
  const std::string text = Repeated("ngập", 40);
  EXPECT_THAT(counted.Match(text).rules.at(0).spans, SizeIs(kSpansMax));
  EXPECT_EQ(counted.result.rules[0].spans.front().span.begin, 0U);
  EXPECT_EQ(counted.result.rules[0].spans.back().span.begin, 31 * 7U);
  EXPECT_FALSE(counted.result.capped) << "all were looked at";
  ReferenceMatcher reference(counted.matcher.rule_set().rules());
  ingest::Post post;
  post.text = text;
  EXPECT_EQ(Words(reference.Match(post), text), Words(counted.result.rules, text));
}

TEST(Matcher, PhrasesComeBeforeExpressionsInTheSpans) {
  CountedMatcher counted("rules:\n  - {id: r, topic: flooding, all: [{regex: 'x\\d'}, ngập]}\n");
  const std::string text = StrCat("x1 x2 ", Repeated("ngập", 31), "x3 ngập");
  const MatchResult& result = counted.Match(text);
  EXPECT_THAT(result.rules.at(0).spans, SizeIs(kSpansMax));
  EXPECT_EQ(result.rules[0].spans.front().phrase, "ngập");
  counted.Match("x1 x2 ngập");
  EXPECT_EQ(Words(counted.result.rules, "x1 x2 ngập"),
            "r [0 x1|x\\d|equal] [3 x2|x\\d|equal] [6 ngập|ngập|equal]");
}

TEST(Matcher, OccurrencesOverTheBoundAreCountedAsCapped) {
  CountedMatcher counted(
      "rules:\n  - {id: r, topic: flooding, any: [{near: {within: 0, of: [[ngập], [lụt]]}}]}\n");
  const int most = static_cast<int>(kOccurrencesMax);
  EXPECT_THAT(counted.Match(StrCat(Repeated("ngập", most), "lụt")).rules, SizeIs(1));
  EXPECT_FALSE(counted.result.capped);
  EXPECT_EQ(counted.capped(), 0);
  // The last one stands beside the other word and is not looked at.
  EXPECT_THAT(counted.Match(StrCat(Repeated("ngập", most + 1), "lụt")).rules, IsEmpty());
  EXPECT_TRUE(counted.result.capped);
  EXPECT_EQ(counted.capped(), 1);
  EXPECT_THAT(counted.Match("ngập lụt").rules, SizeIs(1));
  EXPECT_FALSE(counted.result.capped) << "of this post";
  EXPECT_EQ(counted.capped(), 1);
}

TEST(Matcher, TheReferenceHasTheSameBoundOfOccurrences) {
  const auto rules = Compiled(
      "rules:\n  - {id: r, topic: flooding, any: [{near: {within: 0, of: [[ngập], [lụt]]}}]}\n");
  ReferenceMatcher reference(rules->rules());
  const int most = static_cast<int>(kOccurrencesMax);
  ingest::Post post;
  const std::string within = StrCat(Repeated("ngập", most), "lụt");
  post.text = within;
  EXPECT_THAT(reference.Match(post), SizeIs(1));
  const std::string over = StrCat(Repeated("ngập", most + 1), "lụt");
  post.text = over;
  EXPECT_THAT(reference.Match(post), IsEmpty());
}

TEST(Matcher, LiteralsOverTheBoundAreCountedAsCapped) {
  // Seven literals end at each syllable.
  CountedMatcher counted(
      "rules:\n  - {id: r, topic: flooding,"
      " any: [a, a a, a a a, a a a a, a a a a a, a a a a a a, a a a a a a a]}\n");
  const std::string text = Repeated("a", 10'000);
  EXPECT_THAT(counted.Match(text).rules, SizeIs(1));
  EXPECT_TRUE(counted.result.capped);
  EXPECT_EQ(counted.capped(), 1);
}

TEST(Matcher, ExpressionsOverTheBoundAreCountedAsCapped) {
  CountedMatcher counted(
      "rules:\n  - {id: r, topic: flooding, scan: always, any: [{regex: 'x'}]}\n");
  EXPECT_THAT(counted.Match(Repeated("x", 5000)).rules.at(0).spans, SizeIs(kSpansMax));
  EXPECT_TRUE(counted.result.capped);
  EXPECT_EQ(counted.capped(), 1);
}

TEST(Matcher, OnlyPostsWithANeededPhraseAreEvaluated) {
  CountedMatcher counted(
      "rules:\n  - {id: r, topic: flooding, all: [ngập, {regex: '5'}], any: [đường, hẻm]}\n");
  EXPECT_FALSE(counted.matcher.HasCandidates(counted.Match("trời đẹp 5")));
  EXPECT_EQ(counted.evaluated(), 0);
  EXPECT_FALSE(counted.matcher.HasCandidates(counted.Match("ngáp 5"))) << "another word";
  EXPECT_EQ(counted.evaluated(), 0);
  EXPECT_TRUE(counted.matcher.HasCandidates(counted.Match("ngap 5 ngoai duong")));
  EXPECT_EQ(counted.evaluated(), 1);
  EXPECT_THAT(counted.result.rules, SizeIs(1));
  const Matcher::RuleCost& cost = counted.matcher.costs().at(0);
  EXPECT_EQ(cost.evaluations, 1U);
  EXPECT_EQ(cost.matches, 1U);
  EXPECT_EQ(cost.nanoseconds, 0U) << "only while profiling";
}

TEST(Matcher, NamesAreGivenWithAMatchOrAlways) {
  const auto rules = Compiled(kRule);
  Matcher matcher(rules);
  Matcher always(rules, Matcher::Literals::kAlways);
  MatchResult result;
  ingest::Post post;
  const auto names = [&](Matcher& by, std::string_view text) {
    post.text = text;
    by.Match(post, result);
    std::vector<std::string> found;
    for (const LiteralMatch& match : result.literals)
      found.push_back(
          StrCat(match.id, " ", result.folded.text().substr(match.begin, match.end - match.begin)));
    return found;
  };
  EXPECT_THAT(names(matcher, "ngập ở Long Xuyên, Cà Mau"), ElementsAre("0 long xuyen", "2 ca mau"));
  EXPECT_THAT(names(matcher, "ở Long Xuyên"), IsEmpty());
  EXPECT_THAT(names(always, "ở Long Xuyên"), ElementsAre("0 long xuyen"));
}

// A phrase that is a name too, and rules that share phrases, sets and lists.
TEST(Matcher, WhatIsSharedIsFoundByEach) {
  const auto rules = Compiled(
      "lists: {l: [long xuyên, ngập]}\n"
      "rules:\n"
      "  - {id: a, topic: flooding, any: [{list: l}]}\n"
      "  - {id: b, topic: flooding, all: [{list: l}, {near: {within: 1, of: [[ngập],"
      " [{place: named}]]}}]}\n");
  Matcher matcher(rules);
  ReferenceMatcher reference(rules->rules(), rules->extra_literals());
  MatchResult result;
  ingest::Post post;
  post.text = "Long Xuyên ngập";
  matcher.Match(post, result);
  const std::string_view spans = " [0 Long Xuyên|long xuyên|equal] [12 ngập|ngập|equal]";
  EXPECT_EQ(Words(result.rules, post.text), StrCat("a", spans, ", b", spans));
  EXPECT_EQ(Words(reference.Match(post), post.text), Words(result.rules, post.text));
  EXPECT_THAT(result.literals, SizeIs(1));
  EXPECT_EQ(rules->patterns(), 2U);
  EXPECT_EQ(rules->literals(), 4U) << "the phrases, and the two names that are none";
}

}  // namespace
}  // namespace keng::filters
