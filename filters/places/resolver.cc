#include "filters/places/resolver.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <tuple>
#include <utility>

#include "base/check.h"
#include "base/strings.h"
#include "filters/places/internal/judge.h"
#include "filters/places/internal/mentions.h"
#include "filters/places/internal/place_words.h"

namespace keng::filters {
namespace {

using base::StrAppend;
using base::StrCat;

// Syllables that a break between a mention and a hit counts for.
constexpr int kSentenceBreak = 12;
constexpr int kClauseBreak = 4;
// A place elsewhere must be nearer to the hit than one of ours by more than this: a post that names
// us is lost only for a reason.
constexpr int kOursFirst = 3;

struct Choice {
  RouteReason reason = RouteReason::kUnclear;
  int place = Place::kNobody;
  std::vector<size_t> evidence;  // mentions
};

class Chooser {
 public:
  Chooser(const Gazetteer& gazetteer, const Mentions& mentions,
          const std::vector<Verdict>& verdicts, std::span<const Span> hits)
      : gazetteer_(gazetteer), mentions_(mentions), verdicts_(verdicts), hits_(hits) {}

  Choice Choose() const;

 private:
  struct Candidate {
    size_t mention = 0;
    int place = Place::kNobody;
    int distance = 0;
  };

  std::vector<Candidate> Ours() const;
  std::optional<Candidate> Nearest(const std::vector<Candidate>& candidates) const;
  std::vector<Candidate> Elsewhere() const;
  int Distance(const Mention& mention) const;
  int ListDistance(size_t mention) const;
  bool Passing(const Mention& mention) const;
  bool SameList(size_t a, size_t b) const;
  Candidate Narrowed(Candidate from, const std::vector<Candidate>& candidates) const;
  int CommonUnit(const std::vector<Candidate>& candidates) const;

