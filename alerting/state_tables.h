#ifndef KENG_ALERTING_STATE_TABLES_H_
#define KENG_ALERTING_STATE_TABLES_H_

// What alerting keeps in its store: the tables, the rows that stand in them, and the bytes of each.
// Rows are plain values; Encode and Decode are inverse to each other, and a row has one encoding
// only, so that equal states are equal bytes.
//
// Tables of the fold are a function of the inbox; those of the outbox and the texts are not (they
// know what was delivered, and what the other stream brought), and a comparison of two folds leaves
// them out: kFoldTables.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "alerting/alert.h"
#include "alerting/incident.h"
#include "alerting/outbox.h"
#include "filters/inbox_record.h"
#include "store/store.h"

namespace keng::alerting {

// Goes up with any change to a table or a row; the store then refuses what an older program wrote.
inline constexpr std::string_view kStateLayout = "alerting/3";

// On disk: never reused.
namespace table {
inline constexpr store::TableId kFold = 1;         // partition -> FoldRow
inline constexpr store::TableId kPosts = 2;        // post -> PostRow
inline constexpr store::TableId kIncidents = 3;    // incident -> IncidentRow
inline constexpr store::TableId kMembers = 4;      // incident, offset of joining -> MemberRow
inline constexpr store::TableId kAuthors = 5;      // incident, author -> count of its posts
inline constexpr store::TableId kRecent = 6;       // incident, newest first, offset -> author
inline constexpr store::TableId kJoinKeys = 7;     // desk, topic, place or rule, incident -> ""
inline constexpr store::TableId kSignatures = 8;   // desk, topic, band, incident -> ""
inline constexpr store::TableId kDeadlines = 9;    // time, kind, id -> ""
inline constexpr store::TableId kSilences = 10;    // desk, cell, topic -> until
inline constexpr store::TableId kActions = 11;     // action id -> offset
inline constexpr store::TableId kStorms = 12;      // desk, cell, hour -> StormRow
inline constexpr store::TableId kAlerts = 13;      // alert -> Alert
inline constexpr store::TableId kPending = 14;     // sequence -> alert
inline constexpr store::TableId kDeliveries = 15;  // alert, channel -> Delivery
inline constexpr store::TableId kShown = 16;       // incident, channel -> ShownMessage
inline constexpr store::TableId kTexts = 17;       // post -> TextRow
inline constexpr store::TableId kTextsRead = 18;   // partition of `texts` -> next offset
inline constexpr store::TableId kErasures = 19;    // time, kind, id -> "": alerts and texts
inline constexpr store::TableId kTextMarks = 20;   // post -> TextMark
}  // namespace table

inline constexpr store::TableId kFoldTables[] = {
    table::kFold,      table::kPosts,    table::kIncidents, table::kMembers,
    table::kAuthors,   table::kRecent,   table::kJoinKeys,  table::kSignatures,
    table::kDeadlines, table::kSilences, table::kActions,   table::kStorms};

// What became of an inbox record. The order is that of the stored counters: new ones are added at
// the end.
enum class Outcome : uint8_t {
  kOpened = 0,      // a hit opened an incident
  kJoined = 1,      // a hit joined one
  kDuplicate = 2,   // the post and the rule are known
  kSuperseded = 3,  // a hit of a post that was retracted, or that has a newer state
  kElsewhere = 4,   // a hit that belongs to no cell
  kEdited = 5,      // an edit took hits back
  kEditWithoutEffect = 6,
  kRetracted = 7,         // a retraction reached an incident
  kRetractedUnknown = 8,  // none of the post's hits is known; remembered for late ones
  kActionDone = 9,
  kActionRepeated = 10,
  kActionWithoutEffect = 11,  // it does not fit the incident's state
  kActionUnknownIncident = 12,
  kTick = 13,
  kSettings = 14,
  kEpoch = 15,
  kStaleEpoch = 16,
  kUnknownRecord = 17,  // a type or version that this program does not know
  kBroken = 18,         // no inbox record
};
inline constexpr int kOutcomes = 19;
std::string_view OutcomeName(Outcome outcome);

inline constexpr int kAlertReasons = 9;  // AlertReason values are 1 to 8

// The fold of one partition: position, time, settings, counters.
struct FoldRow {
  int64_t next_offset = 0;
  absl::Time now = absl::InfinitePast();
  int64_t epoch = 0;
  int64_t alerts_decided = 0;  // and replays: the last number of kPending that was given
  bool paused = false;
  filters::SettingsRecord settings;
  std::array<int64_t, kOutcomes> outcomes{};
  std::array<int64_t, 8> rings{};               // by RingVerdict
  std::array<int64_t, kAlertReasons> alerts{};  // by AlertReason
};

struct KnownHit {
  std::string rule;
  std::string scope;  // desk and topic of its incident
  std::string incident;
  int64_t member = 0;   // key of its MemberRow
  std::string version;  // of the post, when the hit was last seen
};
struct PostRow {
  std::string version;  // the newest seen
  bool retracted = false;
  std::string retracted_version;
  absl::Time touched_at;
  bool trail_erased = false;
  std::vector<KnownHit> hits;
};

inline constexpr int64_t kNoMember = -1;

struct IncidentRow {
  Incident incident;
  std::string scope;       // desk and topic
  std::string join_key;    // place or rule; empty: none
  bool indexed = false;    // stands in kJoinKeys and kSignatures
  filters::Sketch sketch;  // of the first text
  absl::Time silenced_until = absl::InfinitePast();
  int64_t first_member = kNoMember;
  int64_t alerts = 0;  // decided for this incident
};

// What one post contributes to an incident.
struct MemberRow {
  std::string post;
  std::string author;  // empty: unknown, or beyond kAuthorsMax
  std::string url;
  std::string account;
  std::string version;
  filters::RouteReason route_reason = filters::RouteReason::kUnclear;
  std::vector<filters::HitSpan> spans;
  filters::Sketch sketch;
  absl::Time created_at;
  absl::Time joined_at;
  std::string spans_rule;  // the rule that the spans are of
};

struct StormRow {
  int64_t rings = 0;
  int64_t summaries = 0;
  int64_t held = 0;                    // since the last summary
  std::vector<std::string> held_back;  // incidents of those, the first kHeldBackMax
};

struct TextRow {
  absl::Time appended_at;
  std::string version;  // of the post; empty: unknown
  std::string record;   // whole (alerting/text_record.h): it may have to be written again
};

std::string Encode(const FoldRow& row);
std::string Encode(const PostRow& row);
std::string Encode(const IncidentRow& row);
std::string Encode(const MemberRow& row);
std::string Encode(const StormRow& row);
std::string Encode(const TextRow& row);
std::string Encode(const Alert& alert);
std::string Encode(const Delivery& delivery);
std::string Encode(const ShownMessage& message);

// DataLoss: not made by Encode.
absl::Status Decode(std::string_view bytes, FoldRow& row);
absl::Status Decode(std::string_view bytes, PostRow& row);
absl::Status Decode(std::string_view bytes, IncidentRow& row);
absl::Status Decode(std::string_view bytes, MemberRow& row);
absl::Status Decode(std::string_view bytes, StormRow& row);
absl::Status Decode(std::string_view bytes, TextRow& row);
absl::Status Decode(std::string_view bytes, Alert& alert);
absl::Status Decode(std::string_view bytes, Delivery& delivery);
absl::Status Decode(std::string_view bytes, ShownMessage& message);

// The row of `key`; nullopt when there is none.
template <typename Row>
absl::StatusOr<std::optional<Row>> Load(const store::View& view, store::TableId table,
                                        std::string_view key) {
  absl::StatusOr<std::optional<std::string>> bytes = view.Get(table, key);
  if (!bytes.ok()) return bytes.status();
  if (!bytes->has_value()) return std::nullopt;
  std::optional<Row> row(std::in_place);
  if (absl::Status status = Decode(**bytes, *row); !status.ok()) return status;
  return row;
}

// Posts whose text needs a look (alerting/text_keeper.h). On disk: never reused.
enum class TextMark : char {
  kOutdated = 'o',   // the newest record of `texts` is known to be an old one
  kLookAgain = 'l',  // what is known of the post has changed since its text was kept
};

// Kinds of rows in kErasures. On disk: never reused.
inline constexpr char kAlertErasure = 'd';
inline constexpr char kTextErasure = 'x';

// The key in kPending of the n-th alert decided, or replay. (The low bits are of another way to
// reopen alerts, which stores may still hold.)
inline constexpr uint64_t PendingSequence(int64_t alerts_decided) {
  return static_cast<uint64_t>(alerts_decided) << 20;
}

// Parts of keys. Numbers sort as bytes in the order of their values.
void AppendBig(uint64_t number, std::string& key);
uint64_t ReadBig(std::string_view key);  // REQUIRES: at least 8 bytes
// Microseconds since 1970, clamped to what fits.
void AppendTime(absl::Time time, std::string& key);
absl::Time ReadTime(std::string_view key);
// "a\0b": ids hold no NUL (the schema refuses it).
std::string PairKey(std::string_view first, std::string_view second);

// ["prefix\0" ...): what begins with the id and a NUL.
std::string IdPrefix(std::string_view id);

}  // namespace keng::alerting

#endif  // KENG_ALERTING_STATE_TABLES_H_
