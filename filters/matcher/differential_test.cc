// The fast matcher agrees with the slow one on random rules and texts (matcher_fuzz.cc looks
// further).

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "filters/matcher/testing/differential.h"

namespace keng::filters {
namespace {

TEST(Differential, TheMatchersAgreeOnRandomRules) {
  std::mt19937 random(20261125);
  int loaded = 0, matches = 0, texts = 0;
  const int count = KENG_THOROUGH ? 400 : 150;
  for (int i = 0; i < count; ++i) {
    std::string bytes(400 + random() % 400, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    const testing::Differential result = testing::CompareMatchers(bytes);
    ASSERT_EQ(result.disagreement, "");
    loaded += result.loaded ? 1 : 0;
    matches += result.matches;
    texts += result.texts;
  }
  // The comparison means something: most files load, and rules both match and do not.
  EXPECT_GT(loaded, count * 3 / 4);
  EXPECT_GT(matches, texts / 4);
  EXPECT_LT(matches, texts * 3);
}

}  // namespace
}  // namespace keng::filters
