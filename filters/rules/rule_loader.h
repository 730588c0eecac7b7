#ifndef KENG_FILTERS_RULES_RULE_LOADER_H_
#define KENG_FILTERS_RULES_RULE_LOADER_H_

// Reads rule files and packs (docs/rules.md). A load is all or nothing: one bad file and nothing is
// returned, so that the caller keeps what it had. Each error names file, line and column, the rule,
// what was found, what was expected and what to do.
//
// Bounded: 4096 files a folder, 100,000 rules, 2,000,000 phrases and as many terms after lists are
// expanded, conditions and lists 16 deep, phrases of 256 bytes and 24 syllables, expressions of 500
// bytes, windows of 366 days, tests of 64 KiB.
//
// Tests: filters/rules/rule_loader_test.cc, rule_schema_test.cc, rule_loader_fuzz.cc.

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "filters/rules/rule.h"
#include "filters/rules/rule_file_reader.h"

namespace keng::filters {

struct RuleLoadOptions {
  // After a pack's `until` its rules are off.
  absl::Time now = absl::InfinitePast();
  // A file of local changes beside the packs' own overrides.yaml; empty: none.
  std::string overrides_path;
  // Borrowed; nullptr: the disk.
  const RuleFileReader* reader = nullptr;
};

// Loads every path: a rule file, or a pack's folder. InvalidArgument: a file is wrong; NotFound or
// Unavailable: it cannot be read.
absl::StatusOr<RuleFiles> LoadRules(const std::vector<std::string>& paths,
                                    const RuleLoadOptions& options = {});

// One file's text, without a pack: for tests, the fuzzer and editors.
absl::StatusOr<RuleFiles> LoadRulesText(std::string_view file, std::string_view text);

}  // namespace keng::filters

#endif  // KENG_FILTERS_RULES_RULE_LOADER_H_
