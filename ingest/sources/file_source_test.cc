#include "ingest/sources/file_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "ingest/internal/line_splitter.h"
#include "ingest/testing/ingest_rig.h"

namespace keng::ingest {
namespace {

using stream::StreamId;

void Append(const std::string& path, std::string_view text) {
  std::ofstream(path, std::ios::app | std::ios::binary) << text;
}

std::vector<std::string> Ids(IngestRig& rig) {
  std::vector<std::string> ids;
  for (const auto& [key, value] : rig.Records(StreamId::kPosts)) ids.push_back(key);
  std::sort(ids.begin(), ids.end());
  return ids;
}

// A followed file of the rig; steps until nothing more comes.
class Follower {
 public:
  explicit Follower(IngestRig& rig, FileMode mode = FileMode::kFollow) : rig_(rig), mode_(mode) {
    Open();
  }
  void Open() {
    FileSourceOptions options;
    options.path = rig_.path("posts.ndjson");
    options.mode = mode_;
    options.poll_interval = absl::ZeroDuration();
    options.block_bytes = 64;  // every line is cut somewhere
    source_ = *MakeFileSource(options, rig_.OpenSource("feed"));
  }
  // As kill -9: what was not committed is gone.
  void Kill() {
    source_.reset();
    rig_.Close();
    rig_.Open();
  }
  // Two idle steps in a row: the second may see a rotation that the first could not.
  void Drain() {
    for (int idle = 0; idle < 3 && !source_->finished();) {
      const auto lines = source_->RunOnce();
      ASSERT_TRUE(lines.ok()) << lines.status();
      idle = *lines == 0 ? idle + 1 : 0;
    }
  }
  Source& source() { return *source_; }

