#ifndef KENG_FILTERS_FILTER_WORKER_H_
#define KENG_FILTERS_FILTER_WORKER_H_

// The filter stage for some partitions of `posts`: parse, fold and scan, evaluate, place; hits,
// edits and retractions go to the inbox of the desk, texts to `texts`. Stateless but for its
// counters, which travel with the committed position, so that every post is counted exactly once
// where the stream writes atomically (docs/decisions/001). Where several processes write
// (Capabilities::membership) it also keeps older states from staying behind newer ones
// (filters/posts_guard.h).
//
// Life cycle: Open() restores the counters of the committed position; RunOnce() is called again and
// again by the owner's thread; destruction at any point is as safe as kill -9.
//
// Threads: a worker belongs to one thread. Two workers must not share a partition.
//
// Invariants
//   I1  Each record of `posts` ends in exactly one FilterOutcome.
//   I2  The position is committed in the same write as what the records before it led to.
//   I3  A batch is finished on the rule set it began with.
//   I4  An outdated state is matched by nobody, and each has led to one record more in `posts`
//   (RestoredPosts()), or is counted apart.

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/metrics.h"
#include "filters/matcher/rule_set.h"
#include "filters/places/resolver.h"
#include "filters/posts_guard.h"
#include "stream/stream.h"

namespace keng::filters {

// The order is that of the stored counters: new ones are added at the end.
enum class FilterOutcome : uint8_t {
  kHit = 0,          // at least one hit in the inbox
  kFilteredOut = 1,  // no rule matched, or its place was not known as the rule asks
  kRetracted = 2,    // a deletion
  kLate = 3,         // older than max_age when it came in: never rung as new
  kElsewhere = 4,    // its only explicit place is outside the area served
  kBroken = 5,       // no canonical post: in `dead`
  kOutdated = 6,     // older than a state before it, which was appended to `posts` once more
  kUnrestored = 7,   // likewise, but the newer state could not be appended
};
inline constexpr int kFilterOutcomes = 8;
std::string_view FilterOutcomeName(FilterOutcome outcome);

// What a worker has counted since its partitions' first record.
struct FilterCounts {
  std::array<int64_t, kFilterOutcomes> outcomes{};
  int64_t hits = 0;         // hit records written
  int64_t edits = 0;        // edit records written
  int64_t retractions = 0;  // retraction records written

  FilterCounts& operator+=(const FilterCounts& other);
};
// How many records the filter stage itself has appended to `posts`.
inline int64_t RestoredPosts(const FilterCounts& counts) {
  return counts.outcomes[static_cast<size_t>(FilterOutcome::kOutdated)];
}
// The position's metadata. Decode takes "" as all zero. InvalidArgument: not made by Encode.
std::string EncodeFilterCounts(const FilterCounts& counts);
absl::StatusOr<FilterCounts> DecodeFilterCounts(std::string_view text);

// The name under which the filter stage commits its positions.
inline constexpr std::string_view kFilterReader = "filters";

struct FilterOptions {
  std::vector<int> partitions;  // of `posts`; empty: all
  absl::Duration max_age = absl::Hours(24);
  std::vector<std::string> desks;        // that a retraction must reach
  uint64_t sketch_seed = 0;              // of the installation's key file
  size_t batch_bytes = size_t{1} << 20;  // read at a time
  PostsGuardOptions guard;               // unused where one process writes
};

// What a worker matches and places with. Both are immutable and swapped together between two
// batches.
struct FilterKit {
  std::shared_ptr<const RuleSet> rules;
  std::shared_ptr<const Resolver> resolver;
};

class FilterWorker {
 public:
  // `kit` is asked before each batch for what is in force. Both must outlive the worker.
  static absl::StatusOr<std::unique_ptr<FilterWorker>> Open(FilterOptions options,
                                                            stream::Streams& streams,
                                                            std::function<FilterKit()> kit,
                                                            base::Metrics& metrics);
  ~FilterWorker();
  FilterWorker(const FilterWorker&) = delete;
  FilterWorker& operator=(const FilterWorker&) = delete;

  // Processes one batch; waits up to `timeout` for it. Returns the number of records processed. The
  // first calls may read back some MiB of older posts each instead, and return their number.
  // ResourceExhausted or Unavailable: the write was refused for now; the batch is kept and written
  // at the next call. DataLoss: the stream is corrupt; the owner must stop.
  absl::StatusOr<int64_t> RunOnce(absl::Duration timeout);

  // Makes a RunOnce() that waits return soon. Thread-safe.
  void Wake();

  // Counted so far, as committed. Thread-safe.
  FilterCounts counts() const;

 private:
  struct State;
  explicit FilterWorker(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace keng::filters

#endif  // KENG_FILTERS_FILTER_WORKER_H_
