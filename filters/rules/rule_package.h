#ifndef KENG_FILTERS_RULES_RULE_PACKAGE_H_
#define KENG_FILTERS_RULES_RULE_PACKAGE_H_

// The files of a rule set as one value: everything that a load of some paths reads, and nothing
// else, so that the same rule set can be loaded on a machine that has none of these files. What is
// tested before publication is the package, and the package is what travels.
//
// Names: each folder becomes its own last name ("an-giang"; a second one of that name
// "an-giang-2"), so that errors say "an-giang/flood.yaml:3:1" wherever the files lay, and no path
// of the publisher's machine travels.
//
// Packed form, version 1 (numbers are 32 bits, little-endian; a text is its size and its bytes),
// compressed with zstd:
//
//   "KENGRP01"  paths: count, texts  overrides: text, may be empty  files: count, (name, content)
//
// Files are sorted by name, so that the same files give the same bytes under one version of
// libzstd.
//
// Invariants
//   I1  Load() gives what LoadRules() gave for the files: rules, version, warnings and errors, but
//       for the folders in front of the names.
//   I2  Unpack(Pack(p)) is p; what Unpack() takes, Pack() can write.
//
// Threads: immutable after it is made. Tests: filters/rules/rule_package_test.cc,
// rule_package_fuzz.cc.

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "filters/rules/rule.h"
#include "filters/rules/rule_file_reader.h"

namespace keng::filters {

class RulePackage final : public RuleFileReader {
 public:
  static constexpr size_t kPackedBytesMax = size_t{64} << 20;
  static constexpr size_t kBytesMax = size_t{256} << 20;  // of all names and contents
  static constexpr size_t kFilesMax = 16384;
  static constexpr size_t kPathsMax = 4096;
  static constexpr size_t kNameBytesMax = 1024;

  using Files = std::map<std::string, std::string, std::less<>>;  // name -> content

  // Reads the files of `paths` (and of the overrides, when not empty) from `reader`. The errors of
  // LoadRules(), with the paths as given; ResourceExhausted: over the bounds.
  static absl::StatusOr<RulePackage> Read(const std::vector<std::string>& paths,
                                          const std::string& overrides_path,
                                          const RuleFileReader& reader = DiskRuleFiles());
  // A package of these files; `paths` and `overrides_path` name files, or folders in front of them.
  // InvalidArgument or ResourceExhausted: a name that is none, or over the bounds.
  static absl::StatusOr<RulePackage> Make(std::vector<std::string> paths,
                                          std::string overrides_path, Files files);
  // The inverse of Pack(). InvalidArgument: not made by it; ResourceExhausted: over the bounds.
  static absl::StatusOr<RulePackage> Unpack(std::string_view packed);

  // ResourceExhausted: over kPackedBytesMax.
  absl::StatusOr<std::string> Pack() const;

  // LoadRules() over the package's own files. `now` as in RuleLoadOptions.
  absl::StatusOr<RuleFiles> Load(absl::Time now) const;

  const std::vector<std::string>& paths() const { return paths_; }
  const std::string& overrides_path() const { return overrides_path_; }
  const Files& files() const { return files_; }

  // RuleFileReader.
  bool Exists(const std::string& path) const override;
  bool IsFolder(const std::string& path) const override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& folder) const override;
  absl::StatusOr<std::string> Read(const std::string& path) const override;

 private:
  RulePackage() = default;
  absl::Status Check() const;

  std::vector<std::string> paths_;
  std::string overrides_path_;
  Files files_;
};

}  // namespace keng::filters

#endif  // KENG_FILTERS_RULES_RULE_PACKAGE_H_
