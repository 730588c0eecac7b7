#include "filters/inbox_record.h"

#include <limits>

#include "base/check.h"
#include "base/json_text.h"
#include "base/strings.h"
#include "filters/sketch.h"
#include "simdjson.h"

namespace keng::filters {
namespace {

using simdjson::ondemand::value;

constexpr int kVersion = 1;
constexpr std::string_view kVerbNames[] = {"received", "resolved", "noise",  "silence",
                                           "reassign", "pause",    "resume", "replay"};
constexpr int64_t kMicrosMax = std::numeric_limits<int64_t>::max();
constexpr size_t kSetMax = 4096;  // of a sketch's numbers or names

// ---- Writing ---------------------------------------------------------------------------------

class Writer {
 public:
  Writer(std::string_view type, std::string& out) : out_(out) {
    base::StrAppend(&out_, "{\"type\":\"", type, "\",\"v\":", kVersion);
  }
  ~Writer() { out_ += '}'; }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void String(std::string_view name, std::string_view text) {
    if (text.empty()) return;
    Name(name);
    base::AppendJsonString(text, out_);
  }
  void Int(std::string_view name, int64_t number) {
    Name(name);
    base::StrAppend(&out_, number);
  }
  void Duration(std::string_view name, absl::Duration duration) {
    Int(name, absl::ToInt64Microseconds(duration));
  }
  // InfinitePast is left out, InfiniteFuture is the largest number.
  void Time(std::string_view name, absl::Time time) {
    if (time == absl::InfinitePast()) return;
    Int(name, time == absl::InfiniteFuture() ? kMicrosMax : absl::ToUnixMicros(time));
  }
  void Strings(std::string_view name, const std::vector<std::string>& texts) {
    Name(name);
    out_ += '[';
    for (size_t i = 0; i < texts.size(); ++i) {
      if (i > 0) out_ += ',';
      base::AppendJsonString(texts[i], out_);
    }
    out_ += ']';
  }
  void Hashes(std::string_view name, const std::vector<uint32_t>& hashes) {
    if (hashes.empty()) return;
    Name(name);
    out_ += '"';
    AppendPackedHashes(hashes, out_);
    out_ += '"';
  }
  void Spans(std::string_view name, const std::vector<HitSpan>& spans) {
    Name(name);
    out_ += '[';
    for (size_t i = 0; i < spans.size(); ++i) {
      base::StrAppend(&out_, i == 0 ? "[" : ",[", spans[i].span.begin, ",", spans[i].span.end, ",",
                      static_cast<int>(spans[i].marks), ",");
      base::AppendJsonString(spans[i].phrase, out_);
      out_ += ']';
    }
    out_ += ']';
  }

 private:
  void Name(std::string_view name) { base::StrAppend(&out_, ",\"", name, "\":"); }

