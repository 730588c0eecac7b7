#include "ingest/sources/http_source.h"

#include <sys/stat.h>

#include <atomic>
#include <boost/json.hpp>
#include <fstream>
#include <sstream>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/time/clock.h"
#include "base/check.h"
#include "base/keyed_hash.h"
#include "base/mutex.h"
#include "base/strings.h"
#include "net/decompress.h"
#include "net/http_server.h"

namespace keng::ingest {

namespace {

namespace json = boost::json;
using base::StrCat;
using net::ServerRequest;
using net::ServerResponse;

constexpr absl::Duration kWait = absl::Milliseconds(200);
constexpr absl::Duration kStopGrace = absl::Seconds(5);
constexpr int kRetryAfterSeconds = 1;

absl::StatusOr<std::vector<std::string>> ReadTokens(const std::string& path) {
  struct stat file = {};
  if (stat(path.c_str(), &file) != 0) {
    return absl::NotFoundError(
        StrCat(path, ": the producers' tokens are not there; write lines \"PRODUCER TOKEN\""));
  }
  if ((file.st_mode & 077) != 0) {
    return absl::InvalidArgumentError(StrCat(path, ": others can read the tokens; chmod 600 it"));
  }
  std::ifstream in(path);
  std::vector<std::string> tokens;
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    std::string producer;
    std::string token;
    std::string more;
    if (!(words >> producer >> token) || (words >> more)) {
      return absl::InvalidArgumentError(StrCat(path, ":", number, ": expected \"PRODUCER TOKEN\""));
    }
    if (token.size() < 16) {
      return absl::InvalidArgumentError(
          StrCat(path, ":", number, ": the token of ", producer, " is shorter than 16 characters"));
    }
    tokens.push_back(token);
  }
  if (tokens.empty()) return absl::InvalidArgumentError(StrCat(path, ": holds no token"));
  return tokens;
}

ServerResponse Problem(int status, std::string_view message) {
  json::object body;
  body["error"] = json::string_view(message.data(), message.size());
  return ServerResponse::Json(status, json::serialize(body));
}

// "application/json; charset=utf-8" -> "application/json"
std::string MediaType(std::string_view header) {
  const std::string_view type = header.substr(0, header.find(';'));
  return absl::AsciiStrToLower(absl::StripAsciiWhitespace(base::ToAbsl(type)));
}

// The posts of a body as lines. Errors are the request's.
absl::StatusOr<std::vector<std::string>> SplitLines(std::string_view body, int lines_max) {
  std::vector<std::string> lines;
  if (body.starts_with("\xEF\xBB\xBF")) body.remove_prefix(3);
  while (!body.empty()) {
    const size_t feed = body.find('\n');
    std::string_view line = body.substr(0, feed);
    body = feed == std::string_view::npos ? std::string_view() : body.substr(feed + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.find_first_not_of(" \t") == std::string_view::npos) continue;
    if (lines.size() == static_cast<size_t>(lines_max)) {
      return absl::OutOfRangeError(
          StrCat("more than ", lines_max, " lines; send them in several requests"));
    }
    lines.emplace_back(line);
  }
  return lines;
}

// `data` of one event; an event that is none becomes a line that the parser refuses, so that it is
// counted like any other.
std::string EventLine(const json::value& event) {
  if (event.is_object()) {
    const json::object& object = event.as_object();
    const json::value* version = object.if_contains("specversion");
    const json::value* data = object.if_contains("data");
    if (version != nullptr && version->is_string() && version->as_string() == "1.0" &&
        data != nullptr && object.contains("id") && object.contains("source") &&
        object.contains("type")) {
      return json::serialize(*data);
    }
  }
  return "not a CloudEvents 1.0 event with data";
}

absl::StatusOr<std::vector<std::string>> EventLines(std::string_view body, int lines_max) {
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = 32;
  const json::value parsed = json::parse({body.data(), body.size()}, error, {}, options);
  if (error) return absl::InvalidArgumentError("the body is not JSON");
  std::vector<std::string> lines;
  if (!parsed.is_array()) {
    lines.push_back(EventLine(parsed));
    return lines;
  }
  if (parsed.as_array().size() > static_cast<size_t>(lines_max)) {
    return absl::OutOfRangeError(
        StrCat("more than ", lines_max, " events; send them in several requests"));
  }
  for (const json::value& event : parsed.as_array()) lines.push_back(EventLine(event));
  return lines;
}

class HttpSource final : public PushSource {
 public:
  HttpSource(HttpSourceOptions options, std::vector<std::string> tokens,
             std::unique_ptr<SourceIntake> intake)
      : options_(std::move(options)), tokens_(std::move(tokens)), intake_(std::move(intake)) {}

