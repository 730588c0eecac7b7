#include "net/http_server.h"

#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/url/decode_view.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/parse_query.hpp>
#include <cctype>
#include <chrono>
#include <future>
#include <map>
#include <optional>
#include <set>
#include <thread>
#include <variant>

#include "base/check.h"
#include "base/keyed_hash.h"
#include "base/log.h"
#include "base/strings.h"
#include "net/internal/message_io.h"
#include "net/internal/transport.h"

namespace keng::net {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::use_awaitable;
using base::StrCat;
using boost::system::error_code;
using Tcp = asio::ip::tcp;
using Local = asio::local::stream_protocol;

constexpr size_t kUnixPathMax = 107;  // sun_path, its zero byte left out
constexpr int kRequestsPerConnection = 10'000;

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

// Percent-decoded.
std::string Decoded(boost::urls::pct_string_view text) {
  std::string plain;
  for (const char c : *text) plain.push_back(c);
  return plain;
}

std::string_view View(beast::string_view text) { return {text.data(), text.size()}; }

std::chrono::nanoseconds Nanoseconds(absl::Duration duration) {
  return absl::ToChronoNanoseconds(duration);
}

bool IsLoopback(const std::string& address) {
  error_code error;
  const asio::ip::address parsed = asio::ip::make_address(address, error);
  return !error && parsed.is_loopback();
}

void Expire(Transport& transport, absl::Duration after) {
  transport.ExpireAt(std::chrono::steady_clock::now() + Nanoseconds(after));
}

}  // namespace

std::string_view ServerRequest::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return "";
}

std::string ServerRequest::query_value(std::string_view name) const {
  const auto parsed =
      boost::urls::parse_query(boost::core::string_view(query.data(), query.size()));
  if (!parsed) return "";
  for (const auto& parameter : boost::urls::params_encoded_view(*parsed)) {
    if (Decoded(parameter.key) == name) return Decoded(parameter.value);
  }
  return "";
}

ServerResponse ServerResponse::Text(int status, std::string body) {
  return {.status = status,
          .content_type = "text/plain; charset=utf-8",
          .body = std::move(body),
          .headers = {}};
}

ServerResponse ServerResponse::Json(int status, std::string body) {
  return {
      .status = status, .content_type = "application/json", .body = std::move(body), .headers = {}};
}

namespace {

// One connection, as the server sees it: whether a request is being served, and how to end it.
struct Connection {
  bool busy = false;
  std::function<void()> close;
};

class Server final : public HttpServer {
 public:
  Server(HttpServerOptions options, std::vector<HttpRoute> routes)
      : options_(std::move(options)), routes_(std::move(routes)), pool_(options_.handler_threads) {
    base::Metrics* metrics = options_.metrics;
    if (metrics == nullptr) return;
    const base::Labels labels = {{"server", options_.name}};
    connections_gauge_ = metrics->gauge("keng_http_connections", "Open connections", labels);
    const auto refused = [&](const char* reason) {
      return metrics->counter("keng_http_refused_total",
                              "Requests or connections refused at a bound",
                              {{"server", options_.name}, {"reason", reason}});
    };
    refused_connections_ = refused("connections");
    refused_header_ = refused("header");
    refused_body_ = refused("body");
    refused_token_ = refused("token");
    handler_errors_ =
        metrics->counter("keng_http_handler_errors_total", "Handlers that threw", labels);
    for (int i = 1; i <= 5; ++i) {
      answers_[i] = metrics->counter("keng_http_answers_total", "Answers by class of status",
                                     {{"server", options_.name}, {"class", StrCat(i, "xx")}});
    }
  }

  ~Server() override {
    if (thread_.joinable()) Stop(absl::ZeroDuration()).IgnoreError();
    pool_.join();
  }

  absl::Status Start() override {
    KENG_CHECK(!started_, "a server is started once");
    started_ = true;
    for (const HttpListen& listen : options_.listen) {
      const absl::Status bound = listen.unix_path.empty() ? BindTcp(listen) : BindUnix(listen);
      if (!bound.ok()) return bound;
    }
    thread_ = std::thread([this] {
      pthread_setname_np(pthread_self(), "keng-http");
      io_.run();
    });
    return absl::OkStatus();
  }

  int port(size_t listener) const override { return ports_.at(listener); }

