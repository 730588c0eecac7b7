#ifndef KENG_STREAM_CONTRACT_TEST_H_
#define KENG_STREAM_CONTRACT_TEST_H_

// The tests that every implementation of stream/stream.h passes unchanged. An implementation links
// keng_stream_contract and says, in a test file of its own:
//
//   INSTANTIATE_TEST_SUITE_P(Mine, StreamsContractTest, testing::Values(ContractCase{...}),
//                            ContractCaseName);
//
// What it declares not to be able to do (Capabilities) is skipped, with that as the reason.

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "stream/stream.h"

namespace keng::stream {

// One place where streams are kept, made anew for each test.
class StreamsPlace {
 public:
  virtual ~StreamsPlace() = default;
  // Opens the streams, with what was written before when Capabilities::survives_reopen. The streams
  // opened before are destroyed by then.
  virtual absl::StatusOr<std::unique_ptr<Streams>> Open(
      const std::vector<std::pair<StreamId, StreamConfig>>& streams, const base::Clock& clock) = 0;
};

struct ContractCase {
  std::string name;
  std::function<std::unique_ptr<StreamsPlace>()> make_place;

  friend void PrintTo(const ContractCase& contract, std::ostream* out) { *out << contract.name; }
};
inline std::string ContractCaseName(const testing::TestParamInfo<ContractCase>& info) {
  return info.param.name;
}

class StreamsContractTest : public testing::TestWithParam<ContractCase> {
 protected:
  StreamsContractTest();

  // Opens or opens again. Fails the test when it does not work.
  void Open();
  Streams& streams() { return *streams_; }
  Capabilities capabilities() const { return streams_->capabilities(); }

  void Append(StreamId stream, std::string_view key, std::string_view value);
  std::unique_ptr<Reader> OpenReader(std::string_view name, StreamId stream);
  void Commit(std::string_view reader, StreamId stream, int partition, Offset next);
  // All that a tap sees now, as "partition/offset key=value" ("key!" for a tombstone).
  std::vector<std::string> Contents(StreamId stream);

  base::FakeClock clock_;
  std::vector<std::pair<StreamId, StreamConfig>> configs_;
  std::unique_ptr<StreamsPlace> place_;
  std::unique_ptr<Streams> streams_;
};

}  // namespace keng::stream

#endif  // KENG_STREAM_CONTRACT_TEST_H_