  ~HttpSource() override {
    if (server_ != nullptr) server_->Stop(kStopGrace).IgnoreError();
  }

  absl::Status Listen(base::Metrics* metrics) {
    net::HttpServerOptions server;
    server.name = "intake";
    server.metrics = metrics;
    net::HttpListen listen;
    listen.address = options_.address;
    listen.port = options_.port;
    listen.tls_certificate_file = options_.tls_certificate_file;
    listen.tls_key_file = options_.tls_key_file;
    listen.token = tokens_.front();  // the route checks every producer's; the server only wants to
                                     // know that there is one
    server.listen = {listen};
    net::HttpRoute route;
    route.method = "POST";
    route.path = "/v1/posts";
    route.handler = [this](const ServerRequest& request) { return Take(request); };
    route.body_bytes_max = options_.body_bytes_max;
    route.access = net::HttpRoute::Access::kHandler;
    KENG_ASSIGN_OR_RETURN(server_, net::HttpServer::Make(server, {route}));
    return server_->Start();
  }

  int port() const override { return server_->port(); }

  absl::StatusOr<int64_t> RunOnce() override {
    base::MutexLock lock(wait_mutex_);
    const int64_t before = taken_;
    if (!woken_ && taken_ == before) wake_.WaitFor(wait_mutex_, kWait);
    woken_ = false;
    return std::exchange(taken_, 0);
  }
  void Wake() override {
    base::MutexLock lock(wait_mutex_);
    woken_ = true;
    wake_.NotifyAll();
  }
  bool finished() const override { return false; }

 private:
  bool Authorised(std::string_view header) const {
    constexpr std::string_view kBearer = "Bearer ";
    if (!header.starts_with(kBearer)) return false;
    bool found = false;
    // All are compared, so that the time says nothing about which one was close.
    for (const std::string& token : tokens_) {
      found = base::EqualConstantTime(header.substr(kBearer.size()), token) || found;
    }
    return found;
  }

  ServerResponse Take(const ServerRequest& request) {
    if (!Authorised(request.header("authorization"))) {
      ServerResponse refusal = Problem(401, "a producer's bearer token is needed");
      refusal.headers.emplace_back("WWW-Authenticate", "Bearer");
      return refusal;
    }
    const auto coding = net::ContentCodingByName(request.header("content-encoding"));
    if (!coding.has_value()) return Problem(415, "Content-Encoding: gzip, zstd or none");
    net::DecompressLimits limits;
    limits.bytes_max = options_.body_bytes_max;
    auto body = net::Decompress(*coding, request.body, limits);
    if (absl::IsResourceExhausted(body.status()))
      return Problem(413, std::string(body.status().message()));
    if (!body.ok()) return Problem(400, std::string(body.status().message()));
    auto lines = Lines(MediaType(request.header("content-type")), *body);
    if (absl::IsUnimplemented(lines.status()))
      return Problem(415, std::string(lines.status().message()));
    if (absl::IsOutOfRange(lines.status()))
      return Problem(413, std::string(lines.status().message()));
    if (!lines.ok()) return Problem(400, std::string(lines.status().message()));
    if (lines->empty()) return Problem(400, "the body holds no post");
    return Store(*lines);
  }

  absl::StatusOr<std::vector<std::string>> Lines(const std::string& type,
                                                 std::string_view body) const {
    if (type == "application/x-ndjson" || type == "application/ndjson" || type == "text/plain") {
      return SplitLines(body, options_.lines_max);
    }
    if (type == "application/json") return std::vector<std::string>{std::string(body)};
    // The batch first: its name begins like the other's.
    if (type == "application/cloudevents-batch+json" || type == "application/cloudevents+json") {
      return EventLines(body, options_.lines_max);
    }
    return absl::UnimplementedError(
        "Content-Type: application/x-ndjson, application/json, application/cloudevents+json or "
        "application/cloudevents-batch+json");
  }

  ServerResponse Full() const {
    ServerResponse full =
        Problem(429, "the pipeline is full; nothing was taken, send the request again");
    full.headers.emplace_back("Retry-After", StrCat(kRetryAfterSeconds));
    return full;
  }

