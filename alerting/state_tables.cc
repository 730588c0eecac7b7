#include "alerting/state_tables.h"

#include <bit>
#include <type_traits>

#include "base/check.h"

namespace keng::alerting {
namespace {

// One function, Fields(), names the fields of a row; a Writer and a Reader walk it in the two
// directions, so that they cannot disagree.
//
// Numbers are zigzag varints, strings have their length before them, times are microseconds.

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  void Number(int64_t& number) {
    uint64_t bits = static_cast<uint64_t>(number) << 1 ^ static_cast<uint64_t>(number >> 63);
    for (; bits >= 0x80; bits >>= 7) out_ += static_cast<char>(bits | 0x80);
    out_ += static_cast<char>(bits);
  }
  void Text(std::string& text) {
    int64_t size = static_cast<int64_t>(text.size());
    Number(size);
    out_ += text;
  }
  // The number of elements that follow.
  template <typename T>
  void Size(std::vector<T>& items) {
    int64_t size = static_cast<int64_t>(items.size());
    Number(size);
  }

 private:
  std::string& out_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  bool ok() const { return ok_ && bytes_.empty(); }

  void Number(int64_t& number) {
    uint64_t bits = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (bytes_.empty()) break;
      const uint8_t byte = static_cast<uint8_t>(bytes_.front());
      bytes_.remove_prefix(1);
      bits |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) != 0) continue;
      number = static_cast<int64_t>(bits >> 1 ^ (~(bits & 1) + 1));
      return;
    }
    Fail();
  }
  void Text(std::string& text) {
    int64_t size = 0;
    Number(size);
    if (size < 0 || static_cast<uint64_t>(size) > bytes_.size()) return Fail();
    text = bytes_.substr(0, static_cast<size_t>(size));
    bytes_.remove_prefix(static_cast<size_t>(size));
  }
  template <typename T>
  void Size(std::vector<T>& items) {
    int64_t size = 0;
    Number(size);
    // Each element takes one byte at least.
    if (size < 0 || static_cast<uint64_t>(size) > bytes_.size()) return Fail();
    items.resize(static_cast<size_t>(size));
  }

 private:
  void Fail() {
    ok_ = false;
    bytes_ = {};
  }

  std::string_view bytes_;
  bool ok_ = true;
};

template <typename A>
void Field(A& archive, int64_t& number) {
  archive.Number(number);
}
template <typename A>
void Field(A& archive, std::string& text) {
  archive.Text(text);
}
template <typename A, typename T>
  requires(std::is_enum_v<T> || std::is_same_v<T, bool> || std::is_same_v<T, int> ||
           std::is_same_v<T, uint32_t>)
void Field(A& archive, T& small) {
  int64_t number = static_cast<int64_t>(small);
  archive.Number(number);
  small = static_cast<T>(number);
}
template <typename A>
void Field(A& archive, absl::Time& time) {
  int64_t micros = time == absl::InfinitePast()     ? INT64_MIN
                   : time == absl::InfiniteFuture() ? INT64_MAX
                                                    : absl::ToUnixMicros(time);
  archive.Number(micros);
  time = micros == INT64_MIN   ? absl::InfinitePast()
         : micros == INT64_MAX ? absl::InfiniteFuture()
                               : absl::FromUnixMicros(micros);
}
template <typename A>
void Field(A& archive, absl::Duration& duration) {
  int64_t micros = absl::ToInt64Microseconds(duration);
  archive.Number(micros);
  duration = absl::Microseconds(micros);
}

template <typename A, typename... T>
void Fields(A& archive, T&... fields) {
  (Field(archive, fields), ...);
}

template <typename A, typename T>
void Field(A& archive, std::vector<T>& items) {
  archive.Size(items);
  for (T& item : items) Field(archive, item);
}
template <typename A, size_t N>
void Field(A& archive, std::array<int64_t, N>& numbers) {
  for (int64_t& number : numbers) archive.Number(number);
}

template <typename A>
void Field(A& archive, filters::HitSpan& span) {
  Fields(archive, span.span.begin, span.span.end, span.phrase, span.marks);
}
template <typename A>
void Field(A& archive, filters::Sketch& sketch) {
  Fields(archive, sketch.shingles, sketch.numbers, sketch.names);
}
template <typename A>
void Field(A& archive, filters::RuleFacts& facts) {
  Fields(archive, facts.title_vi, facts.title_en, facts.severity, facts.status,
         facts.threshold_posts, facts.threshold_authors, facts.threshold_window, facts.join_window,
         facts.reopen_window, facts.claim, facts.verdict, facts.answer_vi, facts.answer_en,
         facts.answer_url);
}
template <typename A>
void Field(A& archive, Incident& incident) {
  Fields(archive, incident.id, incident.desk, incident.cell, incident.topic, incident.place,
         incident.place_path, incident.state, incident.severity, incident.route_reason,
         incident.rule, incident.facts, incident.first_post, incident.first_url,
         incident.first_account, incident.first_spans, incident.posts, incident.authors,
         incident.posts_rung, incident.version, incident.opened_at, incident.last_hit_at,
         incident.closed_at, incident.first_created_at, incident.received_by);
}
template <typename A>
void Field(A& archive, KnownHit& hit) {
  Fields(archive, hit.rule, hit.scope, hit.incident, hit.member, hit.version);
}