  std::string& out_;
};

void Append(const HitRecord& record, std::string& out) {
  Writer writer("hit", out);
  const Hit& hit = record.hit;
  writer.String("post", hit.post);
  writer.String("rule", hit.rule);
  writer.String("topic", hit.topic);
  writer.String("cell", hit.cell);
  writer.String("place", hit.place);
  writer.Int("reason", static_cast<int>(hit.reason));
  writer.Spans("spans", hit.spans);
  const RuleFacts& rule = record.rule;
  writer.String("title_vi", rule.title_vi);
  writer.String("title_en", rule.title_en);
  writer.Int("severity", static_cast<int>(rule.severity));
  writer.Int("status", static_cast<int>(rule.status));
  writer.Int("threshold_posts", rule.threshold_posts);
  writer.Int("threshold_authors", rule.threshold_authors);
  writer.Duration("threshold_window", rule.threshold_window);
  writer.Duration("join_window", rule.join_window);
  writer.Duration("reopen_window", rule.reopen_window);
  writer.String("claim", rule.claim);
  writer.String("verdict", rule.verdict);
  writer.String("answer_vi", rule.answer_vi);
  writer.String("answer_en", rule.answer_en);
  writer.String("answer_url", rule.answer_url);
  writer.Hashes("shingles", record.sketch.shingles);
  writer.Hashes("numbers", record.sketch.numbers);
  writer.Hashes("names", record.sketch.names);
  writer.String("author", record.author);
  writer.String("account", record.account);
  writer.String("source", record.source);
  writer.String("url", record.url);
  writer.String("version", record.version);
  writer.String("rule_set", record.rule_set);
  writer.Strings("place_path", record.place_path);
  writer.Time("created_at", record.created_at);
  writer.Time("appended_at", record.appended_at);
}

void Append(const EditRecord& record, std::string& out) {
  Writer writer("edit", out);
  writer.String("post", record.post);
  writer.String("version", record.version);
  writer.Strings("rules", record.rules);
}

void Append(const RetractionRecord& record, std::string& out) {
  Writer writer("retraction", out);
  writer.String("post", record.post);
  writer.String("version", record.version);
}

void Append(const ActionRecord& record, std::string& out) {
  Writer writer("action", out);
  writer.String("id", record.id);
  writer.String("verb", ActionVerbName(record.verb));
  writer.String("incident", record.incident);
  writer.String("actor", record.actor);
  writer.String("cell", record.cell);
  writer.String("topic", record.topic);
  writer.Time("until", record.until);
  writer.String("note", record.note);
  writer.String("alert", record.alert);
  writer.String("channel", record.channel);
}

void Append(const TickRecord& record, std::string& out) {
  Writer writer("tick", out);
  writer.Time("now", record.now);
}

void Append(const EpochRecord& record, std::string& out) {
  Writer writer("epoch", out);
  writer.Int("epoch", record.epoch);
  writer.String("owner", record.owner);
}

void Append(const SettingsRecord& record, std::string& out) {
  Writer writer("settings", out);
  writer.Int("rings_per_cell_hour", record.rings_per_cell_hour);
  if (record.epoch != 0) writer.Int("epoch", record.epoch);
}

// ---- Reading ---------------------------------------------------------------------------------

absl::Status Wrong(std::string_view field, std::string_view expected) {
  return absl::InvalidArgumentError(
      base::StrCat("inbox record: \"", field, "\" is not ", expected));
}

absl::Status ReadString(std::string_view name, value& json, std::string& out) {
  std::string_view text;
  if (json.get_string().get(text) != simdjson::SUCCESS) return Wrong(name, "a string");
  out = text;
  return absl::OkStatus();
}

absl::Status ReadInt(std::string_view name, value& json, int64_t low, int64_t high, int64_t& out) {
  if (json.get_int64().get(out) != simdjson::SUCCESS || out < low || out > high) {
    return Wrong(name, base::StrCat("an integer from ", low, " to ", high));
  }
  return absl::OkStatus();
}

template <typename T>
absl::Status ReadSmall(std::string_view name, value& json, int64_t low, int64_t high, T& out) {
  int64_t number = 0;
  KENG_RETURN_IF_ERROR(ReadInt(name, json, low, high, number));
  out = static_cast<T>(number);
  return absl::OkStatus();
}

absl::Status ReadTime(std::string_view name, value& json, absl::Time& out) {
  int64_t micros = 0;
  KENG_RETURN_IF_ERROR(
      ReadInt(name, json, std::numeric_limits<int64_t>::min(), kMicrosMax, micros));
  out = micros == kMicrosMax ? absl::InfiniteFuture() : absl::FromUnixMicros(micros);
  return absl::OkStatus();
}

absl::Status ReadDuration(std::string_view name, value& json, absl::Duration& out) {
  int64_t micros = 0;
  KENG_RETURN_IF_ERROR(ReadInt(name, json, 0, kMicrosMax, micros));
  out = absl::Microseconds(micros);
  return absl::OkStatus();
}

absl::Status ReadStrings(std::string_view name, value& json, std::vector<std::string>& out) {
  out.clear();
  simdjson::ondemand::array items;
  if (json.get_array().get(items) != simdjson::SUCCESS) return Wrong(name, "an array of strings");
  for (auto item : items) {
    std::string_view text;
    if (item.get_string().get(text) != simdjson::SUCCESS) {
      return Wrong(name, "an array of strings");
    }
    out.emplace_back(text);
  }
  return absl::OkStatus();
}

absl::Status ReadHashes(std::string_view name, value& json, size_t count_max,
                        std::vector<uint32_t>& out) {
  std::string_view text;
  if (json.get_string().get(text) != simdjson::SUCCESS) return Wrong(name, "a string");
  if (!ParsePackedHashes(text, count_max, out).ok()) return Wrong(name, "a set of packed hashes");
  return absl::OkStatus();
}

absl::Status ReadSpan(value json, HitSpan& span) {
  constexpr std::string_view kExpected = "an array of [begin, end, marks, phrase]";
  simdjson::ondemand::array parts;
  if (json.get_array().get(parts) != simdjson::SUCCESS) return Wrong("spans", kExpected);
  size_t at = 0;
  for (auto part : parts) {
    value element;
    if (part.get(element) != simdjson::SUCCESS) return Wrong("spans", kExpected);
    switch (at++) {
      case 0:
        KENG_RETURN_IF_ERROR(ReadSmall("spans", element, 0, UINT32_MAX, span.span.begin));
        break;
      case 1:
        KENG_RETURN_IF_ERROR(ReadSmall("spans", element, 0, UINT32_MAX, span.span.end));
        break;
      case 2:
        KENG_RETURN_IF_ERROR(ReadSmall("spans", element, 0,
                                       static_cast<int>(MarksEvidence::kConflicting), span.marks));
        break;
      case 3:
        KENG_RETURN_IF_ERROR(ReadString("spans", element, span.phrase));
        break;
      default:
        return Wrong("spans", kExpected);
    }
  }
  if (at != 4) return Wrong("spans", kExpected);
  return absl::OkStatus();
}

absl::Status ReadSpans(value& json, std::vector<HitSpan>& spans) {
  simdjson::ondemand::array items;
  if (json.get_array().get(items) != simdjson::SUCCESS) return Wrong("spans", "an array");
  for (auto item : items) {
    value element;
    if (item.get(element) != simdjson::SUCCESS) return Wrong("spans", "an array");
    KENG_RETURN_IF_ERROR(ReadSpan(element, spans.emplace_back()));
  }
  return absl::OkStatus();
}

// Each ReadField() takes one field; a name that it does not know is skipped.

absl::Status ReadRuleField(std::string_view name, value& json, RuleFacts& rule) {
  if (name == "title_vi") return ReadString(name, json, rule.title_vi);
  if (name == "title_en") return ReadString(name, json, rule.title_en);
  if (name == "severity") {
    return ReadSmall(name, json, 0, static_cast<int>(Severity::kCritical), rule.severity);
  }
  if (name == "status") {
    return ReadSmall(name, json, 0, static_cast<int>(RuleStatus::kStable), rule.status);
  }
  if (name == "threshold_posts") return ReadSmall(name, json, 1, INT32_MAX, rule.threshold_posts);
  if (name == "threshold_authors") {
    return ReadSmall(name, json, 1, INT32_MAX, rule.threshold_authors);
  }
  if (name == "threshold_window") return ReadDuration(name, json, rule.threshold_window);
  if (name == "join_window") return ReadDuration(name, json, rule.join_window);
  if (name == "reopen_window") return ReadDuration(name, json, rule.reopen_window);
  if (name == "claim") return ReadString(name, json, rule.claim);
  if (name == "verdict") return ReadString(name, json, rule.verdict);
  if (name == "answer_vi") return ReadString(name, json, rule.answer_vi);
  if (name == "answer_en") return ReadString(name, json, rule.answer_en);
  if (name == "answer_url") return ReadString(name, json, rule.answer_url);
  return absl::OkStatus();
}

absl::Status ReadField(std::string_view name, value& json, HitRecord& record) {
  Hit& hit = record.hit;
  if (name == "post") return ReadString(name, json, hit.post);
  if (name == "rule") return ReadString(name, json, hit.rule);
  if (name == "topic") return ReadString(name, json, hit.topic);
  if (name == "cell") return ReadString(name, json, hit.cell);
  if (name == "place") return ReadString(name, json, hit.place);
  if (name == "reason") {
    return ReadSmall(name, json, 0, static_cast<int>(RouteReason::kElsewhere), hit.reason);
  }
  if (name == "spans") return ReadSpans(json, hit.spans);
  if (name == "shingles") {
    return ReadHashes(name, json, Sketch::kShinglesMax, record.sketch.shingles);
  }
  if (name == "numbers") return ReadHashes(name, json, kSetMax, record.sketch.numbers);
  if (name == "names") return ReadHashes(name, json, kSetMax, record.sketch.names);
  if (name == "author") return ReadString(name, json, record.author);
  if (name == "account") return ReadString(name, json, record.account);
  if (name == "source") return ReadString(name, json, record.source);
  if (name == "url") return ReadString(name, json, record.url);
  if (name == "version") return ReadString(name, json, record.version);
  if (name == "rule_set") return ReadString(name, json, record.rule_set);
  if (name == "place_path") return ReadStrings(name, json, record.place_path);
  if (name == "created_at") return ReadTime(name, json, record.created_at);
  if (name == "appended_at") return ReadTime(name, json, record.appended_at);
  return ReadRuleField(name, json, record.rule);
}

absl::Status ReadField(std::string_view name, value& json, EditRecord& record) {
  if (name == "post") return ReadString(name, json, record.post);
  if (name == "version") return ReadString(name, json, record.version);
  if (name == "rules") return ReadStrings(name, json, record.rules);
  return absl::OkStatus();
}

absl::Status ReadField(std::string_view name, value& json, RetractionRecord& record) {
  if (name == "post") return ReadString(name, json, record.post);
  if (name == "version") return ReadString(name, json, record.version);
  return absl::OkStatus();
}

absl::Status ReadField(std::string_view name, value& json, ActionRecord& record) {
  if (name == "id") return ReadString(name, json, record.id);
  if (name == "verb") {
    std::string text;
    KENG_RETURN_IF_ERROR(ReadString(name, json, text));
    const std::optional<ActionVerb> verb = ActionVerbByName(text);
    if (!verb) return absl::UnimplementedError("inbox record: an action's verb is not known");
    record.verb = *verb;
    return absl::OkStatus();
  }
  if (name == "incident") return ReadString(name, json, record.incident);
  if (name == "actor") return ReadString(name, json, record.actor);
  if (name == "cell") return ReadString(name, json, record.cell);
  if (name == "topic") return ReadString(name, json, record.topic);
  if (name == "until") return ReadTime(name, json, record.until);
  if (name == "note") return ReadString(name, json, record.note);
  if (name == "alert") return ReadString(name, json, record.alert);
  if (name == "channel") return ReadString(name, json, record.channel);
  return absl::OkStatus();
}

absl::Status ReadField(std::string_view name, value& json, TickRecord& record) {
  if (name == "now") return ReadTime(name, json, record.now);
  return absl::OkStatus();
}

absl::Status ReadField(std::string_view name, value& json, EpochRecord& record) {
  if (name == "epoch") return ReadInt(name, json, 0, kMicrosMax, record.epoch);
  if (name == "owner") return ReadString(name, json, record.owner);
  return absl::OkStatus();
}

absl::Status ReadField(std::string_view name, value& json, SettingsRecord& record) {
  if (name == "rings_per_cell_hour") {
    return ReadSmall(name, json, 0, INT32_MAX, record.rings_per_cell_hour);
  }
  if (name == "epoch") return ReadInt(name, json, 0, kMicrosMax, record.epoch);
  return absl::OkStatus();
}

absl::Status Missing(std::string_view field) {
  return absl::InvalidArgumentError(base::StrCat("inbox record: \"", field, "\" is missing"));
}

// What becomes part of a key of the state.
absl::Status CheckName(std::string_view field, std::string_view name) {
  if (name.size() <= kInboxNameBytesMax) return absl::OkStatus();
  return absl::InvalidArgumentError(base::StrCat("inbox record: \"", field, "\" has ", name.size(),
                                                 " bytes, more than ", kInboxNameBytesMax));
}
absl::Status CheckId(std::string_view field, std::string_view id) {
  return id.empty() ? Missing(field) : CheckName(field, id);
}

// What a record cannot do without, and what it must not have.
absl::Status Check(const HitRecord& record) {
  KENG_RETURN_IF_ERROR(CheckId("post", record.hit.post));
  KENG_RETURN_IF_ERROR(CheckId("rule", record.hit.rule));
  KENG_RETURN_IF_ERROR(CheckId("topic", record.hit.topic));
  KENG_RETURN_IF_ERROR(CheckName("cell", record.hit.cell));
  KENG_RETURN_IF_ERROR(CheckName("place", record.hit.place));
  KENG_RETURN_IF_ERROR(CheckName("author", record.author));
  for (const std::string& place : record.place_path)
    KENG_RETURN_IF_ERROR(CheckName("place_path", place));
  return absl::OkStatus();
}
absl::Status Check(const EditRecord& record) {
  for (const std::string& rule : record.rules) KENG_RETURN_IF_ERROR(CheckName("rules", rule));
  return CheckId("post", record.post);
}
absl::Status Check(const RetractionRecord& record) { return CheckId("post", record.post); }
absl::Status Check(const ActionRecord& record) {
  KENG_RETURN_IF_ERROR(CheckId("id", record.id));
  KENG_RETURN_IF_ERROR(CheckName("incident", record.incident));
  KENG_RETURN_IF_ERROR(CheckName("cell", record.cell));
  return CheckName("topic", record.topic);
}
absl::Status Check(const TickRecord& record) {
  return record.now == absl::InfinitePast() ? Missing("now") : absl::OkStatus();
}
absl::Status Check(const EpochRecord&) { return absl::OkStatus(); }
absl::Status Check(const SettingsRecord&) { return absl::OkStatus(); }

}  // namespace

std::string_view ActionVerbName(ActionVerb verb) { return kVerbNames[static_cast<size_t>(verb)]; }

std::optional<ActionVerb> ActionVerbByName(std::string_view name) {
  for (size_t i = 0; i < std::size(kVerbNames); ++i) {
    if (name == kVerbNames[i]) return static_cast<ActionVerb>(i);
  }
  return std::nullopt;
}

bool SameSettings(const SettingsRecord& a, const SettingsRecord& b) {
  return a.rings_per_cell_hour == b.rings_per_cell_hour;
}

void AppendInboxRecord(const InboxRecord& record, std::string& out) {
  std::visit([&out](const auto& known) { Append(known, out); }, record);
}

struct InboxParser::State {
  simdjson::ondemand::parser parser;

