#ifndef KENG_BASE_LOG_H_
#define KENG_BASE_LOG_H_

// Structured logs: an event name in dotted lower case, and fields. People read them on a terminal;
// elsewhere each is one JSON line on standard error. Never a line a post, never a text, an author
// key or a secret.
//
// INFO: something an operator wants to see once. WARN: something is off and nothing was lost.
// ERROR: somebody must act.

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace keng::base {

enum class LogLevel { kDebug, kInfo, kWarn, kError, kOff };

using LogFields = std::initializer_list<std::pair<std::string_view, std::string>>;

// Chooses the level and the form for this process. Called once from main(); before it, INFO and the
// form by isatty.
enum class LogForm { kAuto, kText, kJson };
void ConfigureLog(LogLevel level, LogForm form);

void LogDebug(std::string_view event, LogFields fields = {});
void LogInfo(std::string_view event, LogFields fields = {});
void LogWarn(std::string_view event, LogFields fields = {});
void LogError(std::string_view event, LogFields fields = {});

}  // namespace keng::base

#endif  // KENG_BASE_LOG_H_
