#ifndef KENG_ALERTING_DEAD_LETTERS_H_
#define KENG_ALERTING_DEAD_LETTERS_H_

// `keng dead list` and `keng dead replay`: what every stage put aside, and the way back for
// deliveries. That way is an action in the inbox, which the owner of the partition carries out: it
// is accounted for like every action, and it does not matter which process the owner is.
//
// Tests: alerting/dead_letters_test.cc.

#include <optional>
#include <ostream>
#include <string>

#include "absl/status/statusor.h"
#include "alerting/cell_channels.h"
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
  std::string id;       // of this request, unlike any before
  std::string actor;    // who asks: accounted for
  std::string note;     // why
  std::string alert;    // one alert; empty: all
  std::string channel;  // one channel; empty: all
};
struct DeadReplayResult {
  size_t replayed = 0;  // deliveries that are to be attempted again
  size_t skipped = 0;   // not dead any more
  size_t expired = 0;   // the outbox no longer knows the alert
  size_t unrouted = 0;  // the channel does not ring for the alert's cell any more: it stays dead
};

// {"replayed": 1, "skipped": 0, "expired": 0, "unrouted": 0}
std::string DeadReplayJson(const DeadReplayResult& result);

// Asks the owner of `desk` to attempt dead deliveries again. `outbox` is the owner's, or one over a
// copy of its state. Records of other stages are not touched: their senders repeat them.
// InvalidArgument: no id or no actor. Else the errors of the streams; the same call repeats it.
absl::StatusOr<DeadReplayResult> DeadReplay(stream::Streams& streams, const Outbox& outbox,
                                            const CellChannels& routes, std::string_view desk,
                                            const DeadReplayOptions& options);

}  // namespace keng::alerting

#endif  // KENG_ALERTING_DEAD_LETTERS_H_
