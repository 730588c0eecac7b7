#include "app/rule_publishing.h"

#include <unistd.h>

#include <array>
#include <boost/json.hpp>
#include <exception>
#include <utility>

#include "absl/time/time.h"
#include "app/admin.h"
#include "app/admin_client.h"
#include "base/check.h"
#include "base/strings.h"
#include "filters/rules/rule_package.h"
#include "filters/rules/rule_watcher.h"

namespace keng::app {

namespace {

namespace json = boost::json;
using base::StrCat;
using net::ServerRequest;
using net::ServerResponse;

// To compile 100,000 phrases takes seconds; a write may wait for its brokers.
constexpr absl::Duration kPublishDeadline = absl::Minutes(3);

std::string HostName() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return "unknown";
  return name.data();
}

ServerResponse Publish(const RuleRouteTargets& targets, const ServerRequest& request) {
  const absl::Time now = targets.clock->Now();
  // Who publishes has tested; here it counts that this program can load it.
  const auto rules = filters::CompilePackage(request.body, targets.placing, now);
  if (!rules.ok()) return ErrorAnswer(rules.status());
  const auto outcome = filters::PublishRules(*targets.streams, request.body, (*rules)->version(),
                                             {request.query_value("publisher"), now});
  if (!outcome.ok()) return ErrorAnswer(outcome.status());
  const bool published = *outcome == filters::PublishOutcome::kPublished;
  return ServerResponse::Json(
      200, json::serialize(json::object{{"version", (*rules)->version()},
                                        {"outcome", published ? "published" : "current"}}));
}

ServerResponse Withdraw(const RuleRouteTargets& targets) {
  const absl::Status withdrawn = filters::WithdrawRules(*targets.streams);
  return withdrawn.ok() ? ServerResponse::Json(200, "{}") : ErrorAnswer(withdrawn);
}

ServerResponse Status(const RuleRouteTargets& targets) {
  const auto status = filters::ReadRulesStatus(*targets.streams);
  return status.ok() ? ServerResponse::Json(200, filters::EncodeRulesStatus(*status))
                     : ErrorAnswer(status.status());
}

// The body of a good answer; the program's error otherwise.
absl::StatusOr<std::string> Answer(absl::StatusOr<AdminAnswer> answer) {
  KENG_RETURN_IF_ERROR(answer.status());
  if (answer->status < 300) return std::move(answer->body);
  std::string message = answer->body;
  boost::system::error_code error;
  const json::value body = json::parse(answer->body, error);
  if (!error && body.is_object()) {
    if (const json::value* text = body.as_object().if_contains("error");
        text != nullptr && text->is_string())
      message = std::string(text->as_string());
  }
  if (answer->status == 503) return absl::UnavailableError(message);
  return answer->status < 500 ? absl::FailedPreconditionError(message)
                              : absl::InternalError(message);
}

// What stands in a query unescaped (RFC 3986, section 2.3); the rest becomes '-'.
std::string Plain(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '@';
    out.push_back(plain ? c : '-');
  }
  return out;
}

}  // namespace

absl::StatusOr<std::unique_ptr<filters::RulePublicationFollower>> FollowRules(
    const Config& config, std::string_view stage, const filters::RuleFollowerParts& parts) {
  filters::RuleFollowerOptions options{.instance = StrCat(HostName(), "/", stage)};
  if (!config.rules.empty()) {
    options.files = [paths = config.rules,
                     parts]() -> absl::StatusOr<std::unique_ptr<filters::RuleSource>> {
      return filters::RuleWatcher::Open({.paths = paths}, parts.placing, *parts.clock,
                                        parts.metrics);
    };
  }
  return filters::RulePublicationFollower::Open(options, parts);
}

std::string_view RulesInWords(filters::RulesOrigin origin) {
  switch (origin) {
    case filters::RulesOrigin::kPublished:
      return "published";
    case filters::RulesOrigin::kFiles:
      return "files: nothing published is in force";
    case filters::RulesOrigin::kNone:
      return "NO RULES: nothing is published and no files are configured";
  }
  return "?";
}

std::vector<net::HttpRoute> RuleRoutes(const RuleRouteTargets& targets) {
  return {
      {.method = "POST",
       .path = "/v1/rules/publish",
       .handler = [targets](const ServerRequest& request) { return Publish(targets, request); },
       .body_bytes_max = filters::RulePackage::kPackedBytesMax},
      {.method = "POST",
       .path = "/v1/rules/withdraw",
       .handler = [targets](const ServerRequest&) { return Withdraw(targets); }},
      {.method = "GET",
       .path = "/v1/rules/status",
       .handler = [targets](const ServerRequest&) { return Status(targets); }},
  };
}

absl::StatusOr<filters::PublishOutcome> PublishThrough(const std::string& socket_path,
                                                       const filters::PublishableRules& rules,
                                                       std::string_view publisher) {
  KENG_ASSIGN_OR_RETURN(const std::string body,
                        Answer(CallAdmin(socket_path, "POST",
                                         StrCat("/v1/rules/publish?publisher=", Plain(publisher)),
                                         rules.packed, kPublishDeadline)));
  try {
    const json::value answer = json::parse(body);
    const std::string version(answer.as_object().at("version").as_string());
    if (version != rules.version) {
      return absl::InternalError(StrCat("the running program calls this rule set ", version,
                                        ", not ", rules.version, "; are both of one release?"));
    }
    return answer.as_object().at("outcome").as_string() == "current"
               ? filters::PublishOutcome::kAlreadyCurrent
               : filters::PublishOutcome::kPublished;
  } catch (const std::exception& error) {
    return absl::InternalError(
        StrCat("the answer to the publication cannot be read: ", std::string_view(error.what())));
  }
}

absl::Status WithdrawThrough(const std::string& socket_path) {
  return Answer(CallAdmin(socket_path, "POST", "/v1/rules/withdraw", "", kPublishDeadline))
      .status();
}

absl::StatusOr<filters::RulesStatus> RulesStatusThrough(const std::string& socket_path) {
  KENG_ASSIGN_OR_RETURN(
      const std::string body,
      Answer(CallAdmin(socket_path, "GET", "/v1/rules/status", "", kPublishDeadline)));
  return filters::DecodeRulesStatus(body);
}

}  // namespace keng::app
