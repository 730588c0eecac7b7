#include "alerting/state_changelog.h"

#include <gmock/gmock.h>

#include "alerting/state_tables.h"
#include "alerting/testing/fold_kit.h"
#include "base/strings.h"
#include "stream/testing/memory_streams.h"

namespace keng::alerting {
namespace {

using stream::StreamId;
using ::testing::HasSubstr;
using ::testing::Not;

class StateChangelogTest : public ::testing::Test {
 protected:
  std::unique_ptr<StateChangelog> Open() {
    auto changelog = streams_.OpenChangelog("91");
    EXPECT_TRUE(changelog.ok()) << changelog.status();
    return std::make_unique<StateChangelog>(*std::move(changelog), "91", nullptr);
  }
  // The records of `state`, as "key=value" or "key!".
  std::vector<std::string> Records() {
    std::vector<std::string> records;
    const auto tap = *streams_.OpenTap(StreamId::kState, {});
    while (const auto batch = *tap->Read(1 << 20, absl::ZeroDuration())) {
      for (const stream::Record& record : batch->records()) {
        records.push_back(base::StrCat(record.key, record.tombstone ? "!" : "=", record.value));
      }
    }
    return records;
  }

  base::FakeClock clock_{testing::At({})};
  stream::MemoryStreams streams_{{{StreamId::kState, {.compacted = true}}}, clock_};
};

TEST_F(StateChangelogTest, RowsOfAnyBytesComeBackAsTheyWere) {
  const std::string key("a/\0\xff/b", 6), value("\0\x02\n", 3);
  const std::vector<store::Change> changes = {
      {table::kMembers, key, value}, {table::kPosts, "", ""}, {254, "gone", std::nullopt}};
  ASSERT_EQ(*Open()->Append(changes), 3);
  const auto tap = *streams_.OpenTap(StreamId::kState, {});
  const auto batch = *tap->Read(1 << 20, absl::ZeroDuration());
  ASSERT_EQ(batch->records().size(), 3u);
  for (size_t i = 0; i < changes.size(); ++i) {
    const auto row = ParseStateRecord("91", batch->records()[i]);
    ASSERT_TRUE(row.ok()) << row.status();
    EXPECT_TRUE(row->is_ours);
    EXPECT_EQ(row->change.table, changes[i].table);
    EXPECT_EQ(row->change.key, changes[i].key);
    EXPECT_EQ(row->change.value, changes[i].value);
    EXPECT_FALSE(ParseStateRecord("9", batch->records()[i])->is_ours);
  }
}

// The form is on other machines' disks: it changes with kStateLayout only.
TEST_F(StateChangelogTest, TheFormIsAsWritten) {
  EXPECT_EQ(kStateLayout, base::StrCat("alerting/", static_cast<int>(kStateRowVersion)));
  const auto log = Open();
  ASSERT_EQ(*log->Announce("host-1"), 1);
  ASSERT_TRUE(log->Append(std::vector<store::Change>{{table::kFold, "inbox/0", "row"},
                                                     {table::kPosts, "p", std::nullopt}})
                  .ok());
  EXPECT_THAT(Records(),
              ::testing::ElementsAre("91/0/owner=\x03host-1", "91/1/inbox/0=\x03row", "91/2/p!"));
}

TEST_F(StateChangelogTest, TextsStayAtHome) {
  const auto log = Open();
  std::string alert, text;
  AppendTime(testing::At({}), alert);
  text = alert + kTextErasure + "p1";
  alert += kAlertErasure;
  alert += "i1-1";
  EXPECT_TRUE(log->Logs(table::kErasures, alert));
  EXPECT_FALSE(log->Logs(table::kErasures, text));
  EXPECT_FALSE(log->Logs(table::kTexts, "p1"));
  EXPECT_FALSE(log->Logs(table::kTextsRead, "texts/0"));
  EXPECT_FALSE(log->Logs(table::kTextMarks, "p1"));
  for (const store::TableId id : kFoldTables) EXPECT_TRUE(log->Logs(id, "any"));
  for (const store::TableId id :
       {table::kAlerts, table::kPending, table::kDeliveries, table::kShown}) {
    EXPECT_TRUE(log->Logs(id, "any")) << static_cast<int>(id);
  }
}

TEST_F(StateChangelogTest, WhatDoesNotFitIsRefusedWhole) {
  const auto log = Open();
  const std::string long_key(stream::WriteSet::kKeyBytesMax, 'k');
  const std::string long_value(stream::WriteSet::kValueBytesMax, 'v');
  using Changes = std::vector<store::Change>;
  EXPECT_TRUE(
      absl::IsInvalidArgument(log->Append(Changes{{1, "a", "1"}, {1, long_key, "1"}}).status()));
  EXPECT_TRUE(
      absl::IsInvalidArgument(log->Append(Changes{{1, "a", "1"}, {1, "b", long_value}}).status()));
  const std::string_view large(long_value.data(), long_value.size() - 1);
  const Changes many(stream::WriteSet::kBytesMax / large.size() + 1, {1, "c", large});
  EXPECT_TRUE(absl::IsInvalidArgument(log->Append(many).status())) << "and nothing is CHECKed";
  EXPECT_TRUE(Records().empty());
}

TEST_F(StateChangelogTest, WhatIsNotReadableIsNamedWithoutPersons) {
  const auto error = [](std::string_view key, std::string_view value) {
    const absl::Status status =
        ParseStateRecord("91", stream::Record{.key = key, .value = value, .offset = 7}).status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    return std::string(status.message());
  };
  EXPECT_THAT(error("91/2/post-1", "\x09row"), HasSubstr("\"91/2/post-1\" has a row of version 9"));
  EXPECT_THAT(error("91/2/post-1", ""), HasSubstr("version 0"));
  EXPECT_THAT(error("91/x/post-1", "\x03row"), HasSubstr("names no table"));
  EXPECT_THAT(error("91/255/post-1", "\x03row"), HasSubstr("record 7"));
  EXPECT_THAT(error("91/5", "\x03row"), HasSubstr("names no table"));
  EXPECT_THAT(error("nothing", "\x03row"), HasSubstr("names no desk"));
  EXPECT_THAT(error("91/5/i1.a1:secret", "\x09row"), Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace keng::alerting
