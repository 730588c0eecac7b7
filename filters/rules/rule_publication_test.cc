#include "filters/rules/rule_publication.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/clock.h"
#include "base/strings.h"
#include "filters/rules/rule_package.h"
#include "filters/rules/rule_status.h"
#include "filters/rules/testing/limited_streams.h"

namespace keng::filters {
namespace {

using base::StrCat;
using stream::StreamId;

class RulePublicationTest : public testing::TestWithParam<StreamAbility> {
 protected:
  RulePublicationTest()
      : clock_(absl::FromUnixSeconds(1'780'000'000)), streams_(GetParam(), clock_) {}

  PublishStamp Stamp() const { return {"thu", clock_.Now()}; }
  void Publish(const std::string& packed, const std::string& version) {
    const auto outcome = PublishRules(streams_, packed, version, Stamp());
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    ASSERT_EQ(*outcome, PublishOutcome::kPublished);
  }
  // Live records of control, by key.
  std::map<std::string, std::string> Contents() {
    std::map<std::string, std::string> contents;
    const auto tap = streams_.OpenTap(StreamId::kControl, {});
    while (const auto batch = *(*tap)->Read(1 << 20, absl::ZeroDuration())) {
      for (const stream::Record& record : batch->records()) {
        contents.erase(std::string(record.key));
        if (!record.tombstone) contents.emplace(record.key, record.value);
      }
    }
    return contents;
  }
  CurrentRules Current() {
    const auto current = DecodeCurrentRules(Contents().at(std::string(kRulesCurrentKey)));
    EXPECT_TRUE(current.ok()) << current.status();
    return *current;
  }
  // Live chunks of a version.
  int Chunks(const std::string& version) {
    int chunks = 0;
    for (const auto& [key, value] : Contents())
      chunks += key.starts_with(StrCat(kRulesChunkPrefix, version, "/")) ? 1 : 0;
    return chunks;
  }
  static std::string Bytes(size_t size, char seed) {
    std::string bytes;
    for (size_t i = 0; i < size; ++i) bytes.push_back(static_cast<char>(seed + i * i % 101));
    return bytes;
  }
  void Append(const std::string& key, const std::string& value) {
    stream::WriteSet set;
    set.Append(StreamId::kControl, key, value);
    ASSERT_TRUE(streams_.Write(set).ok());
  }
  void Remove(const std::string& key) {
    stream::WriteSet set;
    set.AppendTombstone(StreamId::kControl, key);
    ASSERT_TRUE(streams_.Write(set).ok());
  }

  base::FakeClock clock_;
  LimitedStreams streams_;
};

INSTANTIATE_TEST_SUITE_P(Abilities, RulePublicationTest,
                         testing::Values(StreamAbility::kAll, StreamAbility::kSeeks,
                                         StreamAbility::kReads));

TEST_P(RulePublicationTest, APackageComesBackByteForByte) {
  for (const size_t size :
       {size_t{1}, kRuleChunkBytes, kRuleChunkBytes + 1, 10 * kRuleChunkBytes}) {
    const std::string packed = Bytes(size, 'a');
    Publish(packed, StrCat("v", size));
    const Publication publication = Current().publication;
    EXPECT_EQ(publication.version, StrCat("v", size));
    EXPECT_EQ(publication.chunks, (size + kRuleChunkBytes - 1) / kRuleChunkBytes);
    EXPECT_EQ(publication.publisher, "thu");
    EXPECT_EQ(publication.published_at, clock_.Now());
    const auto gathered = GatherPackage(streams_, publication);
    ASSERT_TRUE(gathered.ok()) << gathered.status();
    EXPECT_EQ(*gathered, packed);
  }
}

TEST_P(RulePublicationTest, ChunksStandBeforeWhatNamesThem) {
  Publish(Bytes(20 * kRuleChunkBytes, 'a'), "v1");
  const auto tap = streams_.OpenTap(StreamId::kControl, {});
  std::vector<std::string> keys;
  while (const auto batch = *(*tap)->Read(1 << 20, absl::ZeroDuration())) {
    for (const stream::Record& record : batch->records()) {
      keys.emplace_back(record.key);
      EXPECT_LE(record.value.size(), kRuleChunkBytes);
    }
  }
  ASSERT_EQ(keys.size(), 21u);
  EXPECT_EQ(keys.back(), kRulesCurrentKey);
}

TEST_P(RulePublicationTest, TheSameVersionAgainWritesNothing) {
  Publish(Bytes(1000, 'a'), "v1");
  const auto end = *streams_.End(StreamId::kControl, 0);
  const auto again = PublishRules(streams_, Bytes(1000, 'a'), "v1", Stamp());
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(*again, PublishOutcome::kAlreadyCurrent);
  EXPECT_EQ(*streams_.End(StreamId::kControl, 0), end);
}

TEST_P(RulePublicationTest, AVersionThatIsNotWholeIsPublishedAnew) {
  Publish(Bytes(1000, 'z'), "v0");
  Publish(Bytes(1000, 'a'), "v1");
  const Publication broken = Current().publication;
  Remove(broken.ChunkKey(0));
  EXPECT_TRUE(absl::IsNotFound(GatherPackage(streams_, broken).status()));
  Publish(Bytes(1000, 'a'), "v1");
  EXPECT_NE(Current().publication.id, broken.id);
  EXPECT_TRUE(GatherPackage(streams_, Current().publication).ok());
  EXPECT_EQ(Current().previous->version, "v0") << "the way back leads to another version";
}

TEST_P(RulePublicationTest, KeepsTheOneBeforeAndClearsTheOlderAway) {
  Publish(Bytes(2 * kRuleChunkBytes, 'a'), "v1");
  Publish(Bytes(3 * kRuleChunkBytes, 'b'), "v2");
  EXPECT_EQ(Chunks("v1"), 2);
  Publish(Bytes(kRuleChunkBytes, 'c'), "v3");
  EXPECT_EQ(Chunks("v1"), 0);
  EXPECT_EQ(Chunks("v2"), 3);
  EXPECT_EQ(Chunks("v3"), 1);
  ASSERT_TRUE(streams_.Maintain().ok());
  const CurrentRules current = Current();
  EXPECT_EQ(*GatherPackage(streams_, current.publication), Bytes(kRuleChunkBytes, 'c'));
  EXPECT_EQ(*GatherPackage(streams_, *current.previous), Bytes(3 * kRuleChunkBytes, 'b'));
  // Back to an older one: by publishing it again.
  Publish(Bytes(3 * kRuleChunkBytes, 'b'), "v2");
  EXPECT_EQ(*GatherPackage(streams_, Current().publication), Bytes(3 * kRuleChunkBytes, 'b'));
}

TEST_P(RulePublicationTest, WhatAnotherPublisherIsWritingStays) {
  Publish(Bytes(1000, 'a'), "v1");
  Publication other{.version = "v2", .id = "other", .chunks = 2};
  Append(other.ChunkKey(0), "half of it");
  clock_.Advance(absl::Minutes(59));
  Publish(Bytes(1000, 'c'), "v3");
  EXPECT_EQ(Chunks("v2"), 1) << "its publisher may still be at work";
  clock_.Advance(absl::Minutes(1));
  Publish(Bytes(1000, 'd'), "v4");
  EXPECT_EQ(Chunks("v2"), 0) << "nobody works for an hour at it";
}

TEST_P(RulePublicationTest, TwoPublishersAtOnceTheLastIsInForceAndWhole) {
  Publish(Bytes(1000, 'z'), "v0");
  // One publisher is stopped between its chunks and rules/current; another comes through; then the
  // first goes on.
  LimitedStreams aside(StreamAbility::kAll, clock_);
  ASSERT_TRUE(PublishRules(aside, Bytes(1000, 'a'), "v1", Stamp()).ok());
  std::map<std::string, std::string> first;
  const auto tap = aside.OpenTap(StreamId::kControl, {});
  while (const auto batch = *(*tap)->Read(1 << 20, absl::ZeroDuration())) {
    for (const stream::Record& record : batch->records()) first.emplace(record.key, record.value);
  }
  for (const auto& [key, value] : first) {
    if (key != kRulesCurrentKey) Append(key, value);
  }
  Publish(Bytes(1000, 'b'), "v2");
  EXPECT_EQ(Current().publication.version, "v2");
  EXPECT_TRUE(GatherPackage(streams_, Current().publication).ok());
  Append(std::string(kRulesCurrentKey), first.at(std::string(kRulesCurrentKey)));
  EXPECT_EQ(Current().publication.version, "v1");
  EXPECT_EQ(*GatherPackage(streams_, Current().publication), Bytes(1000, 'a'));
}

TEST_P(RulePublicationTest, AChangedChunkIsFoundOut) {
  Publish(Bytes(2 * kRuleChunkBytes, 'a'), "v1");
  const Publication publication = Current().publication;
  Append(publication.ChunkKey(1), Bytes(kRuleChunkBytes, 'b'));
  EXPECT_TRUE(absl::IsDataLoss(GatherPackage(streams_, publication).status()));
  Append(publication.ChunkKey(1), "short");
  EXPECT_TRUE(absl::IsDataLoss(GatherPackage(streams_, publication).status()));
}

TEST_P(RulePublicationTest, AnOldPublicationIsFoundWhateverStandsBetween) {
  Publish(Bytes(1000, 'a'), "v1");
  const Publication publication = Current().publication;
  clock_.Advance(absl::Hours(48));
  for (int i = 0; i < 100; ++i) Append(StrCat("ingest/", i), "resume point");
  EXPECT_TRUE(GatherPackage(streams_, publication).ok());
  // Its publisher's clock was two days ahead of the stream's.
  Publication ahead = publication;
  ahead.published_at += absl::Hours(48);
  EXPECT_TRUE(GatherPackage(streams_, ahead).ok());
}

TEST_P(RulePublicationTest, AFailedWriteLeavesTheOldOneInForce) {
  Publish(Bytes(1000, 'a'), "v1");
  streams_.memory().FailNext(1);
  EXPECT_TRUE(
      absl::IsResourceExhausted(PublishRules(streams_, Bytes(1000, 'b'), "v2", Stamp()).status()));
  EXPECT_EQ(streams_.memory().failed(), 1);
  EXPECT_EQ(Current().publication.version, "v1");
  Publish(Bytes(1000, 'b'), "v2");
}

TEST_P(RulePublicationTest, Withdraws) {
  EXPECT_TRUE(absl::IsNotFound(WithdrawRules(streams_)));
  Publish(Bytes(1000, 'a'), "v1");
  ASSERT_TRUE(WithdrawRules(streams_).ok());
  EXPECT_FALSE(Contents().contains(std::string(kRulesCurrentKey)));
  EXPECT_TRUE(absl::IsNotFound(WithdrawRules(streams_)));
  Publish(Bytes(1000, 'a'), "v1");
}

TEST_P(RulePublicationTest, ForgetsInstancesThatAreLongGone) {
  Append(StrCat(kRulesRunningPrefix, "old"), "{}");
  clock_.Advance(absl::Hours(24));
  Append(StrCat(kRulesRunningPrefix, "new"), "{}");
  Publish(Bytes(1000, 'a'), "v1");
  EXPECT_FALSE(Contents().contains(StrCat(kRulesRunningPrefix, "old")));
  EXPECT_TRUE(Contents().contains(StrCat(kRulesRunningPrefix, "new")));
}

TEST_P(RulePublicationTest, RefusesWhatIsNoPackage) {
  EXPECT_TRUE(absl::IsInvalidArgument(PublishRules(streams_, "", "v1", Stamp()).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      PublishRules(streams_, std::string(RulePackage::kPackedBytesMax + 1, 'a'), "v1", Stamp())
          .status()));
  EXPECT_TRUE(
      absl::IsInvalidArgument(PublishRules(streams_, "x", "v1", {"\xff", clock_.Now()}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      PublishRules(streams_, "x", "v1", {std::string(257, 'a'), clock_.Now()}).status()));
  EXPECT_TRUE(Contents().empty());
}

TEST(CurrentRulesTest, RoundTripAndWhatIsNoneOfIt) {
  const Publication publication{.version = "v1",
                                .id = "i",
                                .chunks = 2,
                                .bytes = 600'000,
                                .hash = "h",
                                .published_at = absl::FromUnixSeconds(5),
                                .publisher = "thu \"x\""};
  CurrentRules current{.publication = publication, .previous = publication};
  current.previous->version = "v0";
  const auto decoded = DecodeCurrentRules(EncodeCurrentRules(current));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(EncodeCurrentRules(*decoded), EncodeCurrentRules(current));
  EXPECT_EQ(decoded->previous->version, "v0");

  const auto with = [&](auto change) {
    CurrentRules bad{.publication = publication};
    change(bad.publication);
    return DecodeCurrentRules(EncodeCurrentRules(bad)).ok();
  };
  EXPECT_TRUE(with([](Publication&) {}));
  EXPECT_FALSE(with([](Publication& p) { p.chunks = 0; }));
  EXPECT_FALSE(with([](Publication& p) { p.chunks = 129; }));
  EXPECT_FALSE(with([](Publication& p) { p.chunks = 1; })) << "600,000 bytes are two chunks";
  EXPECT_FALSE(with([](Publication& p) { p.bytes = 0; }));
  EXPECT_FALSE(with([](Publication& p) { p.version.clear(); }));
  for (const std::string text : {"", "{", "[]", "{}", R"({"v":2})", R"({"v":1,"version":7})"})
    EXPECT_TRUE(absl::IsInvalidArgument(DecodeCurrentRules(text).status())) << text;
}

}  // namespace
}  // namespace keng::filters
