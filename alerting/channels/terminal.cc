#include "alerting/channels/terminal.h"

#include "base/check.h"
#include "base/strings.h"

namespace keng::alerting {
namespace {

using filters::Severity;

// The sequences of a colour terminal (ECMA-48), or nothing.
struct Paint {
  std::string_view strong, dim, hit, off;
};
constexpr Paint kNone{"", "", "", ""};

Paint PaintFor(ChannelEnvironment::Colours colours, Severity severity) {
  if (colours == ChannelEnvironment::Colours::kNo) return kNone;
  const bool is_grave = severity == Severity::kHigh || severity == Severity::kCritical;
  return {is_grave ? "\x1b[1;31m" : "\x1b[1;36m", "\x1b[2m", "\x1b[1;33m", "\x1b[0m"};
}

void AppendField(const BodyField& field, const Paint& paint, std::string& out) {
  if (field.value.empty()) return;
  base::StrAppend(&out, "  ", paint.dim, field.label, ":", paint.off, " ", field.value, "\n");
}

void AppendExcerpt(const Excerpt& excerpt, const Paint& paint, std::string& out) {
  const std::string_view text = excerpt.text;
  base::StrAppend(&out, "  “");
  size_t at = 0;
  for (const filters::Span& span : excerpt.spans) {
    // Without colours the highlight is written out.
    base::StrAppend(&out, text.substr(at, span.begin - at), paint.hit.empty() ? "«" : paint.hit,
                    text.substr(span.begin, span.end - span.begin),
                    paint.off.empty() ? "»" : paint.off);
    at = span.end;
  }
  base::StrAppend(&out, text.substr(at), "”\n");
}

}  // namespace

SendResult TerminalChannel::Send(const Message& message) {
  std::string out;
  for (const Body& body : message.bodies) {
    const Paint paint = PaintFor(options_.colours, body.severity);
    base::StrAppend(&out, "\n", paint.strong, body.headline, paint.off);
    if (!body.notice.empty()) base::StrAppend(&out, " ", body.notice);
    out += '\n';
    for (const BodyField& field : body.fields) AppendField(field, paint, out);
    if (body.excerpt.has_value()) AppendExcerpt(*body.excerpt, paint, out);
    if (!body.gone.empty()) base::StrAppend(&out, "  ", body.gone, "\n");
    for (const BodyField& field : body.answer) AppendField(field, paint, out);
    AppendField(body.link, paint, out);
  }
  *options_.out << out << std::flush;
  if (options_.out->good()) return {.outcome = SendOutcome::kSent};
  options_.out->clear();
  return {.outcome = SendOutcome::kTransient, .error = "the terminal cannot be written to"};
}

SendResult TerminalChannel::Edit(std::string_view, const Message&) {
  return {.outcome = SendOutcome::kPermanent, .error = "a terminal cannot be edited"};
}

absl::StatusOr<std::unique_ptr<Channel>> MakeTerminal(const base::Yaml& options,
                                                      const ChannelEnvironment& environment) {
  KENG_RETURN_IF_ERROR(options.CheckKeys("a terminal channel", {"name", "type", "lang"}));
  KENG_CHECK(environment.terminal != nullptr);
  return std::make_unique<TerminalChannel>(
      TerminalOptions{.out = environment.terminal, .colours = environment.colours});
}

}  // namespace keng::alerting
