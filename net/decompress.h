#ifndef KENG_NET_DECOMPRESS_H_
#define KENG_NET_DECOMPRESS_H_

// Bodies with a Content-Encoding become plain bytes, with a bound on the result and on its ratio to
// what came in, so that a few kilobytes cannot become gigabytes. Used by the HTTP client (feeds)
// and the HTTP server (pushes). Pure function, thread-safe; zlib and libzstd do the work.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace keng::net {

enum class ContentCoding : uint8_t { kIdentity, kGzip, kZstd };

// "", "identity", "gzip", "x-gzip", "zstd", in any case; nullopt for all others (also for lists of
// several codings).
std::optional<ContentCoding> ContentCodingByName(std::string_view name);

struct DecompressLimits {
  size_t bytes_max = size_t{32} << 20;  // of the result
  size_t ratio_max = 100;               // result to input ...
  size_t ratio_free_bytes = 64 * 1024;  // ... counted beyond this much result
  size_t window_bytes_max = 8u << 20;   // zstd: memory that a frame may ask for
};

// The whole body, decoded. gzip may consist of several members, zstd of several frames.
// ResourceExhausted: over bytes_max or ratio_max. InvalidArgument: broken, cut short, or followed
// by something else. Identity is copied, and only bytes_max applies.
absl::StatusOr<std::string> Decompress(ContentCoding coding, std::string_view body,
                                       const DecompressLimits& limits);

}  // namespace keng::net

#endif  // KENG_NET_DECOMPRESS_H_
