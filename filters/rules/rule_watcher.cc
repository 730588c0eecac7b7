#include "filters/rules/rule_watcher.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "base/strings.h"
#include "filters/rules/rule_loader.h"

namespace keng::filters {

namespace fs = std::filesystem;

RuleWatcher::RuleWatcher(RuleWatcherOptions options, Placing placing, const base::Clock& clock,
                         base::Metrics* metrics)
    : options_(std::move(options)), placing_(std::move(placing)), clock_(clock), metrics_(metrics) {
  if (metrics_ == nullptr) return;
  loads_ = metrics_->counter("keng_rules_loads_total", "Rule sets that came into force");
  failures_ =
      metrics_->counter("keng_rules_load_failed_total", "Changes of rule files that were refused");
  rules_gauge_ = metrics_->gauge("keng_rules_loaded", "Rules in force");
  phrases_gauge_ =
      metrics_->gauge("keng_rules_patterns", "Distinct phrases with their marks in force");
  failing_gauge_ =
      metrics_->gauge("keng_rules_files_bad", "1 while the rule files on disk are not in force");
}

absl::StatusOr<std::unique_ptr<RuleWatcher>> RuleWatcher::Open(RuleWatcherOptions options,
                                                               Placing placing,
                                                               const base::Clock& clock,
                                                               base::Metrics* metrics) {
  std::unique_ptr<RuleWatcher> watcher(
      new RuleWatcher(std::move(options), std::move(placing), clock, metrics));
  watcher->loaded_ = watcher->seen_ = watcher->Fingerprint();
  KENG_ASSIGN_OR_RETURN(std::shared_ptr<const RuleSet> rules, watcher->Load());
  watcher->Report(*rules);
  base::MutexLock lock(watcher->mutex_);
  watcher->current_ = std::move(rules);
  return watcher;
}

absl::StatusOr<std::shared_ptr<const RuleSet>> RuleWatcher::Load() const {
  KENG_ASSIGN_OR_RETURN(
      RuleFiles files,
      LoadRules(options_.paths, {.now = clock_.Now(), .overrides_path = options_.overrides_path}));
  return RuleSet::Compile(std::move(files), placing_.literals);
}

void RuleWatcher::Report(const RuleSet& rules) {
  loads_.Add();
  rules_gauge_.Set(static_cast<double>(rules.rules().size()));
  phrases_gauge_.Set(static_cast<double>(rules.patterns()));
  failing_gauge_.Set(0);
  size_t unpublishable = 0;
  for (const RuleWarning& warning : rules.files().warnings) {
    if (warning.weight == RuleWarning::Weight::kUnpublishable) ++unpublishable;
  }
  if (unpublishable > 0) {
    base::LogWarn("rules.not_publishable",
                  {{"rules", base::StrCat(unpublishable)}, {"remedy", "keng rules check"}});
  }
  base::LogInfo("rules.in_force",
                {{"version", rules.version()}, {"rules", base::StrCat(rules.rules().size())}});
}

std::string RuleWatcher::Fingerprint() const {
  std::vector<std::string> lines;
  const auto add = [&lines](const fs::path& path) {
    std::error_code error;
    const auto size = fs::file_size(path, error);
    const auto time = fs::last_write_time(path, error);
    lines.push_back(
        base::StrCat(path.string(), "|", error ? 0 : size, "|",
                     error ? 0 : static_cast<int64_t>(time.time_since_epoch().count())));
  };
  for (const std::string& path : options_.paths) {
    std::error_code error;
    if (!fs::is_directory(path, error)) {
      add(path);
      continue;
    }
    for (const fs::directory_entry& entry : fs::directory_iterator(path, error)) {
      if (entry.path().extension() == ".yaml") add(entry.path());
    }
  }
  if (!options_.overrides_path.empty()) add(options_.overrides_path);
  std::sort(lines.begin(), lines.end());
  std::string fingerprint;
  for (const std::string& line : lines) base::StrAppend(&fingerprint, line, "\n");
  return fingerprint;
}

void RuleWatcher::Poll() {
  const std::string now = Fingerprint();
  const bool steady = now == seen_;
  seen_ = now;
  if (now == loaded_ || !steady) return;
  loaded_ = now;
  absl::StatusOr<std::shared_ptr<const RuleSet>> rules = Load();
  if (!rules.ok()) {
    failures_.Add();
    failing_gauge_.Set(1);
    const std::string message(rules.status().message());
    base::LogError("rules.refused", {{"reason", message}, {"in_force", current()->version()}});
    base::MutexLock lock(mutex_);
    trouble_ = message;
    return;
  }
  Report(**rules);
  base::MutexLock lock(mutex_);
  current_ = *std::move(rules);
  trouble_.clear();
}

std::shared_ptr<const RuleSet> RuleWatcher::current() const {
  base::MutexLock lock(mutex_);
  return current_;
}

std::string RuleWatcher::trouble() const {
  base::MutexLock lock(mutex_);
  return trouble_;
}

}  // namespace keng::filters
