#include "alerting/delivery_log.h"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "base/strings.h"

namespace keng::alerting {
namespace {

namespace json = boost::json;

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone());
}

json::value Text(std::string_view text) { return json::string(text.data(), text.size()); }

}  // namespace

absl::Status StreamDeliveryLog::Append(absl::Span<const LogRecord> records) {
  stream::WriteSet set;
  for (const LogRecord& record : records) set.Append(record.stream, record.key, record.json);
  return streams_.Write(set);
}

std::string AlertLogRecord(const Alert& alert, const Delivery& delivery, std::string_view kind,
                           std::string_view result, absl::Time now) {
  json::object record{{"v", 1},
                      {"alert", alert.id},
                      {"reason", Text(AlertReasonName(alert.reason))},
                      {"incident", alert.incident.id},
                      {"desk", alert.desk},
                      {"cell", alert.cell},
                      {"topic", alert.incident.topic},
                      {"rule", alert.incident.rule},
                      {"channel", delivery.channel},
                      {"kind", Text(kind)},
                      {"result", Text(result)},
                      {"attempts", delivery.attempts},
                      {"decided_at", TimeText(alert.decided_at)},
                      {"at", TimeText(now)}};
  if (!delivery.last_error.empty()) record["error"] = delivery.last_error;
  if (alert.appended_at != absl::InfinitePast()) {
    record["latency_s"] = absl::ToDoubleSeconds(now - alert.appended_at);
  }
  return json::serialize(record);
}

std::string DeadRecord(const Delivery& delivery, std::string_view reason, absl::Time now) {
  return json::serialize(json::object{{"v", 1},
                                      {"stage", Text(kDeadStage)},
                                      {"alert", delivery.alert},
                                      {"channel", delivery.channel},
                                      {"reason", Text(reason)},
                                      {"attempts", delivery.attempts},
                                      {"error", delivery.last_error},
                                      {"at", TimeText(now)}});
}

}  // namespace keng::alerting
