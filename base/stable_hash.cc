#include "base/stable_hash.h"

#include <cstring>

#include "base/check.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace keng::base {

uint64_t StableHash64(std::string_view bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

Hash128 StableHash128(std::string_view bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return {.low = hash.low64, .high = hash.high64};
}

uint32_t Murmur2(std::string_view bytes) {
  constexpr uint32_t kMultiplier = 0x5bd1e995;
  constexpr int kShift = 24;
  uint32_t hash = 0x9747b28cU ^ static_cast<uint32_t>(bytes.size());
  const char* data = bytes.data();
  size_t left = bytes.size();
  for (; left >= 4; data += 4, left -= 4) {
    uint32_t word;
    std::memcpy(&word, data, 4);
    word *= kMultiplier;
    word ^= word >> kShift;
    word *= kMultiplier;
    hash *= kMultiplier;
    hash ^= word;
  }
  switch (left) {
    case 3:
      hash ^= static_cast<uint32_t>(static_cast<unsigned char>(data[2])) << 16;
      [[fallthrough]];
    case 2:
      hash ^= static_cast<uint32_t>(static_cast<unsigned char>(data[1])) << 8;
      [[fallthrough]];
    case 1:
      hash ^= static_cast<uint32_t>(static_cast<unsigned char>(data[0]));
      hash *= kMultiplier;
      break;
    default:
      break;
  }
  hash ^= hash >> 13;
  hash *= kMultiplier;
  hash ^= hash >> 15;
  return hash;
}

int PartitionOf(std::string_view key, int partitions) {
  KENG_CHECK(partitions > 0, "partitions=", partitions);
  return static_cast<int>((Murmur2(key) & 0x7fffffffU) % static_cast<uint32_t>(partitions));
}

}  // namespace keng::base
