#include "stream/testing/memory_cluster.h"

#include <gtest/gtest.h>

namespace keng::stream {
namespace {

using WriteEnd = MemoryCluster::WriteEnd;

class MemoryClusterTest : public testing::Test, public MemoryCluster::Faults {
 protected:
  void At(const std::string&, MemoryCluster::Point) override {}
  MemoryCluster::WriteFate OnWrite(const std::string&, const WriteSet&) override {
    return std::exchange(fate_, {});
  }
  MemoryCluster::AppendFate OnAppend(const std::string&) override {
    return MemoryCluster::AppendFate::kWhole;
  }

  // Texts, the inbox, and the position of "r" in posts/0.
  static WriteSet MakeSet() {
    WriteSet set;
    set.Append(StreamId::kTexts, "a", "1");
    set.Append(StreamId::kInbox, "91", "hit");
    set.Append(StreamId::kTexts, "b", "2");
    set.Commit("r", StreamId::kPosts, 0, 0);
    return set;
  }
  Offset End(StreamId stream) { return *streams_.End(stream, 0); }
  // Polls until nothing happens, giving back what is lost.
  static void Settle(std::initializer_list<Membership*> members) {
    for (int round = 0; round < 4; ++round) {
      for (Membership* member : members) {
        if (*member->Poll(absl::ZeroDuration()) != MemberEvent::kLost) continue;
        ASSERT_TRUE(member->Release().ok());
      }
    }
  }

  base::FakeClock clock_{absl::FromUnixSeconds(1'789'351'866)};
  MemoryStreams streams_{
      {{StreamId::kPosts, {.partitions = 3}}, {StreamId::kInbox, {}}, {StreamId::kTexts, {}}},
      clock_};
  MemoryCluster cluster_{streams_, this};
  MemoryCluster::WriteFate fate_;
};

TEST_F(MemoryClusterTest, ABrokenWriteLeavesWholeStreamsInTheOrderNamed) {
  const auto a = cluster_.Open("a");
  ASSERT_TRUE(a->OpenReader("r", StreamId::kPosts, {0}).ok());
  fate_ = {.end = WriteEnd::kBroken, .random = 1};  // one stream whole, of the next one nothing
  EXPECT_TRUE(absl::IsUnavailable(a->Write(MakeSet())));
  EXPECT_EQ(End(StreamId::kTexts), 2);
  EXPECT_EQ(End(StreamId::kInbox), 0);
  fate_ = {.end = WriteEnd::kUnreachable};
  EXPECT_TRUE(absl::IsUnavailable(a->Write(MakeSet())));
  EXPECT_EQ(End(StreamId::kTexts), 2);
  fate_ = {.end = WriteEnd::kUnanswered};
  EXPECT_TRUE(absl::IsUnavailable(a->Write(MakeSet())));
  EXPECT_EQ(End(StreamId::kInbox), 1);
}

TEST_F(MemoryClusterTest, AGroupDividesAndDividesAgain) {
  const auto a = cluster_.Open("a");
  const auto b = cluster_.Open("b");
  const auto in_a = *a->OpenMembership("r", StreamId::kPosts);
  Settle({in_a.get()});
  EXPECT_EQ(in_a->partitions(), (std::vector<int>{0, 1, 2}));
  auto in_b = *b->OpenMembership("r", StreamId::kPosts);
  EXPECT_EQ(*in_b->Poll(absl::ZeroDuration()), MemberEvent::kNone) << "a still has all";
  Settle({in_a.get(), in_b.get()});
  EXPECT_EQ(in_a->partitions(), (std::vector<int>{0, 1}));
  EXPECT_EQ(in_b->partitions(), (std::vector<int>{2}));
  in_b = nullptr;
  Settle({in_a.get()});
  EXPECT_EQ(in_a->partitions(), (std::vector<int>{0, 1, 2}));
}

TEST_F(MemoryClusterTest, AZombieWritesItsRecordsAndCommitsNothing) {
  const auto a = cluster_.Open("a");
  const auto b = cluster_.Open("b");
  ASSERT_TRUE(a->OpenReader("r", StreamId::kPosts, {0}).ok());
  const auto in_a = *a->OpenMembership("r", StreamId::kPosts);
  Settle({in_a.get()});
  ASSERT_TRUE(a->Write(MakeSet()).ok());
  EXPECT_TRUE(cluster_.Evict("a"));
  EXPECT_FALSE(cluster_.Evict("a"));
  const auto in_b = *b->OpenMembership("r", StreamId::kPosts);
  Settle({in_b.get()});
  EXPECT_TRUE(absl::IsAborted(a->Write(MakeSet())));
  EXPECT_EQ(End(StreamId::kInbox), 2) << "its records are there";
  EXPECT_EQ(*in_a->Poll(absl::ZeroDuration()), MemberEvent::kLost);
}

TEST_F(MemoryClusterTest, WhoComesBackInTimeHasItsPartitionsAtOnce) {
  auto a = cluster_.Open("a");
  const auto b = cluster_.Open("b");
  auto in_a = *a->OpenMembership("r", StreamId::kPosts);
  const auto in_b = *b->OpenMembership("r", StreamId::kPosts);
  Settle({in_a.get(), in_b.get()});
  cluster_.Forsake("a");
  in_a = nullptr;
  a = cluster_.Open("a");
  in_a = *a->OpenMembership("r", StreamId::kPosts);
  EXPECT_EQ(*in_a->Poll(absl::ZeroDuration()), MemberEvent::kGained);
  EXPECT_EQ(in_a->partitions(), (std::vector<int>{0, 1}));
  EXPECT_EQ(*in_b->Poll(absl::ZeroDuration()), MemberEvent::kNone) << "nobody else hears of it";
}

TEST_F(MemoryClusterTest, WhoAsksForTheEndIsNotToldItIsHereWhileNothingComes) {
  const auto a = cluster_.Open("a");
  const auto tap = *a->OpenTap(StreamId::kTexts, {});
  EXPECT_EQ(*tap->Read(1 << 20, absl::ZeroDuration()), nullptr);
  WriteSet set;
  set.Append(StreamId::kTexts, "a", "1");
  ASSERT_TRUE(a->Write(set).ok());
  streams_.Cork();
  EXPECT_EQ(*tap->Read(1 << 20, absl::Seconds(1)), nullptr);
  EXPECT_TRUE(absl::IsUnavailable(tap->Read(1 << 20, absl::ZeroDuration()).status()));
  streams_.Uncork();
  EXPECT_NE(*tap->Read(1 << 20, absl::ZeroDuration()), nullptr);
}

}  // namespace
}  // namespace keng::stream
