#include "filters/rules/rule_file_reader.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/strings.h"

namespace keng::filters {

namespace {

class DiskReader final : public RuleFileReader {
 public:
  bool Exists(const std::string& path) const override {
    std::error_code error;
    return std::filesystem::exists(path, error);
  }

  bool IsFolder(const std::string& path) const override {
    std::error_code error;
    return std::filesystem::is_directory(path, error);
  }

  absl::StatusOr<std::vector<std::string>> List(const std::string& folder) const override {
    std::vector<std::string> names;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
      names.push_back(entry.path().filename().string());
    }
    if (error)
      return absl::UnavailableError(base::StrCat(folder, ": cannot be read: ", error.message()));
    return names;
  }

  absl::StatusOr<std::string> Read(const std::string& path) const override {
    std::ifstream stream(path, std::ios::binary);
    if (!stream) return absl::NotFoundError(base::StrCat(path, ": cannot be opened for reading"));
    // Of nothing at all rdbuf() makes an error; a folder can be opened and not read.
    if (stream.peek() == std::ifstream::traits_type::eof() && !stream.bad()) return std::string();
    std::ostringstream text;
    text << stream.rdbuf();
    if (stream.bad() || text.fail())
      return absl::UnavailableError(base::StrCat(path, ": cannot be read"));
    return text.str();
  }
};

}  // namespace

const RuleFileReader& DiskRuleFiles() {
  static const DiskReader kReader;
  return kReader;
}

}  // namespace keng::filters
