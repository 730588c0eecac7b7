#ifndef KENG_BASE_TEMPORARY_FOLDER_H_
#define KENG_BASE_TEMPORARY_FOLDER_H_

// Folders of tests.

#include <stdlib.h>

#include <filesystem>
#include <set>
#include <string>
#include <system_error>

#include "base/check.h"

namespace keng::base {

// A folder below the system's temporary one that goes with this object.
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

// Copies the folder of a database that is at work to `to`, as kill -9 would leave it. Files that
// come and go while the copy is made would make it one that never was: it is made again then.
inline void CopyAsKilled(const std::string& from, const std::string& to) {
  const auto names = [&from] {
    std::set<std::string> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(from)) {
      found.insert(entry.path().string());
    }
    return found;
  };
  for (int tries = 0; tries < 100; ++tries) {
    const std::set<std::string> before = names();
    std::error_code error;
    std::filesystem::remove_all(to, error);
    std::filesystem::copy(from, to, std::filesystem::copy_options::recursive, error);
    if (!error && names() == before) return;
  }
  KENG_CHECK(false, from, " does not keep still");
}

}  // namespace keng::base

#endif  // KENG_BASE_TEMPORARY_FOLDER_H_
