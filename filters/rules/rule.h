#ifndef KENG_FILTERS_RULES_RULE_H_
#define KENG_FILTERS_RULES_RULE_H_

// A rule and the pack that it belongs to, as loaded (filters/rules/rule_loader.h) and before they
// are compiled (filters/matcher/rule_set.h). Values, immutable after loading. The language is
// docs/rules.md.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "filters/hit.h"
#include "filters/inbox_record.h"
#include "filters/rules/condition.h"
#include "ingest/post.h"

namespace keng::filters {

// What a rule asks of a post's place before a match becomes a hit.
enum class PlaceNeed : uint8_t {
  kOptional,
  kRequired,  // its place is known: named in the text, or the account's own area
  kNamed,     // the text itself names it
};

// True when a match with this need becomes a hit under the placer's outcome. A post from elsewhere
// passes: it is counted as such and rings nobody, whatever the rule asks.
bool PlaceNeedHolds(PlaceNeed need, RouteReason reason);

// Which posts a rule looks at. Each non-empty list must hold one value that fits; a value that ends
// in '*' is a prefix. A post without a language fits any `langs`; "vi" fits "vi-VN".
struct RuleWhere {
  std::vector<std::string> sources, accounts, langs;
  std::vector<ingest::PostKind> kinds;
  bool empty() const {
    return sources.empty() && accounts.empty() && langs.empty() && kinds.empty();
  }
};
bool WhereHolds(const RuleWhere& where, const ingest::Post& post);

// One entry of `tests`.
struct RuleTest {
  enum class Expect : uint8_t { kMatch, kNoMatch };
  Expect expect = Expect::kMatch;
  int line = 0;
  std::string text;
  std::string source, account, lang;
  ingest::PostKind kind = ingest::PostKind::kPost;
  // Where the hit must go, when the author says so.
  std::string cell, place;
  std::optional<RouteReason> reason;
};

// Whether a rule may be evaluated on posts without any of its phrases.
enum class ScanPolicy : uint8_t { kWithPhrase, kAlways };

struct Rule {
  std::string id;
  std::string topic;
  std::string pack;  // name of the pack; empty for a file outside one
  std::string file;
  int line = 0;
  int column = 0;
  RuleFacts facts;  // title, severity, status, threshold, windows, and a rumour's answer
  PlaceNeed place = PlaceNeed::kOptional;
  ScanPolicy scan = ScanPolicy::kWithPhrase;
  RuleWhere where;
  Condition when;  // kAll over the rule's any, all and none
  std::vector<RuleTest> tests;
};

// Why a rule is loaded and does not match.
enum class RuleOff : uint8_t { kDisabled, kPackExpired };

// Purpose, owner and end of a pack (requirement P1).
struct Pack {
  std::string name, purpose, owner, legal_basis;
  absl::Time until = absl::InfiniteFuture();
  MarksMode marks = MarksMode::kCompatible;  // of rules that say nothing else
  std::string path;
};

// Advice and shortcomings that do not stop a load: "FILE:LINE:COLUMN: rule ID: text".
struct RuleWarning {
  // kUnpublishable: a rule set with this warning is taken by match, check and a local run, and is
  // not published.
  enum class Weight : uint8_t { kAdvice, kUnpublishable };
  Weight weight = Weight::kAdvice;
  std::string message;
};

// Everything that was read from the given paths.
struct RuleFiles {
  std::vector<Pack> packs;
  std::vector<Rule> rules;                           // those that match, in order of path and file
  std::vector<std::pair<std::string, RuleOff>> off;  // ids of those that do not
  std::vector<RuleWarning> warnings;
  std::string version;  // 16 hex digits of a hash of the content: the same files, the same version
};

}  // namespace keng::filters

#endif  // KENG_FILTERS_RULES_RULE_H_
