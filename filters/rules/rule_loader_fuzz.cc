// Whatever a rule file holds: it loads whole or the error names the file.

#include <cstdint>
#include <string_view>

#include "absl/strings/match.h"
#include "base/check.h"
#include "filters/rules/rule_loader.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto files = keng::filters::LoadRulesText(
      "fuzz.yaml", std::string_view(reinterpret_cast<const char*>(data), size));
  if (!files.ok()) {
    KENG_CHECK(absl::StrContains(files.status().message(), "fuzz.yaml"), files.status().ToString());
    return 0;
  }
  for (const keng::filters::Rule& rule : files->rules) {
    KENG_CHECK(!rule.id.empty() && !rule.topic.empty() && rule.line > 0, rule.id);
    KENG_CHECK(rule.scan == keng::filters::ScanPolicy::kAlways || NeedsPhrase(rule.when), rule.id);
  }
  return 0;
}
