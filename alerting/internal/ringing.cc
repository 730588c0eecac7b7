#include "alerting/internal/ringing.h"

#include <algorithm>

#include "alerting/incident_fold.h"
#include "base/check.h"
#include "base/keyed_hash.h"
#include "base/stable_hash.h"
#include "base/strings.h"

namespace keng::alerting {
namespace {

constexpr absl::Duration kStormHour = absl::Hours(1);

std::string CellKey(std::string_view desk, std::string_view cell) {
  return IdPrefix(PairKey(desk, cell));
}

absl::Time HourOf(absl::Time time) {
  return absl::FromUnixSeconds(absl::ToUnixSeconds(time) / 3600 * 3600);
}

std::string StormKey(const Incident& incident, absl::Time hour) {
  std::string key = CellKey(incident.desk, incident.cell);
  AppendTime(hour, key);
  return key;
}

// The cells that a silence of would cover this incident: its own, those above it by name
// (30307/khom-5 is below 30307), the places around it, the desk.
std::vector<std::string> CellsAbove(const Incident& incident) {
  std::vector<std::string> cells = {incident.cell};
  for (size_t slash = incident.cell.rfind('/'); slash != std::string::npos && slash > 0;
       slash = incident.cell.rfind('/', slash - 1)) {
    cells.push_back(incident.cell.substr(0, slash));
  }
  cells.insert(cells.end(), incident.place_path.begin(), incident.place_path.end());
  cells.push_back(incident.desk);
  return cells;
}

}  // namespace

absl::StatusOr<bool> Ringing::Silenced(const IncidentRow& incident) const {
  const absl::Time now = fold_.row.now;
  if (incident.silenced_until > now) return true;
  for (const std::string& cell : CellsAbove(incident.incident)) {
    for (const std::string_view topic :
         {std::string_view(), std::string_view(incident.incident.topic)}) {
      KENG_ASSIGN_OR_RETURN(
          const std::optional<std::string> until,
          fold_.changes->Get(table::kSilences,
                             base::StrCat(CellKey(incident.incident.desk, cell), topic)));
      if (until && ReadTime(*until) > now) return true;
    }
  }
  return false;
}

absl::Status Ringing::AfterHit(IncidentRow& incident, bool reopened, bool severity_rose) {
  const Incident& shown = incident.incident;
  return Ring(incident, RingCase{.state = shown.state,
                                 .status = shown.facts.status,
                                 .reopened = reopened,
                                 .severity_rose = severity_rose,
                                 .posts = shown.posts,
                                 .posts_rung = shown.posts_rung});
}

absl::Status Ringing::AfterReassign(IncidentRow& incident) {
  if (incident.incident.posts_rung == 0 || !IsLive(incident.incident.state)) {
    return absl::OkStatus();
  }
  Decide(incident, AlertReason::kReassigned);
  return absl::OkStatus();
}

void Ringing::StandDown(IncidentRow& incident, AlertReason reason) {
  if (incident.incident.posts_rung > 0) Decide(incident, reason);
}

absl::Status Ringing::Ring(IncidentRow& incident, RingCase ring) {
  Incident& shown = incident.incident;
  // The store is asked only when something would ring.
  RingDecision decision = DecideRing(ring);
  if (decision.verdict == RingVerdict::kRing) {
    KENG_ASSIGN_OR_RETURN(ring.silenced, Silenced(incident));
    const absl::Time hour = HourOf(fold_.row.now);
    const std::string key = StormKey(shown, hour);
    KENG_ASSIGN_OR_RETURN(std::optional<StormRow> found,
                          Load<StormRow>(*fold_.changes, table::kStorms, key));
    StormRow storm = found.value_or(StormRow{});
    ring.rings_this_hour = storm.rings;
    ring.rings_per_hour_max = fold_.row.settings.rings_per_cell_hour;
    decision = DecideRing(ring);
    if (decision.verdict == RingVerdict::kRing) {
      ++storm.rings;
      Decide(incident, decision.reason);
    } else if (decision.verdict == RingVerdict::kHeldBack) {
      shown.posts_rung = std::max(shown.posts_rung, shown.posts);
      ++storm.held;
      if (storm.held_back.size() < kHeldBackMax &&
          std::find(storm.held_back.begin(), storm.held_back.end(), shown.id) ==
              storm.held_back.end()) {
        storm.held_back.push_back(shown.id);
      }
      // The first one rings at once, so that the cell knows; the rest waits for the hour's end.
      if (storm.summaries == 0) DecideStorm(key, storm, shown);
    }
    if (decision.verdict != RingVerdict::kSilenced) {
      if (!found) AddDeadline(fold_, hour + kStormHour, kStormDeadline, key);
      fold_.changes->Put(table::kStorms, key, Encode(storm));
    }
  }
  ++fold_.row.rings[static_cast<size_t>(decision.verdict)];
  return absl::OkStatus();
}

void Ringing::Decide(IncidentRow& incident, AlertReason reason) {
  Incident& shown = incident.incident;
  // Never lowered: what has rung once is not rung again because posts went away in between.
  shown.posts_rung = std::max({shown.posts_rung, shown.posts, int64_t{1}});
  ++incident.alerts;
  Alert alert;
  alert.id = base::StrCat(shown.id, "-", incident.alerts);
  alert.reason = reason;
  alert.desk = shown.desk;
  alert.cell = shown.cell;
  alert.incident = shown;
  // The version that the caller is about to save.
  ++alert.incident.version;
  Emit(std::move(alert));
}

void Ringing::DecideStorm(std::string_view key, StormRow& storm, const Incident& last) {
  ++storm.summaries;
  Alert alert;
  const base::Hash128 hash = base::StableHash128(key);
  alert.id = base::StrCat("s", absl::Hex(hash.high, absl::kZeroPad16), "-", storm.summaries);
  alert.reason = AlertReason::kStorm;
  alert.desk = last.desk;
  alert.cell = last.cell;
  alert.incident = last;
  alert.held_back = std::move(storm.held_back);
  storm.held_back.clear();
  storm.held = 0;
  Emit(std::move(alert));
}

void Ringing::Emit(Alert alert) {
  alert.decided_at = fold_.row.now;
  alert.appended_at = fold_.post_appended_at;
  // The trail to the post stays in the incident, from which it can be taken back.
  Incident& shown = alert.incident;
  shown.first_post.clear();
  shown.first_url.clear();
  shown.first_account.clear();
  shown.first_spans.clear();
  ++fold_.row.alerts_decided;
  ++fold_.row.alerts[static_cast<size_t>(alert.reason)];
  fold_.changes->Put(table::kAlerts, alert.id, Encode(alert));
  std::string sequence;
  AppendBig(PendingSequence(fold_.row.alerts_decided), sequence);
  fold_.changes->Put(table::kPending, sequence, alert.id);
  std::string erasure;
  AppendTime(fold_.row.now + kAlertsKept, erasure);
  erasure += kAlertErasure;
  erasure += alert.id;
  fold_.changes->Put(table::kErasures, erasure, "");
  fold_.alerts.push_back(std::move(alert));
}

void Ringing::Silence(std::string_view desk, std::string_view cell, std::string_view topic,
                      absl::Time until) {
  const std::string key = base::StrCat(CellKey(desk, cell), topic);
  std::string value;
  AppendTime(until, value);
  fold_.changes->Put(table::kSilences, key, value);
  AddDeadline(fold_, until, kSilenceDeadline, key);
}

absl::Status Ringing::EndSilence(std::string_view key) {
  KENG_ASSIGN_OR_RETURN(const std::optional<std::string> until,
                        fold_.changes->Get(table::kSilences, key));
  // A later action may have made it longer; that one has a deadline of its own.
  if (until && ReadTime(*until) <= fold_.row.now) fold_.changes->Delete(table::kSilences, key);
  return absl::OkStatus();
}

absl::Status Ringing::EndStormHour(std::string_view key) {
  KENG_ASSIGN_OR_RETURN(std::optional<StormRow> storm,
                        Load<StormRow>(*fold_.changes, table::kStorms, key));
  if (!storm) return absl::OkStatus();
  fold_.changes->Delete(table::kStorms, key);
  if (storm->held_back.empty()) return absl::OkStatus();
  KENG_ASSIGN_OR_RETURN(const std::optional<IncidentRow> last,
                        fold_.LoadIncident(storm->held_back.back()));
  if (!last) return absl::OkStatus();
  Incident shown = last->incident;
  // The summary is for the cell that held back, wherever the incident belongs by now.
  const size_t desk_end = key.find('\0');
  const size_t cell_end = key.find('\0', desk_end + 1);
  KENG_CHECK(cell_end != std::string_view::npos);
  shown.cell = key.substr(desk_end + 1, cell_end - desk_end - 1);
  DecideStorm(key, *storm, shown);
  return absl::OkStatus();
}

}  // namespace keng::alerting