template <typename A>
void Field(A& archive, FoldRow& row) {
  Fields(archive, row.next_offset, row.now, row.epoch, row.alerts_decided, row.paused,
         row.settings.rings_per_cell_hour, row.outcomes, row.rings, row.alerts);
}
template <typename A>
void Field(A& archive, PostRow& row) {
  Fields(archive, row.version, row.retracted, row.retracted_version, row.touched_at,
         row.trail_erased, row.hits);
}
template <typename A>
void Field(A& archive, IncidentRow& row) {
  Fields(archive, row.incident, row.scope, row.join_key, row.indexed, row.sketch,
         row.silenced_until, row.first_member, row.alerts);
}
template <typename A>
void Field(A& archive, MemberRow& row) {
  Fields(archive, row.post, row.author, row.url, row.account, row.version, row.route_reason,
         row.spans, row.sketch, row.created_at, row.joined_at, row.spans_rule);
}
template <typename A>
void Field(A& archive, StormRow& row) {
  Fields(archive, row.rings, row.summaries, row.held, row.held_back);
}
template <typename A>
void Field(A& archive, TextRow& row) {
  Fields(archive, row.appended_at, row.version, row.record);
}
template <typename A>
void Field(A& archive, Alert& alert) {
  Fields(archive, alert.id, alert.reason, alert.desk, alert.cell, alert.incident, alert.held_back,
         alert.decided_at, alert.appended_at);
}
template <typename A>
void Field(A& archive, Delivery& delivery) {
  Fields(archive, delivery.alert, delivery.channel, delivery.state, delivery.attempts,
         delivery.next_attempt_at, delivery.give_up_at, delivery.remote_id, delivery.last_error);
}
template <typename A>
void Field(A& archive, ShownMessage& message) {
  Fields(archive, message.incident, message.channel, message.remote_id, message.incident_version);
}

template <typename Row>
std::string EncodeRow(const Row& row) {
  std::string bytes;
  Writer writer(bytes);
  Row copy = row;  // the one walk takes fields by reference
  Field(writer, copy);
  return bytes;
}

template <typename Row>
absl::Status DecodeRow(std::string_view bytes, Row& row) {
  Reader reader(bytes);
  Field(reader, row);
  if (!reader.ok()) return absl::DataLossError("alerting: a row of the store is not readable");
  return absl::OkStatus();
}

}  // namespace

std::string Encode(const FoldRow& row) { return EncodeRow(row); }
std::string Encode(const PostRow& row) { return EncodeRow(row); }
std::string Encode(const IncidentRow& row) { return EncodeRow(row); }
std::string Encode(const MemberRow& row) { return EncodeRow(row); }
std::string Encode(const StormRow& row) { return EncodeRow(row); }
std::string Encode(const TextRow& row) { return EncodeRow(row); }
std::string Encode(const Alert& alert) { return EncodeRow(alert); }
std::string Encode(const Delivery& delivery) { return EncodeRow(delivery); }
std::string Encode(const ShownMessage& message) { return EncodeRow(message); }

absl::Status Decode(std::string_view bytes, FoldRow& row) { return DecodeRow(bytes, row); }
absl::Status Decode(std::string_view bytes, PostRow& row) { return DecodeRow(bytes, row); }
absl::Status Decode(std::string_view bytes, IncidentRow& row) { return DecodeRow(bytes, row); }
absl::Status Decode(std::string_view bytes, MemberRow& row) { return DecodeRow(bytes, row); }
absl::Status Decode(std::string_view bytes, StormRow& row) { return DecodeRow(bytes, row); }
absl::Status Decode(std::string_view bytes, TextRow& row) { return DecodeRow(bytes, row); }
absl::Status Decode(std::string_view bytes, Alert& alert) { return DecodeRow(bytes, alert); }
absl::Status Decode(std::string_view bytes, Delivery& delivery) {
  return DecodeRow(bytes, delivery);
}
absl::Status Decode(std::string_view bytes, ShownMessage& message) {
  return DecodeRow(bytes, message);
}

std::string_view OutcomeName(Outcome outcome) {
  constexpr std::string_view kNames[kOutcomes] = {"opened",
                                                  "joined",
                                                  "duplicate",
                                                  "superseded",
                                                  "elsewhere",
                                                  "edited",
                                                  "edit_without_effect",
                                                  "retracted",
                                                  "retracted_unknown",
                                                  "action_done",
                                                  "action_repeated",
                                                  "action_without_effect",
                                                  "action_unknown_incident",
                                                  "tick",
                                                  "settings",
                                                  "epoch",
                                                  "stale_epoch",
                                                  "unknown_record",
                                                  "broken"};
  return kNames[static_cast<size_t>(outcome)];
}

void AppendBig(uint64_t number, std::string& key) {
  for (int shift = 56; shift >= 0; shift -= 8) key += static_cast<char>(number >> shift);
}

uint64_t ReadBig(std::string_view key) {
  KENG_CHECK(key.size() >= 8, key.size());
  uint64_t number = 0;
  for (size_t i = 0; i < 8; ++i) number = number << 8 | static_cast<uint8_t>(key[i]);
  return number;
}

void AppendTime(absl::Time time, std::string& key) {
  const int64_t micros = time == absl::InfiniteFuture() ? INT64_MAX
                         : time < absl::UnixEpoch()     ? 0
                                                        : absl::ToUnixMicros(time);
  AppendBig(static_cast<uint64_t>(micros), key);
}

absl::Time ReadTime(std::string_view key) {
  return absl::FromUnixMicros(static_cast<int64_t>(ReadBig(key)));
}

std::string PairKey(std::string_view first, std::string_view second) {
  std::string key(first);
  key += '\0';
  key += second;
  return key;
}

std::string IdPrefix(std::string_view id) { return PairKey(id, ""); }

}  // namespace keng::alerting
