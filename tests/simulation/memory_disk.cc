#include "tests/simulation/memory_disk.h"

#include <atomic>
#include <utility>

#include "base/mutex.h"
#include "rocksdb/env.h"
#include "rocksdb/file_system.h"

namespace keng::simulation {

// RocksDB writes from threads of its own, too.
struct MemoryDisk::State {
  base::Mutex mutex;
  std::string full ABSL_GUARDED_BY(mutex);
  std::atomic<int64_t> refused{0};

  bool Refuses(const std::string& path) {
    base::MutexLock lock(mutex);
    if (full.empty() || path.compare(0, full.size(), full) != 0) return false;
    ++refused;
    return true;
  }
};

class MemoryDisk::File final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  File(std::unique_ptr<rocksdb::FSWritableFile> file, std::string path,
       std::shared_ptr<State> state)
      : FSWritableFileOwnerWrapper(std::move(file)),
        path_(std::move(path)),
        state_(std::move(state)) {}

  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
    if (Refuses()) return rocksdb::IOStatus::NoSpace("the disk is full");
    has_bytes_ = true;
    return FSWritableFileOwnerWrapper::Append(data, options, debug);
  }
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           const rocksdb::DataVerificationInfo& info,
                           rocksdb::IODebugContext* debug) override {
    if (Refuses()) return rocksdb::IOStatus::NoSpace("the disk is full");
    has_bytes_ = true;
    return FSWritableFileOwnerWrapper::Append(data, options, info, debug);
  }

 private:
  bool Refuses() const {
    const bool is_log = path_.ends_with(".log");
    if (!is_log && !path_.ends_with(".sst")) return false;
    return (has_bytes_ || !is_log) && state_->Refuses(path_);
  }

  const std::string path_;
  const std::shared_ptr<State> state_;
  bool has_bytes_ = false;
};

class MemoryDisk::FileSystem final : public rocksdb::FileSystemWrapper {
 public:
  FileSystem(const std::shared_ptr<rocksdb::FileSystem>& target, std::shared_ptr<State> state)
      : FileSystemWrapper(target), state_(std::move(state)) {}
  const char* Name() const override { return "simulation"; }

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* result,
                                    rocksdb::IODebugContext* debug) override {
    std::unique_ptr<rocksdb::FSWritableFile> file;
    const rocksdb::IOStatus status =
        FileSystemWrapper::NewWritableFile(path, options, &file, debug);
    if (status.ok()) *result = std::make_unique<File>(std::move(file), path, state_);
    return status;
  }
  rocksdb::IOStatus GetFreeSpace(const std::string& path, const rocksdb::IOOptions& /*options*/,
                                 uint64_t* free, rocksdb::IODebugContext* /*debug*/) override {
    *free = state_->Refuses(path) ? 0 : uint64_t{1} << 40;
    return rocksdb::IOStatus::OK();
  }

 private:
  const std::shared_ptr<State> state_;
};

MemoryDisk::MemoryDisk()
    : state_(std::make_shared<State>()), memory_(rocksdb::NewMemEnv(rocksdb::Env::Default())) {
  environment_ =
      rocksdb::NewCompositeEnv(std::make_shared<FileSystem>(memory_->GetFileSystem(), state_));
}

MemoryDisk::~MemoryDisk() = default;

rocksdb::Env* MemoryDisk::environment() const { return environment_.get(); }

void MemoryDisk::Fill(const std::string& path) {
  base::MutexLock lock(state_->mutex);
  state_->full = path;
}

int64_t MemoryDisk::refused() const { return state_->refused; }

}  // namespace keng::simulation
