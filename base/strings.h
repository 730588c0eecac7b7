#ifndef KENG_BASE_STRINGS_H_
#define KENG_BASE_STRINGS_H_

// Debian builds abseil with a string_view of its own, so that absl's string functions do not take
// std::string_view. These are absl's StrCat and StrAppend for both kinds, and the conversion for
// every other absl function:
//
//   absl::StrSplit(base::ToAbsl(view), ',')

#include <string>
#include <string_view>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace keng::base {

inline absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }

namespace strings_internal {
template <typename T>
decltype(auto) Piece(const T& value) {
  if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    return ToAbsl(value);
  } else {
    return (value);
  }
}
}  // namespace strings_internal

template <typename... Pieces>
std::string StrCat(const Pieces&... pieces) {
  std::string out;
  if constexpr (sizeof...(pieces) > 0)
    (absl::StrAppend(&out, strings_internal::Piece(pieces)), ...);
  return out;
}

template <typename... Pieces>
void StrAppend(std::string* out, const Pieces&... pieces) {
  if constexpr (sizeof...(pieces) > 0) (absl::StrAppend(out, strings_internal::Piece(pieces)), ...);
}

}  // namespace keng::base

#endif  // KENG_BASE_STRINGS_H_
