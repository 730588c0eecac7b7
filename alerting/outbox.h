#ifndef KENG_ALERTING_OUTBOX_H_
#define KENG_ALERTING_OUTBOX_H_

// What stands between the fold and the channels: alerts that were decided, and for each channel how
// far it got. Durable in the store. The fold adds alerts; the dispatcher reads them and records
// results. StoreOutbox (alerting/store_outbox.h) is the real one, FakeOutbox (alerting/testing/)
// the one of channel tests.
//
// Thread-safe.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "alerting/alert.h"

namespace keng::alerting {

enum class DeliveryState : uint8_t {
  kPending = 0,
  kSent = 1,
  kDead = 2,        // given up: in `dead`, replayable
  kSuppressed = 3,  // shadow mode, or the cell has no channel
  kDigested = 4,    // went out in a digest marked late
};

// One channel's progress with one alert. Key: (alert, channel).
struct Delivery {
  std::string alert;
  std::string channel;  // the configured channel's name
  DeliveryState state = DeliveryState::kPending;
  int attempts = 0;
  absl::Time next_attempt_at = absl::InfinitePast();
  // When the attempts end and the delivery is dead; set by the first attempt.
  absl::Time give_up_at = absl::InfiniteFuture();
  std::string remote_id;   // what the channel calls the message; Telegram's message_id
  std::string last_error;  // no secret, no text
};

// What Delivery::last_error says beside the channel's own words. Stored, so that it survives a
// crash: kHeldByPause ends the text of a delivery that a pause held back; kInFlight is that of an
// attempt whose end is not known; kMaybeSent begins it once an attempt may have been accepted.
inline constexpr std::string_view kHeldByPause = "held by pause";
inline constexpr std::string_view kInFlight = "in flight";
inline constexpr std::string_view kMaybeSent = "maybe sent: ";
bool WasHeld(const Delivery& delivery);
bool MaybeSent(const Delivery& delivery);
// Marked before an attempt whose result is not recorded.
bool IsInFlight(const Delivery& delivery);
bool IsFinal(DeliveryState state);

// The message that shows an incident in a channel that can edit. Key: (incident, channel).
struct ShownMessage {
  std::string incident;
  std::string channel;
  std::string remote_id;
  int64_t incident_version = 0;  // the version shown
};

// Whether each of the channels has ended its delivery. `deliveries`: those of one alert.
bool AreDone(absl::Span<const Delivery> deliveries, absl::Span<const std::string> channels);

class Outbox {
 public:
  virtual ~Outbox() = default;

  // Alerts that have not been completed (see Complete), in the order decided, after the sequence
  // number given.
  struct Entry {
    uint64_t sequence;
    Alert alert;
  };
  virtual absl::StatusOr<std::vector<Entry>> Pending(uint64_t after_sequence,
                                                     size_t entries_max) const = 0;
  virtual absl::StatusOr<std::optional<Alert>> Find(std::string_view alert_id) const = 0;

  virtual absl::StatusOr<std::vector<Delivery>> Deliveries(std::string_view alert_id) const = 0;
  absl::Status Record(const Delivery& delivery) { return RecordAll({&delivery, 1}); }
  // All of them in one commit, or none.
  virtual absl::Status RecordAll(absl::Span<const Delivery> deliveries) = 0;

  // What one delivery has come to.
  struct Result {
    Delivery delivery;
    std::optional<ShownMessage> shown;       // what the attempt left in the channel
    uint64_t sequence = 0;                   // of the alert in Pending()
    absl::Span<const std::string> channels;  // all that ring for the alert
  };
  // Records all deliveries and messages in one commit, or none. Alerts that these results end, all
  // their channels being done, are completed in the same commit. Of two channels that end an alert
  // at the same moment in different threads, the later one completes it, in a commit of its own.
  // On an error of that one the results may stand already: calling again with the same is right.
  virtual absl::Status RecordResults(absl::Span<const Result> results) = 0;
  // Completes the alert if all `channels` are done with it.
  absl::Status CompleteIfDone(uint64_t sequence, std::string_view alert_id,
                              absl::Span<const std::string> channels);
  // All its channels are done: the alert leaves Pending(). A second call is a no-op. Find() and
  // Deliveries() still know the alert for as long as `dead` keeps its records.
  virtual absl::Status Complete(uint64_t sequence, std::string_view alert_id) = 0;
  // The delivery when it is dead.
  absl::StatusOr<std::optional<Delivery>> Dead(std::string_view alert_id,
                                               std::string_view channel) const;

  // Messages that show an incident; all of them for "".
  virtual absl::StatusOr<std::vector<ShownMessage>> Shown(std::string_view incident_id) const = 0;
  virtual absl::Status RecordShown(const ShownMessage& message) = 0;
  // The incident as it stands now; nullopt when unknown.
  virtual absl::StatusOr<std::optional<Incident>> CurrentIncident(
      std::string_view incident_id) const = 0;
  // The post's original text (masked); nullopt when it was deleted or has expired.
  virtual absl::StatusOr<std::optional<std::string>> Text(std::string_view post_id) const = 0;
  // Ringing is paused (keng pause).
  virtual bool paused() const = 0;
};

}  // namespace keng::alerting

#endif  // KENG_ALERTING_OUTBOX_H_
