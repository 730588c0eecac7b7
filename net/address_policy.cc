#include "net/address_policy.h"

#include <array>
#include <boost/asio/ip/address.hpp>
#include <string>

namespace keng::net {
namespace {

namespace ip = boost::asio::ip;

struct Network4 {
  uint32_t base;
  int bits;
};
constexpr uint32_t V4(uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
  return (a << 24) | (b << 16) | (c << 8) | d;
}
constexpr std::array kReserved4 = {
    Network4{V4(0, 0, 0, 0), 8},      Network4{V4(10, 0, 0, 0), 8},
    Network4{V4(100, 64, 0, 0), 10},  Network4{V4(127, 0, 0, 0), 8},
    Network4{V4(169, 254, 0, 0), 16}, Network4{V4(172, 16, 0, 0), 12},
    Network4{V4(192, 0, 0, 0), 24},   Network4{V4(192, 0, 2, 0), 24},
    Network4{V4(192, 88, 99, 0), 24}, Network4{V4(192, 168, 0, 0), 16},
    Network4{V4(198, 18, 0, 0), 15},  Network4{V4(198, 51, 100, 0), 24},
    Network4{V4(203, 0, 113, 0), 24}, Network4{V4(224, 0, 0, 0), 3},
};

bool IsPublic4(uint32_t address) {
  for (const Network4& network : kReserved4) {
    if ((address >> (32 - network.bits)) == (network.base >> (32 - network.bits))) return false;
  }
  return true;
}

bool IsPublic6(const ip::address_v6& address) {
  const ip::address_v6::bytes_type bytes = address.to_bytes();
  const auto embedded = [&bytes](size_t at) {
    return V4(bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]);
  };
  if (address.is_v4_mapped()) return IsPublic4(embedded(12));
  const auto starts = [&bytes](std::initializer_list<uint8_t> prefix) {
    size_t i = 0;
    for (const uint8_t byte : prefix) {
      if (bytes[i++] != byte) return false;
    }
    return true;
  };
  if (starts({0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0})) return IsPublic4(embedded(12));
  if (starts({0x20, 0x02})) return IsPublic4(embedded(2));  // 6to4
  if (starts({0x20, 0x01, 0x0d, 0xb8})) return false;       // documentation
  if (starts({0x20, 0x01, 0x00})) return false;             // 2001::/23: Teredo and others
  return (bytes[0] & 0xe0) == 0x20;                         // 2000::/3 is all that is global
}

}  // namespace

bool IsPublicAddress(std::string_view address) {
  boost::system::error_code error;
  const ip::address parsed = ip::make_address(std::string(address), error);
  if (error) return false;
  return parsed.is_v4() ? IsPublic4(parsed.to_v4().to_uint()) : IsPublic6(parsed.to_v6());
}

}  // namespace keng::net
