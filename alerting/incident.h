#ifndef KENG_ALERTING_INCIDENT_H_
#define KENG_ALERTING_INCIDENT_H_

// The open-to-closed story to which hits belong. A value; it changes only in IncidentFold
// (alerting/incident_fold.h).

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "filters/inbox_record.h"

namespace keng::alerting {

// kGathering: below the rule's threshold, rings nobody yet. kOpen: rung, nobody has answered.
// kReceived: a duty officer has it. kResolved, kNoise, kRetracted (all its posts are gone),
// kExpired (quiet beyond its window): closed.
enum class IncidentState : uint8_t {
  kGathering = 0,
  kOpen = 1,
  kReceived = 2,
  kResolved = 3,
  kNoise = 4,
  kRetracted = 5,
  kExpired = 6,
};
std::string_view IncidentStateName(IncidentState state);

struct Incident {
  std::string id;  // [a-z0-9-], a function of the hit that opened it
  std::string desk;
  std::string cell;
  std::string topic;
  std::string place;  // code; empty when unknown
  std::vector<std::string> place_path;
  IncidentState state = IncidentState::kGathering;
  filters::Severity severity = filters::Severity::kNormal;
  filters::RouteReason route_reason = filters::RouteReason::kUnclear;
  std::string rule;          // of the first hit
  filters::RuleFacts facts;  // of the first hit; severity is the highest seen
  std::string first_post;    // the post whose text the story is compared with and quoted by
  std::string first_url;
  std::string first_account;
  std::vector<filters::HitSpan> first_spans;
  int64_t posts = 0;       // that are not retracted
  int64_t authors = 0;     // distinct author keys of those
  int64_t posts_rung = 0;  // `posts` at the last alert: grew means >= 10 times this
  int64_t version = 0;  // counts changes that an officer would see; edits of sent messages carry it
  absl::Time opened_at, last_hit_at, closed_at = absl::InfiniteFuture();
  absl::Time first_created_at;  // the platform's time of the first post: "since when"
  std::string received_by;
};

}  // namespace keng::alerting

#endif  // KENG_ALERTING_INCIDENT_H_
