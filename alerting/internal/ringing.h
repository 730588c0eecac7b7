#ifndef KENG_ALERTING_INTERNAL_RINGING_H_
#define KENG_ALERTING_INTERNAL_RINGING_H_

// The part of the fold that turns changes of incidents into alerts: silences, the storm cap, the
// outbox.

#include <string_view>

#include "absl/status/status.h"
#include "alerting/decide.h"
#include "alerting/internal/fold_state.h"

namespace keng::alerting {

class Ringing {
 public:
  explicit Ringing(FoldState& fold) : fold_(fold) {}

  // After a hit: rings, or counts why not. Changes `incident`, which the caller saves.
  absl::Status AfterHit(IncidentRow& incident, bool reopened, bool severity_rose);
  // An officer gave the incident to another cell: that cell must hear of it.
  absl::Status AfterReassign(IncidentRow& incident);
  // Retracted and resolved: whoever was rung is told. Neither silenced nor held back.
  void StandDown(IncidentRow& incident, AlertReason reason);

  // Silences a cell (and those below it) for a topic ("" : all) until a time.
  void Silence(std::string_view desk, std::string_view cell, std::string_view topic,
               absl::Time until);
  // Deadlines of rows that this class made.
  absl::Status EndSilence(std::string_view key);
  // The end of an hour in which a cell's cap was reached.
  absl::Status EndStormHour(std::string_view key);

 private:
  absl::StatusOr<bool> Silenced(const IncidentRow& incident) const;
  // Rings or, over the cap, holds back.
  absl::Status Ring(IncidentRow& incident, RingCase ring);
  void Decide(IncidentRow& incident, AlertReason reason);
  void DecideStorm(std::string_view key, StormRow& storm, const Incident& last);
  void Emit(Alert alert);

  FoldState& fold_;
};

}  // namespace keng::alerting

#endif  // KENG_ALERTING_INTERNAL_RINGING_H_
