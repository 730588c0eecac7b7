#ifndef KENG_FILTERS_RULES_RULE_FILE_READER_H_
#define KENG_FILTERS_RULES_RULE_FILE_READER_H_

// Where rule files are read from: the disk, or a package that travelled through a stream
// (filters/rules/rule_package.h). The loader sees no other difference, so that a rule set loaded
// from a package has the version of the files that it was made of.

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace keng::filters {

// Implementations are thread-safe.
class RuleFileReader {
 public:
  virtual ~RuleFileReader() = default;
  // True for files and folders.
  virtual bool Exists(const std::string& path) const = 0;
  virtual bool IsFolder(const std::string& path) const = 0;
  // The names (not paths) of what stands in a folder, in any order. Unavailable: cannot be read.
  virtual absl::StatusOr<std::vector<std::string>> List(const std::string& folder) const = 0;
  // A file's bytes. NotFound or Unavailable with the path in the message.
  virtual absl::StatusOr<std::string> Read(const std::string& path) const = 0;
};

// The file system. Lives for ever.
const RuleFileReader& DiskRuleFiles();

}  // namespace keng::filters

#endif  // KENG_FILTERS_RULES_RULE_FILE_READER_H_
