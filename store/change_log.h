#ifndef KENG_STORE_CHANGE_LOG_H_
#define KENG_STORE_CHANGE_LOG_H_

// Where a store's changes go before they are its own: a log that outlives the folder and from which
// another process can rebuild it. Store::SetChangeLog() sets it; alerting/state_changelog.h is the
// one of the Kafka layout.
//
// Threads: the store calls Append() from one thread at a time, Logs() from any.

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace keng::store {

// A table's number is on disk: never reused. 0 is the store's own, 255 is not given.
using TableId = uint8_t;

// What one row has become. The bytes belong to whoever made the change.
struct Change {
  TableId table = 0;
  std::string_view key;
  std::optional<std::string_view> value;  // nullopt: deleted
};

class ChangeLog {
 public:
  virtual ~ChangeLog() = default;

  // Whether changes of this row go to the log. Must always say the same of a row.
  virtual bool Logs(TableId table, std::string_view key) const = 0;

  // Makes the changes durable in the log, all or none, and returns the position after them: larger
  // than what any call before returned. REQUIRES: `changes` is not empty, and names only logged
  // rows; a row that stands in it twice has become what is said last.
  // Aborted: the log belongs to another owner for good; nothing was written. Unavailable: it is not
  // known whether the changes were written. On any other error they were not.
  virtual absl::StatusOr<int64_t> Append(absl::Span<const Change> changes) = 0;
};

}  // namespace keng::store

#endif  // KENG_STORE_CHANGE_LOG_H_