  absl::Status Stop(absl::Duration grace) override {
    if (!thread_.joinable()) return absl::OkStatus();
    std::promise<bool> cut;
    asio::post(io_, [&] {
      stopping_ = true;
      for (const auto& close : acceptors_) close();
      for (Connection* connection : connections_) {
        if (!connection->busy) connection->close();
      }
      asio::co_spawn(io_, Drain(grace, cut), asio::detached);
    });
    const bool was_cut = cut.get_future().get();
    thread_.join();
    for (const std::string& path : unix_paths_) unlink(path.c_str());
    return was_cut ? absl::DeadlineExceededError(
                         StrCat("server ", options_.name, " had to cut off requests"))
                   : absl::OkStatus();
  }

 private:
  // Waits until all connections have ended, or cuts off those that have not after `grace`.
  asio::awaitable<void> Drain(absl::Duration grace, std::promise<bool>& cut) {
    asio::steady_timer timer(io_);
    const auto end = std::chrono::steady_clock::now() + Nanoseconds(grace);
    bool was_cut = false;
    while (!connections_.empty()) {
      if (!was_cut && std::chrono::steady_clock::now() >= end) {
        was_cut = true;
        for (Connection* connection : connections_) connection->close();
      }
      timer.expires_after(std::chrono::milliseconds(2));
      error_code ignored;
      co_await timer.async_wait(asio::redirect_error(use_awaitable, ignored));
    }
    cut.set_value(was_cut);
  }

  absl::Status BindTcp(const HttpListen& listen) {
    error_code error;
    const asio::ip::address address = asio::ip::make_address(listen.address, error);
    const Tcp::endpoint endpoint(address, static_cast<uint16_t>(listen.port));
    auto acceptor = std::make_shared<Tcp::acceptor>(io_);
    if (!error) acceptor->open(endpoint.protocol(), error);
    if (!error) acceptor->set_option(Tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor->bind(endpoint, error);
    if (!error) acceptor->listen(asio::socket_base::max_listen_connections, error);
    if (error) {
      return absl::UnavailableError(StrCat("server ", options_.name, " cannot listen on ",
                                           listen.address, ":", listen.port, ": ", error.message(),
                                           "; choose another port or stop what uses it"));
    }
    ports_.push_back(acceptor->local_endpoint().port());
    acceptors_.push_back([acceptor] {
      error_code ignored;
      acceptor->close(ignored);
    });
    std::shared_ptr<asio::ssl::context> tls;
    if (!listen.tls_certificate_file.empty()) {
      tls = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
      tls->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_sslv2 |
                       asio::ssl::context::no_sslv3 | asio::ssl::context::no_tlsv1 |
                       asio::ssl::context::no_tlsv1_1);
      tls->use_certificate_chain_file(listen.tls_certificate_file, error);
      if (error) {
        return absl::NotFoundError(
            StrCat(listen.tls_certificate_file, ": no PEM certificate chain: ", error.message()));
      }
      tls->use_private_key_file(listen.tls_key_file, asio::ssl::context::pem, error);
      if (error)
        return absl::NotFoundError(StrCat(listen.tls_key_file, ": no PEM key: ", error.message()));
    }
    asio::co_spawn(io_, AcceptTcp(acceptor, tls, listen.token), asio::detached);
    return absl::OkStatus();
  }

  absl::Status BindUnix(const HttpListen& listen) {
    if (listen.unix_path.size() > kUnixPathMax) {
      return absl::InvalidArgumentError(StrCat(listen.unix_path, ": a socket's path has at most ",
                                               kUnixPathMax, " bytes; use a shorter data folder"));
    }
    const Local::endpoint endpoint(listen.unix_path);
    error_code error;
    Local::socket probe(io_);
    probe.connect(endpoint, error);
    if (!error) {
      return absl::UnavailableError(
          StrCat(listen.unix_path, ": another process listens there; stop it first"));
    }
    unlink(listen.unix_path.c_str());
    auto acceptor = std::make_shared<Local::acceptor>(io_);
    error.clear();
    // The mode must be right from the first moment: the umask is narrowed while the socket is made.
    const mode_t before = umask(0177);
    acceptor->open(endpoint.protocol(), error);
    if (!error) acceptor->bind(endpoint, error);
    umask(before);
    if (!error) acceptor->listen(asio::socket_base::max_listen_connections, error);
    if (error)
      return absl::UnavailableError(StrCat(listen.unix_path, ": cannot listen: ", error.message()));
    ports_.push_back(0);
    unix_paths_.push_back(listen.unix_path);
    acceptors_.push_back([acceptor] {
      error_code ignored;
      acceptor->close(ignored);
    });
    asio::co_spawn(io_, AcceptUnix(acceptor, listen.token), asio::detached);
    return absl::OkStatus();
  }

