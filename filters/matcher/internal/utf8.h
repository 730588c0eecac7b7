#ifndef KENG_FILTERS_MATCHER_INTERNAL_UTF8_H_
#define KENG_FILTERS_MATCHER_INTERNAL_UTF8_H_

#include <string_view>

namespace keng::filters {

// True for well-formed UTF-8 (RFC 3629): what Hyperscan must be given in its UTF-8 mode. Posts are
// checked when they are parsed; texts from elsewhere (tests of rules, --text) are not.
bool IsValidUtf8(std::string_view text);

}  // namespace keng::filters

#endif  // KENG_FILTERS_MATCHER_INTERNAL_UTF8_H_
