#include "app/cluster/member_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/strings.h"

namespace keng::app {
namespace {

using stream::MemberEvent;
using stream::MemberState;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// What the loop did to its membership and to its host, in one order.
struct Journal {
  base::Mutex mutex;
  std::vector<std::string> lines ABSL_GUARDED_BY(mutex);
  void Add(std::string line) {
    base::MutexLock lock(mutex);
    lines.push_back(std::move(line));
  }
  std::vector<std::string> Take() {
    base::MutexLock lock(mutex);
    return std::exchange(lines, {});
  }
};

// A group of one member, whose events the test says beforehand. Without any left Poll() returns
// kNone at once.
struct Group {
  base::Mutex mutex;
  std::deque<absl::StatusOr<MemberEvent>> events ABSL_GUARDED_BY(mutex);
  std::vector<int> gives = {0, 2};
  int polls ABSL_GUARDED_BY(mutex) = 0;

  void Say(absl::StatusOr<MemberEvent> event) {
    base::MutexLock lock(mutex);
    events.push_back(std::move(event));
  }
  int polled() {
    base::MutexLock lock(mutex);
    return polls;
  }
};

class FakeMembership final : public stream::Membership {
 public:
  FakeMembership(Group& group, Journal& journal) : group_(group), journal_(journal) {
    journal_.Add("join");
  }
  ~FakeMembership() override { journal_.Add("leave"); }

  absl::StatusOr<MemberEvent> Poll(absl::Duration) override {
    KENG_CHECK(state_ != MemberState::kDraining, "the contract: Release() comes first");
    absl::StatusOr<MemberEvent> event = MemberEvent::kNone;
    {
      base::MutexLock lock(group_.mutex);
      ++group_.polls;
      if (!group_.events.empty()) {
        event = std::move(group_.events.front());
        group_.events.pop_front();
      }
    }
    if (event.ok() && *event == MemberEvent::kGained) {
      partitions_ = group_.gives;
      state_ = MemberState::kConsuming;
    } else if (event.ok() && *event == MemberEvent::kLost) {
      state_ = MemberState::kDraining;
    }
    return event;
  }
  absl::Status Release() override {
    KENG_CHECK(state_ == MemberState::kDraining, "Release() without kLost");
    journal_.Add("release");
    partitions_.clear();
    state_ = MemberState::kRevoked;
    return absl::OkStatus();
  }
  MemberState state() const override { return state_; }
  const std::vector<int>& partitions() const override { return partitions_; }
  void Wake() override {}

 private:
  Group& group_;
  Journal& journal_;
  std::vector<int> partitions_;
  std::atomic<MemberState> state_{MemberState::kRevoked};
};

class FakeStreams final : public stream::Streams {
 public:
  FakeStreams(Group& group, Journal& journal) : group_(group), journal_(journal) {}
  void FailJoins(int n) { fail_joins_ = n; }
  absl::StatusOr<std::unique_ptr<stream::Membership>> OpenMembership(
      std::string_view name, stream::StreamId stream) override {
    EXPECT_EQ(name, "readers");
    EXPECT_EQ(stream, stream::StreamId::kPosts);
    if (fail_joins_ > 0) {
      --fail_joins_;
      return absl::UnavailableError("no broker");
    }
    return std::make_unique<FakeMembership>(group_, journal_);
  }
  // The loop asks for nothing else.
  stream::Capabilities capabilities() const override { return {}; }
  int partitions(stream::StreamId) const override { return 0; }
  absl::Status Write(const stream::WriteSet&) override { return None(); }
  absl::StatusOr<std::unique_ptr<stream::Reader>> OpenReader(std::string_view, stream::StreamId,
                                                             std::vector<int>) override {
    return None();
  }
  absl::StatusOr<std::unique_ptr<stream::Reader>> OpenTap(stream::StreamId,
                                                          std::vector<int>) override {
    return None();
  }
  absl::Status RemoveReader(std::string_view, stream::StreamId) override { return None(); }
  absl::StatusOr<std::optional<stream::Committed>> committed(std::string_view, stream::StreamId,
                                                             int) override {
    return None();
  }
  absl::StatusOr<std::optional<std::string>> Lookup(stream::StreamId, std::string_view) override {
    return None();
  }
  absl::StatusOr<stream::Offset> Begin(stream::StreamId, int) override { return None(); }
  absl::StatusOr<stream::Offset> End(stream::StreamId, int) override { return None(); }
  absl::Status Maintain() override { return None(); }
  absl::Status Sync() override { return None(); }
  std::vector<stream::PartitionStats> partition_stats() const override { return {}; }
  std::vector<stream::ReaderStats> reader_stats() const override { return {}; }

