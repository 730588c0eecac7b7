#ifndef KENG_ALERTING_CHANNELS_STANDARD_WEBHOOKS_H_
#define KENG_ALERTING_CHANNELS_STANDARD_WEBHOOKS_H_

// Signatures as the Standard Webhooks specification has them (standard-webhooks/standard-webhooks,
// spec/standard-webhooks.md): HMAC-SHA-256 over "id.timestamp.body", scheme v1.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/keyed_hash.h"

namespace keng::alerting {

// The keys of one endpoint: several while they are being rotated. Immutable, thread-safe.
class WebhookSigner {
 public:
  // Each secret is "whsec_" and the base64 of 24 to 64 bytes. InvalidArgument otherwise, without
  // the secret in the message; also when there is none.
  static absl::StatusOr<WebhookSigner> Make(const std::vector<std::string>& secrets);

  // The value of `webhook-signature`: "v1,BASE64" for each key, with spaces between.
  // REQUIRES: no '.' in `id`.
  std::string Sign(std::string_view id, int64_t unix_seconds, std::string_view body) const;

 private:
  std::vector<std::shared_ptr<const base::KeyedHash>> keys_;
};

}  // namespace keng::alerting

#endif  // KENG_ALERTING_CHANNELS_STANDARD_WEBHOOKS_H_
