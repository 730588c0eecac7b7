#include "ingest/post_parser.h"

#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>

#include "base/check.h"
#include "ingest/rfc3339.h"

namespace keng::ingest {
namespace {

namespace json = simdjson::ondemand;

static_assert(PostParser::kPadding >= simdjson::SIMDJSON_PADDING);

constexpr int kDepthMax = 64;  // of values that the schema does not know
constexpr absl::Duration kAheadMax = absl::Hours(24);
constexpr absl::Time kEarliest = absl::FromUnixSeconds(631152000);  // 1990-01-01

enum Field : int {
  kId,
  kKind,
  kScope,
  kSource,
  kUrl,
  kAuthor,
  kAccount,
  kText,
  kLang,
  kReplyTo,
  kVersion,
  kCreatedAt,
  kEditedAt,
  kDeletedAt,
  kEdit,
  kReach,
  kMedia,
  kFieldCount,
  kUnknown = kFieldCount
};
static_assert(std::size(kPostFields) == kFieldCount);

constexpr uint32_t Bit(Field field) { return uint32_t{1} << field; }

// Bytes; schema: maxLength. 0: the field has no limit of its own.
constexpr size_t kFieldBytesMax[kFieldCount] = {
    512, 0, 0, 256, 2048, 512, 512, kTextBytesMax, 64, 512, 128, 0, 0, 0, 0, 0, 0};

Field FieldByName(std::string_view name) {
  // The length tells most names apart; a second look decides.
  const auto is = [&](Field field) { return name == kPostFields[field] ? field : kUnknown; };
  switch (name.size()) {
    case 2:
      return is(kId);
    case 3:
      return is(kUrl);
    case 4:
      return name[0] == 't'   ? is(kText)
             : name[0] == 'k' ? is(kKind)
             : name[0] == 'l' ? is(kLang)
                              : is(kEdit);
    case 5:
      return name[0] == 's' ? is(kScope) : name[0] == 'r' ? is(kReach) : is(kMedia);
    case 6:
      return name[0] == 's' ? is(kSource) : is(kAuthor);
    case 7:
      return name[0] == 'a' ? is(kAccount) : is(kVersion);
    case 8:
      return is(kReplyTo);
    case 9:
      return is(kEditedAt);
    case 10:
      return name[0] == 'c' ? is(kCreatedAt) : is(kDeletedAt);
    default:
      return kUnknown;
  }
}

DropReason ReasonOf(simdjson::error_code error) {
  return error == simdjson::UTF8_ERROR ? DropReason::kUnicode : DropReason::kJsonSyntax;
}

std::string_view TrimRight(std::string_view token) {
  while (!token.empty() && (token.back() == ' ' || token.back() == '\n' || token.back() == '\r' ||
                            token.back() == '\t'))
    token.remove_suffix(1);
  return token;
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The four hex digits of \uXXXX at `at`; -1 when there are none.
int HexFour(std::string_view text, size_t at) {
  if (at + 4 > text.size()) return -1;
  int value = 0;
  for (size_t i = at; i < at + 4; ++i) {
    const int digit = HexValue(text[i]);
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

void AppendUtf8(uint32_t rune, std::string& out) {
  if (rune < 0x80) {
    out.push_back(static_cast<char>(rune));
  } else if (rune < 0x800) {
    out.push_back(static_cast<char>(0xC0 | rune >> 6));
    out.push_back(static_cast<char>(0x80 | (rune & 0x3F)));
  } else if (rune < 0x10000) {
    out.push_back(static_cast<char>(0xE0 | rune >> 12));
    out.push_back(static_cast<char>(0x80 | (rune >> 6 & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (rune & 0x3F)));
  } else {
    out.push_back(static_cast<char>(0xF0 | rune >> 18));
    out.push_back(static_cast<char>(0x80 | (rune >> 12 & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (rune >> 6 & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (rune & 0x3F)));
  }
}

// Appends what a JSON string's inside stands for. simdjson's own form is byte by byte unless the
// whole program is compiled for newer processors, and takes lone low surrogates in 3.0.1.
// kUnicode: a lone surrogate or U+0000. kJsonSyntax: an escape that JSON does not have.
DropReason Unescape(std::string_view inside, std::string& out) {
  size_t at = 0;
  while (at < inside.size()) {
    const void* found = std::memchr(inside.data() + at, '\\', inside.size() - at);
    const size_t escape =
        found == nullptr ? inside.size()
                         : static_cast<size_t>(static_cast<const char*>(found) - inside.data());
    out.append(inside, at, escape - at);
    if (found == nullptr) break;
    if (escape + 1 >= inside.size()) return DropReason::kJsonSyntax;
    at = escape + 2;
    switch (inside[escape + 1]) {
      case '"':
        out.push_back('"');
        break;
      case '\\':
        out.push_back('\\');
        break;
      case '/':
        out.push_back('/');
        break;
      case 'b':
        out.push_back('\b');
        break;
      case 'f':
        out.push_back('\f');
        break;
      case 'n':
        out.push_back('\n');
        break;
      case 'r':
        out.push_back('\r');
        break;
      case 't':
        out.push_back('\t');
        break;
      case 'u': {
        const int unit = HexFour(inside, at);
        if (unit < 0) return DropReason::kJsonSyntax;
        at += 4;
        auto rune = static_cast<uint32_t>(unit);
        if (rune == 0) return DropReason::kUnicode;
        if (rune >= 0xD800 && rune < 0xE000) {
          if (rune >= 0xDC00 || inside.substr(at, 2) != "\\u") return DropReason::kUnicode;
          const int low = HexFour(inside, at + 2);
          if (low < 0) return DropReason::kJsonSyntax;
          if (low < 0xDC00 || low >= 0xE000) return DropReason::kUnicode;
          at += 6;
          rune = 0x10000 + ((rune - 0xD800) << 10) + (static_cast<uint32_t>(low) - 0xDC00);
        }
        AppendUtf8(rune, out);
        break;
      }
      default:
        return DropReason::kJsonSyntax;
    }
  }
  return DropReason::kNone;
}

// RFC 8259 number.
bool IsNumber(std::string_view token) {
  size_t at = 0;
  const auto digits = [&] {
    const size_t begin = at;
    while (at < token.size() && token[at] >= '0' && token[at] <= '9') ++at;
    return at - begin;
  };
  if (at < token.size() && token[at] == '-') ++at;
  const bool leading_zero = at < token.size() && token[at] == '0';
  const size_t whole = digits();
  if (whole == 0 || (leading_zero && whole > 1)) return false;
  if (at < token.size() && token[at] == '.') {
    ++at;
    if (digits() == 0) return false;
  }
  if (at < token.size() && (token[at] == 'e' || token[at] == 'E')) {
    ++at;
    if (at < token.size() && (token[at] == '+' || token[at] == '-')) ++at;
    if (digits() == 0) return false;
  }
  return at == token.size();
}

// A string's token without its quotes; nullopt when it is no string token.
std::optional<std::string_view> Inside(std::string_view token) {
  if (token.size() < 2 || token.front() != '"' || token.back() != '"') return std::nullopt;
  return token.substr(1, token.size() - 2);
}

}  // namespace

struct PostParser::State {
  Rfc3339Reader times;  // of ParseBrief

  // Returns the string that `token` stands for: into the JSON when it has no escapes, else into
  // `unescaped`, which was given room for all of it before, so that earlier views stay valid.
  DropReason String(std::string_view token, std::string_view& value) {
    const std::optional<std::string_view> inside = Inside(token);
    if (!inside.has_value()) return DropReason::kJsonSyntax;
    if (std::memchr(inside->data(), '\\', inside->size()) == nullptr) {
      value = *inside;
      return DropReason::kNone;
    }
    const size_t begin = unescaped.size();
    const DropReason reason = Unescape(*inside, unescaped);
    value = std::string_view(unescaped).substr(begin);
    return reason;
  }

  DropReason Key(json::field& field, std::string_view& key) {
    const char* raw = field.key().raw();
    size_t size = 0;
    while (raw[size] != '"' && raw[size] != '\\') ++size;
    if (raw[size] == '"') [[likely]] {
      key = {raw, size};
      return DropReason::kNone;
    }
    for (; raw[size] != '"'; ++size)
      if (raw[size] == '\\') ++size;
    const size_t begin = unescaped.size();
    const DropReason reason = Unescape({raw, size}, unescaped);
    key = std::string_view(unescaped).substr(begin);
    return reason;
  }

  // Takes a string off the document. One that is left to be skipped counts as a key when a colon
  // follows it, so that {"id":"x":1} would pass.
  static DropReason Consume(json::value value) {
    json::raw_json_string ignored;
    const auto error = value.get_raw_json_string().get(ignored);
    return error ? ReasonOf(error) : DropReason::kNone;
  }

  // On-Demand skips what is not asked for without looking into it. A value that the schema does not
  // know must still be JSON, or "one JSON object" would not mean what it says.
  DropReason CheckUnknown(json::value value, int depth) {
    if (depth > kDepthMax) return DropReason::kJsonSyntax;
    json::json_type type;
    if (const auto error = value.type().get(type)) return ReasonOf(error);
    switch (type) {
      case json::json_type::object: {
        json::object object;
        if (const auto error = value.get_object().get(object)) return ReasonOf(error);
        for (auto entry : object) {
          json::field field;
          if (const auto error = std::move(entry).get(field)) return ReasonOf(error);
          std::string_view key;
          if (const DropReason bad = Key(field, key); bad != DropReason::kNone) return bad;
          if (const DropReason bad = CheckUnknown(field.value(), depth + 1);
              bad != DropReason::kNone)
            return bad;
        }
        return DropReason::kNone;
      }
      case json::json_type::array: {
        json::array array;
        if (const auto error = value.get_array().get(array)) return ReasonOf(error);
        for (auto entry : array) {
          json::value item;
          if (const auto error = std::move(entry).get(item)) return ReasonOf(error);
          if (const DropReason bad = CheckUnknown(item, depth + 1); bad != DropReason::kNone)
            return bad;
        }
        return DropReason::kNone;
      }
      default:
        break;
    }
    const std::string_view token = TrimRight(value.raw_json_token());
    if (type == json::json_type::string) {
      std::string_view ignored;
      if (const DropReason bad = Consume(value); bad != DropReason::kNone) return bad;
      return String(token, ignored);
    }
    const bool fine = token == "null" || token == "true" || token == "false" || IsNumber(token);
    return fine ? DropReason::kNone : DropReason::kJsonSyntax;
  }

  DropReason Count(json::value value, std::optional<int64_t>& count) {
    const std::string_view token = TrimRight(value.raw_json_token());
    if (token == "null") return DropReason::kNone;
    if (!IsNumber(token)) {
      const DropReason syntax = CheckUnknown(value, 0);
      return syntax == DropReason::kNone ? DropReason::kWrongType : syntax;
    }
    if (token.find_first_of(".eE") != std::string_view::npos) return DropReason::kWrongType;
    if (token[0] == '-' || token.size() > 15) return DropReason::kBadValue;
    int64_t number = 0;
    for (const char digit : token) number = number * 10 + (digit - '0');
    count = number;
    return DropReason::kNone;
  }

  DropReason ReadReach(json::value value, Mode mode, Reach& reach) {
    json::object object;
    if (const auto error = value.get_object().get(object)) return ReasonOf(error);
    constexpr std::string_view kNames[] = {"likes", "shares", "replies", "views"};
    std::optional<int64_t>* counts[] = {&reach.likes, &reach.shares, &reach.replies, &reach.views};
    uint32_t seen = 0;
    for (auto entry : object) {
      json::field field;
      if (const auto error = std::move(entry).get(field)) return ReasonOf(error);
      std::string_view key;
      if (const DropReason bad = Key(field, key); bad != DropReason::kNone) return bad;
      const size_t index =
          static_cast<size_t>(std::find(std::begin(kNames), std::end(kNames), key) - kNames);
      DropReason bad = DropReason::kNone;
      if (index == std::size(kNames)) {
        if (mode != Mode::kStored) bad = CheckUnknown(field.value(), 1);
      } else if ((seen & (1U << index)) != 0) {
        bad = DropReason::kDuplicateKey;
      } else {
        seen |= 1U << index;
        bad = Count(field.value(), *counts[index]);
      }
      if (bad != DropReason::kNone) return bad;
    }
    return DropReason::kNone;
  }

  DropReason ReadField(Field field, json::value value, Mode mode, Post& post);

  // Memory for a line of `bytes`.
  void Prepare(size_t bytes) {
    if (bytes > parser.capacity()) {
      const size_t capacity = std::max<size_t>(bytes, 2 * parser.capacity());
      const auto error = parser.allocate(capacity, kDepthMax + 4);
      KENG_CHECK(!error, "simdjson cannot allocate ", capacity, " bytes");
    }
    unescaped.clear();
    if (unescaped.capacity() < bytes) unescaped.reserve(parser.capacity());
  }

  json::parser parser;
  std::string unescaped;
  uint32_t seen = 0;   // bits of the fields that stood in the object
  uint32_t given = 0;  // of those, the ones that are not null
};

namespace {

bool Nullable(Field field) {
  constexpr uint32_t kNullable = Bit(kScope) | Bit(kUrl) | Bit(kAuthor) | Bit(kAccount) |
                                 Bit(kLang) | Bit(kReplyTo) | Bit(kVersion) | Bit(kEditedAt) |
                                 Bit(kDeletedAt) | Bit(kReach) | Bit(kMedia);
  return (kNullable & Bit(field)) != 0;
}

json::json_type TypeOf(Field field) {
  if (field == kReach) return json::json_type::object;
  if (field == kMedia) return json::json_type::array;
  if (field == kEdit) return json::json_type::boolean;
  return json::json_type::string;
}

DropReason SetTime(std::string_view text, absl::Time& time) {
  const std::optional<absl::Time> parsed = ParseRfc3339(text);
  if (!parsed.has_value()) return DropReason::kBadValue;
  time = *parsed;
  return DropReason::kNone;
}

// Gives `text` to its place in the post.
DropReason SetString(Field field, std::string_view text, Post& post) {
  switch (field) {
    case kId:
      post.id = text;
      return text.empty() ? DropReason::kBadValue : DropReason::kNone;
    case kSource:
      post.source = text;
      return text.empty() ? DropReason::kBadValue : DropReason::kNone;
    case kKind:
      if (text == "post")
        post.kind = PostKind::kPost;
      else if (text == "comment")
        post.kind = PostKind::kComment;
      else if (text == "delete")
        post.kind = PostKind::kDelete;
      else
        return DropReason::kBadValue;
      return DropReason::kNone;
    case kScope:
      if (text == "post")
        post.scope = DeleteScope::kPost;
      else if (text == "author")
        post.scope = DeleteScope::kAuthor;
      else
        return DropReason::kBadValue;
      return DropReason::kNone;
    case kUrl:
      post.url = text;
      return DropReason::kNone;
    case kAuthor:
      post.author = text;
      return DropReason::kNone;
    case kAccount:
      post.account = text;
      return DropReason::kNone;
    case kText:
      post.text = text;
      return DropReason::kNone;
    case kLang:
      post.lang = text;
      return DropReason::kNone;
    case kReplyTo:
      post.reply_to = text;
      return DropReason::kNone;
    case kVersion:
      post.version = text;
      return DropReason::kNone;
    case kCreatedAt:
      return SetTime(text, post.created_at);
    case kEditedAt:
    case kDeletedAt:
      return SetTime(text, post.edited_at);
    default:
      return DropReason::kNone;
  }
}

}  // namespace

DropReason PostParser::State::ReadField(Field field, json::value value, Mode mode, Post& post) {
  if (field == kUnknown) return mode == Mode::kStored ? DropReason::kNone : CheckUnknown(value, 1);
  if ((seen & Bit(field)) != 0) return DropReason::kDuplicateKey;
  seen |= Bit(field);

  const std::string_view token = TrimRight(value.raw_json_token());
  if (token.empty()) return DropReason::kJsonSyntax;
  if (token == "null") return Nullable(field) ? DropReason::kNone : DropReason::kWrongType;
  given |= Bit(field);
  json::json_type type;
  if (const auto error = value.type().get(type)) return ReasonOf(error);
  if (type != TypeOf(field)) {
    const DropReason syntax = CheckUnknown(value, 1);
    return syntax == DropReason::kNone ? DropReason::kWrongType : syntax;
  }
  if (field == kReach) return ReadReach(value, mode, post.reach);
  if (field == kMedia) return CheckUnknown(value, 1);
  if (field == kEdit) {
    if (token != "true" && token != "false") return DropReason::kJsonSyntax;
    // Only our own word counts: a producer says `edited_at`.
    post.edit = mode == Mode::kStored && token == "true";
    return DropReason::kNone;
  }
  std::string_view text;
  if (const DropReason bad = Consume(value); bad != DropReason::kNone) return bad;
  if (const DropReason bad = String(token, text); bad != DropReason::kNone) return bad;
  if (const size_t bytes_max = kFieldBytesMax[field]; bytes_max != 0 && text.size() > bytes_max)
    return field == kText ? DropReason::kTooLong : DropReason::kBadValue;
  return SetString(field, text, post);
}

PostParser::PostParser() : state_(std::make_unique<State>()) {}
PostParser::~PostParser() = default;

DropReason PostParser::Fail(DropReason reason, std::string_view field) {
  failed_field_ = field;
  return reason;
}

DropReason PostParser::Parse(std::string_view text, Mode mode, absl::Time now, Post& post) {
  State& state = *state_;
  failed_field_ = {};
  post = Post{};
  if (text.size() > kLineBytesMax) return DropReason::kTooLong;
  state.Prepare(text.size());

  json::document document;
  const simdjson::padded_string_view padded(text.data(), text.size(), text.size() + kPadding);
  if (const auto error = state.parser.iterate(padded).get(document)) return ReasonOf(error);
  json::object object;
  if (const auto error = document.get_object().get(object)) return ReasonOf(error);
  state.seen = state.given = 0;
  for (auto entry : object) {
    json::field field;
    if (const auto error = std::move(entry).get(field)) return ReasonOf(error);
    std::string_view key;
    if (const DropReason bad = state.Key(field, key); bad != DropReason::kNone) return bad;
    const Field which = FieldByName(key);
    const DropReason bad = state.ReadField(which, field.value(), mode, post);
    if (bad != DropReason::kNone)
      return Fail(bad, which == kUnknown ? std::string_view() : kPostFields[which]);
  }
  // Anything but OUT_OF_BOUNDS: something follows the object.
  if (document.current_location().error() != simdjson::OUT_OF_BOUNDS)
    return DropReason::kJsonSyntax;
  return CheckWhole(state.given, mode, now, post);
}

bool PostParser::ParseBrief(std::string_view text, Brief& brief) {
  State& state = *state_;
  brief = Brief{};
  if (text.size() > kLineBytesMax) return false;
  state.Prepare(text.size());
  json::document document;
  const simdjson::padded_string_view padded(text.data(), text.size(), text.size() + kPadding);
  if (state.parser.iterate(padded).get(document)) return false;
  json::object object;
  if (document.get_object().get(object)) return false;
  // In the order of the writer, so that nothing is looked at twice.
  const auto string = [&](std::string_view key, std::string_view& value) {
    json::value found;
    if (object.find_field(key).get(found)) return false;
    const std::string_view token = TrimRight(found.raw_json_token());
    if (State::Consume(found) != DropReason::kNone) return false;
    return state.String(token, value) == DropReason::kNone;
  };
  std::string_view kind;
  std::string_view created;
  if (!string(kPostFields[kKind], kind) || !string(kPostFields[kText], brief.text) ||
      !string(kPostFields[kCreatedAt], created)) {
    return false;
  }
  if (kind == "comment") {
    brief.kind = PostKind::kComment;
  } else if (kind != "post") {
    return false;
  }
  if (brief.text.size() > kTextBytesMax) return false;
  const std::optional<absl::Time> time = state.times.Parse(created);
  if (!time.has_value()) return false;
  brief.created_at = *time;
  bool edit = false;
  if (!object.find_field(kPostFields[kEdit]).get_bool().get(edit)) brief.edit = edit;
  return true;
}

// What no field can tell alone.
DropReason PostParser::CheckWhole(uint32_t given, Mode mode, absl::Time now, const Post& post) {
  uint32_t required = Bit(kId);
  if (mode == Mode::kTool) {
    if (post.kind != PostKind::kDelete) required |= Bit(kText);
  } else if (post.kind != PostKind::kDelete) {
    required |= Bit(kSource) | Bit(kText) | Bit(kCreatedAt);
  } else {
    required |= Bit(kSource);
    // What is stored of it no longer says whose account it was.
    if (post.scope == DeleteScope::kAuthor && mode == Mode::kInput) required |= Bit(kAuthor);
  }
  if (const uint32_t missing = required & ~given; missing != 0) {
    for (int field = 0; field < kFieldCount; ++field)
      if ((missing & (1U << field)) != 0)
        return Fail(DropReason::kMissingField, kPostFields[field]);
  }
  if (mode == Mode::kStored) return DropReason::kNone;
  const auto absurd = [&](absl::Time time) {
    return time != absl::InfinitePast() && (time < kEarliest || time > now + kAheadMax);
  };
  if (absurd(post.created_at)) return Fail(DropReason::kAbsurdTime, kPostFields[kCreatedAt]);
  if (absurd(post.edited_at)) {
    const Field field = post.kind == PostKind::kDelete ? kDeletedAt : kEditedAt;
    return Fail(DropReason::kAbsurdTime, kPostFields[field]);
  }
  if (post.scope == DeleteScope::kAuthor && post.kind != PostKind::kDelete)
    return Fail(DropReason::kBadValue, kPostFields[kScope]);
  return DropReason::kNone;
}

std::string_view DropReasonName(DropReason reason) {
  switch (reason) {
    case DropReason::kNone:
      return "none";
    case DropReason::kJsonSyntax:
      return "json_syntax";
    case DropReason::kUnicode:
      return "unicode";
    case DropReason::kTooLong:
      return "too_long";
    case DropReason::kMissingField:
      return "missing_field";
    case DropReason::kWrongType:
      return "wrong_type";
    case DropReason::kBadValue:
      return "bad_value";
    case DropReason::kDuplicateKey:
      return "duplicate_key";
    case DropReason::kAbsurdTime:
      return "absurd_time";
    case DropReason::kOptedOut:
      return "opted_out";
    case DropReason::kExpiredSource:
      return "expired_source";
  }
  return "unknown";
}

}  // namespace keng::ingest
