#ifndef KENG_FILTERS_LITERAL_MATCH_H_
#define KENG_FILTERS_LITERAL_MATCH_H_

// An occurrence of a literal in a folded text: what the shared scan finds and the gazetteer's
// resolver reads.

#include <cstdint>

namespace keng::filters {

// Folded bytes, the boundary spaces not included. Marks are not compared: whoever gave the literal
// knows how its names are written.
struct LiteralMatch {
  uint32_t id = 0;
  uint32_t begin = 0;
  uint32_t end = 0;
};

}  // namespace keng::filters

#endif  // KENG_FILTERS_LITERAL_MATCH_H_