  const Gazetteer& gazetteer_;
  const Mentions& mentions_;
  const std::vector<Verdict>& verdicts_;
  const std::span<const Span> hits_;
};

// Something goes to or comes from there; it need not happen there.
bool Chooser::Passing(const Mention& mention) const {
  return mention.cue != nullptr &&
         (mention.cue->kind == WordKind::kThrough || mention.cue->kind == WordKind::kOrigin);
}

int Chooser::Distance(const Mention& mention) const {
  int nearest = std::numeric_limits<int>::max();
  for (const Span& hit : hits_) {
    const Mentions::Position begin = mentions_.At(hit.begin);
    const Mentions::Position end = mentions_.At(hit.end > hit.begin ? hit.end - 1 : hit.begin);
    int distance = 0;
    if (end.syllable < mention.first)
      distance = static_cast<int>(mention.first - end.syllable);
    else if (begin.syllable > mention.last)
      distance = static_cast<int>(begin.syllable - mention.last);
    if (distance > 0) {
      const Mentions::Position& side = end.syllable < mention.first ? end : begin;
      distance += kSentenceBreak * std::abs(side.sentence - mention.sentence);
      if (side.sentence == mention.sentence)
        distance += kClauseBreak * std::min(2, std::abs(side.clause - mention.clause));
    }
    nearest = std::min(nearest, distance);
  }
  return nearest;
}

bool Chooser::SameList(size_t a, size_t b) const {
  if (a > b) std::swap(a, b);
  for (size_t i = a + 1; i <= b; ++i)
    if (mentions_.mentions[i].link == Link::kNone) return false;
  return true;
}

// All parts of one address or list are as near as its nearest.
int Chooser::ListDistance(size_t mention) const {
  if (hits_.empty()) return 0;
  int nearest = Distance(mentions_.mentions[mention]);
  for (size_t i = mention; i > 0 && mentions_.mentions[i].link == Link::kList; --i)
    nearest = std::min(nearest, Distance(mentions_.mentions[i - 1]));
  for (size_t i = mention + 1; i < verdicts_.size() && mentions_.mentions[i].link == Link::kList;
       ++i)
    nearest = std::min(nearest, Distance(mentions_.mentions[i]));
  return nearest;
}

// Mentions of ours below the province. What is unverified stands for its parent.
std::vector<Chooser::Candidate> Chooser::Ours() const {
  std::vector<Candidate> out;
  for (size_t i = 0; i < verdicts_.size(); ++i) {
    int place = verdicts_[i].place;
    if (place == Place::kNobody || !verdicts_[i].served) continue;
    while (gazetteer_.place(place).unverified) place = gazetteer_.place(place).parent;
    if (gazetteer_.place(place).level == PlaceLevel::kProvince) continue;
    out.push_back({i, place, ListDistance(i)});
  }
  return out;
}

std::vector<Chooser::Candidate> Chooser::Elsewhere() const {
  std::vector<Candidate> out;
  for (size_t i = 0; i < verdicts_.size(); ++i)
    if (verdicts_[i].place != Place::kNobody && !verdicts_[i].served &&
        !Passing(mentions_.mentions[i]))
      out.push_back({i, verdicts_[i].place, ListDistance(i)});
  return out;
}

std::optional<Chooser::Candidate> Chooser::Nearest(const std::vector<Candidate>& candidates) const {
  const Candidate* best = nullptr;
  const auto rank = [&](const Candidate& c) {
    return std::tuple(c.distance, Passing(mentions_.mentions[c.mention]), c.mention);
  };
  for (const Candidate& c : candidates)
    if (best == nullptr || rank(c) < rank(*best)) best = &c;
  return best == nullptr ? std::nullopt : std::optional(*best);
}

// The narrowest place that the post names within `from`: the same address first, then any as near.
Chooser::Candidate Chooser::Narrowed(Candidate from,
                                     const std::vector<Candidate>& candidates) const {
  for (bool narrower = true; narrower;) {
    narrower = false;
    for (const Candidate& c : candidates) {
      const bool within = c.place != from.place && gazetteer_.Contains(from.place, c.place);
      if (!within) continue;
      const bool close =
          hits_.empty() || SameList(from.mention, c.mention) ||
          mentions_.mentions[c.mention].sentence == mentions_.mentions[from.mention].sentence;
      // Of several parts of one place none is the place.
      const bool rivals =
          std::any_of(candidates.begin(), candidates.end(), [&](const Candidate& o) {
            return o.place != c.place && o.place != from.place &&
                   !gazetteer_.Contains(c.place, o.place) &&
                   !gazetteer_.Contains(o.place, c.place) && o.distance == c.distance &&
                   gazetteer_.Contains(from.place, o.place) &&
                   gazetteer_.Today(o.place) == gazetteer_.Today(c.place);
          });
      if (!close || (rivals && hits_.empty())) continue;
      from = c;
      narrower = true;
      break;
    }
  }
  return from;
}

// The unit of today that all candidates are or lie in, when there are several; else kNobody.
int Chooser::CommonUnit(const std::vector<Candidate>& candidates) const {
  int unit = Place::kNobody;
  for (const Candidate& c : candidates) {
    int at = gazetteer_.Today(c.place);
    while (at != Place::kNobody && gazetteer_.place(at).level > PlaceLevel::kUnit)
      at = gazetteer_.place(at).parent;
    if (at == Place::kNobody || gazetteer_.place(at).level != PlaceLevel::kUnit)
      return Place::kNobody;
    if (unit != Place::kNobody && unit != at) return Place::kNobody;
    unit = at;
  }
  return unit;
}

Choice Chooser::Choose() const {
  Choice choice;
  const std::vector<Candidate> ours = Ours();
  const std::vector<Candidate> elsewhere = Elsewhere();
  const std::optional<Candidate> us = Nearest(ours);
  const std::optional<Candidate> them = Nearest(elsewhere);
  if (them && us && !hits_.empty() && them->distance + kOursFirst < us->distance &&
      !SameList(them->mention, us->mention)) {
    choice.reason = RouteReason::kElsewhere;
    choice.evidence = {them->mention};
    return choice;
  }
  if (us) {
    Candidate chosen = Narrowed(*us, ours);
    if (hits_.empty()) {
      // Two parts of one unit and nothing else: the unit.
      std::vector<Candidate> innermost;
      for (const Candidate& c : ours)
        if (std::none_of(ours.begin(), ours.end(), [&](const Candidate& o) {
              return o.place != c.place && gazetteer_.Contains(c.place, o.place);
            }))
          innermost.push_back(c);
      const bool several = std::any_of(innermost.begin(), innermost.end(), [&](const Candidate& c) {
        return c.place != innermost.front().place;
      });
      const int unit = several ? CommonUnit(innermost) : Place::kNobody;
      if (unit != Place::kNobody) chosen.place = unit;
    }
    choice.place = chosen.place;
    choice.reason =
        gazetteer_.place(chosen.place).old ? RouteReason::kOldName : RouteReason::kExplicit;
    choice.evidence = {chosen.mention};
    for (const Candidate& c : ours)
      if (c.mention != chosen.mention && gazetteer_.Contains(c.place, chosen.place) &&
          SameList(c.mention, chosen.mention))
        choice.evidence.push_back(c.mention);
    return choice;
  }
  const bool province = std::any_of(verdicts_.begin(), verdicts_.end(),
                                    [](const Verdict& verdict) { return verdict.served; });
  if (them && !province) {
    choice.reason = RouteReason::kElsewhere;
    choice.evidence = {them->mention};
  }
  return choice;
}

std::string Titled(const Place& place) {
  return place.type.empty() ? place.name : StrCat(place.type, " ", place.name);
}

// What people are told about a mention.
void ExplainMention(const Mention& mention, const Verdict& verdict, const FoldedText& text,
                    const Gazetteer& gazetteer, std::string& words) {
  StrAppend(&words, "\"",
            text.original().substr(mention.span.begin, mention.span.end - mention.span.begin),
            "\": ");
  const Place& place = gazetteer.place(verdict.best);
  StrAppend(&words, Titled(place), " (", place.code, place.old ? ", before July 2025" : "",
            place.served ? "" : ", elsewhere", "), weight ", verdict.score);
  if (verdict.ambiguous)
    StrAppend(&words, ": not counted, other places of ours fit as well");
  else if (verdict.place == Place::kNobody)
    StrAppend(&words, " of ", kScoreAccepted, ": not counted without a second sign");
  if (mention.word != nullptr) StrAppend(&words, "; word of place ", mention.word->type);
  if (mention.cue != nullptr) StrAppend(&words, "; after ", mention.cue->phrase.written());
  if (mention.glued_left || mention.glued_right) StrAppend(&words, "; seems part of a longer name");
  words += '\n';
}

void ExplainOutcome(const Placement& placement, const Resolver& resolver, std::string& words) {
  switch (placement.reason) {
    case RouteReason::kExplicit:
    case RouteReason::kOldName: {
      const Gazetteer& gazetteer = resolver.gazetteer();
      const Place& place = gazetteer.place(gazetteer.Find(placement.place));
      StrAppend(&words, "The post names ", Titled(place), " (", place.code, ")",
                placement.reason == RouteReason::kOldName ? ", a name of before July 2025" : "");
      break;
    }
    case RouteReason::kAccount:
      StrAppend(&words, "No place counts; the account belongs to the cell");
      break;
    case RouteReason::kUnclear:
      StrAppend(&words, "No place counts: chưa rõ địa bàn");
      break;
    case RouteReason::kElsewhere:
      StrAppend(&words, "The only place named is outside the area served: no cell\n");
      return;
  }
  const Cell* cell = resolver.cells().Find(placement.cell);
  StrAppend(&words, "; cell ", placement.cell, cell == nullptr ? "" : StrCat(" (", cell->name, ")"),
            ".\n");
}

}  // namespace

Resolver::Resolver(std::shared_ptr<const Gazetteer> gazetteer, std::shared_ptr<const Cells> cells)
    : gazetteer_(std::move(gazetteer)),
      cells_(std::move(cells)),
      words_(std::make_shared<const PlaceWords>()) {
  KENG_CHECK(gazetteer_ != nullptr && cells_ != nullptr, "a resolver needs both");
}

Placement Resolver::Resolve(const FoldedText& text, std::span<const LiteralMatch> matches,
                            const PlaceQuestion& question) const {
  return Answer(text, matches, question, nullptr);
}

Placement Resolver::Explain(const FoldedText& text, std::span<const LiteralMatch> matches,
                            const PlaceQuestion& question, std::string& words) const {
  return Answer(text, matches, question, &words);
}

Placement Resolver::Answer(const FoldedText& text, std::span<const LiteralMatch> matches,
                           const PlaceQuestion& question, std::string* words) const {
  const Cell* account = cells_->OfAccount(question.account);
  Placement placement;
  Choice choice;
  if (!matches.empty()) {
    Mentions mentions = ReadMentions(text, matches, *gazetteer_, *words_);
    const std::vector<Verdict> verdicts =
        Judge(mentions, *gazetteer_,
              account == nullptr ? Place::kNobody : gazetteer_->Find(account->code));
    choice = Chooser(*gazetteer_, mentions, verdicts, question.hits).Choose();
    for (const size_t mention : choice.evidence)
      placement.evidence.push_back(mentions.mentions[mention].span);
    std::sort(placement.evidence.begin(), placement.evidence.end(),
              [](const Span& a, const Span& b) { return a.begin < b.begin; });
    if (words != nullptr)
      for (size_t i = 0; i < verdicts.size(); ++i)
        ExplainMention(mentions.mentions[i], verdicts[i], text, *gazetteer_, *words);
  }
  placement.reason = choice.reason;
  if (choice.place != Place::kNobody) {
    SetPlace(choice.place, placement);
  } else if (choice.reason == RouteReason::kUnclear && account != nullptr) {
    placement.reason = RouteReason::kAccount;
    // The desk's own accounts say nothing about where.
    if (account->parent != Cell::kNobody) SetPlace(gazetteer_->Find(account->code), placement);
    placement.cell = account->code;
  }
  if (placement.reason == RouteReason::kUnclear) placement.cell = cells_->desk().code;
  if (!placement.cell.empty()) placement.cell = cells_->For(placement.cell, question.topic).code;
  if (words != nullptr) ExplainOutcome(placement, *this, *words);
  return placement;
}

// Path and cell of a place of ours.
void Resolver::SetPlace(int place, Placement& placement) const {
  // A spot tells where its unit is meant; the place is the unit, so that reports about one
  // evening's water, from the market, the bridge and the main road of one ward, are one story.
  while (gazetteer_->place(place).level == PlaceLevel::kSpot &&
         gazetteer_->place(place).parent != Place::kNobody) {
    place = gazetteer_->place(place).parent;
  }
  placement.place = gazetteer_->place(place).code;
  const int today = gazetteer_->Today(place);
  if (today != place) placement.place_path.push_back(placement.place);
  for (int at = today; at != Place::kNobody; at = gazetteer_->place(at).parent) {
    const std::string& code = gazetteer_->place(at).code;
    placement.place_path.push_back(code);
    if (placement.cell.empty() && cells_->Find(code) != nullptr) placement.cell = code;
  }
  if (placement.cell.empty()) placement.cell = cells_->desk().code;
}

}  // namespace keng::filters
