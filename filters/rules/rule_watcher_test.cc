#include "filters/rules/rule_watcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace keng::filters {
namespace {

class RuleWatcherTest : public testing::Test {
 protected:
  RuleWatcherTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "keng-rules-XXXXXX").string();
    EXPECT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  ~RuleWatcherTest() override { std::filesystem::remove_all(folder_); }

  void Write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ + "/" + name) << text;
    // Times of modification may be coarse: each write gets one of its own.
    std::filesystem::last_write_time(
        folder_ + "/" + name,
        std::filesystem::file_time_type(std::chrono::seconds(1'000'000 + ++writes_)));
  }
  void Open() {
    auto watcher = RuleWatcher::Open({.paths = {folder_ + "/flood.yaml"}}, {}, clock_, &metrics_);
    ASSERT_TRUE(watcher.ok()) << watcher.status();
    watcher_ = *std::move(watcher);
  }
  void PollTwice() {
    watcher_->Poll();
    watcher_->Poll();
  }
  double Failures() { return metrics_.counter("keng_rules_load_failed_total", "").value(); }

  std::string folder_;
  int writes_ = 0;
  base::FakeClock clock_{absl::FromUnixSeconds(1'792'300'000)};
  base::Metrics metrics_;
  std::unique_ptr<RuleWatcher> watcher_;
};

constexpr char kGood[] = "rules: [{id: flood, topic: flooding, any: [ngập nước]}]\n";
constexpr char kBetter[] =
    "rules: [{id: flood, topic: flooding, any: [ngập nước, ngập lút bánh]}]\n";

TEST_F(RuleWatcherTest, ABadFileAtTheStartIsAnError) {
  Write("flood.yaml", "rules: [{id: flood, topic: floding, any: [ngập]}]\n");
  const auto watcher =
      RuleWatcher::Open({.paths = {folder_ + "/flood.yaml"}}, {}, clock_, &metrics_);
  EXPECT_THAT(std::string(watcher.status().message()), testing::HasSubstr("flood.yaml:1"));
}

TEST_F(RuleWatcherTest, TakesUpAChangeWhenItHasSettled) {
  Write("flood.yaml", kGood);
  Open();
  const std::string before = watcher_->current()->version();
  Write("flood.yaml", kBetter);
  watcher_->Poll();
  EXPECT_EQ(watcher_->current()->version(), before) << "the file may still be being written";
  watcher_->Poll();
  EXPECT_NE(watcher_->current()->version(), before);
  EXPECT_EQ(watcher_->trouble(), "");
}

TEST_F(RuleWatcherTest, ABadFileLeavesTheOldRulesInForceAndShows) {
  Write("flood.yaml", kGood);
  Open();
  const auto before = watcher_->current();
  Write("flood.yaml", "rules: [{id: flood, topic: flooding, any: [}]\n");
  PollTwice();
  EXPECT_EQ(watcher_->current(), before);
  EXPECT_THAT(watcher_->trouble(), testing::HasSubstr("flood.yaml:1"));
  EXPECT_EQ(Failures(), 1);
  PollTwice();
  EXPECT_EQ(Failures(), 1) << "the same bad file is told once";
  Write("flood.yaml", kBetter);
  PollTwice();
  EXPECT_NE(watcher_->current(), before);
  EXPECT_EQ(watcher_->trouble(), "");
}

TEST_F(RuleWatcherTest, AVanishedFileLeavesTheOldRulesInForce) {
  Write("flood.yaml", kGood);
  Open();
  std::filesystem::remove(folder_ + "/flood.yaml");
  PollTwice();
  EXPECT_EQ(watcher_->current()->rules().size(), 1u);
  EXPECT_NE(watcher_->trouble(), "");
}

}  // namespace
}  // namespace keng::filters
