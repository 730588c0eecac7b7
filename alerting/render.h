#ifndef KENG_ALERTING_RENDER_H_
#define KENG_ALERTING_RENDER_H_

// An alert as its readers get it: for people a Body a language (what, where, since when, how many,
// the quote, why, the link, the answer to post), for programs one CloudEvents 1.0 object with both
// languages (docs/alert.schema.json). Pure functions of the alert, the text and the place names:
// every retry gives the same bytes as long as the text is there.
//
// Control characters, bidirectional overrides and broken UTF-8 of a post never reach a reader: each
// becomes a space or U+FFFD. Times are shown in Vietnam's zone (UTC+7, no daylight saving time).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "alerting/alert.h"
#include "filters/text/fold.h"

namespace keng::alerting {

enum class Language : uint8_t { kVietnamese, kEnglish };
std::string_view LanguageCode(Language language);  // "vi", "en"

// Which languages a channel's readers get.
enum class Languages : uint8_t { kVi, kEn, kBoth };
std::optional<Languages> LanguagesByName(std::string_view name);  // vi, en, both

// How places are called. Thread-safe.
class PlaceNames {
 public:
  virtual ~PlaceNames() = default;
  // "Phường Long Xuyên" for "30307"; nullopt for a code that it does not know.
  virtual std::optional<std::string> Name(std::string_view code) const = 0;
};

// The shortest piece of a post that explains why it rang. Spans are byte ranges of `text`.
struct Excerpt {
  std::string text;
  std::vector<filters::Span> spans;
};

// Cuts around the first spans that fit, at spaces, never inside a character, with "…" where
// something is left out. Spans that are not in the text or not at characters' borders are dropped;
// without any the text's beginning is quoted. `characters_max` counts code points.
Excerpt CutExcerpt(std::string_view text, absl::Span<const filters::HitSpan> spans,
                   size_t characters_max = 200);

struct BodyField {
  std::string label;
  std::string value;
};

// One language. A channel chooses the form (colours, HTML); the order is that of the members.
struct Body {
  Language language = Language::kVietnamese;
  std::string notice;  // "possibly a repeat", "late"; mostly empty
  std::string headline;
  std::vector<BodyField> fields;
  std::optional<Excerpt> excerpt;  // nullopt: see `gone`
  std::string gone;                // "the post was removed", when it was and something was quoted
  BodyField link;                  // value empty: no link
  std::vector<BodyField> answer;   // rumours: claim, verdict, answer, source
};

// Whether the body may quote the post. kAfterQuote: an earlier message of the channel quotes it,
// and is the one that will be edited when the post goes; this one only brings the news.
enum class Quote : uint8_t { kQuote, kAfterQuote };

// `text`: the first post's, nullopt when it is gone.
Body RenderBody(const Alert& alert, const std::optional<std::string>& text,
                const PlaceNames& places, Language language, Quote quote);

// The CloudEvents object, one line without a line feed. `source`: the installation's URI reference.
std::string RenderEvent(const Alert& alert, const std::optional<std::string>& text,
                        const PlaceNames& places, std::string_view source);

struct LateAlert {
  Alert alert;
  std::optional<std::string> text;
};
// Alerts that could not be sent in time. The id is a function of the members' ids.
std::string DigestId(absl::Span<const LateAlert> late);
// Bodies quote nothing: a digest cannot be withdrawn in part.
Body RenderDigestBody(absl::Span<const LateAlert> late, const PlaceNames& places,
                      Language language);
std::string RenderDigestEvent(absl::Span<const LateAlert> late, const PlaceNames& places,
                              std::string_view source);

// "(có thể trùng)", "(possibly a repeat)".
std::string_view RepeatNotice(Language language);

// Languages to render for a channel.
std::vector<Language> LanguageList(Languages languages);

}  // namespace keng::alerting

#endif  // KENG_ALERTING_RENDER_H_
