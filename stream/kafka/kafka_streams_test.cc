// What Kafka has beyond the contract, over a real broker.

#include "stream/kafka/kafka_streams.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "base/check.h"
#include "base/strings.h"
#include "stream/changelog.h"
#include "stream/kafka/testing/real_broker.h"

namespace keng::stream {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr absl::Duration kPatience = absl::Seconds(60);

using StreamList = std::vector<std::pair<StreamId, StreamConfig>>;

class KafkaStreamsTest : public testing::Test {
 protected:
  // Topics of a prefix of their own.
  KafkaOptions Topics(StreamList streams, KafkaSettings topic_settings = {}) {
    KafkaOptions options = RealBrokerOptions(std::move(streams));
    options.topic_settings = std::move(topic_settings);
    options.broker_retention_slack = absl::InfiniteDuration();
    options.consumer_settings = {{"session.timeout.ms", "6000"}, {"heartbeat.interval.ms", "300"}};
    const auto made = CreateTopics(options);
    KENG_CHECK(made.ok(), made.status().message());
    return options;
  }
  std::unique_ptr<Streams> Open(KafkaOptions options, const std::string& instance = "",
                                base::Metrics* metrics = nullptr) {
    options.instance = instance;
    auto streams = OpenKafkaStreams(options, clock_, metrics);
    KENG_CHECK(streams.ok(), streams.status().message());
    return *std::move(streams);
  }
  static void Append(Streams& streams, StreamId stream, const std::vector<std::string>& keys) {
    WriteSet set;
    for (const std::string& key : keys) set.Append(stream, key, "value of " + key);
    const absl::Status written = streams.Write(set);
    ASSERT_TRUE(written.ok()) << written;
  }
  static std::vector<std::string> Keys(Streams& streams, StreamId stream) {
    std::vector<std::string> keys;
    auto tap = *streams.OpenTap(stream, {});
    while (auto batch = *tap->Read(1 << 20, absl::ZeroDuration()))
      for (const Record& record : batch->records()) keys.emplace_back(record.key);
    return keys;
  }
  template <typename Holds>
  static void WaitUntil(const char* what, Holds holds) {
    const absl::Time end = absl::Now() + kPatience;
    while (!holds()) ASSERT_LT(absl::Now(), end) << what;
  }

