#ifndef KENG_FILTERS_TEXT_INTERNAL_FOLDED_PLACES_H_
#define KENG_FILTERS_TEXT_INTERNAL_FOLDED_PLACES_H_

// Where the bytes of a folded text stand in the original, when each of them but the first and
// perhaps the last stands for one character there: a bit for each original byte, set where a
// character begins that gave a folded byte. Made by the vectorised fold as it goes, so that a hit
// is mapped without a walk through the text.

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace keng::filters::text_internal {

class FoldedPlaces {
  struct Block {
    uint64_t kept;
    uint32_t before;  // kept in the blocks before this one
  };

 public:
  static constexpr uint32_t kBlock = 64;

  void Clear() { blocks_.clear(); }
  // The next kBlock original bytes.
  void AddBlock(uint64_t kept) {
    const uint32_t before =
        blocks_.empty() ? 0 : blocks_.back().before + Count(blocks_.back().kept);
    blocks_.push_back(Block{kept, before});
  }
  bool empty() const { return blocks_.empty(); }

  // Goes from kept character to kept character.
  class Walk {
   public:
    // Begins at folded byte `at`.
    // REQUIRES: !places.empty(), at >= 1, and a character gave the byte.
    Walk(const FoldedPlaces& places, uint32_t at) : blocks_(places.blocks_.data()) {
      const uint32_t rank = at - 1;  // of the kept characters; folded byte 0 comes from none
      const auto after = std::upper_bound(
          places.blocks_.begin(), places.blocks_.end(), rank,
          [](uint32_t wanted, const Block& block) { return wanted < block.before; });
      block_ = static_cast<uint32_t>(after - places.blocks_.begin()) - 1;
      bits_ = DropLowest(blocks_[block_].kept, rank - blocks_[block_].before);
    }
    // The original offset of the current character; goes to the next one.
    uint32_t Next() {
      while (bits_ == 0) bits_ = blocks_[++block_].kept;
      const auto offset = block_ * kBlock + static_cast<uint32_t>(std::countr_zero(bits_));
      bits_ &= bits_ - 1;
      return offset;
    }

   private:
    const Block* blocks_;
    uint32_t block_ = 0;
    uint64_t bits_ = 0;
  };

 private:
  static uint32_t Count(uint64_t bits) { return static_cast<uint32_t>(std::popcount(bits)); }
  // Without the `count` lowest of the set bits.
  static uint64_t DropLowest(uint64_t bits, uint32_t count) {
    for (uint32_t step = 32; step >= 8; step /= 2) {
      // The lowest `step` bits from the lowest set one on go at once when they are few enough.
      if (bits == 0) return 0;
      const auto low = static_cast<uint32_t>(std::countr_zero(bits));
      if (low + step >= 64) continue;
      const uint64_t below = bits & ((uint64_t{1} << (low + step)) - 1);
      if (Count(below) > count) continue;
      count -= Count(below);
      bits ^= below;
    }
    for (; count > 0; --count) bits &= bits - 1;
    return bits;
  }

  std::vector<Block> blocks_;
};

}  // namespace keng::filters::text_internal

#endif  // KENG_FILTERS_TEXT_INTERNAL_FOLDED_PLACES_H_
