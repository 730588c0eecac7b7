// The whole line in one process on a clock of the test's own: what a day does to deleted texts, and
// what a clock that jumps does to everything.

#include "app/pipeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/time/clock.h"
#include "app/rule_publishing.h"
#include "base/clock.h"
#include "base/strings.h"
#include "base/temporary_folder.h"
#include "filters/rules/rule_package.h"

namespace keng::app {
namespace {

using base::StrCat;

class PipelineTest : public testing::Test {
 protected:
  PipelineTest() : folder_("keng-pipeline"), clock_(absl::FromUnixSeconds(1'792'300'000)) {
    std::ofstream(Path("posts.ndjson")) << "";
    std::ofstream(Path("rules.yaml"))
        << "rules:\n"
           "  - {id: flood, topic: flooding, place: required, any: [ngập lút bánh]}\n"
           "  - {id: rubbish, topic: rubbish, place: required, any: [rác chất đống]}\n";
    Open();
  }

  std::string Path(const std::string& name) const { return StrCat(folder_.path(), "/", name); }

  void Open() { Open("rules: [rules.yaml]\n"); }
  void Open(const std::string& rules) {
    const std::string source = KENG_SOURCE_DIR;
    const auto config = ParseConfig(
        Path("keng.yaml"),
        StrCat("data_dir: data\n", rules, "places: ", source, "/rules/places\ncells: ", source,
               "/rules/cells.yaml\nmetrics_listen: \"\"\nstreams: {disk_free_min: 1MiB}\nsources:\n"
               "  - {name: posts, type: file, path: posts.ndjson, follow: true, purpose: t, owner: "
               "t, until: 2099-12-31}\n"
               "channels:\n  - {name: file, type: file, path: alerts.jsonl}\ncell_channels: "
               "{\"91\": [file]}\n"));
    ASSERT_TRUE(config.ok()) << config.status();
    auto pipeline = Pipeline::Open(*config, {.clock = &clock_, .terminal = &terminal_});
    ASSERT_TRUE(pipeline.ok()) << pipeline.status();
    pipeline_ = *std::move(pipeline);
    socket_ = AdminSocketPath(*config);
    ASSERT_TRUE(pipeline_->Start().ok());
  }

  void Append(const std::string& line) {
    std::ofstream(Path("posts.ndjson"), std::ios::app) << line << "\n";
    ++lines_;
  }
  void AppendPost(const std::string& id, const std::string& text) {
    Append(StrCat(R"({"id":")", id, R"(","source":"test","kind":"post","created_at":")",
                  absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", clock_.Now(), absl::UTCTimeZone()),
                  R"(","text":")", text, R"("})"));
  }

  // Until all lines have been dealt with. The line runs on real threads; only its clock is ours.
  PipelineStatus WaitIdle() {
    const absl::Time deadline = absl::Now() + absl::Seconds(60);
    PipelineStatus status = pipeline_->status();
    while (absl::Now() < deadline && !(status.ingest.lines >= lines_ && status.idle())) {
      absl::SleepFor(absl::Milliseconds(2));
      status = pipeline_->status();
    }
    EXPECT_TRUE(status.idle() && status.ingest.lines >= lines_) << StatusText(status);
    EXPECT_EQ(Disagreement(status), "");
    return status;
  }

  // Files below the data folder that hold `marker`.
  std::vector<std::string> FilesThatHold(const std::string& marker) const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(Path("data"))) {
      if (!entry.is_regular_file()) continue;
      std::ifstream in(entry.path(), std::ios::binary);
      std::ostringstream bytes;
      bytes << in.rdbuf();
      if (bytes.str().find(marker) != std::string::npos) found.push_back(entry.path().string());
    }
    return found;
  }

  // The same when the clock stands still: a file that a reader of another thread has open goes when
  // the reader lets go of it.
  std::vector<std::string> FilesThatStillHold(const std::string& marker) const {
    const absl::Time deadline = absl::Now() + absl::Seconds(10);
    std::vector<std::string> found = FilesThatHold(marker);
    while (!found.empty() && absl::Now() < deadline) {
      absl::SleepFor(absl::Milliseconds(10));
      found = FilesThatHold(marker);
    }
    return found;
  }

  int64_t Opened() {
    const auto alerting = pipeline_->status().alerting;
    return alerting.at("opened");
  }

