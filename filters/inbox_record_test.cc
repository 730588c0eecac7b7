#include "filters/inbox_record.h"

#include <random>

#include "base/strings.h"
#include "filters/sketch.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keng::filters {
namespace {

absl::StatusOr<InboxRecord> Parse(std::string json) {
  InboxParser parser;
  const size_t size = json.size();
  json.resize(size + 64);
  return parser.Parse(std::string_view(json).substr(0, size));
}

std::string Json(const InboxRecord& record) {
  std::string json;
  AppendInboxRecord(record, json);
  return json;
}

HitRecord FullHit() {
  HitRecord record;
  record.hit.post = "mastodon:1\"\\\n";
  record.hit.rule = "flood-street";
  record.hit.topic = "flooding";
  record.hit.cell = "30307";
  record.hit.place = "30307";
  record.hit.reason = RouteReason::kOldName;
  record.hit.spans = {{{3, 12}, "ngập nước", MarksEvidence::kPartial}, {{0, 1}, "", {}}};
  record.rule = {.title_vi = "Ngập đường",
                 .title_en = "Flooded street",
                 .severity = Severity::kCritical,
                 .status = RuleStatus::kTest,
                 .threshold_posts = 3,
                 .threshold_authors = 2,
                 .threshold_window = absl::Minutes(5),
                 .join_window = absl::Hours(2),
                 .reopen_window = absl::Hours(3),
                 .claim = "c",
                 .verdict = "v",
                 .answer_vi = "a",
                 .answer_en = "b",
                 .answer_url = "https://example.org/"};
  record.sketch = {{0, 1, 127, 128, 70000, 0xffffffff}, {7}, {9, 10}};
  record.author = "a1:0123";
  record.account = "acc";
  record.source = "src";
  record.url = "https://example.org/1";
  record.version = "2";
  record.rule_set = "abc";
  record.place_path = {"30307", "91"};
  record.created_at = absl::FromUnixMicros(-5);
  record.appended_at = absl::FromUnixMicros(1700000000123456);
  return record;
}

// A field that is written and not read, or the reverse, shows here: the JSON of what was read must
// be that of what was written, and each field that is set above changes it.
TEST(InboxRecordTest, RoundTrip) {
  const ActionRecord action{.id = "1",
                            .verb = ActionVerb::kReassign,
                            .incident = "i1",
                            .actor = "an",
                            .cell = "30310",
                            .topic = "flooding",
                            .until = absl::InfiniteFuture(),
                            .note = "đã xử lý"};
  const InboxRecord records[] = {FullHit(),
                                 EditRecord{"p", "2", {"a", "b"}},
                                 EditRecord{"p", "", {}},
                                 RetractionRecord{"p", "3"},
                                 action,
                                 TickRecord{absl::FromUnixMicros(17)},
                                 EpochRecord{4, "host"},
                                 SettingsRecord{12},
                                 SettingsRecord{12, 5}};
  for (const InboxRecord& record : records) {
    const std::string json = Json(record);
    const auto read = Parse(json);
    ASSERT_TRUE(read.ok()) << read.status() << json;
    EXPECT_EQ(read->index(), record.index());
    EXPECT_EQ(Json(*read), json);
  }
}

TEST(InboxRecordTest, HitIsReadAsWritten) {
  const HitRecord written = FullHit();
  const auto read = Parse(Json(written));
  ASSERT_TRUE(read.ok()) << read.status();
  const HitRecord& hit = std::get<HitRecord>(*read);
  EXPECT_EQ(hit.hit.post, written.hit.post);
  EXPECT_EQ(hit.hit.reason, written.hit.reason);
  ASSERT_EQ(hit.hit.spans.size(), 2);
  EXPECT_EQ(hit.hit.spans[0].span, written.hit.spans[0].span);
  EXPECT_EQ(hit.hit.spans[0].marks, written.hit.spans[0].marks);
  EXPECT_EQ(hit.rule.threshold_window, absl::Minutes(5));
  EXPECT_EQ(hit.rule.status, RuleStatus::kTest);
  EXPECT_EQ(hit.sketch.shingles, written.sketch.shingles);
  EXPECT_EQ(hit.sketch.names, written.sketch.names);
  EXPECT_EQ(hit.place_path, written.place_path);
  EXPECT_EQ(hit.created_at, written.created_at);
  EXPECT_EQ(hit.appended_at, written.appended_at);
}

TEST(InboxRecordTest, Refusals) {
  const struct {
    const char* json;
    absl::StatusCode code;
    const char* message;
  } cases[] = {
      {"", absl::StatusCode::kInvalidArgument, ""},
      {"[]", absl::StatusCode::kInvalidArgument, "object"},
      {"{}", absl::StatusCode::kInvalidArgument, "\"type\" is missing"},
      {R"({"type":"tick"})", absl::StatusCode::kInvalidArgument, "\"v\" is missing"},
      {R"({"type":"tick","v":1})", absl::StatusCode::kInvalidArgument, "\"now\" is missing"},
      {R"({"type":"tick","v":2,"now":1})", absl::StatusCode::kUnimplemented, "version 2"},
      {R"({"type":"bang","v":1,"now":1})", absl::StatusCode::kUnimplemented, "type"},
      {R"({"type":"tick","v":1,"now":"x"})", absl::StatusCode::kInvalidArgument, "\"now\""},
      {R"({"type":"tick","v":1,"now":1} {})", absl::StatusCode::kInvalidArgument, "follows"},
      {R"({"type":"tick","v":1,"now":1)", absl::StatusCode::kInvalidArgument, ""},
      {R"({"type":"hit","v":1,"post":"p"})", absl::StatusCode::kInvalidArgument, "\"rule\""},
      {R"({"type":"hit","v":1,"severity":9})", absl::StatusCode::kInvalidArgument, "\"severity\""},
      {R"({"type":"hit","v":1,"spans":[[1,2]]})", absl::StatusCode::kInvalidArgument, "\"spans\""},
      {R"({"type":"hit","v":1,"shingles":"!"})", absl::StatusCode::kInvalidArgument, "packed"},
      {R"({"type":"action","v":1,"id":"1","verb":"x"})", absl::StatusCode::kUnimplemented, "verb"},
  };
  for (const auto& c : cases) {
    const auto record = Parse(c.json);
    EXPECT_EQ(record.status().code(), c.code) << c.json;
    EXPECT_THAT(std::string(record.status().message()), testing::HasSubstr(c.message)) << c.json;
  }
}

// A key over what the state's streams take would stop the fold at this record for ever.
TEST(InboxRecordTest, LongNamesAreRefused) {
  const std::string fits(kInboxNameBytesMax, 'x'), over(kInboxNameBytesMax + 1, 'x');
  HitRecord hit = FullHit();
  hit.hit.post = hit.hit.rule = hit.hit.topic = hit.hit.cell = hit.hit.place = hit.author = fits;
  EXPECT_TRUE(Parse(Json(hit)).ok());
  HitRecord author = hit;
  author.author = over;
  EXPECT_EQ(Parse(Json(author)).status().code(), absl::StatusCode::kInvalidArgument);
  for (std::string Hit::*field : {&Hit::post, &Hit::rule, &Hit::topic, &Hit::cell, &Hit::place}) {
    HitRecord wrong = hit;
    wrong.hit.*field = over;
    EXPECT_EQ(Parse(Json(wrong)).status().code(), absl::StatusCode::kInvalidArgument);
  }
  for (const InboxRecord& wrong : {
           InboxRecord(EditRecord{.post = over}),
           InboxRecord(EditRecord{.post = "p", .rules = {"r", over}}),
           InboxRecord(RetractionRecord{.post = over}),
           InboxRecord(ActionRecord{.id = over}),
           InboxRecord(ActionRecord{.id = "a", .incident = over}),
           InboxRecord(ActionRecord{.id = "a", .cell = over}),
           InboxRecord(ActionRecord{.id = "a", .topic = over}),
       }) {
    EXPECT_EQ(Parse(Json(wrong)).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(InboxRecordTest, UnknownFieldsAreIgnored) {
  const auto record = Parse(R"({"type":"tick","v":1,"new":{"a":[1]},"now":5,"other":null})");
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_EQ(std::get<TickRecord>(*record).now, absl::FromUnixMicros(5));
}

TEST(InboxRecordTest, ActionVerbNames) {
  for (int i = 0; i <= static_cast<int>(ActionVerb::kReplay); ++i) {
    const ActionVerb verb = static_cast<ActionVerb>(i);
    EXPECT_EQ(ActionVerbByName(ActionVerbName(verb)), verb);
  }
  EXPECT_EQ(ActionVerbByName(""), std::nullopt);
}

TEST(PackedHashesTest, RoundTripOfRandomSets) {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<uint32_t> hashes(random() % 50);
    for (uint32_t& hash : hashes) hash = random() >> random() % 32;
    std::sort(hashes.begin(), hashes.end());
    hashes.erase(std::unique(hashes.begin(), hashes.end()), hashes.end());
    std::string text;
    AppendPackedHashes(hashes, text);
    std::vector<uint32_t> read;
    ASSERT_TRUE(ParsePackedHashes(text, 50, read).ok());
    EXPECT_EQ(read, hashes);
    if (!hashes.empty()) {
      EXPECT_FALSE(ParsePackedHashes(text, hashes.size() - 1, read).ok());
    }
  }
}

// Every text has one meaning or none: what is accepted packs to the same text again.
TEST(PackedHashesTest, NoTwoTextsMeanTheSame) {
  std::mt19937 random(2);
  const std::string_view digits = "ABCDgh/9-_";
  int accepted = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string text(random() % 6, 'A');
    for (char& digit : text) digit = digits[random() % digits.size()];
    std::vector<uint32_t> hashes;
    if (!ParsePackedHashes(text, 100, hashes).ok()) continue;
    ++accepted;
    for (size_t i = 1; i < hashes.size(); ++i) EXPECT_LT(hashes[i - 1], hashes[i]);
  }
  EXPECT_GT(accepted, 100);
}

}  // namespace
}  // namespace keng::filters
