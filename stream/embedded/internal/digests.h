#ifndef KENG_STREAM_EMBEDDED_INTERNAL_DIGESTS_H_
#define KENG_STREAM_EMBEDDED_INTERNAL_DIGESTS_H_

// The digests of a batch: 12 bytes a record (u32 delta, u64 hash of the key whose lowest bit says
// "tombstone"), so that compaction finds superseded records without reading the records.

#include <cstring>
#include <string>
#include <string_view>

#include "base/stable_hash.h"

namespace keng::stream::internal {

inline constexpr size_t kDigestBytes = 12;

struct Digest {
  uint32_t delta = 0;
  uint64_t key_hash = 0;  // without its lowest bit
  bool tombstone = false;
};

inline uint64_t DigestHash(std::string_view key) { return base::StableHash64(key) & ~uint64_t{1}; }

inline void AppendDigest(const Digest& digest, std::string& out) {
  const uint64_t word = digest.key_hash | (digest.tombstone ? 1 : 0);
  char bytes[kDigestBytes];
  std::memcpy(bytes, &digest.delta, 4);
  std::memcpy(bytes + 4, &word, 8);
  out.append(bytes, kDigestBytes);
}

// REQUIRES: (index + 1) * kDigestBytes <= digests.size().
inline Digest DigestAt(std::string_view digests, size_t index) {
  Digest digest;
  uint64_t word;
  std::memcpy(&digest.delta, digests.data() + index * kDigestBytes, 4);
  std::memcpy(&word, digests.data() + index * kDigestBytes + 4, 8);
  digest.key_hash = word & ~uint64_t{1};
  digest.tombstone = (word & 1) != 0;
  return digest;
}

}  // namespace keng::stream::internal

#endif  // KENG_STREAM_EMBEDDED_INTERNAL_DIGESTS_H_
