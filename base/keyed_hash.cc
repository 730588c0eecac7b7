#include "base/keyed_hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <cstring>

#include "base/check.h"

// SHA256_Init and friends are deprecated in OpenSSL 3 in favour of EVP, which allocates and looks
// up the algorithm on every copy of a context: 5x slower for the 40-byte inputs that author keys
// are. The low-level calls are kept for that.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace keng::base {

Digest Sha256(std::string_view bytes) {
  Digest digest;
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  return digest;
}

struct KeyedHash::State {
  SHA256_CTX inner;
  SHA256_CTX outer;
};

KeyedHash::KeyedHash(std::string_view key) : state_(std::make_unique<State>()) {
  constexpr size_t kBlock = 64;
  std::array<uint8_t, kBlock> block{};
  if (key.size() > kBlock) {
    const Digest digest = Sha256(key);
    std::memcpy(block.data(), digest.data(), digest.size());
  } else {
    std::memcpy(block.data(), key.data(), key.size());
  }
  std::array<uint8_t, kBlock> pad;
  for (size_t i = 0; i < kBlock; ++i) pad[i] = block[i] ^ 0x36;
  SHA256_Init(&state_->inner);
  SHA256_Update(&state_->inner, pad.data(), pad.size());
  for (size_t i = 0; i < kBlock; ++i) pad[i] = block[i] ^ 0x5c;
  SHA256_Init(&state_->outer);
  SHA256_Update(&state_->outer, pad.data(), pad.size());
  OPENSSL_cleanse(block.data(), block.size());
  OPENSSL_cleanse(pad.data(), pad.size());
}

KeyedHash::~KeyedHash() { OPENSSL_cleanse(state_.get(), sizeof(State)); }

Digest KeyedHash::Compute(std::string_view bytes) const {
  Digest digest;
  SHA256_CTX context = state_->inner;
  SHA256_Update(&context, bytes.data(), bytes.size());
  SHA256_Final(digest.data(), &context);
  context = state_->outer;
  SHA256_Update(&context, digest.data(), digest.size());
  SHA256_Final(digest.data(), &context);
  return digest;
}

Digest HmacSha256(std::string_view key, std::string_view bytes) {
  return KeyedHash(key).Compute(bytes);
}

bool EqualConstantTime(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string RandomBytes(size_t count) {
  std::string bytes(count, '\0');
  const int ok =
      RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count));
  KENG_CHECK(ok == 1, "the system's random generator failed");
  return bytes;
}

std::string HexPrefix(const Digest& digest, size_t digits) {
  KENG_CHECK(digits <= digest.size() * 2, "digits=", digits);
  constexpr char kHex[] = "0123456789abcdef";
  std::string text(digits, '0');
  for (size_t i = 0; i < digits; ++i) {
    const uint8_t byte = digest[i / 2];
    text[i] = kHex[i % 2 == 0 ? byte >> 4 : byte & 15];
  }
  return text;
}

}  // namespace keng::base
