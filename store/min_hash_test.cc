#include "store/min_hash.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/strings.h"
#include "base/temporary_folder.h"

namespace keng::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Two sets of `size` with about the Jaccard given.
std::pair<std::vector<uint32_t>, std::vector<uint32_t>> Pair(std::mt19937& random, size_t size,
                                                             double jaccard) {
  const auto common = static_cast<size_t>(2 * jaccard * static_cast<double>(size) / (1 + jaccard));
  std::pair<std::vector<uint32_t>, std::vector<uint32_t>> sets;
  for (size_t i = 0; i < size; ++i) {
    sets.first.push_back(random());
    sets.second.push_back(i < common ? sets.first.back() : random());
  }
  return sets;
}

double ShareThatMeets(double jaccard) {
  std::mt19937 random(7);
  int met = 0;
  constexpr int kPairs = 1000;
  for (int i = 0; i < kPairs; ++i) {
    const auto [a, b] = Pair(random, 120, jaccard);
    const BandKeys x = MinHashBands(a), y = MinHashBands(b);
    met += std::mismatch(x.begin(), x.end(), y.begin(), std::not_equal_to<>()).first != x.end();
  }
  return static_cast<double>(met) / kPairs;
}

// The curve of the header: 1 - (1 - J^3)^48.
TEST(MinHash, BandsMeetAsTheirProbabilitySays) {
  EXPECT_GT(ShareThatMeets(0.5), 0.985);
  EXPECT_NEAR(ShareThatMeets(0.38), 0.93, 0.05);
  EXPECT_NEAR(ShareThatMeets(0.1), 0.05, 0.04);
  EXPECT_LT(ShareThatMeets(0.0), 0.01);
}

TEST(MinHash, TheOrderOfTheSetIsNothing) {
  std::vector<uint32_t> set = {5, 900, 17, 3'000'000'000U, 77};
  const BandKeys bands = MinHashBands(set);
  std::reverse(set.begin(), set.end());
  EXPECT_EQ(MinHashBands(set), bands);
}

TEST(MinHash, TheIndexKnowsItsScopeAndForgets) {
  const base::TemporaryFolder folder("keng-minhash");
  const base::FakeClock clock(absl::FromUnixSeconds(1'760'000'000));
  auto store = Store::Open({.path = folder.path(), .layout = "test/1"}, clock, nullptr);
  ASSERT_TRUE(store.ok()) << store.status();
  const auto changes = (*store)->NewChanges();
  SignatureIndex index(1);
  std::mt19937 random(3);
  const auto [a, near_a] = Pair(random, 100, 0.8);
  const auto [far_one, other] = Pair(random, 100, 0.0);
  index.Add(*changes, "s", MinHashBands(a), "ia");
  index.Add(*changes, "s", MinHashBands(far_one), "ifar");
  index.Add(*changes, "t", MinHashBands(a), "itwin");
  const auto find = [&](std::string_view scope, const std::vector<uint32_t>& set) {
    auto ids = index.Candidates(*changes, scope, MinHashBands(set), 10, 10);
    EXPECT_TRUE(ids.ok()) << ids.status();
    return *std::move(ids);
  };
  EXPECT_THAT(find("s", near_a), ElementsAre("ia"));
  EXPECT_THAT(find("t", near_a), ElementsAre("itwin"));
  EXPECT_THAT(find("s", other), IsEmpty());
  index.Remove(*changes, "s", MinHashBands(a), "ia");
  EXPECT_THAT(find("s", near_a), IsEmpty());
}

// What is known in memory is what the table has, whoever wrote it, and stays bounded.
TEST(MinHash, TheIndexIsReadFromTheTable) {
  const base::TemporaryFolder folder("keng-minhash");
  const base::FakeClock clock(absl::FromUnixSeconds(1'760'000'000));
  auto store = Store::Open({.path = folder.path(), .layout = "test/1"}, clock, nullptr);
  ASSERT_TRUE(store.ok()) << store.status();
  const auto changes = (*store)->NewChanges();
  std::mt19937 random(3);
  const auto [a, near_a] = Pair(random, 100, 0.8);
  SignatureIndex(1).Add(*changes, "scope of some length", MinHashBands(a), "an id of some length");
  ASSERT_TRUE((*store)->Commit(*changes).ok());
  SignatureIndex index(1);
  const auto ids = index.Candidates(*changes, "scope of some length", MinHashBands(near_a), 10, 10);
  ASSERT_TRUE(ids.ok()) << ids.status();
  EXPECT_THAT(*ids, ElementsAre("an id of some length"));
  EXPECT_EQ(index.bands_known(), kMinHashBands);
  // Many come and go: the bound holds, and what is left is still found.
  for (int i = 0; i < 6000; ++i) {
    const auto [set, ignored] = Pair(random, 20, 0.5);
    index.Add(*changes, "s", MinHashBands(set), "x");
    index.Remove(*changes, "s", MinHashBands(set), "x");
  }
  EXPECT_GT(index.bands_known(), 250'000u);
  EXPECT_THAT(*index.Candidates(*changes, "scope of some length", MinHashBands(near_a), 10, 10),
              ElementsAre("an id of some length"));
  EXPECT_EQ(index.bands_known(), kMinHashBands);
}

TEST(MinHash, CandidatesAreBoundedAndTheNearestComeFirst) {
  const base::TemporaryFolder folder("keng-minhash");
  const base::FakeClock clock(absl::FromUnixSeconds(1'760'000'000));
  auto store = Store::Open({.path = folder.path(), .layout = "test/1"}, clock, nullptr);
  ASSERT_TRUE(store.ok()) << store.status();
  const auto changes = (*store)->NewChanges();
  SignatureIndex index(1);
  std::mt19937 random(3);
  const auto [a, near_a] = Pair(random, 100, 0.5);
  for (int i = 0; i < 100; ++i) {
    index.Add(*changes, "s", MinHashBands(near_a), base::StrCat("m", i));
  }
  index.Add(*changes, "s", MinHashBands(a), "exact");
  const auto ids = index.Candidates(*changes, "s", MinHashBands(a), 5, 200);
  ASSERT_TRUE(ids.ok());
  ASSERT_EQ(ids->size(), 5u);
  EXPECT_EQ(ids->front(), "exact");
}

}  // namespace
}  // namespace keng::store
