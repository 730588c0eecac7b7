// Whatever comes out of control: it is no package, or one that survives a round trip and loads or
// says why not.

#include <zstd.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "base/check.h"
#include "filters/rules/rule_package.h"

namespace {

void Try(std::string_view packed) {
  using keng::filters::RulePackage;
  const auto package = RulePackage::Unpack(packed);
  if (!package.ok()) return;
  const auto again = package->Pack();
  KENG_CHECK(again.ok(), again.status().ToString());
  const auto twice = RulePackage::Unpack(*again);
  KENG_CHECK(twice.ok(), twice.status().ToString());
  KENG_CHECK(twice->paths() == package->paths() && twice->files() == package->files() &&
                 twice->overrides_path() == package->overrides_path(),
             "a package is another one after a round trip");
  package->Load(absl::InfinitePast()).status().IgnoreError();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Try(bytes);
  // The fuzzer finds no zstd frames by itself: the same bytes as what stands in one.
  std::string packed(ZSTD_compressBound(size), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), data, size, 1));
  Try(packed);
  return 0;
}
