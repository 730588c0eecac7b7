#include "alerting/dead_letters.h"

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <deque>
#include <set>
#include <utility>

#include "alerting/delivery_log.h"
#include "base/check.h"
#include "base/strings.h"
#include "filters/inbox_record.h"

namespace keng::alerting {
namespace {

namespace json = boost::json;
using base::StrCat;

constexpr size_t kReadBytes = 1 << 20;
constexpr size_t kWriteBytes = 1 << 20;

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone());
}

// Calls `each(record)` for every record of `dead` that is there now.
template <typename Each>
absl::Status ForEachDead(stream::Streams& streams, const Each& each) {
  KENG_ASSIGN_OR_RETURN(const std::unique_ptr<stream::Reader> reader,
                        streams.OpenTap(stream::StreamId::kDead));
  while (true) {
    KENG_ASSIGN_OR_RETURN(const std::shared_ptr<const stream::RecordBatch> batch,
                          reader->Read(kReadBytes, absl::ZeroDuration()));
    if (batch == nullptr) return absl::OkStatus();
    for (const stream::Record& record : batch->records()) {
      if (!record.tombstone) each(record);
    }
  }
}

std::string Field(const json::object& object, const char* key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

// The record's object; empty when it is not one.
json::object Parse(std::string_view text) {
  boost::system::error_code error;
  json::value value = json::parse(json::string_view(text.data(), text.size()), error);
  if (error || !value.is_object()) return {};
  return std::move(value.get_object());
}

std::string Line(const stream::Record& record, OutputForm form) {
  json::object object = Parse(record.value);
  if (form == OutputForm::kJson) {
    object["stage"] = json::string(record.key.data(), record.key.size());
    object["offset"] = record.offset;
    object["time"] = TimeText(record.time);
    return json::serialize(object);
  }
  std::string line = StrCat(TimeText(record.time), "  ", record.key);
  for (const char* key : {"reason", "alert", "channel", "source", "error"}) {
    if (const std::string value = Field(object, key); !value.empty()) {
      base::StrAppend(&line, "  ", key, "=", value);
    }
  }
  return line;
}

}  // namespace

absl::StatusOr<size_t> DeadList(stream::Streams& streams, const DeadListOptions& options,
                                std::ostream& out) {
  std::deque<std::string> lines;
  KENG_RETURN_IF_ERROR(ForEachDead(streams, [&](const stream::Record& record) {
    if (!options.stage.empty() && record.key != options.stage) return;
    lines.push_back(Line(record, options.form));
    if (lines.size() > options.records_max) lines.pop_front();
  }));
  for (const std::string& line : lines) out << line << '\n';
  return lines.size();
}

std::string DeadReplayJson(const DeadReplayResult& result) {
  return json::serialize(json::object{{"replayed", result.replayed},
                                      {"skipped", result.skipped},
                                      {"expired", result.expired},
                                      {"unrouted", result.unrouted}});
}

absl::StatusOr<DeadReplayResult> DeadReplay(stream::Streams& streams, const Outbox& outbox,
                                            const CellChannels& routes, std::string_view desk,
                                            const DeadReplayOptions& options) {
  if (options.id.empty() || options.actor.empty())
    return absl::InvalidArgumentError("a replay needs an id and an actor");
  // One delivery may have died several times.
  std::set<std::pair<std::string, std::string>> deliveries;
  KENG_RETURN_IF_ERROR(ForEachDead(streams, [&](const stream::Record& record) {
    if (record.key != kDeadStage) return;
    const json::object object = Parse(record.value);
    const std::string alert = Field(object, "alert");
    const std::string channel = Field(object, "channel");
    if (!options.alert.empty() && alert != options.alert) return;
    if (!options.channel.empty() && channel != options.channel) return;
    if (!alert.empty() && !channel.empty()) deliveries.emplace(alert, channel);
  }));
  DeadReplayResult result;
  stream::WriteSet set;
  for (const auto& [alert, channel] : deliveries) {
    KENG_ASSIGN_OR_RETURN(const std::optional<Alert> found, outbox.Find(alert));
    if (!found.has_value()) {
      ++result.expired;
      continue;
    }
    KENG_ASSIGN_OR_RETURN(const std::optional<Delivery> dead, outbox.Dead(alert, channel));
    if (!dead.has_value()) {
      ++result.skipped;
      continue;
    }
    const std::vector<std::string>& channels = routes.For(found->cell, found->desk);
    if (std::find(channels.begin(), channels.end(), channel) == channels.end()) {
      ++result.unrouted;
      continue;
    }
    ++result.replayed;
    filters::AppendInboxRecord(
        filters::ActionRecord{.id = StrCat(options.id, "-", alert, "-", channel),
                              .verb = filters::ActionVerb::kReplay,
                              .actor = options.actor,
                              .note = options.note,
                              .alert = alert,
                              .channel = channel},
        set.BeginRecord(stream::StreamId::kInbox, desk));
    set.EndRecord();
    if (set.bytes() < kWriteBytes) continue;
    KENG_RETURN_IF_ERROR(streams.Write(set));
    set.Clear();
  }
  if (!set.empty()) KENG_RETURN_IF_ERROR(streams.Write(set));
  return result;
}

}  // namespace keng::alerting
