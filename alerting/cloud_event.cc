#include "alerting/cloud_event.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "base/check.h"
#include "base/keyed_hash.h"
#include "base/strings.h"

namespace keng::alerting {
namespace {

namespace json = boost::json;
using base::StrCat;

json::value TextOrNull(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

json::value TimeOrNull(absl::Time time) {
  if (time == absl::InfinitePast() || time == absl::InfiniteFuture()) return nullptr;
  return json::value(absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone()));
}

json::object InBoth(const std::string& vi, const std::string& en) {
  return {{"vi", vi}, {"en", en}};
}

json::object RuleObject(const Incident& incident) {
  json::array phrases;
  for (const filters::HitSpan& span : incident.first_spans) {
    phrases.push_back(
        {{"phrase", span.phrase}, {"marks", std::string(filters::MarksEvidenceName(span.marks))}});
  }
  return {{"id", incident.rule}, {"phrases", std::move(phrases)}};
}

json::object PostObject(const Incident& incident, const std::optional<std::string>& text) {
  if (!text.has_value()) {
    return {{"id", nullptr},
            {"url", nullptr},
            {"account", nullptr},
            {"state", "removed"},
            {"excerpt", nullptr}};
  }
  const Excerpt excerpt = CutExcerpt(*text, incident.first_spans);
  json::array spans;
  for (const filters::Span& span : excerpt.spans) {
    spans.push_back({{"begin", span.begin}, {"end", span.end}});
  }
  return {{"id", CleanText(incident.first_post)},
          {"url", TextOrNull(CleanText(incident.first_url))},
          {"account", TextOrNull(CleanText(incident.first_account))},
          {"state", "present"},
          {"excerpt", {{"text", excerpt.text}, {"spans", std::move(spans)}}}};
}

json::value RumourObject(const filters::RuleFacts& facts) {
  if (facts.claim.empty() && facts.verdict.empty()) return nullptr;
  return {{"claim", facts.claim},
          {"verdict", facts.verdict},
          {"answer", InBoth(facts.answer_vi, facts.answer_en)},
          {"url", TextOrNull(facts.answer_url)}};
}

json::object EventObject(const Alert& alert, const std::optional<std::string>& text,
                         const PlaceNames& places, std::string_view source) {
  const Incident& incident = alert.incident;
  const auto in_both = [&](auto name) {
    return InBoth(name(Language::kVietnamese), name(Language::kEnglish));
  };
  json::array held_back;
  for (const std::string& id : alert.held_back) held_back.push_back(json::value(id));
  const bool is_storm = alert.reason == AlertReason::kStorm;
  json::object data{
      {"reason", std::string(AlertReasonName(alert.reason))},
      {"desk", alert.desk},
      {"cell", alert.cell},
      {"cell_name", TextOrNull(places.Name(alert.cell).value_or(""))},
      {"topic", incident.topic},
      {"title", in_both([&](Language language) { return TitleName(incident, language); })},
      {"severity", std::string(filters::SeverityName(incident.severity))},
      {"state", std::string(IncidentStateName(incident.state))},
      {"place", TextOrNull(incident.place)},
      {"where", in_both([&](Language language) { return WhereName(alert, places, language); })},
      {"route_reason", std::string(filters::RouteReasonName(incident.route_reason))},
      {"since",
       TimeOrNull(incident.first_created_at == absl::InfinitePast() ? incident.opened_at
                                                                    : incident.first_created_at)},
      {"last_hit_at", TimeOrNull(incident.last_hit_at)},
      {"posts", incident.posts},
      {"authors", incident.authors},
      {"rule", RuleObject(incident)},
      // A storm stands for many posts: it quotes none.
      {"post", is_storm ? json::value(nullptr) : json::value(PostObject(incident, text))},
      {"rumour", RumourObject(incident.facts)},
      {"held_back", std::move(held_back)},
      {"text", in_both([&](Language language) {
         return PlainText(RenderBody(alert, text, places, language, Quote::kQuote));
       })}};
  return {{"specversion", "1.0"},
          {"id", alert.id},
          {"source", std::string(source)},
          {"type", StrCat("vn.keng.alert.", AlertReasonName(alert.reason), ".v1")},
          {"subject", incident.id},
          {"time", TimeOrNull(alert.decided_at)},
          {"datacontenttype", "application/json"},
          {"data", std::move(data)}};
}

}  // namespace

std::string RenderEvent(const Alert& alert, const std::optional<std::string>& text,
                        const PlaceNames& places, std::string_view source) {
  return json::serialize(EventObject(alert, text, places, source));
}

std::string DigestId(absl::Span<const LateAlert> late) {
  KENG_CHECK(!late.empty());
  std::string ids;
  for (const LateAlert& member : late) base::StrAppend(&ids, member.alert.id, "\n");
  return StrCat("digest-", base::HexPrefix(base::Sha256(ids), 24));
}

std::string RenderDigestEvent(absl::Span<const LateAlert> late, const PlaceNames& places,
                              std::string_view source) {
  KENG_CHECK(!late.empty());
  json::array alerts;
  absl::Time newest = absl::InfinitePast();
  for (const LateAlert& member : late) {
    alerts.push_back(EventObject(member.alert, member.text, places, source));
    newest = std::max(newest, member.alert.decided_at);
  }
  json::object data{
      {"late", true},
      {"alerts", std::move(alerts)},
      {"text", InBoth(PlainText(RenderDigestBody(late, places, Language::kVietnamese)),
                      PlainText(RenderDigestBody(late, places, Language::kEnglish)))}};
  return json::serialize(json::object{{"specversion", "1.0"},
                                      {"id", DigestId(late)},
                                      {"source", std::string(source)},
                                      {"type", "vn.keng.alert.digest.v1"},
                                      {"time", TimeOrNull(newest)},
                                      {"datacontenttype", "application/json"},
                                      {"data", std::move(data)}});
}

}  // namespace keng::alerting
