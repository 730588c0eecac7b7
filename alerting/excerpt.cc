#include "alerting/excerpt.h"

#include <algorithm>
#include <cstdint>
#include <optional>

namespace keng::alerting {
namespace {

constexpr char32_t kReplacement = 0xfffd;
constexpr std::string_view kEllipsis = "…";

struct Decoded {
  char32_t code = kReplacement;
  uint32_t size = 1;
};

// The character at `at`; U+FFFD of one byte where the text is no UTF-8 (RFC 3629: no overlong
// forms, no surrogates, nothing above U+10FFFF).
Decoded DecodeAt(std::string_view text, size_t at) {
  const auto byte = [text](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(at);
  if (first < 0x80) return {first, 1};
  uint32_t size = 0;
  char32_t code = 0;
  char32_t smallest = 0;
  if ((first & 0xe0) == 0xc0) {
    size = 2, code = first & 0x1f, smallest = 0x80;
  } else if ((first & 0xf0) == 0xe0) {
    size = 3, code = first & 0x0f, smallest = 0x800;
  } else if ((first & 0xf8) == 0xf0) {
    size = 4, code = first & 0x07, smallest = 0x10000;
  } else {
    return {};
  }
  if (text.size() - at < size) return {};
  for (size_t i = 1; i < size; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80) return {};
    code = (code << 6) | (byte(at + i) & 0x3f);
  }
  if (code < smallest || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return {};
  return {code, size};
}

void AppendUtf8(char32_t code, std::string& out) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | (code >> 18));
    out += static_cast<char>(0x80 | ((code >> 12) & 0x3f));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  }
}

bool IsHarmful(char32_t code) {
  return code < 0x20 || (code >= 0x7f && code <= 0x9f) ||  // C0, DEL, C1
         code == 0x200e || code == 0x200f || code == 0x061c || (code >= 0x202a && code <= 0x202e) ||
         (code >= 0x2066 && code <= 0x2069) ||                // bidi
         code == 0x2028 || code == 0x2029 || code == 0xfeff;  // line separators, BOM
}

// Belongs to the character before it.
bool IsCombining(char32_t code) {
  return (code >= 0x0300 && code <= 0x036f) || (code >= 0x1ab0 && code <= 0x1aff) ||
         (code >= 0x20d0 && code <= 0x20ff) || (code >= 0xfe00 && code <= 0xfe0f) ||
         code == 0x200d || (code >= 0x1f3fb && code <= 0x1f3ff);
}

// A character of the cleaned text and the bytes that it came from.
struct Character {
  char32_t code;
  uint32_t begin;
  uint32_t end;
};

std::vector<Character> Clean(std::string_view text) {
  std::vector<Character> characters;
  characters.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    Decoded decoded = DecodeAt(text, at);
    if (IsHarmful(decoded.code)) decoded.code = ' ';
    const auto begin = static_cast<uint32_t>(at);
    at += decoded.size;
    const auto end = static_cast<uint32_t>(at);
    if (decoded.code == ' ' && !characters.empty() && characters.back().code == ' ') {
      characters.back().end = end;
    } else {
      characters.push_back({decoded.code, begin, end});
    }
  }
  return characters;
}

// Character indices [begin, end).
struct Range {
  size_t begin = 0;
  size_t end = 0;
};

std::optional<Range> ToCharacters(const std::vector<Character>& characters, filters::Span span) {
  if (span.begin >= span.end) return std::nullopt;
  const auto first = std::lower_bound(characters.begin(), characters.end(), span.begin,
                                      [](const Character& c, uint32_t at) { return c.begin < at; });
  const auto last = std::lower_bound(characters.begin(), characters.end(), span.end,
                                     [](const Character& c, uint32_t at) { return c.end < at; });
  if (first == characters.end() || first->begin != span.begin) return std::nullopt;
  if (last == characters.end() || last->end != span.end) return std::nullopt;
  return Range{static_cast<size_t>(first - characters.begin()),
               static_cast<size_t>(last - characters.begin()) + 1};
}

