#ifndef KENG_ALERTING_INCIDENT_QUERIES_H_
#define KENG_ALERTING_INCIDENT_QUERIES_H_

// What `keng incidents` and the admin socket ask: incidents as JSON lines, one incident with its
// posts and alerts, and the way of an action into the inbox. No answer names an author, and none
// can be asked for by author: counts only.
//
// Thread-safe: reads go to a view of the store, writes to the streams.

#include <ostream>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "filters/inbox_record.h"
#include "store/store.h"
#include "stream/stream.h"

namespace keng::alerting {

// kLive: gathering, open or received.
enum class ListScope : uint8_t { kLive, kAll };

struct ListOptions {
  ListScope scope = ListScope::kLive;
  size_t incidents_max = 100'000;  // the newest
};

// One JSON object a line, in the order in which they were opened:
// {"id","state","topic","cell","place","severity","rule",
// "posts","authors","opened_at","last_hit_at","first_url","received_by","title"}.
absl::Status ListIncidents(const store::View& view, const ListOptions& options, std::ostream& out);

// The same object with "members" (links of its posts) and "alerts" (reason, time, deliveries).
// NotFound: no such incident.
absl::Status ShowIncident(const store::View& view, std::string_view id, std::ostream& out);

// Appends an action to the inbox of `desk`. InvalidArgument: it lacks an id, an actor or what its
// verb needs. NotFound: the incident is not known. On OK it is durable and will be folded in its
// turn.
absl::Status WriteAction(stream::Streams& streams, const store::View& view, std::string_view desk,
                         const filters::ActionRecord& action);

// JSON lines of ListIncidents or ShowIncident as a table for people.
std::string IncidentsForPeople(std::string_view lines);

}  // namespace keng::alerting

#endif  // KENG_ALERTING_INCIDENT_QUERIES_H_
