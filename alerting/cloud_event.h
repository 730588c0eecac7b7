#ifndef KENG_ALERTING_CLOUD_EVENT_H_
#define KENG_ALERTING_CLOUD_EVENT_H_

// An alert for programs: one CloudEvents 1.0 JSON object with both languages, published as
// docs/alert.schema.json. Its id is the alert's and is the same on every retry; so are all other
// bytes as long as the text is there. Pure functions.

#include <string>
#include <string_view>

#include "absl/types/span.h"
#include "alerting/render.h"

namespace keng::alerting {

// One line without a line feed. `source`: the installation's URI reference. `text` as for
// RenderBody().
std::string RenderEvent(const Alert& alert, const std::optional<std::string>& text,
                        const PlaceNames& places, std::string_view source);

// The digest: `data.alerts` holds the complete event of each member. REQUIRES: not empty.
std::string RenderDigestEvent(absl::Span<const LateAlert> late, const PlaceNames& places,
                              std::string_view source);

// "digest-" and a hash of the members' ids: the same members give the same id. REQUIRES: not empty.
std::string DigestId(absl::Span<const LateAlert> late);

}  // namespace keng::alerting

#endif  // KENG_ALERTING_CLOUD_EVENT_H_
