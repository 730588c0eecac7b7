// What an officer reads, word for word, and the piece of a post that it quotes.

#include "alerting/render.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "alerting/excerpt.h"
#include "base/strings.h"

namespace keng::alerting {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class Names final : public PlaceNames {
 public:
  std::optional<std::string> Name(std::string_view code) const override {
    if (code == "30307") return "Phường Long Xuyên";
    if (code == "91") return "Tỉnh An Giang";
    return std::nullopt;
  }
};

constexpr std::string_view kText = "Trời ơi hẻm 12 ngập lút bánh rồi bà con ơi";

Alert Flood() {
  Alert alert;
  alert.id = "a1";
  alert.desk = "91";
  alert.cell = "30307";
  alert.decided_at = absl::FromUnixSeconds(1'794'999'600);
  Incident& incident = alert.incident;
  incident.id = "i1";
  incident.desk = "91";
  incident.cell = "30307";
  incident.topic = "flooding";
  incident.place = "30307";
  incident.place_path = {"30307", "91"};
  incident.severity = filters::Severity::kHigh;
  incident.route_reason = filters::RouteReason::kExplicit;
  incident.rule = "flood-street";
  incident.facts.title_vi = "Ngập đường";
  incident.facts.title_en = "Flooded street";
  incident.first_post = "t:1";
  incident.first_url = "https://social.example/p/1";
  const auto begin = static_cast<uint32_t>(kText.find("ngập"));
  const auto end = static_cast<uint32_t>(kText.find(" rồi"));
  incident.first_spans = {{.span = {begin, end}, .phrase = "ngập lút bánh"}};
  incident.posts = 3;
  incident.authors = 2;
  incident.first_created_at = absl::FromUnixSeconds(1'794'999'000);
  incident.opened_at = absl::FromUnixSeconds(1'794'999'300);
  return alert;
}

Alert Rumour() {
  Alert alert = Flood();
  alert.incident.topic = "rumour";
  alert.incident.rule = "rumour-dam-break";
  alert.incident.facts.title_vi = "Tin đồn vỡ đập";
  alert.incident.facts.title_en = "Dam break rumour";
  alert.incident.facts.claim = "Đập đã vỡ";
  alert.incident.facts.verdict = "false";
  alert.incident.facts.answer_vi = "Không có đập nào vỡ.";
  alert.incident.facts.answer_en = "No dam has failed.";
  alert.incident.facts.answer_url = "https://angiang.example/dap";
  return alert;
}

std::string Text(const Alert& alert, const std::optional<std::string>& text, Language language,
                 Quote quote = Quote::kQuote) {
  return PlainText(RenderBody(alert, text, Names(), language, quote));
}

TEST(Render, AReportInVietnamese) {
  EXPECT_EQ(Text(Flood(), std::string(kText), Language::kVietnamese),
            R"([CAO] BÁO MỚI · Ngập đường · Phường Long Xuyên
Ở đâu: Phường Long Xuyên, Tỉnh An Giang
Từ lúc: 17:50 ngày 18/11/2026
Quy mô: 3 bài của 2 người
Mức độ: cao
Vì sao: “ngập lút bánh” · quy tắc flood-street
> Trời ơi hẻm 12 «ngập lút bánh» rồi bà con ơi
Trả lời tại: https://social.example/p/1)");
}

TEST(Render, ARumourInEnglishBringsTheAnswer) {
  EXPECT_EQ(Text(Rumour(), std::string(kText), Language::kEnglish),
            R"([HIGH] NEW · Dam break rumour · Phường Long Xuyên
Where: Phường Long Xuyên, Tỉnh An Giang
Since: 17:50 on 18 Nov 2026
Size: 3 posts by 2 people
Severity: high
Why: “ngập lút bánh” · rule rumour-dam-break
> Trời ơi hẻm 12 «ngập lút bánh» rồi bà con ơi
Claim: Đập đã vỡ
Verdict: false
Answer: No dam has failed.
Source: https://angiang.example/dap
Answer under: https://social.example/p/1)");
}

TEST(Render, APostThatIsGoneLeavesNeitherTextNorLink) {
  for (const Language language : {Language::kVietnamese, Language::kEnglish}) {
    const std::string text = Text(Flood(), std::nullopt, language);
    EXPECT_THAT(text, Not(HasSubstr("hẻm 12")));
    EXPECT_THAT(text, Not(HasSubstr("social.example")));
  }
  EXPECT_THAT(Text(Flood(), std::nullopt, Language::kEnglish), HasSubstr("The post was removed."));
  EXPECT_THAT(Text(Flood(), std::nullopt, Language::kVietnamese), HasSubstr("Nội dung đã bị gỡ."));
}

// A later message of the channel cannot be edited when the post goes, so it does not quote.
TEST(Render, WhatComesAfterTheQuoteDoesNotQuoteAgain) {
  const std::string text =
      Text(Flood(), std::string(kText), Language::kVietnamese, Quote::kAfterQuote);
  EXPECT_THAT(text, Not(HasSubstr("hẻm 12")));
  EXPECT_THAT(text, Not(HasSubstr("social.example")));
  EXPECT_THAT(text, HasSubstr("Quy mô: 3 bài của 2 người"));
}

TEST(Render, ADigestNamesEachLateAlert) {
  const std::vector<LateAlert> late = {{Flood(), std::string(kText)}, {Rumour(), std::nullopt}};
  EXPECT_EQ(PlainText(RenderDigestBody(late, Names(), Language::kEnglish)),
            "LATE · 2 alerts not sent in time\n"
            "17:50 on 18 Nov 2026: [HIGH] NEW · Flooded street · Phường Long Xuyên · 3 posts by 2 "
            "people · https://social.example/p/1\n"
            "17:50 on 18 Nov 2026: [HIGH] NEW · Dam break rumour · Phường Long Xuyên · 3 posts by "
            "2 people");
}

TEST(Render, APlaceThatNobodyKnowsIsSaid) {
  Alert alert = Flood();
  alert.incident.place.clear();
  alert.incident.place_path.clear();
  alert.incident.route_reason = filters::RouteReason::kUnclear;
  EXPECT_THAT(Text(alert, std::string(kText), Language::kVietnamese), HasSubstr("chưa rõ địa bàn"));
}

std::string Quoted(std::string_view text, std::string_view phrase, size_t characters_max) {
  const auto begin = static_cast<uint32_t>(text.find(phrase));
  const std::vector<filters::HitSpan> spans = {
      {.span = {begin, begin + static_cast<uint32_t>(phrase.size())}}};
  const Excerpt excerpt = CutExcerpt(text, spans, characters_max);
  std::string quoted = excerpt.text;
  for (auto span = excerpt.spans.rbegin(); span != excerpt.spans.rend(); ++span) {
    quoted.insert(span->end, "»");
    quoted.insert(span->begin, "«");
  }
  return quoted;
}

TEST(Excerpt, ShowsWhyThePostRang) {
  EXPECT_EQ(Quoted(kText, "ngập lút bánh", 220), "Trời ơi hẻm 12 «ngập lút bánh» rồi bà con ơi");
  const std::string cut = Quoted(kText, "ngập lút bánh", 24);
  EXPECT_THAT(cut, HasSubstr("«ngập lút bánh»"));
  EXPECT_THAT(cut, HasSubstr("…"));
  EXPECT_THAT(cut, Not(HasSubstr("bà con")));
}

TEST(Excerpt, IsFreeOfWhatCouldDoHarmOnAScreen) {
  EXPECT_EQ(CleanText("a\x1b[31mb\nc\u202Ed\xff"), "a [31mb c d\uFFFD");
  EXPECT_EQ(Quoted("hẻm\n\n12   ngập", "ngập", 220), "hẻm 12 «ngập»");
  // Spans that do not fit the text are dropped, and its beginning is quoted.
  const std::vector<filters::HitSpan> wrong = {{.span = {900, 905}}, {.span = {4, 5}}};
  const Excerpt excerpt = CutExcerpt("hẻm 12", wrong, 220);
  EXPECT_EQ(excerpt.text, "hẻm 12");
}

}  // namespace
}  // namespace keng::alerting
