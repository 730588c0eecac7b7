#include "app/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "base/temporary_folder.h"

namespace keng::app {
namespace {

constexpr char kGood[] = R"(
data_dir: data
mode: shadow
rules: [rules/an-giang]
places: /etc/keng/places
cells: cells.yaml
max_age: 12h
streams: {posts_partitions: 4, posts_bytes_max: 2GiB}
alerts: {rings_per_cell_hour_max: 5}
sources:
  - {name: evening, type: file, path: posts.ndjson, purpose: floods, owner: desk, until: 2027-12-31}
channels:
  - {name: duty, type: terminal}
cell_channels:
  "91": [duty]
)";

TEST(Config, ReadsPathsRelativeToItself) {
  const auto config = ParseConfig("/srv/keng/keng.yaml", kGood);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->data_dir, "/srv/keng/data");
  EXPECT_EQ(config->keys_file, "/srv/keng/data/keys.json");
  EXPECT_EQ(config->places, "/etc/keng/places");
  EXPECT_EQ(config->mode, Mode::kShadow);
  EXPECT_EQ(config->max_age, absl::Hours(12));
  EXPECT_EQ(config->streams.posts_partitions, 4);
  EXPECT_EQ(config->streams.posts_bytes_max, int64_t{2} << 30);
  EXPECT_EQ(config->sources.at(0).until,
            absl::FromCivil(absl::CivilDay(2028, 1, 1), absl::UTCTimeZone()));
  EXPECT_EQ(config->cell_channels.at("91"), std::vector<std::string>{"duty"});
}

// Each case breaks one line of the good file; the error must name its place and say what to do.
TEST(Config, NamesEachProblem) {
  struct Case {
    const char* from;
    const char* to;
    const char* error;
  };
  const Case cases[] = {
      {"mode: shadow", "mode: silent",
       "keng.yaml:3:7: mode is \"silent\"; expected live or shadow"},
      {"max_age: 12h", "max_age: soon",
       "keng.yaml:7:10: max_age is \"soon\"; expected a duration such as"},
      {"max_age", "maxage",
       "unknown key \"maxage\" in the configuration; did you mean \"max_age\"?"},
      {"posts_partitions: 4", "posts_partitions: 0", "expected a whole number from 1 to 64"},
      {"purpose: floods, ", "",
       "needs purpose, owner and until: nothing is collected without them"},
      {"until: 2027-12-31", "until: never",
       "until is \"never\"; expected a date such as 2027-12-31"},
      {"[duty]", "[dutty]", "rings channel \"dutty\", which is not configured"},
      {"name: evening", "name: Evening Posts", "expected 1 to 64 of a-z, 0-9, - and _"},
      {"places: /etc/keng/places", "", "\"places\" is missing"},
  };
  for (const Case& c : cases) {
    std::string text = kGood;
    text.replace(text.find(c.from), std::string(c.from).size(), c.to);
    const auto config = ParseConfig("keng.yaml", text);
    ASSERT_FALSE(config.ok()) << c.to;
    EXPECT_THAT(std::string(config.status().message()), testing::HasSubstr(c.error));
  }
}

std::string WithKafka(const std::string& kafka) {
  std::string text = kGood;
  const std::string_view streams = "streams: {posts_partitions: 4, ";
  text.replace(text.find(streams), streams.size(),
               "streams: {posts_partitions: 4, kafka: {" + kafka + "}, ");
  return text;
}

class KafkaConfigTest : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return folder_.path() + "/" + name; }
  absl::StatusOr<Config> Parse(const std::string& kafka) const {
    return ParseConfig(path("keng.yaml"), WithKafka(kafka));
  }
  const base::TemporaryFolder folder_{"keng-config"};
};

TEST_F(KafkaConfigTest, IsOffByDefaultAndHasDefaults) {
  EXPECT_EQ(ParseConfig("keng.yaml", kGood)->streams.kafka.bootstrap, "");
  const auto config = Parse("bootstrap: \"a:9092,b:9092\"");
  ASSERT_TRUE(config.ok()) << config.status();
  const KafkaConfig& kafka = config->streams.kafka;
  EXPECT_EQ(kafka.bootstrap, "a:9092,b:9092");
  EXPECT_EQ(kafka.prefix, "keng.");
  EXPECT_NE(kafka.instance, "") << "the host's name";
  EXPECT_EQ(kafka.replication, 1);
  EXPECT_EQ(kafka.min_insync_replicas, 1);
}

