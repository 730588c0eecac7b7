#include "net/internal/transport.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>

namespace keng::net {
namespace {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;

// A name with an IPv6 and an IPv4 address, of which the first does not answer.
TEST(Transport, ASecondEndpointMayBeOfAnotherFamily) {
  asio::io_context context;
  Tcp::acceptor listening(context, Tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0));
  const uint16_t port = listening.local_endpoint().port();
  Transport transport(context);
  Transport::ErrorCode first, second;
  const auto run = [&]() -> asio::awaitable<void> {
    first = co_await transport.Connect(Tcp::endpoint(asio::ip::make_address("::1"), port));
    second = co_await transport.Connect(Tcp::endpoint(asio::ip::make_address("127.0.0.1"), port));
  };
  asio::co_spawn(context, run, asio::detached);
  context.run();
  EXPECT_TRUE(first) << "nobody listens there, or there is no IPv6";
  EXPECT_FALSE(second) << second.message();
}

}  // namespace
}  // namespace keng::net
