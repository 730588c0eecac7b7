#include "alerting/incident_queries.h"

#include <algorithm>
#include <boost/json.hpp>
#include <sstream>
#include <vector>

#include "absl/strings/str_format.h"
#include "alerting/decide.h"
#include "alerting/state_tables.h"
#include "base/check.h"
#include "base/strings.h"

namespace keng::alerting {

namespace {

namespace json = boost::json;

json::string Text(std::string_view text) { return json::string(text.data(), text.size()); }

json::value Time(absl::Time time) {
  if (time == absl::InfiniteFuture() || time == absl::InfinitePast()) return nullptr;
  return json::string(absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone()));
}

json::object Object(const Incident& incident) {
  return {{"id", incident.id},
          {"state", Text(IncidentStateName(incident.state))},
          {"topic", incident.topic},
          {"cell", incident.cell},
          {"place", incident.place.empty() ? json::value(nullptr)
                                           : json::value(json::string(incident.place))},
          {"severity", Text(filters::SeverityName(incident.severity))},
          {"rule", incident.rule},
          {"title", incident.facts.title_vi},
          {"posts", incident.posts},
          {"authors", incident.authors},
          {"opened_at", Time(incident.opened_at)},
          {"last_hit_at", Time(incident.last_hit_at)},
          {"closed_at", Time(incident.closed_at)},
          {"first_post", incident.first_post},
          {"first_url", incident.first_url},
          {"received_by", incident.received_by}};
}

absl::Status AppendMembers(const store::View& view, std::string_view id, json::array& members) {
  absl::Status decoded;
  KENG_RETURN_IF_ERROR(
      view.ScanPrefix(table::kMembers, IdPrefix(id), [&](std::string_view, std::string_view value) {
        MemberRow row;
        decoded = Decode(value, row);
        if (!decoded.ok()) return store::Visit::kStop;
        members.push_back(
            json::object{{"post", row.post}, {"url", row.url}, {"joined_at", Time(row.joined_at)}});
        return store::Visit::kContinue;
      }));
  return decoded;
}

absl::Status AppendAlerts(const store::View& view, const IncidentRow& row, json::array& alerts) {
  for (int64_t number = 1; number <= row.alerts; ++number) {
    const std::string id = base::StrCat(row.incident.id, "-", number);
    KENG_ASSIGN_OR_RETURN(const auto alert, Load<Alert>(view, table::kAlerts, id));
    if (!alert.has_value()) continue;  // past its time
    json::array deliveries;
    absl::Status decoded;
    KENG_RETURN_IF_ERROR(view.ScanPrefix(
        table::kDeliveries, IdPrefix(id), [&](std::string_view, std::string_view value) {
          Delivery delivery;
          decoded = Decode(value, delivery);
          if (!decoded.ok()) return store::Visit::kStop;
          constexpr std::string_view kStates[] = {"pending", "sent", "dead", "suppressed",
                                                  "digested"};
          deliveries.push_back(
              json::object{{"channel", delivery.channel},
                           {"state", Text(kStates[static_cast<int>(delivery.state)])},
                           {"attempts", delivery.attempts},
                           {"error", delivery.last_error}});
          return store::Visit::kContinue;
        }));
    KENG_RETURN_IF_ERROR(decoded);
    alerts.push_back(json::object{{"id", id},
                                  {"reason", Text(AlertReasonName(alert->reason))},
                                  {"decided_at", Time(alert->decided_at)},
                                  {"deliveries", std::move(deliveries)}});
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ListIncidents(const store::View& view, const ListOptions& options, std::ostream& out) {
  std::vector<Incident> incidents;
  absl::Status decoded;
  KENG_RETURN_IF_ERROR(
      view.Scan(table::kIncidents, "", "", [&](std::string_view, std::string_view value) {
        IncidentRow row;
        decoded = Decode(value, row);
        if (!decoded.ok()) return store::Visit::kStop;
        if (options.scope == ListScope::kAll || IsLive(row.incident.state))
          incidents.push_back(std::move(row.incident));
        return store::Visit::kContinue;
      }));
  KENG_RETURN_IF_ERROR(decoded);
  std::sort(incidents.begin(), incidents.end(), [](const Incident& a, const Incident& b) {
    return std::tie(a.opened_at, a.id) < std::tie(b.opened_at, b.id);
  });
  const size_t skip =
      incidents.size() > options.incidents_max ? incidents.size() - options.incidents_max : 0;
  for (size_t i = skip; i < incidents.size(); ++i)
    out << json::serialize(Object(incidents[i])) << "\n";
  return absl::OkStatus();
}

absl::Status ShowIncident(const store::View& view, std::string_view id, std::ostream& out) {
  KENG_ASSIGN_OR_RETURN(const auto row, Load<IncidentRow>(view, table::kIncidents, id));
  if (!row.has_value())
    return absl::NotFoundError(base::StrCat("no incident ", id, "; keng incidents list --all"));
  json::object object = Object(row->incident);
  json::array members;
  json::array alerts;
  KENG_RETURN_IF_ERROR(AppendMembers(view, id, members));
  KENG_RETURN_IF_ERROR(AppendAlerts(view, *row, alerts));
  object["members"] = std::move(members);
  object["alerts"] = std::move(alerts);
  out << json::serialize(object) << "\n";
  return absl::OkStatus();
}

absl::Status WriteAction(stream::Streams& streams, const store::View& view, std::string_view desk,
                         const filters::ActionRecord& action) {
  using filters::ActionVerb;
  if (action.id.empty())
    return absl::InvalidArgumentError("an action needs an id, so that a repeat is a no-op");
  if (action.actor.empty())
    return absl::InvalidArgumentError("an action needs an actor: who does it is accounted for");
  if (action.verb == ActionVerb::kReplay) {
    return absl::InvalidArgumentError("a replay is asked for with keng dead replay");
  }
  const bool about_incident = !action.incident.empty();
  const bool wants_incident =
      action.verb == ActionVerb::kReceived || action.verb == ActionVerb::kResolved ||
      action.verb == ActionVerb::kNoise || action.verb == ActionVerb::kReassign;
  if (wants_incident && !about_incident) {
    return absl::InvalidArgumentError(
        base::StrCat(filters::ActionVerbName(action.verb), " needs an incident"));
  }
  if (action.verb == ActionVerb::kReassign && action.cell.empty()) {
    return absl::InvalidArgumentError("reassign needs the cell that the incident goes to");
  }
  if (action.verb == ActionVerb::kSilence && action.until == absl::InfinitePast()) {
    return absl::InvalidArgumentError("silence needs an end: until");
  }
  if (about_incident) {
    KENG_ASSIGN_OR_RETURN(const auto known, view.Get(table::kIncidents, action.incident));
    if (!known.has_value()) {
      return absl::NotFoundError(
          base::StrCat("no incident ", action.incident, "; keng incidents list"));
    }
  }
  stream::WriteSet set;
  filters::AppendInboxRecord(action, set.BeginRecord(stream::StreamId::kInbox, desk));
  set.EndRecord();
  return streams.Write(set);
}

std::string IncidentsForPeople(std::string_view lines) {
  std::string text;
  std::istringstream in{std::string(lines)};
  for (std::string line; std::getline(in, line);) {
    boost::system::error_code error;
    const json::value value = json::parse(line, error);
    if (error || !value.is_object()) continue;
    const json::object& incident = value.as_object();
    const auto field = [&](const char* key) {
      const json::value* found = incident.if_contains(key);
      return found != nullptr && found->is_string() ? std::string(found->as_string())
                                                    : std::string("-");
    };
    absl::StrAppendFormat(&text, "%-18s %-9s %-16s %-7s %3d posts %3d people  %s  %s\n",
                          field("id"), field("state"), field("topic"), field("cell"),
                          incident.at("posts").as_int64(), incident.at("authors").as_int64(),
                          field("opened_at"), field("title"));
    if (const json::value* alerts = incident.if_contains("alerts")) {
      for (const json::value& alert : alerts->as_array()) {
        base::StrAppend(&text, "  alert ", std::string(alert.at("id").as_string()), " ",
                        std::string(alert.at("reason").as_string()), "\n");
        for (const json::value& delivery : alert.at("deliveries").as_array()) {
          base::StrAppend(&text, "    ", std::string(delivery.at("channel").as_string()), ": ",
                          std::string(delivery.at("state").as_string()), "\n");
        }
      }
    }
    if (const json::value* members = incident.if_contains("members")) {
      for (const json::value& member : members->as_array()) {
        base::StrAppend(&text, "  post  ", std::string(member.at("post").as_string()), " ",
                        std::string(member.at("url").as_string()), "\n");
      }
    }
  }
  return text.empty() ? "no incidents\n" : text;
}

}  // namespace keng::alerting
