#ifndef KENG_ALERTING_RENDER_H_
#define KENG_ALERTING_RENDER_H_

// An alert as people get it, once a language: what, where, since when, how many, the quote, why,
// the link to answer under, and for rumours the answer to post. Pure functions of the alert, the
// text and the place names: every retry says the same as long as the text is there. A channel gives
// a Body its form (colours, HTML).
//
// Times are shown in Vietnam's zone (UTC+7, no daylight saving time). Numbers of posts and of
// distinct authors are exact. Nothing names an author.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "alerting/alert.h"
#include "alerting/excerpt.h"

namespace keng::alerting {

enum class Language : uint8_t { kVietnamese, kEnglish };
std::string_view LanguageCode(Language language);  // "vi", "en"

// Which languages a channel's readers get.
enum class Languages : uint8_t { kVi, kEn, kBoth };
std::optional<Languages> LanguagesByName(std::string_view name);  // vi, en, both
std::vector<Language> LanguageList(Languages languages);

// How places and cells are called. Thread-safe.
class PlaceNames {
 public:
  virtual ~PlaceNames() = default;
  // "Phường Long Xuyên" for "30307"; nullopt for a code that it does not know.
  virtual std::optional<std::string> Name(std::string_view code) const = 0;
};

struct BodyField {
  std::string label;
  std::string value;
};

// One language. The order of showing is that of the members.
struct Body {
  Language language = Language::kVietnamese;
  filters::Severity severity = filters::Severity::kNormal;  // for colours
  std::string notice;                                       // "possibly a repeat"; mostly empty
  std::string headline;
  std::vector<BodyField> fields;
  std::optional<Excerpt> excerpt;
  std::string gone;               // in place of the excerpt: the post was removed
  std::vector<BodyField> answer;  // rumours: claim, verdict, answer, source
  BodyField link;                 // where to answer; value empty: nowhere
};

// kAfterQuote: an earlier message of the channel quotes the post and will be edited when the post
// goes; this one only brings the news and has neither excerpt nor link.
enum class Quote : uint8_t { kQuote, kAfterQuote };

// `text`: of the incident's first post; nullopt when it is gone, and then the body has no excerpt
// and no link.
Body RenderBody(const Alert& alert, const std::optional<std::string>& text,
                const PlaceNames& places, Language language, Quote quote);

// An alert that was late, with the text of its post.
struct LateAlert {
  Alert alert;
  std::optional<std::string> text;
};
// One message for all of them. It quotes nothing, because a digest cannot be withdrawn in part.
Body RenderDigestBody(absl::Span<const LateAlert> late, const PlaceNames& places,
                      Language language);

// "(có thể trùng)", "(possibly a repeat)".
std::string_view RepeatNotice(Language language);

// The body as plain text, a line a field, without a line feed at the end. Highlights are «…».
std::string PlainText(const Body& body);

// Names of an alert's parts that both forms show. Places from the inside out, "" when unknown.
std::string WhereName(const Alert& alert, const PlaceNames& places, Language language);
std::string TitleName(const Incident& incident, Language language);

}  // namespace keng::alerting

#endif  // KENG_ALERTING_RENDER_H_
