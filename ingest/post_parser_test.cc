#include "ingest/post_parser.h"

#include <gtest/gtest.h>

#include "absl/time/clock.h"

#include <cstdlib>
#include <fstream>
#include <random>
#include <sstream>
#include <string>

#include "base/strings.h"
#include "ingest/post_writer.h"
#include "ingest/rfc3339.h"

namespace keng::ingest {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'789'351'866);  // 2026-09-14

// Keeps the padded text of a post alive.
class Parsed {
 public:
  explicit Parsed(std::string_view json, PostParser::Mode mode = PostParser::Mode::kInput)
      : padded_(json) {
    const size_t size = padded_.size();
    padded_.append(PostParser::kPadding, '\xff');
    reason = parser_.Parse(std::string_view(padded_).substr(0, size), mode, kNow, post);
    field = parser_.failed_field();
  }
  DropReason reason;
  std::string_view field;
  Post post;

 private:
  std::string padded_;
  PostParser parser_;
};

std::string With(std::string_view extra) {
  return base::StrCat(R"({"id":"x:1","source":"x:a","text":"nước lên","created_at":)",
                      R"("2026-09-14T02:05:11.482Z")", extra, "}");
}

TEST(PostParser, ReadsEveryField) {
  Parsed parsed(
      R"({"id":"mastodon:m.example:1","kind":"comment","source":"mastodon:m.example",)"
      R"("url":"https://m.example/1","author":"42","account":"mastodon:group:9","lang":"vi",)"
      R"("text":"Ngập \"lút\" bánh\nở ấp Bình\u0020Phú \ud83d\ude2d","reply_to":"mastodon:m.example:0",)"
      R"("version":"0007","created_at":"2026-09-14T09:05:11.482123456+07:00",)"
      R"("edited_at":"2026-09-14T09:20:00+0700","reach":{"likes":0,"shares":12,"replies":null,"x":[1]},)"
      R"("media":[{"type":"image","alt":"}{"}],"name":"Nobody","edit":true})");
  ASSERT_EQ(parsed.reason, DropReason::kNone);
  const Post& post = parsed.post;
  EXPECT_EQ(post.kind, PostKind::kComment);
  EXPECT_EQ(post.id, "mastodon:m.example:1");
  EXPECT_EQ(post.url, "https://m.example/1");
  EXPECT_EQ(post.author, "42");
  EXPECT_EQ(post.account, "mastodon:group:9");
  EXPECT_EQ(post.text, "Ngập \"lút\" bánh\nở ấp Bình Phú 😭");
  EXPECT_EQ(post.reply_to, "mastodon:m.example:0");
  EXPECT_EQ(post.version, "0007");
  EXPECT_EQ(absl::ToUnixMillis(post.created_at), 1789351511482);
  EXPECT_EQ(absl::ToUnixMillis(post.edited_at), 1789352400000);
  EXPECT_EQ(post.reach.likes, 0);
  EXPECT_EQ(post.reach.shares, 12);
  EXPECT_EQ(post.reach.replies, std::nullopt);
  EXPECT_EQ(post.reach.views, std::nullopt);
  EXPECT_FALSE(post.edit) << "a producer must not set our own field";
}

struct Case {
  std::string json;
  DropReason reason;
  std::string_view field = "";
};

