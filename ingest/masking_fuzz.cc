// Masking keeps the length, changes bytes to asterisks only, changes nothing the second time, and
// the pre-scan never says no where it would change something. A redacted line is bounded.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "ingest/masking.h"

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  std::string once = text;
  const size_t masked = keng::ingest::MaskPersonalData(once);
  Require(once.size() == text.size());
  for (size_t i = 0; i < text.size(); ++i) Require(once[i] == text[i] || once[i] == '*');
  Require(masked == 0 || keng::ingest::MayHoldPersonalData(text));
  std::string twice = once;
  Require(keng::ingest::MaskPersonalData(twice) == 0 && twice == once);
  Require(keng::ingest::RedactLine(text, size / 2).size() <= size / 2);
  return 0;
}
