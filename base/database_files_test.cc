#include "base/database_files.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/temporary_folder.h"
#include "rocksdb/db.h"
#include "rocksdb/env.h"
#include "rocksdb/file_system.h"

namespace keng::base {
namespace {

// Tables and logs that find the disk full, and tables whose writing waits.
struct Disk {
  std::atomic<bool> tables_full{false};
  std::atomic<bool> logs_full{false};
  std::atomic<bool> tables_held{false};
  std::atomic<int> waiting{0};

  rocksdb::IOStatus Write(bool is_table) {
    if (is_table) {
      ++waiting;
      while (tables_held) absl::SleepFor(absl::Milliseconds(1));
      --waiting;
    }
    const bool full = is_table ? tables_full : logs_full;
    return full ? rocksdb::IOStatus::NoSpace("full") : rocksdb::IOStatus::OK();
  }
};

class File final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  File(std::unique_ptr<rocksdb::FSWritableFile> file, bool is_table, Disk& disk)
      : FSWritableFileOwnerWrapper(std::move(file)), is_table_(is_table), disk_(disk) {}
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
    const rocksdb::IOStatus status = disk_.Write(is_table_);
    return status.ok() ? FSWritableFileOwnerWrapper::Append(data, options, debug) : status;
  }
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           const rocksdb::DataVerificationInfo& info,
                           rocksdb::IODebugContext* debug) override {
    const rocksdb::IOStatus status = disk_.Write(is_table_);
    return status.ok() ? FSWritableFileOwnerWrapper::Append(data, options, info, debug) : status;
  }

 private:
  const bool is_table_;
  Disk& disk_;
};

class Files final : public rocksdb::FileSystemWrapper {
 public:
  explicit Files(Disk& disk) : FileSystemWrapper(rocksdb::FileSystem::Default()), disk_(disk) {}
  const char* Name() const override { return "test"; }
  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* result,
                                    rocksdb::IODebugContext* debug) override {
    const rocksdb::IOStatus status =
        FileSystemWrapper::NewWritableFile(path, options, result, debug);
    const bool is_table = path.ends_with(".sst");
    if (status.ok() && (is_table || path.ends_with(".log"))) {
      *result = std::make_unique<File>(std::move(*result), is_table, disk_);
    }
    return status;
  }

 private:
  Disk& disk_;
};

TEST(CheckFreeSpace, SaysWhatIsShortAndWhatCannotBeTold) {
  rocksdb::Env& disk = *rocksdb::Env::Default();
  const TemporaryFolder folder("keng-space");
  EXPECT_TRUE(CheckFreeSpace(disk, folder.path(), 1).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(CheckFreeSpace(disk, folder.path(), INT64_MAX)));
  EXPECT_TRUE(absl::IsUnavailable(CheckFreeSpace(disk, folder.path() + "/none", 1)));
  EXPECT_TRUE(CheckFreeSpace(disk, folder.path() + "/none", 0).ok());
  const std::unique_ptr<rocksdb::Env> memory(rocksdb::NewMemEnv(&disk));
  EXPECT_TRUE(CheckFreeSpace(*memory, "/any", INT64_MAX).ok());
}

class ResumeTest : public ::testing::Test {
 protected:
  ResumeTest() : environment_(rocksdb::NewCompositeEnv(std::make_shared<Files>(disk_))) { Open(); }

  void Open() {
    db_.reset();
    rocksdb::Options options;
    options.create_if_missing = true;
    options.env = environment_.get();
    options.write_buffer_size = size_t{64} << 10;
    options.max_write_buffer_number = 8;
    options.max_background_jobs = 2;
    ResumeByHand(options);
    rocksdb::DB* db = nullptr;
    const rocksdb::Status opened = rocksdb::DB::Open(options, folder_.path() + "/db", &db);
    EXPECT_TRUE(opened.ok()) << opened.ToString();
    db_.reset(db);
  }