const std::vector<Case>& Cases() {
  static const auto* const cases = new std::vector<Case>{
      {With(""), DropReason::kNone},
      {With(R"(,"kind":"post")"), DropReason::kNone},
      {base::StrCat("  ", With(""), " \r"), DropReason::kNone},
      {With(R"(,"url":null,"lang":null,"reach":null,"edited_at":null,"media":null)"),
       DropReason::kNone},
      {With(R"(,"unknown":{"a":[1,-2.5e+3,true,null,"\u00e9",{}]})"), DropReason::kNone},
      {R"({"id":"x:1","source":"x","kind":"delete"})", DropReason::kNone},
      {R"({"id":"x:1","source":"x","kind":"delete","deleted_at":"2026-09-14T03:00:00Z"})",
       DropReason::kNone},
      {R"({"id":"x:a","source":"x","kind":"delete","scope":"author","author":"7"})",
       DropReason::kNone},
      {R"({"\u0069d":"x:1","source":"x","kind":"delete"})", DropReason::kNone},
      // The whole line.
      {"", DropReason::kJsonSyntax},
      {"  ", DropReason::kJsonSyntax},
      {"nước", DropReason::kJsonSyntax},
      {"[]", DropReason::kJsonSyntax},
      {"17", DropReason::kJsonSyntax},
      {R"("text")", DropReason::kJsonSyntax},
      {"{", DropReason::kJsonSyntax},
      {R"({"id":"x:1","source":"x","kind":"delete")", DropReason::kJsonSyntax},
      {R"({"id":"x:1","source":"x","kind":"delete"}})", DropReason::kJsonSyntax},
      {R"({"id":"x:1","source":"x","kind":"delete"}{"id":"x:2"})", DropReason::kJsonSyntax},
      {R"({"id":"x:1","source":"x","kind":"delete",})", DropReason::kJsonSyntax},
      {R"({"id":"x:1","source":"x" "kind":"delete"})", DropReason::kJsonSyntax},
      {R"({"id":"x:1","source":"x","kind":"delete","more":nope})", DropReason::kJsonSyntax},
      {R"({"id":"x:1","source":"x","kind":"delete","more":"a":1})", DropReason::kJsonSyntax},
      {R"({"id":"x:1":1,"source":"x","kind":"delete"})", DropReason::kJsonSyntax},
      {R"({"id":"x:1","source":"x","kind":"delete","more":1:1})", DropReason::kJsonSyntax},
      {R"({"id":"x:1","source":"x","kind":"delete","more":["a":1]})", DropReason::kJsonSyntax},
      {R"({"id":"x:1","source":"x","kind":"delete","more":[1,]})", DropReason::kJsonSyntax},
      {R"({"id":"x:1","source":"x","kind":"delete","more":01})", DropReason::kJsonSyntax},
      {R"({"id":"x:1","source":"x","kind":"delete","more":{"a" 1}})", DropReason::kJsonSyntax},
      {R"({"id":"x:1","source":"x","kind":"delete","more":[)" + std::string(200, '[') +
           std::string(200, ']') + "]}",
       DropReason::kJsonSyntax},
      {With(R"(,"url":"a)"
            "\x01"
            R"(b")"),
       DropReason::kJsonSyntax},
      {With(R"(,"url":"\x41")"), DropReason::kJsonSyntax, "url"},
      {With(R"(,"url":"\u12g4")"), DropReason::kJsonSyntax, "url"},
      {std::string(kLineBytesMax + 1, ' '), DropReason::kTooLong},
      // Unicode.
      {With(",\"url\":\"\xff\""), DropReason::kUnicode},
      {With(",\"url\":\"\xed\xa0\x80\""), DropReason::kUnicode},
      {With(R"(,"url":"\ud800")"), DropReason::kUnicode, "url"},
      {With(R"(,"url":"\ud800x")"), DropReason::kUnicode, "url"},
      {With(R"(,"url":"\udc00")"), DropReason::kUnicode, "url"},
      {With(R"(,"url":"\ud800\ud800")"), DropReason::kUnicode, "url"},
      {With(R"(,"url":"a\u0000b")"), DropReason::kUnicode, "url"},
      {With(R"(,"more":"\udfff")"), DropReason::kUnicode},
      // Lengths.
      {base::StrCat(R"({"id":"x:1","source":"x","created_at":"2026-09-14T02:05:11Z","text":")",
                    std::string(kTextBytesMax, 'a'), "\"}"),
       DropReason::kNone},
      {base::StrCat(R"({"id":"x:1","source":"x","created_at":"2026-09-14T02:05:11Z","text":")",
                    std::string(kTextBytesMax + 1, 'a'), "\"}"),
       DropReason::kTooLong, "text"},
      {base::StrCat(R"({"source":"x","kind":"delete","id":")", std::string(513, 'a'), "\"}"),
       DropReason::kBadValue, "id"},
      {R"({"source":"x","kind":"delete","id":""})", DropReason::kBadValue, "id"},
      // Missing.
      {"{}", DropReason::kMissingField, "id"},
      {R"({"id":"x:1","kind":"delete"})", DropReason::kMissingField, "source"},
      {R"({"id":"x:1","source":"x","created_at":"2026-09-14T02:05:11Z"})",
       DropReason::kMissingField, "text"},
      {R"({"id":"x:1","source":"x","text":"a"})", DropReason::kMissingField, "created_at"},
      {R"({"id":"x:1","source":"x","kind":"delete","scope":"author","author":null})",
       DropReason::kMissingField, "author"},
      // Types.
      {R"({"id":17,"source":"x","kind":"delete"})", DropReason::kWrongType, "id"},
      {R"({"id":null,"source":"x","kind":"delete"})", DropReason::kWrongType, "id"},
      {R"({"id":"x:1","source":["x"],"kind":"delete"})", DropReason::kWrongType, "source"},
      {With(R"(,"url":{})"), DropReason::kWrongType, "url"},
      {With(R"(,"reach":3)"), DropReason::kWrongType, "reach"},
      {With(R"(,"reach":{"likes":"3"})"), DropReason::kWrongType, "reach"},
      {With(R"(,"reach":{"likes":3.5})"), DropReason::kWrongType, "reach"},
      {With(R"(,"media":{})"), DropReason::kWrongType, "media"},
      {With(R"(,"edit":1)"), DropReason::kWrongType, "edit"},
      {With(R"(,"edited_at":1789351866)"), DropReason::kWrongType, "edited_at"},
      // Values.
      {With(R"(,"kind":"article")"), DropReason::kBadValue, "kind"},
      {With(R"(,"scope":"author")"), DropReason::kBadValue, "scope"},
      {With(R"(,"reach":{"likes":-1})"), DropReason::kBadValue, "reach"},
      {With(R"(,"reach":{"likes":99999999999999999999999})"), DropReason::kBadValue, "reach"},
      {With(R"(,"edited_at":"yesterday")"), DropReason::kBadValue, "edited_at"},
      // Duplicates.
      {R"({"id":"x:1","id":"x:2","source":"x","kind":"delete"})", DropReason::kDuplicateKey, "id"},
      {R"({"id":"x:1","\u0069\u0064":"x:2","source":"x","kind":"delete"})",
       DropReason::kDuplicateKey, "id"},
      {With(R"(,"url":null,"url":"https://m.example")"), DropReason::kDuplicateKey, "url"},
      {With(R"(,"reach":{"likes":1,"likes":2})"), DropReason::kDuplicateKey, "reach"},
      // Time.
      {R"({"id":"x:1","source":"x","text":"a","created_at":"1989-12-31T23:59:59Z"})",
       DropReason::kAbsurdTime, "created_at"},
      {R"({"id":"x:1","source":"x","text":"a","created_at":"2026-09-15T02:11:06Z"})",
       DropReason::kNone},
      {R"({"id":"x:1","source":"x","text":"a","created_at":"2026-09-15T02:11:07Z"})",
       DropReason::kAbsurdTime, "created_at"},
      {R"({"id":"x:1","source":"x","kind":"delete","deleted_at":"2027-01-01T00:00:00Z"})",
       DropReason::kAbsurdTime, "deleted_at"},
  };
  return *cases;
}

