#ifndef KENG_ALERTING_INTERNAL_INBOX_READING_H_
#define KENG_ALERTING_INTERNAL_INBOX_READING_H_

// What a record of the inbox is to the fold: the same for the stage and for who verifies it.

#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "alerting/state_tables.h"
#include "filters/inbox_record.h"
#include "stream/stream.h"

namespace keng::alerting {

// The record, or the outcome under which the fold skips it.
inline std::variant<filters::InboxRecord, Outcome> ReadInbox(filters::InboxParser& parser,
                                                             const stream::Record& record) {
  if (record.tombstone || record.key.size() > filters::kInboxNameBytesMax) return Outcome::kBroken;
  absl::StatusOr<filters::InboxRecord> parsed = parser.Parse(record.value);
  if (parsed.ok()) return *std::move(parsed);
  return absl::IsUnimplemented(parsed.status()) ? Outcome::kUnknownRecord : Outcome::kBroken;
}

}  // namespace keng::alerting

#endif  // KENG_ALERTING_INTERNAL_INBOX_READING_H_
