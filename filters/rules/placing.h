#ifndef KENG_FILTERS_RULES_PLACING_H_
#define KENG_FILTERS_RULES_PLACING_H_

// How a match becomes a hit: where it happened and whether the rule takes it there. A seam, so that
// rules can be checked, tested and explained without a gazetteer.

#include <functional>
#include <memory>
#include <optional>

#include "filters/hit.h"
#include "filters/matcher/matcher.h"
#include "filters/matcher/rule_set.h"
#include "filters/places/resolver.h"
#include "ingest/post.h"

namespace keng::filters {

// Names to scan for, and the placer. Default-constructed: no gazetteer; every place is unknown and
// no rule's place is asked for.
struct Placing {
  ExtraLiterals literals;
  std::function<Placement(const ingest::Post&, const MatchResult&, const RuleMatch&)> place;
};

// REQUIRES: `resolver` is not null.
Placing MakePlacing(std::shared_ptr<const Resolver> resolver);

// The hit of one match, or nullopt when the rule's place is not known as it asks.
std::optional<Hit> MakeHit(const ingest::Post& post, const MatchResult& result,
                           const RuleMatch& match, const Placing& placing);

}  // namespace keng::filters

#endif  // KENG_FILTERS_RULES_PLACING_H_
