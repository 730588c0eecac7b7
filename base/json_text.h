#ifndef KENG_BASE_JSON_TEXT_H_
#define KENG_BASE_JSON_TEXT_H_

// The one JSON writer of the hot path: appends to a caller's buffer, allocates nothing else.
// Documents that are built off the hot path use Boost.JSON.

#include <cstdint>
#include <string>
#include <string_view>

namespace keng::base {

// Appends `text` quoted and escaped (RFC 8259, section 7): ", \ and control characters. UTF-8
// passes as it is; REQUIRES: valid UTF-8.
void AppendJsonString(std::string_view text, std::string& out);

}  // namespace keng::base

#endif  // KENG_BASE_JSON_TEXT_H_
