#ifndef KENG_FILTERS_MATCHER_INTERNAL_SCAN_END_H_
#define KENG_FILTERS_MATCHER_INTERNAL_SCAN_END_H_

#include <cstdint>

namespace keng::filters {

// Whether a scan found all there is or stopped at its bound of hits.
enum class ScanEnd : uint8_t { kWhole, kCapped };

}  // namespace keng::filters

#endif  // KENG_FILTERS_MATCHER_INTERNAL_SCAN_END_H_
