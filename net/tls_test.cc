// The client against the server over TLS, on loopback, with certificates made here.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <cstdio>
#include <memory>
#include <thread>

#include "base/temporary_folder.h"
#include "net/http_client.h"
#include "net/http_server.h"

namespace keng::net {
namespace {

namespace asio = boost::asio;
using testing::HasSubstr;
using testing::StartsWith;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using File = std::unique_ptr<std::FILE, decltype(&std::fclose)>;

// A certificate that vouches for itself, for one name or address ("DNS:localhost").
struct Identity {
  Identity(const std::string& folder, const std::string& subject)
      : certificate_file(folder + "/certificate.pem"), key_file(folder + "/key.pem") {
    const Key key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
    const Certificate certificate(X509_new(), &X509_free);
    X509_set_version(certificate.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
    X509_set_pubkey(certificate.get(), key.get());
    X509_EXTENSION* extension =
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, subject.c_str());
    X509_add_ext(certificate.get(), extension, -1);
    X509_EXTENSION_free(extension);
    EXPECT_GT(X509_sign(certificate.get(), key.get(), EVP_sha256()), 0);
    const File certificate_out(std::fopen(certificate_file.c_str(), "w"), &std::fclose);
    EXPECT_EQ(PEM_write_X509(certificate_out.get(), certificate.get()), 1);
    const File key_out(std::fopen(key_file.c_str(), "w"), &std::fclose);
    EXPECT_EQ(PEM_write_PrivateKey(key_out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr),
              1);
  }

  const std::string certificate_file, key_file;
};

class TlsTest : public testing::Test {
 protected:
  void Start(const Identity& identity, HttpServerOptions options = {}) {
    options.listen = {{.tls_certificate_file = identity.certificate_file,
                       .tls_key_file = identity.key_file,
                       .token = "secret"}};
    auto server = HttpServer::Make(
        options,
        {{.method = "POST",
          .path = "/echo",
          .handler =
              [](const ServerRequest& request) { return ServerResponse::Text(200, request.body); },
          .body_bytes_max = 8 << 20}});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    const absl::Status started = server_->Start();
    ASSERT_TRUE(started.ok()) << started;
  }

  static std::unique_ptr<HttpClient> Client(const std::string& ca_file,
                                            base::Metrics* metrics = nullptr) {
    auto client = HttpClient::Make(
        {.name = "test", .addresses = AddressPolicy::kAny, .ca_file = ca_file}, metrics);
    EXPECT_TRUE(client.ok()) << client.status();
    return *std::move(client);
  }

  HttpRequest Echo(const std::string& body, const std::string& host = "127.0.0.1",
                   const std::string& scheme = "https") const {
    return {.method = HttpMethod::kPost,
            .url = scheme + "://" + host + ":" + std::to_string(server_->port()) + "/echo",
            .headers = {{"Authorization", "Bearer secret"}},
            .body = body,
            .response_bytes_max = 8 << 20};
  }

