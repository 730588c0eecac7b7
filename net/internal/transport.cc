#include "net/internal/transport.h"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <optional>
#include <utility>

namespace keng::net {

// Here and where this is used a co_await is all of the right side of its statement: among others of
// the kind `a += co_await ...`, `f(co_await ...)` and `co_return !co_await ...`, GCC 12 compiled
// one so that it was resumed for ever.

namespace asio = boost::asio;
using asio::use_awaitable;

struct Transport::Streams {
  using Plain = boost::beast::basic_stream<Protocol>;

  explicit Streams(asio::io_context& context) : plain(context) {}
  explicit Streams(Protocol::socket socket) : plain(std::move(socket)) {}

  Plain plain;
  std::optional<asio::ssl::stream<Plain&>> tls;  // over `plain`
};

Transport::Transport(asio::io_context& context) : streams_(std::make_unique<Streams>(context)) {}
Transport::Transport(Protocol::socket socket)
    : streams_(std::make_unique<Streams>(std::move(socket))) {}
Transport::~Transport() = default;
Transport::Transport(Transport&&) noexcept = default;

Transport::Awaitable<Transport::ErrorCode> Transport::Connect(const Protocol::endpoint& endpoint) {
  ErrorCode error;
  // One that was tried before may be of another family.
  if (streams_->plain.socket().is_open()) streams_->plain.socket().close(error);
  error = {};
  co_await streams_->plain.async_connect(endpoint, asio::redirect_error(use_awaitable, error));
  co_return error;
}

Transport::Awaitable<Transport::ErrorCode> Transport::HandshakeAsServer(
    asio::ssl::context& context) {
  streams_->tls.emplace(streams_->plain, context);
  const ErrorCode error = co_await Handshake(asio::ssl::stream_base::server);
  co_return error;
}

Transport::Awaitable<Transport::ErrorCode> Transport::HandshakeAsClient(asio::ssl::context& context,
                                                                        const std::string& host) {
  streams_->tls.emplace(streams_->plain, context);
  ErrorCode not_an_address;
  asio::ip::make_address(host, not_an_address);
  if (not_an_address) SSL_set_tlsext_host_name(streams_->tls->native_handle(), host.c_str());
  streams_->tls->set_verify_mode(asio::ssl::verify_peer);
  streams_->tls->set_verify_callback(asio::ssl::host_name_verification(host));
  const ErrorCode error = co_await Handshake(asio::ssl::stream_base::client);
  co_return error;
}

Transport::Awaitable<Transport::ErrorCode> Transport::Handshake(
    asio::ssl::stream_base::handshake_type side) {
  ErrorCode error;
  co_await streams_->tls->async_handshake(side, asio::redirect_error(use_awaitable, error));
  co_return error;
}

Transport::Awaitable<size_t> Transport::ReadSome(asio::mutable_buffer space, ErrorCode& error) {
  size_t got = 0;
  if (streams_->tls.has_value()) {
    got =
        co_await streams_->tls->async_read_some(space, asio::redirect_error(use_awaitable, error));
  } else {
    got =
        co_await streams_->plain.async_read_some(space, asio::redirect_error(use_awaitable, error));
  }
  co_return got;
}

Transport::Awaitable<Transport::ErrorCode> Transport::Write(asio::const_buffer bytes) {
  ErrorCode error;
  while (bytes.size() > 0 && !error) {
    size_t taken = 0;
    if (streams_->tls.has_value()) {
      taken = co_await streams_->tls->async_write_some(bytes,
                                                       asio::redirect_error(use_awaitable, error));
    } else {
      taken = co_await streams_->plain.async_write_some(bytes,
                                                        asio::redirect_error(use_awaitable, error));
    }
    bytes += taken;
  }
  co_return error;
}

void Transport::ExpireAt(std::chrono::steady_clock::time_point time) {
  streams_->plain.expires_at(time);
}

void Transport::ExpireNever() { streams_->plain.expires_never(); }

void Transport::Close() { streams_->plain.close(); }

Transport::Protocol::socket& Transport::socket() { return streams_->plain.socket(); }

}  // namespace keng::net