 private:
  static absl::Status None() { return absl::UnimplementedError("not asked for"); }
  Group& group_;
  Journal& journal_;
  int fail_joins_ = 0;
};

class FakeHost final : public StageHost {
 public:
  explicit FakeHost(Journal& journal) : journal_(journal) {}
  void RefuseGains(int n, absl::Status status) {
    refuse_ = n;
    refusal_ = std::move(status);
  }

  std::string_view name() const override { return "fake"; }
  absl::Status Gain(const std::vector<int>& partitions) override {
    std::string line = "gain";
    for (const int partition : partitions) base::StrAppend(&line, " ", partition);
    if (refuse_ > 0) {
      --refuse_;
      journal_.Add(line + " refused");
      return refusal_;
    }
    journal_.Add(line);
    return absl::OkStatus();
  }
  absl::Status Tend() override {
    journal_.Add("tend");
    return absl::OkStatus();
  }
  void Lose() override { journal_.Add("lose"); }
  absl::Status Finish() override { return finish_; }
  void FinishWith(absl::Status status) { finish_ = std::move(status); }
  std::vector<std::string> trouble() const override { return {"of the host"}; }
  bool idle() const override { return true; }

 private:
  Journal& journal_;
  std::atomic<int> refuse_{0};
  absl::Status refusal_;
  absl::Status finish_;
};

class MemberLoopTest : public testing::Test {
 protected:
  Journal journal_;
  Group group_;
  FakeStreams streams_{group_, journal_};
  FakeHost host_{journal_};
  base::Metrics metrics_;
  MemberLoop loop_{host_, streams_, "readers", stream::StreamId::kPosts, metrics_};
};

TEST_F(MemberLoopTest, GainsTendsAndReleasesOnlyAfterTheHostHasLost) {
  EXPECT_TRUE(loop_.Step(absl::ZeroDuration()).ok());
  EXPECT_THAT(journal_.Take(), ElementsAre("join", "tend")) << "what it lost may not have ended";
  group_.Say(MemberEvent::kGained);
  ASSERT_TRUE(loop_.Step(absl::ZeroDuration()).ok());
  EXPECT_EQ(loop_.held(), 2);
  ASSERT_TRUE(loop_.Step(absl::ZeroDuration()).ok());
  EXPECT_THAT(journal_.Take(), ElementsAre("gain 0 2", "tend"));
  group_.Say(MemberEvent::kLost);
  ASSERT_TRUE(loop_.Step(absl::ZeroDuration()).ok());
  EXPECT_EQ(loop_.held(), 0);
  EXPECT_THAT(journal_.Take(), ElementsAre("lose", "release"));
  group_.gives = {1};
  group_.Say(MemberEvent::kGained);
  ASSERT_TRUE(loop_.Step(absl::ZeroDuration()).ok());
  EXPECT_THAT(journal_.Take(), ElementsAre("gain 1"));
}

TEST_F(MemberLoopTest, ARefusedGainIsRepeatedWhileTheGroupHearsOfUs) {
  host_.RefuseGains(3, absl::UnavailableError("state cannot be read"));
  group_.Say(MemberEvent::kGained);
  for (int i = 0; i < 3; ++i) {
    const int polls = group_.polled();
    EXPECT_TRUE(absl::IsUnavailable(loop_.Step(absl::ZeroDuration()).status()));
    EXPECT_EQ(group_.polled(), polls + 1) << "each try is preceded by a poll";
  }
  EXPECT_EQ(loop_.held(), 0);
  ASSERT_TRUE(loop_.Step(absl::ZeroDuration()).ok());
  EXPECT_EQ(loop_.held(), 2);
  EXPECT_THAT(journal_.Take(), ElementsAre("join", "gain 0 2 refused", "gain 0 2 refused",
                                           "gain 0 2 refused", "gain 0 2"));
}

TEST_F(MemberLoopTest, WhatWasGainedInPartIsLostToo) {
  host_.RefuseGains(1, absl::UnavailableError("not now"));
  group_.Say(MemberEvent::kGained);
  group_.Say(MemberEvent::kLost);
  EXPECT_FALSE(loop_.Step(absl::ZeroDuration()).ok());
  EXPECT_TRUE(loop_.Step(absl::ZeroDuration()).ok());
  EXPECT_TRUE(loop_.Step(absl::ZeroDuration()).ok());
  EXPECT_THAT(journal_.Take(), ElementsAre("join", "gain 0 2 refused", "lose", "release", "tend"))
      << "and not gained after that";
}

TEST_F(MemberLoopTest, AnErrorThatIsNotForNowIsReported) {
  host_.RefuseGains(1, absl::DataLossError("damaged"));
  group_.Say(MemberEvent::kGained);
  EXPECT_TRUE(absl::IsDataLoss(loop_.Step(absl::ZeroDuration()).status()));
  group_.Say(absl::UnavailableError("no broker"));
  EXPECT_TRUE(absl::IsUnavailable(loop_.Step(absl::ZeroDuration()).status()));
}

TEST_F(MemberLoopTest, AMemberThatWasShutOutLosesAllAndJoinsAnew) {
  group_.Say(MemberEvent::kGained);
  ASSERT_TRUE(loop_.Step(absl::ZeroDuration()).ok());
  journal_.Take();
  group_.Say(absl::AbortedError("fenced"));
  EXPECT_TRUE(absl::IsUnavailable(loop_.Step(absl::ZeroDuration()).status()));
  EXPECT_THAT(journal_.Take(), ElementsAre("lose", "leave")) << "its partitions are another's";
  EXPECT_EQ(loop_.held(), 0);
  streams_.FailJoins(1);
  EXPECT_TRUE(absl::IsUnavailable(loop_.Step(absl::ZeroDuration()).status()));
  group_.Say(MemberEvent::kGained);
  ASSERT_TRUE(loop_.Step(absl::ZeroDuration()).ok());
  EXPECT_THAT(journal_.Take(), ElementsAre("join", "gain 0 2"));
}

TEST_F(MemberLoopTest, TwoProcessesOfOneNameAreNoOutage) {
  absl::Status status;
  int times = 0;
  do {
    group_.Say(absl::AbortedError("fenced"));
    status = loop_.Step(absl::ZeroDuration()).status();
    ++times;
  } while (absl::IsUnavailable(status) && times < 100);
  EXPECT_EQ(times, MemberLoop::kShutOutMax);
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("streams.kafka.instance"));
}

TEST_F(MemberLoopTest, StopsInEachState) {
  EXPECT_TRUE(loop_.Stop().ok());  // never started
  EXPECT_THAT(journal_.Take(), IsEmpty());

  ASSERT_TRUE(loop_.Start(nullptr).ok());
  EXPECT_TRUE(loop_.Stop().ok());  // revoked
  std::vector<std::string> lines = journal_.Take();
  std::erase(lines, "tend");
  EXPECT_THAT(lines, ElementsAre("join", "lose", "leave"));

  // While Gain() is refused, with the thread running.
  host_.RefuseGains(1'000'000, absl::UnavailableError("not now"));
  group_.Say(MemberEvent::kGained);
  ASSERT_TRUE(loop_.Start(nullptr).ok());
  const int polls = group_.polled();
  while (group_.polled() < polls + 3) std::this_thread::yield();
  EXPECT_THAT(loop_.trouble(), testing::Contains(HasSubstr("not now")));
  EXPECT_TRUE(loop_.Stop().ok());
  lines = journal_.Take();
  ASSERT_GE(lines.size(), 4u);
  EXPECT_EQ(lines[lines.size() - 2], "lose");
  EXPECT_EQ(lines.back(), "leave");

  // While it holds partitions.
  host_.RefuseGains(0, absl::OkStatus());
  group_.Say(MemberEvent::kGained);
  ASSERT_TRUE(loop_.Start(nullptr).ok());
  while (loop_.held() == 0) std::this_thread::yield();
  EXPECT_THAT(loop_.trouble(), ElementsAre("of the host"));
  EXPECT_TRUE(loop_.Stop().ok());
  EXPECT_EQ(loop_.held(), 0);
  lines = journal_.Take();
  EXPECT_EQ(lines[lines.size() - 2], "lose");
  EXPECT_EQ(lines.back(), "leave");
}

TEST_F(MemberLoopTest, AStopSaysThatSomethingStillRuns) {
  ASSERT_TRUE(loop_.Start(nullptr).ok());
  host_.FinishWith(absl::DeadlineExceededError("a call goes on"));
  EXPECT_TRUE(absl::IsDeadlineExceeded(loop_.Stop()));
  EXPECT_EQ(journal_.Take().back(), "leave") << "and leaves all the same";
  EXPECT_TRUE(loop_.Stop().ok());
}

TEST_F(MemberLoopTest, StartFailsWhenTheGroupCannotBeJoined) {
  streams_.FailJoins(1);
  EXPECT_TRUE(absl::IsUnavailable(loop_.Start(nullptr)));
  EXPECT_TRUE(loop_.Stop().ok());
}

}  // namespace
}  // namespace keng::app