  asio::awaitable<void> AcceptTcp(std::shared_ptr<Tcp::acceptor> acceptor,
                                  std::shared_ptr<asio::ssl::context> tls, std::string token) {
    for (;;) {
      error_code error;
      Tcp::socket socket =
          co_await acceptor->async_accept(asio::redirect_error(use_awaitable, error));
      if (!acceptor->is_open()) co_return;
      if (error) {
        co_await PauseAccepting();
        continue;
      }
      error_code ignored;
      const std::string peer = socket.remote_endpoint(ignored).address().to_string(ignored);
      asio::co_spawn(io_, Serve(Transport(std::move(socket)), tls, token, peer), asio::detached);
    }
  }

  asio::awaitable<void> AcceptUnix(std::shared_ptr<Local::acceptor> acceptor, std::string token) {
    for (;;) {
      error_code error;
      Local::socket socket =
          co_await acceptor->async_accept(asio::redirect_error(use_awaitable, error));
      if (!acceptor->is_open()) co_return;
      if (error) {
        co_await PauseAccepting();
        continue;
      }
      asio::co_spawn(io_, Serve(Transport(std::move(socket)), nullptr, token, "unix"),
                     asio::detached);
    }
  }

  // Out of file descriptors, mostly: trying again at once would only burn a core.
  asio::awaitable<void> PauseAccepting() {
    asio::steady_timer timer(io_);
    timer.expires_after(std::chrono::milliseconds(50));
    error_code ignored;
    co_await timer.async_wait(asio::redirect_error(use_awaitable, ignored));
  }

  // One connection, from its first byte.
  asio::awaitable<void> Serve(Transport transport, std::shared_ptr<asio::ssl::context> tls,
                              std::string token, std::string peer) {
    if (stopping_) co_return;
    if (connections_.size() >= static_cast<size_t>(options_.connections_max)) {
      refused_connections_.Add();
      if (tls == nullptr) {
        Expire(transport, options_.body_timeout);
        const ServerResponse full = ServerResponse::Text(503, "too many connections\n");
        co_await Answer(transport, full, http::verb::get, 11, false);
      }
      transport.Close();
      co_return;
    }
    Connection connection;
    connection.close = [&transport] { transport.Close(); };
    connections_.insert(&connection);
    connections_gauge_.Set(static_cast<double>(connections_.size()));
    error_code error;
    if (tls != nullptr) {
      Expire(transport, options_.header_timeout);
      error = co_await transport.HandshakeAsServer(*tls);
    }
    beast::flat_buffer buffer(options_.header_bytes_max + (size_t{64} << 10));
    for (int served = 0; !error && served < kRequestsPerConnection && !stopping_; ++served) {
      const bool go_on = co_await ServeOne(transport, buffer, connection, token, peer);
      connection.busy = false;
      if (!go_on) break;
    }
    transport.Close();
    connections_.erase(&connection);
    connections_gauge_.Set(static_cast<double>(connections_.size()));
  }