  ServerResponse Store(std::vector<std::string>& lines) {
    json::array results;
    int64_t accepted = 0;
    int64_t duplicate = 0;
    int64_t rejected = 0;
    {
      base::MutexLock lock(intake_mutex_);
      if (!intake_->Pressure().ok()) return Full();
      int64_t number = 0;
      for (std::string& line : lines) {
        const size_t size = line.size();
        line.resize(size + PostParser::kPadding, ' ');
        const SourceIntake::Result result =
            intake_->Add(std::string_view(line).substr(0, size), ++number);
        json::object entry;
        entry["line"] = number;
        switch (result.outcome) {
          case IngestOutcome::kStored:
            ++accepted;
            entry["outcome"] = "stored";
            break;
          case IngestOutcome::kDuplicate:
            ++duplicate;
            entry["outcome"] = "duplicate";
            break;
          case IngestOutcome::kDropped: {
            ++rejected;
            entry["outcome"] = "dropped";
            const std::string_view reason = DropReasonName(result.reason);
            entry["reason"] = json::string_view(reason.data(), reason.size());
            if (!result.field.empty())
              entry["field"] = json::string_view(result.field.data(), result.field.size());
            break;
          }
        }
        results.push_back(std::move(entry));
      }
      const absl::Status stored = intake_->Commit("");
      if (!stored.ok()) {
        intake_->Discard();
        return absl::IsDataLoss(stored)
                   ? Problem(503, "the store has stopped; an operator must look")
                   : Full();
      }
    }
    {
      base::MutexLock lock(wait_mutex_);
      taken_ += static_cast<int64_t>(lines.size());
      wake_.NotifyAll();
    }
    json::object answer;
    answer["accepted"] = accepted;
    answer["duplicate"] = duplicate;
    answer["rejected"] = rejected;
    answer["results"] = std::move(results);
    return ServerResponse::Json(accepted + duplicate == 0 ? 400 : 200, json::serialize(answer));
  }

  // Constant after construction.
  const HttpSourceOptions options_;
  const std::vector<std::string> tokens_;

  base::Mutex intake_mutex_;
  const std::unique_ptr<SourceIntake> intake_ ABSL_PT_GUARDED_BY(intake_mutex_);

  base::Mutex wait_mutex_;
  base::CondVar wake_;
  int64_t taken_ ABSL_GUARDED_BY(wait_mutex_) = 0;  // lines since the last RunOnce()
  bool woken_ ABSL_GUARDED_BY(wait_mutex_) = false;

  std::unique_ptr<net::HttpServer> server_;  // the last member: its handlers see all others
};

}  // namespace

absl::StatusOr<HttpSourceOptions> ReadHttpSourceOptions(const base::Yaml& entry) {
  HttpSourceOptions options;
  if (const base::Yaml* listen = entry.Find("listen")) {
    KENG_ASSIGN_OR_RETURN(const std::string text, listen->String("listen"));
    const size_t colon = text.rfind(':');
    if (colon == std::string::npos || !absl::SimpleAtoi(text.substr(colon + 1), &options.port)) {
      return listen->Error(
          StrCat("listen is \"", text, "\"; expected ADDRESS:PORT such as 127.0.0.1:8080"));
    }
    options.address = text.substr(0, colon);
  }
  const std::pair<const char*, std::string*> texts[] = {
      {"tokens_file", &options.tokens_file},
      {"tls_certificate_file", &options.tls_certificate_file},
      {"tls_key_file", &options.tls_key_file}};
  for (const auto& [key, target] : texts) {
    if (const base::Yaml* value = entry.Find(key)) {
      KENG_ASSIGN_OR_RETURN(*target, value->String(key));
    }
  }
  if (const base::Yaml* bytes = entry.Find("body_bytes_max")) {
    KENG_ASSIGN_OR_RETURN(const int64_t value, bytes->Bytes("body_bytes_max"));
    options.body_bytes_max = static_cast<size_t>(value);
  }
  if (options.tokens_file.empty()) {
    return entry.Error("an http source needs tokens_file: a file of lines \"PRODUCER TOKEN\"");
  }
  return options;
}

absl::StatusOr<std::unique_ptr<PushSource>> MakeHttpSource(HttpSourceOptions options,
                                                           std::unique_ptr<SourceIntake> intake,
                                                           base::Metrics* metrics) {
  KENG_ASSIGN_OR_RETURN(std::vector<std::string> tokens, ReadTokens(options.tokens_file));
  auto source =
      std::make_unique<HttpSource>(std::move(options), std::move(tokens), std::move(intake));
  KENG_RETURN_IF_ERROR(source->Listen(metrics));
  return std::unique_ptr<PushSource>(std::move(source));
}

}  // namespace keng::ingest
