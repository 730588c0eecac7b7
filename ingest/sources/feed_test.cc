#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "ingest/sources/feed_parser.h"
#include "ingest/sources/rss_source.h"
#include "ingest/testing/ingest_rig.h"
#include "net/testing/scripted_http_server.h"

namespace keng::ingest {
namespace {

using testing::HasSubstr;

constexpr char kRss[] = R"(<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0"><channel><title>Tin</title><language>vi</language><ttl>30</ttl>
<item><guid isPermaLink="false">g-1</guid><link>https://news.example/1</link>
<title>Ngập &amp; kẹt xe</title><description>&lt;p&gt;Hẻm 12&lt;br/&gt;ngập &lt;b&gt;tới gối&lt;/b&gt;&lt;/p&gt;</description>
<pubDate>Mon, 14 Sep 2026 09:00:00 +0700</pubDate></item>
<item><link>https://news.example/2</link><title>Hai</title></item>
<item><description>chỉ có chữ</description></item>
<item><guid>https://news.example/4</guid><title></title></item>
</channel></rss>)";

constexpr char kAtom[] = R"(<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="vi">
<entry><id>urn:1</id><title type="html">Cầu &lt;i&gt;gãy&lt;/i&gt;</title>
<link rel="self" href="https://news.example/self"/><link href="https://news.example/a1"/>
<published>2026-09-14T02:00:00Z</published><updated>2026-09-14T03:00:00Z</updated>
<content type="xhtml"><div>Cầu sắt<p>gãy lan can</p></div></content></entry></feed>)";

