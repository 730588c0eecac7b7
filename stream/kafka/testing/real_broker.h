#ifndef KENG_STREAM_KAFKA_TESTING_REAL_BROKER_H_
#define KENG_STREAM_KAFKA_TESTING_REAL_BROKER_H_

// The Kafka broker of the test run (tests/kafka/): where it listens, and topics of a test's own.

#include <string>
#include <vector>

#include "stream/kafka/kafka_streams.h"

namespace keng::stream {

// "127.0.0.1:PORT" from the file that KENG_KAFKA_ADDRESS_FILE names, or from KENG_KAFKA_ADDRESS.
// Aborts when there is neither: a test that needs a broker does not pass without one.
std::string RealBrokerAddress();

// Options with a prefix that no other test uses, and answers that are never old.
KafkaOptions RealBrokerOptions(std::vector<std::pair<StreamId, StreamConfig>> streams);

}  // namespace keng::stream

#endif  // KENG_STREAM_KAFKA_TESTING_REAL_BROKER_H_
