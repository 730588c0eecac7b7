#ifndef KENG_BASE_DATABASE_LOG_H_
#define KENG_BASE_DATABASE_LOG_H_

// RocksDB's own log, into ours. As a file beside the data it asserts, and ends the process, at the
// second line that finds the disk full (Debian's 7.8 is built with its assertions).

#include <memory>
#include <string>

namespace rocksdb {
class Logger;
}

namespace keng::base {

// For rocksdb::Options::info_log. Each warning becomes a line `event`. Thread-safe.
std::shared_ptr<rocksdb::Logger> MakeDatabaseLog(std::string event);

}  // namespace keng::base

#endif  // KENG_BASE_DATABASE_LOG_H_
