#include "ingest/sources/http_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <zlib.h>
#include <zstd.h>

#include <fstream>
#include <string>

#include "ingest/testing/ingest_rig.h"
#include "net/http_client.h"

namespace keng::ingest {
namespace {

using stream::StreamId;
using testing::HasSubstr;

constexpr char kToken[] = "0123456789abcdef-token";

std::string Gzip(const std::string& text) {
  z_stream stream{};
  KENG_CHECK(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(compressBound(text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  KENG_CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string Zstd(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  const size_t size = ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3);
  KENG_CHECK(!ZSTD_isError(size));
  out.resize(size);
  return out;
}

// The source on a free port, with a client.
class Push {
 public:
  explicit Push(IngestRig& rig) : rig_(rig) {
    const std::string tokens = rig.path("tokens");
    std::ofstream(tokens) << "# who\nward " << kToken << "\n";
    ::chmod(tokens.c_str(), 0600);
    HttpSourceOptions options;
    options.port = 0;
    options.tokens_file = tokens;
    options.body_bytes_max = 1 << 20;
    options.lines_max = 5;
    source = *MakeHttpSource(options, rig.OpenSource("push"), rig.metrics.get());
    net::HttpClientOptions client;
    client.addresses = net::AddressPolicy::kAny;
    client_ = *net::HttpClient::Make(client, nullptr);
  }

  net::HttpResult Post(std::string body, std::string type,
                       std::vector<std::pair<std::string, std::string>> more = {},
                       std::string token = kToken) {
    net::HttpRequest request;
    request.method = net::HttpMethod::kPost;
    request.url = base::StrCat("http://127.0.0.1:", source->port(), "/v1/posts");
    request.headers = std::move(more);
    request.headers.emplace_back("Content-Type", std::move(type));
    if (!token.empty()) request.headers.emplace_back("Authorization", "Bearer " + token);
    request.body = std::move(body);
    return client_->Send(request);
  }

  size_t stored() { return rig_.Records(StreamId::kPosts).size(); }

  std::unique_ptr<PushSource> source;

 private:
  IngestRig& rig_;
  std::unique_ptr<net::HttpClient> client_;
};

TEST(HttpSource, AnswersForEachLineWhenItIsDurable) {
  IngestRig rig;
  Push push(rig);
  const std::string body = PostLine("x:1", "a") + "\nbroken\n\n" + PostLine("x:1", "a") + "\n" +
                           PostLine("x:2", "a", R"(,"lang":7)");
  const auto result = push.Post(body, "application/x-ndjson");
  EXPECT_EQ(result.status, 200) << result.error;
  EXPECT_EQ(push.stored(), 1u);
  EXPECT_THAT(result.body, HasSubstr(R"("accepted":1,"duplicate":1,"rejected":2)"));
  EXPECT_THAT(result.body, HasSubstr(R"({"line":1,"outcome":"stored"})"));
  EXPECT_THAT(result.body,
              HasSubstr(R"({"line":4,"outcome":"dropped","reason":"wrong_type","field":"lang"})"));
  EXPECT_EQ(*push.source->RunOnce(), 4);
  // The same request again, as after an answer that was lost.
  EXPECT_THAT(push.Post(body, "application/x-ndjson").body,
              HasSubstr(R"("accepted":0,"duplicate":2)"));
  EXPECT_EQ(push.stored(), 1u);
}

TEST(HttpSource, TakesJsonAndCloudEvents) {
  IngestRig rig;
  Push push(rig);
  const auto event = [](std::string_view data) {
    return base::StrCat(R"({"specversion":"1.0","id":"1","source":"/s","type":"t","data":)", data,
                        "}");
  };
  EXPECT_EQ(push.Post(PostLine("x:1", "a"), "application/json; charset=utf-8").status, 200);
  EXPECT_EQ(push.Post(event(PostLine("x:2", "a")), "application/cloudevents+json").status, 200);
  EXPECT_EQ(push.Post(base::StrCat("[", event(PostLine("x:3", "a")), ",", event(DeleteLine("x:1")),
                                   ",{\"specversion\":\"0.3\"}]"),
                      "Application/CloudEvents-Batch+JSON")
                .status,
            200);
  EXPECT_EQ(push.stored(), 4u);
  EXPECT_EQ(rig.Records(StreamId::kDead).size(), 1u) << "an event that is none";
}

// The event's attributes in headers, its data as the body.
TEST(HttpSource, TakesACloudEventInBinaryMode) {
  IngestRig rig;
  Push push(rig);
  const auto result =
      push.Post(PostLine("x:1", "a"), "application/json",
                {{"ce-specversion", "1.0"}, {"ce-id", "1"}, {"ce-source", "/s"}, {"ce-type", "t"}});
  EXPECT_EQ(result.status, 200) << result.body;
  EXPECT_EQ(push.stored(), 1u);
}

TEST(HttpSource, TakesZstdWithinLimits) {
  IngestRig rig;
  Push push(rig);
  const std::string body = PostLine("x:1", "a") + "\n" + PostLine("x:2", "b");
  const std::pair<std::string, std::string> zstd{"Content-Encoding", "zstd"};
  EXPECT_EQ(push.Post(Zstd(body), "application/x-ndjson", {zstd}).status, 200);
  EXPECT_EQ(push.stored(), 2u);
  EXPECT_EQ(push.Post(Zstd(body).substr(0, 20), "application/x-ndjson", {zstd}).status, 400);
  EXPECT_EQ(push.Post(Zstd(std::string(4 << 20, ' ')), "application/x-ndjson", {zstd}).status, 413);
  EXPECT_EQ(push.stored(), 2u);
}

TEST(HttpSource, TakesCompressedBodiesWithinLimits) {
  IngestRig rig;
  Push push(rig);
  EXPECT_EQ(
      push.Post(Gzip(PostLine("x:1", "a")), "application/json", {{"Content-Encoding", "gzip"}})
          .status,
      200);
  EXPECT_EQ(push.stored(), 1u);
  EXPECT_EQ(push.Post(Gzip(std::string(900 << 10, ' ')), "application/x-ndjson",
                      {{"Content-Encoding", "gzip"}})
                .status,
            413)
      << "a body that blows up";
  EXPECT_EQ(push.Post("no gzip", "application/json", {{"Content-Encoding", "gzip"}}).status, 400);
  EXPECT_EQ(push.Post("x", "application/json", {{"Content-Encoding", "br"}}).status, 415);
}

TEST(HttpSource, RefusesStrangersAndWhatItCannotRead) {
  IngestRig rig;
  Push push(rig);
  const std::string post = PostLine("x:1", "a");
  EXPECT_EQ(push.Post(post, "application/json", {}, "").status, 401);
  EXPECT_EQ(push.Post(post, "application/json", {}, "0123456789abcdef-tokeN").status, 401);
  EXPECT_EQ(push.Post(post, "image/png").status, 415);
  EXPECT_EQ(push.Post("", "application/x-ndjson").status, 400);
  EXPECT_EQ(push.Post("{", "application/cloudevents+json").status, 400);
  EXPECT_EQ(push.Post("1\n2\n3\n4\n5\n6\n", "application/x-ndjson").status, 413);
  // Answered from the headers alone: a client that is still sending may see the connection end.
  const auto large = push.Post(std::string((1 << 20) + 1, ' '), "application/x-ndjson");
  EXPECT_TRUE(large.status == 413 || large.outcome != net::HttpOutcome::kAnswered) << large.status;
  EXPECT_EQ(push.stored(), 0u);
}

TEST(HttpSource, SaysComeBackWhenThePipelineIsFull) {
  IngestOptions options;
  options.lag_max = 0;
  IngestRig rig(options);
  Push push(rig);
  auto reader = *rig.streams->OpenReader("filters", StreamId::kPosts);
  {
    auto other = rig.OpenSource("other");
    AddLine(*other, PostLine("x:1", "a"));
    ASSERT_TRUE(other->Commit("").ok());
  }
  const auto full = push.Post(PostLine("x:2", "a"), "application/json");
  EXPECT_EQ(full.status, 429);
  EXPECT_EQ(full.Header("Retry-After"), "1");
  EXPECT_EQ(push.stored(), 1u) << "nothing of the refused request was taken";
}

TEST(HttpSource, WantsTokensThatOnlyItCanRead) {
  IngestRig rig;
  HttpSourceOptions options;
  options.port = 0;
  options.tokens_file = rig.path("tokens");
  const auto code = [&] {
    return MakeHttpSource(options, rig.OpenSource("push"), nullptr).status().code();
  };
  EXPECT_EQ(code(), absl::StatusCode::kNotFound);
  std::ofstream(options.tokens_file) << "ward " << kToken << "\n";
  ::chmod(options.tokens_file.c_str(), 0644);
  EXPECT_EQ(code(), absl::StatusCode::kInvalidArgument);
  ::chmod(options.tokens_file.c_str(), 0600);
  options.address = "0.0.0.0";
  EXPECT_EQ(code(), absl::StatusCode::kInvalidArgument) << "open to others without TLS";
}

}  // namespace
}  // namespace keng::ingest
