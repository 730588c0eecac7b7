// How fast a partition is rebuilt where it moves to: from `state`, and, for comparison in the same
// run, by a fold of the inbox from empty. Both give the same tables. Streams are in memory, so that
// the figures are alerting's and the store's; a broker's come on top.
//
//   build/release/alerting/recovery_bench

#include <benchmark/benchmark.h>

#include <filesystem>
#include <memory>
#include <string>

#include "alerting/partition_owner.h"
#include "alerting/testing/fold_kit.h"
#include "base/check.h"
#include "base/strings.h"
#include "base/temporary_folder.h"
#include "stream/testing/memory_streams.h"

namespace keng::alerting {
namespace {

using stream::StreamId;

// An evening of `hits`: one post in `kPostsPerStory` opens a story, the others join it by their
// place; texts of 100 shingles.
constexpr int64_t kPostsPerStory = 20;

class Evening {
 public:
  explicit Evening(int64_t hits) : hits_(hits) {
    stream::WriteSet set;
    for (int64_t i = 0; i < hits; ++i) {
      filters::HitRecord hit = testing::MakeHit(base::StrCat("facebook:1234567890_", i));
      hit.hit.place = base::StrCat("p", i / kPostsPerStory);
      hit.place_path = {hit.hit.place, "91"};
      hit.sketch = testing::SketchOf(static_cast<uint32_t>(i % 4'000'000));
      filters::AppendInboxRecord(hit, set.BeginRecord(StreamId::kInbox, "91"));
      set.EndRecord();
      if (set.bytes() > size_t{8} << 20 || i + 1 == hits) {
        KENG_CHECK(streams_.Write(set).ok());
        set.Clear();
      }
    }
    Drain(*Open("first"));
    KENG_CHECK(streams_.Maintain().ok());  // compacts
  }

  std::unique_ptr<PartitionOwner> Open(const std::string& name) {
    PartitionOwnerOptions options;
    options.alerting.desk = "91";
    options.store.path = base::StrCat(folder_.path(), "/", name);
    std::filesystem::remove_all(options.store.path);
    auto owner = PartitionOwner::Open(std::move(options), streams_, clock_, nullptr);
    KENG_CHECK(owner.ok(), owner.status().ToString());
    return *std::move(owner);
  }
  static void Drain(PartitionOwner& owner) {
    while (owner.worker().lag() > 0) {
      KENG_CHECK(owner.worker().RunOnce(absl::ZeroDuration()).ok());
    }
  }
  // A store of its own, without a changelog: what remains to a partition whose `state` is lost.
  void FoldInbox() {
    const std::string path = folder_.path() + "/folded";
    std::filesystem::remove_all(path);
    const auto store = testing::OpenStore(path, clock_);
    auto worker =
        AlertingWorker::Open({.desk = "91", .texts_reader = ""}, streams_, *store, clock_, nullptr);
    KENG_CHECK(worker.ok(), worker.status().ToString());
    while ((*worker)->lag() > 0) KENG_CHECK((*worker)->RunOnce(absl::ZeroDuration()).ok());
  }
  int64_t hits() const { return hits_; }

 private:
  const int64_t hits_;
  const base::TemporaryFolder folder_{"keng-bench"};
  base::FakeClock clock_{testing::At({})};
  stream::MemoryStreams streams_{
      {{StreamId::kInbox, {}}, {StreamId::kState, {.compacted = true}}, {StreamId::kTexts, {}}},
      clock_};
};

Evening& TheEvening() {
  static Evening evening(100'000);
  return evening;
}

void BM_RebuildFromState(benchmark::State& state) {
  Evening& evening = TheEvening();
  int64_t rows = 0, bytes = 0;
  double seconds = 0;
  for ([[maybe_unused]] auto _ : state) {
    const auto owner = evening.Open("rebuilt");
    rows = owner->recovery().rows;
    bytes = owner->recovery().bytes;
    seconds += owner->recovery().seconds;
  }
  const double rebuilds = static_cast<double>(state.iterations());
  state.counters["hits/s"] = static_cast<double>(evening.hits()) * rebuilds / seconds;
  state.counters["rows/hit"] = static_cast<double>(rows) / static_cast<double>(evening.hits());
  state.counters["bytes/hit"] = static_cast<double>(bytes) / static_cast<double>(evening.hits());
}
BENCHMARK(BM_RebuildFromState)->Unit(benchmark::kMillisecond)->UseRealTime()->Iterations(5);

void BM_FoldFromInbox(benchmark::State& state) {
  Evening& evening = TheEvening();
  for ([[maybe_unused]] auto _ : state) evening.FoldInbox();
  state.counters["hits/s"] = benchmark::Counter(
      static_cast<double>(evening.hits() * state.iterations()), benchmark::Counter::kIsRate);
}
BENCHMARK(BM_FoldFromInbox)->Unit(benchmark::kMillisecond)->UseRealTime()->Iterations(3);

}  // namespace
}  // namespace keng::alerting

BENCHMARK_MAIN();
