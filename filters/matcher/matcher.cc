#include "filters/matcher/matcher.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "filters/matcher/internal/compiled_rules.h"
#include "filters/matcher/internal/spans.h"
#include "filters/matcher/internal/utf8.h"
#include "filters/text/marks_habit.h"
#include "filters/text/phrase.h"

namespace keng::filters {

namespace {

constexpr size_t kLiteralHitsMax = 65536;    // of one post
constexpr size_t kExpressionHitsMax = 4096;  // of one post
constexpr uint32_t kNoPattern = UINT32_MAX;
constexpr uint32_t kNoNode = UINT32_MAX;

// A stretch of syllables that some term occupies (condition.h).
struct Occurrence {
  uint32_t begin = 0;  // syllables
  uint32_t end = 0;
  uint32_t folded_begin = 0;  // bytes, the leading space included
  uint32_t folded_end = 0;    // the trailing space included
  uint32_t pattern = kNoPattern;
  MarksEvidence marks = MarksEvidence::kEqual;
};

bool Before(const Occurrence& a, const Occurrence& b) {
  if (a.begin != b.begin) return a.begin < b.begin;
  if (a.end != b.end) return a.end < b.end;
  return a.pattern < b.pattern;
}
bool Same(const Occurrence& a, const Occurrence& b) {
  return a.begin == b.begin && a.end == b.end && a.pattern == b.pattern;
}

int64_t Gap(const Occurrence& a, const Occurrence& b) {
  return static_cast<int64_t>(std::max(a.begin, b.begin)) -
         static_cast<int64_t>(std::min(a.end, b.end));
}

// Occurrences in the pool, by index since the pool grows.
struct Range {
  uint32_t begin = 0;
  uint32_t end = 0;
  bool empty() const { return begin == end; }
};

}  // namespace

// All that a thread needs to evaluate posts. What belongs to one post is stamped with its epoch, so
// that nothing is cleared between posts.
struct Matcher::State {
  explicit State(const CompiledRules& compiled, MatcherMetrics given)
      : rules(compiled),
        metrics(given),
        scratch(compiled.scratch.Clone()),
        rule_epochs(compiled.conditions.size(), 0),
        sets(compiled.sets),
        terms(compiled.terms.size()),
        costs(compiled.conditions.size()) {}

  struct SetChain {
    uint32_t epoch = 0;
    uint32_t head = kNoNode;
  };
  struct PatternHit {
    uint32_t hit = 0;
    uint32_t pattern = 0;
    bool compared = false;
    MarksEvidence marks = MarksEvidence::kEqual;
  };
  struct Node {
    uint32_t pattern_hit = 0;
    uint32_t next = kNoNode;
    MarksMode marks = MarksMode::kCompatible;
  };
  struct TermMemo {
    uint32_t epoch = 0;
    Range range;
  };

  void NextEpoch();
  void PutAside(const FoldedText& folded);
  // `begin`: of the literal, in folded bytes.
  bool MarksFit(MarksMode mode, MarksEvidence evidence, const FoldedText& folded, uint32_t begin);
  void FindCandidates();
  void IndexHits();

  bool Holds(const CompiledCondition& condition);
  bool HoldsNear(const CompiledCondition& condition);
  bool HoldsRegex(uint32_t regex);
  void Collect(const CompiledCondition& condition);
  void MakeSpans(std::vector<HitSpan>& spans);
  template <typename Visit>
  void VisitNear(const CompiledCondition& condition, Visit visit);
  void ScanRegexes(Condition::RegexOn on);

  Range TermRange(uint32_t id);
  std::vector<Range> TermRanges(const std::vector<uint32_t>& ids);
  Range GroupRange(const std::vector<uint32_t>& ids);
  std::vector<Range> GroupRanges(const CompiledCondition& condition);
  Range Tidy(uint32_t begin);
  void AppendSet(uint32_t set);
  void AppendNumbers();
  void AppendPlaces();
  void AppendCopies(const std::vector<Range>& ranges);
  template <typename Excluded>
  void Exclude(const std::vector<Range>& others, uint32_t begin, Excluded excluded);

  const CompiledRules& rules;
  const MatcherMetrics metrics;
  std::vector<uint8_t> is_named_place;  // by extra literal
  Folder folder;
  HsScratch scratch;
  LiteralIndex::Scratch literal_scratch;
  Literals literals = Literals::kIfMatched;
  Profiling profiling = Profiling::kCount;