TEST(ParseFeed, ReadsRss) {
  const auto feed = ParseFeed(kRss);
  ASSERT_TRUE(feed.ok()) << feed.status();
  EXPECT_EQ(feed->lang, "vi");
  EXPECT_EQ(feed->ttl, absl::Minutes(30));
  ASSERT_EQ(feed->items.size(), 3u) << "an item with neither title nor text is none";
  EXPECT_EQ(feed->items[0].id, "g-1");
  EXPECT_EQ(feed->items[0].url, "https://news.example/1");
  EXPECT_EQ(feed->items[0].title, "Ngập & kẹt xe");
  EXPECT_EQ(feed->items[0].text, "Hẻm 12\nngập tới gối");
  EXPECT_EQ(feed->items[0].published, absl::FromUnixSeconds(1'789'351'200));
  EXPECT_EQ(FeedItemIdentity(feed->items[1]), "https://news.example/2")
      << "the link stands for a missing guid";
  EXPECT_THAT(FeedItemIdentity(feed->items[2]), testing::StartsWith("sha256:"));
}

TEST(ParseFeed, ReadsAtom) {
  const auto feed = ParseFeed(kAtom);
  ASSERT_TRUE(feed.ok()) << feed.status();
  ASSERT_EQ(feed->items.size(), 1u);
  EXPECT_EQ(feed->items[0].title, "Cầu gãy");
  EXPECT_EQ(feed->items[0].url, "https://news.example/a1");
  EXPECT_EQ(feed->items[0].text, "Cầu sắt\ngãy lan can");
  EXPECT_EQ(feed->items[0].updated, feed->items[0].published.value() + absl::Hours(1));
}

TEST(ParseFeed, ReadsUtf16) {
  std::string wide = "\xFF\xFE";
  for (const char c :
       std::string("<rss><channel><item><title>abc</title></item></channel></rss>")) {
    wide.push_back(c);
    wide.push_back('\0');
  }
  const auto feed = ParseFeed(wide);
  ASSERT_TRUE(feed.ok()) << feed.status();
  EXPECT_EQ(feed->items.at(0).title, "abc");
}

TEST(ParseFeed, RefusesWhatIsMeantToHurt) {
  std::string deep = "<rss><channel>";
  for (int i = 0; i < 100'000; ++i) deep += "<a>";
  struct Case {
    std::string feed;
    const char* reason;
  };
  const Case cases[] = {
      {"<!DOCTYPE x [<!ENTITY a \"b\">]><rss><channel/></rss>", "internal subset"},
      {"<!DOCTYPE x [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><rss>&a;</rss>", "internal subset"},
      {deep, "nested deeper"},
      {std::string(kFeedBytesMax + 1, ' '), "bytes"},
      {"<html><body>no feed</body></html>", "expected rss"},
      {"not xml at all", "not XML"},
      {"", "not XML"},
  };
  for (const Case& c : cases) {
    EXPECT_THAT(std::string(ParseFeed(c.feed).status().message()), HasSubstr(c.reason))
        << c.feed.substr(0, 60);
  }
  EXPECT_TRUE(
      ParseFeed(
          "<!DOCTYPE rss PUBLIC \"-//N//DTD 0.91//EN\" \"http://x/rss.dtd\"><rss><channel/></rss>")
          .ok())
      << "an external DOCTYPE is harmless: nothing is loaded";
  EXPECT_EQ(
      ParseFeed("<rss><channel><item><title>a\x01 b</title></item></channel></rss>")->items.size(),
      1u)
      << "control characters are taken out";
}

TEST(HtmlToText, Table) {
  const std::pair<const char*, const char*> cases[] = {
      {"a<br>b", "a\nb"},
      {"<p>một</p><p>hai</p>", "một\nhai"},
      {"5 &lt; 6 &amp;&#x1F600;", "5 < 6 &\xF0\x9F\x98\x80"},
      {"5 < 6", "5 < 6"},
      {"<script>alert(1)</script>x<style>p{}</style>y", "xy"},
      {"a &unknown; b", "a &unknown; b"},
      {"&#0;", "\xEF\xBF\xBD"},
      {"  nhiều \n\n  khoảng  ", "nhiều\nkhoảng"},
      {"<a href=\"x>y\">chữ", "y\">chữ"},
      {"<!-- <b>ẩn</b> -->hiện", "hiện"},
  };
  for (const auto& [html, text] : cases) EXPECT_EQ(HtmlToText(html), text) << html;
}

TEST(ParseFeedDate, Table) {
  const absl::Time nine = absl::FromUnixSeconds(1'789'351'200);  // 2026-09-14 09:00 +07:00
  const std::pair<const char*, std::optional<absl::Time>> cases[] = {
      {"Mon, 14 Sep 2026 09:00:00 +0700", nine},
      {"14 Sep 2026 02:00:00 GMT", nine},
      {"Mon, 14 Sep 26 02:00:00 GMT", nine},
      {"2026-09-14T02:00:00Z", nine},
      {"2026-09-14T09:00:00+07:00", nine},
      {"2026-09-14 09:00:00", nine},
      {"14/09/2026 09:00", nine},
      {"Mon, 14 Sep 2026 09:00:00 GMT+7", nine},
      {"2026-09-14", nine - absl::Hours(9)},
      {"yesterday", std::nullopt},
      {"", std::nullopt},
      {"32 Sep 2026 09:00:00 +0700", std::nullopt},
  };
  for (const auto& [text, time] : cases) EXPECT_EQ(ParseFeedDate(text), time) << text;
}

class RssSourceTest : public testing::Test {
 protected:
  void Open() {
    source_.reset();
    RssSourceOptions options;
    options.url = server_.url() + "/feed.xml";
    options.account = "rss:page:tin";
    options.addresses = net::AddressPolicy::kAny;
    auto source = MakeRssSource(options, rig_.OpenSource("press"), rig_.clock, rig_.metrics.get());
    ASSERT_TRUE(source.ok()) << source.status();
    source_ = *std::move(source);
  }
  static net::ScriptedAnswer Answer(int status, std::string body,
                                    std::vector<std::pair<std::string, std::string>> headers = {}) {
    return {.status = status, .headers = std::move(headers), .body = std::move(body)};
  }
  int64_t RunOnce() {
    const auto lines = source_->RunOnce();
    EXPECT_TRUE(lines.ok()) << lines.status();
    return lines.value_or(-1);
  }

  net::ScriptedHttpServer server_;
  IngestRig rig_;
  std::unique_ptr<Source> source_;
};

TEST_F(RssSourceTest, PollsConditionallyAndKnowsWhatItHasSeen) {
  server_.Then(
      Answer(200, kRss, {{"ETag", "W/\"1\""}, {"Last-Modified", "Mon, 14 Sep 2026 02:00:00 GMT"}}));
  server_.Then(Answer(304, ""));
  std::string changed = kRss;
  changed.replace(changed.find("tới gối"), std::string("tới gối").size(), "tới bụng");
  server_.Then(Answer(200, changed));
  Open();
  EXPECT_EQ(RunOnce(), 3);
  EXPECT_EQ(rig_.Records(stream::StreamId::kPosts).size(), 3u);
  Open();
  EXPECT_EQ(RunOnce(), 0) << "the next poll is not due, also after a restart";
  EXPECT_EQ(server_.requests().size(), 1u);
  rig_.clock.Advance(absl::Minutes(31));
  EXPECT_EQ(RunOnce(), 0);
  EXPECT_EQ(server_.requests().at(1).Header("if-none-match"), "W/\"1\"");
  EXPECT_EQ(server_.requests().at(1).Header("if-modified-since"), "Mon, 14 Sep 2026 02:00:00 GMT");
  rig_.clock.Advance(absl::Minutes(31));
  EXPECT_EQ(RunOnce(), 3);
  const auto records = rig_.Records(stream::StreamId::kPosts);
  ASSERT_EQ(records.size(), 4u) << "two items are unchanged, one is an edit";
  int edits = 0;
  for (const auto& [key, value] : records) {
    EXPECT_THAT(key, testing::StartsWith("rss:127.0.0.1:"));
    EXPECT_THAT(value, HasSubstr("rss:page:tin"));
    edits += value.find("\"edit\":true") != std::string::npos ? 1 : 0;
  }
  EXPECT_EQ(edits, 1);
  EXPECT_EQ(server_.unused(), 0u);
}

TEST_F(RssSourceTest, FailuresWaitAndAreNeverFatal) {
  server_.Then(Answer(503, "", {{"Retry-After", "7200"}}));
  server_.Then(Answer(200, "<html>maintenance</html>"));
  server_.Then(Answer(200, kAtom));
  server_.Then(Answer(410, ""));
  Open();
  EXPECT_EQ(RunOnce(), 0);
  rig_.clock.Advance(absl::Hours(1));
  EXPECT_EQ(RunOnce(), 0);
  EXPECT_EQ(server_.requests().size(), 1u) << "Retry-After is a minimum";
  rig_.clock.Advance(absl::Hours(2));
  EXPECT_EQ(RunOnce(), 0) << "no feed";
  EXPECT_EQ(server_.requests().size(), 2u);
  rig_.clock.Advance(absl::Hours(2));
  EXPECT_EQ(RunOnce(), 1);
  rig_.clock.Advance(absl::Hours(2));
  EXPECT_FALSE(source_->finished());
  EXPECT_EQ(RunOnce(), 0);
  EXPECT_TRUE(source_->finished()) << "410: the feed is gone";
  EXPECT_EQ(server_.unused(), 0u);
}

}  // namespace
}  // namespace keng::ingest