TEST(PostParser, SaysWhyALineIsNoPost) {
  for (const Case& test : Cases()) {
    Parsed parsed(test.json);
    EXPECT_EQ(DropReasonName(parsed.reason), DropReasonName(test.reason))
        << test.json.substr(0, 200);
    EXPECT_EQ(parsed.field, test.field) << test.json.substr(0, 200);
  }
}

TEST(PostParser, ABadLineLeavesTheNextUnharmed) {
  PostParser parser;
  Post post;
  for (const Case& test : Cases()) {
    std::string bad = test.json + std::string(PostParser::kPadding, '"');
    parser.Parse(std::string_view(bad).substr(0, test.json.size()), PostParser::Mode::kInput, kNow,
                 post);
    std::string good = With("") + std::string(PostParser::kPadding, '{');
    ASSERT_EQ(parser.Parse(std::string_view(good).substr(0, good.size() - PostParser::kPadding),
                           PostParser::Mode::kInput, kNow, post),
              DropReason::kNone)
        << test.json.substr(0, 200);
    EXPECT_EQ(post.text, "nước lên");
    EXPECT_EQ(post.url, "") << "left over from the line before";
  }
}

TEST(PostParser, ToolModeAsksForIdAndTextOnly) {
  EXPECT_EQ(Parsed(R"({"id":"1","text":"a","label":2})", PostParser::Mode::kTool).reason,
            DropReason::kNone);
  EXPECT_EQ(Parsed(R"({"id":"1"})", PostParser::Mode::kTool).reason, DropReason::kMissingField);
  EXPECT_EQ(Parsed(R"({"text":"a"})", PostParser::Mode::kTool).reason, DropReason::kMissingField);
}

