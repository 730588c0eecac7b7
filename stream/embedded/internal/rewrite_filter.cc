#include "stream/embedded/internal/rewrite_filter.h"

#include "stream/embedded/internal/database.h"

namespace keng::stream::internal {
namespace {

class RewriteFilter final : public rocksdb::CompactionFilter {
 public:
  RewriteFilter(std::shared_ptr<const RewritePlan> plan, std::shared_ptr<RewriteProgress> progress)
      : plan_(std::move(plan)), progress_(std::move(progress)) {}

  Decision FilterV2(int /*level*/, const rocksdb::Slice& key, ValueType type,
                    const rocksdb::Slice& /*value*/, std::string* new_value,
                    std::string* /*skip_until*/) const override {
    if (type != ValueType::kValue || key.size() != 8) return Decision::kKeep;
    const auto base = static_cast<Offset>(BigEndian64(key.ToStringView()));
    if (base < plan_->begin) return Decision::kRemove;
    const auto it = plan_->values.find(base);
    if (it == plan_->values.end()) return Decision::kKeep;
    progress_->Meet(base);
    if (!it->second.has_value()) return Decision::kRemove;
    *new_value = *it->second;
    return Decision::kChangeValue;
  }
  const char* Name() const override { return "keng.RewriteFilter"; }

 private:
  const std::shared_ptr<const RewritePlan> plan_;
  const std::shared_ptr<RewriteProgress> progress_;
};

}  // namespace

std::unique_ptr<rocksdb::CompactionFilter> RewriteFilterFactory::CreateCompactionFilter(
    const rocksdb::CompactionFilter::Context& /*context*/) {
  base::MutexLock lock(mutex_);
  if (plan_ == nullptr) return nullptr;
  return std::make_unique<RewriteFilter>(plan_, progress_);
}

}  // namespace keng::stream::internal
