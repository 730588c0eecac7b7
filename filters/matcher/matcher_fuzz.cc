// The fast matcher and the slow one agree on whatever rules and texts the bytes choose.

#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "filters/matcher/testing/differential.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto result = keng::filters::testing::CompareMatchers(
      std::string_view(reinterpret_cast<const char*>(data), size));
  KENG_CHECK(result.disagreement.empty(), result.disagreement);
  return 0;
}