  const base::RealClock clock_;
};

// One step of a member as MemberLoop takes it: what it is told to give back it gives back at once.
absl::StatusOr<MemberEvent> Tend(Membership& member) {
  absl::StatusOr<MemberEvent> event = member.Poll(absl::Milliseconds(50));
  if (event.ok() && *event == MemberEvent::kLost) {
    if (const absl::Status released = member.Release(); !released.ok()) return released;
  }
  return event;
}

TEST_F(KafkaStreamsTest, MembersShareThePartitionsAndInheritThem) {
  const KafkaOptions options = Topics({{StreamId::kPosts, {.partitions = 4}}});
  auto a = Open(options), b = Open(options);
  auto one = *a->OpenMembership("filters", StreamId::kPosts);
  WaitUntil("the first has all", [&] { return Tend(*one).ok() && one->partitions().size() == 4; });
  auto two = *b->OpenMembership("filters", StreamId::kPosts);
  WaitUntil("each has half", [&] {
    return Tend(*one).ok() && Tend(*two).ok() && one->partitions().size() == 2 &&
           two->partitions().size() == 2;
  });
  std::vector<int> all = one->partitions();
  all.insert(all.end(), two->partitions().begin(), two->partitions().end());
  EXPECT_THAT(all, UnorderedElementsAre(0, 1, 2, 3));
  EXPECT_EQ(one->state(), MemberState::kConsuming);
  one = nullptr;  // a member of no name leaves at once
  WaitUntil("the other has all", [&] { return Tend(*two).ok() && two->partitions().size() == 4; });
}

// What the group has said is taken by a call that does not wait, too: a stage that cannot open what
// it was given calls like that.
TEST_F(KafkaStreamsTest, APollWithoutWaitingHearsTheGroup) {
  const KafkaOptions options = Topics({{StreamId::kPosts, {.partitions = 1}}});
  auto streams = Open(options);
  auto member = *streams->OpenMembership("filters", StreamId::kPosts);
  WaitUntil("gained", [&] {
    const auto event = member->Poll(absl::ZeroDuration());
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    return event.ok() && *event == MemberEvent::kGained;
  });
  EXPECT_EQ(member->partitions(), std::vector<int>{0});
}

// A process that was stopped for longer than it may be does not know it yet.
TEST_F(KafkaStreamsTest, WhoHasLostAPartitionCannotCommit) {
  KafkaOptions options = Topics({{StreamId::kPosts, {.partitions = 1}}});
  options.consumer_settings["max.poll.interval.ms"] = "6000";
  auto a = Open(options), b = Open(options);
  Append(*a, StreamId::kPosts, {"x", "y"});
  auto one = *a->OpenMembership("filters", StreamId::kPosts);
  WaitUntil("held", [&] { return Tend(*one).ok() && one->partitions().size() == 1; });
  auto reader = *a->OpenReader("filters", StreamId::kPosts, {0});
  WriteSet set;
  set.Commit("filters", StreamId::kPosts, 0, 1);
  ASSERT_TRUE(a->Write(set).ok());
  auto two = *b->OpenMembership("filters", StreamId::kPosts);
  WaitUntil("taken over", [&] { return Tend(*two).ok() && two->partitions().size() == 1; });
  EXPECT_EQ(one->state(), MemberState::kConsuming) << "nobody has told it";
  set.Clear();
  set.Append(StreamId::kPosts, "z", "late");
  set.Commit("filters", StreamId::kPosts, 0, 2);
  const absl::Status refused = a->Write(set);
  EXPECT_TRUE(absl::IsAborted(refused)) << refused;
  EXPECT_EQ((*b->committed("filters", StreamId::kPosts, 0))->next, 1);
}

// Others joined, and it was silent until it was put out: leaving does not wait for an answer that
// nobody gives any more. Many, because it takes a moment between two threads of librdkafka.
TEST_F(KafkaStreamsTest, AMemberThatWasPutOutCanLeave) {
  constexpr int kGroups = 16;
  KafkaOptions options = Topics({{StreamId::kPosts, {.partitions = 1}}});
  options.consumer_settings = {{"session.timeout.ms", "1000"},
                               {"heartbeat.interval.ms", "100"},
                               {"max.poll.interval.ms", "1000"}};
  const auto a = Open(options), b = Open(options);
  std::vector<std::unique_ptr<Membership>> silent, others;
  for (int i = 0; i < kGroups; ++i) {
    const std::string group = base::StrCat("filters", i);
    Membership& member = *silent.emplace_back(*a->OpenMembership(group, StreamId::kPosts));
    WaitUntil("held", [&] { return Tend(member).ok() && member.partitions().size() == 1; });
    others.push_back(*b->OpenMembership(group, StreamId::kPosts));
  }
  absl::SleepFor(absl::Seconds(2));
  silent.clear();
}

// Two processes of one name, and what an outage makes of one: the former is told, and may join
// anew.
TEST_F(KafkaStreamsTest, AMemberWhoseNameIsTakenIsToldSo) {
  const KafkaOptions options = Topics({{StreamId::kPosts, {.partitions = 2}}});
  auto a = Open(options, "same"), b = Open(options, "same");
  auto one = *a->OpenMembership("filters", StreamId::kPosts);
  WaitUntil("held", [&] { return Tend(*one).ok() && one->partitions().size() == 2; });
  auto two = *b->OpenMembership("filters", StreamId::kPosts);
  absl::Status told;
  WaitUntil("told", [&] {
    told = Tend(*one).status();
    return !told.ok() || !Tend(*two).ok();
  });
  EXPECT_TRUE(absl::IsAborted(told)) << told;
  one = nullptr;
  WaitUntil("the other holds all",
            [&] { return Tend(*two).ok() && two->partitions().size() == 2; });
  two = nullptr;
  one = *a->OpenMembership("filters", StreamId::kPosts);
  WaitUntil("joined anew", [&] { return Tend(*one).ok() && one->partitions().size() == 2; });
}

TEST_F(KafkaStreamsTest, ASecondOwnerShutsTheFirstOut) {
  const KafkaOptions options = Topics({{StreamId::kState, {.compacted = true}}});
  auto a = Open(options), b = Open(options);
  auto first = *a->OpenChangelog("91");
  WriteSet set;
  set.Append(StreamId::kState, "91/1/a", "first");
  ASSERT_TRUE(first->Append(set).ok());
  auto other = *b->OpenChangelog("92");
  ASSERT_TRUE(first->Append(set).ok()) << "another owner's changelog is another";
  auto second = *b->OpenChangelog("91");
  set.Clear();
  set.Append(StreamId::kState, "91/1/a", "late");
  EXPECT_TRUE(absl::IsAborted(first->Append(set).status()));
  EXPECT_TRUE(absl::IsAborted(first->Append(set).status())) << "for good";
  set.Clear();
  set.Append(StreamId::kState, "91/1/b", "second");
  ASSERT_TRUE(second->Append(set).ok());
  EXPECT_THAT(Keys(*a, StreamId::kState), ElementsAre("91/1/a", "91/1/a", "91/1/b"));
}

// What `keng forget` promises is the broker's cleaner's work.
TEST_F(KafkaStreamsTest, TheBrokerRemovesWhatIsSuperseded) {
  const KafkaOptions options = Topics({{StreamId::kPosts, {.partitions = 1, .compacted = true}}},
                                      {{"segment.ms", "200"},
                                       {"max.compaction.lag.ms", "300"},
                                       {"min.cleanable.dirty.ratio", "0.001"},
                                       {"delete.retention.ms", "0"}});
  auto streams = Open(options);
  Append(*streams, StreamId::kPosts, {"x", "y", "x", "z"});
  WriteSet set;
  set.AppendTombstone(StreamId::kPosts, "y");
  ASSERT_TRUE(streams->Write(set).ok());
  int rolls = 0;
  // The newest segment is never cleaned: further records make others.
  WaitUntil("compacted", [&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(250));
    const std::string roll = base::StrCat("roll", rolls++);
    Append(*streams, StreamId::kPosts, {roll});
    const std::vector<std::string> keys = Keys(*streams, StreamId::kPosts);
    return std::count(keys.begin(), keys.end(), "x") == 1 &&
           std::count(keys.begin(), keys.end(), "y") == 0 &&
           std::count(keys.begin(), keys.end(), "z") == 1;
  });
}

