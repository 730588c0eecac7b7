#include "net/http_client.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url.hpp>
#include <cerrno>
#include <chrono>
#include <deque>
#include <optional>
#include <set>

#include "absl/strings/match.h"
#include "base/check.h"
#include "base/mutex.h"
#include "base/strings.h"
#include "net/decompress.h"
#include "net/internal/message_io.h"
#include "net/internal/transport.h"

namespace keng::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using base::StrCat;
using Steady = std::chrono::steady_clock;
using Tcp = asio::ip::tcp;
using boost::system::error_code;

constexpr size_t kHeaderBytesMax = 64 * 1024;

struct Target {
  std::string host, port, path;
  std::string authority;  // Host header
  bool tls = false;
  std::string Key() const { return StrCat(tls ? "s " : "p ", host, " ", port); }
};

absl::StatusOr<Target> ParseTarget(std::string_view text) {
  const auto parsed = boost::urls::parse_uri(boost::core::string_view(text.data(), text.size()));
  if (!parsed) return absl::InvalidArgumentError("the URL is not valid");
  const boost::urls::url_view& url = *parsed;
  Target target;
  if (url.scheme() == "https") {
    target.tls = true;
  } else if (url.scheme() != "http") {
    return absl::InvalidArgumentError("the URL's scheme is neither http nor https");
  }
  if (url.has_userinfo()) return absl::InvalidArgumentError("the URL holds a user name");
  target.host = url.host_address();
  if (target.host.empty()) return absl::InvalidArgumentError("the URL has no host");
  target.port = url.has_port() ? std::string(url.port()) : (target.tls ? "443" : "80");
  target.authority = std::string(url.encoded_host_and_port());
  target.path = std::string(url.encoded_path());
  if (target.path.empty()) target.path = "/";
  if (url.has_query()) base::StrAppend(&target.path, "?", std::string(url.encoded_query()));
  return target;
}

