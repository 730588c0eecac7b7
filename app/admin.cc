#include "app/admin.h"

#include <boost/json.hpp>
#include <map>
#include <sstream>

#include "absl/strings/numbers.h"
#include "absl/time/clock.h"
#include "alerting/dead_letters.h"
#include "alerting/incident_queries.h"
#include "app/tap.h"
#include "base/check.h"
#include "base/strings.h"

namespace keng::app {

namespace {

namespace json = boost::json;
using base::StrCat;
using net::HttpRoute;
using net::ServerRequest;
using net::ServerResponse;

ServerResponse Lines(std::string lines) {
  return {.status = 200,
          .content_type = "application/x-ndjson",
          .body = std::move(lines),
          .headers = {}};
}

json::string Text(std::string_view text) { return json::string(text.data(), text.size()); }

// The request's body as a JSON object of strings: what every admin command sends.
absl::StatusOr<std::map<std::string, std::string>> Fields(const ServerRequest& request) {
  boost::system::error_code error;
  const json::value body = json::parse(request.body, error);
  if (error || !body.is_object())
    return absl::InvalidArgumentError("the body must be a JSON object");
  std::map<std::string, std::string> fields;
  for (const auto& [key, value] : body.as_object()) {
    if (!value.is_string())
      return absl::InvalidArgumentError(StrCat("\"", std::string(key), "\" must be a text"));
    fields[std::string(key)] = std::string(value.as_string());
  }
  return fields;
}

ServerResponse Act(const AdminTargets& targets, const ServerRequest& request) {
  const auto fields = Fields(request);
  if (!fields.ok()) return ErrorAnswer(fields.status());
  const auto field = [&](const std::string& key) {
    const auto found = fields->find(key);
    return found == fields->end() ? std::string() : found->second;
  };
  const auto verb = filters::ActionVerbByName(field("verb"));
  if (!verb.has_value()) {
    return ErrorAnswer(
        absl::InvalidArgumentError(StrCat("\"", field("verb"),
                                          "\" is no action; expected received, resolved, noise, "
                                          "silence, reassign, pause or resume")));
  }
  filters::ActionRecord action;
  action.id = field("id");
  action.verb = *verb;
  action.incident = field("incident");
  action.actor = field("actor");
  action.cell = field("cell");
  action.topic = field("topic");
  action.note = field("note");
  if (const std::string until = field("until"); !until.empty()) {
    std::string error;
    if (!absl::ParseTime(absl::RFC3339_full, until, &action.until, &error)) {
      return ErrorAnswer(
          absl::InvalidArgumentError(StrCat("until is \"", until, "\"; expected RFC 3339")));
    }
  }
  const absl::Status written =
      alerting::WriteAction(*targets.streams, *targets.store, targets.desk, action);
  if (!written.ok()) return ErrorAnswer(written);
  return ServerResponse::Json(202, json::serialize(json::object{{"id", action.id}}));
}

ServerResponse DeadLines(const AdminTargets& targets, const ServerRequest& request) {
  std::ostringstream out;
  const auto listed = alerting::DeadList(
      *targets.streams,
      {.stage = request.query_value("stage"), .form = alerting::OutputForm::kJson}, out);
  return listed.ok() ? Lines(out.str()) : ErrorAnswer(listed.status());
}

ServerResponse Replay(const AdminTargets& targets, const ServerRequest& request) {
  const auto fields = Fields(request);
  if (!fields.ok()) return ErrorAnswer(fields.status());
  alerting::DeadReplayOptions options;
  for (const auto& [key, value] : *fields) {
    if (key == "id") options.id = value;
    if (key == "actor") options.actor = value;
    if (key == "note") options.note = value;
    if (key == "alert") options.alert = value;
    if (key == "channel") options.channel = value;
  }
  const auto result = alerting::DeadReplay(*targets.streams, *targets.outbox, *targets.routes,
                                           targets.desk, options);
  if (!result.ok()) return ErrorAnswer(result.status());
  return ServerResponse::Json(202, DeadReplayJson(*result));
}

ServerResponse TapStream(const AdminTargets& targets, const ServerRequest& request) {
  const std::string name = request.query_value("stream");
  const auto stream = stream::StreamByName(name);
  if (!stream.has_value()) {
    return ErrorAnswer(absl::InvalidArgumentError(StrCat(
        "\"", name, "\" is no stream; expected posts, inbox, texts, alerts, control or dead")));
  }
  TapRequest tap{.stream = *stream};
  int64_t newest = 0;
  if (absl::SimpleAtoi(request.query_value("newest"), &newest)) tap.newest = newest;
  // "from" is the X-Keng-Next of the answer before: offsets by partition, separated by commas.
  std::istringstream from(request.query_value("from"));
  int partition = 0;
  for (std::string part; std::getline(from, part, ','); ++partition) {
    int64_t offset = 0;
    if (absl::SimpleAtoi(part, &offset)) tap.from[partition] = offset;
  }
  const auto result = Tap(*targets.streams, tap);
  if (!result.ok()) return ErrorAnswer(result.status());
  ServerResponse response = Lines(result->lines);
  std::string next;
  for (const auto& [index, offset] : result->next)
    base::StrAppend(&next, index == 0 ? "" : ",", offset);
  response.headers.emplace_back("X-Keng-Next", next);
  return response;
}

ServerResponse Forget(const AdminTargets& targets, const ServerRequest& request) {
  const auto fields = Fields(request);
  if (!fields.ok()) return ErrorAnswer(fields.status());
  const auto post = fields->find("post");
  if (post == fields->end())
    return ErrorAnswer(absl::InvalidArgumentError("\"post\" is missing: an id or a link"));
  const auto forgotten = targets.forget(post->second);
  if (!forgotten.ok()) return ErrorAnswer(forgotten.status());
  return ServerResponse::Json(200, json::serialize(json::object{{"posts", *forgotten}}));
}

}  // namespace

ServerResponse ErrorAnswer(const absl::Status& error) {
  int status = 500;
  if (absl::IsInvalidArgument(error) || absl::IsFailedPrecondition(error)) status = 400;
  if (absl::IsNotFound(error)) status = 404;
  if (absl::IsResourceExhausted(error) || absl::IsUnavailable(error)) status = 503;
  return ServerResponse::Json(
      status, json::serialize(json::object{{"error", Text(std::string(error.message()))}}));
}

std::vector<HttpRoute> AdminRoutes(const AdminTargets& targets) {
  const auto route = [&targets](std::string method, std::string path, auto handler) {
    return HttpRoute{.method = std::move(method),
                     .path = std::move(path),
                     .handler = [targets, handler](const ServerRequest& request) {
                       return handler(targets, request);
                     }};
  };
  return {
      route("GET", "/v1/status",
            [](const AdminTargets& t, const ServerRequest& request) {
              const PipelineStatus status = t.status();
              return request.query_value("text").empty()
                         ? ServerResponse::Json(200, StatusJson(status))
                         : ServerResponse::Text(200, StatusText(status));
            }),
      route("GET", "/v1/incidents",
            [](const AdminTargets& t, const ServerRequest& request) {
              std::ostringstream out;
              const absl::Status listed = alerting::ListIncidents(
                  *t.store,
                  {.scope = request.query_value("all").empty() ? alerting::ListScope::kLive
                                                               : alerting::ListScope::kAll},
                  out);
              return listed.ok() ? Lines(out.str()) : ErrorAnswer(listed);
            }),
      route("GET", "/v1/incidents/*",
            [](const AdminTargets& t, const ServerRequest& request) {
              std::ostringstream out;
              const absl::Status shown = alerting::ShowIncident(
                  *t.store, request.path.substr(std::string_view("/v1/incidents/").size()), out);
              return shown.ok() ? ServerResponse::Json(200, out.str()) : ErrorAnswer(shown);
            }),
      route("POST", "/v1/actions", Act),
      route("GET", "/v1/dead", DeadLines),
      route("POST", "/v1/dead/replay", Replay),
      route("GET", "/v1/tap", TapStream),
      route("POST", "/v1/forget", Forget),
  };
}

std::vector<HttpRoute> MetricsRoutes(const AdminTargets& targets) {
  return {
      {.method = "GET",
       .path = "/metrics",
       .handler =
           [targets](const ServerRequest&) {
             return ServerResponse{.status = 200,
                                   .content_type = "text/plain; version=0.0.4; charset=utf-8",
                                   .body = targets.metrics->Expose(),
                                   .headers = {}};
           }},
      {.method = "GET",
       .path = "/healthz",
       .handler = [](const ServerRequest&) { return ServerResponse::Text(200, "alive\n"); },
       .access = HttpRoute::Access::kOpen},
      {.method = "GET",
       .path = "/readyz",
       .handler =
           [targets](const ServerRequest&) {
             const Readiness readiness = targets.readiness();
             return ServerResponse::Text(readiness.ready ? 200 : 503, readiness.detail);
           },
       .access = HttpRoute::Access::kOpen},
  };
}

}  // namespace keng::app
