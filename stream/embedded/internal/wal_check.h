#ifndef KENG_STREAM_EMBEDDED_INTERNAL_WAL_CHECK_H_
#define KENG_STREAM_EMBEDDED_INTERNAL_WAL_CHECK_H_

// Reads RocksDB's write-ahead logs before RocksDB does, to tell a torn tail (the process or the
// machine died within its last append: tolerated) from damage (a flipped byte: refused). RocksDB's
// own modes cannot: each of them passes over some damage in silence, as a changed length in the
// last block looks like a torn tail to it.
//
// Format: blocks of 32 KiB; fragments with a header of u32 masked crc32c of type and payload, u16
// length, u8 type (github.com/facebook/rocksdb/wiki/Write-Ahead-Log-File-Format).

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace keng::stream::internal {

enum class LogTail { kWhole, kTorn };
struct LogVerdict {
  LogTail tail = LogTail::kWhole;
  size_t end = 0;      // the first byte that is not part of a whole fragment
  std::string damage;  // empty: none; otherwise what is wrong at byte `end`
};
// A pure function of a log's bytes.
LogVerdict CheckLog(std::string_view bytes);

// Checks all logs in `directory`. DataLoss: names file, byte and what is wrong.
absl::Status CheckLogs(const std::string& directory);

}  // namespace keng::stream::internal

#endif  // KENG_STREAM_EMBEDDED_INTERNAL_WAL_CHECK_H_
