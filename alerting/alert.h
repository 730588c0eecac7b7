#ifndef KENG_ALERTING_ALERT_H_
#define KENG_ALERTING_ALERT_H_

// One decision to tell people about an incident. Made by the fold, stored in the outbox in the same
// WriteBatch as the incident, delivered by alerting/dispatcher.h. Holds no post text: the excerpt
// is taken from the text table when a channel renders the alert, so that a deletion in between is
// honoured.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "alerting/incident.h"

namespace keng::alerting {

enum class AlertReason : uint8_t {
  kOpened = 1,
  kGrew = 2,  // ten times the posts of the last alert
  kSeverityRose = 3,
  kRetracted = 4,  // all posts of a rung incident are gone
  kResolved = 5,
  kReopened = 6,
  kStorm = 7,       // the cell's hourly cap was reached: one summary in place of many
  kReassigned = 8,  // an officer gave the incident to this cell
};
std::string_view AlertReasonName(AlertReason reason);  // "opened", "grew", ...

struct Alert {
  std::string id;  // [a-z0-9-], deterministic: the same on replay and on every retry
  AlertReason reason = AlertReason::kOpened;
  std::string desk;
  std::string cell;   // whom it rings
  Incident incident;  // as it stood at the decision; for kStorm the last of the incidents held back
  std::vector<std::string> held_back;  // kStorm: ids of the incidents that the summary stands for
  absl::Time decided_at;               // inbox time
  absl::Time appended_at;  // append time of the post that caused it; InfinitePast when none did
};

}  // namespace keng::alerting

#endif  // KENG_ALERTING_ALERT_H_
