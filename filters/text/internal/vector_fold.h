#ifndef KENG_FILTERS_TEXT_INTERNAL_VECTOR_FOLD_H_
#define KENG_FILTERS_TEXT_INTERNAL_VECTOR_FOLD_H_

// The vectorised fold. It knows ASCII, precomposed Vietnamese and the usual punctuation and emoji,
// 64 bytes at a time, and recognises every chunk in which anything else, or anything that needs
// more than a look at two neighbouring letters, occurs; those chunks go to ChunkFolder. What it
// recognises is a superset of what needs it, so both paths give the same bytes (I2 of fold.h).
//
// Two passes, so that the second can load the neighbours of a byte from memory long after they were
// stored:
//   1. classify: each byte becomes a code; that of a character stands at its first byte, and the
//      bytes after it are dropped;
//   2. compact: neighbouring codes are compared, chunks that need the scalar fold are found, and
//      the codes that are kept are packed.
//
// Codes: letter as lower-case ASCII, with 0x80 for capitals; digit as ASCII; 0x20 for a separator,
// 0xA0 for a byte that ends chunks; kDropCode; kBailCode.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "filters/text/internal/chunk_fold.h"
#include "filters/text/internal/folded_places.h"

namespace keng::filters::text_internal {

class VectorFolder {
 public:
  // Whether the processor has vectors of at least 16 bytes.
  static bool Available();

  // Folds `original` into buffer[0, result); the buffer grows as needed and is longer than what is
  // used of it. `places` is told where the folded bytes come from, when no chunk needed the scalar
  // fold; else it is cleared.
  size_t Fold(std::string_view original, ChunkFolder& chunks, std::string& buffer,
              FoldedPlaces& places);

 private:
  static constexpr size_t kBlock = 64;

  std::vector<uint8_t> input_;   // the text with spaces after it
  std::vector<uint8_t> codes_;   // kBlock codes of spaces, then one for each byte of input_
  std::vector<uint64_t> stray_;  // for each block, bytes that continue no character
  std::string slow_;
};

// The name of the instruction set that Fold uses on this processor ("AVX3_DL").
std::string_view VectorTargetName();

}  // namespace keng::filters::text_internal

#endif  // KENG_FILTERS_TEXT_INTERNAL_VECTOR_FOLD_H_
