#include "filters/rules/rule_follower.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/strings.h"
#include "filters/rules/rule_package.h"
#include "filters/rules/testing/limited_streams.h"

namespace keng::filters {
namespace {

using base::StrCat;
using stream::StreamId;
using ::testing::HasSubstr;

// Rules from nowhere, for the files of a configuration.
class FakeFiles final : public RuleSource {
 public:
  explicit FakeFiles(std::shared_ptr<const RuleSet>& rules) : rules_(rules) {}
  std::shared_ptr<const RuleSet> current() const override { return rules_; }
  void Poll() override {}
  std::string trouble() const override { return ""; }

 private:
  std::shared_ptr<const RuleSet>& rules_;
};

class RuleFollowerTest : public testing::TestWithParam<StreamAbility> {
 protected:
  RuleFollowerTest() : clock_(absl::FromUnixSeconds(1'780'000'000)), streams_(GetParam(), clock_) {
    files_ = *RuleSet::Compile(*Package("phrase of the files").Load(clock_.Now()));
  }
  ~RuleFollowerTest() override { follower_.reset(); }

  static RulePackage Package(const std::string& phrase) {
    const auto package = RulePackage::Make(
        {"p/x.yaml"}, "",
        {{"p/x.yaml", StrCat("rules: [{id: flood, topic: flooding, any: [", phrase, "]}]\n")}});
    return *package;
  }
  // Publishes rules with this phrase; returns their version.
  std::string Publish(const std::string& phrase) {
    const RulePackage package = Package(phrase);
    const std::string version = package.Load(clock_.Now())->version;
    PublishBytes(*package.Pack(), version);
    return version;
  }
  void PublishBytes(const std::string& packed, const std::string& version) {
    const auto outcome = PublishRules(streams_, packed, version, {"thu", clock_.Now()});
    ASSERT_TRUE(outcome.ok()) << outcome.status();
  }
  // Rules that a program of another release took and this one does not know.
  void PublishUnloadable(const std::string& version) {
    PublishBytes(
        *RulePackage::Make({"p/x.yaml"}, "",
                           {{"p/x.yaml",
                             "rules: [{id: flood, topic: flooding, any: [\"secret words\"], "
                             "mood: \"secret mood\"}]\n"}})
             ->Pack(),
        version);
  }
  absl::Status Open(bool with_files) {
    RuleFollowerOptions options{.instance = "host/run"};
    if (with_files) {
      options.files = [this]() -> absl::StatusOr<std::unique_ptr<RuleSource>> {
        ++files_opened_;
        if (!files_error_.ok()) return files_error_;
        return std::make_unique<FakeFiles>(files_);
      };
    }
    auto follower = RulePublicationFollower::Open(
        options, {.streams = &streams_, .clock = &clock_, .metrics = &metrics_});
    if (!follower.ok()) return follower.status();
    follower_ = *std::move(follower);
    return absl::OkStatus();
  }
  void OpenWithFiles() { ASSERT_TRUE(Open(true).ok()); }
  std::string Version() const { return follower_->running().version; }
  RulesOrigin Origin() const { return follower_->running().origin; }
  double Failures() { return metrics_.counter("keng_rules_load_failed_total", "").value(); }
  void Remove(const std::string& key) {
    stream::WriteSet set;
    set.AppendTombstone(StreamId::kControl, key);
    ASSERT_TRUE(streams_.Write(set).ok());
  }
  void Append(const std::string& key, const std::string& value) {
    stream::WriteSet set;
    set.Append(StreamId::kControl, key, value);
    ASSERT_TRUE(streams_.Write(set).ok());
  }
  Publication Current() { return ReadRulesStatus(streams_)->current->publication; }
  std::vector<RunningRules> Running() { return ReadRulesStatus(streams_)->running; }

  base::FakeClock clock_;
  base::Metrics metrics_;
  LimitedStreams streams_;
  std::shared_ptr<const RuleSet> files_;
  absl::Status files_error_;
  int files_opened_ = 0;
  std::unique_ptr<RulePublicationFollower> follower_;
};

INSTANTIATE_TEST_SUITE_P(Abilities, RuleFollowerTest,
                         testing::Values(StreamAbility::kAll, StreamAbility::kSeeks,
                                         StreamAbility::kReads));

TEST_P(RuleFollowerTest, TakesUpWhatIsPublished) {
  OpenWithFiles();
  EXPECT_EQ(follower_->current(), files_);
  EXPECT_EQ(Origin(), RulesOrigin::kFiles);
  const std::string first = Publish("ngập nước");
  EXPECT_EQ(follower_->current(), files_) << "before a poll nothing changes";
  follower_->Poll();
  EXPECT_EQ(Version(), first);
  EXPECT_EQ(follower_->current()->version(), first);
  EXPECT_EQ(Origin(), RulesOrigin::kPublished);
  const std::string second = Publish("ngập lút bánh");
  follower_->Poll();
  EXPECT_EQ(Version(), second);
  EXPECT_EQ(follower_->trouble(), "");
  const auto rules = follower_->current();
  follower_->Poll();
  EXPECT_EQ(follower_->current(), rules) << "nothing is compiled while nothing changes";
}

TEST_P(RuleFollowerTest, WhatIsPublishedWinsOverFilesFromTheStart) {
  Publish("ngập nước");
  const std::string newest = Publish("ngập lút bánh");
  ASSERT_TRUE(streams_.Maintain().ok());
  files_error_ = absl::InvalidArgumentError("x.yaml:1:1: bad");
  OpenWithFiles();
  EXPECT_EQ(Version(), newest);
  EXPECT_EQ(files_opened_, 0) << "files that nobody needs may be bad";
}

TEST_P(RuleFollowerTest, WithoutFilesItSaysThatItHasNoRules) {
  ASSERT_TRUE(Open(false).ok());
  EXPECT_EQ(follower_->current()->rules().size(), 0u);
  EXPECT_EQ(Origin(), RulesOrigin::kNone);
  const std::string version = Publish("ngập nước");
  follower_->Poll();
  EXPECT_EQ(Version(), version);
}

TEST_P(RuleFollowerTest, BadFilesAreAnErrorWhenNothingElseIsThere) {
  files_error_ = absl::InvalidArgumentError("x.yaml:1:1: bad");
  EXPECT_EQ(Open(true), files_error_);
}

TEST_P(RuleFollowerTest, WithdrawnItGoesBackToTheFiles) {
  Publish("ngập nước");
  OpenWithFiles();
  ASSERT_TRUE(WithdrawRules(streams_).ok());
  const auto before = follower_->current();
  files_error_ = absl::InvalidArgumentError("x.yaml:1:1: bad");
  follower_->Poll();
  EXPECT_EQ(follower_->current(), before) << "bad files take nothing down";
  EXPECT_THAT(follower_->trouble(), HasSubstr("x.yaml:1:1"));
  files_error_ = absl::OkStatus();
  clock_.Advance(absl::Minutes(1));
  follower_->Poll();
  EXPECT_EQ(follower_->current(), files_);
  EXPECT_EQ(follower_->trouble(), "");
  // Changed files are taken up, as their watcher says.
  files_ = *RuleSet::Compile(*Package("other phrase").Load(clock_.Now()));
  follower_->Poll();
  EXPECT_EQ(follower_->current(), files_);
  EXPECT_EQ(Version(), files_->version());
}

TEST_P(RuleFollowerTest, AVersionThatDoesNotLoadLeavesTheOldOneInForceAndShows) {
  OpenWithFiles();
  const std::string good = Publish("ngập nước");
  follower_->Poll();
  PublishUnloadable("bad");
  follower_->Poll();
  EXPECT_EQ(Version(), good);
  EXPECT_THAT(follower_->trouble(), HasSubstr("p/x.yaml:1"));
  EXPECT_EQ(Failures(), 1);
  ASSERT_EQ(Running().size(), 1u);
  EXPECT_EQ(Running()[0].version, good);
  EXPECT_THAT(Running()[0].trouble, HasSubstr("p/x.yaml:1"));
  EXPECT_THAT(Running()[0].trouble, testing::Not(HasSubstr("secret")));
  clock_.Advance(absl::Minutes(5));
  follower_->Poll();
  EXPECT_EQ(Failures(), 1) << "it is told once";
  const std::string better = Publish("ngập lút bánh");
  follower_->Poll();
  EXPECT_EQ(Version(), better);
  EXPECT_EQ(follower_->trouble(), "");
  EXPECT_EQ(Running()[0].trouble, "");
}

TEST_P(RuleFollowerTest, AtTheStartTheOneBeforeStandsIn) {
  const std::string good = Publish("ngập nước");
  PublishUnloadable("bad");
  ASSERT_TRUE(streams_.Maintain().ok());
  OpenWithFiles();
  EXPECT_EQ(Version(), good);
  EXPECT_NE(follower_->trouble(), "");
  follower_->Poll();
  EXPECT_NE(follower_->trouble(), "") << "it is still not what is published";
}

TEST_P(RuleFollowerTest, AtTheStartWithoutOneBeforeTheFilesStandIn) {
  PublishUnloadable("bad");
  OpenWithFiles();
  EXPECT_EQ(follower_->current(), files_);
  follower_->Poll();
  EXPECT_EQ(follower_->current(), files_);
  EXPECT_NE(follower_->trouble(), "");
  EXPECT_EQ(Running()[0].origin, RulesOrigin::kFiles);
}

TEST_P(RuleFollowerTest, AMissingChunkIsWaitedFor) {
  OpenWithFiles();
  Publish("ngập nước");
  const Publication publication = Current();
  const std::string chunk = *GatherPackage(streams_, publication);
  Remove(publication.ChunkKey(0));
  follower_->Poll();
  EXPECT_EQ(follower_->current(), files_);
  EXPECT_THAT(follower_->trouble(), HasSubstr("chunk 0 of 1"));
  EXPECT_EQ(Failures(), 1);
  Append(publication.ChunkKey(0), chunk);
  follower_->Poll();
  EXPECT_EQ(follower_->current(), files_) << "not at every poll is everything read again";
  clock_.Advance(absl::Seconds(30));
  follower_->Poll();
  EXPECT_EQ(Version(), publication.version);
  EXPECT_EQ(follower_->trouble(), "");
}

TEST_P(RuleFollowerTest, AHashThatDiffersIsRefused) {
  OpenWithFiles();
  const std::string good = Publish("ngập nước");
  follower_->Poll();
  Publish("ngập lút bánh");
  Append(Current().ChunkKey(0), *Package("ngập lút máy").Pack());
  follower_->Poll();
  EXPECT_EQ(Version(), good);
  EXPECT_THAT(follower_->trouble(), HasSubstr("hash"));
}

TEST_P(RuleFollowerTest, WhatIsNoPublicationIsRefused) {
  OpenWithFiles();
  const std::string good = Publish("ngập nước");
  follower_->Poll();
  Append(std::string(kRulesCurrentKey), R"({"v":2})");
  follower_->Poll();
  EXPECT_EQ(Version(), good);
  EXPECT_THAT(follower_->trouble(), HasSubstr("another version of keng"));
}

TEST_P(RuleFollowerTest, OnlyTheNewestOfManyIsTakenUp) {
  OpenWithFiles();
  const double loads = metrics_.counter("keng_rules_loads_total", "").value();
  for (int i = 0; i < 5; ++i) Publish(StrCat("phrase ", i));
  const std::string newest = Publish("ngập nước");
  follower_->Poll();
  EXPECT_EQ(Version(), newest);
  EXPECT_EQ(metrics_.counter("keng_rules_loads_total", "").value(), loads + 1);
}

TEST_P(RuleFollowerTest, ReportsOnChangeAndEveryMinute) {
  OpenWithFiles();
  follower_->Poll();
  ASSERT_EQ(Running().size(), 1u);
  EXPECT_EQ(Running()[0].instance, "host/run");
  const auto end = *streams_.End(StreamId::kControl, 0);
  clock_.Advance(absl::Seconds(59));
  follower_->Poll();
  EXPECT_EQ(*streams_.End(StreamId::kControl, 0), end);
  clock_.Advance(absl::Seconds(1));
  follower_->Poll();
  EXPECT_EQ(Running()[0].written_at, clock_.Now());
  clock_.Advance(absl::Seconds(1));
  const std::string version = Publish("ngập nước");
  follower_->Poll();
  EXPECT_EQ(Running()[0].version, version);
  EXPECT_EQ(Running()[0].since, clock_.Now());
  ASSERT_TRUE(follower_->Leave().ok());
  EXPECT_TRUE(Running().empty());
}

TEST_P(RuleFollowerTest, AStatusThatCannotBeWrittenIsWrittenLater) {
  OpenWithFiles();
  streams_.memory().FailNext(1);
  follower_->Poll();
  EXPECT_EQ(streams_.memory().failed(), 1);
  EXPECT_EQ(metrics_.counter("keng_rules_status_failed_total", "").value(), 1);
  EXPECT_TRUE(Running().empty());
  follower_->Poll();
  EXPECT_EQ(Running().size(), 1u);
}

TEST(RuleFollowerPartitionsTest, ControlWithSeveralPartitionsIsFollowedToo) {
  base::FakeClock clock(absl::FromUnixSeconds(1'780'000'000));
  LimitedStreams streams(StreamAbility::kSeeks, clock, 5);
  const RuleFollowerParts parts{.streams = &streams, .clock = &clock};
  const auto follower = RulePublicationFollower::Open({.instance = "i"}, parts);
  ASSERT_TRUE(follower.ok()) << follower.status();
  const auto package = RulePackage::Make(
      {"p/x.yaml"}, "", {{"p/x.yaml", "rules: [{id: a, topic: fire, any: [cháy nhà]}]\n"}});
  ASSERT_TRUE(PublishRules(streams, *package->Pack(), "v1", {"thu", clock.Now()}).ok());
  (*follower)->Poll();
  EXPECT_EQ((*follower)->running().version, "v1");
}

TEST(RuleFollowerOptionsTest, AnInstanceHasAName) {
  base::FakeClock clock(absl::UnixEpoch());
  LimitedStreams streams(StreamAbility::kAll, clock);
  EXPECT_TRUE(absl::IsInvalidArgument(
      RulePublicationFollower::Open({}, {.streams = &streams, .clock = &clock}).status()));
}

}  // namespace
}  // namespace keng::filters
