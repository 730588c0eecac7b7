#include "alerting/render.h"

#include <algorithm>

#include "absl/time/time.h"
#include "base/strings.h"

namespace keng::alerting {
namespace {

using base::StrCat;
using filters::MarksEvidence;
using filters::RouteReason;
using filters::Severity;

constexpr size_t kPhrasesMax = 6;

// A word in both languages.
struct Word {
  std::string_view vi;
  std::string_view en;
  std::string_view In(Language language) const {
    return language == Language::kVietnamese ? vi : en;
  }
};

constexpr Word kWhere{"Ở đâu", "Where"};
constexpr Word kSince{"Từ lúc", "Since"};
constexpr Word kLatest{"Mới nhất", "Latest"};
constexpr Word kSize{"Quy mô", "Size"};
constexpr Word kSeverityLabel{"Mức độ", "Severity"};
constexpr Word kState{"Tình trạng", "Status"};
constexpr Word kWhy{"Vì sao", "Why"};
constexpr Word kRule{"quy tắc", "rule"};
constexpr Word kAnswerUnder{"Trả lời tại", "Answer under"};
constexpr Word kClaim{"Tin đồn", "Claim"};
constexpr Word kVerdict{"Kết luận", "Verdict"};
constexpr Word kAnswer{"Trả lời", "Answer"};
constexpr Word kSource{"Nguồn", "Source"};
constexpr Word kGone{"Nội dung đã bị gỡ.", "The post was removed."};
constexpr Word kUnclearPlace{"chưa rõ địa bàn", "place unclear"};
constexpr Word kByAccount{"theo trang đăng bài", "from the page it stood on"};
constexpr Word kReceivedBy{"đã nhận", "received"};
constexpr Word kHeldBack{"Gồm", "Includes"};
constexpr Word kRepeat{"(có thể trùng)", "(possibly a repeat)"};

Word ReasonWord(AlertReason reason) {
  switch (reason) {
    case AlertReason::kOpened:
      return {"BÁO MỚI", "NEW"};
    case AlertReason::kGrew:
      return {"LAN RỘNG", "GROWING"};
    case AlertReason::kSeverityRose:
      return {"NẶNG HƠN", "MORE SEVERE"};
    case AlertReason::kRetracted:
      return {"ĐÃ GỠ BÀI", "WITHDRAWN"};
    case AlertReason::kResolved:
      return {"ĐÃ XỬ LÝ", "RESOLVED"};
    case AlertReason::kReopened:
      return {"TÁI DIỄN", "AGAIN"};
    case AlertReason::kStorm:
      return {"DỒN DẬP", "MANY AT ONCE"};
    case AlertReason::kReassigned:
      return {"CHUYỂN ĐẾN", "REASSIGNED"};
  }
  return {"BÁO", "ALERT"};
}

Word SeverityWord(Severity severity) {
  switch (severity) {
    case Severity::kLow:
      return {"thấp", "low"};
    case Severity::kNormal:
      return {"thường", "normal"};
    case Severity::kHigh:
      return {"cao", "high"};
    case Severity::kCritical:
      return {"khẩn cấp", "critical"};
  }
  return {"thường", "normal"};
}

Word SeverityPrefix(Severity severity) {
  switch (severity) {
    case Severity::kCritical:
      return {"[KHẨN CẤP] ", "[CRITICAL] "};
    case Severity::kHigh:
      return {"[CAO] ", "[HIGH] "};
    case Severity::kLow:
    case Severity::kNormal:
      return {"", ""};
  }
  return {"", ""};
}

std::string_view MarksNote(MarksEvidence marks, Language language) {
  switch (marks) {
    case MarksEvidence::kEqual:
      return "";
    case MarksEvidence::kPartial:
      return language == Language::kVietnamese ? " (thiếu dấu)" : " (marks missing in part)";
    case MarksEvidence::kAbsent:
      return language == Language::kVietnamese ? " (không dấu)" : " (typed without marks)";
    case MarksEvidence::kConflicting:
      return language == Language::kVietnamese ? " (khác dấu)" : " (other marks)";
  }
  return "";
}

std::string VerdictName(std::string_view verdict, Language language) {
  constexpr struct {
    std::string_view name;
    Word word;
  } kVerdicts[] = {{"false", {"sai sự thật", "false"}},
                   {"misleading", {"gây hiểu lầm", "misleading"}},
                   {"unverified", {"chưa kiểm chứng", "unverified"}},
                   {"true", {"đúng", "true"}}};
  for (const auto& known : kVerdicts) {
    if (known.name == verdict) return std::string(known.word.In(language));
  }
  return CleanText(verdict);
}

// "18:42 ngày 24/11/2026", "18:42 on 24 Nov 2026".
std::string LocalTime(absl::Time time, Language language) {
  const absl::TimeZone zone = absl::FixedTimeZone(7 * 3600);
  return absl::FormatTime(
      language == Language::kVietnamese ? "%H:%M ngày %d/%m/%Y" : "%H:%M on %-d %b %Y", time, zone);
}

absl::Time Since(const Incident& incident) {
  return incident.first_created_at == absl::InfinitePast() ? incident.opened_at
                                                           : incident.first_created_at;
}

std::string SizeText(const Incident& incident, Language language) {
  if (language == Language::kVietnamese) {
    std::string text = StrCat(incident.posts, " bài");
    if (incident.authors > 0) base::StrAppend(&text, " của ", incident.authors, " người");
    return text;
  }
  std::string text = StrCat(incident.posts, incident.posts == 1 ? " post" : " posts");
  if (incident.authors > 0) {
    base::StrAppend(&text, " by ", incident.authors, incident.authors == 1 ? " person" : " people");
  }
  return text;
}

std::string WhyText(const Incident& incident, Language language) {
  std::string text;
  std::vector<std::string_view> shown;
  for (const filters::HitSpan& span : incident.first_spans) {
    if (span.phrase.empty() || std::find(shown.begin(), shown.end(), span.phrase) != shown.end()) {
      continue;
    }
    if (shown.size() == kPhrasesMax) {
      text += ", …";
      break;
    }
    shown.push_back(span.phrase);
    base::StrAppend(&text, text.empty() ? "" : ", ", "“", span.phrase, "”",
                    MarksNote(span.marks, language));
  }
  base::StrAppend(&text, text.empty() ? "" : " · ", kRule.In(language), " ", incident.rule);
  return text;
}

std::string PlaceName(std::string_view code, const PlaceNames& places) {
  return places.Name(code).value_or(std::string(code));
}

// The innermost two names: enough to know it by in a headline.
std::string ShortWhere(const Alert& alert, const PlaceNames& places, Language language) {
  const Incident& incident = alert.incident;
  if (incident.place_path.empty()) {
    return incident.place.empty() ? std::string(kUnclearPlace.In(language))
                                  : PlaceName(incident.place, places);
  }
  std::string where;
  for (size_t i = 0; i < std::min<size_t>(2, incident.place_path.size()); ++i) {
    // The desk says nothing that the reader does not know.
    if (i > 0 && incident.place_path[i] == incident.desk) break;
    base::StrAppend(&where, where.empty() ? "" : ", ", PlaceName(incident.place_path[i], places));
  }
  return where;
}

std::string Headline(const Alert& alert, const PlaceNames& places, Language language) {
  const Incident& incident = alert.incident;
  if (alert.reason == AlertReason::kStorm) {
    const size_t count = std::max<size_t>(1, alert.held_back.size());
    const std::string cell = PlaceName(alert.cell, places);
    return language == Language::kVietnamese
               ? StrCat(ReasonWord(alert.reason).vi, " · ", count, " sự việc nữa tại ", cell)
               : StrCat(ReasonWord(alert.reason).en, " · ", count, " more incidents in ", cell);
  }
  return StrCat(SeverityPrefix(incident.severity).In(language),
                ReasonWord(alert.reason).In(language), " · ", TitleName(incident, language), " · ",
                ShortWhere(alert, places, language));
}

void AppendStormFields(const Alert& alert, const PlaceNames& places, Body& body) {
  const Incident& incident = alert.incident;
  body.fields.push_back(
      {std::string(kLatest.In(body.language)),
       StrCat(TitleName(incident, body.language), " · ", ShortWhere(alert, places, body.language),
              " · ", SizeText(incident, body.language))});
  std::string ids;
  constexpr size_t kIdsMax = 10;
  for (size_t i = 0; i < std::min(kIdsMax, alert.held_back.size()); ++i) {
    base::StrAppend(&ids, ids.empty() ? "" : ", ", alert.held_back[i]);
  }
  if (alert.held_back.size() > kIdsMax) ids += ", …";
  if (!ids.empty()) body.fields.push_back({std::string(kHeldBack.In(body.language)), ids});
}

void AppendFields(const Alert& alert, const PlaceNames& places, Body& body) {
  const Incident& incident = alert.incident;
  const Language language = body.language;
  const auto add = [&](const Word& label, std::string value) {
    body.fields.push_back({std::string(label.In(language)), std::move(value)});
  };
  add(kWhere, WhereName(alert, places, language));
  add(kSince, LocalTime(Since(incident), language));
  add(kSize, SizeText(incident, language));
  add(kSeverityLabel, std::string(SeverityWord(incident.severity).In(language)));
  if (!incident.received_by.empty()) {
    add(kState, StrCat(kReceivedBy.In(language), ": ", CleanText(incident.received_by)));
  }
  add(kWhy, WhyText(incident, language));
}

void AppendAnswer(const Incident& incident, Body& body) {
  const Language language = body.language;
  const filters::RuleFacts& facts = incident.facts;
  const auto add = [&](const Word& label, const std::string& value) {
    if (!value.empty()) body.answer.push_back({std::string(label.In(language)), value});
  };
  if (facts.claim.empty() && facts.verdict.empty()) return;
  add(kClaim, facts.claim);
  add(kVerdict, VerdictName(facts.verdict, language));
  const bool own =
      language == Language::kVietnamese ? !facts.answer_vi.empty() : facts.answer_en.empty();
  add(kAnswer, own ? facts.answer_vi : facts.answer_en);
  add(kSource, facts.answer_url);
}

bool IsWebUrl(std::string_view url) {
  return url.starts_with("https://") || url.starts_with("http://");
}

}  // namespace

std::string_view LanguageCode(Language language) {
  return language == Language::kVietnamese ? "vi" : "en";
}

std::optional<Languages> LanguagesByName(std::string_view name) {
  if (name == "vi") return Languages::kVi;
  if (name == "en") return Languages::kEn;
  if (name == "both") return Languages::kBoth;
  return std::nullopt;
}

std::vector<Language> LanguageList(Languages languages) {
  switch (languages) {
    case Languages::kVi:
      return {Language::kVietnamese};
    case Languages::kEn:
      return {Language::kEnglish};
    case Languages::kBoth:
      return {Language::kVietnamese, Language::kEnglish};
  }
  return {Language::kVietnamese};
}

std::string_view RepeatNotice(Language language) { return kRepeat.In(language); }

std::string TitleName(const Incident& incident, Language language) {
  const filters::RuleFacts& facts = incident.facts;
  const std::string& first = language == Language::kVietnamese ? facts.title_vi : facts.title_en;
  const std::string& second = language == Language::kVietnamese ? facts.title_en : facts.title_vi;
  if (!first.empty()) return first;
  return second.empty() ? incident.topic : second;
}

std::string WhereName(const Alert& alert, const PlaceNames& places, Language language) {
  const Incident& incident = alert.incident;
  std::string where;
  for (const std::string& code : incident.place_path) {
    base::StrAppend(&where, where.empty() ? "" : ", ", PlaceName(code, places));
  }
  if (where.empty() && !incident.place.empty()) where = PlaceName(incident.place, places);
  if (where.empty()) {
    return StrCat(kUnclearPlace.In(language), " → ", PlaceName(alert.cell, places));
  }
  if (incident.route_reason == RouteReason::kAccount) {
    base::StrAppend(&where, " (", kByAccount.In(language), ")");
  } else if (incident.route_reason == RouteReason::kUnclear) {
    base::StrAppend(&where, " (", kUnclearPlace.In(language), ")");
  }
  return where;
}

Body RenderBody(const Alert& alert, const std::optional<std::string>& text,
                const PlaceNames& places, Language language, Quote quote) {
  const Incident& incident = alert.incident;
  Body body;
  body.language = language;
  body.severity = incident.severity;
  body.headline = Headline(alert, places, language);
  if (alert.reason == AlertReason::kStorm) {
    AppendStormFields(alert, places, body);
    return body;
  }
  AppendFields(alert, places, body);
  AppendAnswer(incident, body);
  if (!text.has_value()) {
    body.gone = std::string(kGone.In(language));
  } else if (quote == Quote::kQuote) {
    body.excerpt = CutExcerpt(*text, incident.first_spans);
    if (IsWebUrl(incident.first_url)) {
      body.link = {std::string(kAnswerUnder.In(language)), CleanText(incident.first_url)};
    }
  }
  return body;
}

Body RenderDigestBody(absl::Span<const LateAlert> late, const PlaceNames& places,
                      Language language) {
  Body body;
  body.language = language;
  body.headline = language == Language::kVietnamese
                      ? StrCat("TIN MUỘN · ", late.size(), " cảnh báo chưa gửi được đúng lúc")
                      : StrCat("LATE · ", late.size(), late.size() == 1 ? " alert" : " alerts",
                               " not sent in time");
  for (const LateAlert& member : late) {
    const Alert& alert = member.alert;
    std::string line =
        StrCat(Headline(alert, places, language), " · ", SizeText(alert.incident, language));
    if (member.text.has_value() && IsWebUrl(alert.incident.first_url) &&
        alert.reason != AlertReason::kStorm) {
      base::StrAppend(&line, " · ", CleanText(alert.incident.first_url));
    }
    body.fields.push_back({LocalTime(Since(alert.incident), language), std::move(line)});
  }
  return body;
}

std::string PlainText(const Body& body) {
  std::string out;
  const auto line = [&out](std::string_view text) {
    if (!text.empty()) base::StrAppend(&out, out.empty() ? "" : "\n", text);
  };
  const auto field = [&](const BodyField& pair) {
    if (!pair.value.empty()) line(StrCat(pair.label, ": ", pair.value));
  };
  line(body.notice);
  line(body.headline);
  for (const BodyField& pair : body.fields) field(pair);
  if (body.excerpt.has_value()) {
    std::string quoted;
    size_t at = 0;
    const std::string& text = body.excerpt->text;
    for (const filters::Span& span : body.excerpt->spans) {
      base::StrAppend(&quoted, std::string_view(text).substr(at, span.begin - at), "«",
                      std::string_view(text).substr(span.begin, span.end - span.begin), "»");
      at = span.end;
    }
    base::StrAppend(&quoted, std::string_view(text).substr(at));
    line(StrCat("> ", quoted));
  }
  line(body.gone);
  for (const BodyField& pair : body.answer) field(pair);
  field(body.link);
  return out;
}

}  // namespace keng::alerting
