// The contract's tests for the implementations of this folder.

#include <filesystem>

#include "base/temporary_folder.h"
#include "stream/contract_test.h"
#include "stream/embedded/embedded_streams.h"
#include "stream/testing/memory_streams.h"

namespace keng::stream {
namespace {

class MemoryPlace final : public StreamsPlace {
 public:
  absl::StatusOr<std::unique_ptr<Streams>> Open(
      const std::vector<std::pair<StreamId, StreamConfig>>& streams,
      const base::Clock& clock) override {
    return std::make_unique<MemoryStreams>(streams, clock);
  }
};

class EmbeddedPlace final : public StreamsPlace {
 public:
  explicit EmbeddedPlace(int64_t ring_bytes_max) : ring_bytes_max_(ring_bytes_max) {}
  absl::StatusOr<std::unique_ptr<Streams>> Open(
      const std::vector<std::pair<StreamId, StreamConfig>>& streams,
      const base::Clock& clock) override {
    const EmbeddedOptions options{.directory = directory_.path(),
                                  .streams = streams,
                                  .ring_bytes_max = ring_bytes_max_,
                                  .disk_free_min = 0};
    return OpenEmbeddedStreams(options, clock, nullptr);
  }

 private:
  base::TemporaryFolder directory_{"keng-stream"};
  const int64_t ring_bytes_max_;
};

INSTANTIATE_TEST_SUITE_P(
    All, StreamsContractTest,
    testing::Values(
        ContractCase{"Memory", [] { return std::make_unique<MemoryPlace>(); }},
        ContractCase{"Embedded", [] { return std::make_unique<EmbeddedPlace>(32 << 20); }},
        // Every read goes to RocksDB.
        ContractCase{"EmbeddedWithoutRing", [] { return std::make_unique<EmbeddedPlace>(0); }}),
    ContractCaseName);

}  // namespace
}  // namespace keng::stream
