#include "net/backoff.h"

#include <gtest/gtest.h>

#include <random>

namespace keng::net {
namespace {

TEST(FullJitterTest, StaysWithinDoublingBoundsAndReachesThem) {
  const BackoffOptions options{.base = absl::Seconds(1), .cap = absl::Seconds(60)};
  const struct {
    int attempt;
    absl::Duration bound;
  } cases[] = {{1, absl::Seconds(1)},   {2, absl::Seconds(2)},      {3, absl::Seconds(4)},
               {6, absl::Seconds(32)},  {7, absl::Seconds(60)},     {40, absl::Seconds(60)},
               {64, absl::Seconds(60)}, {100000, absl::Seconds(60)}};
  for (const auto& c : cases) {
    EXPECT_EQ(FullJitter(options, c.attempt, 0), absl::ZeroDuration()) << c.attempt;
    EXPECT_EQ(FullJitter(options, c.attempt, ~uint64_t{0}), c.bound) << c.attempt;
    std::mt19937_64 random(7);
    absl::Duration sum;
    for (int i = 0; i < 1000; ++i) {
      const absl::Duration delay = FullJitter(options, c.attempt, random());
      ASSERT_GE(delay, absl::ZeroDuration());
      ASSERT_LE(delay, c.bound);
      sum += delay;
    }
    // Even over the whole range: the mean of 1,000 is within 5 % of the middle.
    EXPECT_NEAR(absl::FDivDuration(sum / 1000, c.bound), 0.5, 0.05) << c.attempt;
  }
}

TEST(FullJitterTest, SameRandomBitsGiveTheSameDelay) {
  const BackoffOptions options;
  EXPECT_EQ(FullJitter(options, 3, 0x123456789abcdef0), FullJitter(options, 3, 0x123456789abcdef0));
}

TEST(NextDelayTest, WhatThePeerAskedIsAMinimumAndBounded) {
  const BackoffOptions options{.base = absl::Seconds(1), .cap = absl::Seconds(60)};
  EXPECT_EQ(NextDelay(options, 5, 0, absl::Seconds(30)), absl::Seconds(30));
  EXPECT_EQ(NextDelay(options, 7, ~uint64_t{0}, absl::Seconds(30)), absl::Seconds(60));
  EXPECT_GE(NextDelay(options, 1, 12345, absl::Hours(2)), absl::Hours(2));
  EXPECT_LE(NextDelay(options, 1, ~uint64_t{0}, absl::InfiniteDuration()),
            absl::Hours(24) + absl::Seconds(1));
  EXPECT_EQ(NextDelay(options, 1, 0, std::nullopt), absl::ZeroDuration());
  EXPECT_EQ(NextDelay(options, 1, 0, absl::Seconds(-5)), absl::ZeroDuration());
}

TEST(RetryAfterTest, ReadsSecondsAndTheThreeHttpDates) {
  const absl::Time now = absl::FromUnixSeconds(784111777 - 90);  // 90 s before the RFC's example
  const struct {
    const char* value;
    std::optional<absl::Duration> want;
  } cases[] = {
      {"0", absl::ZeroDuration()},
      {"120", absl::Seconds(120)},
      {" 120 ", absl::Seconds(120)},
      {"99999999999999999999", absl::InfiniteDuration()},
      {"Sun, 06 Nov 1994 08:49:37 GMT", absl::Seconds(90)},
      {"Sunday, 06-Nov-94 08:49:37 GMT", absl::Seconds(90)},
      {"Sun Nov  6 08:49:37 1994", absl::Seconds(90)},
      {"Sun, 06 Nov 1994 08:00:00 GMT", absl::ZeroDuration()},
      {"", std::nullopt},
      {"-5", std::nullopt},
      {"1.5", std::nullopt},
      {"soon", std::nullopt},
      {"120 s", std::nullopt},
  };
  for (const auto& c : cases) EXPECT_EQ(ParseRetryAfter(c.value, now), c.want) << c.value;
}

}  // namespace
}  // namespace keng::net
