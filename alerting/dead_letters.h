#ifndef KENG_ALERTING_DEAD_LETTERS_H_
#define KENG_ALERTING_DEAD_LETTERS_H_

// `keng dead list` and `keng dead replay`: what every stage put aside, and the way back for
// deliveries.

#include <optional>
#include <ostream>
#include <string>

#include "absl/status/statusor.h"
#include "alerting/outbox.h"
#include "stream/stream.h"

namespace keng::alerting {

enum class OutputForm : uint8_t { kText, kJson };

struct DeadListOptions {
  std::string stage;  // empty: all
  OutputForm form = OutputForm::kText;
  size_t records_max = 10000;  // the newest
};

// Prints the records of `dead`, oldest first, and returns how many. In kJson each line is the
// record with "stage", "offset" and "time" beside its own fields.
absl::StatusOr<size_t> DeadList(stream::Streams& streams, const DeadListOptions& options,
                                std::ostream& out);

struct DeadReplayOptions {
  std::string alert;    // one alert; empty: all
  std::string channel;  // one channel; empty: all
};
struct DeadReplayResult {
  size_t replayed = 0;  // deliveries that are pending again
  size_t skipped = 0;   // not dead any more
  size_t expired = 0;   // the outbox no longer knows the alert
};

// Makes dead deliveries pending with fresh attempts and the same alert id, and puts their alerts
// back into the outbox's Pending(). Records of other stages are not touched: their senders repeat
// them.
absl::StatusOr<DeadReplayResult> DeadReplay(stream::Streams& streams, Outbox& outbox,
                                            const DeadReplayOptions& options);

}  // namespace keng::alerting

#endif  // KENG_ALERTING_DEAD_LETTERS_H_
