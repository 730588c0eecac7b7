#ifndef KENG_ALERTING_CHANNELS_WEBHOOK_H_
#define KENG_ALERTING_CHANNELS_WEBHOOK_H_

// POSTs the CloudEvents object to an endpoint, signed as Standard Webhooks say. `webhook-id` is the
// alert's id and the same on every attempt, so the receiver can tell a repeat; `webhook-timestamp`
// is that of the attempt.
//
// Answers: 2xx accepted; 410 the endpoint is gone; 429, and 503 with Retry-After, wait; 400, 405,
// 413, 415, 422 and other 4xx that no waiting mends are permanent; everything else, redirects
// included, is worth another attempt.

#include <memory>
#include <string>
#include <vector>

#include "alerting/channels/channel.h"
#include "alerting/channels/channel_table.h"
#include "alerting/channels/standard_webhooks.h"
#include "net/http_client.h"

namespace keng::alerting {

struct WebhookOptions {
  std::string url;                   // may hold a token: never shown
  std::vector<std::string> secrets;  // "whsec_..."; several during a rotation
  net::AddressPolicy addresses = net::AddressPolicy::kPublic;
  std::string ca_file;
  absl::Duration timeout = absl::Seconds(20);
};

class WebhookChannel final : public Channel {
 public:
  static absl::StatusOr<std::unique_ptr<WebhookChannel>> Make(WebhookOptions options,
                                                              const base::Clock& clock,
                                                              base::Metrics* metrics);

  std::string_view kind() const override { return "webhook"; }
  bool Can(Capability capability) const override { return capability == Capability::kIdempotent; }
  SendResult Send(const Message& message) override;
  SendResult Edit(std::string_view remote_id, const Message& message) override;
  void Stop() override { client_->Stop(); }

 private:
  WebhookChannel(WebhookOptions options, WebhookSigner signer,
                 std::unique_ptr<net::HttpClient> client, const base::Clock& clock);

  const WebhookOptions options_;
  const WebhookSigner signer_;
  const std::unique_ptr<net::HttpClient> client_;
  const base::Clock& clock_;
};

// What an HTTP result means for a webhook. Pure.
SendResult WebhookResult(const net::HttpResult& result, absl::Time now);

// Keys: url or url_file or url_env, secret_file and secret_env, allow_private, ca_file, timeout.
absl::StatusOr<std::unique_ptr<Channel>> MakeWebhook(const base::Yaml& options,
                                                     const ChannelEnvironment& environment);

}  // namespace keng::alerting

#endif  // KENG_ALERTING_CHANNELS_WEBHOOK_H_
