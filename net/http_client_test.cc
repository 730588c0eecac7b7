#include "net/http_client.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <thread>

#include "net/testing/scripted_http_server.h"

namespace keng::net {
namespace {

using Action = ScriptedAnswer::Action;

std::unique_ptr<HttpClient> MakeClient(AddressPolicy policy = AddressPolicy::kAny) {
  HttpClientOptions options;
  options.addresses = policy;
  auto client = HttpClient::Make(options, nullptr);
  EXPECT_TRUE(client.ok()) << client.status();
  return *std::move(client);
}

HttpRequest Post(const std::string& url, std::string body) {
  HttpRequest request;
  request.method = HttpMethod::kPost;
  request.url = url;
  request.body = std::move(body);
  return request;
}

HttpRequest Get(const std::string& url) {
  HttpRequest request;
  request.url = url;
  return request;
}

TEST(HttpClientTest, PostsTheBodyAndReadsTheAnswer) {
  ScriptedHttpServer server;
  server.Then({.status = 202, .headers = {{"X-Seen", "yes"}}, .body = "ok"});
  const auto client = MakeClient();
  HttpRequest request = Post(server.url() + "/a/b?c=d", "xin chào");
  request.headers = {{"Content-Type", "application/json"}};
  const HttpResult result = client->Send(request);
  ASSERT_EQ(result.outcome, HttpOutcome::kAnswered) << result.error;
  EXPECT_EQ(result.status, 202);
  EXPECT_EQ(result.body, "ok");
  EXPECT_EQ(result.Header("x-seen"), "yes");
  ASSERT_EQ(server.requests().size(), 1u);
  const ReceivedRequest seen = server.requests()[0];
  EXPECT_EQ(seen.method, "POST");
  EXPECT_EQ(seen.target, "/a/b?c=d");
  EXPECT_EQ(seen.body, "xin chào");
  EXPECT_EQ(seen.Header("content-type"), "application/json");
  EXPECT_EQ(seen.Header("user-agent"), "keng/0.1");
}

TEST(HttpClientTest, TakesBodiesOfEveryLength) {
  ScriptedHttpServer server;
  const auto client = MakeClient();
  const auto answer = [&](std::string raw) {
    server.Then({.action = Action::kRaw, .body = std::move(raw)});
    return client->Send(Get(server.url()));
  };
  const HttpResult until_the_end = answer("HTTP/1.1 200 OK\r\n\r\nas long as it comes");
  EXPECT_EQ(until_the_end.body, "as long as it comes");
  EXPECT_TRUE(until_the_end.body_status.ok()) << until_the_end.body_status;
  const HttpResult chunked = answer(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nin \r\n6\r\npieces\r\n0\r\n\r\n");
  EXPECT_EQ(chunked.body, "in pieces");
  EXPECT_TRUE(chunked.body_status.ok()) << chunked.body_status;
  const HttpResult short_of = answer("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
  EXPECT_EQ(short_of.body_status.code(), absl::StatusCode::kDataLoss);
  const HttpResult no_answer = answer("");
  EXPECT_NE(no_answer.outcome, HttpOutcome::kAnswered);
}

TEST(HttpClientTest, KeepsConnectionsAndReplacesThoseThatThePeerClosed) {
  ScriptedHttpServer server;
  const auto client = MakeClient();
  EXPECT_EQ(client->Send(Get(server.url())).status, 200);
  EXPECT_EQ(client->Send(Get(server.url())).status, 200);
  EXPECT_EQ(server.connections(), 1);
  server.Then({.after = ScriptedAnswer::After::kClose});
  EXPECT_EQ(client->Send(Get(server.url())).status, 200);
  EXPECT_EQ(client->Send(Post(server.url(), "x")).status, 200);
  EXPECT_EQ(server.connections(), 2);
}

TEST(HttpClientTest, AGetOnAKeptConnectionThatDiesIsRepeatedAndAPostIsNot) {
  ScriptedHttpServer server;
  const auto client = MakeClient();
  ASSERT_EQ(client->Send(Get(server.url())).status, 200);
  server.Then({.action = Action::kCloseAtOnce});
  EXPECT_EQ(client->Send(Get(server.url())).status, 200);
  EXPECT_EQ(server.requests().size(), 3u);  // the second one died and was repeated
  server.Then({.action = Action::kCloseAtOnce});
  const HttpResult post = client->Send(Post(server.url(), "x"));
  EXPECT_EQ(post.outcome, HttpOutcome::kUnknown);
  EXPECT_EQ(server.requests().size(), 4u);
  EXPECT_EQ(server.unused(), 0u);
}

TEST(HttpClientTest, NothingListensIsNotSent) {
  std::string url;
  {
    ScriptedHttpServer server;
    url = server.url();
  }
  const HttpResult result = MakeClient()->Send(Post(url + "/secret-path", "x"));
  EXPECT_EQ(result.outcome, HttpOutcome::kNotSent);
  EXPECT_NE(result.error.find("connect"), std::string::npos) << result.error;
  EXPECT_EQ(result.error.find("secret-path"), std::string::npos) << result.error;
}

TEST(HttpClientTest, SilenceAfterTheRequestIsUnknown) {
  ScriptedHttpServer server;
  server.Then({.action = Action::kStall});
  HttpRequest request = Post(server.url(), "x");
  request.total_timeout = absl::Milliseconds(100);
  const HttpResult result = MakeClient()->Send(request);
  EXPECT_EQ(result.outcome, HttpOutcome::kUnknown);
  EXPECT_EQ(result.error, "read answer: timed out");
  EXPECT_EQ(server.unused(), 0u);
}

TEST(HttpClientTest, StopEndsARequestInProgressAndRefusesLaterOnes) {
  ScriptedHttpServer server;
  server.Then({.action = Action::kStall});
  const auto client = MakeClient();
  std::thread stopper([&] {
    server.WaitForRequests(1);
    client->Stop();
  });
  const HttpResult result = client->Send(Post(server.url(), "x"));
  stopper.join();
  EXPECT_EQ(result.outcome, HttpOutcome::kUnknown);
  EXPECT_EQ(client->Send(Post(server.url(), "x")).outcome, HttpOutcome::kNotSent);
  EXPECT_EQ(server.requests().size(), 1u);
}

TEST(HttpClientTest, TheResponseCapAndBrokenBodiesDoNotHideTheStatus) {
  ScriptedHttpServer server;
  const auto client = MakeClient();
  HttpRequest request = Post(server.url(), "x");
  request.response_bytes_max = 100;
  server.Then({.status = 201, .body = std::string(101, 'a')});
  HttpResult result = client->Send(request);
  EXPECT_EQ(result.status, 201);
  EXPECT_EQ(result.body_status.code(), absl::StatusCode::kResourceExhausted);
  server.Then(
      {.action = Action::kRaw, .body = "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\ncut short"});
  result = client->Send(request);
  EXPECT_EQ(result.status, 200);
  EXPECT_EQ(result.body_status.code(), absl::StatusCode::kDataLoss);
  server.Then({.action = Action::kRaw, .body = "what is this\r\n\r\n"});
  EXPECT_EQ(client->Send(request).outcome, HttpOutcome::kUnknown);
  server.Then({.action = Action::kRaw,
               .body = "HTTP/1.1 103 Early Hints\r\n\r\n"
                       "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"});
  EXPECT_EQ(client->Send(request).status, 204);
  server.Then({.headers = {{"Content-Encoding", "br"}}, .body = "zzz"});
  EXPECT_EQ(client->Send(request).body_status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(server.unused(), 0u);
}

TEST(HttpClientTest, DecodesGzipWithinTheCap) {
  const std::string text(5000, 'n');
  std::string packed(1000, '\0');
  z_stream stream{};
  ASSERT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  ASSERT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);

  ScriptedHttpServer server;
  server.Otherwise({.headers = {{"Content-Encoding", "gzip"}}, .body = packed});
  const auto client = MakeClient();
  HttpResult result = client->Send(Get(server.url()));
  EXPECT_TRUE(result.body_status.ok()) << result.body_status;
  EXPECT_EQ(result.body, text);
  EXPECT_EQ(server.requests()[0].Header("accept-encoding"), "gzip");
  HttpRequest small = Get(server.url());
  small.response_bytes_max = 4999;
  EXPECT_EQ(client->Send(small).body_status.code(), absl::StatusCode::kResourceExhausted);
}

TEST(HttpClientTest, RedirectsOnlyWhenAskedAndOnlyForGet) {
  ScriptedHttpServer server;
  const auto client = MakeClient();
  server.Then({.status = 302, .headers = {{"Location", "/b"}}});
  EXPECT_EQ(client->Send(Get(server.url() + "/a")).status, 302);
  server.Then({.status = 301, .headers = {{"Location", "/b?x=1"}}});
  HttpRequest follow = Get(server.url() + "/a");
  follow.redirects_max = 2;
  const HttpResult result = client->Send(follow);
  EXPECT_EQ(result.status, 200);
  EXPECT_EQ(result.final_url, server.url() + "/b?x=1");
  EXPECT_EQ(result.permanent_redirects, 1);
  server.Otherwise({.status = 307, .headers = {{"Location", "/again"}}});
  EXPECT_EQ(client->Send(follow).status, 307);
  HttpRequest post = Post(server.url(), "x");
  post.redirects_max = 5;
  const size_t before = server.requests().size();
  EXPECT_EQ(client->Send(post).status, 307);
  EXPECT_EQ(server.requests().size(), before + 1);
  server.Otherwise({.status = 302, .headers = {{"Location", "file:///etc/passwd"}}});
  EXPECT_EQ(client->Send(follow).outcome, HttpOutcome::kNotSent);
}

TEST(HttpClientTest, ThePublicPolicyRefusesThisMachine) {
  ScriptedHttpServer server;
  const auto client = MakeClient(AddressPolicy::kPublic);
  for (const std::string& url :
       {server.url(), std::string("http://localhost:1/"), std::string("http://[::1]:1/"),
        std::string("http://169.254.169.254/latest/meta-data")}) {
    const HttpResult result = client->Send(Get(url));
    EXPECT_EQ(result.outcome, HttpOutcome::kNotSent) << url;
    EXPECT_NE(result.error.find("not public"), std::string::npos) << result.error;
  }
  EXPECT_EQ(server.connections(), 0);
}

TEST(HttpClientTest, RefusesWhatIsNoPlainHttpUrlAndHeadersWithLineBreaks) {
  ScriptedHttpServer server;
  const auto client = MakeClient();
  for (const char* url :
       {"", "localhost", "ftp://a/", "http://", "http://u:p@127.0.0.1/", "http://a b/"}) {
    EXPECT_EQ(client->Send(Get(url)).outcome, HttpOutcome::kNotSent) << url;
  }
  HttpRequest request = Get(server.url());
  request.headers = {{"X", "a\r\nY: b"}};
  EXPECT_EQ(client->Send(request).outcome, HttpOutcome::kNotSent);
  EXPECT_EQ(server.connections(), 0);
}

TEST(AddressPolicyTest, Table) {
  const struct {
    const char* address;
    bool is_public;
  } cases[] = {
      {"8.8.8.8", true},
      {"1.1.1.1", true},
      {"203.113.131.1", true},
      {"127.0.0.1", false},
      {"127.255.0.1", false},
      {"10.1.2.3", false},
      {"172.15.255.255", true},
      {"172.16.0.1", false},
      {"172.31.255.255", false},
      {"172.32.0.1", true},
      {"192.168.1.1", false},
      {"169.254.169.254", false},
      {"100.64.0.1", false},
      {"100.128.0.1", true},
      {"0.0.0.0", false},
      {"224.0.0.1", false},
      {"255.255.255.255", false},
      {"198.19.0.1", false},
      {"2001:4860:4860::8888", true},
      {"::1", false},
      {"::", false},
      {"fe80::1", false},
      {"fc00::1", false},
      {"fd12::1", false},
      {"ff02::1", false},
      {"::ffff:127.0.0.1", false},
      {"::ffff:8.8.8.8", true},
      {"64:ff9b::7f00:1", false},
      {"64:ff9b::808:808", true},
      {"2002:7f00:1::", false},
      {"2001::1", false},
      {"2001:db8::1", false},
      {"not an address", false},
      {"", false},
      {"127.1", false},
  };
  for (const auto& c : cases) EXPECT_EQ(IsPublicAddress(c.address), c.is_public) << c.address;
}

}  // namespace
}  // namespace keng::net