TEST(PostWriter, StoredFormIsReadBackAndCarriesOnlyTheSchema) {
  Parsed in(With(
      R"(,"kind":"comment","url":"https://m/1","author":"a1:00","account":"x:p:1","lang":"vi",)"
      R"("reply_to":"x:0","version":"v\"2","edited_at":"2026-09-14T03:00:00.0009+07:00",)"
      R"("reach":{"likes":1,"views":0},"display_name":"PLANTED","media":[{"alt":"PLANTED"}])"));
  ASSERT_EQ(in.reason, DropReason::kNone);
  in.post.edit = true;
  std::string stored;
  AppendPostJson(in.post, stored);
  EXPECT_EQ(stored.find("PLANTED"), std::string::npos);
  EXPECT_EQ(stored,
            R"({"id":"x:1","kind":"comment","source":"x:a","url":"https://m/1","author":"a1:00",)"
            R"("account":"x:p:1","text":"nước lên","lang":"vi","reply_to":"x:0","version":"v\"2",)"
            R"("created_at":"2026-09-14T02:05:11.482Z","edited_at":"2026-09-13T20:00:00.000Z",)"
            R"("edit":true,"reach":{"likes":1,"views":0}})");
  Parsed out(stored, PostParser::Mode::kStored);
  ASSERT_EQ(out.reason, DropReason::kNone);
  EXPECT_TRUE(out.post.edit);
  std::string again;
  AppendPostJson(out.post, again);
  EXPECT_EQ(again, stored);
}

TEST(PostWriter, DeletionHasNoText) {
  Parsed in(R"({"id":"x:1","source":"x","kind":"delete","text":"gone",)"
            R"("deleted_at":"2026-09-14T03:00:00Z"})");
  ASSERT_EQ(in.reason, DropReason::kNone);
  std::string stored;
  AppendPostJson(in.post, stored);
  EXPECT_EQ(stored,
            R"({"id":"x:1","kind":"delete","source":"x","deleted_at":"2026-09-14T03:00:00.000Z"})");
}

TEST(Rfc3339, AcceptsAndRefuses) {
  const std::pair<const char*, int64_t> good[] = {
      {"1970-01-01T00:00:00Z", 0},
      {"2000-02-29T00:00:00z", 951782400000},
      {"2026-11-24 05:06:07.5Z", 1795496767500},
      {"2026-11-24T12:06:07.123456789+07:00", 1795496767123},
      {"2026-11-24T12:06:07+0700", 1795496767000},
      {"2026-11-23T21:36:07-07:30", 1795496767000},
      {"2016-12-31T23:59:60Z", 1483228800000},
      {"1969-12-31T23:59:59.999Z", -1}};
  for (const auto& [text, milliseconds] : good) {
    const auto time = ParseRfc3339(text);
    ASSERT_TRUE(time.has_value()) << text;
    EXPECT_EQ(absl::ToUnixMillis(*time), milliseconds) << text;
  }
  for (const char* bad :
       {"", "2026", "2026-11-24", "2026-11-24T05:06:07", "2026-11-24T05:06Z",
        "2026-13-24T05:06:07Z", "2026-02-29T05:06:07Z", "2026-04-31T05:06:07Z",
        "2026-11-24T24:06:07Z", "2026-11-24T05:60:07Z", "2026-11-24T05:06:61Z",
        "2026-11-24T05:06:07.Z", "2026-11-24T05:06:07.1234567890Z", "2026-11-24T05:06:07+7",
        "2026-11-24T05:06:07+07:0", "2026-11-24T05:06:07+24:00", "2026-11-24T05:06:07Zx",
        "2O26-11-24T05:06:07Z", "2026/11/24T05:06:07Z"})
    EXPECT_FALSE(ParseRfc3339(bad).has_value()) << bad;
}

