#ifndef KENG_INGEST_INGEST_STAGE_H_
#define KENG_INGEST_INGEST_STAGE_H_

// The ingest stage: lines from sources become records of the posts stream. Each line ends in
// exactly one counted outcome: stored, duplicate or dropped (with its reason; the line goes to
// `dead`, redacted). Posts, dead records, the counters and the source's resume point are one Write,
// so that after a crash the counters are those of exactly the lines before the resume point.
//
//   SourceIntake intake = *stage.OpenSource({.name = "feed", ...});
//   ... seek to intake.resume_point() ...
//   while (read a line) {
//     intake.Add(line, position);
//     if (intake.wants_commit()) intake.Commit(resume point after this line);
//   }
//
// Life cycle: Open() reads back the ids of the posts that are kept; OpenSource() once for each
// source, again after its intake was destroyed; intakes are destroyed before the stage, the stage
// before its streams.
//
// Threads: IngestStage is thread-safe; a SourceIntake belongs to one thread at a time. No thread is
// made here.
//
// Two sources that bring the same post at the same instant may both store it: the recent ids learn
// of a post when it is durable. Where several processes write, they learn of each other's posts
// only when a source comes over, and one that was suspended may write what its successor has seen
// change. Everything behind takes the second for what it is; an older state behind a newer one is
// put right by the filter stage (filters/posts_guard.h).
//
// Tests: ingest/ingest_stage_test.cc.

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "ingest/author_keys.h"
#include "ingest/post_mapper.h"
#include "ingest/recent_ids.h"
#include "stream/stream.h"

namespace keng::ingest {

inline constexpr size_t kDropReasons = static_cast<size_t>(DropReason::kExpiredSource) + 1;

// What became of the lines of one source, since it was first opened: persisted with each batch.
// I1  lines == stored + duplicate + the sum of dropped.
struct SourceCounters {
  int64_t lines = 0;
  int64_t stored = 0;
  int64_t duplicate = 0;  // the same state again, or an outdated one
  int64_t outdated = 0;   // of `duplicate`: an older version, or a post that was deleted since
  int64_t edits = 0;      // of `stored`
  int64_t deletions = 0;  // of `stored`
  int64_t expanded = 0;   // records beside the lines: deletions of the posts of a deleted account
  std::array<int64_t, kDropReasons> dropped = {};

  int64_t dropped_total() const;
};

struct SourceOptions {
  std::string name;     // the key of its resume point: [a-z0-9_.-], at most 64 bytes
  std::string purpose;  // why it is read (requirement P1)
  std::string owner;    // who answers for it
  absl::Time until = absl::InfiniteFuture();  // collection stops: later lines are dropped
};

struct IngestOptions {
  size_t recent_ids_max = 1 << 20;
  // How far the slowest reader of `posts` may be behind before sources have to wait.
  int64_t lag_max = 2'000'000;
  // A batch is written at the latest with so many lines or bytes.
  size_t batch_lines_max = 4096;
  size_t batch_bytes_max = 4 << 20;
  // Of a line that is put aside in `dead`.
  size_t dead_line_bytes_max = 4096;
};

enum class IngestOutcome : uint8_t { kStored, kDuplicate, kDropped };

// By the low half of the id's hash.
using BatchStates = absl::flat_hash_map<uint64_t, std::pair<base::Hash128, PostState>>;

class IngestStage;

// One source's way into the stage. Not thread-safe.
class SourceIntake {
 public:
  struct Result {
    IngestOutcome outcome = IngestOutcome::kStored;
    DropReason reason = DropReason::kNone;  // kDropped
    std::string_view field;                 // kDropped: the field to blame, or ""
  };

  ~SourceIntake();
  SourceIntake(const SourceIntake&) = delete;
  SourceIntake& operator=(const SourceIntake&) = delete;

  // What the last Commit() of this source was given; "" for a new source.
  const std::string& resume_point() const { return resume_point_; }
  const SourceOptions& options() const { return options_; }

  // Adds one line to the batch. `position` says where it stood, for `dead`: an offset, a line
  // number. Neither the result nor the line is durable before Commit().
  // REQUIRES: PostParser::kPadding readable bytes after `line`; the line is not blank.
  Result Add(std::string_view line, int64_t position);

  // True when the batch is large enough to be written.
  bool wants_commit() const;
  bool empty() const { return lines_ == 0; }

  // Writes the batch, its counters and `resume_point` (at most 4 KiB) as one. On OK all of it is
  // durable. ResourceExhausted: the streams are full; the batch is kept: call again, or Discard().
  // DataLoss: the streams stop writing for good.
  // With an empty batch it writes the resume point only, when it has changed.
  absl::Status Commit(std::string_view resume_point);
  // Forgets the batch as if it had never been added.
  void Discard();