 private:
  IngestRig& rig_;
  const FileMode mode_;
  std::unique_ptr<Source> source_;
};

SourceCounters Counters(IngestRig& rig) { return ReadAllCounters(*rig.streams)->at(0).second; }

TEST(FileSource, ReadsOnceToTheEndWithoutALastLineFeed) {
  IngestRig rig;
  Append(rig.path("posts.ndjson"),
         "\xef\xbb\xbf" + PostLine("x:1", "a") + "\r\n\n  \n" + "broken\n" + PostLine("x:2", "b"));
  Follower follower(rig, FileMode::kOnce);
  follower.Drain();
  EXPECT_TRUE(follower.source().finished());
  EXPECT_EQ(Ids(rig), (std::vector<std::string>{"x:1", "x:2"}));
  EXPECT_EQ(Counters(rig).lines, 3) << "blank lines are no lines";
  EXPECT_EQ(Counters(rig).dropped_total(), 1);
  // A restart finds it read.
  follower.Kill();
  follower.Open();
  follower.Drain();
  EXPECT_TRUE(follower.source().finished());
  EXPECT_EQ(Counters(rig).lines, 3);
}

TEST(FileSource, ALineThatIsTooLongHarmsNoOther) {
  IngestRig rig;
  Append(rig.path("posts.ndjson"), PostLine("x:1", "a") + "\n" + std::string(1 << 20, '{') + "\n" +
                                       PostLine("x:2", "b") + "\n");
  Follower follower(rig, FileMode::kOnce);
  follower.Drain();
  EXPECT_EQ(Ids(rig), (std::vector<std::string>{"x:1", "x:2"}));
  EXPECT_EQ(Counters(rig).lines, 3);
  EXPECT_EQ(Counters(rig).dropped[static_cast<size_t>(DropReason::kTooLong)], 1);
}

TEST(FileSource, FollowsGrowthAndWaitsForWholeLines) {
  IngestRig rig;
  Follower follower(rig);
  follower.Drain();  // the file is not there yet
  const std::string line = PostLine("x:1", "a") + "\n";
  Append(rig.path("posts.ndjson"), line.substr(0, 20));
  follower.Drain();
  EXPECT_TRUE(Ids(rig).empty());
  Append(rig.path("posts.ndjson"), line.substr(20));
  follower.Drain();
  EXPECT_EQ(Ids(rig), std::vector<std::string>{"x:1"});
}

TEST(FileSource, ResumesWhereItWasLeft) {
  IngestRig rig;
  Append(rig.path("posts.ndjson"), PostLine("x:1", "a") + "\n" + PostLine("x:2", "a") + "\n{\"id");
  Follower follower(rig);
  follower.Drain();
  follower.Kill();
  Append(rig.path("posts.ndjson"), "\":17}\n" + PostLine("x:3", "a") + "\n");
  follower.Open();
  follower.Drain();
  EXPECT_EQ(Ids(rig), (std::vector<std::string>{"x:1", "x:2", "x:3"}));
  EXPECT_EQ(Counters(rig).lines, 4);
  EXPECT_EQ(Counters(rig).duplicate, 0) << "nothing was read twice";
}

TEST(FileSource, FinishesARotatedFileAndGoesOnWithTheNext) {
  IngestRig rig;
  const std::string path = rig.path("posts.ndjson");
  Append(path, PostLine("x:1", "a") + "\n");
  Follower follower(rig);
  follower.Drain();
  Append(path, PostLine("x:2", "a") + "\n" + PostLine("x:3", "no line feed"));
  std::filesystem::rename(path, path + ".1");
  Append(path, PostLine("x:4", "a") + "\n");
  follower.Drain();
  EXPECT_EQ(Ids(rig), (std::vector<std::string>{"x:1", "x:2", "x:3", "x:4"}));
  EXPECT_EQ(Counters(rig).lines, 4);
}

TEST(FileSource, FindsAFileThatWasRotatedWhileItWasDown) {
  IngestRig rig;
  const std::string path = rig.path("posts.ndjson");
  Append(path, PostLine("x:1", "a") + "\n");
  Follower follower(rig);
  follower.Drain();
  follower.Kill();
  Append(path, PostLine("x:2", "a") + "\n");
  std::filesystem::rename(path, path + ".1");
  Append(path, PostLine("x:3", "another beginning") + "\n");
  follower.Open();
  follower.Drain();
  EXPECT_EQ(Ids(rig), (std::vector<std::string>{"x:1", "x:2", "x:3"}));
  EXPECT_EQ(Counters(rig).duplicate, 0);
}

TEST(FileSource, BeginsAnewInAFileThatWasEmptied) {
  IngestRig rig;
  const std::string path = rig.path("posts.ndjson");
  Append(path, PostLine("x:1", "a longer text than the next one") + "\n");
  Follower follower(rig);
  follower.Drain();
  std::filesystem::resize_file(path, 0);
  Append(path, PostLine("x:2", "b") + "\n");
  follower.Drain();
  EXPECT_EQ(Ids(rig), (std::vector<std::string>{"x:1", "x:2"}));
}

TEST(FileSource, StopsAtTheEndOfCollection) {
  IngestRig rig;
  Append(rig.path("posts.ndjson"), PostLine("x:1", "a") + "\n");
  SourceOptions options{"feed", "test", "test", rig.clock.Now()};
  FileSourceOptions file;
  file.path = rig.path("posts.ndjson");
  auto source = *MakeFileSource(file, *rig.stage->OpenSource(options));
  EXPECT_EQ(*source->RunOnce(), 0);
  EXPECT_TRUE(source->finished());
  EXPECT_TRUE(Ids(rig).empty());
}

TEST(FileSource, DrawsAProgressBar) {
  IngestRig rig;
  Append(rig.path("posts.ndjson"), PostLine("x:1", "a") + "\n");
  std::ostringstream bar;
  FileSourceOptions options;
  options.path = rig.path("posts.ndjson");
  options.mode = FileMode::kOnce;
  options.progress = &bar;
  auto source = *MakeFileSource(options, rig.OpenSource("feed"));
  while (!source->finished()) ASSERT_TRUE(source->RunOnce().ok());
  EXPECT_THAT(bar.str(), testing::HasSubstr("100 %  1 lines\n"));
}

TEST(FileSource, AFileThatIsNotThereIsAnErrorOnlyWhenReadOnce) {
  IngestRig rig;
  FileSourceOptions options;
  options.path = rig.path("missing");
  options.mode = FileMode::kOnce;
  EXPECT_EQ(MakeFileSource(options, rig.OpenSource("feed")).status().code(),
            absl::StatusCode::kNotFound);
  options.mode = FileMode::kFollow;
  EXPECT_TRUE(MakeFileSource(options, rig.OpenSource("feed")).ok());
}

TEST(StdinSource, ReadsAPipeToItsEnd) {
  IngestRig rig;
  int pipe[2];
  ASSERT_EQ(::pipe(pipe), 0);
  StdinSourceOptions options;
  options.descriptor = pipe[0];
  options.block_bytes = 64;
  auto source = MakeStdinSource(options, rig.OpenSource("stdin"));
  const std::string text = PostLine("x:1", "a") + "\n" + PostLine("x:2", "b");
  ASSERT_EQ(::write(pipe[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  ::close(pipe[1]);
  while (!source->finished()) ASSERT_TRUE(source->RunOnce().ok());
  ::close(pipe[0]);
  EXPECT_EQ(Ids(rig), (std::vector<std::string>{"x:1", "x:2"}));
}

// Whatever the blocks, the lines are those of the text.
TEST(LineSplitter, BlocksDoNotMatter) {
  const std::string text = "one\n\ntwo\r\n" + std::string(100, 'x') + "\nlast";
  const std::vector<std::string> expected = {"one", "", "two\r", std::string(100, 'x'), "last"};
  for (size_t block = 1; block < 40; ++block) {
    LineSplitter splitter(block);
    std::vector<std::string> lines;
    std::string_view line;
    for (size_t at = 0; at < text.size(); at += block) {
      const size_t size = std::min(block, text.size() - at);
      ASSERT_GE(splitter.Room().size(), size);
      std::memcpy(splitter.Room().data(), text.data() + at, size);
      splitter.Filled(size);
      while (splitter.Next(line)) lines.emplace_back(line);
    }
    while (splitter.Last(line)) lines.emplace_back(line);
    EXPECT_EQ(lines, expected) << block;
    EXPECT_EQ(splitter.consumed(), static_cast<int64_t>(text.size()));
  }
}

}  // namespace
}  // namespace keng::ingest
