#ifndef KENG_ALERTING_DECIDE_H_
#define KENG_ALERTING_DECIDE_H_

// The decisions of the fold that people ask about: does this hit belong to that incident, does it
// ring, what does this action do. Pure functions of values that return a reason, so that a table
// test holds the answer (alerting/decide_test.cc). They read no clock and no store.

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/time/time.h"
#include "alerting/alert.h"
#include "alerting/incident.h"

namespace keng::alerting {

struct PostRow;

// Gathering, open or received.
bool IsLive(IncidentState state);

// By what a hit and an incident of its desk and topic may be one story.
enum class JoinBasis : uint8_t {
  kPlace,          // the incident's place equals or contains the hit's (rumours: the same rule)
  kNearDuplicate,  // the texts are the same text told again
};
enum class JoinVerdict : uint8_t {
  kJoin,         // the incident is live and had a hit within W
  kReopen,       // it was resolved within R
  kJoinQuietly,  // an officer called it noise, and this is the same text again
  kTooQuiet,     // no hit within W
  kTooLate,      // resolved longer than R ago
  kClosed,       // retracted, expired, or noise and another text
};
JoinVerdict DecideJoin(const Incident& incident, JoinBasis basis, absl::Time now);

// What has just happened to an incident, as far as ringing is concerned.
struct RingCase {
  IncidentState state = IncidentState::kGathering;  // after the change
  filters::RuleStatus status = filters::RuleStatus::kStable;
  bool reopened = false;
  bool severity_rose = false;
  bool silenced = false;  // the incident, its cell or one above it
  int64_t posts = 0;
  int64_t posts_rung = 0;          // at the last alert; 0: never rang
  int64_t rings_this_hour = 0;     // of the cell
  int64_t rings_per_hour_max = 0;  // 0: no cap
};
// The order is that of the stored counters: new ones are added at the end.
enum class RingVerdict : uint8_t {
  kRing = 0,
  kNothingNew = 1,      // it has rung, and has neither grown tenfold nor become more severe
  kBelowThreshold = 2,  // still gathering
  kDraftRule = 3,       // the rule is not stable
  kClosed = 4,
  kReceived = 5,  // an officer has it: growth rings no more
  kSilenced = 6,
  kHeldBack = 7,  // over the cell's cap: becomes part of a storm summary
};
inline constexpr int kRingVerdicts = 8;
std::string_view RingVerdictName(RingVerdict verdict);
struct RingDecision {
  RingVerdict verdict = RingVerdict::kNothingNew;
  AlertReason reason = AlertReason::kOpened;  // for kRing, kSilenced and kHeldBack
};
RingDecision DecideRing(const RingCase& ring);

// A rule's threshold against what came within its window.
bool ThresholdReached(const filters::RuleFacts& facts, int64_t posts, int64_t authors);

// What an officer's action does to an incident. nullopt: nothing (it does not fit the state).
std::optional<IncidentState> DecideAction(IncidentState state, filters::ActionVerb verb);

// When nothing happens until then, the incident changes by itself or may be forgotten: a live one
// expires, a closed one can no longer be joined.
absl::Time QuietDeadline(const Incident& incident);

// True when a state of a post with version `a` is older than one with `b`. Versions are compared as
// bytes; without a version the order of arrival stands, so that nothing is older.
bool OlderVersion(std::string_view a, std::string_view b);

// True when what is known of a post has put a state of it with this version out of force: a
// retraction that the version does not prove to be older, or a newer state.
bool IsSuperseded(const PostRow& post, std::string_view version);

}  // namespace keng::alerting

#endif  // KENG_ALERTING_DECIDE_H_
