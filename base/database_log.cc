#include "base/database_log.h"

#include <rocksdb/env.h>

#include <cstdarg>
#include <cstdio>
#include <utility>

#include "base/log.h"

namespace keng::base {

namespace {

class DatabaseLog final : public rocksdb::Logger {
 public:
  explicit DatabaseLog(std::string event)
      : Logger(rocksdb::InfoLogLevel::WARN_LEVEL), event_(std::move(event)) {}
  using rocksdb::Logger::Logv;
  void Logv(const char* format, va_list arguments) override {
    char text[512];
    std::vsnprintf(text, sizeof(text), format, arguments);
    LogWarn(event_, {{"text", text}});
  }

 private:
  const std::string event_;
};

}  // namespace

std::shared_ptr<rocksdb::Logger> MakeDatabaseLog(std::string event) {
  return std::make_shared<DatabaseLog>(std::move(event));
}

}  // namespace keng::base
