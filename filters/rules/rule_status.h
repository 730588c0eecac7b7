#ifndef KENG_FILTERS_RULES_RULE_STATUS_H_
#define KENG_FILTERS_RULES_RULE_STATUS_H_

// Who runs which rules: each filter process keeps one record rules/running/INSTANCE in `control`
// (JSON, version 1), written on every change and every minute, with a tombstone on a clean stop;
// and what `keng rules status` makes of all of them.
//
// Threads: functions, safe for any thread. Tests: filters/rules/rule_status_test.cc.

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "filters/rules/rule_commands.h"
#include "filters/rules/rule_publication.h"
#include "stream/stream.h"

namespace keng::filters {

inline constexpr std::string_view kRulesRunningPrefix = "rules/running/";
inline constexpr absl::Duration kRulesHeartbeat = absl::Minutes(1);
inline constexpr absl::Duration kRulesSilentAfter = absl::Minutes(3);
// An instance that has been silent for so long is forgotten at the next publication.
inline constexpr absl::Duration kRulesInstanceKept = absl::Hours(24);

enum class RulesOrigin : uint8_t {
  kNone,       // nothing is published and no files are configured: no rule is in force
  kFiles,      // the files of the configuration
  kPublished,  // control
};
std::string_view RulesOriginName(RulesOrigin origin);

struct RunningRules {
  std::string instance;  // of the process; stays the same when it is started again
  std::string version;   // in force; as it was published, when it was
  RulesOrigin origin = RulesOrigin::kNone;
  absl::Time since;       // in force since
  std::string trouble;    // why the newest rules are not in force; no rule text; empty: they are
  absl::Time written_at;  // by the instance's clock
};
std::string EncodeRunningRules(const RunningRules& running);
// InvalidArgument: not made by EncodeRunningRules(), or of another version.
absl::StatusOr<RunningRules> DecodeRunningRules(std::string_view json);

// The first line of an error of loading, without what it quotes of the rules, at most 256 bytes.
std::string TroubleLine(std::string_view error);

struct RulesStatus {
  std::optional<CurrentRules> current;  // nullopt: nothing is published
  std::string current_trouble;          // rules/current is there and cannot be read
  std::vector<RunningRules> running;    // by instance
  int unreadable = 0;                   // records of instances that cannot be read
};
// DeadlineExceeded: control cannot be read to its end now; else the errors of the streams.
absl::StatusOr<RulesStatus> ReadRulesStatus(stream::Streams& streams);
// {"current":{...}|null,"running":[{...}]}, for the admin socket. Decode takes what Encode gives.
std::string EncodeRulesStatus(const RulesStatus& status);
absl::StatusOr<RulesStatus> DecodeRulesStatus(std::string_view json);

enum class InstanceState : uint8_t {
  kCurrent,  // runs what is published, or files while nothing is
  kBehind,   // runs something else
  kTrouble,  // says why it cannot run the newest
  kSilent,   // no word for kRulesSilentAfter: dead, or cut off
};
std::string_view InstanceStateName(InstanceState state);
// The gravest that holds: silent, trouble, behind.
InstanceState JudgeInstance(const RunningRules& running, const std::optional<CurrentRules>& current,
                            absl::Time now);

// Prints what is published and a line an instance. Returns the exit status: 0 when every instance
// is current, 1 when one is not, or a record cannot be read.
int PrintRulesStatus(const RulesStatus& status, absl::Time now, ReportForm form, std::ostream& out);

}  // namespace keng::filters

#endif  // KENG_FILTERS_RULES_RULE_STATUS_H_
