#include "stream/embedded/internal/wal_check.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <vector>

#include "base/check.h"
#include "base/log.h"
#include "base/strings.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace keng::stream::internal {
namespace {

constexpr size_t kBlockBytes = 32768;
constexpr size_t kHeaderBytes = 7;

constexpr std::array<uint32_t, 256> MakeTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0x82f63b78U : 0);
    table[i] = value;
  }
  return table;
}
constexpr std::array<uint32_t, 256> kTable = MakeTable();

// crc32c without the final inversion, so that it can be extended byte by byte.
uint32_t ExtendSlow(uint32_t crc, const char* data, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    crc = kTable[(crc ^ static_cast<unsigned char>(data[i])) & 0xff] ^ (crc >> 8);
  }
  return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) uint32_t ExtendFast(uint32_t crc, const char* data, size_t size) {
  uint64_t wide = crc;
  for (; size >= 8; data += 8, size -= 8) {
    uint64_t word;
    std::memcpy(&word, data, 8);
    wide = _mm_crc32_u64(wide, word);
  }
  crc = static_cast<uint32_t>(wide);
  for (; size > 0; ++data, --size) crc = _mm_crc32_u8(crc, static_cast<unsigned char>(*data));
  return crc;
}
uint32_t Extend(uint32_t crc, const char* data, size_t size) {
  static const bool kFast = __builtin_cpu_supports("sse4.2");
  return kFast ? ExtendFast(crc, data, size) : ExtendSlow(crc, data, size);
}
#else
uint32_t Extend(uint32_t crc, const char* data, size_t size) { return ExtendSlow(crc, data, size); }
#endif

uint32_t Mask(uint32_t crc) {
  crc = ~crc;
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8U;
}

// Whether some length makes the checksum of the fragment at `fragment` (header and all that is left
// of the log) hold: then the fragment is whole and its length was changed.
bool WholeUnderAnotherLength(std::string_view fragment, uint32_t checksum) {
  uint32_t crc = ExtendSlow(~0U, fragment.data() + 6, 1);
  if (Mask(crc) == checksum) return true;
  for (const char byte : fragment.substr(kHeaderBytes)) {
    crc = ExtendSlow(crc, &byte, 1);
    if (Mask(crc) == checksum) return true;
  }
  return false;
}

bool AllZero(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == 0; });
}

absl::Status CheckFile(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return absl::UnavailableError(base::StrCat("cannot open ", path, ": ", strerror(errno)));
  struct stat status;
  void* mapped = MAP_FAILED;
  const bool has_size = fstat(file, &status) == 0;
  if (has_size && status.st_size > 0) {
    mapped = mmap(nullptr, static_cast<size_t>(status.st_size), PROT_READ, MAP_PRIVATE, file, 0);
  }
  close(file);
  if (has_size && status.st_size == 0) return absl::OkStatus();
  if (mapped == MAP_FAILED) return absl::UnavailableError(base::StrCat("cannot read ", path));
  const auto size = static_cast<size_t>(status.st_size);
  (void)madvise(mapped, size, MADV_SEQUENTIAL);
  const LogVerdict verdict = CheckLog({static_cast<const char*>(mapped), size});
  munmap(mapped, size);
  if (!verdict.damage.empty()) {
    return absl::DataLossError(
        base::StrCat("the log ", path, " is damaged at byte ", verdict.end, ": ", verdict.damage,
                     "; acknowledged records may be lost if it is ignored: restore the directory "
                     "from a backup or disk that is whole"));
  }
  if (verdict.tail == LogTail::kTorn) {
    base::LogWarn("stream.log_tail_torn", {{"file", path},
                                           {"byte", base::StrCat(verdict.end)},
                                           {"dropped", base::StrCat(size - verdict.end)}});
  }
  return absl::OkStatus();
}

}  // namespace

LogVerdict CheckLog(std::string_view bytes) {
  LogVerdict verdict;
  size_t at = 0;
  while (at < bytes.size()) {
    verdict.end = at;
    const size_t block_left = kBlockBytes - at % kBlockBytes;
    const size_t left = std::min(block_left, bytes.size() - at);
    if (block_left < kHeaderBytes) {
      if (!AllZero(bytes.substr(at, left))) {
        verdict.damage = "the padding of a block is not zero";
        return verdict;
      }
      at += left;
      continue;
    }
    if (left < kHeaderBytes) {
      verdict.tail = LogTail::kTorn;
      return verdict;
    }
    const std::string_view fragment = bytes.substr(at, left);
    uint32_t checksum;
    uint16_t length;
    std::memcpy(&checksum, fragment.data(), 4);
    std::memcpy(&length, fragment.data() + 4, 2);
    if (AllZero(fragment.substr(0, kHeaderBytes))) {
      // Space that the file system gave and the process never filled.
      if (AllZero(bytes.substr(at))) {
        verdict.tail = LogTail::kTorn;
      } else {
        verdict.damage = "zeros where a fragment should begin";
      }
      return verdict;
    }
    if (kHeaderBytes + length > left) {
      if (kHeaderBytes + length > block_left) {
        verdict.damage = "a fragment longer than its block";
      } else if (WholeUnderAnotherLength(fragment, checksum)) {
        verdict.damage = "the length of a fragment is wrong";
      } else {
        verdict.tail = LogTail::kTorn;
      }
      return verdict;
    }
    if (Mask(Extend(~0U, fragment.data() + 6, size_t{1} + length)) != checksum) {
      verdict.damage = "the checksum of a fragment does not match";
      return verdict;
    }
    at += kHeaderBytes + length;
  }
  verdict.end = at;
  return verdict;
}

absl::Status CheckLogs(const std::string& directory) {
  std::vector<std::string> paths;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    if (entry.path().extension() == ".log") paths.push_back(entry.path().string());
  }
  if (error) {
    return absl::UnavailableError(base::StrCat("cannot list ", directory, ": ", error.message()));
  }
  std::sort(paths.begin(), paths.end());
  for (const std::string& path : paths) KENG_RETURN_IF_ERROR(CheckFile(path));
  return absl::OkStatus();
}

}  // namespace keng::stream::internal
