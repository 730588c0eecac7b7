#ifndef KENG_STREAM_EMBEDDED_INTERNAL_REWRITE_FILTER_H_
#define KENG_STREAM_EMBEDDED_INTERNAL_REWRITE_FILTER_H_

// How stored batches are changed and removed: by a compaction of the one file in which they stand,
// with a filter that puts the new values in place. A new value or a deletion written the usual way
// would stand in a flushed file beside the newest batches; that file's range would span the whole
// partition, and merging it would rewrite everything.

#include <memory>
#include <optional>
#include <string>

#include <rocksdb/compaction_filter.h>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "base/mutex.h"
#include "stream/stream.h"

namespace keng::stream::internal {

struct RewritePlan {
  Offset begin = 0;  // batches before it go
  // base -> the batch's new value; nullopt: the batch goes.
  absl::flat_hash_map<Offset, std::optional<std::string>> values;
};

// What compactions have done of a plan. Thread-safe.
class RewriteProgress {
 public:
  void Meet(Offset base) {
    base::MutexLock lock(mutex_);
    met_.insert(base);
  }
  bool HasMetAll(const RewritePlan& plan) const {
    base::MutexLock lock(mutex_);
    return met_.size() == plan.values.size();
  }

 private:
  mutable base::Mutex mutex_;
  absl::flat_hash_set<Offset> met_ ABSL_GUARDED_BY(mutex_);
};

// Thread-safe. Without a plan, compactions change nothing.
class RewriteFilterFactory final : public rocksdb::CompactionFilterFactory {
 public:
  // Returns what is to become of it.
  std::shared_ptr<const RewriteProgress> SetPlan(std::shared_ptr<const RewritePlan> plan) {
    base::MutexLock lock(mutex_);
    plan_ = std::move(plan);
    progress_ = std::make_shared<RewriteProgress>();
    return progress_;
  }
  void ClearPlan() {
    base::MutexLock lock(mutex_);
    plan_ = nullptr;
    progress_ = nullptr;
  }
  std::unique_ptr<rocksdb::CompactionFilter> CreateCompactionFilter(
      const rocksdb::CompactionFilter::Context& context) override;
  const char* Name() const override { return "keng.RewriteFilter"; }

 private:
  base::Mutex mutex_;
  std::shared_ptr<const RewritePlan> plan_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<RewriteProgress> progress_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace keng::stream::internal

#endif  // KENG_STREAM_EMBEDDED_INTERNAL_REWRITE_FILTER_H_