  // Returns whether the connection may be kept.
  asio::awaitable<bool> ServeOne(Transport& transport, beast::flat_buffer& buffer,
                                 Connection& connection, const std::string& token,
                                 const std::string& peer) {
    error_code error;
    if (buffer.size() == 0) {
      Expire(transport, options_.idle_timeout);
      const size_t got = co_await transport.ReadSome(buffer.prepare(4096), error);
      if (error) co_return false;
      buffer.commit(got);
    }
    connection.busy = true;
    Expire(transport, options_.header_timeout);
    http::request_parser<http::string_body> parser;
    parser.header_limit(static_cast<uint32_t>(options_.header_bytes_max));
    parser.body_limit(boost::none);
    error = co_await ReadMessage(transport, buffer, parser, MessagePart::kHeader);
    if (error) {
      refused_header_.Add();
      if (error == http::error::header_limit || error == http::error::buffer_overflow) {
        const ServerResponse large = ServerResponse::Text(431, "the header is too large\n");
        co_await Answer(transport, large, http::verb::get, 11, false);
      } else if (error != http::error::end_of_stream && error != beast::error::timeout) {
        const ServerResponse broken = ServerResponse::Text(400, "not an HTTP request\n");
        co_await Answer(transport, broken, http::verb::get, 11, false);
      }
      co_return false;
    }
    ServerRequest request;
    const ServerResponse refusal = Examine(parser.get(), token, request);
    const http::verb verb = parser.get().method();
    const unsigned version = parser.get().version();
    if (refusal.status != 200) {
      // The body was not read, so the next request cannot be found.
      co_await Answer(transport, refusal, verb, version, false);
      co_return false;
    }
    const HttpRoute& route = *Find(request.method, request.path);
    Expire(transport, options_.body_timeout);
    const auto declared = parser.content_length();
    if (declared && *declared > route.body_bytes_max) {
      refused_body_.Add();
      const ServerResponse large = TooLarge(route);
      co_await Answer(transport, large, verb, version, false);
      co_return false;
    }
    parser.body_limit(route.body_bytes_max);
    if (beast::iequals(parser.get()[http::field::expect], "100-continue")) {
      const http::response<http::string_body> go_on(http::status::continue_, version);
      error = co_await WriteMessage(transport, go_on, MessagePart::kHeader);
      if (error) co_return false;
    }
    error = co_await ReadMessage(transport, buffer, parser, MessagePart::kWhole);
    if (error == http::error::body_limit) {
      refused_body_.Add();
      const ServerResponse large = TooLarge(route);
      co_await Answer(transport, large, verb, version, false);
      co_return false;
    }
    if (error) co_return false;
    const bool keep = parser.get().keep_alive();
    request.body = std::move(parser.get().body());
    request.peer = peer;
    // A handler may take long: the connection's timer is off meanwhile.
    transport.ExpireNever();
    const ServerResponse response =
        co_await asio::co_spawn(pool_, Handle(route, request), use_awaitable);
    Expire(transport, options_.body_timeout);
    const bool kept = keep && !stopping_;
    const bool is_sent = co_await Answer(transport, response, verb, version, kept);
    if (!is_sent) co_return false;
    co_return kept;
  }

  static ServerResponse TooLarge(const HttpRoute& route) {
    return ServerResponse::Text(
        413, StrCat("at most ", route.body_bytes_max, " bytes are taken here\n"));
  }

  // Status 200: go on. Fills `request` but for its body.
  ServerResponse Examine(const http::request<http::string_body>& message, const std::string& token,
                         ServerRequest& request) {
    const auto target = boost::urls::parse_origin_form(message.target());
    if (!target) return ServerResponse::Text(400, "not a path\n");
    request.method = std::string(message.method_string());
    request.path = target->path();
    request.query = std::string(target->encoded_query());
    for (const auto& field : message) {
      request.headers.emplace_back(Lower(View(field.name_string())), std::string(field.value()));
    }
    const HttpRoute* route = Find(request.method, request.path);
    if (route == nullptr) {
      const bool other = std::any_of(routes_.begin(), routes_.end(),
                                     [&](const HttpRoute& r) { return Matches(r, request.path); });
      return other ? ServerResponse::Text(405, "this path takes another method\n")
                   : ServerResponse::Text(404, "there is nothing here\n");
    }
    if (route->access == HttpRoute::Access::kListener && !token.empty() &&
        !base::EqualConstantTime(request.header("authorization"), StrCat("Bearer ", token))) {
      refused_token_.Add();
      ServerResponse refusal = ServerResponse::Text(401, "a bearer token is needed\n");
      refusal.headers.emplace_back("WWW-Authenticate", "Bearer");
      return refusal;
    }
    return ServerResponse::Text(200, "");
  }

  static bool Matches(const HttpRoute& route, std::string_view path) {
    if (route.path.ends_with("/*"))
      return path.starts_with(std::string_view(route.path).substr(0, route.path.size() - 1));
    return route.path == path;
  }

  const HttpRoute* Find(std::string_view method, std::string_view path) const {
    for (const HttpRoute& route : routes_) {
      if (Matches(route, path) &&
          (route.method == method || (method == "HEAD" && route.method == "GET")))
        return &route;
    }
    return nullptr;
  }

