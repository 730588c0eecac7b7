#ifndef KENG_FILTERS_MATCHER_INTERNAL_LITERAL_INDEX_H_
#define KENG_FILTERS_MATCHER_INTERNAL_LITERAL_INDEX_H_

// Finds all of many literals in a folded text, in one pass. A literal is whole syllables, and the
// folded text has one space between any two, so nothing is searched for byte by byte: each syllable
// is hashed once, the hash of a stretch is made of those of its syllables, and a bitmap of the
// literals' first two syllables, small enough for the cache, says of nearly every place that
// nothing begins there. What is left is looked up and compared. docs/decisions/007 compares it with
// Hyperscan.
//
// Threads: immutable after the constructor.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "filters/matcher/internal/scan_end.h"

namespace keng::filters {

struct LiteralHit {
  uint32_t literal = 0;
  uint32_t end = 0;  // folded bytes, the trailing space included
};

// An array of records by literal id, of which the scan has the memory brought into the cache for
// each hit: who looks at the hits afterwards need not wait for it.
struct RecordArray {
  const void* first = nullptr;
  size_t bytes = 0;  // of one
};

class LiteralIndex {
 public:
  // Memory that is used again from text to text.
  struct Scratch {
    std::vector<uint32_t> begins;  // of the syllables
    std::vector<uint64_t> hashes;
    std::vector<uint32_t> places;  // syllables where a literal may begin
  };

  LiteralIndex() : LiteralIndex(std::vector<std::string>()) {}
  // The id of literals[i] is i. REQUIRES: each is distinct and folded: " syllable syllable ", of at
  // most kSyllablesMax.
  static constexpr uint32_t kSyllablesMax = 31;
  explicit LiteralIndex(const std::vector<std::string>& literals);

  // Appends every occurrence, in no order, until `out` holds hits_max.
  // REQUIRES: `folded` is FoldedText::text().
  ScanEnd Scan(std::string_view folded, RecordArray records, size_t hits_max, Scratch& scratch,
               std::vector<LiteralHit>& out) const;

  size_t bytes() const;

 private:
  // A set of hashes that may also say yes to others.
  struct Filter {
    explicit Filter(size_t members);
    void Add(uint64_t hash) { bits[Word(hash)] |= uint64_t{1} << (hash % 64); }
    bool MayHave(uint64_t hash) const { return (bits[Word(hash)] >> (hash % 64) & 1) != 0; }
    size_t Word(uint64_t hash) const { return (hash * kSpread) >> shift; }

    std::vector<uint64_t> bits;
    int shift;
  };
  struct Slot {
    uint64_t hash = 0;
    uint32_t literal = kNone;
    // Of the slot of two first syllables: a bit for each number of syllables that a literal with
    // them has. Else 0.
    uint32_t lengths = 0;
  };
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr uint64_t kSpread = 0x9E3779B97F4A7C15;

  // How many syllables there are; begins[that] is the end of the text.
  static uint32_t Split(std::string_view folded, Scratch& scratch);
  void Insert(const Slot& slot);
  uint32_t LengthsOf(uint64_t pair) const;
  uint32_t Find(uint64_t hash, std::string_view folded, uint32_t begin, uint32_t end) const;

  Filter singles_;           // literals of one syllable
  Filter pairs_;             // the first two of the others
  std::vector<Slot> slots_;  // open addressing, a power of two, at most half full
  int slot_shift_ = 0;
  std::string texts_;  // the literals
  std::vector<uint32_t> text_begins_;
};

}  // namespace keng::filters

#endif  // KENG_FILTERS_MATCHER_INTERNAL_LITERAL_INDEX_H_
