#include "filters/rules/rule_follower.h"

#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "base/strings.h"
#include "filters/rules/internal/control_scan.h"
#include "filters/rules/rule_package.h"

namespace keng::filters {

namespace {

using base::StrCat;

constexpr stream::StreamId kControl = stream::StreamId::kControl;
// A chunk that is not there yet (control with several partitions), a broker that is away.
constexpr absl::Duration kTryAgainAfter = absl::Seconds(30);
constexpr size_t kInstanceBytesMax = 200;

bool MayPass(const absl::Status& status) {
  return absl::IsNotFound(status) || absl::IsUnavailable(status) ||
         absl::IsDeadlineExceeded(status) || absl::IsResourceExhausted(status);
}

}  // namespace

absl::StatusOr<std::shared_ptr<const RuleSet>> CompilePackage(std::string_view packed,
                                                              const Placing& placing,
                                                              absl::Time now) {
  KENG_ASSIGN_OR_RETURN(const RulePackage package, RulePackage::Unpack(packed));
  KENG_ASSIGN_OR_RETURN(RuleFiles files, package.Load(now));
  return RuleSet::Compile(std::move(files), placing.literals);
}

RulePublicationFollower::RulePublicationFollower(const RuleFollowerOptions& options,
                                                 const RuleFollowerParts& parts)
    : options_(options), streams_(*parts.streams), placing_(parts.placing), clock_(*parts.clock) {
  if (parts.metrics == nullptr) return;
  base::Metrics& metrics = *parts.metrics;
  loads_ = metrics.counter("keng_rules_loads_total", "Rule sets that came into force");
  failures_ =
      metrics.counter("keng_rules_load_failed_total", "Changes of rule files that were refused");
  status_failures_ = metrics.counter("keng_rules_status_failed_total",
                                     "Status records of the rules that could not be written");
  rules_gauge_ = metrics.gauge("keng_rules_loaded", "Rules in force");
  phrases_gauge_ =
      metrics.gauge("keng_rules_patterns", "Distinct phrases with their marks in force");
  behind_gauge_ =
      metrics.gauge("keng_rules_published_bad", "1 while what is published is not in force here");
  files_bad_gauge_ =
      metrics.gauge("keng_rules_files_bad", "1 while the rule files on disk are not in force");
  published_gauge_ =
      metrics.gauge("keng_rules_published", "1 while the rules in force are published ones");
}

RulePublicationFollower::~RulePublicationFollower() = default;

absl::StatusOr<std::unique_ptr<RulePublicationFollower>> RulePublicationFollower::Open(
    const RuleFollowerOptions& options, const RuleFollowerParts& parts) {
  if (options.instance.empty() || options.instance.size() > kInstanceBytesMax) {
    return absl::InvalidArgumentError(StrCat("the instance's name is \"", options.instance,
                                             "\"; expected 1 to ", kInstanceBytesMax, " bytes"));
  }
  std::unique_ptr<RulePublicationFollower> follower(new RulePublicationFollower(options, parts));
  const bool looks_up = parts.streams->capabilities().lookup &&
                        parts.streams->Lookup(kControl, kRulesCurrentKey).ok();
  if (!looks_up) {
    KENG_ASSIGN_OR_RETURN(follower->tap_, parts.streams->OpenTap(kControl));
  }
  KENG_RETURN_IF_ERROR(follower->ReadOn(kControlScanTimeout));
  follower->TakeUp();
  if (follower->current() != nullptr) return follower;
  // Nothing before it is in force: the publication before it, else the files.
  if (const auto published = follower->newest_.has_value() ? DecodeCurrentRules(*follower->newest_)
                                                           : absl::NotFoundError("");
      published.ok() && published->previous.has_value() &&
      follower->TakeUp(*published->previous).ok()) {
    return follower;
  }
  KENG_RETURN_IF_ERROR(follower->GoToFiles());
  return follower;
}

absl::Status RulePublicationFollower::ReadOn(absl::Duration timeout) {
  if (tap_ == nullptr) {
    KENG_ASSIGN_OR_RETURN(newest_, streams_.Lookup(kControl, kRulesCurrentKey));
    return absl::OkStatus();
  }
  return ReadControlToEnd(streams_, *tap_, timeout, [this](const stream::Record& record) {
    if (record.key != kRulesCurrentKey) return;
    newest_.reset();
    if (!record.tombstone) newest_ = std::string(record.value);
  });
}

void RulePublicationFollower::Poll() {
  // What cannot be read to its end now is read on at the next poll.
  const absl::Status read = ReadOn(absl::ZeroDuration());
  TakeUp();
  if (files_ != nullptr) {
    files_->Poll();
    std::shared_ptr<const RuleSet> rules = files_->current();
    if (rules != current()) {
      PutInForce({.rules = rules, .version = rules->version(), .origin = RulesOrigin::kFiles});
    }
  }
  std::string trouble = files_ == nullptr ? "" : files_->trouble();
  if (!read.ok() && !absl::IsDeadlineExceeded(read))
    trouble = StrCat("control cannot be read: ", read.message());
  {
    base::MutexLock lock(mutex_);
    poll_trouble_ = std::move(trouble);
  }
  ReportStatus();
}

void RulePublicationFollower::TakeUp() {
  const bool again = clock_.Now() >= try_again_;
  if (tried_.has_value() && *tried_ == newest_ && !again) return;
  const bool first = !tried_.has_value() || *tried_ != newest_;
  tried_ = newest_;
  try_again_ = absl::InfiniteFuture();
  const absl::Status taken = TakeUp(newest_);
  if (taken.ok()) {
    behind_gauge_.Set(0);
    base::MutexLock lock(mutex_);
    trouble_.clear();
    return;
  }
  if (MayPass(taken) || !newest_.has_value()) try_again_ = clock_.Now() + kTryAgainAfter;
  if (first) Refuse(taken);
}

absl::Status RulePublicationFollower::TakeUp(const std::optional<std::string>& newest) {
  if (!newest.has_value()) return GoToFiles();
  KENG_ASSIGN_OR_RETURN(const CurrentRules published, DecodeCurrentRules(*newest));
  return TakeUp(published.publication);
}

absl::Status RulePublicationFollower::TakeUp(const Publication& publication) {
  {
    base::MutexLock lock(mutex_);
    if (in_force_.id == publication.id) return absl::OkStatus();
  }
  KENG_ASSIGN_OR_RETURN(const std::string packed, GatherPackage(streams_, publication));
  KENG_ASSIGN_OR_RETURN(std::shared_ptr<const RuleSet> rules,
                        CompilePackage(packed, placing_, clock_.Now()));
  // Nobody looks at the files from here on, and so nothing is the matter with them.
  files_.reset();
  files_bad_gauge_.Set(0);
  PutInForce({.rules = std::move(rules),
              .version = publication.version,
              .origin = RulesOrigin::kPublished,
              .id = publication.id});
  return absl::OkStatus();
}

absl::Status RulePublicationFollower::GoToFiles() {
  if (files_ != nullptr) return absl::OkStatus();
  if (options_.files != nullptr) {
    KENG_ASSIGN_OR_RETURN(files_, options_.files());
    std::shared_ptr<const RuleSet> rules = files_->current();
    PutInForce({.rules = rules, .version = rules->version(), .origin = RulesOrigin::kFiles});
    return absl::OkStatus();
  }
  KENG_ASSIGN_OR_RETURN(std::shared_ptr<const RuleSet> none,
                        RuleSet::Compile(RuleFiles{.version = "none"}, placing_.literals));
  base::LogWarn("rules.none", {{"reason", "nothing is published and no files are configured"},
                               {"remedy", "keng rules publish"}});
  PutInForce({.rules = std::move(none), .version = "none", .origin = RulesOrigin::kNone});
  return absl::OkStatus();
}

void RulePublicationFollower::PutInForce(InForce in_force) {
  in_force.since = clock_.Now();
  published_gauge_.Set(in_force.origin == RulesOrigin::kPublished ? 1 : 0);
  // Files are reported by their watcher.
  if (in_force.origin != RulesOrigin::kFiles) {
    loads_.Add();
    rules_gauge_.Set(static_cast<double>(in_force.rules->rules().size()));
    phrases_gauge_.Set(static_cast<double>(in_force.rules->patterns()));
    base::LogInfo("rules.in_force", {{"version", in_force.version},
                                     {"origin", std::string(RulesOriginName(in_force.origin))},
                                     {"rules", StrCat(in_force.rules->rules().size())}});
  }
  base::MutexLock lock(mutex_);
  in_force_ = std::move(in_force);
}

void RulePublicationFollower::Refuse(const absl::Status& why) {
  failures_.Add();
  behind_gauge_.Set(1);
  const std::string message(why.message());
  base::LogError("rules.refused", {{"reason", message}, {"in_force", running().version}});
  base::MutexLock lock(mutex_);
  trouble_ = message;
}

std::shared_ptr<const RuleSet> RulePublicationFollower::current() const {
  base::MutexLock lock(mutex_);
  return in_force_.rules;
}

std::string RulePublicationFollower::trouble() const {
  base::MutexLock lock(mutex_);
  return trouble_.empty() ? poll_trouble_ : trouble_;
}

RunningRules RulePublicationFollower::running() const {
  const std::string trouble = this->trouble();
  base::MutexLock lock(mutex_);
  return {.instance = options_.instance,
          .version = in_force_.version,
          .origin = in_force_.origin,
          .since = in_force_.since,
          .trouble = TroubleLine(trouble)};
}

void RulePublicationFollower::ReportStatus() {
  RunningRules now = running();
  now.written_at = clock_.Now();
  const absl::Duration age = now.written_at - reported_.written_at;
  if (now.version == reported_.version && now.origin == reported_.origin &&
      now.since == reported_.since && now.trouble == reported_.trouble &&
      absl::AbsDuration(age) < kRulesHeartbeat) {
    return;
  }
  stream::WriteSet set;
  set.Append(kControl, StrCat(kRulesRunningPrefix, options_.instance), EncodeRunningRules(now));
  if (const absl::Status written = streams_.Write(set); !written.ok()) {
    // The next poll tries again; until then the record grows old, which shows.
    status_failures_.Add();
    return;
  }
  reported_ = std::move(now);
}

absl::Status RulePublicationFollower::Leave() {
  stream::WriteSet set;
  set.AppendTombstone(kControl, StrCat(kRulesRunningPrefix, options_.instance));
  return streams_.Write(set);
}

}  // namespace keng::filters
