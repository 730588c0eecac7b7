#include "stream/kafka/testing/real_broker.h"

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>

#include "absl/time/clock.h"
#include "base/check.h"
#include "base/strings.h"

namespace keng::stream {

std::string RealBrokerAddress() {
  if (const char* address = std::getenv("KENG_KAFKA_ADDRESS")) return address;
  const char* path = std::getenv("KENG_KAFKA_ADDRESS_FILE");
  KENG_CHECK(path != nullptr, "KENG_KAFKA_ADDRESS_FILE says where the broker is; run with ctest");
  std::ifstream file(path);
  std::string address;
  file >> address;
  KENG_CHECK(!address.empty(), "no broker: ", path, " is empty or not there");
  return address;
}

KafkaOptions RealBrokerOptions(std::vector<std::pair<StreamId, StreamConfig>> streams) {
  static std::atomic<int> count{0};
  KafkaOptions options;
  options.bootstrap = RealBrokerAddress();
  options.prefix = base::StrCat("t", getpid(), "-", absl::ToUnixMillis(absl::Now()), "-",
                                count.fetch_add(1), ".");
  options.streams = std::move(streams);
  options.stats_age_max = absl::ZeroDuration();
  options.trim_interval = absl::ZeroDuration();
  return options;
}

}  // namespace keng::stream
