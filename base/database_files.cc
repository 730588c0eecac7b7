#include "base/database_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/strings.h"
#include "rocksdb/db.h"

namespace keng::base {

namespace {

constexpr absl::Duration kReadsEndWithin = absl::Seconds(5);

// A read keeps the version of the tables with which it began, and that version its files.
bool OldVersionsAreRead(rocksdb::DB& db) {
  uint64_t all = 0, live = 0;
  return db.GetAggregatedIntProperty(rocksdb::DB::Properties::kTotalSstFilesSize, &all) &&
         db.GetAggregatedIntProperty(rocksdb::DB::Properties::kLiveSstFilesSize, &live) &&
         all != live;
}

}  // namespace

absl::Status SyncLogFiles(const std::string& folder) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() != ".log") continue;
    const int file = open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0 && errno == ENOENT) continue;  // no longer needed, and deleted meanwhile
    if (file < 0) {
      return absl::UnavailableError(
          StrCat("opening ", entry.path().string(), " to sync it: ", strerror(errno)));
    }
    const int synced = fdatasync(file);
    const int reason = errno;
    close(file);
    if (synced == 0) continue;
    if (reason == ENOSPC || reason == EDQUOT) {
      return absl::ResourceExhaustedError(StrCat("no space to sync ", entry.path().string()));
    }
    return absl::DataLossError(
        StrCat("syncing ", entry.path().string(), " failed: ", strerror(reason)));
  }
  if (error) return absl::UnavailableError(StrCat(folder, ": ", error.message()));
  return absl::OkStatus();
}

absl::Status DeleteObsoleteFiles(rocksdb::DB& db) {
  const absl::Time deadline = absl::Now() + kReadsEndWithin;
  bool held = OldVersionsAreRead(db);
  while (held && absl::Now() < deadline) {
    absl::SleepFor(absl::Milliseconds(5));
    held = OldVersionsAreRead(db);
  }
  rocksdb::Status status = db.DisableFileDeletions();
  if (status.ok()) status = db.EnableFileDeletions(/*force=*/true);
  if (!status.ok()) {
    return absl::UnavailableError(StrCat("deleting obsolete files: ", status.ToString()));
  }
  if (held) {
    return absl::UnavailableError("obsolete files are still being read; they go at the next try");
  }
  return absl::OkStatus();
}

}  // namespace keng::base
