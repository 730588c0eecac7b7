#include "alerting/channels/webhook.h"

#include <optional>

#include "alerting/channels/secret.h"
#include "base/check.h"
#include "base/strings.h"
#include "net/backoff.h"

namespace keng::alerting {

using base::StrCat;

SendResult WebhookResult(const net::HttpResult& result, absl::Time now) {
  switch (result.outcome) {
    case net::HttpOutcome::kNotSent:
      return {.outcome = SendOutcome::kTransient, .error = result.error};
    case net::HttpOutcome::kUnknown:
      return {.outcome = SendOutcome::kUnknown, .error = result.error};
    case net::HttpOutcome::kAnswered:
      break;
  }
  const int status = result.status;
  if (status >= 200 && status < 300) return {.outcome = SendOutcome::kSent};
  SendResult failed{.outcome = SendOutcome::kTransient, .error = StrCat("HTTP ", status)};
  const std::optional<absl::Duration> asked =
      net::ParseRetryAfter(result.Header("retry-after"), now);
  switch (status) {
    case 410:
      failed.outcome = SendOutcome::kGone;
      return failed;
    // Conditions of the endpoint, not of the message: somebody will mend them.
    case 401:
    case 403:
    case 404:
    case 407:
    case 408:
    case 409:
    case 421:
    case 423:
    case 425:
    case 429:
      break;
    default:
      if (status >= 400 && status < 500) failed.outcome = SendOutcome::kPermanent;
      break;
  }
  if (failed.outcome == SendOutcome::kTransient && asked.has_value()) {
    failed.outcome = SendOutcome::kRetryAfter;
    failed.retry_after = *asked;
  }
  return failed;
}

WebhookChannel::WebhookChannel(WebhookOptions options, WebhookSigner signer,
                               std::unique_ptr<net::HttpClient> client, const base::Clock& clock)
    : options_(std::move(options)),
      signer_(std::move(signer)),
      client_(std::move(client)),
      clock_(clock) {}

absl::StatusOr<std::unique_ptr<WebhookChannel>> WebhookChannel::Make(WebhookOptions options,
                                                                     const base::Clock& clock,
                                                                     base::Metrics* metrics) {
  KENG_ASSIGN_OR_RETURN(WebhookSigner signer, WebhookSigner::Make(options.secrets));
  net::HttpClientOptions client;
  client.name = "webhook";
  client.addresses = options.addresses;
  client.ca_file = options.ca_file;
  KENG_ASSIGN_OR_RETURN(std::unique_ptr<net::HttpClient> http,
                        net::HttpClient::Make(std::move(client), metrics));
  return std::unique_ptr<WebhookChannel>(
      new WebhookChannel(std::move(options), std::move(signer), std::move(http), clock));
}

SendResult WebhookChannel::Send(const Message& message) {
  const absl::Time now = clock_.Now();
  const int64_t seconds = absl::ToUnixSeconds(now);
  net::HttpRequest request;
  request.method = net::HttpMethod::kPost;
  request.url = options_.url;
  request.headers = {{"Content-Type", "application/cloudevents+json"},
                     {"webhook-id", message.id},
                     {"webhook-timestamp", StrCat(seconds)},
                     {"webhook-signature", signer_.Sign(message.id, seconds, message.event)}};
  request.body = message.event;
  request.total_timeout = options_.timeout;
  request.response_bytes_max = 64 * 1024;
  return WebhookResult(client_->Send(request), now);
}

SendResult WebhookChannel::Edit(std::string_view, const Message&) {
  return {.outcome = SendOutcome::kPermanent, .error = "a webhook cannot be edited"};
}

absl::StatusOr<std::unique_ptr<Channel>> MakeWebhook(const base::Yaml& options,
                                                     const ChannelEnvironment& environment) {
  KENG_RETURN_IF_ERROR(options.CheckKeys(
      "a webhook channel", {"name", "type", "lang", "url", "url_file", "url_env", "secret_file",
                            "secret_env", "allow_private", "ca_file", "timeout"}));
  WebhookOptions webhook;
  KENG_ASSIGN_OR_RETURN(const std::vector<std::string> urls,
                        ReadSecrets(options, "url", environment.folder));
  if (const base::Yaml* url = options.Find("url")) {
    KENG_ASSIGN_OR_RETURN(webhook.url, url->String("url"));
  } else if (urls.size() == 1) {
    webhook.url = urls.front();
  } else {
    return options.Error(
        "a webhook channel needs one \"url\", or \"url_file\" or \"url_env\" when it is a secret");
  }
  if (!webhook.url.starts_with("https://") && !webhook.url.starts_with("http://")) {
    return options.Error("the webhook's url must begin with https:// or http://");
  }
  KENG_ASSIGN_OR_RETURN(webhook.secrets, ReadSecrets(options, "secret", environment.folder));
  if (webhook.secrets.empty()) {
    return options.Error(
        "a webhook channel needs \"secret_file\" or \"secret_env\": where its signing secret is");
  }
  if (const base::Yaml* allow = options.Find("allow_private")) {
    KENG_ASSIGN_OR_RETURN(const bool is_allowed, allow->Bool("allow_private"));
    if (is_allowed) webhook.addresses = net::AddressPolicy::kAny;
  }
  if (const base::Yaml* file = options.Find("ca_file")) {
    KENG_ASSIGN_OR_RETURN(const std::string path, file->String("ca_file"));
    webhook.ca_file = PathFrom(environment.folder, path);
  }
  if (const base::Yaml* timeout = options.Find("timeout")) {
    KENG_ASSIGN_OR_RETURN(webhook.timeout, timeout->Duration("timeout"));
    if (webhook.timeout < absl::Seconds(1) || webhook.timeout > absl::Seconds(30)) {
      return timeout->Error("timeout must be from 1s to 30s");
    }
  }
  absl::StatusOr<std::unique_ptr<WebhookChannel>> channel =
      WebhookChannel::Make(std::move(webhook), *environment.clock, environment.metrics);
  if (!channel.ok()) return options.Error(std::string(channel.status().message()));
  return *std::move(channel);
}

}  // namespace keng::alerting
