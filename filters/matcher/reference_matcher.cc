#include "filters/matcher/reference_matcher.h"

#include <algorithm>
#include <tuple>

#include "base/check.h"
#include "base/strings.h"
#include "filters/matcher/internal/hyperscan.h"
#include "filters/matcher/internal/spans.h"
#include "filters/matcher/internal/utf8.h"
#include "filters/text/marks_habit.h"

namespace keng::filters {

namespace {

using Occurrences = std::vector<TracedOccurrence>;
using Aside = TracedOccurrence::Aside;

// Numbers and places, which have no phrase, come last among those of one place.
bool Before(const TracedOccurrence& a, const TracedOccurrence& b) {
  return std::make_tuple(a.begin, a.end, a.phrase.empty(), a.phrase) <
         std::make_tuple(b.begin, b.end, b.phrase.empty(), b.phrase);
}
bool Same(const TracedOccurrence& a, const TracedOccurrence& b) {
  return a.begin == b.begin && a.end == b.end && a.phrase == b.phrase;
}

void Tidy(Occurrences& all) {
  std::sort(all.begin(), all.end(), Before);
  all.erase(std::unique(all.begin(), all.end(), Same), all.end());
  if (all.size() > kOccurrencesMax) all.resize(kOccurrencesMax);
}

int64_t Gap(const TracedOccurrence& a, const TracedOccurrence& b) {
  return static_cast<int64_t>(std::max(a.begin, b.begin)) -
         static_cast<int64_t>(std::min(a.end, b.end));
}

bool MarksFit(MarksMode mode, MarksEvidence marks, const FoldedText& folded,
              const TracedOccurrence& occurrence) {
  if (mode == MarksMode::kIgnore || marks == MarksEvidence::kEqual) return true;
  if (mode == MarksMode::kStrict || marks == MarksEvidence::kConflicting) return false;
  if (mode == MarksMode::kCompatible) return true;
  return MarksHabitOf(folded.original()) == MarksHabit::kLeavesOut ||
         InHashtag(folded.original(),
                   folded.Original(occurrence.folded_begin, occurrence.folded_end));
}

std::vector<std::string_view> Syllables(std::string_view folded) {
  std::vector<std::string_view> syllables;
  size_t begin = 1;
  while (begin < folded.size()) {
    const size_t end = folded.find(' ', begin);
    syllables.push_back(folded.substr(begin, end - begin));
    begin = end + 1;
  }
  return syllables;
}

// What a term has in the text: what counts, and what stands there and does not.
struct TermFound {
  Occurrences counted, aside;
};

}  // namespace

struct ReferenceMatcher::State {
  State(const std::vector<Rule>& given, ExtraLiterals names)
      : rules(given), extras(std::move(names)) {
    for (size_t i = 0; i < extras.folded.size(); ++i) {
      if (i < extras.is_named_place.size() && extras.is_named_place[i] != 0)
        places.push_back(extras.folded[i]);
    }
    for (const std::string& place : places) place_syllables.push_back(Syllables(place));
  }

  void Begin(std::string_view text) {
    folder.Fold(text, folded);
    syllables = Syllables(folded.text());
    offsets.clear();
    for (const std::string_view syllable : syllables)
      offsets.push_back(static_cast<uint32_t>(syllable.data() - folded.text().data()));
    sets.clear();
  }

  // The text's syllables from `at` on are these.
  bool StandsAt(size_t at, const std::vector<std::string_view>& wanted) const {
    return at + wanted.size() <= syllables.size() &&
           std::equal(wanted.begin(), wanted.end(), syllables.begin() + at);
  }

  TracedOccurrence Make(size_t at, size_t count) const {
    TracedOccurrence occurrence;
    occurrence.begin = static_cast<uint32_t>(at);
    occurrence.end = static_cast<uint32_t>(at + count);
    occurrence.folded_begin = offsets[at];
    occurrence.folded_end =
        offsets[at + count - 1] + static_cast<uint32_t>(syllables[at + count - 1].size());
    return occurrence;
  }