  const base::TemporaryFolder folder_;
  base::FakeClock clock_;
  std::ostringstream terminal_;
  int64_t lines_ = 0;
  std::string socket_;
  std::unique_ptr<Pipeline> pipeline_;
};

TEST(PipelineStatus, WhatTheFiltersAppendedAgainIsNoRepeat) {
  PipelineStatus status;
  status.counting = Counting::kAtLeast;
  status.sources_idle = true;
  status.ingest.lines = status.ingest.stored = 10;
  // Three states came behind newer ones; two of these could be appended again.
  status.filters.outcomes[static_cast<size_t>(filters::FilterOutcome::kFilteredOut)] = 9;
  status.filters.outcomes[static_cast<size_t>(filters::FilterOutcome::kOutdated)] = 2;
  status.filters.outcomes[static_cast<size_t>(filters::FilterOutcome::kUnrestored)] = 1;
  EXPECT_EQ(CountRepeats(status).posts, 0);
  EXPECT_EQ(Disagreement(status), "");
  EXPECT_THAT(StatusText(status), testing::HasSubstr("restored         2 posts"));
  EXPECT_THAT(StatusJson(status), testing::HasSubstr(R"("restored":2)"));
  // One of them twice, by a process that died.
  ++status.filters.outcomes[static_cast<size_t>(filters::FilterOutcome::kFilteredOut)];
  EXPECT_EQ(CountRepeats(status).posts, 1);
  EXPECT_EQ(Disagreement(status), "");
  // One that was never filtered.
  status.filters.outcomes[static_cast<size_t>(filters::FilterOutcome::kFilteredOut)] -= 2;
  EXPECT_EQ(Disagreement(status), "12 posts were stored and 11 filtered");
}

TEST_F(PipelineTest, ADayAfterADeletionTheTextIsOnNoDiskByte) {
  const std::string marker = "MARKER-7f3a-DELETED";
  AppendPost("t:1", StrCat(marker, " ngập lút bánh ở phường Long Xuyên, An Giang"));
  AppendPost("t:2", "rác chất đống ở phường Long Xuyên, An Giang");
  WaitIdle();
  ASSERT_EQ(Opened(), 2);
  EXPECT_FALSE(FilesThatHold(marker).empty())
      << "the text was never stored: the test would prove nothing";
  Append(R"({"id":"t:1","source":"test","kind":"delete"})");
  EXPECT_EQ(WaitIdle().alerting.at("retracted"), 1);
  for (int hour = 0; hour < 24; ++hour) {
    clock_.Advance(absl::Hours(1));
    ASSERT_TRUE(pipeline_->Maintain().ok());
  }
  EXPECT_THAT(FilesThatStillHold(marker), testing::IsEmpty());
  EXPECT_TRUE(pipeline_->Stop().ok());
  EXPECT_THAT(FilesThatStillHold(marker), testing::IsEmpty())
      << "nothing that is written at the stop brings it back";
}

TEST_F(PipelineTest, AnEditedTextLeavesTheDiskToo) {
  const std::string marker = "MARKER-91bc-EDITED";
  AppendPost("t:1", StrCat(marker, " ngập lút bánh ở phường Long Xuyên, An Giang"));
  WaitIdle();
  EXPECT_FALSE(FilesThatHold(marker).empty());
  AppendPost("t:1", "hết ngập lút bánh ở phường Long Xuyên, An Giang rồi");
  WaitIdle();
  for (int hour = 0; hour < 24; ++hour) {
    clock_.Advance(absl::Hours(1));
    ASSERT_TRUE(pipeline_->Maintain().ok());
  }
  EXPECT_THAT(FilesThatStillHold(marker), testing::IsEmpty());
}

