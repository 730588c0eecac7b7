#ifndef KENG_BASE_STABLE_HASH_H_
#define KENG_BASE_STABLE_HASH_H_

// Hashes whose values may be stored, sent and compared between processes and versions. absl::Hash
// is seeded per process and must not be used for any of that.

#include <array>
#include <compare>
#include <cstdint>
#include <string_view>

namespace keng::base {

// XXH3, 64 bits. Not for adversarial input that must not collide: use KeyedHash there.
uint64_t StableHash64(std::string_view bytes, uint64_t seed = 0);

struct Hash128 {
  uint64_t low = 0;
  uint64_t high = 0;
  auto operator<=>(const Hash128&) const = default;
};

// XXH3, 128 bits: a fingerprint of an id or a text. 2^32 values collide with probability about
// 2^-65.
Hash128 StableHash128(std::string_view bytes);

// Kafka's partitioner hash (murmur2, seed 0x9747b28c; org.apache.kafka.common.utils.Utils.murmur2).
uint32_t Murmur2(std::string_view bytes);

// The partition that Kafka's default partitioner and ours give to `key`. REQUIRES: partitions > 0.
int PartitionOf(std::string_view key, int partitions);

}  // namespace keng::base

#endif  // KENG_BASE_STABLE_HASH_H_
