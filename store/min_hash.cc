#include "store/min_hash.h"

#include <algorithm>
#include <map>

#include "base/check.h"
#include "base/stable_hash.h"

namespace keng::store {
namespace {

constexpr size_t kHashes = kMinHashBands * kMinHashRows;

// The finalizer of MurmurHash3, a bijection of 64-bit words that mixes well.
constexpr uint64_t Mix(uint64_t word) {
  word ^= word >> 33;
  word *= 0xff51afd7ed558ccdULL;
  word ^= word >> 33;
  word *= 0xc4ceb9fe1a85ec53ULL;
  word ^= word >> 33;
  return word;
}

struct Multipliers {
  std::array<uint64_t, kHashes> odd;
  constexpr Multipliers() : odd() {
    for (size_t i = 0; i < kHashes; ++i) odd[i] = Mix(i + 1) | 1;
  }
};
// On disk through the band keys: never changed.
constexpr Multipliers kMultipliers;

void AppendBandKey(std::string_view scope, size_t band, uint32_t key, std::string& out) {
  out = scope;
  out += static_cast<char>(band);
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(key >> shift);
}

// What is known of a band, by the key of its entries without their id.
uint64_t BandHash(std::string_view prefix) { return base::StableHash128(prefix).high; }

}  // namespace

BandKeys MinHashBands(absl::Span<const uint32_t> set) {
  KENG_CHECK(!set.empty());
  // Multiply-shift hashing: the high half of a product with an odd number.
  std::array<uint32_t, kHashes> least;
  least.fill(UINT32_MAX);
  for (const uint32_t element : set) {
    const uint64_t mixed = Mix(element);
    for (size_t i = 0; i < kHashes; ++i) {
      const uint32_t hash = static_cast<uint32_t>((mixed * kMultipliers.odd[i]) >> 32);
      least[i] = std::min(least[i], hash);
    }
  }
  BandKeys keys;
  for (size_t band = 0; band < kMinHashBands; ++band) {
    uint64_t key = band;
    for (size_t row = 0; row < kMinHashRows; ++row) {
      key = Mix(key * 31 + least[band * kMinHashRows + row]);
    }
    keys[band] = static_cast<uint32_t>(key >> 32);
  }
  return keys;
}

void SignatureIndex::Add(Changes& changes, std::string_view scope, const BandKeys& bands,
                         std::string_view id) {
  KENG_CHECK(id.size() <= UINT8_MAX, id);
  // The value says where the id begins: scopes are of any length.
  const std::string id_bytes(1, static_cast<char>(id.size()));
  std::string key;
  for (size_t band = 0; band < bands.size(); ++band) {
    AppendBandKey(scope, band, bands[band], key);
    known_.insert(BandHash(key));
    key += id;
    changes.Put(table_, key, id_bytes);
  }
}

void SignatureIndex::Remove(Changes& changes, std::string_view scope, const BandKeys& bands,
                            std::string_view id) const {
  std::string key;
  for (size_t band = 0; band < bands.size(); ++band) {
    AppendBandKey(scope, band, bands[band], key);
    key += id;
    changes.Delete(table_, key);
  }
}

absl::Status SignatureIndex::KnowBands(const View& view) {
  if (is_known_ && known_.size() <= 2 * known_of_table_ + kSpareBands) return absl::OkStatus();
  known_.clear();
  KENG_RETURN_IF_ERROR(view.Scan(table_, "", "", [&](std::string_view key, std::string_view value) {
    const size_t id_bytes = value.empty() ? key.size() : static_cast<uint8_t>(value[0]);
    KENG_CHECK(id_bytes < key.size(), "an entry of a signature index with ", value.size(),
               " bytes");
    known_.insert(BandHash(key.substr(0, key.size() - id_bytes)));
    return Visit::kContinue;
  }));
  is_known_ = true;
  known_of_table_ = known_.size();
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> SignatureIndex::Candidates(const View& view,
                                                                    std::string_view scope,
                                                                    const BandKeys& bands,
                                                                    size_t ids_max,
                                                                    size_t scan_max) {
  KENG_RETURN_IF_ERROR(KnowBands(view));
  std::map<std::string, size_t, std::less<>> shared;
  std::string prefix;
  for (size_t band = 0; band < bands.size(); ++band) {
    AppendBandKey(scope, band, bands[band], prefix);
    if (!known_.contains(BandHash(prefix))) continue;
    size_t seen = 0;
    KENG_RETURN_IF_ERROR(
        view.ScanPrefix(table_, prefix, [&](std::string_view key, std::string_view) {
          ++shared[std::string(key.substr(prefix.size()))];
          return ++seen < scan_max ? Visit::kContinue : Visit::kStop;
        }));
  }
  std::vector<std::pair<size_t, std::string>> order;
  order.reserve(shared.size());
  for (auto& [id, count] : shared) order.emplace_back(count, id);
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  });
  if (order.size() > ids_max) order.resize(ids_max);
  std::vector<std::string> ids;
  ids.reserve(order.size());
  for (auto& [count, id] : order) ids.push_back(std::move(id));
  return ids;
}

}  // namespace keng::store
