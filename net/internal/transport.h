#ifndef KENG_NET_INTERNAL_TRANSPORT_H_
#define KENG_NET_INTERNAL_TRANSPORT_H_

// One connection's bytes, over TCP or a unix socket, with TLS or without: what reads and writes
// messages is compiled once for all of them. What the client and the server need of Asio's and
// Beast's operations on streams is in transport.cc alone; they are the longest of all to compile.
//
// Threads: of the context that the socket belongs to, one operation in each direction at a time.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream_base.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

namespace keng::net {

class Transport {
 public:
  using Protocol = boost::asio::generic::stream_protocol;
  using ErrorCode = boost::system::error_code;
  template <typename T>
  using Awaitable = boost::asio::awaitable<T>;

  explicit Transport(boost::asio::io_context& context);  // to be connected
  explicit Transport(Protocol::socket socket);
  ~Transport();
  Transport(Transport&&) noexcept;

  // May be called again after an error, with another endpoint.
  Awaitable<ErrorCode> Connect(const Protocol::endpoint& endpoint);

  // All bytes are TLS's from here on, also when the handshake fails. `context` outlives this. As a
  // client: `host` is named to the server, and its certificate must be for it.
  Awaitable<ErrorCode> HandshakeAsServer(boost::asio::ssl::context& context);
  Awaitable<ErrorCode> HandshakeAsClient(boost::asio::ssl::context& context,
                                         const std::string& host);

  // How many bytes have come, at least one without an error; eof when the peer has ended. With TLS
  // that is the end which the peer has signed: a connection that merely ends is ssl::error::
  // stream_truncated, since anybody on the way can do that.
  Awaitable<size_t> ReadSome(boost::asio::mutable_buffer space, ErrorCode& error);
  // All of it.
  Awaitable<ErrorCode> Write(boost::asio::const_buffer bytes);

  // Ends what is under way at that time with beast::error::timeout, and the connection with it.
  void ExpireAt(std::chrono::steady_clock::time_point time);
  void ExpireNever();

  // Ends what is under way.
  void Close();
  Protocol::socket& socket();

 private:
  struct Streams;
  Awaitable<ErrorCode> Handshake(boost::asio::ssl::stream_base::handshake_type side);

  std::unique_ptr<Streams> streams_;
};

}  // namespace keng::net

#endif  // KENG_NET_INTERNAL_TRANSPORT_H_
