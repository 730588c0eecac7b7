#ifndef KENG_APP_RULE_PUBLISHING_H_
#define KENG_APP_RULE_PUBLISHING_H_

// Published rules and the running program: what it follows, and the way of `keng rules publish` and
// `status` through its admin socket while it owns the streams (filters/rules/rule_publication.h has
// the matter itself). Both ends of the socket's routes stand here:
//
//   POST /v1/rules/publish?publisher=NAME   body: the package   {"version": V, "outcome": O}
//   POST /v1/rules/withdraw                                     {}
//   GET  /v1/rules/status                                       EncodeRulesStatus()
//
// Threads: handlers run on the server's; everything here is safe for any.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "app/config.h"
#include "base/clock.h"
#include "filters/rules/placing.h"
#include "filters/rules/rule_follower.h"
#include "filters/rules/rule_publish_command.h"
#include "filters/rules/rule_status.h"
#include "net/http_server.h"
#include "stream/stream.h"

namespace keng::app {

// What this process matches with: the newest publication, else the files of the configuration.
// `stage` ("run") names it among the processes of its host, the same after a restart: `keng rules
// status` shows HOST/STAGE. The errors of RulePublicationFollower::Open().
absl::StatusOr<std::unique_ptr<filters::RulePublicationFollower>> FollowRules(
    const Config& config, std::string_view stage, const filters::RuleFollowerParts& parts);

// "published", "files: nothing is published", ...: for people.
std::string_view RulesInWords(filters::RulesOrigin origin);

struct RuleRouteTargets {
  stream::Streams* streams = nullptr;  // this and the clock must outlive the server
  filters::Placing placing;
  const base::Clock* clock = nullptr;
};
std::vector<net::HttpRoute> RuleRoutes(const RuleRouteTargets& targets);

// The other end. NotFound: nothing listens at `socket_path`; the status that the program answers
// with; else the errors of CallAdmin().
absl::StatusOr<filters::PublishOutcome> PublishThrough(const std::string& socket_path,
                                                       const filters::PublishableRules& rules,
                                                       std::string_view publisher);
absl::Status WithdrawThrough(const std::string& socket_path);
absl::StatusOr<filters::RulesStatus> RulesStatusThrough(const std::string& socket_path);

}  // namespace keng::app

#endif  // KENG_APP_RULE_PUBLISHING_H_