  rocksdb::Status Put(int key) { return db_->Put({}, std::to_string(key), std::string(1000, 'x')); }
  uint64_t Property(const std::string& name) {
    uint64_t value = 0;
    EXPECT_TRUE(db_->GetIntProperty(name, &value));
    return value;
  }
  // Puts until `count` memtables wait to be flushed.
  void FillMemtables(uint64_t count) {
    while (Property(rocksdb::DB::Properties::kNumImmutableMemTable) < count) {
      ASSERT_TRUE(Put(puts_++).ok());
    }
  }

  // The keys that can be read, of 0, 1, ...
  int Kept() {
    int kept = 0;
    std::string value;
    while (db_->Get({}, std::to_string(kept), &value).ok()) ++kept;
    return kept;
  }

  const TemporaryFolder folder_{"keng-resume"};
  Disk disk_;
  std::unique_ptr<rocksdb::Env> environment_;
  std::unique_ptr<rocksdb::DB> db_;
  int puts_ = 0;
};

TEST_F(ResumeTest, TakesWritesAgainOnceThereIsSpace) {
  ASSERT_TRUE(Put(puts_++).ok());
  disk_.tables_full = true;
  EXPECT_TRUE(db_->Flush({}).IsNoSpace());
  EXPECT_TRUE(Resume(*db_).IsNoSpace());
  EXPECT_TRUE(Put(puts_).IsNoSpace());
  disk_.tables_full = false;
  EXPECT_TRUE(Resume(*db_).ok());
  EXPECT_TRUE(Put(puts_).ok());
  EXPECT_EQ(Kept(), puts_ + 1);
}

// One flush runs into the full disk, the next one is in the queue, and more was written since.
TEST_F(ResumeTest, FlushesWhatWasInTheQueue) {
  disk_.tables_held = true;
  FillMemtables(1);
  while (disk_.waiting == 0) absl::SleepFor(absl::Milliseconds(1));
  FillMemtables(2);
  ASSERT_TRUE(Put(puts_++).ok());  // into a third memtable
  disk_.tables_full = true;
  disk_.tables_held = false;
  while (Put(puts_).ok()) ++puts_;
  disk_.tables_full = false;
  ASSERT_TRUE(Resume(*db_).ok());
  EXPECT_TRUE(Put(puts_).ok());
  EXPECT_EQ(Kept(), puts_ + 1);
}

TEST_F(ResumeTest, OneThreadAsks) {
  ASSERT_TRUE(Put(puts_++).ok());
  disk_.tables_full = true;
  EXPECT_TRUE(db_->Flush({}).IsNoSpace());
  disk_.tables_full = false;
  disk_.tables_held = true;
  std::thread other([this] { EXPECT_TRUE(Resume(*db_).ok()); });
  while (disk_.waiting == 0) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_TRUE(Resume(*db_).IsNoSpace());
  disk_.tables_held = false;
  other.join();
  EXPECT_TRUE(Put(puts_).ok());
}

// The log finds the disk full before a flush that was given to a thread has begun: RocksDB leaves
// it in its queue and never runs it.
TEST_F(ResumeTest, SaysWhenOnlyOpeningAgainWillHelp) {
  std::atomic<bool> blocked{true};
  const auto block = [](void* on) {
    while (*static_cast<std::atomic<bool>*>(on)) absl::SleepFor(absl::Milliseconds(1));
  };
  environment_->Schedule(block, &blocked, rocksdb::Env::Priority::HIGH);
  FillMemtables(1);
  disk_.logs_full = true;
  EXPECT_TRUE(Put(puts_).IsNoSpace());
  blocked = false;
  while (Property(rocksdb::DB::Properties::kNumRunningFlushes) == 0) {
    absl::SleepFor(absl::Milliseconds(1));
  }
  disk_.logs_full = false;
  EXPECT_TRUE(Resume(*db_).IsShutdownInProgress());
  EXPECT_FALSE(Put(puts_).ok());
  Open();
  EXPECT_TRUE(Put(puts_).ok());
  EXPECT_EQ(Kept(), puts_ + 1);
}

}  // namespace
}  // namespace keng::base
