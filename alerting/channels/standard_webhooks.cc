#include "alerting/channels/standard_webhooks.h"

#include "absl/strings/escaping.h"
#include "base/check.h"
#include "base/strings.h"

namespace keng::alerting {

using base::StrCat;

absl::StatusOr<WebhookSigner> WebhookSigner::Make(const std::vector<std::string>& secrets) {
  constexpr std::string_view kPrefix = "whsec_";
  constexpr size_t kKeyBytesMin = 24;
  constexpr size_t kKeyBytesMax = 64;
  if (secrets.empty()) return absl::InvalidArgumentError("a webhook needs a signing secret");
  WebhookSigner signer;
  for (const std::string& secret : secrets) {
    std::string key;
    if (!secret.starts_with(kPrefix) ||
        !absl::Base64Unescape(base::ToAbsl(std::string_view(secret).substr(kPrefix.size())),
                              &key) ||
        key.size() < kKeyBytesMin || key.size() > kKeyBytesMax) {
      return absl::InvalidArgumentError(
          StrCat("a signing secret must be whsec_ and the base64 of ", kKeyBytesMin, " to ",
                 kKeyBytesMax, " bytes; make one with: echo whsec_$(openssl rand -base64 32)"));
    }
    signer.keys_.push_back(std::make_shared<const base::KeyedHash>(key));
  }
  return signer;
}

std::string WebhookSigner::Sign(std::string_view id, int64_t unix_seconds,
                                std::string_view body) const {
  KENG_CHECK(id.find('.') == std::string_view::npos, id);
  const std::string content = StrCat(id, ".", unix_seconds, ".", body);
  std::string header;
  for (const auto& key : keys_) {
    const base::Digest digest = key->Compute(content);
    base::StrAppend(&header, header.empty() ? "" : " ", "v1,",
                    absl::Base64Escape(base::ToAbsl(base::AsBytes(digest))));
  }
  return header;
}

}  // namespace keng::alerting