  struct Pattern {
    Phrase phrase;
    std::vector<std::string_view> syllables;  // of phrase.literal()
  };
  const Pattern& PatternOf(const std::string& written) {
    const auto known = patterns.find(written);
    if (known != patterns.end()) return *known->second;
    auto phrase = Phrase::Parse(written);
    KENG_CHECK(phrase.ok(), "the loader lets no such phrase pass");
    auto pattern = std::make_unique<Pattern>(Pattern{*std::move(phrase), {}});
    pattern->syllables = Syllables(pattern->phrase.literal());
    return *patterns.emplace(written, std::move(pattern)).first->second;
  }

  // The occurrences of the set's phrases, with those whose marks do not fit.
  const TermFound& FindPhrases(const TermSet& set) {
    const auto [known, is_new] = sets.try_emplace(&set);
    TermFound& found = known->second;
    if (!is_new) return found;
    for (const PhraseText& text : set.phrases) {
      const Pattern& pattern = PatternOf(text.text);
      for (size_t at = 0; at < syllables.size(); ++at) {
        if (!StandsAt(at, pattern.syllables)) continue;
        TracedOccurrence occurrence = Make(at, pattern.syllables.size());
        occurrence.phrase = pattern.phrase.written();
        occurrence.mode = text.marks;
        occurrence.marks = CompareMarks(pattern.phrase, folded, occurrence.folded_begin - 1);
        if (!MarksFit(text.marks, occurrence.marks, folded, occurrence)) {
          occurrence.aside = Aside::kMarks;
          found.aside.push_back(occurrence);
        } else {
          found.counted.push_back(occurrence);
        }
      }
    }
    return found;
  }

  TermFound FindTerm(const Term& term) {
    TermFound found;
    switch (term.kind) {
      case Term::Kind::kSet:
        found = FindPhrases(*term.set);
        for (const Term& part : term.set->parts) {
          TermFound inner = FindTerm(part);
          found.counted.insert(found.counted.end(), inner.counted.begin(), inner.counted.end());
          found.aside.insert(found.aside.end(), inner.aside.begin(), inner.aside.end());
        }
        break;
      case Term::Kind::kNumber:
        for (size_t at = 0; at < syllables.size(); ++at) {
          if (syllables[at].front() >= '0' && syllables[at].front() <= '9')
            found.counted.push_back(Make(at, 1));
        }
        break;
      case Term::Kind::kPlace:
        for (const auto& place : place_syllables) {
          for (size_t at = 0; at < syllables.size(); ++at) {
            if (StandsAt(at, place)) found.counted.push_back(Make(at, place.size()));
          }
        }
        break;
    }
    Tidy(found.counted);
    PutAside(term, found);
    return found;
  }

  void PutAside(const Term& term, TermFound& found) {
    Occurrences left = std::move(found.counted);
    found.counted.clear();
    Occurrences longer, disturbing;
    for (const Term& other : term.except) Append(FindTerm(other).counted, longer);
    for (const Term& other : term.not_near) Append(FindTerm(other).counted, disturbing);
    for (TracedOccurrence& occurrence : left) {
      for (const TracedOccurrence& by : longer) {
        if (by.begin <= occurrence.begin && occurrence.end <= by.end) {
          occurrence.aside = Aside::kExcept;
          occurrence.by = by.phrase;
        }
      }
      for (const TracedOccurrence& by : disturbing) {
        if (occurrence.aside == Aside::kCounts && Gap(occurrence, by) <= term.not_near_within) {
          occurrence.aside = Aside::kNotNear;
          occurrence.by = by.phrase;
        }
      }
      (occurrence.aside == Aside::kCounts ? found.counted : found.aside).push_back(occurrence);
    }
  }

  static void Append(const Occurrences& from, Occurrences& to) {
    to.insert(to.end(), from.begin(), from.end());
  }

  ConditionTrace TraceNear(const Condition& condition) {
    ConditionTrace trace;
    trace.condition = &condition;
    std::vector<Occurrences> groups;
    std::string sizes;
    for (const std::vector<Term>& terms : condition.groups) {
      Occurrences group;
      for (const Term& term : terms) {
        TermFound found = FindTerm(term);
        Append(found.counted, group);
        Append(found.aside, trace.aside);
      }
      Tidy(group);
      base::StrAppend(&sizes, sizes.empty() ? "" : ", ", group.size());
      groups.push_back(std::move(group));
    }
    trace.found_groups = std::move(sizes);
    const bool each = std::none_of(groups.begin(), groups.end(),
                                   [](const Occurrences& group) { return group.empty(); });
    if (condition.ordered) {
      TakeOrdered(condition, groups, trace.counted);
    } else {
      TakeUnordered(condition, groups, trace.counted);
    }
    // One occurrence may be part of several choices.
    std::sort(trace.counted.begin(), trace.counted.end(), Before);
    trace.counted.erase(std::unique(trace.counted.begin(), trace.counted.end(), Same),
                        trace.counted.end());
    trace.holds = !trace.counted.empty();
    trace.apart = each && !trace.holds;
    return trace;
  }

