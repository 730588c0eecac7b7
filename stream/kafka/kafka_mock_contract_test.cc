// The contract's tests over librdkafka's mock cluster, which runs in this process: what it can do,
// without a broker.

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/strings.h"
#include "stream/contract_test.h"
#include "stream/kafka/kafka_streams.h"

namespace keng::stream {
namespace {

// The mock answers some requests once a second only: one random history is enough here, the real
// broker has the others.
const int kSeedsSet = setenv("KENG_STREAM_MODEL_SEEDS", "1", 0);

class MockPlace final : public StreamsPlace {
 public:
  MockPlace() {
    char error[256] = {};
    handle_ = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), error, sizeof(error));
    cluster_ = rd_kafka_mock_cluster_new(handle_, 1);
  }
  ~MockPlace() override {
    rd_kafka_mock_cluster_destroy(cluster_);
    rd_kafka_destroy(handle_);
  }

  absl::StatusOr<std::unique_ptr<Streams>> Open(
      const std::vector<std::pair<StreamId, StreamConfig>>& streams,
      const base::Clock& clock) override {
    KafkaOptions options;
    options.bootstrap = rd_kafka_mock_cluster_bootstraps(cluster_);
    options.streams = streams;
    options.stats_age_max = absl::ZeroDuration();
    options.mock = true;
    for (const auto& [stream, config] : streams) {
      const std::string topic = base::StrCat(options.prefix, StreamName(stream));
      rd_kafka_mock_topic_create(cluster_, topic.c_str(), config.partitions, 1);
    }
    return OpenKafkaStreams(options, clock, nullptr);
  }

  rd_kafka_mock_cluster_t* cluster() { return cluster_; }

 private:
  rd_kafka_t* handle_;
  rd_kafka_mock_cluster_t* cluster_;
};

INSTANTIATE_TEST_SUITE_P(KafkaMock, StreamsContractTest,
                         testing::Values(ContractCase{
                             "Mock", [] { return std::make_unique<MockPlace>(); }}),
                         ContractCaseName);

// A producer that takes a record for written without the broker's word of where it stands loses
// it: see kUnproven. The mock's answer makes librdkafka do so, and keeps nothing.
TEST(KafkaMockProducerTest, ARecordWhosePlaceNobodyKnowsIsWrittenAgain) {
  MockPlace place;
  const base::RealClock clock;
  const auto streams = place.Open({{StreamId::kInbox, {}}}, clock);
  ASSERT_TRUE(streams.ok()) << streams.status();
  WriteSet set;
  set.Append(StreamId::kInbox, "91", "first");
  constexpr int16_t kProduce = 0;
  rd_kafka_mock_push_request_errors(place.cluster(), kProduce, 1,
                                    RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER);
  EXPECT_EQ((*streams)->Write(set).code(), absl::StatusCode::kUnavailable);
  ASSERT_TRUE((*streams)->Write(set).ok());
  const auto tap = (*streams)->OpenTap(StreamId::kInbox);
  ASSERT_TRUE(tap.ok()) << tap.status();
  const auto batch = (*tap)->Read(1 << 20, absl::Seconds(20));
  ASSERT_TRUE(batch.ok() && *batch != nullptr) << batch.status();
  ASSERT_EQ((*batch)->records().size(), 1u);
  EXPECT_EQ((*batch)->records()[0].value, "first");
}

}  // namespace
}  // namespace keng::stream
