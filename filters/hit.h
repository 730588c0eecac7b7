#ifndef KENG_FILTERS_HIT_H_
#define KENG_FILTERS_HIT_H_

// One post matched one rule: the value that the filter stage produces. Its line form (JSON) is what
// `keng match` prints and is kept stable. Spans are byte ranges of the
// post's original text.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "filters/text/fold.h"

namespace keng::filters {

enum class Severity : uint8_t { kLow = 0, kNormal = 1, kHigh = 2, kCritical = 3 };
std::string_view SeverityName(Severity severity);  // "low", "normal", "high", "critical"

// kDraft and kTest hits are counted and shown and ring nobody; kStable rings.
enum class RuleStatus : uint8_t { kDraft = 0, kTest = 1, kStable = 2 };
std::string_view RuleStatusName(RuleStatus status);

// How a post came to its cell. `kElsewhere`: its only explicit place is outside the area served;
// rings nobody.
enum class RouteReason : uint8_t { kExplicit, kOldName, kAccount, kUnclear, kElsewhere };
std::string_view RouteReasonName(
    RouteReason reason);  // "explicit", "old_name", "account", "unclear", "elsewhere"

struct HitSpan {
  Span span;
  std::string phrase;  // as the rule's author wrote it
  MarksEvidence marks = MarksEvidence::kEqual;
};

struct Hit {
  std::string post;  // post id
  std::string rule;  // rule id
  std::string topic;
  std::string cell;   // code of the cell; empty for elsewhere
  std::string place;  // code of the place; empty when unknown
  RouteReason reason = RouteReason::kUnclear;
  std::vector<HitSpan> spans;
};

// Appends the hit's line form without the line feed:
// {"post","rule","topic","cell","place","reason","spans":[{"begin","end","phrase","marks"}]}
void AppendHitLine(const Hit& hit, std::string& out);

// The closed list of topics, in the order in which they are shown (docs/rules.md).
const std::vector<std::string_view>& Topics();

}  // namespace keng::filters

#endif  // KENG_FILTERS_HIT_H_