  template <typename T>
  static absl::StatusOr<InboxRecord> ReadAll(simdjson::ondemand::object& object) {
    T record{};
    for (auto field : object) {
      std::string_view name;
      value json;
      if (field.unescaped_key().get(name) != simdjson::SUCCESS ||
          std::move(field).value().get(json) != simdjson::SUCCESS) {
        return absl::InvalidArgumentError("inbox record: broken JSON");
      }
      KENG_RETURN_IF_ERROR(ReadField(name, json, record));
    }
    KENG_RETURN_IF_ERROR(Check(record));
    return InboxRecord(std::move(record));
  }

  static absl::StatusOr<InboxRecord> ReadRecord(simdjson::ondemand::document& document) {
    simdjson::ondemand::object object;
    if (document.get_object().get(object) != simdjson::SUCCESS) {
      return absl::InvalidArgumentError("inbox record: not a JSON object");
    }
    std::string_view type_text;
    if (object.find_field("type").get_string().get(type_text) != simdjson::SUCCESS) {
      return Missing("type");
    }
    const std::string type(type_text);
    int64_t version = 0;
    if (object.find_field("v").get_int64().get(version) != simdjson::SUCCESS) return Missing("v");
    if (version != kVersion) {
      return absl::UnimplementedError(base::StrCat("inbox record: version ", version));
    }
    if (object.reset().error() != simdjson::SUCCESS) {
      return absl::InvalidArgumentError("inbox record: broken JSON");
    }
    if (type == "hit") return ReadAll<HitRecord>(object);
    if (type == "edit") return ReadAll<EditRecord>(object);
    if (type == "retraction") return ReadAll<RetractionRecord>(object);
    if (type == "action") return ReadAll<ActionRecord>(object);
    if (type == "tick") return ReadAll<TickRecord>(object);
    if (type == "epoch") return ReadAll<EpochRecord>(object);
    if (type == "settings") return ReadAll<SettingsRecord>(object);
    return absl::UnimplementedError("inbox record: a type that is not known");
  }
};

InboxParser::InboxParser() : state_(std::make_unique<State>()) {}
InboxParser::~InboxParser() = default;

absl::StatusOr<InboxRecord> InboxParser::Parse(std::string_view json) {
  static_assert(simdjson::SIMDJSON_PADDING <= 64, "stream/stream.h promises 64 bytes");
  simdjson::ondemand::document document;
  if (state_->parser.iterate(json.data(), json.size(), json.size() + simdjson::SIMDJSON_PADDING)
          .get(document) != simdjson::SUCCESS) {
    return absl::InvalidArgumentError("inbox record: broken JSON");
  }
  absl::StatusOr<InboxRecord> record = State::ReadRecord(document);
  if (record.ok() && document.current_location().error() != simdjson::OUT_OF_BOUNDS) {
    return absl::InvalidArgumentError("inbox record: something follows the object");
  }
  return record;
}

}  // namespace keng::filters
