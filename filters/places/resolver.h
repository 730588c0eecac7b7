#ifndef KENG_FILTERS_PLACES_RESOLVER_H_
#define KENG_FILTERS_PLACES_RESOLVER_H_

// Resolution: from the place names that occur in a post to the one place that it is about, and to
// the cell that answers for it. A pure function of text, matches, account and hits: the same
// question always gives the same answer. How names are weighed stands in docs/places.md and
// docs/decisions/.
//
// Life cycle: made from a gazetteer and cells, both shared. Threads: any; Resolve keeps no state.
// A post without literal matches costs a look-up of its account. Tests: resolver_test.cc.

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "filters/hit.h"
#include "filters/literal_match.h"
#include "filters/places/cells.h"
#include "filters/places/gazetteer.h"
#include "filters/text/fold.h"

namespace keng::filters {

class PlaceWords;  // filters/places/internal/place_words.h

struct Placement {
  std::string cell;   // code; empty for kElsewhere
  std::string place;  // code; empty when unknown
  // `place` and all that contain it, innermost first, up to the desk. For an old unit: itself, the
  // unit of today, the desk. Empty when the place is unknown.
  std::vector<std::string> place_path;
  RouteReason reason = RouteReason::kUnclear;
  std::vector<Span> evidence;  // original bytes of the names that decided, by begin
};

// What is asked besides the text.
struct PlaceQuestion {
  std::string_view account;    // of the post; may be empty
  std::string_view topic;      // of the rule; empty: any
  std::span<const Span> hits;  // original bytes of what matched; empty: the post as a whole
};

class Resolver {
 public:
  Resolver(std::shared_ptr<const Gazetteer> gazetteer, std::shared_ptr<const Cells> cells);

  // `matches` are occurrences of gazetteer().literals() in `text`, in any order; those that the
  // scan's bounds left out are missed, never an error.
  Placement Resolve(const FoldedText& text, std::span<const LiteralMatch> matches,
                    const PlaceQuestion& question) const;

  // The same, and appends to `words` one line for each name that was weighed and one for the
  // outcome, for people. Quotes the text: not for logs.
  Placement Explain(const FoldedText& text, std::span<const LiteralMatch> matches,
                    const PlaceQuestion& question, std::string& words) const;

  const Gazetteer& gazetteer() const { return *gazetteer_; }
  const Cells& cells() const { return *cells_; }

 private:
  // `words` may be null.
  Placement Answer(const FoldedText& text, std::span<const LiteralMatch> matches,
                   const PlaceQuestion& question, std::string* words) const;
  void SetPlace(int place, Placement& placement) const;

  std::shared_ptr<const Gazetteer> gazetteer_;
  std::shared_ptr<const Cells> cells_;
  std::shared_ptr<const PlaceWords> words_;
};

}  // namespace keng::filters

#endif  // KENG_FILTERS_PLACES_RESOLVER_H_