  // I3 as windows: whatever choice holds, holds for the window that opens at min(end), and whatever
  // stands in a window with one of each group is part of a choice that holds.
  void TakeUnordered(const Condition& condition, const std::vector<Occurrences>& groups,
                     Occurrences& taken) const {
    const uint32_t within = static_cast<uint32_t>(condition.within);
    for (uint32_t opens = 0; opens <= syllables.size(); ++opens) {
      Occurrences inside;
      bool each = true;
      for (const Occurrences& group : groups) {
        const size_t before = inside.size();
        for (const TracedOccurrence& occurrence : group) {
          if (occurrence.end >= opens && occurrence.begin <= opens + within)
            inside.push_back(occurrence);
        }
        each = each && inside.size() > before;
      }
      if (each) Append(inside, taken);
    }
  }

  // I3 by what can be reached at all; what is shown for one occurrence of the first group is the
  // choice that ends first at each group, and of the last group begins first.
  void TakeOrdered(const Condition& condition, const std::vector<Occurrences>& groups,
                   Occurrences& taken) const {
    for (const TracedOccurrence& first : groups.front()) {
      Occurrences reached = {first}, chosen = {first};
      for (size_t g = 1; g < groups.size() && !reached.empty(); ++g) {
        Occurrences next, later;
        for (const TracedOccurrence& occurrence : groups[g]) {
          const auto before = [&](const TracedOccurrence& other) {
            return other.end <= occurrence.begin;
          };
          if (std::any_of(reached.begin(), reached.end(), before)) next.push_back(occurrence);
          if (before(chosen.back())) later.push_back(occurrence);
        }
        reached = std::move(next);
        if (reached.empty()) break;
        KENG_CHECK(!later.empty(), "what ends first leaves the most room");
        const bool last = g + 1 == groups.size();
        chosen.push_back(*std::min_element(
            later.begin(), later.end(), [&](const TracedOccurrence& a, const TracedOccurrence& b) {
              return !last && a.end != b.end ? a.end < b.end : Before(a, b);
            }));
      }
      if (std::any_of(reached.begin(), reached.end(), [&](const TracedOccurrence& occurrence) {
            return Gap(first, occurrence) <= condition.within;
          })) {
        Append(chosen, taken);
      }
    }
  }

  ConditionTrace TraceRegex(const Condition& condition) {
    ConditionTrace trace;
    trace.condition = &condition;
    const bool on_text = condition.regex_on == Condition::RegexOn::kText;
    const std::string_view text = on_text ? folded.original() : folded.text();
    if (on_text && !IsValidUtf8(text)) return trace;
    Engine& engine = EngineOf(condition);
    std::vector<ExpressionHit> hits;
    ScanExpressions(engine.database, engine.scratch, text, 4096, hits);
    for (const ExpressionHit& hit : hits) {
      TracedOccurrence occurrence;
      occurrence.folded_begin = hit.begin;
      occurrence.folded_end = hit.end;
      occurrence.phrase = condition.regex;
      trace.counted.push_back(occurrence);
    }
    trace.holds = !hits.empty();
    return trace;
  }

  ConditionTrace Trace(const Condition& condition) {
    ConditionTrace trace;
    trace.condition = &condition;
    switch (condition.kind) {
      case Condition::Kind::kTerm: {
        TermFound found = FindTerm(condition.term);
        trace.holds = !found.counted.empty();
        trace.counted = std::move(found.counted);
        trace.aside = std::move(found.aside);
        return trace;
      }
      case Condition::Kind::kNear:
        return TraceNear(condition);
      case Condition::Kind::kRegex:
        return TraceRegex(condition);
      case Condition::Kind::kAny:
      case Condition::Kind::kAll:
      case Condition::Kind::kNone:
        break;
    }
    size_t holding = 0;
    for (const Condition& child : condition.children) {
      trace.children.push_back(Trace(child));
      holding += trace.children.back().holds ? 1 : 0;
    }
    trace.holds = condition.kind == Condition::Kind::kAny   ? holding > 0
                  : condition.kind == Condition::Kind::kAll ? holding == trace.children.size()
                                                            : holding == 0;
    return trace;
  }

