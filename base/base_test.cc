#include <gtest/gtest.h>

#include <thread>

#include "base/bounded_queue.h"
#include "base/clock.h"
#include "base/json_text.h"
#include "base/keyed_hash.h"
#include "base/metrics.h"
#include "base/stable_hash.h"
#include "base/yaml.h"

namespace keng::base {
namespace {

TEST(StableHash, Murmur2AgreesWithKafka) {
  // Values from Kafka's own UtilsTest.testMurmur2.
  const std::pair<const char*, int32_t> cases[] = {
      {"21", -973932308},
      {"foobar", -790332482},
      {"a-little-bit-long-string", -985981536},
      {"a-little-bit-longer-string", -1486304829},
      {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971}};
  for (const auto& [text, hash] : cases)
    EXPECT_EQ(static_cast<int32_t>(Murmur2(text)), hash) << text;
}

TEST(KeyedHash, AgreesWithRfc4231) {
  EXPECT_EQ(HexPrefix(HmacSha256("Jefe", "what do ya want for nothing?"), 64),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(HexPrefix(HmacSha256(std::string(131, '\xaa'),
                                 "Test Using Larger Than Block-Size Key - Hash Key First"),
                      64),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(BoundedQueue, RefusesWhenFullAndAlwaysTakesOne) {
  BoundedQueue<int> queue(2, 10);
  int item = 1;
  EXPECT_TRUE(queue.TryPush(item, 1000)) << "an empty queue takes an item of any size";
  item = 2;
  EXPECT_FALSE(queue.TryPush(item, 1));
  EXPECT_EQ(queue.Pop(), 1);
  EXPECT_TRUE(queue.TryPush(item, 4));
  EXPECT_TRUE(queue.TryPush(item, 4));
  EXPECT_FALSE(queue.TryPush(item, 1)) << "bounded by count";
}

TEST(BoundedQueue, CloseWakesTheProducerAndDrainsTheConsumer) {
  BoundedQueue<int> queue(1, 10);
  ASSERT_TRUE(queue.Push(7, 1));
  std::thread producer([&] { EXPECT_FALSE(queue.Push(8, 1)); });
  queue.Close();
  producer.join();
  EXPECT_EQ(queue.Pop(), 7);
  EXPECT_EQ(queue.Pop(), std::nullopt);
}

TEST(Metrics, ExposesAndDefaultHandlesCountNothing) {
  Metrics metrics;
  metrics.counter("keng_test_posts_total", "help", {{"outcome", "hit"}}).Add(3);
  EXPECT_NE(metrics.Expose().find("keng_test_posts_total{outcome=\"hit\"} 3"), std::string::npos)
      << metrics.Expose();
  const Counter told = metrics.counter("keng_test_told_total", "help");
  for (const double total : {5, 3, 5, 8}) told.RaiseTo(total);
  EXPECT_EQ(told.value(), 8);
  Counter().Add();
  Counter().RaiseTo(1);
  Gauge().Set(1);
  Histogram().Observe(1);
}

TEST(JsonText, EscapesWhatMustBe) {
  std::string out;
  AppendJsonString("a\"b\\c\n\x01 ngập", out);
  EXPECT_EQ(out, R"("a\"b\\c\n\u0001 ngập")");
}

TEST(Yaml, ErrorsNameTheirPlace) {
  struct Case {
    const char* text;
    const char* error;
  };
  const Case cases[] = {
      {"a: 1\na: 2\n", "f.yaml:2:1: the key \"a\" stands twice; remove one of them"},
      {"a: [1, 2\n", "f.yaml:2:1: end of sequence flow not found"},
      {"[a]: 1\n", "f.yaml:1:1: a key must be a plain word"},
  };
  for (const Case& c : cases) EXPECT_EQ(Yaml::Parse("f.yaml", c.text).status().message(), c.error);
  const auto yaml = Yaml::Parse("f.yaml", "size: 10MiB\nage: 7d\nword: \"12\"\nsevrity: high\n");
  ASSERT_TRUE(yaml.ok());
  EXPECT_EQ(*yaml->Find("size")->Bytes("size"), 10 << 20);
  EXPECT_EQ(*yaml->Find("age")->Duration("age"), absl::Hours(168));
  EXPECT_TRUE(yaml->Find("word")->quoted());
  EXPECT_EQ(yaml->Find("word")->Int("word", 0, 5).status().message(),
            "f.yaml:3:7: word is \"12\"; expected a whole number from 0 to 5");
  EXPECT_EQ(yaml->CheckKeys("a rule", {"size", "age", "word", "severity"}).message(),
            "f.yaml:4:1: unknown key \"sevrity\" in a rule; did you mean \"severity\"?");
}

TEST(Yaml, ASecondDocumentIsRefused) {
  const auto yaml = Yaml::Parse("f.yaml", "a: 1\n---\nb: 2\n");
  ASSERT_FALSE(yaml.ok());
  EXPECT_TRUE(yaml.status().message().find("f.yaml:2:1: a second document") == 0) << yaml.status();
  EXPECT_FALSE(Yaml::Parse("f.yaml", "---\na: 1\n--- {b: 2}\n").ok());
  EXPECT_TRUE(Yaml::Parse("f.yaml", "# c\n---\na: |\n  ---\nb: ---x\n").ok());
  EXPECT_TRUE(Yaml::Parse("f.yaml", "---\na: 1\n").ok());
  EXPECT_TRUE(Yaml::Parse("f.yaml", "").ok());
}

// yaml-cpp takes some of them for an empty file; what matters here is that it stops.
TEST(Yaml, ABrokenTextComesToAnEnd) {
  for (const char* text : {",", ", a", "---\n,"}) {
    const auto yaml = Yaml::Parse("f.yaml", text);
    EXPECT_TRUE(!yaml.ok() || yaml->is_null()) << text;
  }
  for (const char* text : {"]", "}"}) EXPECT_FALSE(Yaml::Parse("f.yaml", text).ok()) << text;
}

TEST(Yaml, AliasBombIsRefused) {
  std::string text = "a: &a [x,x,x,x,x,x,x,x,x,x]\n";
  for (char c = 'b'; c < 'i'; ++c) {
    text += std::string(1, c) + ": &" + c + " [";
    for (int i = 0; i < 10; ++i) text += std::string(i ? "," : "") + "*" + static_cast<char>(c - 1);
    text += "]\n";
  }
  EXPECT_FALSE(Yaml::Parse("bomb.yaml", text).ok());
}

}  // namespace
}  // namespace keng::base
