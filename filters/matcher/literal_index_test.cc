#include "filters/matcher/internal/literal_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/strings.h"

namespace keng::filters {
namespace {

using Found = std::multiset<std::pair<std::string, uint32_t>>;  // literal, end

// The text in memory of exactly its size, so that the sanitizer sees a read past it.
std::unique_ptr<char[]> Exact(std::string_view text) {
  auto copy = std::make_unique<char[]>(text.size());
  std::copy(text.begin(), text.end(), copy.get());
  return copy;
}

Found Scan(const LiteralIndex& index, const std::vector<std::string>& literals,
           std::string_view text, LiteralIndex::Scratch& scratch) {
  const auto copy = Exact(text);
  std::vector<LiteralHit> hits;
  EXPECT_EQ(index.Scan({copy.get(), text.size()}, {}, 1000, scratch, hits), ScanEnd::kWhole);
  Found found;
  for (const LiteralHit& hit : hits) found.emplace(literals[hit.literal], hit.end);
  return found;
}

Found Naive(const std::vector<std::string>& literals, std::string_view text) {
  Found found;
  for (const std::string& literal : literals) {
    for (size_t at = text.find(literal); at != text.npos; at = text.find(literal, at + 1)) {
      found.emplace(literal, static_cast<uint32_t>(at + literal.size()));
    }
  }
  return found;
}

// Syllables of one to twenty bytes, from few letters, so that much is alike.
std::string Syllable(std::mt19937& random) {
  const size_t size = random() % 4 == 0 ? 7 + random() % 14 : 1 + random() % 3;
  std::string syllable;
  for (size_t i = 0; i < size; ++i) syllable += static_cast<char>('a' + random() % 2);
  return syllable;
}

std::string Syllables(std::mt19937& random, const std::vector<std::string>& inventory,
                      size_t count) {
  std::string text = " ";
  for (size_t i = 0; i < count; ++i) {
    base::StrAppend(&text, inventory[random() % inventory.size()], " ");
  }
  return text;
}

TEST(LiteralIndex, FindsWhatASearchFinds) {
  std::mt19937 random(5);
  LiteralIndex::Scratch scratch;
  size_t hits = 0;
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> inventory;
    for (int i = 0; i < 12; ++i) inventory.push_back(Syllable(random));
    std::set<std::string> chosen;
    for (int i = 0; i < 60; ++i) {
      const size_t syllables = random() % 8 == 0 ? 1 + random() % 31 : 1 + random() % 4;
      chosen.insert(Syllables(random, inventory, syllables));
    }
    const std::vector<std::string> literals(chosen.begin(), chosen.end());
    const LiteralIndex index(literals);
    for (int i = 0; i < 40; ++i) {
      std::string text = Syllables(random, inventory, random() % 60);
      if (random() % 2 == 0) text += literals[random() % literals.size()].substr(1);
      const Found found = Scan(index, literals, text, scratch);
      ASSERT_EQ(found, Naive(literals, text)) << text;
      hits += found.size();
    }
  }
  EXPECT_GT(hits, 100'000u);
}

TEST(LiteralIndex, TheLastSyllableIsNotPairedWithTheTextBefore) {
  const std::vector<std::string> literals = {" a b ", " a b c ", " c "};
  const LiteralIndex index(literals);
  LiteralIndex::Scratch scratch;
  EXPECT_EQ(Scan(index, literals, " a b c ", scratch).size(), 3u);
  EXPECT_EQ(Scan(index, literals, " a ", scratch), Found());
  EXPECT_EQ(Scan(index, literals, " a b ", scratch), (Found{{" a b ", 5}}));
  EXPECT_EQ(Scan(index, literals, " ", scratch), Found());
  EXPECT_EQ(Scan(index, literals, "", scratch), Found());
}

TEST(LiteralIndex, SyllablesOfEightBytesAndMoreAreWhole) {
  const std::vector<std::string> literals = {" abcdefgh ", " abcdefghi ", " abcdefghabcdefgh "};
  const LiteralIndex index(literals);
  LiteralIndex::Scratch scratch;
  for (const std::string& literal : literals) {
    EXPECT_EQ(Scan(index, literals, literal, scratch), Naive(literals, literal));
  }
  EXPECT_EQ(Scan(index, literals, " abcdefg abcdefghabcdefg abcdefghabcdefghi ", scratch), Found());
}

TEST(LiteralIndex, StopsAtItsBound) {
  const LiteralIndex index({" a ", " a a "});
  LiteralIndex::Scratch scratch;
  std::vector<LiteralHit> hits;
  EXPECT_EQ(index.Scan(" a a a ", {}, 4, scratch, hits), ScanEnd::kCapped);
  EXPECT_EQ(hits.size(), 4u);
  hits.clear();
  EXPECT_EQ(index.Scan(" a a a ", {}, 5, scratch, hits), ScanEnd::kWhole);
}

TEST(LiteralIndex, WithoutLiteralsFindsNothing) {
  const LiteralIndex index;
  LiteralIndex::Scratch scratch;
  std::vector<LiteralHit> hits;
  EXPECT_EQ(index.Scan(" a ", {}, 4, scratch, hits), ScanEnd::kWhole);
  EXPECT_TRUE(hits.empty());
}

}  // namespace
}  // namespace keng::filters
