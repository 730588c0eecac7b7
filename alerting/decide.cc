#include "alerting/decide.h"

#include <algorithm>

#include "alerting/state_tables.h"

namespace keng::alerting {
namespace {

constexpr int64_t kGrewFactor = 10;

// Why a change would ring if nothing stood against it; nullopt: nothing new.
std::optional<AlertReason> NewsOf(const RingCase& ring) {
  if (ring.posts_rung == 0) return AlertReason::kOpened;
  if (ring.reopened) return AlertReason::kReopened;
  if (ring.severity_rose) return AlertReason::kSeverityRose;
  if (ring.posts / kGrewFactor >= ring.posts_rung) return AlertReason::kGrew;
  return std::nullopt;
}

}  // namespace

bool IsLive(IncidentState state) {
  return state == IncidentState::kGathering || state == IncidentState::kOpen ||
         state == IncidentState::kReceived;
}

JoinVerdict DecideJoin(const Incident& incident, JoinBasis basis, absl::Time now) {
  const bool recent = now - incident.last_hit_at <= incident.facts.join_window;
  switch (incident.state) {
    case IncidentState::kGathering:
    case IncidentState::kOpen:
    case IncidentState::kReceived:
      return recent ? JoinVerdict::kJoin : JoinVerdict::kTooQuiet;
    case IncidentState::kResolved:
      return now - incident.closed_at <= incident.facts.reopen_window ? JoinVerdict::kReopen
                                                                      : JoinVerdict::kTooLate;
    case IncidentState::kNoise:
      if (basis != JoinBasis::kNearDuplicate) return JoinVerdict::kClosed;
      return recent ? JoinVerdict::kJoinQuietly : JoinVerdict::kTooQuiet;
    case IncidentState::kRetracted:
    case IncidentState::kExpired:
      return JoinVerdict::kClosed;
  }
  return JoinVerdict::kClosed;
}

std::string_view RingVerdictName(RingVerdict verdict) {
  switch (verdict) {
    case RingVerdict::kRing:
      return "ring";
    case RingVerdict::kNothingNew:
      return "nothing_new";
    case RingVerdict::kBelowThreshold:
      return "below_threshold";
    case RingVerdict::kDraftRule:
      return "draft_rule";
    case RingVerdict::kClosed:
      return "closed";
    case RingVerdict::kReceived:
      return "received";
    case RingVerdict::kSilenced:
      return "silenced";
    case RingVerdict::kHeldBack:
      return "held_back";
  }
  return "nothing_new";
}

RingDecision DecideRing(const RingCase& ring) {
  if (ring.status != filters::RuleStatus::kStable) return {RingVerdict::kDraftRule};
  if (ring.state == IncidentState::kGathering) return {RingVerdict::kBelowThreshold};
  if (!IsLive(ring.state)) return {RingVerdict::kClosed};
  const std::optional<AlertReason> news = NewsOf(ring);
  if (!news) return {RingVerdict::kNothingNew};
  // Received: everybody stops being rung. Only a story that has become more severe than what the
  // officer took on rings again.
  if (ring.state == IncidentState::kReceived && *news != AlertReason::kSeverityRose) {
    return {RingVerdict::kReceived};
  }
  if (ring.silenced) return {RingVerdict::kSilenced, *news};
  if (ring.rings_per_hour_max > 0 && ring.rings_this_hour >= ring.rings_per_hour_max) {
    return {RingVerdict::kHeldBack, *news};
  }
  return {RingVerdict::kRing, *news};
}

bool ThresholdReached(const filters::RuleFacts& facts, int64_t posts, int64_t authors) {
  // Posts without a known author are one author together, so that a threshold of one author asks
  // for nothing.
  return posts >= facts.threshold_posts && authors >= facts.threshold_authors;
}

std::optional<IncidentState> DecideAction(IncidentState state, filters::ActionVerb verb) {
  using filters::ActionVerb;
  switch (verb) {
    case ActionVerb::kReceived:
      if (state == IncidentState::kGathering || state == IncidentState::kOpen) {
        return IncidentState::kReceived;
      }
      return std::nullopt;
    case ActionVerb::kResolved:
      if (IsLive(state) || state == IncidentState::kExpired) return IncidentState::kResolved;
      return std::nullopt;
    case ActionVerb::kNoise:
      if (state != IncidentState::kNoise && state != IncidentState::kRetracted) {
        return IncidentState::kNoise;
      }
      return std::nullopt;
    case ActionVerb::kSilence:
    case ActionVerb::kReassign:
      if (state == IncidentState::kRetracted) return std::nullopt;
      return state;
    case ActionVerb::kPause:
    case ActionVerb::kResume:
    case ActionVerb::kReplay:
      return std::nullopt;
  }
  return std::nullopt;
}

absl::Time QuietDeadline(const Incident& incident) {
  switch (incident.state) {
    case IncidentState::kGathering:
      return incident.last_hit_at +
             std::max(incident.facts.join_window, incident.facts.threshold_window);
    case IncidentState::kResolved:
      return incident.closed_at + incident.facts.reopen_window;
    case IncidentState::kOpen:
    case IncidentState::kReceived:
    case IncidentState::kNoise:
      return incident.last_hit_at + incident.facts.join_window;
    case IncidentState::kRetracted:
    case IncidentState::kExpired:
      return incident.closed_at;
  }
  return incident.closed_at;
}

bool OlderVersion(std::string_view a, std::string_view b) {
  return !a.empty() && !b.empty() && a < b;
}

bool IsSuperseded(const PostRow& post, std::string_view version) {
  if (post.retracted &&
      (post.retracted_version.empty() || version <= std::string_view(post.retracted_version))) {
    return true;
  }
  return OlderVersion(version, post.version);
}

}  // namespace keng::alerting
