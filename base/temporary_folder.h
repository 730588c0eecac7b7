#ifndef KENG_BASE_TEMPORARY_FOLDER_H_
#define KENG_BASE_TEMPORARY_FOLDER_H_

// A folder below the system's temporary one that goes with this object.

#include <stdlib.h>

#include <filesystem>
#include <string>

#include "base/check.h"

namespace keng::base {

class TemporaryFolder {
 public:
  explicit TemporaryFolder(const std::string& prefix) {
    path_ = (std::filesystem::temp_directory_path() / (prefix + "-XXXXXX")).string();
    KENG_CHECK(mkdtemp(path_.data()) != nullptr, "no temporary folder can be made");
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace keng::base

#endif  // KENG_BASE_TEMPORARY_FOLDER_H_
