#ifndef KENG_ALERTING_INCIDENT_FOLD_H_
#define KENG_ALERTING_INCIDENT_FOLD_H_

// The fold: the inbox in, incidents and alerts out. A deterministic function of the records, their
// offsets and append times: no wall clock, no platform time, no seeded hash, no rule set, no text.
// Replaying an inbox from empty gives the same bytes in kFoldTables, wherever batches were cut and
// whatever crashed between.
//
// Time is the running maximum of append times and ticks. What a record did is remembered under its
// post and rule (or action id), so that meeting it again changes nothing.
//
// Life cycle: Open() takes up where the store stands; Apply() the records of a batch in offset
// order; Commit() makes the batch durable whole: state, outcomes, counters, outbox and position.
// Without Commit() nothing has happened: after any error but ResourceExhausted and Unavailable the
// fold must be dropped and opened anew.
//
// Threads: a fold belongs to one thread. It is the only writer of kFoldTables.
// Tests: incident_fold_test.cc, story_oracle_test.cc (against testing/story_model.h).
//
// Joining, in this order:
//   1. the incident of this desk and topic that the post is in already;
//   2. the one whose first text is a near-duplicate (a repost under another page's place joins);
//   3. the one whose place equals or contains the hit's, the narrowest place first. The whole desk
//      contains nothing: "the province is flooded" must not swallow every alley of the evening. A
//      hit without a place joins by its text only. Rumours have no place: the rule is their story.
// Among several, live ones go before resolved ones before noise, then the latest hit, then the id.
// Hits of draft and test rules make incidents of their own, which never ring, so that a draft
// cannot change what a stable rule rings for.
//
// Invariants
//   I1  A post counts once in an incident, and is in one incident of a desk and topic at a time.
//   I2  An incident id is never given twice; a retraction never re-rings.
//   I3  Each record has one Outcome, counted in FoldRow::outcomes in the same batch.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "alerting/alert.h"
#include "alerting/decide.h"
#include "alerting/state_tables.h"
#include "filters/inbox_record.h"
#include "store/store.h"

namespace keng::alerting {

// Bounds of the state. Constants of the layout: a change gives other bytes.
inline constexpr int64_t kAuthorsMax = 10'000;  // counted for one incident; more are "10,000+"
inline constexpr int64_t kRecentMax = 4'096;    // newest posts looked at for a threshold
inline constexpr size_t kHeldBackMax = 1'000;   // incidents named in one storm summary
inline constexpr int64_t kDeadlinesPerTick = 10'000;
// A tick that has changed as much leaves what else is due to the next one.
inline constexpr size_t kTickBytesMax = size_t{32} << 20;
inline constexpr size_t kCandidatesMax = 64;  // near-duplicates compared for one hit
inline constexpr absl::Duration kTrailKept = absl::Hours(24 * 30);  // links and author keys
inline constexpr absl::Duration kPostsKept = absl::Hours(24 * 35);  // ids seen: the inbox's age
inline constexpr absl::Duration kIncidentsKept = absl::Hours(24 * 395);
inline constexpr absl::Duration kAlertsKept = absl::Hours(24 * 30);

class IncidentFold {
 public:
  // `partition` of the inbox. DataLoss: the store is not readable.
  static absl::StatusOr<std::unique_ptr<IncidentFold>> Open(store::Store& store, int partition);
  ~IncidentFold();
  IncidentFold(const IncidentFold&) = delete;
  IncidentFold& operator=(const IncidentFold&) = delete;

  // One past the last record applied.
  int64_t next_offset() const;

  // Folds one record; `desk` is its key. A record before next_offset() is known: kDuplicate is
  // returned and nothing counted.
  absl::StatusOr<Outcome> Apply(std::string_view desk, int64_t offset, absl::Time appended_at,
                                const filters::InboxRecord& record);
  // Counts a record that is none (kBroken) or of an unknown kind (kUnknownRecord).
  void Skip(int64_t offset, absl::Time appended_at, Outcome outcome);

  // Makes all that was applied durable in one write. ResourceExhausted, Unavailable: not now
  // (store/store.h); call again, applying nothing in between. Aborted: the state has another owner.
  absl::Status Commit();
  // About what Commit() will write. Bounded for one record (kTickBytesMax); a caller that commits
  // whenever there is much bounds the whole.
  size_t changed_bytes() const;

  // Since the last Commit(): alerts decided, ids of the incidents that changed, and dead deliveries
  // that are to be attempted again. For waking the dispatcher, metrics and tests.
  const std::vector<Alert>& alerts() const;
  const std::vector<std::string>& changed() const;
  int64_t replayed() const;
  // The sums that stand in the store with the position.
  const FoldRow& row() const;
  // Memory of the near-duplicate index (store/min_hash.h).
  size_t bands_known() const;

 private:
  class Impl;
  explicit IncidentFold(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The fold's row of a partition of the inbox as `view` has it; an empty one when there is none.
absl::StatusOr<FoldRow> ReadFoldRow(const store::View& view, int partition);

}  // namespace keng::alerting

#endif  // KENG_ALERTING_INCIDENT_FOLD_H_
