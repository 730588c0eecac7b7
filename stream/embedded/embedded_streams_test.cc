// What is special to the embedded streams: files, damage, erasing, ownership, a full disk. The
// contract itself is tested by stream/contract_test.cc.

#include "stream/embedded/embedded_streams.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <sstream>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/strings.h"
#include "base/temporary_folder.h"

namespace keng::stream {
namespace {

using testing::HasSubstr;

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

void WriteFile(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

std::vector<std::filesystem::path> FilesWith(const std::string& directory,
                                             const std::string& extension) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file() && (extension.empty() || entry.path().extension() == extension)) {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

// The names of the files in which `marker` stands.
std::vector<std::string> FilesThatHold(const std::string& directory, const std::string& marker) {
  std::vector<std::string> found;
  for (const auto& path : FilesWith(directory, "")) {
    if (ReadFile(path).find(marker) != std::string::npos) found.push_back(path.filename().string());
  }
  return found;
}

class EmbeddedStreamsTest : public testing::Test {
 protected:
  EmbeddedStreamsTest() : clock_(absl::FromUnixSeconds(1'760'000'000)) {
    options_.directory = directory_.path() + "/streams";
    options_.streams = DefaultStreams(2);
    options_.disk_free_min = 0;
  }

  absl::Status TryOpen() {
    streams_ = nullptr;
    auto opened = OpenEmbeddedStreams(options_, clock_, &metrics_);
    if (!opened.ok()) return opened.status();
    streams_ = *std::move(opened);
    return absl::OkStatus();
  }
  void Open() {
    const absl::Status status = TryOpen();
    ASSERT_TRUE(status.ok()) << status;
  }
  absl::Status TryAppend(StreamId stream, std::string_view key, std::string_view value) {
    WriteSet set;
    set.Append(stream, key, value);
    return streams_->Write(set);
  }
  void Append(StreamId stream, std::string_view key, std::string_view value) {
    const absl::Status status = TryAppend(stream, key, value);
    ASSERT_TRUE(status.ok()) << status;
  }
  void Delete(StreamId stream, std::string_view key) {
    WriteSet set;
    set.AppendTombstone(stream, key);
    ASSERT_TRUE(streams_->Write(set).ok());
  }
  // Copies the directory as it is now: what kill -9 would leave.
  std::string Snapshot(const std::string& name) {
    const std::string to = directory_.path() + "/" + name;
    base::CopyAsKilled(options_.directory, to);
    return to;
  }
  // The values of a stream's partition 0; an error ends it and is returned.
  absl::StatusOr<std::vector<std::string>> Values(StreamId stream) {
    auto tap = streams_->OpenTap(stream, {0});
    if (!tap.ok()) return tap.status();
    std::vector<std::string> values;
    while (true) {
      auto batch = (*tap)->Read(1 << 20, absl::ZeroDuration());
      if (!batch.ok()) return batch.status();
      if (*batch == nullptr) return values;
      for (const Record& record : (*batch)->records()) values.emplace_back(record.value);
    }
  }

  base::TemporaryFolder directory_{"keng-stream"};
  base::FakeClock clock_;
  base::Metrics metrics_;
  EmbeddedOptions options_;
  std::unique_ptr<Streams> streams_;
};

TEST_F(EmbeddedStreamsTest, ASecondOwnerIsRefusedWithTheDirectorysName) {
  Open();
  auto second = OpenEmbeddedStreams(options_, clock_, nullptr);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(options_.directory));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("owner"));
  streams_ = nullptr;
  Open();
}

// As a file it ends the process when the disk is full (base/database_log.h).
TEST_F(EmbeddedStreamsTest, TheDatabaseKeepsNoLogOfItsOwn) {
  Open();
  for (const auto& path : FilesWith(options_.directory, ""))
    EXPECT_FALSE(path.filename().string().starts_with("LOG")) << path;
}

TEST_F(EmbeddedStreamsTest, AnotherNumberOfPartitionsIsRefused) {
  Open();
  options_.streams = DefaultStreams(4);
  const absl::Status status = TryOpen();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("was made with 2 partitions and is configured with 4"));
  options_.streams = DefaultStreams(2);
  Open();
}

TEST_F(EmbeddedStreamsTest, OptionsAreChecked) {
  struct Case {
    const char* what;
    std::vector<std::pair<StreamId, StreamConfig>> streams;
  };
  const Case cases[] = {
      {"no partitions", {{StreamId::kPosts, {.partitions = 0}}}},
      {"too many", {{StreamId::kPosts, {.partitions = 65}}}},
      {"twice", {{StreamId::kPosts, {}}, {StreamId::kPosts, {}}}},
      {"unknown", {{static_cast<StreamId>(99), {}}}},
      {"no retention", {{StreamId::kPosts, {.retention = absl::ZeroDuration()}}}},
      {"indexed only", {{StreamId::kPosts, {.indexed = true}}}},
  };
  for (const Case& c : cases) {
    options_.streams = c.streams;
    EXPECT_EQ(TryOpen().code(), absl::StatusCode::kInvalidArgument) << c.what;
  }
}

TEST_F(EmbeddedStreamsTest, AToolReadsWhileTheOwnerIsDown) {
  options_.mode = OpenMode::kReadOnly;
  EXPECT_TRUE(absl::IsNotFound(TryOpen()));
  options_.mode = OpenMode::kOwner;
  Open();
  Append(StreamId::kInbox, "desk", "v");
  Append(StreamId::kTexts, "post", "text");
  streams_ = nullptr;
  options_.mode = OpenMode::kReadOnly;
  Open();
  EXPECT_EQ(*Values(StreamId::kInbox), std::vector<std::string>{"v"});
  EXPECT_EQ(**streams_->Lookup(StreamId::kTexts, "post"), "text");
  EXPECT_EQ(TryAppend(StreamId::kInbox, "desk", "w").code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(streams_->Maintain().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(EmbeddedStreamsTest, MetricsSayWhatHappened) {
  Open();
  auto reader = *streams_->OpenReader("fold", StreamId::kInbox);
  Append(StreamId::kInbox, "desk", "v");
  Append(StreamId::kInbox, "desk", "v");
  (void)*reader->Read(1 << 20, absl::ZeroDuration());
  reader = nullptr;
  Open();  // the gauges are set at opening
  const std::string text = metrics_.Expose();
  EXPECT_THAT(text, HasSubstr("keng_stream_append_records_total{stream=\"inbox\"} 2"));
  EXPECT_THAT(text, HasSubstr("keng_stream_reads_total{from=\"ring\",stream=\"inbox\"} 1"));
  EXPECT_THAT(text, HasSubstr("keng_stream_reader_lag_records{partition=\"0\",reader=\"fold\","
                              "stream=\"inbox\"} 2"));
}

TEST_F(EmbeddedStreamsTest, TheRingIsBoundedAndWhatFellOutIsStillRead) {
  options_.ring_bytes_max = 100'000;
  Open();
  std::vector<std::string> expected;
  for (int i = 0; i < 100; ++i) {
    expected.push_back(base::StrCat(i, std::string(10'000, 'x')));
    Append(StreamId::kInbox, "desk", expected.back());
    const base::Gauge ring =
        metrics_.gauge("keng_stream_ring_bytes", "", {{"stream", "inbox"}, {"partition", "0"}});
    ASSERT_LE(ring.value(), 100'000);
    ASSERT_GT(ring.value(), 0);
  }
  EXPECT_EQ(*Values(StreamId::kInbox), expected);
}

// The erasing promise: 24 h after a tombstone or a newer record, no byte of the old one is on disk.
TEST_F(EmbeddedStreamsTest, SupersededBytesLeaveTheDiskWithin24Hours) {
  Open();
  const std::string deleted = "MARKER-deleted-7f3a91", edited = "MARKER-edited-55c0de";
  const std::string kept = "MARKER-kept-99aa77", posted = "MARKER-posted-1234ef";
  for (int i = 0; i < 50; ++i) {
    Append(StreamId::kTexts, base::StrCat("filler-", i), std::string(1000, 'f'));
    Append(StreamId::kPosts, base::StrCat("filler-", i), std::string(1000, 'f'));
  }
  WriteSet set;
  set.Append(StreamId::kTexts, "deleted", deleted);
  set.Append(StreamId::kTexts, "edited", edited);
  set.Append(StreamId::kTexts, "kept", kept);
  set.Append(StreamId::kPosts, "deleted", posted);
  ASSERT_TRUE(streams_->Write(set).ok());
  // One round with the old bytes in the log, one with them in files too.
  for (const char* place : {"log", "files"}) {
    SCOPED_TRACE(place);
    for (const std::string& marker : {deleted, edited, kept, posted}) {
      EXPECT_FALSE(FilesThatHold(options_.directory, marker).empty())
          << "the test would prove nothing";
    }
    if (place == std::string("log")) Open();  // recovery moves them from the log to files
  }
  Delete(StreamId::kTexts, "deleted");
  Delete(StreamId::kPosts, "deleted");
  Append(StreamId::kTexts, "edited", "new text");
  clock_.Advance(absl::Hours(24));
  const absl::Status maintained = streams_->Maintain();
  ASSERT_TRUE(maintained.ok()) << maintained;
  for (const std::string& marker : {deleted, edited, posted}) {
    EXPECT_THAT(FilesThatHold(options_.directory, marker), testing::IsEmpty()) << marker;
  }
  EXPECT_FALSE(FilesThatHold(options_.directory, kept).empty());
  EXPECT_EQ(**streams_->Lookup(StreamId::kTexts, "kept"), kept);
  EXPECT_EQ(**streams_->Lookup(StreamId::kTexts, "edited"), "new text");
  EXPECT_EQ(*streams_->Lookup(StreamId::kTexts, "deleted"), std::nullopt);
  Open();
  EXPECT_EQ(**streams_->Lookup(StreamId::kTexts, "kept"), kept);
}

TEST_F(EmbeddedStreamsTest, ErasingWorksFromTheLogAlone) {
  Open();
  const std::string marker = "MARKER-in-log-only-31d9";
  Append(StreamId::kTexts, "post", marker);
  Delete(StreamId::kTexts, "post");
  EXPECT_FALSE(FilesThatHold(options_.directory, marker).empty());
  clock_.Advance(absl::Hours(8));
  ASSERT_TRUE(streams_->Maintain().ok());
  EXPECT_THAT(FilesThatHold(options_.directory, marker), testing::IsEmpty());
}

TEST_F(EmbeddedStreamsTest, ErasingIsDueAlsoAfterReopening) {
  Open();
  const std::string marker = "MARKER-reopened-8812";
  Append(StreamId::kTexts, "post", marker);
  for (int i = 0; i < 6; ++i) {
    clock_.Advance(absl::Hours(2));
    Open();
    if (i == 0) Delete(StreamId::kTexts, "post");
    ASSERT_TRUE(streams_->Maintain().ok());
  }
  EXPECT_THAT(FilesThatHold(options_.directory, marker), testing::IsEmpty());
}

TEST_F(EmbeddedStreamsTest, ExpiredBytesLeaveTheDisk) {
  Open();
  const std::string marker = "MARKER-expired-4c4c";
  Append(StreamId::kTexts, "old", marker);
  Append(StreamId::kTexts, "old", marker + " again");
  for (int day = 0; day < 31; ++day) {
    clock_.Advance(absl::Hours(24));
    Append(StreamId::kTexts, base::StrCat("young-", day), "young");
    if (day == 20) {
      EXPECT_FALSE(FilesThatHold(options_.directory, marker).empty());
    }
    ASSERT_TRUE(streams_->Maintain().ok());
  }
  EXPECT_THAT(FilesThatHold(options_.directory, marker), testing::IsEmpty());
  EXPECT_EQ(**streams_->Lookup(StreamId::kTexts, "young-30"), "young");
  Open();
  EXPECT_EQ(**streams_->Lookup(StreamId::kTexts, "young-30"), "young");
}

// A small stream that is rewritten all the time does not grow, neither on disk nor in batches.
TEST_F(EmbeddedStreamsTest, ResumePointsDoNotPileUp) {
  Open();
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 1000; ++i) {
      Append(StreamId::kControl, "resume", base::StrCat(round, "-", i, std::string(1000, 'r')));
    }
    clock_.Advance(absl::Hours(8));
    ASSERT_TRUE(streams_->Maintain().ok());
  }
  EXPECT_EQ((*Values(StreamId::kControl)).size(), 1U);
  EXPECT_EQ(*streams_->End(StreamId::kControl, 0), 3000);
  size_t bytes = 0;
  for (const auto& file : FilesWith(options_.directory, ".sst")) {
    bytes += std::filesystem::file_size(file);
  }
  EXPECT_LT(bytes, 100'000U);
}

TEST_F(EmbeddedStreamsTest, CompactionInManyRoundsKeepsTheNewest) {
  options_.compaction_keys_max = 7;
  options_.memtable_bytes = 1;  // the smallest there is
  Open();
  std::mt19937 random(1);
  std::map<std::string, std::string> newest;
  for (int i = 0; i < 600; ++i) {
    const std::string key = base::StrCat("k", random() % 60);
    newest[key] = base::StrCat(i, std::string(random() % 4000, 'x'));
    Append(StreamId::kTexts, key, newest[key]);
  }
  clock_.Advance(absl::Hours(24));
  ASSERT_TRUE(streams_->Maintain().ok());
  auto tap = *streams_->OpenTap(StreamId::kTexts);
  std::map<std::string, std::string> left;
  size_t records = 0;
  while (const auto batch = *tap->Read(1 << 20, absl::ZeroDuration())) {
    for (const Record& record : batch->records()) {
      left[std::string(record.key)] = record.value;
      ++records;
    }
  }
  EXPECT_EQ(left, newest);
  EXPECT_EQ(records, newest.size());
}

// The log cut at any byte: a prefix of whole sets comes back, nothing else, and work goes on.
TEST_F(EmbeddedStreamsTest, ATornLogRecoversToAPrefix) {
  Open();
  auto reader = *streams_->OpenReader("r", StreamId::kInbox);
  reader = nullptr;
  Open();  // what is before goes to files
  constexpr int kSets = 12;
  for (int i = 0; i < kSets; ++i) {
    WriteSet set;
    set.Append(StreamId::kInbox, "desk", base::StrCat(i, std::string(3000, 'a' + i)));
    set.Append(StreamId::kTexts, "post", base::StrCat(i));
    set.Commit("r", StreamId::kInbox, 0, i + 1, base::StrCat("m", i));
    ASSERT_TRUE(streams_->Write(set).ok());
  }
  const std::string crashed = Snapshot("crashed");
  streams_ = nullptr;
  std::filesystem::path log;
  for (const auto& path : FilesWith(crashed, ".log")) {
    if (std::filesystem::file_size(path) > 0) log = std::filesystem::relative(path, crashed);
  }
  const std::string whole = ReadFile(std::filesystem::path(crashed) / log);
  ASSERT_GT(whole.size(), 36'000U);
  std::mt19937 random(7);
  std::vector<size_t> cuts = {whole.size(), 0, 1, 6, 7, whole.size() - 1, 32768, 32767, 32769};
  for (int i = 0; i < 40; ++i) cuts.push_back(random() % whole.size());
  std::set<Offset> ends;
  for (const size_t cut : cuts) {
    SCOPED_TRACE(base::StrCat("cut at ", cut));
    options_.directory = directory_.path() + "/torn";
    streams_ = nullptr;  // its last clean-up must not meet the next copy
    std::filesystem::remove_all(options_.directory);
    std::filesystem::copy(crashed, options_.directory, std::filesystem::copy_options::recursive);
    WriteFile(std::filesystem::path(options_.directory) / log,
              std::string_view(whole).substr(0, cut));
    Open();
    ASSERT_NE(streams_, nullptr);
    const Offset end = *streams_->End(StreamId::kInbox, 0);
    ends.insert(end);
    const std::vector<std::string> values = *Values(StreamId::kInbox);
    ASSERT_EQ(values.size(), static_cast<size_t>(end));
    for (int i = 0; i < end; ++i) {
      EXPECT_EQ(values[static_cast<size_t>(i)], base::StrCat(i, std::string(3000, 'a' + i)));
    }
    EXPECT_EQ(streams_->committed("r", StreamId::kInbox, 0)->value().next, end)
        << "a set is whole or not there";
    if (end > 0) {
      EXPECT_EQ(**streams_->Lookup(StreamId::kTexts, "post"), base::StrCat(end - 1));
    }
    Append(StreamId::kInbox, "desk", "after");
    EXPECT_EQ(*streams_->End(StreamId::kInbox, 0), end + 1) << "I1";
    Open();
    EXPECT_EQ((*Values(StreamId::kInbox)).back(), "after");
  }
  EXPECT_GT(ends.size(), 8U) << "the cuts were not spread over the sets";
}

// A flipped bit anywhere in the log: refused with file and byte, or nothing at all is missing.
TEST_F(EmbeddedStreamsTest, AFlippedByteInTheLogIsNeverPassedOver) {
  Open();
  constexpr int kSets = 60;
  for (int i = 0; i < kSets; ++i) {
    Append(StreamId::kInbox, "desk", base::StrCat(i, std::string(900, 'x')));
  }
  const std::string crashed = Snapshot("crashed");
  streams_ = nullptr;
  std::filesystem::path log;
  for (const auto& path : FilesWith(crashed, ".log")) {
    if (std::filesystem::file_size(path) > 0) log = std::filesystem::relative(path, crashed);
  }
  const std::string whole = ReadFile(std::filesystem::path(crashed) / log);
  std::mt19937 random(11);
  std::vector<size_t> places;
  for (int i = 0; i < 40; ++i) places.push_back(random() % whole.size());
  // The header of the last fragment: its length makes it look torn.
  const size_t last = whole.rfind("59xxx");
  ASSERT_NE(last, std::string::npos);
  for (size_t at = last > 200 ? last - 200 : 0; at < last; at += 3) places.push_back(at);
  int refused = 0;
  for (const size_t place : places) {
    SCOPED_TRACE(base::StrCat("byte ", place, " of ", whole.size()));
    std::string bytes = whole;
    bytes[place] = static_cast<char>(bytes[place] ^ (1 << (random() % 8)));
    options_.directory = directory_.path() + "/flipped";
    std::filesystem::remove_all(options_.directory);
    std::filesystem::copy(crashed, options_.directory, std::filesystem::copy_options::recursive);
    WriteFile(std::filesystem::path(options_.directory) / log, bytes);
    const absl::Status status = TryOpen();
    if (!status.ok()) {
      ++refused;
      EXPECT_TRUE(absl::IsDataLoss(status)) << status;
      EXPECT_THAT(std::string(status.message()), HasSubstr(log.string()));
      continue;
    }
    const auto values = Values(StreamId::kInbox);
    ASSERT_TRUE(values.ok()) << values.status();
    EXPECT_EQ(values->size(), static_cast<size_t>(kSets)) << "passed over in silence";
  }
  EXPECT_EQ(refused, static_cast<int>(places.size()));
}

// A flipped bit in any file of tables: an error that names it, at opening or at reading; what is
// read before it is right.
TEST_F(EmbeddedStreamsTest, AFlippedByteInAFileStopsTheReader) {
  Open();
  constexpr int kSets = 40;
  for (int i = 0; i < kSets; ++i) {
    Append(StreamId::kInbox, "desk", base::StrCat(i, std::string(5000, 'x')));
  }
  Open();
  streams_ = nullptr;
  const std::string whole_directory = options_.directory;
  std::filesystem::path victim;
  for (const auto& path : FilesWith(whole_directory, ".sst")) {
    if (std::filesystem::file_size(path) > 100'000) victim = path.filename();
  }
  ASSERT_FALSE(victim.empty());
  const std::string whole = ReadFile(std::filesystem::path(whole_directory) / victim);
  std::mt19937 random(3);
  int named = 0;
  constexpr int kFlips = 40;
  for (int i = 0; i < kFlips; ++i) {
    const size_t place = random() % (whole.size() - 1000);  // within the batches
    SCOPED_TRACE(base::StrCat("byte ", place, " of ", whole.size()));
    std::string bytes = whole;
    bytes[place] = static_cast<char>(bytes[place] ^ (1 << (random() % 8)));
    options_.directory = directory_.path() + "/flipped";
    std::filesystem::remove_all(options_.directory);
    std::filesystem::copy(whole_directory, options_.directory);
    WriteFile(std::filesystem::path(options_.directory) / victim, bytes);
    absl::Status status = TryOpen();
    if (status.ok()) {
      auto tap = *streams_->OpenTap(StreamId::kInbox);
      int seen = 0;
      while (true) {
        const auto batch = tap->Read(1, absl::ZeroDuration());
        status = batch.status();
        if (!batch.ok() || *batch == nullptr) break;
        for (const Record& record : (*batch)->records()) {
          ASSERT_EQ(record.value, base::StrCat(seen, std::string(5000, 'x')));
          ++seen;
        }
      }
      EXPECT_LT(seen, kSets);
      EXPECT_EQ(tap->position(0), seen) << "the reader stays before the damage";
      EXPECT_TRUE(absl::IsDataLoss(tap->Read(1, absl::ZeroDuration()).status())) << "and again";
      EXPECT_THAT(std::string(status.message()),
                  HasSubstr(base::StrCat("stream inbox, partition 0, offset ", seen)));
    }
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    if (status.message().find(base::ToAbsl(victim.string())) != absl::string_view::npos) ++named;
  }
  EXPECT_EQ(named, kFlips) << "every error names the file";
  EXPECT_GT(metrics_.counter("keng_stream_corrupted_total", "", {{"stream", "inbox"}}).value(), 0);
}

TEST_F(EmbeddedStreamsTest, AFileThatIsGoneIsNoticed) {
  Open();
  for (int i = 0; i < 20; ++i) Append(StreamId::kInbox, "desk", std::string(5000, 'x'));
  Open();
  streams_ = nullptr;
  for (const auto& path : FilesWith(options_.directory, ".sst")) {
    if (std::filesystem::file_size(path) > 90'000) std::filesystem::remove(path);
  }
  const absl::Status status = TryOpen();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
}

TEST_F(EmbeddedStreamsTest, ALowDiskRefusesAppendsAndTakesCommits) {
  Open();
  auto reader = *streams_->OpenReader("r", StreamId::kInbox);
  Append(StreamId::kInbox, "desk", "v");
  reader = nullptr;
  options_.disk_free_min = INT64_MAX;
  Open();
  const absl::Status refused = TryAppend(StreamId::kInbox, "desk", "w");
  EXPECT_TRUE(absl::IsResourceExhausted(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr(options_.directory));
  EXPECT_EQ(metrics_.counter("keng_stream_refused_total", "", {{"stream", "inbox"}}).value(), 1);
  WriteSet set;
  set.Commit("r", StreamId::kInbox, 0, 1);
  EXPECT_TRUE(streams_->Write(set).ok()) << "progress frees space";
}

// A tmpfs of its own; needs root.
class FullDiskTest : public EmbeddedStreamsTest {
 protected:
  void SetUp() override {
    disk_ = directory_.path() + "/disk";
    std::filesystem::create_directory(disk_);
    if (mount("keng-test", disk_.c_str(), "tmpfs", 0, "size=24m") != 0) {
      GTEST_SKIP() << "cannot mount a tmpfs: " << strerror(errno);
    }
    mounted_ = true;
    options_.directory = disk_ + "/streams";
    options_.memtable_bytes = 2 << 20;
    // Room for what RocksDB has in flight. Without any, a flush that meets the full disk ends the
    // process in an assertion of the packaged RocksDB: as safe as kill -9, and no end of a test.
    options_.disk_free_min = 6 << 20;
  }
  void TearDown() override {
    streams_ = nullptr;
    if (mounted_) umount2(disk_.c_str(), MNT_DETACH);
  }

  std::string disk_;
  bool mounted_ = false;
};

TEST_F(FullDiskTest, RefusesWritesAndGoesOnWhenThereIsSpace) {
  Open();
  WriteFile(disk_ + "/ballast", std::string(8 << 20, 'b'));
  const std::string value(100'000, 'v');
  std::vector<std::string> acknowledged;
  absl::Status status;
  for (int i = 0; i < 400; ++i) {
    const std::string record = base::StrCat(i, value);
    status = TryAppend(StreamId::kInbox, "desk", record);
    if (!status.ok()) break;
    acknowledged.push_back(record);
  }
  ASSERT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_EQ(*streams_->End(StreamId::kInbox, 0), static_cast<Offset>(acknowledged.size()));
  EXPECT_TRUE(absl::IsResourceExhausted(TryAppend(StreamId::kInbox, "desk", value)))
      << "still full";
  EXPECT_EQ(*Values(StreamId::kInbox), acknowledged) << "reading goes on";

  const std::string crashed = Snapshot("crashed");

  std::filesystem::remove(disk_ + "/ballast");
  status = TryAppend(StreamId::kInbox, "desk", "after");
  EXPECT_TRUE(status.ok()) << status;
  std::vector<std::string> expected = acknowledged;
  expected.push_back("after");
  EXPECT_EQ(*Values(StreamId::kInbox), expected);
  Open();
  EXPECT_EQ(*Values(StreamId::kInbox), expected) << "nothing half-written came back";

  // kill -9 while the disk was full.
  options_.directory = crashed;
  Open();
  EXPECT_EQ(*Values(StreamId::kInbox), acknowledged);
}

}  // namespace
}  // namespace keng::stream