std::vector<Range> UsableSpans(const std::vector<Character>& characters,
                               absl::Span<const filters::HitSpan> spans) {
  std::vector<Range> ranges;
  for (const filters::HitSpan& span : spans) {
    if (std::optional<Range> range = ToCharacters(characters, span.span)) ranges.push_back(*range);
  }
  std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end > b.end;
  });
  std::vector<Range> merged;
  for (const Range& range : ranges) {
    if (!merged.empty() && range.begin < merged.back().end) {
      merged.back().end = std::max(merged.back().end, range.end);
    } else {
      merged.push_back(range);
    }
  }
  return merged;
}

// The part to quote: the spans that fit with what stands around them.
Range Window(const std::vector<Character>& characters, const std::vector<Range>& spans,
             size_t characters_max) {
  const size_t count = characters.size();
  Range core{0, 0};
  if (!spans.empty()) {
    core = spans.front();
    core.end = std::min(core.end, core.begin + characters_max);
    for (const Range& span : spans) {
      if (span.end - core.begin <= characters_max) core.end = std::max(core.end, span.end);
    }
  }
  const size_t room = characters_max - (core.end - core.begin);
  Range window;
  const size_t before =
      std::min(core.begin, std::max(room / 3, room - std::min(room, count - core.end)));
  window.begin = core.begin - before;
  window.end = std::min(count, core.end + (room - before));
  if (window.begin > 0) {
    size_t begin = window.begin;
    while (begin < core.begin && characters[begin - 1].code != ' ') ++begin;
    if (begin == core.begin && characters[begin - 1].code != ' ') {
      // No space on the way: cut between two characters.
      begin = window.begin;
      while (begin < core.begin && IsCombining(characters[begin].code)) ++begin;
    }
    window.begin = begin;
  }
  if (window.end < count) {
    size_t end = window.end;
    while (end > core.end && characters[end].code != ' ') --end;
    if (end == core.end && characters[end].code != ' ') {
      end = window.end;
      while (end > core.end && IsCombining(characters[end].code)) --end;
    }
    window.end = end;
  }
  while (window.begin < window.end && characters[window.begin].code == ' ') ++window.begin;
  while (window.end > window.begin && characters[window.end - 1].code == ' ') --window.end;
  return window;
}

}  // namespace

Excerpt CutExcerpt(std::string_view text, absl::Span<const filters::HitSpan> spans,
                   size_t characters_max) {
  const std::vector<Character> characters = Clean(text);
  const std::vector<Range> ranges = UsableSpans(characters, spans);
  const Range window = Window(characters, ranges, characters_max);
  Excerpt excerpt;
  const auto has_text = [&characters](size_t begin, size_t end) {
    return std::any_of(characters.begin() + begin, characters.begin() + end,
                       [](const Character& c) { return c.code != ' '; });
  };
  if (has_text(0, window.begin)) excerpt.text += kEllipsis;
  auto span = ranges.begin();
  while (span != ranges.end() && span->begin < window.begin) ++span;
  filters::Span open;
  for (size_t i = window.begin; i < window.end; ++i) {
    if (span != ranges.end() && i == span->begin) {
      open.begin = static_cast<uint32_t>(excerpt.text.size());
    }
    AppendUtf8(characters[i].code, excerpt.text);
    // A span that is longer than the window ends with it.
    if (span != ranges.end() && i >= span->begin && (i + 1 == span->end || i + 1 == window.end)) {
      open.end = static_cast<uint32_t>(excerpt.text.size());
      excerpt.spans.push_back(open);
      ++span;
    }
  }
  if (has_text(window.end, characters.size())) excerpt.text += kEllipsis;
  return excerpt;
}

std::string CleanText(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const Decoded decoded = DecodeAt(text, at);
    AppendUtf8(IsHarmful(decoded.code) ? U' ' : decoded.code, out);
    at += decoded.size;
  }
  return out;
}

}  // namespace keng::alerting