// One byte of a canonical time changed, again and again, and the date from time to time.
TEST(Rfc3339, TheReaderSaysWhatTheParserSays) {
  std::mt19937 random(1);
  Rfc3339Reader reader;
  std::string text = "2026-11-24T05:06:07.089Z";
  constexpr std::string_view kBytes = "0123456789-T:.Z+ ";
  int parsed = 0;
  for (int i = 0; i < 50'000; ++i) {
    std::string changed = text;
    for (uint32_t n = random() % 3; n > 0; --n) {
      changed[random() % changed.size()] = kBytes[random() % kBytes.size()];
    }
    const auto time = ParseRfc3339(changed);
    ASSERT_EQ(reader.Parse(changed), time) << changed;
    if (!time.has_value()) continue;
    ++parsed;
    if (random() % 8 == 0 && changed.back() == 'Z') text = changed;
  }
  EXPECT_GT(parsed, 10'000);
  EXPECT_EQ(reader.Parse("2016-12-31T23:59:60.000Z"), absl::FromUnixSeconds(1483228800));
  EXPECT_EQ(reader.Parse("2016-12-31T23:59:60.000Z"), absl::FromUnixSeconds(1483228800));
}

TEST(Rfc3339, WritesWhatAbslWrites) {
  for (int64_t milliseconds :
       {int64_t{0}, int64_t{-1}, int64_t{951782399999}, int64_t{951868800001},
        int64_t{1795496767089}, int64_t{4102444799999}, int64_t{253402300799999}}) {
    std::string text;
    const absl::Time time = absl::FromUnixMillis(milliseconds);
    AppendRfc3339(time, text);
    EXPECT_EQ(text, absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone()));
  }
}

// The published schema and the parser must name the same fields.
TEST(PostSchema, NamesTheParsersFields) {
  std::ifstream file(std::string(KENG_SOURCE_DIR) + "/ingest/post.schema.json");
  std::stringstream text;
  text << file.rdbuf();
  const std::string schema = text.str();
  const size_t properties = schema.find("\"properties\"");
  ASSERT_NE(properties, std::string::npos);
  for (std::string_view field : kPostFields)
    EXPECT_NE(schema.find(base::StrCat("    \"", field, "\": {"), properties), std::string::npos)
        << field;
}

// ParseBrief says of every canonical post what Parse says, and no to everything else.
TEST(PostParserBrief, AgreesWithParseOnCanonicalPosts) {
  const std::string_view texts[] = {"", "ngập tới gối", "a \"quote\" and \\ and\nlines\t",
                                    "chữ đậm 😭 {\"text\":\"x\"}"};
  PostParser full;
  PostParser brief_parser;
  for (const std::string_view text : texts) {
    for (const bool edit : {false, true}) {
      for (const PostKind kind : {PostKind::kPost, PostKind::kComment, PostKind::kDelete}) {
        Post post;
        post.kind = kind;
        post.edit = edit;
        post.id = "x:1";
        post.source = "x \"kind\":\"delete\"";
        post.url = "https://x.example/text";
        post.text = kind == PostKind::kDelete ? "" : text;
        post.created_at = absl::FromUnixMillis(1'789'351'866'123);
        post.reach.likes = 3;
        std::string json;
        AppendPostJson(post, json);
        const size_t size = json.size();
        json.resize(size + PostParser::kPadding);
        const std::string_view line = std::string_view(json).substr(0, size);
        Post parsed;
        ASSERT_EQ(full.Parse(line, PostParser::Mode::kStored, absl::Now(), parsed),
                  DropReason::kNone)
            << json;
        PostParser::Brief brief;
        ASSERT_EQ(brief_parser.ParseBrief(line, brief), kind != PostKind::kDelete) << json;
        if (kind == PostKind::kDelete) continue;
        EXPECT_EQ(brief.kind, parsed.kind);
        EXPECT_EQ(brief.edit, parsed.edit);
        EXPECT_EQ(brief.text, parsed.text);
        EXPECT_EQ(brief.created_at, parsed.created_at);
      }
    }
  }
  for (const std::string_view bad :
       {"", "{", "[]", "{\"id\":\"a\"}", "{\"kind\":\"post\",\"text\":5}",
        "{\"kind\":\"post\",\"text\":\"x\",\"created_at\":\"soon\"}"}) {
    std::string json(bad);
    json.resize(bad.size() + PostParser::kPadding);
    PostParser::Brief brief;
    EXPECT_FALSE(brief_parser.ParseBrief(std::string_view(json).substr(0, bad.size()), brief))
        << bad;
  }
}

}  // namespace
}  // namespace keng::ingest
