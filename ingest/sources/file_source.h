#ifndef KENG_INGEST_SOURCES_FILE_SOURCE_H_
#define KENG_INGEST_SOURCES_FILE_SOURCE_H_

// Posts from a file of JSON lines, or from standard input. A file is read once to its end, or
// followed as it grows, is rotated (another file takes its name) or is emptied.
//
// Resume point of a file: offset, inode and a fingerprint of its beginning. After a restart the
// file is read on where it was left when its beginning is the same; when another file took its name
// meanwhile, the old one is looked for beside it by its inode and finished first. Standard input
// has no resume point.

#include <iosfwd>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "ingest/ingest_stage.h"
#include "ingest/sources/source.h"

namespace keng::ingest {

enum class FileMode : uint8_t { kOnce, kFollow };

struct FileSourceOptions {
  std::string path;
  FileMode mode = FileMode::kFollow;
  absl::Duration poll_interval = absl::Milliseconds(10);  // of a followed file that stands still
  size_t block_bytes = 1 << 20;
  std::ostream* progress = nullptr;  // a progress bar, for kOnce on a terminal; not owned
};

// In kFollow mode the file need not be there yet. NotFound: kOnce and no such file.
absl::StatusOr<std::unique_ptr<Source>> MakeFileSource(FileSourceOptions options,
                                                       std::unique_ptr<SourceIntake> intake);

struct StdinSourceOptions {
  int descriptor = 0;  // not owned
  size_t block_bytes = 1 << 20;
};
std::unique_ptr<Source> MakeStdinSource(StdinSourceOptions options,
                                        std::unique_ptr<SourceIntake> intake);

}  // namespace keng::ingest

#endif  // KENG_INGEST_SOURCES_FILE_SOURCE_H_
