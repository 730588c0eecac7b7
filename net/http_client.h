#ifndef KENG_NET_HTTP_CLIENT_H_
#define KENG_NET_HTTP_CLIENT_H_

// HTTP/1.1 requests with a deadline, over TCP or TLS (certificate and host name verified, SNI
// sent). Send() blocks the calling thread: whoever must not wait has a thread of its own for it
// (each alert channel and each polled source has one). Inside, a request is a Boost.Asio coroutine
// on a context that this thread runs, so no other thread is made.
//
// Life cycle: made once for a channel or source; Stop() makes requests in progress return soon and
// refuses later ones. Destroy after the last Send() has returned.
//
// Threads: thread-safe. Connections are kept for reuse in a bounded pool.
//
// Names are resolved once a connection by the system's resolver, in the calling thread; its own
// time limits apply there (resolv.conf), which can exceed connect_timeout.
//
// Under AddressPolicy::kPublic the connection goes to the very address that was examined.
//
// No URL ever stands in an error: the URLs of chat services are secrets.
//
// Tests: net/http_client_test.cc against net/testing/scripted_http_server.h; net/tls_test.cc.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/metrics.h"
#include "net/address_policy.h"

namespace keng::net {

struct HttpClientOptions {
  std::string name = "http";  // label of the client's metrics; a small closed set
  std::string user_agent = "keng/0.1";
  AddressPolicy addresses = AddressPolicy::kPublic;
  std::string ca_file;  // PEM file of trusted roots in place of the system's; empty: the system's
  size_t idle_connections_max = 8;
  absl::Duration idle_max = absl::Seconds(20);
};

enum class HttpMethod : uint8_t { kGet, kPost };

struct HttpRequest {
  HttpMethod method = HttpMethod::kGet;
  std::string url;  // http:// or https://
  // Beside Host, User-Agent, Content-Length, Accept-Encoding and Connection, which the client sets.
  // Conditional requests put If-None-Match and If-Modified-Since here.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  absl::Duration connect_timeout = absl::Seconds(5);  // TCP and TLS
  absl::Duration total_timeout = absl::Seconds(20);
  size_t response_bytes_max = 1 << 20;  // of the body, before and after decompression
  size_t ratio_max = 100;               // of decompression
  int redirects_max = 0;  // GET only; from https never to http; 3xx beyond it is just an answer
};

enum class HttpOutcome : uint8_t {
  kNotSent,   // the peer cannot have the whole request: safe to repeat
  kUnknown,   // the request was written and no answer came: the peer may have acted on it
  kAnswered,  // a status line and headers came
};
std::string_view HttpOutcomeName(HttpOutcome outcome);

struct HttpResult {
  HttpOutcome outcome = HttpOutcome::kNotSent;
  int status = 0;  // kAnswered
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;  // decoded
  // OK; ResourceExhausted: over the cap or the ratio; DataLoss: cut short or undecodable.
  absl::Status body_status;
  std::string error;            // what went wrong, without URL, header or body
  std::string final_url;        // after redirects
  int permanent_redirects = 0;  // how many of the redirects were 301 or 308

  // The first header of that name in any case; empty when there is none.
  std::string_view Header(std::string_view name) const;
};

class HttpClient {
 public:
  // `metrics` may be null; else it outlives the client. InvalidArgument: ca_file cannot be loaded.
  static absl::StatusOr<std::unique_ptr<HttpClient>> Make(HttpClientOptions options,
                                                          base::Metrics* metrics);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Never fails otherwise than through the result. A GET that meets a kept connection which the
  // peer has just closed is tried once more on a new one.
  HttpResult Send(const HttpRequest& request);

  // Requests in progress end soon with an error; later ones are refused (kNotSent).
  void Stop();

 private:
  struct State;
  explicit HttpClient(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace keng::net

#endif  // KENG_NET_HTTP_CLIENT_H_
