#ifndef KENG_FILTERS_RULES_INTERNAL_ENUM_WORDS_H_
#define KENG_FILTERS_RULES_INTERNAL_ENUM_WORDS_H_

// Reads a scalar that must be one of a few words, and names what stands where something else
// should.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/strings.h"
#include "base/yaml.h"

namespace keng::filters {

// What stands there, for errors: "nothing", "a list", "a map", or the scalar in quotes.
inline std::string Found(const base::Yaml& yaml) {
  if (yaml.is_scalar()) return base::StrCat("\"", yaml.scalar(), "\"");
  return yaml.is_sequence() ? "a list" : yaml.is_map() ? "a map" : "nothing";
}

// The error names what was found, the words that are known and the nearest of them.
template <typename T>
absl::StatusOr<T> ParseWord(const base::Yaml& yaml, std::string_view what,
                            const std::vector<std::pair<std::string_view, T>>& words) {
  std::vector<std::string_view> known;
  std::string listed;
  for (const auto& [word, value] : words) {
    if (yaml.is_scalar() && yaml.scalar() == word) return value;
    known.push_back(word);
    base::StrAppend(&listed, listed.empty() ? "" : ", ", word);
  }
  const std::string_view nearest = base::NearestWord(yaml.scalar(), known);
  return yaml.Error(
      base::StrCat(what, " is ", Found(yaml), "; expected one of: ", listed,
                   nearest.empty() ? "" : base::StrCat("; did you mean \"", nearest, "\"?")));
}

}  // namespace keng::filters

#endif  // KENG_FILTERS_RULES_INTERNAL_ENUM_WORDS_H_
