#ifndef KENG_FILTERS_INBOX_RECORD_H_
#define KENG_FILTERS_INBOX_RECORD_H_

// The records of the inbox: everything that can change an incident, in one order. Alerting folds
// them; filters, the command line, the channels and the clock write them. Stored as JSON, one
// object a record, with "type" and "v" first; unknown fields and types are ignored and counted by
// the reader. No record holds post text.
//
// A hit carries all that its incident will ever need from the rule and the text (title, threshold,
// answer, sketch), so that the fold needs neither the rule set of that day nor the text, and
// replays to the same bytes.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "filters/hit.h"

namespace keng::filters {

// What a text is compared by: keyed hashes, sorted and distinct, from which the text cannot be read
// without the key. The key belongs to the installation, so sketches of two installations are not
// comparable.
struct Sketch {
  std::vector<uint32_t>
      shingles;  // folded character 4-grams; the kShinglesMax smallest when there are more
  std::vector<uint32_t> numbers;  // number tokens
  std::vector<uint32_t> names;    // capitalised names and places in the original
  static constexpr size_t kShinglesMax = 4096;
};

// What the rule says about its incidents; copied into each hit.
struct RuleFacts {
  std::string title_vi, title_en;
  Severity severity = Severity::kNormal;
  RuleStatus status = RuleStatus::kStable;
  int threshold_posts = 1;  // posts and distinct authors within the window before an incident rings
  int threshold_authors = 1;
  absl::Duration threshold_window = absl::Hours(1);
  absl::Duration join_window = absl::Hours(6);     // W: hours since the incident's last hit
  absl::Duration reopen_window = absl::Hours(12);  // R: hours since resolved
  std::string claim, verdict, answer_vi, answer_en, answer_url;  // rumours only
};

struct HitRecord {
  Hit hit;
  RuleFacts rule;
  Sketch sketch;
  std::string author;  // author key; empty when unknown
  std::string account;
  std::string source;
  std::string url;
  std::string version;   // of the post
  std::string rule_set;  // version of the rule set that made the hit
  std::vector<std::string>
      place_path;  // hit.place and all that contain it, innermost first, up to the desk
  absl::Time created_at = absl::InfinitePast();   // the platform's; shown, never used in a decision
  absl::Time appended_at = absl::InfinitePast();  // append time of the post: latency counts from it
};

// A newer state of a post: the rules that match it now. Hits of rules not named are withdrawn. The
// hits themselves follow or precede as HitRecords in the same write.
struct EditRecord {
  std::string post;
  std::string version;
  std::vector<std::string> rules;
};

// The source or an operator says that the post is gone.
struct RetractionRecord {
  std::string post;
  std::string version;
};

enum class ActionVerb : uint8_t {
  kReceived,
  kResolved,
  kNoise,
  kSilence,
  kReassign,
  kPause,
  kResume,
  kReplay,  // a dead delivery is attempted again
};
std::string_view ActionVerbName(ActionVerb verb);
std::optional<ActionVerb> ActionVerbByName(std::string_view name);

struct ActionRecord {
  std::string id;  // known by this: a second one is a no-op
  ActionVerb verb = ActionVerb::kReceived;
  std::string incident;  // empty for kPause, kResume, kReplay and a silence of a cell or topic
  std::string actor;     // the officer's login; who did what is accounted for
  std::string cell;      // kReassign: to; kSilence: where
  std::string topic;     // kSilence: which; empty: all
  absl::Time until = absl::InfinitePast();  // kSilence
  std::string note;
  std::string alert;    // kReplay: which
  std::string channel;  // kReplay: by which channel
};

// The only thing that makes time pass in an incident.
struct TickRecord {
  absl::Time now = absl::InfinitePast();
};

// Written by a new owner of the partition before anything else of its own. What an owner before it
// still writes afterwards says its older epoch and is ignored.
struct EpochRecord {
  int64_t epoch = 0;
  std::string owner;
};

// What the fold itself is set to. A changed setting changes decisions, so that it stands in the
// inbox like everything else that does; the alerting worker writes one when its configuration
// differs from what the fold holds. Whole, not a difference.
struct SettingsRecord {
  int rings_per_cell_hour = 0;  // more rings than this become a storm summary; 0: no cap
  int64_t epoch = 0;            // of the owner that wrote it; 0: not said, taken from anybody
};
// Whether they set the same, whoever wrote them.
bool SameSettings(const SettingsRecord& a, const SettingsRecord& b);

using InboxRecord = std::variant<HitRecord, EditRecord, RetractionRecord, ActionRecord, TickRecord,
                                 EpochRecord, SettingsRecord>;

// Appends the JSON form. Times are stored in microseconds and durations too; what is finer is cut
// off.
void AppendInboxRecord(const InboxRecord& record, std::string& out);

// Of an id or a name that becomes part of a key of the state: two fit into a key of any stream.
inline constexpr size_t kInboxNameBytesMax = 512;

// Parses one record. Belongs to one thread. `json` must be readable kValuePadding bytes past its
// end (stream/stream.h). InvalidArgument: not a record, or one with a name over
// kInboxNameBytesMax (names the field); Unimplemented: a type or
// version that this program does not know.
class InboxParser {
 public:
  InboxParser();
  ~InboxParser();
  InboxParser(const InboxParser&) = delete;
  InboxParser& operator=(const InboxParser&) = delete;
  absl::StatusOr<InboxRecord> Parse(std::string_view json);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace keng::filters

#endif  // KENG_FILTERS_INBOX_RECORD_H_
