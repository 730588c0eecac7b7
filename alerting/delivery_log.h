#ifndef KENG_ALERTING_DELIVERY_LOG_H_
#define KENG_ALERTING_DELIVERY_LOG_H_

// What the dispatcher tells the rest of the system: a record in the stream `alerts` for each result
// and one in `dead` for each delivery that was given up. No post text, no secret. A result is
// written here before it is written to the outbox, so that a crash between repeats it together with
// the delivery itself and never loses it.
//
// Thread-safe.

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "alerting/alert.h"
#include "alerting/outbox.h"
#include "stream/stream.h"

namespace keng::alerting {

struct LogRecord {
  stream::StreamId stream;
  std::string key;
  std::string json;
};

class DeliveryLog {
 public:
  virtual ~DeliveryLog() = default;
  // In one write, in this order. On an error some of them may stand in the streams.
  virtual absl::Status Append(absl::Span<const LogRecord> records) = 0;
};

class StreamDeliveryLog final : public DeliveryLog {
 public:
  explicit StreamDeliveryLog(stream::Streams& streams) : streams_(streams) {}
  absl::Status Append(absl::Span<const LogRecord> records) override;

 private:
  stream::Streams& streams_;
};

// One line of `alerts`: {"v":1,"alert","reason","incident","desk","cell","topic","rule","channel",
// "kind","result","attempts","error","decided_at","at","latency_s"}. `result`: sent, retry, edited,
// digested, suppressed, dead. The newest state of (alert, channel) is the last one.
std::string AlertLogRecord(const Alert& alert, const Delivery& delivery, std::string_view kind,
                           std::string_view result, absl::Time now);

// One record of `dead`, key and "stage" "alerting":
// {"v":1,"stage":"alerting","alert","channel","reason","attempts","error","at"}.
inline constexpr std::string_view kDeadStage = "alerting";
std::string DeadRecord(const Delivery& delivery, std::string_view reason, absl::Time now);

}  // namespace keng::alerting

#endif  // KENG_ALERTING_DELIVERY_LOG_H_