  void Collect(const ConditionTrace& trace, std::vector<FoundPhrase>& phrases,
               std::vector<FoundRegex>& regexes) const {
    if (!trace.holds || trace.condition->kind == Condition::Kind::kNone) return;
    for (const TracedOccurrence& occurrence : trace.counted) {
      if (occurrence.phrase.empty()) continue;
      if (trace.condition->kind == Condition::Kind::kRegex) {
        regexes.push_back(FoundRegex{occurrence.folded_begin, occurrence.folded_end,
                                     occurrence.phrase, trace.condition->regex_on});
      } else {
        phrases.push_back(FoundPhrase{occurrence.folded_begin, occurrence.folded_end,
                                      occurrence.phrase, occurrence.marks});
      }
    }
    for (const ConditionTrace& child : trace.children) Collect(child, phrases, regexes);
  }

  struct Engine {
    HsDatabase database;
    HsScratch scratch;
  };
  Engine& EngineOf(const Condition& condition) {
    const auto [known, is_new] =
        engines.try_emplace(std::make_pair(condition.regex, condition.regex_on));
    Engine& engine = known->second;
    if (!is_new) return engine;
    const HsExpression::Form form = condition.regex_on == Condition::RegexOn::kText
                                        ? HsExpression::Form::kUtf8Caseless
                                        : HsExpression::Form::kAscii;
    auto database = CompileExpressions({HsExpression{condition.regex, form}}, {0});
    KENG_CHECK(database.ok(), "a rule set with this regex does not compile");
    engine.database = *std::move(database);
    KENG_CHECK(engine.scratch.Fit(engine.database).ok(), "out of memory");
    return engine;
  }

  const std::vector<Rule>& rules;
  const ExtraLiterals extras;
  std::vector<std::string> places;
  std::vector<std::vector<std::string_view>> place_syllables;
  std::map<std::string, std::unique_ptr<Pattern>, std::less<>> patterns;
  std::map<std::pair<std::string, Condition::RegexOn>, Engine> engines;

  // Of the text at hand.
  Folder folder{FoldPath::kScalar};
  FoldedText folded;
  std::vector<std::string_view> syllables;
  std::vector<uint32_t> offsets;
  std::map<const TermSet*, TermFound> sets;
};

ReferenceMatcher::ReferenceMatcher(const std::vector<Rule>& rules, ExtraLiterals extras)
    : state_(std::make_unique<State>(rules, std::move(extras))) {}
ReferenceMatcher::~ReferenceMatcher() = default;

std::vector<RuleTrace> ReferenceMatcher::Trace(const ingest::Post& post) {
  state_->Begin(post.text);
  std::vector<RuleTrace> traces;
  for (const Rule& rule : state_->rules) {
    RuleTrace trace;
    trace.rule = &rule;
    trace.where_holds = post.kind != ingest::PostKind::kDelete && WhereHolds(rule.where, post);
    trace.when = state_->Trace(rule.when);
    trace.holds = trace.where_holds && trace.when.holds;
    traces.push_back(std::move(trace));
  }
  return traces;
}

std::vector<RuleMatch> ReferenceMatcher::Match(const ingest::Post& post) {
  std::vector<RuleMatch> matches;
  for (const RuleTrace& trace : Trace(post)) {
    if (!trace.holds) continue;
    std::vector<FoundPhrase> phrases;
    std::vector<FoundRegex> regexes;
    state_->Collect(trace.when, phrases, regexes);
    RuleMatch& match = matches.emplace_back();
    match.rule = trace.rule;
    AppendSpans(state_->folded, std::move(phrases), std::move(regexes), match.spans);
  }
  return matches;
}

Span ReferenceMatcher::Original(const TracedOccurrence& occurrence) const {
  return state_->folded.Original(occurrence.folded_begin, occurrence.folded_end);
}

}  // namespace keng::filters
