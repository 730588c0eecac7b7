#ifndef KENG_STREAM_TESTING_TEMP_DIRECTORY_H_
#define KENG_STREAM_TESTING_TEMP_DIRECTORY_H_

// An empty directory of its own, removed at the end.

#include <stdlib.h>

#include <filesystem>
#include <string>

#include "base/check.h"

namespace keng::stream {

class TempDirectory {
 public:
  TempDirectory()
      : path_((std::filesystem::temp_directory_path() / "keng-stream-XXXXXX").string()) {
    KENG_CHECK(mkdtemp(path_.data()) != nullptr, path_);
  }
  ~TempDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace keng::stream

#endif  // KENG_STREAM_TESTING_TEMP_DIRECTORY_H_