TEST_F(KafkaStreamsTest, WhatIsGoneBeforeItWasReadIsCounted) {
  const KafkaOptions options = Topics({{StreamId::kPosts, {.partitions = 1}}},
                                      {{"segment.ms", "100"}, {"retention.ms", "300"}});
  base::Metrics metrics;
  auto streams = Open(options, "", &metrics);
  auto reader = *streams->OpenReader("filters", StreamId::kPosts, {0});
  reader = nullptr;
  Append(*streams, StreamId::kPosts, {"a", "b", "c"});
  // The broker's own retention knows no readers.
  const auto begin = [&] {
    Offset begin = 0;
    for (const PartitionStats& stats : streams->partition_stats()) begin = stats.begin;
    return begin;
  };
  WaitUntil("gone", [&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    return begin() >= 3;
  });
  reader = *streams->OpenReader("filters", StreamId::kPosts, {0});
  Offset first = -1;
  WaitUntil("read", [&] {
    // One that is not read at once is gone too.
    Append(*streams, StreamId::kPosts, {"d"});
    const auto batch = reader->Read(1 << 20, absl::Milliseconds(200));
    EXPECT_TRUE(batch.ok()) << batch.status();
    if (!batch.ok() || *batch == nullptr) return !batch.ok();
    first = (*batch)->records().front().offset;
    return true;
  });
  ASSERT_GE(first, 3);
  EXPECT_THAT(metrics.Expose(), HasSubstr(base::StrCat(
                                    "keng_stream_expired_unread_total{stream=\"posts\"} ", first)));
}