  base::TemporaryFolder folder_{"keng-tls"};
  std::unique_ptr<HttpServer> server_;
};

TEST_F(TlsTest, SmallAndLargeMessagesPassOverOneConnection) {
  const Identity identity(folder_.path(), "IP:127.0.0.1");
  Start(identity);
  base::Metrics metrics;
  const auto client = Client(identity.certificate_file, &metrics);
  for (const size_t size : {size_t{0}, size_t{1}, size_t{5} << 20, size_t{100}}) {
    const std::string body(size, 'x');
    const HttpResult result = client->Send(Echo(body));
    ASSERT_EQ(result.status, 200) << result.error;
    EXPECT_TRUE(result.body == body) << size;
  }
  EXPECT_THAT(metrics.Expose(), HasSubstr("what=\"opened\"} 1\n"));
}

TEST_F(TlsTest, AClientThatDoesNotTrustTheCertificateSendsNothing) {
  const Identity identity(folder_.path(), "IP:127.0.0.1");
  const base::TemporaryFolder other_folder("keng-tls");
  const Identity other(other_folder.path(), "IP:127.0.0.1");
  Start(identity);
  const HttpResult result = Client(other.certificate_file)->Send(Echo("x"));
  EXPECT_EQ(result.outcome, HttpOutcome::kNotSent);
  EXPECT_THAT(result.error, StartsWith("tls: ")) << "names the step";
}

TEST_F(TlsTest, AClientTakesNoCertificateForAnotherName) {
  const Identity identity(folder_.path(), "DNS:localhost");
  Start(identity);
  const auto client = Client(identity.certificate_file);
  EXPECT_EQ(client->Send(Echo("x", "localhost")).status, 200);
  const HttpResult result = client->Send(Echo("x"));
  EXPECT_EQ(result.outcome, HttpOutcome::kNotSent);
  EXPECT_THAT(result.error, StartsWith("tls: "));
}

TEST_F(TlsTest, WhoSpeaksNoTlsGetsNoAnswer) {
  const Identity identity(folder_.path(), "IP:127.0.0.1");
  Start(identity);
  const HttpResult result = Client(identity.certificate_file)->Send(Echo("x", "127.0.0.1", "http"));
  EXPECT_NE(result.outcome, HttpOutcome::kAnswered);
  EXPECT_EQ(Client(identity.certificate_file)->Send(Echo("x")).status, 200) << "others do";
}

// Who opens a connection and says nothing.
class Silent {
 public:
  explicit Silent(int port) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    const timeval limit = {.tv_sec = 20, .tv_usec = 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    EXPECT_EQ(connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }
  ~Silent() { close(socket_); }
  Silent(const Silent&) = delete;
  Silent& operator=(const Silent&) = delete;
  // Within 20 s.
  bool IsEnded() const {
    char byte = 0;
    return recv(socket_, &byte, 1, 0) == 0;
  }

 private:
  const int socket_;
};

TEST_F(TlsTest, ASilentHandshakeIsEnded) {
  const Identity identity(folder_.path(), "IP:127.0.0.1");
  Start(identity, {.header_timeout = absl::Milliseconds(200)});
  EXPECT_TRUE(Silent(server_->port()).IsEnded());
}

TEST_F(TlsTest, ASilentHandshakeCountsAsAConnectionAndEndsWithTheServer) {
  const Identity identity(folder_.path(), "IP:127.0.0.1");
  base::Metrics metrics;
  Start(identity, {.connections_max = 1, .header_timeout = absl::Hours(1), .metrics = &metrics});
  const Silent first(server_->port());
  const Silent second(server_->port());
  EXPECT_TRUE(second.IsEnded()) << "over the bound";
  EXPECT_THAT(metrics.Expose(), HasSubstr("reason=\"connections\",server=\"http\"} 1\n"));
  const absl::Status stopped = server_->Stop(absl::Seconds(20));
  EXPECT_TRUE(stopped.ok()) << stopped;
  EXPECT_TRUE(first.IsEnded());
}

// Anybody on the way can end a connection: what was not ended by the peer itself is cut short.
TEST_F(TlsTest, ABodyThatEndsWithTheConnectionIsEndedByThePeer) {
  const Identity identity(folder_.path(), "IP:127.0.0.1");
  for (const bool is_ended : {true, false}) {
    asio::io_context context;
    asio::ip::tcp::acceptor acceptor(
        context, asio::ip::tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0));
    std::thread answering([&] {
      asio::ssl::context tls(asio::ssl::context::tls_server);
      tls.use_certificate_chain_file(identity.certificate_file);
      tls.use_private_key_file(identity.key_file, asio::ssl::context::pem);
      asio::ssl::stream<asio::ip::tcp::socket> stream(context, tls);
      acceptor.accept(stream.next_layer());
      stream.handshake(asio::ssl::stream_base::server);
      char request[4096];
      stream.read_some(asio::buffer(request));
      asio::write(stream, asio::buffer(std::string_view("HTTP/1.1 200 OK\r\n\r\nabc")));
      boost::system::error_code ignored;
      if (is_ended) stream.shutdown(ignored);
      stream.next_layer().close(ignored);
    });
    const HttpResult result =
        Client(identity.certificate_file)
            ->Send({.url = "https://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()) +
                           "/"});
    answering.join();
    EXPECT_EQ(result.status, 200) << result.error;
    EXPECT_EQ(result.body, "abc");
    EXPECT_EQ(result.body_status.code(),
              is_ended ? absl::StatusCode::kOk : absl::StatusCode::kDataLoss);
  }
}

TEST_F(TlsTest, AServerWithoutItsFilesSaysWhich) {
  HttpServerOptions options;
  options.listen = {{.tls_certificate_file = folder_.path() + "/none.pem",
                     .tls_key_file = folder_.path() + "/none.pem"}};
  const auto server = HttpServer::Make(options, {});
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_THAT(std::string((*server)->Start().message()), HasSubstr("none.pem: no PEM certificate"));
}

}  // namespace
}  // namespace keng::net
