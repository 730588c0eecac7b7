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

#include <cstdio>
#include <memory>

#include "base/temporary_folder.h"
#include "net/http_client.h"
#include "net/http_server.h"

namespace keng::net {
namespace {

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

TEST_F(TlsTest, ASilentHandshakeIsEnded) {
  const Identity identity(folder_.path(), "IP:127.0.0.1");
  Start(identity, {.header_timeout = absl::Milliseconds(200)});
  const int silent = socket(AF_INET, SOCK_STREAM, 0);
  const timeval limit = {.tv_sec = 20, .tv_usec = 0};
  setsockopt(silent, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(server_->port()));
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  ASSERT_EQ(connect(silent, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  char byte = 0;
  EXPECT_EQ(recv(silent, &byte, 1, 0), 0) << "the end, not the 20 s of this test";
  close(silent);
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
