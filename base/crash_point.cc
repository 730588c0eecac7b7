#include "base/crash_point.h"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <string>

#include "absl/strings/numbers.h"

namespace keng::base {
namespace {

// What the environment asks for, read once.
struct Wanted {
  std::string name;
  int64_t count = 1;
  mutable std::atomic<int64_t> passed{0};

  Wanted() {
    const char* text = std::getenv("KENG_CRASH_POINT");
    if (text == nullptr) return;
    name = text;
    const size_t colon = name.rfind(':');
    if (colon == std::string::npos) return;
    if (!absl::SimpleAtoi(name.substr(colon + 1), &count)) count = 1;
    name.resize(colon);
  }
};

}  // namespace

void PassCrashPoint(std::string_view name) {
  static const Wanted wanted;
  if (wanted.name.empty() || name != wanted.name) return;
  if (wanted.passed.fetch_add(1) + 1 == wanted.count) std::raise(SIGKILL);
}

}  // namespace keng::base
