#include "net/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <filesystem>
#include <thread>

#include "base/mutex.h"
#include "base/strings.h"

namespace keng::net {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// A client that sends bytes and reads until the server closes or the expected text has come.
class RawClient {
 public:
  explicit RawClient(int port) {
    socket_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    connected_ = connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
    SetTimeout();
  }
  explicit RawClient(const std::string& path) {
    socket_ = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    connected_ = connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
    SetTimeout();
  }
  ~RawClient() { close(socket_); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool connected() const { return connected_; }
  void Send(std::string_view bytes) {
    ASSERT_EQ(send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  // All until `end` has come, or the connection is closed.
  std::string Read(std::string_view end = "\x01never") {
    std::string all;
    char block[4096];
    while (all.find(end) == std::string::npos) {
      const ssize_t got = recv(socket_, block, sizeof(block), 0);
      if (got <= 0) break;
      all.append(block, static_cast<size_t>(got));
    }
    return all;
  }

 private:
  void SetTimeout() {
    const timeval limit = {.tv_sec = 20, .tv_usec = 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  }
  int socket_ = -1;
  bool connected_ = false;
};

class HttpServerTest : public testing::Test {
 protected:
  void Start(HttpServerOptions options, std::vector<HttpRoute> routes) {
    options.metrics = &metrics_;
    if (options.listen.empty()) options.listen = {{}};
    auto server = HttpServer::Make(options, std::move(routes));
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    ASSERT_TRUE(server_->Start().ok());
  }
  std::string Ask(std::string_view request, std::string_view end = "\x01never") {
    RawClient client(server_->port());
    client.Send(request);
    return client.Read(end);
  }

  base::Metrics metrics_;
  std::unique_ptr<HttpServer> server_;
};

HttpRoute Echo(size_t body_bytes_max = 1024) {
  return {.method = "POST",
          .path = "/echo",
          .handler =
              [](const ServerRequest& request) {
                return ServerResponse::Text(
                    200, base::StrCat("[", request.body, "|", request.query_value("q"), "|",
                                      request.header("x-mark"), "]"));
              },
          .body_bytes_max = body_bytes_max};
}
HttpRoute Hello(HttpRoute::Access access = HttpRoute::Access::kListener) {
  return {.method = "GET",
          .path = "/hello",
          .handler = [](const ServerRequest&) { return ServerResponse::Text(200, "hello"); },
          .access = access};
}

TEST_F(HttpServerTest, ServesRequestsThatComeAtOnceAndInChunks) {
  Start({}, {Echo(), Hello()});
  RawClient client(server_->port());
  client.Send(
      "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none"
      "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\ntwo\r\n4\r\n too\r\n0\r\n\r\n"
      "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string all = client.Read();
  const size_t one = all.find("[one||]"), two = all.find("[two too||]"), three = all.find("hello");
  EXPECT_LT(one, two) << all;
  EXPECT_LT(two, three) << all;
  EXPECT_NE(three, std::string::npos) << all;
}

TEST_F(HttpServerTest, ServesSeveralRequestsOnOneConnection) {
  Start({}, {Echo(), Hello()});
  RawClient client(server_->port());
  client.Send(
      "POST /echo?q=a%20b HTTP/1.1\r\nHost: x\r\nX-Mark: m\r\nContent-Length: 4\r\n\r\nbody");
  EXPECT_THAT(client.Read("]"), HasSubstr("[body|a b|m]"));
  client.Send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.Read("hello"), StartsWith("HTTP/1.1 200"));
  client.Send("HEAD /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string head = client.Read();
  EXPECT_THAT(head, HasSubstr("Content-Length: 5"));
  EXPECT_THAT(head, testing::EndsWith("\r\n\r\n")) << "an answer to HEAD has no body";
}

TEST_F(HttpServerTest, RefusesWhatItMust) {
  HttpServerOptions options;
  options.header_bytes_max = 2048;
  Start(options, {Echo(8), Hello()});
  struct Case {
    std::string request;
    const char* answer;
  };
  const Case cases[] = {
      {"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404"},
      {"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 405"},
      {"this is not HTTP\r\n\r\n", "HTTP/1.1 400"},
      {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n123456789", "HTTP/1.1 413"},
      {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
       "chunked\r\n\r\n9\r\n123456789\r\n0\r\n\r\n",
       "HTTP/1.1 413"},
      {"GET /hello HTTP/1.1\r\nHost: x\r\nX: " + std::string(5000, 'a') + "\r\n\r\n",
       "HTTP/1.1 431"},
  };
  for (const Case& c : cases)
    EXPECT_THAT(Ask(c.request), StartsWith(c.answer)) << c.request.substr(0, 60);
}

TEST_F(HttpServerTest, AsksForTheListenersTokenWhereTheRouteSaysSo) {
  HttpServerOptions options;
  options.listen = {{.token = "secret-token"}};
  HttpRoute open = Hello(HttpRoute::Access::kOpen);
  open.path = "/open";
  Start(options, {Hello(), open});
  EXPECT_THAT(Ask("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"), StartsWith("HTTP/1.1 401"));
  EXPECT_THAT(Ask("GET /hello HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer secret-tokem\r\n\r\n"),
              StartsWith("HTTP/1.1 401"));
  EXPECT_THAT(
      Ask("GET /hello HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer secret-token\r\n\r\n", "hello"),
      HasSubstr("200 OK"));
  EXPECT_THAT(Ask("GET /open HTTP/1.1\r\nHost: x\r\n\r\n", "hello"), HasSubstr("200 OK"));
  EXPECT_EQ(
      metrics_.counter("keng_http_refused_total", "", {{"server", "http"}, {"reason", "token"}})
          .value(),
      2);
}

TEST_F(HttpServerTest, AnswersExpectContinue) {
  Start({}, {Echo()});
  RawClient client(server_->port());
  client.Send(
      "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_THAT(client.Read("\r\n\r\n"), HasSubstr("100 Continue"));
  client.Send("ok");
  EXPECT_THAT(client.Read("]"), HasSubstr("[ok||]"));
}

TEST_F(HttpServerTest, AThrowingHandlerIsA500AndTheServerLives) {
  HttpRoute bad = Hello();
  bad.path = "/bad";
  bad.handler = [](const ServerRequest&) -> ServerResponse { throw std::runtime_error("oops"); };
  Start({}, {bad, Hello()});
  EXPECT_THAT(Ask("GET /bad HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 500"));
  EXPECT_THAT(Ask("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n", "hello"), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServerTest, OneConnectionTooManyIsToldSo) {
  HttpServerOptions options;
  options.connections_max = 1;
  Start(options, {Hello()});
  RawClient first(server_->port());
  first.Send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(first.Read("hello"), HasSubstr("200 OK"));
  RawClient second(server_->port());
  EXPECT_THAT(second.Read(), StartsWith("HTTP/1.1 503"));
}

TEST_F(HttpServerTest, ASlowHeaderIsCutOff) {
  HttpServerOptions options;
  options.header_timeout = absl::Milliseconds(50);
  Start(options, {Hello()});
  RawClient client(server_->port());
  client.Send("GET /hello HTTP/1.1\r\nHo");
  EXPECT_EQ(client.Read(), "") << "closed without an answer";
}

TEST_F(HttpServerTest, StopLetsARunningRequestFinish) {
  base::Mutex mutex;
  base::CondVar changed;
  bool entered = false;
  bool released = false;
  HttpRoute slow = Hello();
  slow.handler = [&](const ServerRequest&) {
    base::MutexLock lock(mutex);
    entered = true;
    changed.NotifyAll();
    while (!released) changed.Wait(mutex);
    return ServerResponse::Text(200, "finished");
  };
  Start({}, {slow});
  RawClient idle(server_->port());
  RawClient client(server_->port());
  client.Send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  {
    base::MutexLock lock(mutex);
    while (!entered) changed.Wait(mutex);
  }
  absl::Status stopped;
  std::thread stopper([&] { stopped = server_->Stop(absl::Seconds(20)); });
  EXPECT_EQ(idle.Read(), "") << "an idle connection is closed when the stop begins";
  {
    base::MutexLock lock(mutex);
    released = true;
    changed.NotifyAll();
  }
  EXPECT_THAT(client.Read(), HasSubstr("finished"));
  stopper.join();
  EXPECT_TRUE(stopped.ok()) << stopped;
}

TEST_F(HttpServerTest, AUnixSocketIsForItsOwnerOnlyAndReplacesAStaleOne) {
  std::string folder = (std::filesystem::temp_directory_path() / "keng-http-XXXXXX").string();
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  const std::string path = folder + "/admin.sock";
  {
    // What a killed process leaves behind.
    const int stale = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    ASSERT_EQ(bind(stale, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    close(stale);
  }
  HttpServerOptions options;
  options.listen = {{.unix_path = path}};
  Start(options, {Hello()});
  struct stat file = {};
  ASSERT_EQ(stat(path.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0600u);
  {
    RawClient client(path);
    ASSERT_TRUE(client.connected());
    client.Send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(client.Read("hello"), HasSubstr("200 OK"));
  }
  auto second = HttpServer::Make(options, {Hello()});
  EXPECT_EQ((*second)->Start().code(), absl::StatusCode::kUnavailable)
      << "a live socket is not taken over";
  EXPECT_TRUE(server_->Stop(absl::Seconds(5)).ok());
  EXPECT_FALSE(std::filesystem::exists(path));
  std::filesystem::remove_all(folder);
}

TEST(HttpServerMake, RefusesOpenListenersAndDoubleRoutes) {
  const auto make = [](HttpListen listen, std::vector<HttpRoute> routes) {
    HttpServerOptions options;
    options.listen = {std::move(listen)};
    return std::string(HttpServer::Make(options, std::move(routes)).status().message());
  };
  EXPECT_THAT(make({.address = "0.0.0.0"}, {Hello()}),
              HasSubstr("needs a TLS certificate and a token"));
  EXPECT_THAT(make({.address = "0.0.0.0", .token = "t"}, {Hello()}),
              HasSubstr("needs a TLS certificate and a token"));
  EXPECT_THAT(make({.address = "localhost"}, {Hello()}), HasSubstr("is no IP address"));
  EXPECT_THAT(make({.tls_certificate_file = "a.pem"}, {Hello()}),
              HasSubstr("both a certificate and a key"));
  EXPECT_THAT(make({}, {Hello(), Hello()}), HasSubstr("stands twice"));
}

}  // namespace
}  // namespace keng::net
