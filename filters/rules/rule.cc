#include "filters/rules/rule.h"

#include <algorithm>

namespace keng::filters {

bool PlaceNeedHolds(PlaceNeed need, RouteReason reason) {
  if (reason == RouteReason::kElsewhere) return true;
  switch (need) {
    case PlaceNeed::kOptional:
      return true;
    case PlaceNeed::kRequired:
      return reason != RouteReason::kUnclear;
    case PlaceNeed::kNamed:
      return reason == RouteReason::kExplicit || reason == RouteReason::kOldName;
  }
  return true;
}

namespace {

bool FitsOne(std::string_view pattern, std::string_view value) {
  if (pattern.ends_with('*')) return value.starts_with(pattern.substr(0, pattern.size() - 1));
  return value == pattern;
}

bool Fits(const std::vector<std::string>& allowed, std::string_view value) {
  if (allowed.empty()) return true;
  return std::any_of(allowed.begin(), allowed.end(),
                     [&](std::string_view pattern) { return FitsOne(pattern, value); });
}

bool LangFits(const std::vector<std::string>& allowed, std::string_view lang) {
  if (allowed.empty() || lang.empty()) return true;
  return std::any_of(allowed.begin(), allowed.end(), [&](std::string_view wanted) {
    return FitsOne(wanted, lang) ||
           (lang.size() > wanted.size() && lang.starts_with(wanted) && lang[wanted.size()] == '-');
  });
}

}  // namespace

bool WhereHolds(const RuleWhere& where, const ingest::Post& post) {
  if (where.empty()) return true;
  return Fits(where.sources, post.source) && Fits(where.accounts, post.account) &&
         LangFits(where.langs, post.lang) &&
         (where.kinds.empty() ||
          std::find(where.kinds.begin(), where.kinds.end(), post.kind) != where.kinds.end());
}

}  // namespace keng::filters