bool IsHeaderSafe(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

Steady::time_point After(absl::Duration delay) {
  return Steady::now() + absl::ToChronoNanoseconds(delay);
}

// One connection and the context on which its owner runs its operations.
struct Connection {
  explicit Connection(std::string for_key) : key(std::move(for_key)) {}

  // Whether the peer has neither closed it nor said anything unasked since it was last used.
  bool IsQuiet() {
    char byte = 0;
    const ssize_t got =
        ::recv(transport.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  }

  const std::string key;
  asio::io_context context{1};
  Transport transport{context};
  beast::flat_buffer buffer;
  Steady::time_point idle_since;
};

using RequestMessage = http::request<http::string_body>;
using ResponseParser = http::response_parser<http::buffer_body>;

struct Exchange {
  const HttpRequest& request;
  const Target& target;
  const RequestMessage& message;
  Steady::time_point deadline;
  HttpResult result;
  bool keep = false;  // the connection can be used again
};

std::string Problem(std::string_view step, const error_code& error) {
  if (error == beast::error::timeout) return StrCat(step, ": timed out");
  return StrCat(step, ": ", error.message());
}

absl::Status CheckHeaders(const HttpRequest& request) {
  for (const auto& [name, value] : request.headers) {
    if (name.empty() || !IsHeaderSafe(name) || !IsHeaderSafe(value)) {
      return absl::InvalidArgumentError("a header holds a line break");
    }
  }
  return absl::OkStatus();
}

RequestMessage MakeMessage(const HttpRequest& request, const Target& target,
                           const std::string& user_agent) {
  RequestMessage message;
  message.version(11);
  message.method(request.method == HttpMethod::kGet ? http::verb::get : http::verb::post);
  message.target(target.path);
  message.set(http::field::host, target.authority);
  message.set(http::field::user_agent, user_agent);
  if (request.method == HttpMethod::kGet) message.set(http::field::accept_encoding, "gzip");
  for (const auto& [name, value] : request.headers) message.set(name, value);
  if (request.method == HttpMethod::kPost) {
    message.body() = request.body;
    message.prepare_payload();
  }
  return message;
}

// The addresses of the target that the policy lets through. Blocks in the system's resolver.
absl::StatusOr<std::vector<Tcp::endpoint>> Resolve(Connection& connection, const Target& target,
                                                   AddressPolicy policy) {
  Tcp::resolver resolver(connection.context);
  error_code error;
  const auto found = resolver.resolve(target.host, target.port, error);
  if (error) return absl::UnavailableError(Problem("resolve", error));
  std::vector<Tcp::endpoint> endpoints;
  for (const auto& entry : found) {
    if (policy == AddressPolicy::kAny || IsPublicAddress(entry.endpoint().address().to_string())) {
      endpoints.push_back(entry.endpoint());
    }
  }
  if (endpoints.empty()) {
    return absl::PermissionDeniedError(
        "the host's address is not public; set addresses: any when it is meant");
  }
  return endpoints;
}

asio::awaitable<error_code> Connect(Transport& transport, Exchange& exchange,
                                    const std::vector<Tcp::endpoint>& endpoints,
                                    asio::ssl::context& tls) {
  error_code error = asio::error::host_unreachable;
  const Steady::time_point deadline =
      std::min(exchange.deadline, After(exchange.request.connect_timeout));
  for (const Tcp::endpoint& endpoint : endpoints) {
    transport.ExpireAt(deadline);
    error = co_await transport.Connect(endpoint);
    if (!error) break;
  }
  if (error) {
    exchange.result.error = Problem("connect", error);
    co_return error;
  }
  transport.socket().set_option(Tcp::no_delay(true));
  if (exchange.target.tls) {
    error = co_await transport.HandshakeAsClient(tls, exchange.target.host);
    if (error) exchange.result.error = Problem("tls", error);
  }
  co_return error;
}

// Reads the body up to the cap. Leaves what was read in `raw`.
asio::awaitable<absl::Status> ReadBody(Transport& transport, beast::flat_buffer& buffer,
                                       ResponseParser& parser, size_t bytes_max, std::string& raw) {
  std::array<char, 16 * 1024> chunk;
  while (!parser.is_done()) {
    parser.get().body().data = chunk.data();
    parser.get().body().size = chunk.size();
    const error_code error = co_await ReadMessage(transport, buffer, parser, MessagePart::kWhole);
    raw.append(chunk.data(), chunk.size() - parser.get().body().size);
    if (raw.size() > bytes_max) {
      co_return absl::ResourceExhaustedError(
          StrCat("the answer has more than ", bytes_max, " bytes"));
    }
    if (error && error != http::error::need_buffer) {
      co_return absl::DataLossError(Problem("read body", error));
    }
  }
  co_return absl::OkStatus();
}

void Decode(const HttpRequest& request, std::string raw, HttpResult& result) {
  const std::optional<ContentCoding> coding =
      ContentCodingByName(result.Header("content-encoding"));
  if (!coding.has_value()) {
    result.body_status = absl::DataLossError("the answer has an unknown content coding");
    return;
  }
  if (*coding == ContentCoding::kIdentity) {
    result.body = std::move(raw);
    return;
  }
  DecompressLimits limits;
  limits.bytes_max = request.response_bytes_max;
  limits.ratio_max = request.ratio_max;
  absl::StatusOr<std::string> body = Decompress(*coding, raw, limits);
  if (body.ok()) {
    result.body = *std::move(body);
  } else if (absl::IsResourceExhausted(body.status())) {
    result.body_status = body.status();
  } else {
    result.body_status = absl::DataLossError(std::string(body.status().message()));
  }
}

asio::awaitable<void> Talk(Connection& connection, Exchange& exchange) {
  HttpResult& result = exchange.result;
  Transport& transport = connection.transport;
  transport.ExpireAt(exchange.deadline);
  error_code error = co_await WriteMessage(transport, exchange.message, MessagePart::kWhole);
  if (error) {
    // What the kernel did not take the peer cannot have; an unfinished request cannot be acted on.
    result.error = Problem("write", error);
    co_return;
  }
  result.outcome = HttpOutcome::kUnknown;
  std::optional<ResponseParser> parser;
  do {  // 1xx answers precede the real one
    parser.emplace();
    parser->header_limit(kHeaderBytesMax);
    parser->body_limit(boost::none);
    error = co_await ReadMessage(transport, connection.buffer, *parser, MessagePart::kHeader);
    if (error) {
      result.error = Problem("read answer", error);
      co_return;
    }
  } while (parser->get().result_int() / 100 == 1);
  result.outcome = HttpOutcome::kAnswered;
  result.status = static_cast<int>(parser->get().result_int());
  for (const auto& field : parser->get()) {
    result.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
  }
  std::string raw;
  result.body_status = co_await ReadBody(transport, connection.buffer, *parser,
                                         exchange.request.response_bytes_max, raw);
  if (!result.body_status.ok()) {
    result.body = std::move(raw);
    co_return;
  }
  exchange.keep = parser->get().keep_alive() && connection.buffer.size() == 0;
  Decode(exchange.request, std::move(raw), result);
}

bool IsRedirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

}  // namespace

std::string_view HttpOutcomeName(HttpOutcome outcome) {
  switch (outcome) {
    case HttpOutcome::kNotSent:
      return "not_sent";
    case HttpOutcome::kUnknown:
      return "unknown";
    case HttpOutcome::kAnswered:
      return "answered";
  }
  return "?";
}

std::string_view HttpResult::Header(std::string_view name) const {
  for (const auto& [header, value] : headers) {
    if (absl::EqualsIgnoreCase(header, base::ToAbsl(name))) return value;
  }
  return {};
}

struct HttpClient::State {
  explicit State(HttpClientOptions with) : options(std::move(with)) {}

  const HttpClientOptions options;
  asio::ssl::context tls{asio::ssl::context::tls_client};
  std::atomic<bool> stopped = false;
  base::Counter opened, reused, evicted;

  base::Mutex mutex;
  std::deque<std::shared_ptr<Connection>> idle ABSL_GUARDED_BY(mutex);
  std::set<std::shared_ptr<Connection>> active ABSL_GUARDED_BY(mutex);

  enum class Freshness { kKeptOrNew, kNew };

  std::shared_ptr<Connection> TakeKept(const std::string& key)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    const Steady::time_point oldest = After(-options.idle_max);
    std::erase_if(
        idle, [oldest](const auto& kept) { return kept->idle_since < oldest || !kept->IsQuiet(); });
    for (auto kept = idle.rbegin(); kept != idle.rend(); ++kept) {
      if ((*kept)->key != key) continue;
      std::shared_ptr<Connection> connection = *kept;
      idle.erase(std::next(kept).base());
      return connection;
    }
    return nullptr;
  }

  struct Taken {
    std::shared_ptr<Connection> connection;
    bool kept = false;
  };
  Taken Take(const std::string& key, Freshness freshness) {
    Taken taken;
    base::MutexLock lock(mutex);
    if (freshness == Freshness::kKeptOrNew) taken.connection = TakeKept(key);
    taken.kept = taken.connection != nullptr;
    if (!taken.kept) taken.connection = std::make_shared<Connection>(key);
    active.insert(taken.connection);
    (taken.kept ? reused : opened).Add();
    return taken;
  }

  void GiveBack(const std::shared_ptr<Connection>& connection, bool keep) {
    std::shared_ptr<Connection> closed;  // destroyed outside the lock
    base::MutexLock lock(mutex);
    active.erase(connection);
    if (!keep || options.idle_connections_max == 0 || stopped) return;
    connection->idle_since = Steady::now();
    idle.push_back(connection);
    if (idle.size() > options.idle_connections_max) {
      closed = idle.front();
      idle.pop_front();
      evicted.Add();
    }
  }

  HttpResult SendOnce(const HttpRequest& request, const Target& target,
                      const RequestMessage& message, Steady::time_point deadline);
  void TryConnection(const Taken& taken, Exchange& exchange);
};