TEST_F(KafkaConfigTest, TakesSettingsAndSecretsFromElsewhere) {
  std::ofstream(path("password")) << "from a file\n";
  ASSERT_EQ(setenv("KENG_CONFIG_TEST_KEY", "from the environment", 1), 0);
  const auto config = Parse(
      "bootstrap: \"a:1\", instance: i7, prefix: x., replication: 3, min_insync_replicas: 2, "
      "settings: {sasl.mechanism: PLAIN, sasl.password_file: password, "
      "ssl.key.password_env: KENG_CONFIG_TEST_KEY}, producer: {linger.ms: 7}, "
      "consumer: {fetch.wait.max.ms: 9}");
  unsetenv("KENG_CONFIG_TEST_KEY");
  ASSERT_TRUE(config.ok()) << config.status();
  const KafkaConfig& kafka = config->streams.kafka;
  EXPECT_EQ(kafka.instance, "i7");
  EXPECT_EQ(kafka.prefix, "x.");
  EXPECT_EQ(kafka.replication, 3);
  EXPECT_EQ(kafka.min_insync_replicas, 2);
  EXPECT_THAT(kafka.settings,
              testing::ElementsAre(testing::Pair("sasl.mechanism", "PLAIN"),
                                   testing::Pair("sasl.password", "from a file"),
                                   testing::Pair("ssl.key.password", "from the environment")));
  EXPECT_THAT(kafka.producer, testing::ElementsAre(testing::Pair("linger.ms", "7")));
  EXPECT_THAT(kafka.consumer, testing::ElementsAre(testing::Pair("fetch.wait.max.ms", "9")));
}

TEST_F(KafkaConfigTest, NamesEachProblemAndNoSecret) {
  struct Case {
    const char* kafka;
    const char* error;
  };
  const Case cases[] = {
      {"prefix: x.", "streams.kafka needs bootstrap"},
      {"bootstrap: a, replication: 2, min_insync_replicas: 3",
       "min_insync_replicas is 3 and replication is 2; no write would ever be acknowledged"},
      {"bootstrap: a, settings: {sasl.password: hunter2}",
       "sasl.password is a secret and must not stand here; write sasl.password_file: PATH or"},
      {"bootstrap: a, settings: {ssl.key.pem: hunter2}", "ssl.key.pem is a secret"},
      {"bootstrap: a, producer: {sasl.oauthbearer.client.secret: hunter2}", "is a secret"},
      {"bootstrap: a, settings: {sasl.password_file: not-there}", "not-there\" cannot be read"},
      {"bootstrap: a, settings: {sasl.password_env: KENG_NOT_SET}",
       "the environment variable KENG_NOT_SET is not set; it holds sasl.password"},
      {"bootstrap: a, settings: [x]", "settings is no map"},
      {"bootstrap: a, settings: {acks: [x]}", "acks is no single value"},
      {"bootstrap: a, brokers: b", "unknown key \"brokers\" in streams.kafka"},
  };
  for (const Case& c : cases) {
    const auto config = Parse(c.kafka);
    ASSERT_FALSE(config.ok()) << c.kafka;
    EXPECT_THAT(std::string(config.status().message()), testing::HasSubstr(c.error));
    EXPECT_THAT(std::string(config.status().message()),
                testing::Not(testing::HasSubstr("hunter2")));
  }
}

TEST(Config, ReportsAllProblemsAtOnce) {
  const auto config = ParseConfig("keng.yaml", "mode: loud\nmax_age: x\n");
  EXPECT_THAT(std::string(config.status().message()), testing::HasSubstr("mode is"));
  EXPECT_THAT(std::string(config.status().message()), testing::HasSubstr("max_age is"));
  EXPECT_THAT(std::string(config.status().message()), testing::HasSubstr("\"sources\" is missing"));
}

}  // namespace
}  // namespace keng::app
