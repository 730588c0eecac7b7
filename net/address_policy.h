#ifndef KENG_NET_ADDRESS_POLICY_H_
#define KENG_NET_ADDRESS_POLICY_H_

// Which addresses a connection to a configured or received URL may go to, so that a feed or a
// webhook cannot be pointed at this machine's or this network's inside. Pure, thread-safe.

#include <cstdint>
#include <string_view>

namespace keng::net {

// kPublic refuses loopback, private, link-local, unique local, carrier-grade NAT, documentation,
// benchmark, multicast and unspecified addresses (IANA special-purpose registries, RFC 6890), also
// as IPv4 inside IPv6.
enum class AddressPolicy : uint8_t { kPublic, kAny };

// Whether kPublic lets this address (in text form) through. False for what is no address.
bool IsPublicAddress(std::string_view address);

}  // namespace keng::net

#endif  // KENG_NET_ADDRESS_POLICY_H_
