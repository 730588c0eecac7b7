#ifndef KENG_FILTERS_RULES_RULE_FOLLOWER_H_
#define KENG_FILTERS_RULES_RULE_FOLLOWER_H_

// The rules in force of a filter process that follows what is published in `control`
// (filters/rules/rule_publication.h).
//
// What is in force:
//   - the publication that `rules/current` names, once it has been gathered, loaded and compiled;
//   - while that is not possible: what was in force before; at the start the publication before
//     it, else the files. It shows in trouble(), in the log, in keng_rules_load_failed_total and in
//     the instance's status record, until something else is published;
//   - nothing is published (any more): the files of the configuration, which are watched as
//     RuleWatcher does; without files an empty rule set, which says so.
//
// Life cycle: Open() reads what is published; Poll() is called about once a second; Leave() on a
// clean stop. kill -9 leaves a status record that goes silent.
//
// Streams without Capabilities::lookup are followed by a tap that stays open. A package is held in
// memory only while it is taken up (at most RulePackage::kPackedBytesMax packed).
//
// Threads: current() and trouble() by any thread; Open(), Poll() and Leave() by one.
// Tests: filters/rules/rule_follower_test.cc.

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "filters/rules/placing.h"
#include "filters/rules/rule_publication.h"
#include "filters/rules/rule_source.h"
#include "filters/rules/rule_status.h"
#include "stream/stream.h"

namespace keng::filters {

// Loads and compiles a package. The errors of RulePackage::Unpack(), LoadRules() and
// RuleSet::Compile().
absl::StatusOr<std::shared_ptr<const RuleSet>> CompilePackage(std::string_view packed,
                                                              const Placing& placing,
                                                              absl::Time now);

struct RuleFollowerOptions {
  // Names this process among all filters, in rules/running/; the same after a restart. 1 to 200
  // bytes.
  std::string instance;
  // Opens the files of the configuration when nothing is published; empty: there are none.
  std::function<absl::StatusOr<std::unique_ptr<RuleSource>>()> files;
};

// What a follower works with; all but `placing` must outlive it. `metrics` may be null.
struct RuleFollowerParts {
  stream::Streams* streams = nullptr;
  Placing placing;
  const base::Clock* clock = nullptr;
  base::Metrics* metrics = nullptr;
};

class RulePublicationFollower final : public RuleSource {
 public:
  // Reads `control` to its end. Errors: those of the streams (DeadlineExceeded: it cannot be read
  // now), and of opening the files when nothing published can be taken.
  static absl::StatusOr<std::unique_ptr<RulePublicationFollower>> Open(
      const RuleFollowerOptions& options, const RuleFollowerParts& parts);
  ~RulePublicationFollower() override;
  RulePublicationFollower(const RulePublicationFollower&) = delete;
  RulePublicationFollower& operator=(const RulePublicationFollower&) = delete;

  std::shared_ptr<const RuleSet> current() const override;
  void Poll() override;
  std::string trouble() const override;

  // Version (as published, when it was), origin and beginning of what is in force. Any thread.
  RunningRules running() const;
  // Takes the status record back: this instance runs no more. The errors of Streams::Write().
  absl::Status Leave();

 private:
  struct InForce {
    std::shared_ptr<const RuleSet> rules;
    std::string version;
    RulesOrigin origin = RulesOrigin::kNone;
    std::string id;  // of the publication
    absl::Time since;
  };

  RulePublicationFollower(const RuleFollowerOptions& options, const RuleFollowerParts& parts);

  // Reads on, until what was the end at the call, and keeps the newest rules/current.
  absl::Status ReadOn(absl::Duration timeout);
  // Acts on the newest rules/current when that is due.
  void TakeUp();
  absl::Status TakeUp(const std::optional<std::string>& newest);
  absl::Status TakeUp(const Publication& publication);
  absl::Status GoToFiles();
  void PutInForce(InForce in_force);
  void Refuse(const absl::Status& why);
  void ReportStatus();

  // Constant after construction.
  const RuleFollowerOptions options_;
  stream::Streams& streams_;
  const Placing placing_;
  const base::Clock& clock_;
  base::Counter loads_, failures_, status_failures_;
  base::Gauge rules_gauge_, phrases_gauge_, behind_gauge_, files_bad_gauge_, published_gauge_;

  // Of the polling thread.
  std::unique_ptr<stream::Reader> tap_;              // null: control is asked for the key
  std::optional<std::string> newest_;                // value of rules/current
  std::optional<std::optional<std::string>> tried_;  // the last that was acted on
  absl::Time try_again_ = absl::InfiniteFuture();    // what failed for now
  std::unique_ptr<RuleSource> files_;                // while they are in force
  RunningRules reported_;

  mutable base::Mutex mutex_;
  InForce in_force_ ABSL_GUARDED_BY(mutex_);
  std::string trouble_ ABSL_GUARDED_BY(mutex_);       // of what is published
  std::string poll_trouble_ ABSL_GUARDED_BY(mutex_);  // of the files in force, or of reading
};

}  // namespace keng::filters

#endif  // KENG_FILTERS_RULES_RULE_FOLLOWER_H_
