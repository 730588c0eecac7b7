#include "base/database_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>
#include <thread>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/strings.h"
#include "rocksdb/convenience.h"
#include "rocksdb/db.h"
#include "rocksdb/env.h"
#include "rocksdb/listener.h"

namespace keng::base {

namespace {

constexpr absl::Duration kReadsEndWithin = absl::Seconds(5);
constexpr absl::Duration kLookAtResume = absl::Milliseconds(100);
constexpr uint64_t kRoomBesideMemory = uint64_t{1} << 20;  // for a log, a manifest, an index
constexpr int kLooksBeforeShutdown = 20;  // without any flush or compaction in between

// A read keeps the version of the tables with which it began, and that version its files.
bool OldVersionsAreRead(rocksdb::DB& db) {
  uint64_t all = 0, live = 0;
  return db.GetAggregatedIntProperty(rocksdb::DB::Properties::kTotalSstFilesSize, &all) &&
         db.GetAggregatedIntProperty(rocksdb::DB::Properties::kLiveSstFilesSize, &live) &&
         all != live;
}

bool HasRoom(rocksdb::DB& db) {
  uint64_t memory = 0, free = 0;
  if (!db.GetEnv()->GetFreeSpace(db.GetName(), &free).ok()) return true;
  (void)db.GetAggregatedIntProperty(rocksdb::DB::Properties::kCurSizeAllMemTables, &memory);
  return free >= memory + kRoomBesideMemory;
}

bool IsAtWork(rocksdb::DB& db) {
  uint64_t flushes = 0, compactions = 0;
  (void)db.GetIntProperty(rocksdb::DB::Properties::kNumRunningFlushes, &flushes);
  (void)db.GetIntProperty(rocksdb::DB::Properties::kNumRunningCompactions, &compactions);
  return flushes + compactions > 0;
}

class NoRecoveryByItself final : public rocksdb::EventListener {
 public:
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason /*reason*/, rocksdb::Status /*error*/,
                            bool* by_itself) override {
    *by_itself = false;
  }
};

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

absl::Status CheckFreeSpace(rocksdb::Env& environment, const std::string& folder,
                            int64_t free_min) {
  if (free_min <= 0) return absl::OkStatus();
  uint64_t free = 0;
  const rocksdb::Status looked = environment.GetFreeSpace(folder, &free);
  if (looked.IsNotSupported()) return absl::OkStatus();
  if (!looked.ok()) {
    return absl::UnavailableError(StrCat("free space of ", folder, ": ", looked.ToString()));
  }
  if (free >= static_cast<uint64_t>(free_min)) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      StrCat("the file system of ", folder, " has ", free >> 10, " KiB free and ", free_min >> 10,
             " KiB are kept back: ", strerror(ENOSPC), "; nothing is written until there is"));
}

void ResumeByHand(rocksdb::DBOptions& options) {
  options.max_bgerror_resume_count = 0;
  options.listeners.push_back(std::make_shared<NoRecoveryByItself>());
}

rocksdb::Status Resume(rocksdb::DB& db) {
  if (!HasRoom(db)) return rocksdb::Status::NoSpace("for what is in memory");
  Mutex mutex;
  CondVar returns;
  bool returned = false;
  std::thread watcher([&] {
    int idle_looks = 0;
    MutexLock lock(mutex);
    while (!returned) {
      (void)returns.WaitFor(mutex, kLookAtResume);
      idle_looks = returned || IsAtWork(db) ? 0 : idle_looks + 1;
      if (idle_looks == kLooksBeforeShutdown) {
        LogError("database.resume_stands_still", {{"path", db.GetName()}});
        rocksdb::CancelAllBackgroundWork(&db, /*wait=*/false);
      }
    }
  });
  rocksdb::Status resumed = db.Resume();
  {
    MutexLock lock(mutex);
    returned = true;
    returns.NotifyAll();
  }
  watcher.join();
  if (resumed.IsBusy()) return rocksdb::Status::NoSpace("another thread is asking");
  return resumed;
}

}  // namespace keng::base
