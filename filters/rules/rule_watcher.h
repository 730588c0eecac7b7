#ifndef KENG_FILTERS_RULES_RULE_WATCHER_H_
#define KENG_FILTERS_RULES_RULE_WATCHER_H_

// The rules in force, and their hot reload: when a rule file changes, everything is loaded,
// compiled and tested anew and takes the place of the old rule set as a whole. A bad file leaves
// the old rules in force, and shows in the log, in keng_rules_load_failed_total and in trouble()
// until it is mended.
//
// Poll() is cheap while nothing changes: it looks at names, sizes and times of modification. A
// change is taken up only when two polls in a row see the same files, so that a half-written one is
// not read.
//
// Threads: current() and trouble() may be called by any thread, Poll() by one.
// Tests: filters/rules/rule_watcher_test.cc.

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "filters/matcher/rule_set.h"
#include "filters/rules/placing.h"
#include "filters/rules/rule_source.h"

namespace keng::filters {

struct RuleWatcherOptions {
  std::vector<std::string> paths;
  std::string overrides_path;  // may be empty
};

class RuleWatcher final : public RuleSource {
 public:
  // Loads the rules for the first time: here a bad file is an error. Rules without tests, or whose
  // tests fail, are taken with a warning in the log (`keng rules publish` would refuse them).
  // `clock` and `metrics` must outlive the watcher.
  static absl::StatusOr<std::unique_ptr<RuleWatcher>> Open(RuleWatcherOptions options,
                                                           Placing placing,
                                                           const base::Clock& clock,
                                                           base::Metrics* metrics);
  RuleWatcher(const RuleWatcher&) = delete;
  RuleWatcher& operator=(const RuleWatcher&) = delete;

  std::shared_ptr<const RuleSet> current() const override;
  // Looks for changes and takes them up.
  void Poll() override;
  // Why the files on disk are not in force; empty when they are.
  std::string trouble() const override;

 private:
  RuleWatcher(RuleWatcherOptions options, Placing placing, const base::Clock& clock,
              base::Metrics* metrics);

  absl::StatusOr<std::shared_ptr<const RuleSet>> Load() const;
  std::string Fingerprint() const;
  void Report(const RuleSet& rules);

  // Constant after construction.
  const RuleWatcherOptions options_;
  const Placing placing_;
  const base::Clock& clock_;
  base::Metrics* const metrics_;
  base::Counter loads_, failures_;
  base::Gauge rules_gauge_, phrases_gauge_, failing_gauge_;

  // Of the polling thread.
  std::string loaded_;  // fingerprint of what was last tried
  std::string seen_;    // fingerprint at the last poll

  mutable base::Mutex mutex_;
  std::shared_ptr<const RuleSet> current_ ABSL_GUARDED_BY(mutex_);
  std::string trouble_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace keng::filters

#endif  // KENG_FILTERS_RULES_RULE_WATCHER_H_
