#include "app/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

TEST(Config, ReportsAllProblemsAtOnce) {
  const auto config = ParseConfig("keng.yaml", "mode: loud\nmax_age: x\n");
  EXPECT_THAT(std::string(config.status().message()), testing::HasSubstr("mode is"));
  EXPECT_THAT(std::string(config.status().message()), testing::HasSubstr("max_age is"));
  EXPECT_THAT(std::string(config.status().message()), testing::HasSubstr("\"sources\" is missing"));
}

}  // namespace
}  // namespace keng::app