  // Unavailable while the readers of `posts` are too far behind: the source should wait before it
  // adds more. Asks the streams at most every 50 ms.
  absl::Status Pressure();
  // Collection has ended (SourceOptions::until): the source should read no further.
  bool expired() const;

  // Durable counters: those of the last Commit().
  const SourceCounters& counters() const { return counters_; }

 private:
  friend class IngestStage;

  struct Handles {
    base::Counter lines, stored, duplicate, outdated, expanded;
    std::array<base::Counter, kDropReasons> dropped;
    base::Gauge last_commit;
    base::Histogram commit_seconds;
  };

  SourceIntake(IngestStage& stage, SourceOptions options);

  Result Drop(DropReason reason, std::string_view field, std::string_view line, int64_t position);
  const PostState* FindState(base::Hash128 id, PostState& copy) const;
  void Store(const Post& post, base::Hash128 id, const PostState& state);
  void ExpandAuthorDeletion(const Post& deletion, std::string_view author);
  std::string ControlValue(std::string_view resume_point) const;
  absl::Status Load();
  void Report() const;

  IngestStage& stage_;
  const SourceOptions options_;
  const std::string control_key_;
  Handles handles_;
  PostMapper mapper_;
  std::string resume_point_;
  SourceCounters counters_;  // durable
  SourceCounters next_;      // with the batch
  stream::WriteSet set_;
  size_t lines_ = 0;
  bool sealed_ = false;  // the control record stands in set_ already: Commit() is tried again
  // The states of the batch, by id; moved into the stage's recent ids when they are durable.
  BatchStates states_;
  std::shared_ptr<const AuthorKeys> keys_;  // for the whole batch
  size_t masked_bytes_ = 0;
  absl::Status expand_status_;
  absl::Time pressure_asked_ = absl::InfinitePast();
  absl::Status pressure_;
};

class IngestStage {
 public:
  struct Parts {
    stream::Streams& streams;
    const base::Clock& clock;
    AuthorKeyring& keyring;
    std::shared_ptr<const OptOutList> opt_outs;  // may be null
    base::Metrics* metrics = nullptr;            // may be null
  };

  // Reads the posts that are kept into the recent ids. DataLoss and other errors of the streams.
  static absl::StatusOr<std::unique_ptr<IngestStage>> Open(IngestOptions options, Parts parts);

  // AlreadyExists: the source is open. InvalidArgument: its name, or purpose or owner is missing.
  // DataLoss: its control record cannot be read.
  absl::StatusOr<std::unique_ptr<SourceIntake>> OpenSource(SourceOptions options);

  // Reads what others have stored since, so that a source that comes over from another process
  // finds its last posts known. Called before OpenSource() of such a source.
  absl::Status CatchUp();

  // `keng forget`: deletes one post by its id or permalink as if its source had said so, under a
  // source of its own name ("forget"). Returns the ids. An id is taken also when no post of it is
  // kept any more, for later stages keep longer. NotFound: no kept post has that link.
  absl::StatusOr<std::vector<std::string>> Forget(std::string_view url_or_id);

 private:
  friend class SourceIntake;

  IngestStage(IngestOptions options, Parts parts);
  absl::Status LearnPosts(stream::Reader& tap);
  void Learn(const BatchStates& states, size_t masked_bytes);

  const IngestOptions options_;
  const Parts parts_;
  base::Gauge recent_gauge_;
  base::Counter forgotten_counter_;
  base::Counter masked_counter_;

  base::Mutex catch_up_mutex_;
  // Partition of `posts` -> where CatchUp() goes on.
  std::map<int, stream::Offset> read_to_ ABSL_GUARDED_BY(catch_up_mutex_);

  mutable base::Mutex mutex_;
  RecentIds recent_ ABSL_GUARDED_BY(mutex_);
  uint64_t forgotten_reported_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::string> open_sources_ ABSL_GUARDED_BY(mutex_);
  // Forget() is called from any thread; its intake is made at the first call.
  base::Mutex forget_mutex_;
  std::unique_ptr<SourceIntake> forget_ ABSL_GUARDED_BY(forget_mutex_);
};

// The durable counters of every source that was ever open on these streams.
absl::StatusOr<std::vector<std::pair<std::string, SourceCounters>>> ReadAllCounters(
    stream::Streams& streams);

// Reads one control record of a source. nullopt: it is none.
struct SourceControl {
  std::string resume_point;
  SourceCounters counters;
};
absl::StatusOr<SourceControl> ParseSourceControl(std::string_view value);

}  // namespace keng::ingest

#endif  // KENG_INGEST_INGEST_STAGE_H_
