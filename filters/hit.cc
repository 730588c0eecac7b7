#include "filters/hit.h"

#include "base/json_text.h"
#include "base/strings.h"

namespace keng::filters {

std::string_view SeverityName(Severity severity) {
  switch (severity) {
    case Severity::kLow:
      return "low";
    case Severity::kNormal:
      return "normal";
    case Severity::kHigh:
      return "high";
    case Severity::kCritical:
      return "critical";
  }
  return "normal";
}

std::string_view RuleStatusName(RuleStatus status) {
  switch (status) {
    case RuleStatus::kDraft:
      return "draft";
    case RuleStatus::kTest:
      return "test";
    case RuleStatus::kStable:
      return "stable";
  }
  return "stable";
}

std::string_view RouteReasonName(RouteReason reason) {
  switch (reason) {
    case RouteReason::kExplicit:
      return "explicit";
    case RouteReason::kOldName:
      return "old_name";
    case RouteReason::kAccount:
      return "account";
    case RouteReason::kUnclear:
      return "unclear";
    case RouteReason::kElsewhere:
      return "elsewhere";
  }
  return "unclear";
}

namespace {

void AppendCode(std::string_view code, std::string& out) {
  if (code.empty()) {
    out += "null";
  } else {
    base::AppendJsonString(code, out);
  }
}

}  // namespace

void AppendHitLine(const Hit& hit, std::string& out) {
  out += "{\"post\":";
  base::AppendJsonString(hit.post, out);
  out += ",\"rule\":";
  base::AppendJsonString(hit.rule, out);
  out += ",\"topic\":";
  base::AppendJsonString(hit.topic, out);
  out += ",\"cell\":";
  AppendCode(hit.cell, out);
  out += ",\"place\":";
  AppendCode(hit.place, out);
  out += ",\"reason\":";
  base::AppendJsonString(RouteReasonName(hit.reason), out);
  out += ",\"spans\":[";
  bool first = true;
  for (const HitSpan& span : hit.spans) {
    base::StrAppend(&out, first ? "" : ",", "{\"begin\":", span.span.begin,
                    ",\"end\":", span.span.end, ",\"phrase\":");
    base::AppendJsonString(span.phrase, out);
    out += ",\"marks\":";
    base::AppendJsonString(MarksEvidenceName(span.marks), out);
    out += '}';
    first = false;
  }
  out += "]}";
}

const std::vector<std::string_view>& Topics() {
  static const std::vector<std::string_view> kTopics = {
      "flooding",     "road-damage",  "bridge",    "pavement",     "rubbish",
      "water-outage", "power-outage", "pollution", "erosion",      "traffic-accident",
      "fire",         "epidemic",     "drugs",     "online-fraud", "animals",
      "other",        "rumour"};
  return kTopics;
}

}  // namespace keng::filters
