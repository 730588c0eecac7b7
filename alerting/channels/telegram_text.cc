#include "alerting/channels/telegram_text.h"

#include <algorithm>
#include <cstdint>

#include "base/strings.h"

namespace keng::alerting {
namespace {

using base::StrCat;

struct Run {
  enum class Style : uint8_t { kPlain, kBold, kItalic } style = Style::kPlain;
  std::string text;
};
using Line = std::vector<Run>;

// Code units of one character, by its first byte.
size_t Units(char first) { return (static_cast<uint8_t>(first) & 0xf8) == 0xf0 ? 2 : 1; }
bool IsContinuation(char byte) { return (static_cast<uint8_t>(byte) & 0xc0) == 0x80; }

size_t UnitsOf(std::string_view text) {
  size_t units = 0;
  for (const char byte : text) units += IsContinuation(byte) ? 0 : Units(byte);
  return units;
}

size_t UnitsOf(const Line& line) {
  size_t units = 0;
  for (const Run& run : line) units += UnitsOf(run.text);
  return units;
}

// How many bytes of `text` make at most `units`; back to a space where there is one.
size_t Prefix(std::string_view text, size_t units) {
  size_t end = 0;
  size_t used = 0;
  while (end < text.size()) {
    const size_t more = Units(text[end]);
    if (used + more > units) break;
    used += more;
    ++end;
    while (end < text.size() && IsContinuation(text[end])) ++end;
  }
  if (end == text.size()) return end;
  const size_t space = text.substr(0, end).rfind(' ');
  return space == std::string_view::npos || space == 0 ? end : space + 1;
}

// Lines that each fit into a part.
void AppendFitting(Line line, size_t units_max, std::vector<Line>& lines) {
  Line current;
  size_t used = 0;
  for (Run& run : line) {
    std::string_view rest = run.text;
    while (!rest.empty()) {
      const size_t taken = Prefix(rest, units_max - used);
      if (taken > 0) {
        current.push_back({run.style, std::string(rest.substr(0, taken))});
        used += UnitsOf(rest.substr(0, taken));
        rest.remove_prefix(taken);
      }
      if (!rest.empty()) {
        lines.push_back(std::move(current));
        current.clear();
        used = 0;
      }
    }
  }
  lines.push_back(std::move(current));
}

void AppendField(const BodyField& field, std::vector<Line>& lines) {
  if (field.value.empty()) return;
  lines.push_back({{Run::Style::kItalic, StrCat(field.label, ":")},
                   {Run::Style::kPlain, StrCat(" ", field.value)}});
}

std::vector<Line> Lines(const Body& body) {
  std::vector<Line> lines;
  if (!body.notice.empty()) lines.push_back({{Run::Style::kPlain, body.notice}});
  lines.push_back({{Run::Style::kBold, body.headline}});
  for (const BodyField& field : body.fields) AppendField(field, lines);
  if (body.excerpt.has_value()) {
    const std::string_view text = body.excerpt->text;
    Line quote{{Run::Style::kPlain, "“"}};
    size_t at = 0;
    const auto add = [&](Run::Style style, size_t begin, size_t end) {
      if (begin < end) quote.push_back({style, std::string(text.substr(begin, end - begin))});
    };
    for (const filters::Span& span : body.excerpt->spans) {
      add(Run::Style::kPlain, at, span.begin);
      add(Run::Style::kBold, span.begin, span.end);
      at = span.end;
    }
    add(Run::Style::kPlain, at, text.size());
    quote.push_back({Run::Style::kPlain, "”"});
    lines.push_back(std::move(quote));
  }
  if (!body.gone.empty()) lines.push_back({{Run::Style::kItalic, body.gone}});
  for (const BodyField& field : body.answer) AppendField(field, lines);
  AppendField(body.link, lines);
  return lines;
}

std::string Html(const Run& run) {
  const std::string text = EscapeTelegramHtml(run.text);
  switch (run.style) {
    case Run::Style::kPlain:
      return text;
    case Run::Style::kBold:
      return StrCat("<b>", text, "</b>");
    case Run::Style::kItalic:
      return StrCat("<i>", text, "</i>");
  }
  return text;
}

}  // namespace

std::string EscapeTelegramHtml(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char byte : text) {
    switch (byte) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += byte;
    }
  }
  return out;
}

std::vector<TelegramPart> TelegramParts(absl::Span<const Body> bodies, size_t units_max) {
  std::vector<Line> lines;
  for (const Body& body : bodies) {
    if (!lines.empty()) lines.push_back({});
    for (Line& line : Lines(body)) AppendFitting(std::move(line), units_max, lines);
  }
  std::vector<TelegramPart> parts(1);
  size_t used = 0;
  for (const Line& line : lines) {
    const size_t units = UnitsOf(line);
    if (used > 0 && used + 1 + units > units_max) {
      parts.emplace_back();
      used = 0;
    }
    // A part neither begins nor ends with an empty line: Telegram would trim it.
    if (used == 0 && units == 0) continue;
    TelegramPart& part = parts.back();
    if (used > 0) {
      part.html += '\n';
      part.plain += '\n';
      ++used;
    }
    for (const Run& run : line) {
      part.html += Html(run);
      part.plain += run.text;
    }
    used += units;
  }
  return parts;
}

}  // namespace keng::alerting
