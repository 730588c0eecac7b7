#include "net/internal/message_io.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/beast/core/read_size.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/write.hpp>
#include <sstream>
#include <string>

namespace keng::net {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

namespace {

constexpr size_t kReadMax = 64 << 10;
constexpr size_t kJoinedMax = 64 << 10;

template <bool kIsRequest>
bool Has(const http::basic_parser<kIsRequest>& parser, MessagePart part) {
  return part == MessagePart::kHeader ? parser.is_header_done() : parser.is_done();
}

}  // namespace

template <bool kIsRequest>
asio::awaitable<error_code> ReadMessage(Transport& transport, beast::flat_buffer& buffer,
                                        http::basic_parser<kIsRequest>& parser, MessagePart part) {
  parser.eager(part == MessagePart::kWhole);
  error_code error;
  bool is_starved = buffer.size() == 0;
  while (!Has(parser, part)) {
    if (is_starved) {
      const size_t space = beast::read_size(buffer, kReadMax);
      if (space == 0) co_return http::error::buffer_overflow;
      error = {};
      const size_t got = co_await transport.ReadSome(buffer.prepare(space), error);
      buffer.commit(got);
      if (error == asio::error::eof) {
        error = {};
        if (!parser.got_some()) co_return http::error::end_of_stream;
        parser.put_eof(error);  // the end of a body whose length nobody said, or of half a message
        co_return error;
      }
      if (error) co_return error;
    }
    error = {};
    buffer.consume(parser.put(buffer.cdata(), error));
    if (error && error != http::error::need_more) co_return error;
    is_starved = error == http::error::need_more || buffer.size() == 0;
  }
  co_return error_code();
}

template <bool kIsRequest>
asio::awaitable<error_code> WriteMessage(
    Transport& transport, const http::message<kIsRequest, http::string_body>& message,
    MessagePart part) {
  std::ostringstream header;
  header << message.base();
  std::string bytes = std::move(header).str();
  const std::string& body = message.body();
  // A small body goes in one piece with its header: one segment, and one record of TLS.
  const bool is_joined = body.size() <= kJoinedMax;
  if (part == MessagePart::kWhole && is_joined) bytes += body;
  error_code error = co_await transport.Write(asio::buffer(bytes));
  if (part == MessagePart::kHeader || is_joined || error) co_return error;
  error = co_await transport.Write(asio::buffer(body));
  co_return error;
}

template asio::awaitable<error_code> ReadMessage(Transport&, beast::flat_buffer&,
                                                 http::basic_parser<true>&, MessagePart);
template asio::awaitable<error_code> ReadMessage(Transport&, beast::flat_buffer&,
                                                 http::basic_parser<false>&, MessagePart);
template asio::awaitable<error_code> WriteMessage(Transport&,
                                                  const http::message<true, http::string_body>&,
                                                  MessagePart);
template asio::awaitable<error_code> WriteMessage(Transport&,
                                                  const http::message<false, http::string_body>&,
                                                  MessagePart);

}  // namespace keng::net
