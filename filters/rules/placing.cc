#include "filters/rules/placing.h"

#include <string>
#include <utility>
#include <vector>

namespace keng::filters {

Placing MakePlacing(std::shared_ptr<const Resolver> resolver) {
  Placing placing;
  const Gazetteer& gazetteer = resolver->gazetteer();
  placing.literals.folded = gazetteer.literals();
  for (uint32_t i = 0; i < placing.literals.folded.size(); ++i)
    placing.literals.is_named_place.push_back(gazetteer.NamesServedPlace(i) ? 1 : 0);
  placing.place = [resolver = std::move(resolver)](
                      const ingest::Post& post, const MatchResult& result, const RuleMatch& match) {
    std::vector<Span> spans;
    for (const HitSpan& span : match.spans) spans.push_back(span.span);
    return resolver->Resolve(result.folded, result.literals,
                             {.account = post.account, .topic = match.rule->topic, .hits = spans});
  };
  return placing;
}

std::optional<Hit> MakeHit(const ingest::Post& post, const MatchResult& result,
                           const RuleMatch& match, const Placing& placing) {
  Hit hit;
  if (placing.place) {
    Placement placement = placing.place(post, result, match);
    if (!PlaceNeedHolds(match.rule->place, placement.reason)) return std::nullopt;
    hit.cell = std::move(placement.cell);
    hit.place = std::move(placement.place);
    hit.reason = placement.reason;
  }
  hit.post = std::string(post.id);
  hit.rule = match.rule->id;
  hit.topic = match.rule->topic;
  hit.spans = match.spans;
  return hit;
}

}  // namespace keng::filters
