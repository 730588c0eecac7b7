#include "stream/stream.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/clock.h"
#include "stream/embedded/embedded_streams.h"

namespace keng::stream {
namespace {

TEST(StreamNames, AreFoundAgain) {
  for (const StreamId stream : kAllStreams) EXPECT_EQ(StreamByName(StreamName(stream)), stream);
  EXPECT_EQ(StreamByName("stats"), std::nullopt);
}

TEST(PartitionKey, OfStateIsTheDesk) {
  EXPECT_EQ(PartitionKey(StreamId::kState, "91/2/post"), "91");
  EXPECT_EQ(PartitionKey(StreamId::kState, "91"), "91");
  EXPECT_EQ(PartitionKey(StreamId::kPosts, "a/b"), "a/b");
}

TEST(Embedded, Smoke) {
  const std::string dir = testing::TempDir() + "/smoke";
  std::filesystem::remove_all(dir);
  base::FakeClock clock(absl::FromUnixSeconds(1000000));
  for (int round = 0; round < 3; ++round) {
    EmbeddedOptions options{.directory = dir, .streams = DefaultStreams(2)};
    auto streams = OpenEmbeddedStreams(options, clock, nullptr);
    ASSERT_TRUE(streams.ok()) << streams.status();
    WriteSet set;
    set.Append(StreamId::kInbox, "desk", "value");
    set.Append(StreamId::kTexts, "post", "text");
    ASSERT_TRUE((*streams)->Write(set).ok());
    auto reader = (*streams)->OpenReader("r", StreamId::kInbox);
    ASSERT_TRUE(reader.ok()) << reader.status();
    auto batch = (*reader)->Read(1000, absl::ZeroDuration());
    ASSERT_TRUE(batch.ok()) << batch.status();
    ASSERT_NE(*batch, nullptr);
    EXPECT_EQ((*batch)->records()[0].offset, round);
    set.Clear();
    set.Commit("r", StreamId::kInbox, 0, (*batch)->next_offset());
    ASSERT_TRUE((*streams)->Write(set).ok());
    EXPECT_EQ(**(*streams)->Lookup(StreamId::kTexts, "post"), "text");
  }
}

}  // namespace
}  // namespace keng::stream
