#ifndef KENG_BASE_KEYED_HASH_H_
#define KENG_BASE_KEYED_HASH_H_

// SHA-256 and HMAC-SHA-256 (OpenSSL), base64 and hex: what signatures, author keys and
// deterministic ids are made of.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace keng::base {

using Digest = std::array<uint8_t, 32>;

Digest Sha256(std::string_view bytes);

// HMAC-SHA-256 with a fixed key. Construction hashes the key once; Compute() costs two compressions
// for short input. Thread-safe. The key is not kept in clear beyond OpenSSL's own state.
class KeyedHash {
 public:
  explicit KeyedHash(std::string_view key);
  ~KeyedHash();
  KeyedHash(const KeyedHash&) = delete;
  KeyedHash& operator=(const KeyedHash&) = delete;

  Digest Compute(std::string_view bytes) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Digest HmacSha256(std::string_view key, std::string_view bytes);

// Compares in time that depends on the lengths only.
bool EqualConstantTime(std::string_view a, std::string_view b);

// `count` bytes from the system's cryptographic generator.
std::string RandomBytes(size_t count);

// The first `digits` lower-case hex digits of the digest. REQUIRES: digits <= 64.
std::string HexPrefix(const Digest& digest, size_t digits);

inline std::string_view AsBytes(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

}  // namespace keng::base

#endif  // KENG_BASE_KEYED_HASH_H_
