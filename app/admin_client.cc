#include "app/admin_client.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "base/strings.h"

namespace keng::app {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using LocalStream = beast::basic_stream<asio::local::stream_protocol>;

constexpr uint64_t kAnswerBytesMax = uint64_t{256} << 20;

}  // namespace

absl::StatusOr<AdminAnswer> CallAdmin(const std::string& socket_path, std::string_view method,
                                      std::string_view target, std::string_view body,
                                      absl::Duration deadline) {
  asio::io_context io;
  LocalStream stream(io);
  http::request<http::string_body> request;
  request.method_string(beast::string_view(method.data(), method.size()));
  request.target(beast::string_view(target.data(), target.size()));
  request.version(11);
  request.set(http::field::host, "keng");
  request.keep_alive(false);
  request.body() = std::string(body);
  request.prepare_payload();
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(kAnswerBytesMax);

  beast::error_code connected;
  beast::error_code result = asio::error::would_block;
  stream.expires_after(absl::ToChronoNanoseconds(deadline));
  stream.async_connect(
      asio::local::stream_protocol::endpoint(socket_path), [&](beast::error_code error) {
        connected = error;
        result = error;
        if (error) return;
        http::async_write(stream, request, [&](beast::error_code write_error, size_t) {
          result = write_error;
          if (write_error) return;
          http::async_read(stream, buffer, parser,
                           [&](beast::error_code read_error, size_t) { result = read_error; });
        });
      });
  io.run();

  if (connected) {
    return absl::NotFoundError(base::StrCat("nothing listens at ", socket_path, " (",
                                            connected.message(),
                                            "); is keng running with this configuration?"));
  }
  if (result == beast::error::timeout) {
    return absl::DeadlineExceededError(
        base::StrCat("no answer at ", socket_path, " within ", absl::FormatDuration(deadline)));
  }
  if (result) return absl::UnavailableError(base::StrCat(socket_path, ": ", result.message()));
  return AdminAnswer{.status = static_cast<int>(parser.get().result_int()),
                     .body = std::move(parser.get().body()),
                     .next = std::string(parser.get()["X-Keng-Next"])};
}

}  // namespace keng::app