// Ahead by a year, back by two, and right again: nothing is lost, nothing rings twice, the line
// goes on.
TEST_F(PipelineTest, AClockThatJumpsLosesNothing) {
  AppendPost("t:1", "ngập lút bánh ở phường Long Xuyên, An Giang");
  WaitIdle();
  const absl::Duration jumps[] = {absl::Hours(24 * 365), -absl::Hours(2 * 24 * 365),
                                  absl::Hours(24 * 365)};
  const char* const wards[] = {"phường Châu Đốc", "phường Tân Châu", "phường Bình Đức"};
  for (int i = 0; i < 3; ++i) {
    clock_.Advance(jumps[i]);
    ASSERT_TRUE(pipeline_->Maintain().ok());
    AppendPost(StrCat("t:jump-", i), StrCat("ngập lút bánh ở ", wards[i], ", An Giang"));
    const PipelineStatus status = WaitIdle();
    EXPECT_EQ(status.ingest.stored, i + 2);
  }
  EXPECT_TRUE(pipeline_->Stop().ok());
  pipeline_.reset();
  Open();
  const PipelineStatus status = WaitIdle();
  EXPECT_EQ(status.ingest.stored, 4) << "the counters come back";
  std::ifstream alerts(Path("alerts.jsonl"));
  std::map<std::string, int> opened;
  for (std::string line; std::getline(alerts, line);) {
    if (line.find("alert.opened.v1") == std::string::npos) continue;
    const size_t subject = line.find("\"subject\":\"") + 11;
    ++opened[line.substr(subject, line.find('"', subject) - subject)];
  }
  for (const auto& [incident, count] : opened) EXPECT_EQ(count, 1) << incident;
  // A post whose time is a year off is late or ahead of the clock; what was in time has rung.
  EXPECT_GE(opened.size(), 2u);
}

// Through the admin socket, while the program runs and over a restart.
TEST_F(PipelineTest, PublishedRulesWinOverTheFilesUntilTheyAreWithdrawn) {
  const auto publish = [this](const std::string& phrase) {
    const auto package = filters::RulePackage::Make(
        {"p/x.yaml"}, "",
        {{"p/x.yaml", StrCat("rules:\n  - {id: bridge, topic: bridge, place: required, any: [",
                             phrase, "]}\n")}});
    filters::PublishableRules rules{.packed = *package->Pack(),
                                    .version = package->Load(clock_.Now())->version};
    const auto outcome = PublishThrough(socket_, rules, "thu hà");
    EXPECT_TRUE(outcome.ok()) << outcome.status();
    return rules.version;
  };
  const auto detail = [this] { return pipeline_->readiness().detail; };
  EXPECT_THAT(detail(), testing::HasSubstr("(files: nothing published is in force)"));
  EXPECT_TRUE(absl::IsFailedPrecondition(WithdrawThrough(socket_)));
  const std::string version = publish("cầu sập");
  ASSERT_TRUE(pipeline_->Maintain().ok());
  EXPECT_THAT(detail(), testing::HasSubstr(StrCat("rule set ", version, " (published)")));
  AppendPost("t:1", "cầu sập ở phường Long Xuyên, An Giang");
  AppendPost("t:2", "ngập lút bánh ở phường Châu Đốc, An Giang");
  WaitIdle();
  EXPECT_EQ(Opened(), 1) << "the files' rules are not in force";
  auto status = RulesStatusThrough(socket_);
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->current->publication.publisher, "thu-h--");
  ASSERT_EQ(status->running.size(), 1u);
  EXPECT_EQ(status->running[0].version, version);

  // Refused where it cannot be loaded: what is in force stays.
  const auto refused = PublishThrough(socket_, {.packed = "x", .version = "v"}, "thu");
  EXPECT_TRUE(absl::IsFailedPrecondition(refused.status())) << refused.status();
  ASSERT_TRUE(pipeline_->Stop().ok());
  pipeline_.reset();
  Open();
  EXPECT_THAT(detail(), testing::HasSubstr(StrCat("rule set ", version, " (published)")));
  ASSERT_TRUE(WithdrawThrough(socket_).ok());
  ASSERT_TRUE(pipeline_->Maintain().ok());
  EXPECT_THAT(detail(), testing::HasSubstr("(files: nothing published is in force)"));
  AppendPost("t:3", "rác chất đống ở phường Tân Châu, An Giang");
  WaitIdle();
  EXPECT_EQ(Opened(), 2);
}

TEST_F(PipelineTest, WithoutFilesItWaitsForAPublication) {
  ASSERT_TRUE(pipeline_->Stop().ok());
  pipeline_.reset();
  Open("");
  EXPECT_THAT(pipeline_->readiness().detail, testing::HasSubstr("NO RULES"));
}

}  // namespace
}  // namespace keng::app