void HttpClient::State::TryConnection(const Taken& taken, Exchange& exchange) {
  Connection& connection = *taken.connection;
  std::vector<Tcp::endpoint> endpoints;
  if (!taken.kept) {
    absl::StatusOr<std::vector<Tcp::endpoint>> found =
        Resolve(connection, exchange.target, options.addresses);
    if (!found.ok()) {
      exchange.result.error = std::string(found.status().message());
      return;
    }
    endpoints = *std::move(found);
  }
  const auto run = [&]() -> asio::awaitable<void> {
    if (stopped) {
      exchange.result.error = "stopped";
      co_return;
    }
    if (!taken.kept) {
      const error_code error = co_await Connect(connection.transport, exchange, endpoints, tls);
      if (error) co_return;
    }
    co_await Talk(connection, exchange);
    connection.transport.ExpireNever();
  };
  connection.context.restart();
  std::string thrown;
  asio::co_spawn(connection.context, run, [&thrown](const std::exception_ptr& error) {
    if (error == nullptr) return;
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& exception) {
      thrown = exception.what();
    }
  });
  connection.context.run();
  if (!thrown.empty()) {
    exchange.keep = false;
    exchange.result.error = thrown;
  }
}

HttpResult HttpClient::State::SendOnce(const HttpRequest& request, const Target& target,
                                       const RequestMessage& message, Steady::time_point deadline) {
  Freshness freshness = Freshness::kKeptOrNew;
  while (true) {
    Exchange exchange{
        .request = request, .target = target, .message = message, .deadline = deadline};
    if (stopped) {
      exchange.result.error = "stopped";
      return std::move(exchange.result);
    }
    const Taken taken = Take(target.Key(), freshness);
    TryConnection(taken, exchange);
    GiveBack(taken.connection, exchange.keep);
    // A kept connection that the peer closed in this very moment: what cannot have been acted on,
    // or may be repeated, is repeated on a new one.
    const HttpOutcome outcome = exchange.result.outcome;
    const bool repeatable =
        outcome == HttpOutcome::kNotSent ||
        (outcome == HttpOutcome::kUnknown && request.method == HttpMethod::kGet);
    if (taken.kept && repeatable && Steady::now() < deadline) {
      freshness = Freshness::kNew;
      continue;
    }
    return std::move(exchange.result);
  }
}

