#ifndef KENG_STORE_MIN_HASH_H_
#define KENG_STORE_MIN_HASH_H_

// Finds sets that are alike without comparing all of them: MinHash signatures cut into bands
// (Broder 1997; Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", section 3.4). Two sets
// with Jaccard J share a band with probability 1 - (1 - J^kRows)^kBands: 99.8 % at 0.5, 93 % at
// 0.38, 5 % at 0.1. Who asks compares the candidates exactly.
//
// Band keys are pure functions of the set: they may be stored.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "store/store.h"

namespace keng::store {

inline constexpr size_t kMinHashBands = 48;
inline constexpr size_t kMinHashRows = 3;
using BandKeys = std::array<uint32_t, kMinHashBands>;

// REQUIRES: `set` is not empty. Its elements should be hashes already.
BandKeys MinHashBands(absl::Span<const uint32_t> set);

// An index of signatures in a table of the store. Its keys begin with `scope`, so that scopes do
// not see each other. All changes to the table go through one SignatureIndex, which knows in memory
// which bands may have entries: most bands of most sets have none, and to ask the store for each
// costs more than all else that is done for a hit. Not thread-safe.
class SignatureIndex {
 public:
  explicit SignatureIndex(TableId table) : table_(table) {}

  void Add(Changes& changes, std::string_view scope, const BandKeys& bands, std::string_view id);
  void Remove(Changes& changes, std::string_view scope, const BandKeys& bands,
              std::string_view id) const;
  // The ids that share a band, those with most bands in common first, then by id; at most
  // `ids_max`. At most `scan_max` entries of a band are looked at: in a crowd of identical
  // signatures any of them will do.
  // `view` is the table with all that was added to it. The first call reads the table.
  absl::StatusOr<std::vector<std::string>> Candidates(const View& view, std::string_view scope,
                                                      const BandKeys& bands, size_t ids_max,
                                                      size_t scan_max);
  // Bands known in memory, 8 bytes each: at most twice those of the table, and kSpareBands.
  size_t bands_known() const { return known_.size(); }

 private:
  static constexpr size_t kSpareBands = 100'000;

  // What was removed stays known until there is much of it: then the table is read anew.
  absl::Status KnowBands(const View& view);

  const TableId table_;
  bool is_known_ = false;
  absl::flat_hash_set<uint64_t> known_;  // hashes of scope and band
  size_t known_of_table_ = 0;            // when it was read
};

}  // namespace keng::store

#endif  // KENG_STORE_MIN_HASH_H_