  // Of the post at hand.
  MatchResult* out = nullptr;
  std::vector<LiteralHit> hits;
  // By hit: rules need it, and its marks fit nothing that they wrote. Most hits of short
  // phrases are such ("cầu" for "câu"), and cost no more than this.
  std::vector<uint8_t> put_aside;
  bool put_aside_known = false;
  std::optional<MarksHabit> habit;  // once it is asked for
  std::vector<uint32_t> hit_ends;   // in syllables, by hit
  std::vector<uint32_t> candidates;
  std::vector<PatternHit> pattern_hits;
  std::vector<Node> nodes;
  std::vector<Occurrence> pool;
  std::vector<Occurrence> found;  // of the rule at hand, for its spans
  std::vector<uint32_t> found_regexes;
  std::vector<ExpressionHit> regex_hits[2];
  bool regex_scanned[2] = {false, false};
  bool indexed = false;

  uint32_t epoch = 0;
  std::vector<uint32_t> rule_epochs;
  std::vector<SetChain> sets;
  std::vector<TermMemo> terms;
  std::vector<RuleCost> costs;
};

void Matcher::State::NextEpoch() {
  if (++epoch == 0) {  // wrapped after 2^32 posts
    std::fill(rule_epochs.begin(), rule_epochs.end(), 0);
    std::fill(sets.begin(), sets.end(), SetChain());
    std::fill(terms.begin(), terms.end(), TermMemo());
    epoch = 1;
  }
  candidates.clear();
  indexed = false;
}

bool Matcher::State::MarksFit(MarksMode mode, MarksEvidence evidence, const FoldedText& folded,
                              uint32_t begin) {
  switch (mode) {
    case MarksMode::kCompatible:
      return evidence != MarksEvidence::kConflicting;
    case MarksMode::kConsistent: {
      if (evidence == MarksEvidence::kEqual) return true;
      if (evidence == MarksEvidence::kConflicting) return false;
      if (!habit.has_value()) habit = MarksHabitOf(folded.original());
      return *habit == MarksHabit::kLeavesOut ||
             InHashtag(folded.original(), folded.Original(begin + 1, begin + 2));
    }
    case MarksMode::kStrict:
      return evidence == MarksEvidence::kEqual;
    case MarksMode::kIgnore:
      return true;
  }
  return false;
}

void Matcher::State::PutAside(const FoldedText& folded) {
  if (put_aside_known) return;
  put_aside_known = true;
  const auto by_end = [](const LiteralHit& a, const LiteralHit& b) {
    return a.end != b.end ? a.end < b.end : a.literal < b.literal;
  };
  if (!std::is_sorted(hits.begin(), hits.end(), by_end))
    std::sort(hits.begin(), hits.end(), by_end);
  put_aside.assign(hits.size(), 0);
  for (size_t i = 0; i < hits.size(); ++i) {
    const CompiledRules::Literal& literal = rules.literals[hits[i].literal];
    if (literal.loosest == MarksMode::kIgnore || !literal.needed) continue;
    const uint32_t begin = hits[i].end - literal.bytes;
    bool fits = false;
    for (uint32_t p = 0; !fits && p < literal.patterns; ++p) {
      const MarksEvidence evidence = CompareMarks(rules.MarksOf(literal, p), folded, begin);
      fits = MarksFit(literal.loosest, evidence, folded, begin);
    }
    put_aside[i] = fits ? 0 : 1;
  }
}

void Matcher::State::FindCandidates() {
  for (size_t h = 0; h < hits.size(); ++h) {
    if (put_aside[h] != 0) continue;
    const LiteralHit& hit = hits[h];
    const uint32_t begin = rules.literals[hit.literal].rules_begin;
    const uint32_t end = rules.literals[hit.literal + 1].rules_begin;
    for (uint32_t i = begin; i < end; ++i) {
      const uint32_t rule = rules.literal_rules[i];
      if (rule_epochs[rule] == epoch) continue;
      rule_epochs[rule] = epoch;
      candidates.push_back(rule);
    }
  }
  candidates.insert(candidates.end(), rules.always.begin(), rules.always.end());
  if (candidates.size() > 1) std::sort(candidates.begin(), candidates.end());
}

// Hangs each hit's patterns on the sets that use them. Marks are compared when a term asks.
void Matcher::State::IndexHits() {
  indexed = true;
  pattern_hits.clear();
  nodes.clear();
  pool.clear();
  regex_scanned[0] = regex_scanned[1] = false;
  const std::string_view text = out->folded.text();
  hit_ends.resize(hits.size());
  uint32_t counted = 0, syllables = 0;
  for (size_t i = 0; i < hits.size(); ++i) {
    const uint32_t end = hits[i].end - 1;  // the trailing space
    syllables += static_cast<uint32_t>(std::count(text.begin() + counted, text.begin() + end, ' '));
    counted = end;
    hit_ends[i] = syllables;
    if (put_aside[i] != 0) continue;
    const uint32_t first = rules.literals[hits[i].literal].patterns_begin;
    const uint32_t last = rules.literals[hits[i].literal + 1].patterns_begin;
    for (uint32_t pattern = first; pattern < last; ++pattern) {
      const uint32_t pattern_hit = static_cast<uint32_t>(pattern_hits.size());
      pattern_hits.push_back(PatternHit{static_cast<uint32_t>(i), pattern});
      for (uint32_t use = rules.pattern_uses_begin[pattern];
           use < rules.pattern_uses_begin[pattern + 1]; ++use) {
        SetChain& chain = sets[rules.pattern_uses[use].set];
        if (chain.epoch != epoch) chain = SetChain{epoch, kNoNode};
        nodes.push_back(Node{pattern_hit, chain.head, rules.pattern_uses[use].marks});
        chain.head = static_cast<uint32_t>(nodes.size() - 1);
      }
    }
  }
}

// Sorts the occurrences at the pool's end, drops doubles, keeps the first kOccurrencesMax.
Range Matcher::State::Tidy(uint32_t begin) {
  if (pool.size() - begin > 1) {
    std::sort(pool.begin() + begin, pool.end(), Before);
    pool.erase(std::unique(pool.begin() + begin, pool.end(), Same), pool.end());
    if (pool.size() - begin > kOccurrencesMax) {
      pool.resize(begin + kOccurrencesMax);
      out->capped = true;
    }
  }
  return Range{begin, static_cast<uint32_t>(pool.size())};
}

void Matcher::State::AppendSet(uint32_t set) {
  if (sets[set].epoch != epoch) return;
  for (uint32_t i = sets[set].head; i != kNoNode; i = nodes[i].next) {
    PatternHit& hit = pattern_hits[nodes[i].pattern_hit];
    const LiteralHit& literal = hits[hit.hit];
    const Phrase& phrase = rules.patterns[hit.pattern];
    const uint32_t begin = literal.end - static_cast<uint32_t>(phrase.literal().size());
    if (!hit.compared) {
      hit.marks = CompareMarks(phrase, out->folded, begin);
      hit.compared = true;
    }
    if (!MarksFit(nodes[i].marks, hit.marks, out->folded, begin)) continue;
    const uint32_t end = hit_ends[hit.hit];
    pool.push_back(
        Occurrence{end - phrase.syllables(), end, begin, literal.end, hit.pattern, hit.marks});
  }
}

void Matcher::State::AppendNumbers() {
  const std::string_view text = out->folded.text();
  uint32_t syllable = 0;
  for (uint32_t i = 0; i + 1 < text.size(); ++syllable) {
    uint32_t end = i + 1;
    while (text[end] != ' ') ++end;
    if (text[i + 1] >= '0' && text[i + 1] <= '9')
      pool.push_back(Occurrence{syllable, syllable + 1, i, end + 1});
    i = end;
  }
}

void Matcher::State::AppendPlaces() {
  const std::string_view text = out->folded.text();
  for (size_t i = 0; i < hits.size(); ++i) {
    const CompiledRules::Literal& literal = rules.literals[hits[i].literal];
    const uint32_t last = rules.literals[hits[i].literal + 1].extras_begin;
    const bool named =
        std::any_of(rules.literal_extras.begin() + literal.extras_begin,
                    rules.literal_extras.begin() + last, [this](uint32_t extra) {
                      return extra < is_named_place.size() && is_named_place[extra] != 0;
                    });
    if (!named) continue;
    const uint32_t begin = hits[i].end - literal.bytes;
    const uint32_t syllables = static_cast<uint32_t>(
        std::count(text.begin() + begin + 1, text.begin() + hits[i].end, ' '));
    pool.push_back(Occurrence{hit_ends[i] - syllables, hit_ends[i], begin, hits[i].end});
  }
}

// Removes from the pool's end, from `begin` on, what one of `others` puts aside.
template <typename Excluded>
void Matcher::State::Exclude(const std::vector<Range>& others, uint32_t begin, Excluded excluded) {
  const auto put_aside = [&](const Occurrence& occurrence) {
    for (const Range& other : others) {
      for (uint32_t i = other.begin; i < other.end; ++i) {
        if (excluded(occurrence, pool[i])) return true;
      }
    }
    return false;
  };
  pool.erase(std::remove_if(pool.begin() + begin, pool.end(), put_aside), pool.end());
}

Range Matcher::State::TermRange(uint32_t id) {
  if (terms[id].epoch == epoch) return terms[id].range;
  const CompiledTerm& term = rules.terms[id];
  Range range;
  const bool empty =
      term.kind == Term::Kind::kSet && term.parts.empty() && sets[term.set].epoch != epoch;
  if (!empty) {
    // What this term asks of others comes first, so that its own occurrences stand at the pool's
    // end.
    const std::vector<Range> parts = TermRanges(term.parts);
    const std::vector<Range> except = TermRanges(term.except);
    const std::vector<Range> not_near = TermRanges(term.not_near);
    const uint32_t begin = static_cast<uint32_t>(pool.size());
    if (term.kind == Term::Kind::kSet) AppendSet(term.set);
    if (term.kind == Term::Kind::kNumber) AppendNumbers();
    if (term.kind == Term::Kind::kPlace) AppendPlaces();
    AppendCopies(parts);
    Tidy(begin);
    Exclude(except, begin, [](const Occurrence& occurrence, const Occurrence& by) {
      return by.begin <= occurrence.begin && occurrence.end <= by.end;
    });
    Exclude(not_near, begin, [&](const Occurrence& occurrence, const Occurrence& by) {
      return Gap(occurrence, by) <= term.not_near_within;
    });
    range = Range{begin, static_cast<uint32_t>(pool.size())};
  }
  terms[id] = TermMemo{epoch, range};
  return range;
}

std::vector<Range> Matcher::State::TermRanges(const std::vector<uint32_t>& ids) {
  std::vector<Range> ranges;
  for (const uint32_t id : ids) ranges.push_back(TermRange(id));
  return ranges;
}

void Matcher::State::AppendCopies(const std::vector<Range>& ranges) {
  for (const Range& range : ranges) {
    for (uint32_t i = range.begin; i < range.end; ++i) {
      const Occurrence copy = pool[i];
      pool.push_back(copy);
    }
  }
}

// The occurrences of a group's terms together.
Range Matcher::State::GroupRange(const std::vector<uint32_t>& ids) {
  if (ids.size() == 1) return TermRange(ids.front());
  const std::vector<Range> ranges = TermRanges(ids);
  const uint32_t begin = static_cast<uint32_t>(pool.size());
  AppendCopies(ranges);
  return Tidy(begin);
}

// One range a group; empty when a group has no occurrence, so that the condition cannot hold.
std::vector<Range> Matcher::State::GroupRanges(const CompiledCondition& condition) {
  std::vector<Range> groups;
  for (const std::vector<uint32_t>& group : condition.groups) {
    groups.push_back(GroupRange(group));
    if (groups.back().empty()) return {};
  }
  return groups;
}

// Calls visit(occurrences) for each choice that makes the condition hold, until it returns false.
// Unordered: for each end e of an occurrence, all occurrences that end at or after e and begin at
// most `within` after it, if there is one of each group. Ordered: from each occurrence of the first
// group, the one of each next group that ends first among those that begin after it, which leaves
// the most room for what follows; of the last group the one that begins first, as nothing follows
// and only its beginning must be within.
template <typename Visit>
void Matcher::State::VisitNear(const CompiledCondition& condition, Visit visit) {
  const std::vector<Range> groups = GroupRanges(condition);
  if (groups.empty()) return;
  const uint32_t within = static_cast<uint32_t>(condition.within);
  std::vector<Occurrence> chosen;
  if (condition.ordered) {
    for (uint32_t first = groups[0].begin; first < groups[0].end; ++first) {
      chosen.assign(1, pool[first]);
      for (size_t g = 1; g < groups.size() && chosen.size() == g; ++g) {
        const Occurrence* best = nullptr;
        for (uint32_t i = groups[g].begin; i < groups[g].end; ++i) {
          const Occurrence& next = pool[i];
          if (next.begin < chosen.back().end) continue;
          if (best == nullptr || (g + 1 < groups.size() && next.end < best->end)) best = &next;
        }
        if (best != nullptr) chosen.push_back(*best);
      }
      if (chosen.size() < groups.size()) continue;
      if (chosen.back().begin > chosen.front().end + within) continue;
      if (!visit(chosen)) return;
    }
    return;
  }
  for (const Range& of : groups) {
    for (uint32_t e = of.begin; e < of.end; ++e) {
      const uint32_t end = pool[e].end;
      chosen.clear();
      bool each = true;
      for (const Range& group : groups) {
        const size_t before = chosen.size();
        for (uint32_t i = group.begin; i < group.end; ++i) {
          if (pool[i].end >= end && pool[i].begin <= end + within) chosen.push_back(pool[i]);
        }
        each = chosen.size() > before;
        if (!each) break;
      }
      if (each && !visit(chosen)) return;
    }
  }
}

bool Matcher::State::HoldsNear(const CompiledCondition& condition) {
  bool holds = false;
  VisitNear(condition, [&](const std::vector<Occurrence>&) {
    holds = true;
    return false;
  });
  return holds;
}

void Matcher::State::ScanRegexes(Condition::RegexOn on) {
  const size_t side = on == Condition::RegexOn::kText ? 0 : 1;
  if (regex_scanned[side]) return;
  regex_scanned[side] = true;
  regex_hits[side].clear();
  const std::string_view text = side == 0 ? out->folded.original() : out->folded.text();
  if (side == 0 && !IsValidUtf8(text)) return;
  const HsDatabase& database = side == 0 ? rules.text_expressions : rules.folded_expressions;
  if (ScanExpressions(database, scratch, text, kExpressionHitsMax, regex_hits[side]) ==
      ScanEnd::kCapped) {
    out->capped = true;
  }
}

bool Matcher::State::HoldsRegex(uint32_t regex) {
  const Condition::RegexOn on = rules.regex_on[regex];
  ScanRegexes(on);
  const std::vector<ExpressionHit>& all = regex_hits[on == Condition::RegexOn::kText ? 0 : 1];
  return std::any_of(all.begin(), all.end(),
                     [&](const ExpressionHit& hit) { return hit.expression == regex; });
}

bool Matcher::State::Holds(const CompiledCondition& condition) {
  const auto holds = [this](const CompiledCondition& child) { return Holds(child); };
  const std::vector<CompiledCondition>& children = condition.children;
  switch (condition.kind) {
    case Condition::Kind::kTerm:
      return !TermRange(condition.index).empty();
    case Condition::Kind::kNear:
      return HoldsNear(condition);
    case Condition::Kind::kRegex:
      return HoldsRegex(condition.index);
    case Condition::Kind::kAny:
      return std::any_of(children.begin(), children.end(), holds);
    case Condition::Kind::kAll:
      return std::all_of(children.begin(), children.end(), holds);
    case Condition::Kind::kNone:
      return std::none_of(children.begin(), children.end(), holds);
  }
  return false;
}

// Gathers what makes a condition hold. REQUIRES: Holds(condition).
void Matcher::State::Collect(const CompiledCondition& condition) {
  switch (condition.kind) {
    case Condition::Kind::kTerm: {
      const Range range = TermRange(condition.index);
      found.insert(found.end(), pool.begin() + range.begin, pool.begin() + range.end);
      break;
    }
    case Condition::Kind::kNear:
      VisitNear(condition, [&](const std::vector<Occurrence>& chosen) {
        found.insert(found.end(), chosen.begin(), chosen.end());
        return true;
      });
      break;
    case Condition::Kind::kRegex:
      found_regexes.push_back(condition.index);
      break;
    case Condition::Kind::kAny:
    case Condition::Kind::kAll:
      for (const CompiledCondition& child : condition.children) {
        if (Holds(child)) Collect(child);
      }
      break;
    case Condition::Kind::kNone:
      break;
  }
}

void Matcher::State::MakeSpans(std::vector<HitSpan>& spans) {
  std::vector<FoundPhrase> phrases;
  for (const Occurrence& occurrence : found) {
    if (occurrence.pattern == kNoPattern) continue;  // numbers and places are no phrases
    phrases.push_back(FoundPhrase{occurrence.folded_begin + 1, occurrence.folded_end - 1,
                                  rules.patterns[occurrence.pattern].written(), occurrence.marks});
  }
  std::vector<FoundRegex> regexes;
  for (const uint32_t regex : found_regexes) {
    const Condition::RegexOn on = rules.regex_on[regex];
    for (const ExpressionHit& hit : regex_hits[on == Condition::RegexOn::kText ? 0 : 1]) {
      if (hit.expression == regex)
        regexes.push_back(FoundRegex{hit.begin, hit.end, rules.regexes[regex], on});
    }
  }
  AppendSpans(out->folded, std::move(phrases), std::move(regexes), spans);
}

Matcher::Matcher(std::shared_ptr<const RuleSet> rules, Literals literals, MatcherMetrics metrics)
    : rules_(std::move(rules)), state_(std::make_unique<State>(rules_->compiled(), metrics)) {
  state_->literals = literals;
  state_->is_named_place = rules_->extra_literals().is_named_place;
}
Matcher::~Matcher() = default;

void Matcher::Match(const ingest::Post& post, MatchResult& out) {
  Fold(post.kind == ingest::PostKind::kDelete ? std::string_view() : post.text, out);
  Scan(out);
  Evaluate(post, out);
}

void Matcher::Fold(std::string_view text, MatchResult& out) {
  out.rules.clear();
  out.literals.clear();
  out.capped = false;
  state_->folder.Fold(text, out.folded);
}

void Matcher::Scan(MatchResult& out) {
  State& state = *state_;
  state.hits.clear();
  state.put_aside_known = false;
  state.habit.reset();
  const RecordArray records{state.rules.literals.data(), sizeof(CompiledRules::Literal)};
  if (state.rules.literal_index.Scan(out.folded.text(), records, kLiteralHitsMax,
                                     state.literal_scratch, state.hits) == ScanEnd::kCapped) {
    out.capped = true;
  }
}

bool Matcher::HasCandidates(const MatchResult& out) {
  State& state = *state_;
  if (!state.rules.always.empty() || state.literals == Literals::kAlways) return true;
  state.PutAside(out.folded);
  for (size_t i = 0; i < state.hits.size(); ++i) {
    if (state.put_aside[i] == 0 && state.rules.literals[state.hits[i].literal].needed) return true;
  }
  return false;
}

void Matcher::Evaluate(const ingest::Post& post, MatchResult& out) {
  State& state = *state_;
  state.out = &out;
  state.NextEpoch();
  state.PutAside(out.folded);
  state.FindCandidates();
  for (const uint32_t rule : state.candidates) EvaluateRule(rule, post, out);
  if (!state.candidates.empty()) state.metrics.evaluated.Add();
  if (out.capped) state.metrics.capped.Add();
  if (state.literals == Literals::kIfMatched && out.rules.empty()) return;
  for (const LiteralHit& hit : state.hits) {
    const CompiledRules::Literal& literal = state.rules.literals[hit.literal];
    const uint32_t last = state.rules.literals[hit.literal + 1].extras_begin;
    for (uint32_t i = literal.extras_begin; i < last; ++i) {
      out.literals.push_back(
          LiteralMatch{state.rules.literal_extras[i], hit.end - literal.bytes + 1, hit.end - 1});
    }
  }
}

void Matcher::EvaluateRule(uint32_t index, const ingest::Post& post, MatchResult& out) {
  using Steady = std::chrono::steady_clock;
  State& state = *state_;
  const Rule& rule = rules_->rules()[index];
  if (!WhereHolds(rule.where, post) || post.kind == ingest::PostKind::kDelete) return;
  const bool timed = state.profiling == Profiling::kTime;
  const Steady::time_point start = timed ? Steady::now() : Steady::time_point();
  if (!state.indexed) state.IndexHits();
  const CompiledCondition& condition = state.rules.conditions[index];
  RuleCost& cost = state.costs[index];
  ++cost.evaluations;
  if (state.Holds(condition)) {
    ++cost.matches;
    state.found.clear();
    state.found_regexes.clear();
    state.Collect(condition);
    RuleMatch& match = out.rules.emplace_back();
    match.rule = &rule;
    state.MakeSpans(match.spans);
  }
  if (timed) {
    cost.nanoseconds += static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(Steady::now() - start).count());
  }
}

void Matcher::SetProfiling(Profiling profiling) { state_->profiling = profiling; }
const std::vector<Matcher::RuleCost>& Matcher::costs() const { return state_->costs; }

}  // namespace keng::filters
