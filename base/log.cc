#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <atomic>
#include <memory>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/json_text.h"
#include "base/strings.h"

namespace keng::base {
namespace {

// spdlog's logger is the process's one; the form is fixed before threads start.
spdlog::logger& Logger() {
  static const std::shared_ptr<spdlog::logger> kLogger = [] {
    auto logger = spdlog::stderr_logger_mt("keng");
    logger->set_pattern("%v");
    logger->flush_on(spdlog::level::debug);
    return logger;
  }();
  return *kLogger;
}

std::atomic<bool>& JsonForm() {
  static std::atomic<bool> form{isatty(STDERR_FILENO) == 0};
  return form;
}

void Write(spdlog::level::level_enum level, std::string_view name, std::string_view event,
           LogFields fields) {
  spdlog::logger& logger = Logger();
  if (!logger.should_log(level)) return;
  const std::string now =
      absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(), absl::UTCTimeZone());
  std::string line;
  if (JsonForm().load(std::memory_order_relaxed)) {
    StrAppend(&line, R"({"time":")", now, R"(","level":")", name, R"(","event":)");
    AppendJsonString(event, line);
    for (const auto& [key, value] : fields) {
      line.push_back(',');
      AppendJsonString(key, line);
      line.push_back(':');
      AppendJsonString(value, line);
    }
    line.push_back('}');
  } else {
    StrAppend(&line, now, " ", name, " ", event);
    for (const auto& [key, value] : fields) StrAppend(&line, " ", key, "=", value);
  }
  logger.log(level, spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace

void ConfigureLog(LogLevel level, LogForm form) {
  constexpr spdlog::level::level_enum kLevels[] = {spdlog::level::debug, spdlog::level::info,
                                                   spdlog::level::warn, spdlog::level::err,
                                                   spdlog::level::off};
  Logger().set_level(kLevels[static_cast<int>(level)]);
  if (form != LogForm::kAuto) JsonForm().store(form == LogForm::kJson);
}

void LogDebug(std::string_view event, LogFields fields) {
  Write(spdlog::level::debug, "debug", event, fields);
}
void LogInfo(std::string_view event, LogFields fields) {
  Write(spdlog::level::info, "info", event, fields);
}
void LogWarn(std::string_view event, LogFields fields) {
  Write(spdlog::level::warn, "warn", event, fields);
}
void LogError(std::string_view event, LogFields fields) {
  Write(spdlog::level::err, "error", event, fields);
}

}  // namespace keng::base
