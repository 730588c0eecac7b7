#ifndef KENG_FILTERS_POSTS_GUARD_H_
#define KENG_FILTERS_POSTS_GUARD_H_

// Sees to it that no older state of a post stays behind a newer one in `posts`, where several
// processes write (docs/decisions/010): a process that was suspended and has lost its source may
// append a text behind the deletion that the new owner has stored, and two processes do not know
// each other's posts. Compaction would keep the old text for ever.
//
// All states of a post stand in one partition, and a partition has one filter worker. Its guard
// remembers the states of the posts that were edited or deleted, which are few, and where they
// stand. A state that is older than the one remembered is outdated: nobody may match it, and the
// newer one is appended again, so that it is the newest record.
//
// It ends: what was appended again is the state that is remembered, and is not outdated; when a
// newer one came between, that one is appended, once. Two workers that both do it, one of them a
// zombie, append the same twice.
//
// What it cannot know: states without versions are ordered by their arrival, except that a deletion
// wins; an edit that neither its source nor ingest called one is not remembered; what was forgotten
// or stands before the warm-up is not known.
//
// Life cycle: Expect() for each partition, WarmUp() until warm(), then for each batch Observe()
// and, at its end, Restore(). Not thread-safe. Tests: filters/posts_guard_test.cc.

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/metrics.h"
#include "base/stable_hash.h"
#include "ingest/post.h"
#include "ingest/post_parser.h"
#include "ingest/recent_ids.h"
#include "stream/stream.h"

namespace keng::filters {

struct PostsGuardOptions {
  size_t ids_max = size_t{1} << 17;  // remembered by a worker (60 bytes each)
  // Of each partition, how many offsets before the committed position are read at the start.
  int64_t warm_up_records = int64_t{1} << 18;
  // What Restore() may append at a time; beyond it nothing is restored.
  size_t restored_bytes_max = size_t{32} << 20;
};

class PostsGuard {
 public:
  // `streams` must outlive the guard. `name` tells the worker in the metrics: its partition.
  PostsGuard(PostsGuardOptions options, stream::Streams& streams, const std::string& name,
             base::Metrics& metrics);
  ~PostsGuard();
  PostsGuard(const PostsGuard&) = delete;
  PostsGuard& operator=(const PostsGuard&) = delete;

  // The worker goes on at `next`: what stands before it is for WarmUp().
  void Expect(int partition, stream::Offset next);
  bool warm() const { return unread_.empty(); }
  // Reads back some MiB at most; returns how many records. Errors of the streams: call it again.
  absl::StatusOr<int64_t> WarmUp();

  // Whether a newer state of this post may be known. Costs nothing while nothing is remembered.
  bool Knows(std::string_view id) const {
    return known_.size() != 0 && known_.Find(base::StableHash128(id)) != nullptr;
  }

  enum class Standing : uint8_t { kCurrent, kOutdated };
  // Takes note of a state that stands at `offset`. kOutdated: the newer one is owed to Restore().
  // REQUIRES: it is an edit or a deletion, or Knows() its id.
  Standing Observe(const ingest::Post& post, stream::Offset offset);

  // Appends to `writes` a newer state for each outdated one since the last call: a deletion with
  // the tombstone of its text, or the edit as it stands. Returns for how many that could not be
  // done, for the edit is no longer kept or there were too many; each is logged. Errors of the
  // streams: some may have been appended; the next call, with the same `writes`, goes on there.
  absl::StatusOr<int64_t> Restore(stream::WriteSet& writes);

 private:
  struct Known {
    ingest::PostState state;
    stream::Offset offset;
  };
  struct Owed {
    std::string id, source;
    stream::Offset offset;  // of the outdated state
    Known newer;
  };
  enum class Found : uint8_t { kYes, kNo };

  // What `post` is beside what is known, which it replaces unless it is outdated.
  ingest::StateOrder Note(base::Hash128 id, const ingest::Post& post, stream::Offset offset);
  void Learn(const stream::RecordBatch& batch, stream::Offset end);
  void AppendDeletion(const Owed& owed, stream::WriteSet& writes);
  absl::StatusOr<Found> AppendEdit(const Owed& owed, stream::WriteSet& writes);
  void Report();

  // Constant after construction.
  const PostsGuardOptions options_;
  stream::Streams& streams_;
  base::Gauge known_gauge_;
  base::Counter forgotten_counter_;

  ingest::RecentById<Known> known_;
  uint64_t forgotten_reported_ = 0;
  ingest::PostParser parser_;
  std::map<int, stream::Offset> unread_;  // partitions that are not warm, and where they end
  std::unique_ptr<stream::Reader> tap_;   // of the first of these, or of Restore()
  int tap_partition_ = -1;
  std::vector<Owed> owed_;
  int64_t not_restored_ = 0;   // in this batch so far
  size_t restored_bytes_ = 0;  // likewise
};

}  // namespace keng::filters

#endif  // KENG_FILTERS_POSTS_GUARD_H_
