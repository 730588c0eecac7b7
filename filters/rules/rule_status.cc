#include "filters/rules/rule_status.h"

#include <boost/json.hpp>
#include <exception>
#include <map>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/check.h"
#include "base/strings.h"
#include "filters/rules/internal/control_scan.h"

namespace keng::filters {

namespace {

namespace json = boost::json;
using base::StrCat;

constexpr size_t kTroubleBytesMax = 256;

struct OriginName {
  RulesOrigin origin;
  std::string_view name;
};
constexpr OriginName kOrigins[] = {{RulesOrigin::kNone, "none"},
                                   {RulesOrigin::kFiles, "files"},
                                   {RulesOrigin::kPublished, "published"}};

json::string Text(std::string_view text) { return json::string(text.data(), text.size()); }

json::object ToJson(const RunningRules& running) {
  return {{"v", 1},
          {"instance", running.instance},
          {"version", running.version},
          {"origin", Text(RulesOriginName(running.origin))},
          {"since", absl::ToUnixMicros(running.since)},
          {"trouble", running.trouble},
          {"written_at", absl::ToUnixMicros(running.written_at)}};
}

// Throws what Boost.JSON throws of a key that is missing or of another kind.
absl::StatusOr<RunningRules> FromJson(const json::value& value) {
  const json::object& object = value.as_object();
  if (object.at("v").to_number<int>() != 1)
    return absl::InvalidArgumentError("a status record of another version of keng");
  const auto field = [&object](const char* key) { return std::string(object.at(key).as_string()); };
  RunningRules running;
  running.instance = field("instance");
  running.version = field("version");
  for (const OriginName& origin : kOrigins) {
    if (field("origin") == origin.name) running.origin = origin.origin;
  }
  running.since = absl::FromUnixMicros(object.at("since").to_number<int64_t>());
  running.trouble = field("trouble");
  running.written_at = absl::FromUnixMicros(object.at("written_at").to_number<int64_t>());
  return running;
}

absl::Status Unreadable(const std::exception& error) {
  return absl::InvalidArgumentError(
      StrCat("a record of the rules' status cannot be read: ", std::string_view(error.what())));
}

std::string Moment(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

std::string Age(absl::Duration age) {
  const int64_t seconds = absl::ToInt64Seconds(age);
  if (seconds < 120) return StrCat(seconds, " s");
  if (seconds < 7200) return StrCat(seconds / 60, " min");
  return StrCat(seconds / 3600, " h");
}

void PrintInstance(const RunningRules& running, InstanceState state, absl::Time now,
                   ReportForm form, std::ostream& out) {
  if (form == ReportForm::kJson) {
    json::object line = ToJson(running);
    line["state"] = Text(InstanceStateName(state));
    line["since"] = Moment(running.since);
    line["written_at"] = Moment(running.written_at);
    line.erase("v");
    out << json::serialize(line) << "\n";
    return;
  }
  out << absl::StrFormat("%-24s %-17s %-9s %-8s since %s, last word %s ago", running.instance,
                         running.version, std::string(RulesOriginName(running.origin)),
                         std::string(InstanceStateName(state)), Moment(running.since),
                         Age(now - running.written_at));
  if (!running.trouble.empty()) out << ": " << running.trouble;
  out << "\n";
}

}  // namespace

std::string_view RulesOriginName(RulesOrigin origin) {
  return kOrigins[static_cast<size_t>(origin)].name;
}

std::string_view InstanceStateName(InstanceState state) {
  switch (state) {
    case InstanceState::kCurrent:
      return "current";
    case InstanceState::kBehind:
      return "behind";
    case InstanceState::kTrouble:
      return "trouble";
    case InstanceState::kSilent:
      return "silent";
  }
  return "?";
}

std::string EncodeRunningRules(const RunningRules& running) {
  return json::serialize(ToJson(running));
}

absl::StatusOr<RunningRules> DecodeRunningRules(std::string_view text) {
  try {
    return FromJson(json::parse({text.data(), text.size()}));
  } catch (const std::exception& error) {
    return Unreadable(error);
  }
}

std::string TroubleLine(std::string_view error) {
  std::string line;
  bool quoted = false;
  for (const char c : error.substr(0, error.find('\n'))) {
    if (c == '"') {
      if (!quoted) line.append("\"...\"");
      quoted = !quoted;
    } else if (!quoted) {
      line.push_back(c);
    }
  }
  // A file's name may be no UTF-8, and then no reader would take the record.
  boost::system::error_code error_code;
  json::parse(json::serialize(json::string(line)), error_code);
  if (error_code) std::erase_if(line, [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
  if (line.size() <= kTroubleBytesMax) return line;
  size_t end = kTroubleBytesMax;
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xc0) == 0x80) --end;
  return line.substr(0, end);
}

absl::StatusOr<RulesStatus> ReadRulesStatus(stream::Streams& streams) {
  std::optional<std::string> current;
  std::map<std::string, std::string> running;
  KENG_RETURN_IF_ERROR(
      ScanControl(streams, absl::InfinitePast(), [&](const stream::Record& record) {
        if (record.key == kRulesCurrentKey) {
          current.reset();
          if (!record.tombstone) current = std::string(record.value);
        } else if (record.key.starts_with(kRulesRunningPrefix)) {
          running.erase(std::string(record.key));
          if (!record.tombstone) running.emplace(record.key, record.value);
        }
      }));
  RulesStatus status;
  if (current.has_value()) {
    absl::StatusOr<CurrentRules> decoded = DecodeCurrentRules(*current);
    if (decoded.ok()) {
      status.current = *std::move(decoded);
    } else {
      status.current_trouble = std::string(decoded.status().message());
    }
  }
  for (const auto& [key, value] : running) {
    absl::StatusOr<RunningRules> decoded = DecodeRunningRules(value);
    if (decoded.ok()) {
      status.running.push_back(*std::move(decoded));
    } else {
      ++status.unreadable;
    }
  }
  return status;
}

std::string EncodeRulesStatus(const RulesStatus& status) {
  json::array running;
  for (const RunningRules& instance : status.running) running.push_back(ToJson(instance));
  json::object document = {{"current", nullptr},
                           {"current_trouble", status.current_trouble},
                           {"running", running},
                           {"unreadable", status.unreadable}};
  if (status.current.has_value()) document["current"] = EncodeCurrentRules(*status.current);
  return json::serialize(document);
}

absl::StatusOr<RulesStatus> DecodeRulesStatus(std::string_view text) {
  try {
    const json::value document = json::parse({text.data(), text.size()});
    const json::object& object = document.as_object();
    RulesStatus status;
    if (const json::value& current = object.at("current"); !current.is_null()) {
      KENG_ASSIGN_OR_RETURN(status.current, DecodeCurrentRules(std::string(current.as_string())));
    }
    status.current_trouble = std::string(object.at("current_trouble").as_string());
    for (const json::value& instance : object.at("running").as_array()) {
      KENG_ASSIGN_OR_RETURN(RunningRules running, FromJson(instance));
      status.running.push_back(std::move(running));
    }
    status.unreadable = object.at("unreadable").to_number<int>();
    return status;
  } catch (const std::exception& error) {
    return Unreadable(error);
  }
}

InstanceState JudgeInstance(const RunningRules& running, const std::optional<CurrentRules>& current,
                            absl::Time now) {
  if (now - running.written_at > kRulesSilentAfter) return InstanceState::kSilent;
  if (!running.trouble.empty()) return InstanceState::kTrouble;
  const bool published = running.origin == RulesOrigin::kPublished;
  if (published != current.has_value()) return InstanceState::kBehind;
  if (published && running.version != current->publication.version) return InstanceState::kBehind;
  return InstanceState::kCurrent;
}

int PrintRulesStatus(const RulesStatus& status, absl::Time now, ReportForm form,
                     std::ostream& out) {
  int exit_status = status.unreadable > 0 || !status.current_trouble.empty() ? 1 : 0;
  if (form == ReportForm::kJson) {
    json::object line = {{"current", nullptr}};
    if (status.current.has_value()) {
      const Publication& publication = status.current->publication;
      line["current"] = publication.version;
      line["published_at"] = Moment(publication.published_at);
      line["publisher"] = publication.publisher;
      if (status.current->previous.has_value())
        line["previous"] = status.current->previous->version;
    }
    if (!status.current_trouble.empty()) line["trouble"] = status.current_trouble;
    if (status.unreadable > 0) line["unreadable"] = status.unreadable;
    out << json::serialize(line) << "\n";
  } else if (status.current.has_value()) {
    const Publication& publication = status.current->publication;
    out << "published: " << publication.version << ", " << Moment(publication.published_at)
        << " by " << publication.publisher << "\n";
  } else if (status.current_trouble.empty()) {
    out << "published: nothing; each filter takes the files of its configuration\n";
  }
  if (form == ReportForm::kWords && !status.current_trouble.empty())
    out << "published: " << status.current_trouble << "\n";
  for (const RunningRules& running : status.running) {
    const InstanceState state = JudgeInstance(running, status.current, now);
    if (state != InstanceState::kCurrent) exit_status = 1;
    PrintInstance(running, state, now, form, out);
  }
  if (form == ReportForm::kWords && status.unreadable > 0)
    out << status.unreadable << " records of instances cannot be read by this version of keng\n";
  return exit_status;
}

}  // namespace keng::filters