HttpClient::HttpClient(std::unique_ptr<State> state) : state_(std::move(state)) {}
HttpClient::~HttpClient() = default;

absl::StatusOr<std::unique_ptr<HttpClient>> HttpClient::Make(HttpClientOptions options,
                                                             base::Metrics* metrics) {
  auto state = std::make_unique<State>(std::move(options));
  error_code error;
  if (state->options.ca_file.empty()) {
    state->tls.set_default_verify_paths(error);
  } else {
    state->tls.load_verify_file(state->options.ca_file, error);
  }
  if (error) {
    return absl::InvalidArgumentError(StrCat("the trusted certificates cannot be loaded from \"",
                                             state->options.ca_file, "\": ", error.message()));
  }
  state->tls.set_verify_mode(asio::ssl::verify_peer);
  state->tls.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                         asio::ssl::context::no_tlsv1_1);
  if (metrics != nullptr) {
    const auto connections = [&](std::string_view what) {
      return metrics->counter("keng_http_client_connections_total",
                              "Connections opened, reused, and closed because the pool was full",
                              {{"client", state->options.name}, {"what", std::string(what)}});
    };
    state->opened = connections("opened");
    state->reused = connections("reused");
    state->evicted = connections("evicted");
  }
  return std::unique_ptr<HttpClient>(new HttpClient(std::move(state)));
}

HttpResult HttpClient::Send(const HttpRequest& request) {
  const Steady::time_point deadline = After(request.total_timeout);
  HttpRequest current = request;
  int permanent_redirects = 0;
  const auto finish = [&](HttpResult result) {
    result.final_url = current.url;
    result.permanent_redirects = permanent_redirects;
    return result;
  };
  const auto refuse = [&](std::string_view why) {
    HttpResult result;
    result.error = std::string(why);
    return finish(std::move(result));
  };
  try {
    for (int redirects = 0;; ++redirects) {
      if (absl::Status status = CheckHeaders(current); !status.ok()) {
        return refuse(std::string(status.message()));
      }
      const absl::StatusOr<Target> target = ParseTarget(current.url);
      if (!target.ok()) return refuse(std::string(target.status().message()));
      const RequestMessage message = MakeMessage(current, *target, state_->options.user_agent);
      HttpResult result = state_->SendOnce(current, *target, message, deadline);
      if (!IsRedirect(result.status) || redirects >= request.redirects_max ||
          request.method != HttpMethod::kGet) {
        return finish(std::move(result));
      }
      const std::string location(result.Header("location"));
      const auto base_url = boost::urls::parse_uri(current.url);
      const auto reference = boost::urls::parse_uri_reference(location);
      boost::urls::url next;
      if (location.empty() || !base_url || !reference ||
          boost::urls::resolve(*base_url, *reference, next).has_error()) {
        result.error = "the redirect's target is not valid";
        return finish(std::move(result));
      }
      next.remove_fragment();
      if (target->tls && next.scheme() != "https") {
        result.error = "a redirect from https to another scheme is refused";
        return finish(std::move(result));
      }
      if (std::string(next.encoded_host_and_port()) != target->authority) {
        std::erase_if(current.headers, [](const auto& header) {
          return absl::EqualsIgnoreCase(header.first, "authorization") ||
                 absl::EqualsIgnoreCase(header.first, "cookie");
        });
      }
      if (result.status == 301 || result.status == 308) ++permanent_redirects;
      current.url = std::string(next.buffer());
    }
  } catch (const std::exception& exception) {
    return refuse(StrCat("http client: ", exception.what()));
  }
}

void HttpClient::Stop() {
  state_->stopped = true;
  base::MutexLock lock(state_->mutex);
  state_->idle.clear();
  for (const std::shared_ptr<Connection>& connection : state_->active) {
    asio::post(connection->context, [connection] { connection->transport.Close(); });
  }
}

}  // namespace keng::net
