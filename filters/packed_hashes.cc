#include <array>

#include "filters/sketch.h"

namespace keng::filters {
namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr std::array<int8_t, 256> MakeDigitValues() {
  std::array<int8_t, 256> values{};
  for (int8_t& value : values) value = -1;
  for (size_t i = 0; i < kDigits.size(); ++i) {
    values[static_cast<uint8_t>(kDigits[i])] = static_cast<int8_t>(i);
  }
  return values;
}
constexpr std::array<int8_t, 256> kDigitValues = MakeDigitValues();

// Takes bytes, gives base64url digits (RFC 4648, section 5, without padding).
class Base64Writer {
 public:
  explicit Base64Writer(std::string& out) : out_(out) {}
  void Byte(uint8_t byte) {
    bits_ = bits_ << 8 | byte;
    count_ += 8;
    while (count_ >= 6) {
      count_ -= 6;
      out_ += kDigits[bits_ >> count_ & 63];
    }
  }
  void Finish() {
    if (count_ > 0) out_ += kDigits[bits_ << (6 - count_) & 63];
  }

 private:
  std::string& out_;
  uint32_t bits_ = 0;
  int count_ = 0;
};

}  // namespace

void AppendPackedHashes(const std::vector<uint32_t>& hashes, std::string& out) {
  Base64Writer writer(out);
  uint32_t previous = 0;
  for (const uint32_t hash : hashes) {
    uint32_t difference = hash - previous;
    previous = hash;
    for (; difference >= 0x80; difference >>= 7) {
      writer.Byte(static_cast<uint8_t>(difference | 0x80));
    }
    writer.Byte(static_cast<uint8_t>(difference));
  }
  writer.Finish();
}

absl::Status ParsePackedHashes(std::string_view text, size_t count_max,
                               std::vector<uint32_t>& hashes) {
  hashes.clear();
  uint32_t bits = 0;
  int bit_count = 0;
  uint64_t difference = 0;
  int shift = 0;
  uint64_t previous = 0;
  for (const char digit : text) {
    const int8_t value = kDigitValues[static_cast<uint8_t>(digit)];
    if (value < 0) return absl::InvalidArgumentError("packed hashes: not base64url");
    bits = bits << 6 | static_cast<uint32_t>(value);
    bit_count += 6;
    if (bit_count < 8) continue;
    bit_count -= 8;
    const uint8_t byte = static_cast<uint8_t>(bits >> bit_count);
    if (shift > 28) return absl::InvalidArgumentError("packed hashes: a number is too long");
    difference |= static_cast<uint64_t>(byte & 0x7f) << shift;
    shift += 7;
    if ((byte & 0x80) != 0) continue;
    const uint64_t hash = previous + difference;
    if (hash > UINT32_MAX || (difference == 0 && !hashes.empty())) {
      return absl::InvalidArgumentError("packed hashes: not increasing");
    }
    if (hashes.size() == count_max) return absl::InvalidArgumentError("packed hashes: too many");
    hashes.push_back(static_cast<uint32_t>(hash));
    previous = hash;
    difference = 0;
    shift = 0;
  }
  // What is left over must be padding: fewer than six zero bits, and no number begun.
  if (shift != 0 || bit_count >= 6 || (bits & ((1u << bit_count) - 1)) != 0) {
    return absl::InvalidArgumentError("packed hashes: cut off");
  }
  return absl::OkStatus();
}

}  // namespace keng::filters
