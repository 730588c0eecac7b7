#include "app/cluster/filter_host.h"

#include "absl/strings/numbers.h"
#include "base/check.h"
#include "base/strings.h"

namespace keng::app {

namespace {

constexpr absl::Duration kStepWait = absl::Milliseconds(200);

class FilterSlot final : public SlotWorker {
 public:
  explicit FilterSlot(std::unique_ptr<filters::FilterWorker> worker) : worker_(std::move(worker)) {}
  absl::StatusOr<int64_t> Step() override { return worker_->RunOnce(kStepWait); }
  void Wake() override { worker_->Wake(); }

 private:
  const std::unique_ptr<filters::FilterWorker> worker_;
};

}  // namespace

FilterHost::FilterHost(filters::FilterOptions options, Parts parts)
    : options_(std::move(options)),
      parts_(std::move(parts)),
      slots_(
          {.prefix = "filter",
           .open = [this](const std::string& key) -> absl::StatusOr<std::unique_ptr<SlotWorker>> {
             filters::FilterOptions one = options_;
             int partition = 0;
             KENG_CHECK(absl::SimpleAtoi(key, &partition), key);
             one.partitions = {partition};
             const auto kit = [this] {
               return filters::FilterKit{.rules = parts_.rules.current(),
                                         .resolver = parts_.territory.resolver};
             };
             KENG_ASSIGN_OR_RETURN(auto worker, filters::FilterWorker::Open(one, parts_.streams,
                                                                            kit, parts_.metrics));
             return std::make_unique<FilterSlot>(std::move(worker));
           },
           .on_failure = parts_.on_failure,
           .metrics = &parts_.metrics}) {}

absl::Status FilterHost::Gain(const std::vector<int>& partitions) {
  std::vector<std::string> keys;
  for (const int partition : partitions) keys.push_back(base::StrCat(partition));
  return slots_.Open(keys);
}

}  // namespace keng::app