  // On a thread of the pool.
  asio::awaitable<ServerResponse> Handle(const HttpRoute& route, const ServerRequest& request) {
    try {
      co_return route.handler(request);
    } catch (const std::exception& error) {
      handler_errors_.Add();
      base::LogError("http.handler_threw",
                     {{"server", options_.name}, {"path", route.path}, {"what", error.what()}});
    }
    co_return ServerResponse::Text(500, "this is a defect; the log of the server says more\n");
  }

  asio::awaitable<bool> Answer(Transport& transport, const ServerResponse& response,
                               http::verb verb, unsigned version, bool keep) {
    http::response<http::string_body> message;
    message.result(static_cast<unsigned>(response.status));
    message.version(version);
    message.set(http::field::server, "keng");
    message.set(http::field::content_type, response.content_type);
    for (const auto& [name, value] : response.headers) message.set(name, value);
    message.keep_alive(keep);
    message.body() = response.body;
    message.prepare_payload();
    const int status_class = std::clamp(response.status / 100, 1, 5);
    answers_[status_class].Add();
    // HEAD: the header of a GET without its body.
    const auto part = verb == http::verb::head ? MessagePart::kHeader : MessagePart::kWhole;
    const error_code error = co_await WriteMessage(transport, message, part);
    co_return !error;
  }

  // Constant after construction.
  const HttpServerOptions options_;
  const std::vector<HttpRoute> routes_;
  base::Gauge connections_gauge_;
  base::Counter refused_connections_, refused_header_, refused_body_, refused_token_,
      handler_errors_;
  base::Counter answers_[6];
  std::vector<int> ports_;               // filled by Start()
  std::vector<std::string> unix_paths_;  // filled by Start()
  bool started_ = false;

  // Of the network thread, once it runs.
  asio::io_context io_{1};
  std::vector<std::function<void()>> acceptors_;
  std::set<Connection*> connections_;
  std::atomic<bool> stopping_{false};

  asio::thread_pool pool_;
  std::thread thread_;
};

absl::Status CheckListen(const HttpServerOptions& options, const HttpListen& listen) {
  if (!listen.unix_path.empty()) return absl::OkStatus();
  error_code error;
  (void)asio::ip::make_address(listen.address, error);
  if (error) {
    return absl::InvalidArgumentError(
        StrCat("server ", options.name, ": \"", listen.address,
               "\" is no IP address; expected one such as 127.0.0.1 or ::1"));
  }
  if (listen.port < 0 || listen.port > 65535) {
    return absl::InvalidArgumentError(
        StrCat("server ", options.name, ": port ", listen.port, "; expected 0 to 65535"));
  }
  if (listen.tls_certificate_file.empty() != listen.tls_key_file.empty()) {
    return absl::InvalidArgumentError(
        StrCat("server ", options.name, ": TLS needs both a certificate and a key"));
  }
  if (!IsLoopback(listen.address) &&
      (listen.tls_certificate_file.empty() || listen.token.empty())) {
    return absl::InvalidArgumentError(
        StrCat("server ", options.name, " would listen on ", listen.address,
               ", which others can reach: that needs a TLS certificate and a token"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Make(HttpServerOptions options,
                                                             std::vector<HttpRoute> routes) {
  if (options.listen.empty())
    return absl::InvalidArgumentError(StrCat("server ", options.name, " listens nowhere"));
  for (const HttpListen& listen : options.listen)
    KENG_RETURN_IF_ERROR(CheckListen(options, listen));
  std::set<std::pair<std::string, std::string>> seen;
  for (const HttpRoute& route : routes) {
    if (!route.path.starts_with('/') || route.method.empty() || !route.handler) {
      return absl::InvalidArgumentError(
          StrCat("server ", options.name, ": \"", route.method, " ", route.path, "\" is no route"));
    }
    if (!seen.emplace(route.method, route.path).second) {
      return absl::InvalidArgumentError(
          StrCat("server ", options.name, ": ", route.method, " ", route.path, " stands twice"));
    }
  }
  return std::unique_ptr<HttpServer>(
      std::make_unique<Server>(std::move(options), std::move(routes)));
}

}  // namespace keng::net
