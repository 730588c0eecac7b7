// The contract's tests over a real broker.

#include "stream/contract_test.h"
#include "stream/kafka/kafka_streams.h"
#include "stream/kafka/testing/real_broker.h"

namespace keng::stream {
namespace {

class KafkaPlace final : public StreamsPlace {
 public:
  absl::StatusOr<std::unique_ptr<Streams>> Open(
      const std::vector<std::pair<StreamId, StreamConfig>>& streams,
      const base::Clock& clock) override {
    if (options_.prefix.empty()) {
      options_ = RealBrokerOptions(streams);
      // The test's clock is not the broker's: what the broker would do of itself is switched off.
      options_.broker_retention_slack = absl::InfiniteDuration();
      options_.topic_settings = {{"segment.ms", "9223372036854775807"},
                                 {"max.compaction.lag.ms", "9223372036854775807"},
                                 {"min.compaction.lag.ms", "9223372036854775807"}};
      if (auto made = CreateTopics(options_); !made.ok()) return made.status();
    }
    return OpenKafkaStreams(options_, clock, nullptr);
  }

 private:
  KafkaOptions options_{.prefix = ""};
};

INSTANTIATE_TEST_SUITE_P(Kafka, StreamsContractTest,
                         testing::Values(ContractCase{
                             "Broker", [] { return std::make_unique<KafkaPlace>(); }}),
                         ContractCaseName);

}  // namespace
}  // namespace keng::stream
