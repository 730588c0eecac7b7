#include "store/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "base/clock.h"
#include "base/strings.h"
#include "base/temporary_folder.h"

namespace keng::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr TableId kTable = 1;
constexpr TableId kOther = 2;

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() { Open(); }

  StoreOptions Options() const { return {.path = path(), .layout = "test/1"}; }
  std::string path() const { return folder_.path() + "/store"; }

  void Open() {
    auto opened = Store::Open(Options(), clock_, nullptr);
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
  }
  void Put(const std::string& key, const std::string& value, TableId table = kTable) {
    const auto changes = store_->NewChanges();
    changes->Put(table, key, value);
    ASSERT_TRUE(store_->Commit(*changes).ok());
  }
  void Delete(const std::string& key) {
    const auto changes = store_->NewChanges();
    changes->Delete(kTable, key);
    ASSERT_TRUE(store_->Commit(*changes).ok());
  }
  static std::optional<std::string> Get(const View& view, const std::string& key,
                                        TableId table = kTable) {
    const auto value = view.Get(table, key);
    EXPECT_TRUE(value.ok()) << value.status();
    return value.value_or(std::nullopt);
  }
  static std::vector<std::string> Keys(const View& view, std::string_view begin,
                                       std::string_view end) {
    std::vector<std::string> keys;
    EXPECT_TRUE(view.Scan(kTable, begin, end,
                          [&](std::string_view key, std::string_view) {
                            keys.emplace_back(key);
                            return Visit::kContinue;
                          })
                    .ok());
    return keys;
  }
  std::vector<std::string> FilesThatHold(const std::string& marker) const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path())) {
      if (!entry.is_regular_file()) continue;
      std::ifstream in(entry.path(), std::ios::binary);
      std::ostringstream bytes;
      bytes << in.rdbuf();
      if (bytes.str().find(marker) != std::string::npos) {
        found.push_back(entry.path().filename().string());
      }
    }
    return found;
  }
  // Files whose name ends so, in the order of their names.
  std::vector<std::filesystem::path> Files(std::string_view extension) const {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::directory_iterator(path())) {
      if (entry.path().extension() == extension) found.push_back(entry.path());
    }
    std::sort(found.begin(), found.end());
    return found;
  }
  // As kill -9 leaves it: a copy of the files of a store that still runs.
  void Crash() {
    base::CopyAsKilled(path(), folder_.path() + "/crashed");
    store_.reset();
    std::filesystem::remove_all(path());
    std::filesystem::rename(folder_.path() + "/crashed", path());
  }

  const base::TemporaryFolder folder_{"keng-store"};
  base::FakeClock clock_{absl::FromUnixSeconds(1'760'000'000)};
  std::unique_ptr<Store> store_;
};

TEST_F(StoreTest, ABatchIsSeenWholeAndOnlyWhenCommitted) {
  const auto changes = store_->NewChanges();
  changes->Put(kTable, "a", "1");
  changes->Put(kOther, "a", "2");
  EXPECT_EQ(Get(*changes, "a"), "1") << "a batch reads its own changes";
  EXPECT_EQ(Get(*store_, "a"), std::nullopt);
  ASSERT_TRUE(store_->Commit(*changes).ok());
  EXPECT_EQ(Get(*store_, "a"), "1");
  EXPECT_EQ(Get(*store_, "a", kOther), "2") << "tables do not see each other";
  EXPECT_EQ(changes->bytes(), store_->NewChanges()->bytes()) << "cleared by the commit";
}

TEST_F(StoreTest, ADroppedBatchLeavesNothing) {
  { store_->NewChanges()->Put(kTable, "a", "1"); }
  EXPECT_EQ(Get(*store_, "a"), std::nullopt);
}

TEST_F(StoreTest, ScansMergeTheBatchWithTheStore) {
  Put("a", "1");
  Put("b", "1");
  Put("d", "1");
  Put("e", "1", kOther);
  const auto changes = store_->NewChanges();
  changes->Delete(kTable, "b");
  changes->Put(kTable, "c", "2");
  EXPECT_THAT(Keys(*changes, "", ""), ElementsAre("a", "c", "d"));
  EXPECT_THAT(Keys(*changes, "b", "d"), ElementsAre("c"));
  EXPECT_THAT(Keys(*store_, "", ""), ElementsAre("a", "b", "d"));
}

TEST_F(StoreTest, PrefixesEndWhereTheirStringsEnd) {
  EXPECT_EQ(PrefixEnd("ab"), "ac");
  EXPECT_EQ(PrefixEnd(std::string("a\xff", 2)), "b");
  EXPECT_EQ(PrefixEnd("\xff"), "");
  EXPECT_EQ(PrefixEnd(""), "");
}

TEST_F(StoreTest, WhatWasCommittedSurvivesAKill) {
  Put("a", "1");
  Crash();
  Open();
  EXPECT_EQ(Get(*store_, "a"), "1");
}

TEST_F(StoreTest, ATornTailLosesTheLastBatchWholeAndNoOther) {
  Put("a", "1");
  const auto changes = store_->NewChanges();
  changes->Put(kTable, "b", std::string(1000, 'b'));
  changes->Put(kTable, "c", "1");
  ASSERT_TRUE(store_->Commit(*changes).ok());
  Crash();
  const auto log = Files(".log").back();
  std::filesystem::resize_file(log, std::filesystem::file_size(log) - 3);
  Open();
  EXPECT_EQ(Get(*store_, "a"), "1");
  EXPECT_EQ(Get(*store_, "b"), std::nullopt);
  EXPECT_EQ(Get(*store_, "c"), std::nullopt);
}

TEST_F(StoreTest, AFlippedByteInTheLogStops) {
  Put("a", std::string(200, 'a'));
  Put("b", std::string(200, 'b'));
  Crash();
  const auto log = Files(".log").back();
  {
    std::fstream file(log, std::ios::in | std::ios::out | std::ios::binary);
    std::string bytes(std::filesystem::file_size(log), '\0');
    file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    file.seekp(static_cast<std::streamoff>(bytes.find("aaaa")));
    file.put('x');
  }
  const auto opened = Store::Open(Options(), clock_, nullptr);
  EXPECT_EQ(opened.status().code(), absl::StatusCode::kDataLoss) << opened.status();
}

TEST_F(StoreTest, AFlippedByteInATableStopsTheRead) {
  Put("a", std::string(5000, 'a'));
  clock_.Advance(absl::Hours(1));
  ASSERT_TRUE(store_->Maintain().ok());
  clock_.Advance(absl::Hours(13));
  ASSERT_TRUE(store_->Maintain().ok());
  store_.reset();
  ASSERT_FALSE(Files(".sst").empty());
  for (const auto& table : Files(".sst")) {
    std::fstream file(table, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(20);
    file.put('\x7e');
    file.put('\x7e');
  }
  const auto opened = Store::Open(Options(), clock_, nullptr);
  if (!opened.ok()) {
    EXPECT_EQ(opened.status().code(), absl::StatusCode::kDataLoss) << opened.status();
    return;
  }
  EXPECT_EQ((*opened)->Get(kTable, "a").status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(StoreTest, AnotherOwnerOrLayoutIsRefusedInWords) {
  const auto second = Store::Open(Options(), clock_, nullptr);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("another process owns it"));
  store_.reset();
  StoreOptions options = Options();
  options.layout = "test/2";
  const auto other = Store::Open(options, clock_, nullptr);
  EXPECT_EQ(other.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(other.status().message()), HasSubstr("move the folder away"));
}

TEST_F(StoreTest, ReadOnlySeesWhatWasThere) {
  EXPECT_EQ(Store::OpenReadOnly({.path = folder_.path() + "/none", .layout = "test/1"}, clock_)
                .status()
                .code(),
            absl::StatusCode::kNotFound);
  Put("a", "1");
  store_.reset();
  const auto opened = Store::OpenReadOnly(Options(), clock_);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(Get(**opened, "a"), "1");
}

TEST_F(StoreTest, DeletedBytesAreGoneWithinADay) {
  const std::string deleted = "MARKER-deleted", overwritten = "MARKER-overwritten";
  Put("a", deleted);
  Put("b", overwritten);
  Put("c", "MARKER-kept");
  Delete("a");
  Put("b", "new");
  for (int hour = 0; hour < 24; ++hour) {
    clock_.Advance(absl::Hours(1));
    ASSERT_TRUE(store_->Maintain().ok());
  }
  EXPECT_THAT(FilesThatHold(deleted), IsEmpty());
  EXPECT_THAT(FilesThatHold(overwritten), IsEmpty());
  EXPECT_FALSE(FilesThatHold("MARKER-kept").empty()) << "else the search would prove nothing";
}

// RocksDB leaves a file that is being read, and looks for it again at its next compaction only.
TEST_F(StoreTest, AReaderDoesNotKeepDeletedBytesBeyondTheErasure) {
  Put("a", "MARKER-deleted");
  ASSERT_TRUE(store_->Maintain().ok());
  clock_.Advance(absl::Hours(12));
  ASSERT_TRUE(store_->Maintain().ok());
  ASSERT_FALSE(FilesThatHold("MARKER-deleted").empty());
  Delete("a");
  std::atomic<bool> reading = false;
  std::thread reader([this, &reading] {
    const absl::Status scanned =
        store_->ScanPrefix(kTable, "", [&reading](std::string_view, std::string_view) {
          reading = true;
          absl::SleepFor(absl::Milliseconds(300));
          return Visit::kStop;
        });
    EXPECT_TRUE(scanned.ok()) << scanned;
    reading = true;
  });
  while (!reading) absl::SleepFor(absl::Milliseconds(1));
  clock_.Advance(absl::Hours(12));
  EXPECT_TRUE(store_->Maintain().ok());
  EXPECT_THAT(FilesThatHold("MARKER-deleted"), IsEmpty());
  reader.join();
}

// The time of the last erasure is kept: a process that restarts every few hours erases too.
TEST_F(StoreTest, RestartsDoNotPutOffTheErasure) {
  Put("a", "MARKER-deleted");
  Delete("a");
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(store_->Maintain().ok());
    store_.reset();
    clock_.Advance(absl::Hours(5));
    Open();
  }
  ASSERT_TRUE(store_->Maintain().ok());
  EXPECT_THAT(FilesThatHold("MARKER-deleted"), IsEmpty());
}

// A tmpfs of its own; needs root.
class FullDiskStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (mount("keng-test", folder_.path().c_str(), "tmpfs", 0, "size=64m") != 0) {
      GTEST_SKIP() << "cannot mount a tmpfs: " << strerror(errno);
    }
    mounted_ = true;
    std::minstd_rand random(1);
    for (int i = 0; i < 100'000; ++i) value_ += static_cast<char>(random() >> 8);
    Open();
  }
  void TearDown() override {
    store_ = nullptr;
    if (mounted_) umount2(folder_.path().c_str(), MNT_DETACH);
  }
  void Open() {
    store_ = nullptr;
    auto opened = Store::Open({.path = folder_.path() + "/store",
                               .layout = "test/1",
                               .write_buffer_bytes = size_t{2} << 20,
                               .disk_free_min = int64_t{6} << 20},
                              clock_, nullptr);
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
  }
  absl::Status Put(int key) {
    const auto changes = store_->NewChanges();
    changes->Put(kTable, base::StrCat(key), value_);
    return store_->Commit(*changes);
  }
  // The keys that can be read, of 0, 1, ...
  int Kept() const {
    int kept = 0;
    for (auto value = store_->Get(kTable, "0"); value.ok() && value->has_value();
         value = store_->Get(kTable, base::StrCat(kept))) {
      ++kept;
    }
    return kept;
  }

  const base::TemporaryFolder folder_{"keng-full-disk"};
  base::FakeClock clock_{absl::FromUnixSeconds(1'760'000'000)};
  std::unique_ptr<Store> store_;
  std::string value_;  // that no compression makes smaller
  bool mounted_ = false;
};

TEST_F(FullDiskStoreTest, RefusesCommitsAndGoesOnWhenThereIsSpace) {
  const std::string ballast = folder_.path() + "/ballast";
  std::ofstream(ballast) << std::string(size_t{44} << 20, 'b');
  int puts = 0;
  absl::Status status = Put(puts);
  while (status.ok()) status = Put(++puts);
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  for (int i = 0; i < 3; ++i) {
    status = Put(puts);
    EXPECT_TRUE(absl::IsResourceExhausted(status)) << "still full: " << status;
  }
  EXPECT_EQ(Kept(), puts) << "reading goes on";

  std::filesystem::remove(ballast);
  status = Put(puts);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(Kept(), puts + 1);
  Open();
  EXPECT_EQ(Kept(), puts + 1);
}

}  // namespace
}  // namespace keng::store
