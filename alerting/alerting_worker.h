#ifndef KENG_ALERTING_ALERTING_WORKER_H_
#define KENG_ALERTING_ALERTING_WORKER_H_

// The alerting stage for one partition of the inbox: reads it in order, folds it into the store
// (alerting/incident_fold.h), has the texts kept that alerts quote (alerting/text_keeper.h), and
// writes the ticks that make time pass.
//
// What is durable when: a batch of the inbox becomes incidents, outcomes, alerts in the outbox,
// counters and position in one store batch; only then is the position told to the stream, which
// needs it for retention alone. When the store is lost, the fold starts again from the oldest inbox
// record kept. Over a store with a log of changes (alerting/partition_owner.h) a batch is durable
// in the log first.
//
// Texts come in a stream of their own. Before a batch is folded, `texts` is read to where it ended
// when the batch had been read; filters write a text before or with its hit, so an alert always
// finds it.
//
// Life cycle: Open(), then RunOnce() again and again by the owner's thread; destruction at any
// point is as safe as kill -9. Threads: RunOnce() belongs to one thread; Wake(), outcomes() and
// lag() may be called by any. Tests: alerting/alerting_worker_test.cc.

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "alerting/incident_fold.h"
#include "alerting/text_keeper.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "filters/inbox_record.h"
#include "store/store.h"
#include "stream/stream.h"

namespace keng::alerting {

inline constexpr std::string_view kAlertingReader = "alerting";
inline constexpr std::string_view kTextsReader = "alerting.texts";

struct AlertingOptions {
  std::string desk;  // key of the ticks
  int partition = 0;
  absl::Duration tick_interval = absl::Seconds(10);
  filters::SettingsRecord settings;  // written to the inbox when they differ from those in force
  size_t batch_bytes = size_t{4} << 20;
  // How often the position in the inbox is told to the stream, which needs it for retention and
  // lag only; 0: after every batch. Over a cluster each telling is a round trip before the ring.
  absl::Duration tell_interval = absl::ZeroDuration();
  // A batch that has changed as much is committed in parts. With what one record may add to it
  // (kTickBytesMax) this stays far below what a changelog takes at once (WriteSet::kBytesMax).
  size_t commit_bytes = size_t{32} << 20;
  // Who announces himself in the inbox, and as which owner: larger than those before. 0: one more
  // than the last that the fold has seen.
  std::string owner = "embedded";
  int64_t epoch = 0;
  std::string inbox_reader = std::string(kAlertingReader);
  // The registered reader of `texts`. Empty: a tap, where no retention waits for readers.
  std::string texts_reader = std::string(kTextsReader);
};

class AlertingWorker {
 public:
  struct Step {
    int64_t records = 0;               // of the inbox, folded
    int64_t alerts = 0;                // decided or to be replayed: the dispatcher has work
    std::vector<std::string> changed;  // incidents that an officer would see change
  };

  // All of it must outlive the worker; `metrics` may be null. Errors are those of the store and the
  // streams.
  static absl::StatusOr<std::unique_ptr<AlertingWorker>> Open(AlertingOptions options,
                                                              stream::Streams& streams,
                                                              store::Store& store,
                                                              const base::Clock& clock,
                                                              base::Metrics* metrics);
  ~AlertingWorker();
  AlertingWorker(const AlertingWorker&) = delete;
  AlertingWorker& operator=(const AlertingWorker&) = delete;

  // Folds one batch or a part of it, or writes a tick that is due; waits up to `timeout` for work.
  // ResourceExhausted or Unavailable: a write was refused for now and is repeated at the next call.
  // Aborted: another owner has the partition; the worker must be dropped. DataLoss: corruption; the
  // owner must stop.
  absl::StatusOr<Step> RunOnce(absl::Duration timeout);
  void Wake();

  // Outcome name -> records, as committed.
  std::map<std::string, int64_t> outcomes() const;
  // Inbox records that are not yet in the store.
  int64_t lag() const;

 private:
  AlertingWorker(AlertingOptions options, stream::Streams& streams, store::Store& store,
                 const base::Clock& clock, base::Metrics* metrics);

  absl::Status OpenReaders();
  absl::Status Begin();
  void AddToInbox(const filters::InboxRecord& record, stream::WriteSet& set) const;
  bool SettingsDiffer() const;
  absl::Status TellPosition();
  absl::Status Tick(absl::Time now);
  absl::StatusOr<Step> Fold();
  absl::StatusOr<Step> CommitFold();
  absl::Status EraseExpired();
  void Report();

  // Constant after construction.
  const AlertingOptions options_;
  stream::Streams& streams_;
  store::Store& store_;
  const base::Clock& clock_;
  base::Metrics* const metrics_;
  base::Histogram batch_seconds_;
  base::Counter gap_;
  base::Gauge bands_known_;
  base::Counter outcome_counters_[kOutcomes];
  base::Counter alert_counters_[kAlertReasons];
  base::Counter ring_counters_[kRingVerdicts];

  // Of the worker's thread.
  std::unique_ptr<IncidentFold> fold_;
  std::unique_ptr<stream::Reader> inbox_;
  std::unique_ptr<TextKeeper> texts_;
  filters::InboxParser parser_;
  std::shared_ptr<const stream::RecordBatch> batch_;  // read and not yet folded to its end
  size_t batch_next_ = 0;                             // of its records, the first not yet applied
  int64_t epoch_ = 0;
  bool begun_ = false;
  bool folded_ = false;  // applied and not yet committed
  int64_t folded_records_ = 0;
  absl::Time tick_due_ = absl::InfinitePast();
  absl::Time told_at_ = absl::InfinitePast();

  std::atomic<int64_t> next_offset_{0};
  mutable base::Mutex mutex_;
  std::map<std::string, int64_t> outcomes_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace keng::alerting

#endif  // KENG_ALERTING_ALERTING_WORKER_H_
