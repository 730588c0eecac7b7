#include "alerting/dead_letters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "alerting/delivery_log.h"
#include "alerting/store_outbox.h"
#include "alerting/testing/fold_kit.h"
#include "stream/testing/memory_streams.h"

namespace keng::alerting {
namespace {

using stream::StreamId;
using ::testing::ElementsAre;
using testing::FoldKit;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::MakeHit;

class DeadLettersTest : public ::testing::Test {
 protected:
  // An alert whose delivery by "hook" is dead, in the outbox and in `dead`.
  std::string AddDead(const std::string& topic) {
    filters::HitRecord hit = MakeHit(base::StrCat("p-", topic));
    hit.hit.topic = topic;
    kit_.Fold(hit);
    const std::string alert = kit_.alerts().back().id;
    const Delivery dead{.alert = alert, .channel = "hook", .state = DeliveryState::kDead};
    EXPECT_TRUE(outbox_.Record(dead).ok());
    WriteDead(dead);
    return alert;
  }
  void WriteDead(const Delivery& delivery) {
    stream::WriteSet set;
    set.Append(StreamId::kDead, kDeadStage, DeadRecord(delivery, "gave up", clock_.Now()));
    ASSERT_TRUE(streams_.Write(set).ok());
  }
  // "alert channel" of each replay in the inbox.
  std::vector<std::string> Asked() {
    std::vector<std::string> asked;
    filters::InboxParser parser;
    const auto tap = *streams_.OpenTap(StreamId::kInbox, {});
    while (const auto batch = *tap->Read(1 << 20, absl::ZeroDuration())) {
      for (const stream::Record& record : batch->records()) {
        const auto parsed = parser.Parse(record.value);
        EXPECT_TRUE(parsed.ok()) << parsed.status();
        const auto& action = std::get<filters::ActionRecord>(*parsed);
        EXPECT_EQ(action.verb, filters::ActionVerb::kReplay);
        EXPECT_EQ(action.actor, "officer");
        EXPECT_EQ(record.key, "91");
        EXPECT_TRUE(ids_.insert(action.id).second) << "one id for two";
        asked.push_back(base::StrCat(action.alert, " ", action.channel));
      }
    }
    return asked;
  }

  FoldKit kit_;
  StoreOutbox outbox_{kit_.store()};
  base::FakeClock clock_{testing::At({})};
  stream::MemoryStreams streams_{{{StreamId::kInbox, stream::DefaultConfig(StreamId::kInbox, 2)},
                                  {StreamId::kDead, stream::DefaultConfig(StreamId::kDead, 2)}},
                                 clock_};
  CellChannels routes_{{{"91", {"hook", "tele"}}}, {}};
  std::set<std::string> ids_;
};

TEST_F(DeadLettersTest, OnlyWhatIsDeadAndKnownIsAskedForAndOnce) {
  const std::string first = AddDead("flooding");
  const std::string second = AddDead("bridge");
  const std::string mended = AddDead("fire");
  ASSERT_TRUE(
      outbox_.Record({.alert = mended, .channel = "hook", .state = DeliveryState::kSent}).ok());
  WriteDead({.alert = first, .channel = "hook"});  // it died twice
  WriteDead({.alert = "long-gone", .channel = "hook"});
  stream::WriteSet other;
  other.Append(StreamId::kDead, "ingest", R"({"reason":"no post"})");
  ASSERT_TRUE(streams_.Write(other).ok());

  const auto result = DeadReplay(streams_, outbox_, routes_, "91", {.id = "r", .actor = "officer"});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(DeadReplayJson(*result), R"({"replayed":2,"skipped":1,"expired":1,"unrouted":0})");
  EXPECT_THAT(Asked(), ::testing::UnorderedElementsAre(first + " hook", second + " hook"));
  EXPECT_EQ(outbox_.Deliveries(first)->front().state, DeliveryState::kDead)
      << "that is for the owner to change";
}

TEST_F(DeadLettersTest, OneAlertOrOneChannel) {
  const std::string first = AddDead("flooding");
  AddDead("bridge");
  DeadReplayOptions options{.id = "r", .actor = "officer", .alert = first};
  EXPECT_EQ(DeadReplay(streams_, outbox_, routes_, "91", options)->replayed, 1u);
  EXPECT_THAT(Asked(), ElementsAre(first + " hook"));
  options = {.id = "r2", .actor = "officer", .channel = "tele"};
  EXPECT_EQ(DeadReplay(streams_, outbox_, routes_, "91", options)->replayed, 0u);
}

// Nobody would take it, and it would not be dead any more.
TEST_F(DeadLettersTest, AChannelThatRingsNoMoreIsNotAskedFor) {
  AddDead("flooding");
  const CellChannels routes({{"91", {"tele"}}}, {});
  const auto result = DeadReplay(streams_, outbox_, routes, "91", {.id = "r", .actor = "officer"});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->unrouted, 1u);
  EXPECT_THAT(Asked(), IsEmpty());
}

TEST_F(DeadLettersTest, ItIsAccountedFor) {
  AddDead("flooding");
  EXPECT_TRUE(
      absl::IsInvalidArgument(DeadReplay(streams_, outbox_, routes_, "91", {.id = "r"}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      DeadReplay(streams_, outbox_, routes_, "91", {.actor = "me"}).status()));
  EXPECT_THAT(Asked(), IsEmpty());
}

TEST_F(DeadLettersTest, TheListShowsStageReasonAndWhere) {
  const std::string alert = AddDead("flooding");
  std::ostringstream out;
  EXPECT_EQ(*DeadList(streams_, {.stage = "alerting"}, out), 1u);
  EXPECT_THAT(out.str(),
              HasSubstr(base::StrCat("reason=gave up  alert=", alert, "  channel=hook")));
  EXPECT_EQ(*DeadList(streams_, {.stage = "ingest"}, out), 0u);
}

}  // namespace
}  // namespace keng::alerting
