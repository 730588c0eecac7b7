#ifndef KENG_NET_HTTP_SERVER_H_
#define KENG_NET_HTTP_SERVER_H_

// The HTTP/1.1 server of every folder: a table of routes, each a function from a request to a
// response. Serves the intake, the metrics, the health checks and the admin socket. Boost.Beast and
// Asio coroutines below.
//
// Life cycle: Make() checks the options and routes, Start() binds and serves, Stop() ends. A server
// is started once.
//
// Threads: one network thread ("keng-http") and `handler_threads` for the handlers ("keng-http-h"),
// all owned by this class. Handlers may block; they run concurrently and must be thread-safe. A
// connection serves one request at a time, so that what waits is bounded by `connections_max`.
//
// Limits (each counted when it is reached): connections, header bytes and time, body bytes a route,
// idle time, requests a connection.
//
// Tests: net/http_server_test.cc and, with TLS, net/tls_test.cc, over real sockets on loopback.

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/metrics.h"

namespace keng::net {

struct ServerRequest {
  std::string method;  // "GET"
  std::string path;    // decoded, without the query: "/v1/posts"
  std::string query;   // as sent, without '?'
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;                                          // as sent (Content-Encoding unchanged)
  std::string peer;                                          // address of the client; "unix"

  // The header's value, or "" when it is absent. `name` in lower case.
  std::string_view header(std::string_view name) const;
  // The decoded value of a query parameter, or "" when it is absent.
  std::string query_value(std::string_view name) const;
};

struct ServerResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;

  static ServerResponse Text(int status, std::string body);
  static ServerResponse Json(int status, std::string body);
};

// Called on a handler thread. What it throws becomes 500 and a metric.
using HttpHandler = std::function<ServerResponse(const ServerRequest&)>;

struct HttpRoute {
  // kListener: the listener's token (where it has one) is checked before the handler is called.
  // kHandler: the handler checks who asks, as the intake does with its tokens for each producer.
  // kOpen: anybody may ask (health checks).
  enum class Access { kListener, kHandler, kOpen };

  std::string method;  // a GET route also answers HEAD
  std::string path;    // exact; one that ends in "/*" takes everything below
  HttpHandler handler;
  size_t body_bytes_max = 64 << 10;  // more is answered 413
  Access access = Access::kListener;
};

// Where the server listens. Anything but loopback and unix sockets wants TLS and a token: Make()
// refuses otherwise.
struct HttpListen {
  std::string address = "127.0.0.1";  // IPv4 or IPv6 address
  int port = 0;                       // 0: one that is free; see HttpServer::port()
  std::string unix_path;              // not empty: a unix socket of mode 0600 instead of the above
  std::string tls_certificate_file;   // PEM chain and key; both or neither
  std::string tls_key_file;
  std::string token;  // bearer token of Access::kListener routes; empty: none is asked for
};

struct HttpServerOptions {
  std::string name = "http";  // label of the metrics and logs
  std::vector<HttpListen> listen;
  int connections_max = 256;  // one more is answered 503, or with TLS nothing, and closed
  int handler_threads = 2;
  size_t header_bytes_max = 16 << 10;
  // From the first byte to the last header, and as long again for a TLS handshake before it.
  absl::Duration header_timeout = absl::Seconds(30);
  absl::Duration body_timeout = absl::Seconds(60);  // for the body, and for writing the answer
  absl::Duration idle_timeout = absl::Seconds(60);  // between requests
  base::Metrics* metrics = nullptr;                 // must outlive the server
};

// Thread-safe.
class HttpServer {
 public:
  // InvalidArgument: two routes of one method and path, no listener, a listener that is open to
  // others without TLS and token, a path that is no path.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Make(HttpServerOptions options,
                                                          std::vector<HttpRoute> routes);
  // Stops at once when Stop() was not called.
  virtual ~HttpServer() = default;

  // Binds all listeners and serves. Unavailable: an address is taken; NotFound or InvalidArgument:
  // a certificate cannot be read. A unix socket that no process listens on is replaced.
  virtual absl::Status Start() = 0;

  // The port of the `listener`-th listener, also when the system chose it. REQUIRES: Start() was
  // OK.
  virtual int port(size_t listener = 0) const = 0;

  // Refuses new connections, lets running requests finish until `grace` has passed, then closes
  // them. DeadlineExceeded when some had to be cut off; handlers that still run are waited for.
  virtual absl::Status Stop(absl::Duration grace) = 0;
};

}  // namespace keng::net

#endif  // KENG_NET_HTTP_SERVER_H_
