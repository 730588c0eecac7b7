#ifndef KENG_BASE_YAML_H_
#define KENG_BASE_YAML_H_

// YAML as a tree of values that remember where they stood, so that every complaint can name file,
// line and column. Used by the configuration, the rules, the cells and the gazetteer. yaml-cpp does
// the parsing.
//
// Bounded: at most 16 MiB a file, depth 64, 2,000,000 nodes after aliases are expanded; duplicate
// keys are errors. Values are immutable after parsing and may be shared between threads.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace keng::base {

class Yaml {
 public:
  enum class Kind { kNull, kScalar, kSequence, kMap };

  // Parses `text`; `file` is named in errors. InvalidArgument: "FILE:LINE:COLUMN: what is wrong".
  static absl::StatusOr<Yaml> Parse(std::string_view file, std::string_view text);
  // Reads and parses. NotFound or Unavailable when the file cannot be read.
  static absl::StatusOr<Yaml> ParseFile(const std::string& path);

  Yaml() = default;

  Kind kind() const { return kind_; }
  bool is_null() const { return kind_ == Kind::kNull; }
  bool is_scalar() const { return kind_ == Kind::kScalar; }
  bool is_sequence() const { return kind_ == Kind::kSequence; }
  bool is_map() const { return kind_ == Kind::kMap; }

  // The scalar's text as written, without quotes. Empty for other kinds.
  const std::string& scalar() const { return scalar_; }
  // True when the scalar stood in quotes, so that "1" can be told from 1.
  bool quoted() const { return quoted_; }
  const std::vector<Yaml>& items() const { return items_; }
  // Map entries in the order of the file. Keys are scalars.
  const std::vector<std::pair<Yaml, Yaml>>& entries() const { return entries_; }
  // The value of `key`, or nullptr when this is no map or lacks it.
  const Yaml* Find(std::string_view key) const;

  const std::string& file() const { return *file_; }
  int line() const { return line_; }      // from 1
  int column() const { return column_; }  // from 1
  // "FILE:LINE:COLUMN"
  std::string Where() const;
  // InvalidArgument "FILE:LINE:COLUMN: message".
  absl::Status Error(std::string_view message) const;

  // Typed views. Each error names the place, the value found, what was expected and what `what` is.
  absl::StatusOr<std::string> String(std::string_view what) const;
  absl::StatusOr<int64_t> Int(std::string_view what, int64_t low, int64_t high) const;
  absl::StatusOr<double> Double(std::string_view what, double low, double high) const;
  absl::StatusOr<bool> Bool(std::string_view what) const;
  // "90s", "15m", "24h", "7d" (absl's forms, and d for 24 h).
  absl::StatusOr<absl::Duration> Duration(std::string_view what) const;
  // "64KiB", "10MiB", "2GiB" or a plain number of bytes.
  absl::StatusOr<int64_t> Bytes(std::string_view what) const;
  // A sequence of strings, or one string as a sequence of one.
  absl::StatusOr<std::vector<std::string>> Strings(std::string_view what) const;

  // An error that names the first key that is not in `known`, with the nearest known one as a
  // suggestion.
  absl::Status CheckKeys(std::string_view what, const std::vector<std::string_view>& known) const;

 private:
  friend class YamlBuilder;

  Kind kind_ = Kind::kNull;
  bool quoted_ = false;
  int line_ = 0;
  int column_ = 0;
  std::shared_ptr<const std::string> file_ = std::make_shared<const std::string>();
  std::string scalar_;
  std::vector<Yaml> items_;
  std::vector<std::pair<Yaml, Yaml>> entries_;
};

// The nearest of `known` to `word` by edit distance when it is close enough to be a slip of the
// finger, else "".
std::string_view NearestWord(std::string_view word, const std::vector<std::string_view>& known);

}  // namespace keng::base

#endif  // KENG_BASE_YAML_H_
