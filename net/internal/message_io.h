#ifndef KENG_NET_INTERNAL_MESSAGE_IO_H_
#define KENG_NET_INTERNAL_MESSAGE_IO_H_

// HTTP/1.1 messages over a Transport. Beast parses and prints them; its own functions that read and
// write would be compiled for each kind of stream and message.

#include <boost/asio/awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/system/error_code.hpp>

#include "net/internal/transport.h"

namespace keng::net {

enum class MessagePart { kHeader, kWhole };

// Reads until `parser` has that part; what came behind it stays in `buffer`. The errors are those
// of boost::beast::http::async_read: end_of_stream when nothing of a message came before the peer's
// end, buffer_overflow, those of the parser (also need_buffer, of a buffer_body) and of the
// transport. Instantiated for requests (true) and responses.
template <bool kIsRequest>
boost::asio::awaitable<boost::system::error_code> ReadMessage(
    Transport& transport, boost::beast::flat_buffer& buffer,
    boost::beast::http::basic_parser<kIsRequest>& parser, MessagePart part);

// Writes a message whose payload has been prepared. kHeader: without its body.
template <bool kIsRequest>
boost::asio::awaitable<boost::system::error_code> WriteMessage(
    Transport& transport,
    const boost::beast::http::message<kIsRequest, boost::beast::http::string_body>& message,
    MessagePart part);

}  // namespace keng::net

#endif  // KENG_NET_INTERNAL_MESSAGE_IO_H_
