#include "net/decompress.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "base/strings.h"

namespace keng::net {
namespace {

using base::StrCat;

constexpr size_t kChunk = 64 * 1024;

// Appends decoded bytes and holds the bounds.
class Output {
 public:
  Output(size_t input_bytes, const DecompressLimits& limits)
      : limits_(limits),
        ratio_bytes_max_(std::max(limits.ratio_free_bytes, input_bytes * limits.ratio_max)) {}

  absl::Status Append(const char* data, size_t size) {
    if (size > limits_.bytes_max - std::min(limits_.bytes_max, bytes_.size())) {
      return absl::ResourceExhaustedError(
          StrCat("the body decompresses to more than ", limits_.bytes_max, " bytes"));
    }
    if (bytes_.size() + size > ratio_bytes_max_) {
      return absl::ResourceExhaustedError(
          StrCat("the body decompresses to more than ", limits_.ratio_max, " times its size"));
    }
    bytes_.append(data, size);
    return absl::OkStatus();
  }
  std::string Take() { return std::move(bytes_); }

 private:
  const DecompressLimits& limits_;
  const size_t ratio_bytes_max_;
  std::string bytes_;
};

absl::Status Broken(std::string_view coding) {
  return absl::InvalidArgumentError(StrCat("the body is not valid ", coding, " or was cut short"));
}

struct InflateEnd {
  void operator()(z_stream* stream) const {
    inflateEnd(stream);
    delete stream;
  }
};

absl::StatusOr<std::string> Gunzip(std::string_view body, const DecompressLimits& limits) {
  std::unique_ptr<z_stream, InflateEnd> stream(new z_stream{});
  // 15 + 16: the largest window, gzip header and checksum required.
  if (inflateInit2(stream.get(), 15 + 16) != Z_OK) {
    return absl::ResourceExhaustedError("zlib cannot start");
  }
  Output output(body.size(), limits);
  const auto chunk = std::make_unique<char[]>(kChunk);
  // Bodies are bounded far below 4 GiB by their receivers, zlib counts in 32 bits.
  if (body.size() > (size_t{1} << 30)) return absl::ResourceExhaustedError("the body is too large");
  stream->next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
  stream->avail_in = static_cast<uInt>(body.size());
  while (true) {
    stream->next_out = reinterpret_cast<Bytef*>(chunk.get());
    stream->avail_out = kChunk;
    const int result = inflate(stream.get(), Z_NO_FLUSH);
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) return Broken("gzip");
    const size_t made = kChunk - stream->avail_out;
    if (absl::Status status = output.Append(chunk.get(), made); !status.ok()) return status;
    if (result == Z_STREAM_END) {
      if (stream->avail_in == 0) return output.Take();
      if (inflateReset(stream.get()) != Z_OK) return Broken("gzip");
    } else if (made == 0 && stream->avail_in == 0) {
      return Broken("gzip");
    } else if (result == Z_BUF_ERROR) {
      return Broken("gzip");
    }
  }
}

struct FreeZstd {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

absl::StatusOr<std::string> Unzstd(std::string_view body, const DecompressLimits& limits) {
  std::unique_ptr<ZSTD_DCtx, FreeZstd> context(ZSTD_createDCtx());
  if (context == nullptr) return absl::ResourceExhaustedError("zstd cannot start");
  const int window_log = static_cast<int>(std::bit_width(limits.window_bytes_max)) - 1;
  if (ZSTD_isError(ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax,
                                          std::clamp(window_log, 10, 31)))) {
    return absl::InternalError("zstd refuses its window limit");
  }
  Output output(body.size(), limits);
  const auto chunk = std::make_unique<char[]>(kChunk);
  ZSTD_inBuffer in{body.data(), body.size(), 0};
  // A body without any frame is no zstd body.
  size_t left = 1;
  while (in.pos < in.size) {
    ZSTD_outBuffer out{chunk.get(), kChunk, 0};
    const size_t before = in.pos;
    left = ZSTD_decompressStream(context.get(), &out, &in);
    if (ZSTD_isError(left)) return Broken("zstd");
    if (absl::Status status = output.Append(chunk.get(), out.pos); !status.ok()) return status;
    if (out.pos == 0 && in.pos == before) return Broken("zstd");
  }
  // What the last frame still holds back when its output filled the chunk.
  while (left != 0) {
    ZSTD_outBuffer out{chunk.get(), kChunk, 0};
    left = ZSTD_decompressStream(context.get(), &out, &in);
    if (ZSTD_isError(left) || (left != 0 && out.pos == 0)) return Broken("zstd");
    if (absl::Status status = output.Append(chunk.get(), out.pos); !status.ok()) return status;
  }
  return output.Take();
}

}  // namespace

std::optional<ContentCoding> ContentCodingByName(std::string_view name) {
  const absl::string_view trimmed = absl::StripAsciiWhitespace(base::ToAbsl(name));
  if (trimmed.empty() || absl::EqualsIgnoreCase(trimmed, "identity")) {
    return ContentCoding::kIdentity;
  }
  if (absl::EqualsIgnoreCase(trimmed, "gzip") || absl::EqualsIgnoreCase(trimmed, "x-gzip")) {
    return ContentCoding::kGzip;
  }
  if (absl::EqualsIgnoreCase(trimmed, "zstd")) return ContentCoding::kZstd;
  return std::nullopt;
}

absl::StatusOr<std::string> Decompress(ContentCoding coding, std::string_view body,
                                       const DecompressLimits& limits) {
  switch (coding) {
    case ContentCoding::kIdentity:
      if (body.size() > limits.bytes_max) {
        return absl::ResourceExhaustedError(
            StrCat("the body has more than ", limits.bytes_max, " bytes"));
      }
      return std::string(body);
    case ContentCoding::kGzip:
      return Gunzip(body, limits);
    case ContentCoding::kZstd:
      return Unzstd(body, limits);
  }
  return absl::InternalError("unknown coding");
}

}  // namespace keng::net
