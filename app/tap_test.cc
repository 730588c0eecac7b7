#include "app/tap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <sstream>

#include "base/clock.h"
#include "stream/testing/memory_streams.h"

namespace keng::app {
namespace {

using stream::StreamId;

// Every line is JSON, whatever stands in the streams.
TEST(Tap, ShowsBytesAsText) {
  const base::FakeClock clock(absl::UnixEpoch());
  stream::MemoryStreams streams({{StreamId::kState, {}}, {StreamId::kIntake, {}}}, clock);
  stream::WriteSet set;
  set.Append(StreamId::kState, "91/7/\xff\x01",
             "\x02\xc3(\xe1\xba\xad\xed\xa0\x80\xf4\x90\x80\x80\xc0\xaf");
  set.Append(StreamId::kState, "91/8/", R"({"a":1})");
  set.AppendTombstone(StreamId::kState, "91/9/");
  set.Append(StreamId::kIntake, "", R"({"cut": )");
  ASSERT_TRUE(streams.Write(set).ok());
  std::vector<std::string> keys, values;
  for (const StreamId stream : {StreamId::kState, StreamId::kIntake}) {
    const auto result = Tap(streams, {.stream = stream});
    ASSERT_TRUE(result.ok()) << result.status();
    std::istringstream lines(result->lines);
    for (std::string line; std::getline(lines, line);) {
      boost::system::error_code error;
      const boost::json::value row = boost::json::parse(line, error);
      ASSERT_FALSE(error) << line;
      keys.emplace_back(row.at("key").as_string());
      values.push_back(boost::json::serialize(row.at("value")));
    }
  }
  EXPECT_THAT(keys, testing::ElementsAre("91/7/\xEF\xBF\xBD\x01", "91/8/", "91/9/", ""));
  const std::string bad = "\xEF\xBF\xBD";
  std::string some = "\"\\u0002" + bad + "(\u1EAD";
  for (int i = 0; i < 3 + 4 + 2; ++i) some += bad;
  EXPECT_THAT(values, testing::ElementsAre(some + "\"", R"({"a":1})", "null", R"("{\"cut\": ")"));
}

}  // namespace
}  // namespace keng::app