TEST_F(KafkaStreamsTest, SaysWhatIsWrong) {
  const StreamList streams = {{StreamId::kPosts, {.partitions = 2}}};
  const auto error_of = [&](KafkaOptions options) {
    return OpenKafkaStreams(options, clock_, nullptr).status();
  };
  const KafkaOptions good = Topics(streams);
  EXPECT_TRUE(error_of(good).ok());

  KafkaOptions options = good;
  options.streams.emplace_back(StreamId::kDead, StreamConfig{});
  EXPECT_EQ(error_of(options).code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(error_of(options).message()),
              HasSubstr("dead is not there; `keng topics create` makes it"));

  options = good;
  options.streams[0].second.partitions = 3;
  EXPECT_EQ(error_of(options).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(error_of(options).message()),
              HasSubstr("has 2 partitions and the configuration says 3"));

  for (const auto& [setting, value, said] :
       {std::tuple{"linger", "1", "is not one that librdkafka knows"},
        std::tuple{"socket.timeout.ms", "QZX", "is not one that"},
        std::tuple{"acks", "1", "is set by keng itself; remove it"},
        std::tuple{"group.id", "mine", "is set by keng itself; remove it"},
        std::tuple{"bootstrap.servers", "x", "is set by keng itself; remove it"}}) {
    options = good;
    options.settings = {{setting, value}};
    const absl::Status status = error_of(options);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << setting;
    EXPECT_THAT(std::string(status.message()), HasSubstr(said));
    EXPECT_THAT(std::string(status.message()), HasSubstr(setting));
    EXPECT_THAT(std::string(status.message()), testing::Not(HasSubstr("QZX")));
  }

  options = good;
  options.bootstrap = "127.0.0.1:1";
  options.request_deadline = absl::Seconds(2);
  EXPECT_EQ(error_of(options).code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(error_of(options).message()), HasSubstr("127.0.0.1:1"));
}

TEST_F(KafkaStreamsTest, CheckTopicsSaysWhatDiffers) {
  KafkaOptions options = Topics({{StreamId::kPosts, {.partitions = 2}}});
  EXPECT_THAT(*CheckTopics(options), IsEmpty());
  EXPECT_THAT(*CreateTopics(options), ElementsAre(HasSubstr("posts: there already")));
  options.streams.emplace_back(StreamId::kDead, StreamConfig{});
  options.streams[0].second = {.partitions = 3, .retention = absl::Hours(1)};
  options.broker_retention_slack = absl::Hours(1);
  options.replication = 2;
  EXPECT_THAT(*CheckTopics(options),
              UnorderedElementsAre(HasSubstr("posts: 2 partitions, expected 3"),
                                   HasSubstr("posts: replication 1, expected 2"),
                                   HasSubstr("posts: retention.ms is -1, expected 7200000"),
                                   HasSubstr("dead: missing")));
}

TEST(KafkaTopicSettings, FollowTheStreamsConfiguration) {
  struct Case {
    StreamConfig config;
    absl::Duration slack;
    KafkaSettings expected;  // others are the same everywhere
  };
  const absl::Duration day = absl::Hours(24);
  const Case cases[] = {
      {{.retention = 7 * day},
       7 * day,
       {{"cleanup.policy", "delete"}, {"retention.ms", "1209600000"}}},
      {{.retention = day, .compacted = true},
       absl::ZeroDuration(),
       {{"cleanup.policy", "compact,delete"},
        {"retention.ms", "86400000"},
        {"delete.retention.ms", "86400000"},
        {"max.compaction.lag.ms", "43200000"},
        {"min.cleanable.dirty.ratio", "0.2"}}},
      {{.compacted = true},
       day,
       {{"cleanup.policy", "compact"},
        {"retention.ms", "-1"},
        {"delete.retention.ms", "604800000"},
        {"max.compaction.lag.ms", "43200000"},
        {"min.cleanable.dirty.ratio", "0.2"}}},
      {{}, day, {{"cleanup.policy", "delete"}, {"retention.ms", "-1"}}},
  };
  for (const Case& c : cases) {
    KafkaOptions options;
    options.streams = {{StreamId::kPosts, c.config}};
    options.broker_retention_slack = c.slack;
    options.min_insync_replicas = 2;
    KafkaSettings settings = TopicSettings(options, StreamId::kPosts);
    EXPECT_EQ(settings["min.insync.replicas"], "2");
    EXPECT_EQ(settings["message.timestamp.type"], "CreateTime");
    for (const char* same :
         {"min.insync.replicas", "message.timestamp.type", "max.message.bytes", "compression.type"})
      EXPECT_EQ(settings.erase(same), 1u) << same;
    EXPECT_EQ(settings, c.expected);
    options.topic_settings = {{"cleanup.policy", "mine"}};
    EXPECT_EQ(TopicSettings(options, StreamId::kPosts)["cleanup.policy"], "mine");
    EXPECT_THAT(TopicSettings(options, StreamId::kDead), IsEmpty());
  }
}

}  // namespace
}  // namespace keng::stream
