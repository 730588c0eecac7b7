#include "filters/matcher/rule_set.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "base/check.h"
#include "base/strings.h"
#include "filters/matcher/internal/compiled_rules.h"

namespace keng::filters {

namespace {

// The literals of which at least one must occur for a condition to hold, and how many posts that is
// likely to let through. `exists` is false when there is no such set.
struct Trigger {
  bool exists = false;
  double cost = 0;
  std::vector<uint32_t> literals;
};

// A rough share of posts that contain a literal: short ones are common. Only the order matters.
double LikelyShare(uint32_t syllables) {
  return 0.03 * std::pow(0.05, static_cast<double>(std::min(syllables, 5u)) - 1);
}

class Compiler {
 public:
  absl::StatusOr<std::unique_ptr<CompiledRules>> Compile(const RuleFiles& files,
                                                         const ExtraLiterals& extras) {
    std::vector<Trigger> triggers;
    for (const Rule& rule : files.rules) {
      rule_ = &rule;
      KENG_ASSIGN_OR_RETURN(CompiledCondition condition, AddCondition(rule.when));
      rules_->conditions.push_back(std::move(condition));
      triggers.push_back(TriggerOf(rules_->conditions.back()));
    }
    AddTriggers(files, std::move(triggers));
    AddExtras(extras);
    Flatten();
    KENG_RETURN_IF_ERROR(BuildDatabases());
    return std::move(rules_);
  }

 private:
  // Everything that belongs to one folded literal until it is flattened.
  struct LiteralDraft {
    uint32_t syllables = 0;
    std::vector<uint32_t> rules, patterns, extras;
  };
  struct PatternDraft {
    Phrase phrase;
    std::vector<PatternUse> uses;
  };

  uint32_t LiteralId(const std::string& folded) {
    const auto [found, is_new] =
        literal_ids_.emplace(folded, static_cast<uint32_t>(literals_.size()));
    if (is_new) {
      texts_.push_back(folded);
      literals_.emplace_back().syllables =
          static_cast<uint32_t>(std::count(folded.begin(), folded.end(), ' ') - 1);
    }
    return found->second;
  }

  absl::StatusOr<uint32_t> PatternId(const std::string& text) {
    if (const auto known = pattern_ids_.find(text); known != pattern_ids_.end())
      return known->second;
    auto phrase = Phrase::Parse(text);
    if (!phrase.ok()) {
      return absl::InvalidArgumentError(
          base::StrCat(rule_->file, ":", rule_->line, ":", rule_->column, ": rule ", rule_->id,
                       ": the phrase \"", text, "\": ", phrase.status().message()));
    }
    const uint32_t id = static_cast<uint32_t>(patterns_.size());
    const uint32_t literal = LiteralId(phrase->literal());
    literals_[literal].patterns.push_back(id);
    pattern_literals_.push_back(literal);
    patterns_.push_back(PatternDraft{*std::move(phrase), {}});
    pattern_ids_.emplace(text, id);
    return id;
  }

  absl::StatusOr<uint32_t> AddTerm(const Term& term) {
    CompiledTerm compiled;
    compiled.kind = term.kind;
    if (term.kind == Term::Kind::kSet) {
      KENG_ASSIGN_OR_RETURN(compiled.set, AddSet(*term.set));
      for (const Term& part : term.set->parts) {
        KENG_ASSIGN_OR_RETURN(const uint32_t id, AddTerm(part));
        compiled.parts.push_back(id);
      }
    }
    KENG_ASSIGN_OR_RETURN(compiled.except, AddTerms(term.except));
    KENG_ASSIGN_OR_RETURN(compiled.not_near, AddTerms(term.not_near));
    compiled.not_near_within = term.not_near_within;
    return TermId(std::move(compiled));
  }

  absl::StatusOr<std::vector<uint32_t>> AddTerms(const std::vector<Term>& terms) {
    std::vector<uint32_t> ids;
    for (const Term& term : terms) {
      KENG_ASSIGN_OR_RETURN(const uint32_t id, AddTerm(term));
      ids.push_back(id);
    }
    return ids;
  }

  using Uses = std::vector<std::pair<uint32_t, MarksMode>>;

  // Only the phrases of the set; its parts belong to the term.
  absl::StatusOr<uint32_t> AddSet(const TermSet& set) {
    if (const auto known = set_of_.find(&set); known != set_of_.end()) return known->second;
    Uses uses;
    KENG_RETURN_IF_ERROR(AppendUses(set, uses));
    const uint32_t id = SetId(std::move(uses));
    set_of_.emplace(&set, id);
    return id;
  }

  absl::Status AppendUses(const TermSet& set, Uses& uses) {
    for (const PhraseText& phrase : set.phrases) {
      KENG_ASSIGN_OR_RETURN(const uint32_t pattern, PatternId(phrase.text));
      uses.emplace_back(pattern, phrase.marks);
    }
    return absl::OkStatus();
  }

  uint32_t SetId(Uses uses) {
    std::sort(uses.begin(), uses.end());
    uses.erase(std::unique(uses.begin(), uses.end()), uses.end());
    const auto [found, is_new] = set_ids_.emplace(uses, rules_->sets);
    if (is_new) {
      const uint32_t id = rules_->sets++;
      set_literals_.emplace_back();
      for (const auto& [pattern, marks] : uses) {
        patterns_[pattern].uses.push_back(PatternUse{id, marks});
        set_literals_[id].push_back(pattern_literals_[pattern]);
      }
    }
    return found->second;
  }

  uint32_t TermId(CompiledTerm term) {
    const auto [found, is_new] =
        term_ids_.emplace(std::move(term), static_cast<uint32_t>(rules_->terms.size()));
    if (is_new) rules_->terms.push_back(found->first);
    return found->second;
  }

  static bool IsPlain(const Condition& condition) {
    const Term& term = condition.term;
    return condition.kind == Condition::Kind::kTerm && term.kind == Term::Kind::kSet &&
           term.set->parts.empty() && term.except.empty() && term.not_near.empty();
  }

  // The plain phrases and lists under `any` and `none` become one term, so that a thousand of them
  // cost as much as one. (Each alone may have kOccurrencesMax occurrences and the term has that
  // many in all; truth and the first kSpansMax spans are the same.)
  absl::Status AddAlternatives(const std::vector<Condition>& children,
                               std::vector<CompiledCondition>& out) {
    Uses uses;
    for (const Condition& child : children) {
      if (IsPlain(child)) {
        KENG_RETURN_IF_ERROR(AppendUses(*child.term.set, uses));
      } else {
        KENG_ASSIGN_OR_RETURN(CompiledCondition built, AddCondition(child));
        out.push_back(std::move(built));
      }
    }
    if (uses.empty()) return absl::OkStatus();
    CompiledTerm term;
    term.set = SetId(std::move(uses));
    CompiledCondition merged;
    merged.index = TermId(std::move(term));
    out.push_back(std::move(merged));
    return absl::OkStatus();
  }

  absl::StatusOr<CompiledCondition> AddCondition(const Condition& condition) {
    CompiledCondition compiled;
    compiled.kind = condition.kind;
    compiled.within = condition.within;
    compiled.ordered = condition.ordered;
    switch (condition.kind) {
      case Condition::Kind::kTerm: {
        KENG_ASSIGN_OR_RETURN(compiled.index, AddTerm(condition.term));
        break;
      }
      case Condition::Kind::kNear:
        for (const std::vector<Term>& group : condition.groups) {
          KENG_ASSIGN_OR_RETURN(std::vector<uint32_t> ids, AddTerms(group));
          compiled.groups.push_back(std::move(ids));
        }
        break;
      case Condition::Kind::kRegex: {
        KENG_ASSIGN_OR_RETURN(compiled.index, AddRegex(condition));
        break;
      }
      case Condition::Kind::kAny:
      case Condition::Kind::kAll:
      case Condition::Kind::kNone:
        if (condition.kind == Condition::Kind::kAll) {
          for (const Condition& child : condition.children) {
            KENG_ASSIGN_OR_RETURN(CompiledCondition built, AddCondition(child));
            compiled.children.push_back(std::move(built));
          }
        } else {
          KENG_RETURN_IF_ERROR(AddAlternatives(condition.children, compiled.children));
        }
        // Expressions cost a scan: last, where the others may have decided already.
        std::stable_partition(compiled.children.begin(), compiled.children.end(),
                              [](const CompiledCondition& child) { return !HasRegex(child); });
        break;
    }
    return compiled;
  }

  static bool HasRegex(const CompiledCondition& condition) {
    return condition.kind == Condition::Kind::kRegex ||
           std::any_of(condition.children.begin(), condition.children.end(), HasRegex);
  }

  absl::StatusOr<uint32_t> AddRegex(const Condition& condition) {
    const auto key = std::make_pair(condition.regex, condition.regex_on);
    if (const auto known = regex_ids_.find(key); known != regex_ids_.end()) return known->second;
    const absl::Status status =
        CheckExpression(HsExpression{condition.regex, FormOf(condition.regex_on)});
    if (!status.ok()) {
      return absl::InvalidArgumentError(base::StrCat(
          rule_->file, ":", condition.line, ":", condition.column, ": rule ", rule_->id,
          ": the regex \"", condition.regex, "\" cannot be used: ", status.message(),
          "; write a simpler one (no look-around, no back-references), or phrases"));
    }
    const uint32_t id = static_cast<uint32_t>(rules_->regexes.size());
    rules_->regexes.push_back(condition.regex);
    rules_->regex_on.push_back(condition.regex_on);
    regex_ids_.emplace(key, id);
    return id;
  }

  static HsExpression::Form FormOf(Condition::RegexOn on) {
    return on == Condition::RegexOn::kText ? HsExpression::Form::kUtf8Caseless
                                           : HsExpression::Form::kAscii;
  }

  // --- what must occur ---

  void Join(const Trigger& from, Trigger& into) const {
    into.cost += from.cost;
    into.literals.insert(into.literals.end(), from.literals.begin(), from.literals.end());
  }

  Trigger TriggerOfTerm(uint32_t id) const {
    const CompiledTerm& term = rules_->terms[id];
    Trigger trigger;
    if (term.kind != Term::Kind::kSet) return trigger;
    trigger.exists = true;
    for (const uint32_t literal : set_literals_[term.set]) {
      trigger.literals.push_back(literal);
      trigger.cost += LikelyShare(literals_[literal].syllables);
    }
    for (const uint32_t part : term.parts) {
      const Trigger inner = TriggerOfTerm(part);
      if (!inner.exists) return {};
      Join(inner, trigger);
    }
    return trigger;
  }

  static void TakeCheaper(Trigger candidate, Trigger& best) {
    if (candidate.exists && (!best.exists || candidate.cost < best.cost))
      best = std::move(candidate);
  }

  Trigger TriggerOf(const CompiledCondition& condition) const {
    Trigger trigger;
    switch (condition.kind) {
      case Condition::Kind::kTerm:
        return TriggerOfTerm(condition.index);
      case Condition::Kind::kNear:
        for (const std::vector<uint32_t>& group : condition.groups) {
          Trigger of_group;
          of_group.exists = true;
          for (const uint32_t term : group) {
            const Trigger inner = TriggerOfTerm(term);
            of_group.exists = of_group.exists && inner.exists;
            Join(inner, of_group);
          }
          TakeCheaper(std::move(of_group), trigger);
        }
        return trigger;
      case Condition::Kind::kAny:
        trigger.exists = true;
        for (const CompiledCondition& child : condition.children) {
          const Trigger inner = TriggerOf(child);
          if (!inner.exists) return {};
          Join(inner, trigger);
        }
        return trigger;
      case Condition::Kind::kAll:
        for (const CompiledCondition& child : condition.children)
          TakeCheaper(TriggerOf(child), trigger);
        return trigger;
      case Condition::Kind::kRegex:
      case Condition::Kind::kNone:
        return {};
    }
    return {};
  }

  void AddTriggers(const RuleFiles& files, std::vector<Trigger> triggers) {
    for (size_t i = 0; i < triggers.size(); ++i) {
      const uint32_t rule = static_cast<uint32_t>(i);
      if (!triggers[i].exists) {
        KENG_CHECK(files.rules[i].scan == ScanPolicy::kAlways, "rule ", files.rules[i].id);
        rules_->always.push_back(rule);
        continue;
      }
      std::vector<uint32_t>& needed = triggers[i].literals;
      std::sort(needed.begin(), needed.end());
      needed.erase(std::unique(needed.begin(), needed.end()), needed.end());
      for (const uint32_t literal : needed) literals_[literal].rules.push_back(rule);
    }
  }

  void AddExtras(const ExtraLiterals& extras) {
    for (size_t i = 0; i < extras.folded.size(); ++i) {
      if (extras.folded[i].size() < 3) continue;
      literals_[LiteralId(extras.folded[i])].extras.push_back(static_cast<uint32_t>(i));
    }
  }

  void Flatten() {
    CompiledRules& out = *rules_;
    const auto record = [&](size_t bytes) -> CompiledRules::Literal& {
      out.literals.push_back({.bytes = static_cast<uint32_t>(bytes),
                              .rules_begin = static_cast<uint32_t>(out.literal_rules.size()),
                              .patterns_begin = static_cast<uint32_t>(out.patterns.size()),
                              .marks_begin = static_cast<uint32_t>(out.marks.size()),
                              .extras_begin = static_cast<uint32_t>(out.literal_extras.size())});
      return out.literals.back();
    };
    const auto loosest = [&](const std::vector<uint32_t>& patterns) {
      constexpr MarksMode kFromLoosest[] = {MarksMode::kIgnore, MarksMode::kCompatible,
                                            MarksMode::kConsistent};
      for (const MarksMode mode : kFromLoosest) {
        for (const uint32_t pattern : patterns) {
          const auto& uses = patterns_[pattern].uses;
          if (std::any_of(uses.begin(), uses.end(),
                          [mode](const PatternUse& use) { return use.marks == mode; })) {
            return mode;
          }
        }
      }
      return MarksMode::kStrict;
    };
    for (size_t i = 0; i < literals_.size(); ++i) {
      const LiteralDraft& draft = literals_[i];
      CompiledRules::Literal& literal = record(texts_[i].size());
      literal.patterns = static_cast<uint32_t>(draft.patterns.size());
      literal.needed = !draft.rules.empty();
      literal.loosest = loosest(draft.patterns);
      out.literal_rules.insert(out.literal_rules.end(), draft.rules.begin(), draft.rules.end());
      out.literal_extras.insert(out.literal_extras.end(), draft.extras.begin(), draft.extras.end());
      // Patterns of one literal stand in order of their writing: where occurrences are equal but
      // for that, the order is the same in every rule set.
      std::vector<uint32_t> ordered = draft.patterns;
      std::sort(ordered.begin(), ordered.end(), [&](uint32_t a, uint32_t b) {
        return patterns_[a].phrase.written() < patterns_[b].phrase.written();
      });
      for (const uint32_t pattern : ordered) {
        out.pattern_uses_begin.push_back(static_cast<uint32_t>(out.pattern_uses.size()));
        const auto& uses = patterns_[pattern].uses;
        out.pattern_uses.insert(out.pattern_uses.end(), uses.begin(), uses.end());
        const std::string& marks = patterns_[pattern].phrase.marks();
        if (pattern == ordered.front() && marks.size() <= literal.first_marks.size()) {
          std::copy(marks.begin(), marks.end(), literal.first_marks.begin());
        }
        out.marks.append(marks);
        out.patterns.push_back(std::move(patterns_[pattern].phrase));
      }
    }
    record(0);
    out.pattern_uses_begin.push_back(static_cast<uint32_t>(out.pattern_uses.size()));
  }

  absl::Status BuildDatabases() {
    CompiledRules& out = *rules_;
    out.literal_index = LiteralIndex(texts_);
    std::vector<HsExpression> expressions[2];
    std::vector<uint32_t> ids[2];
    for (uint32_t i = 0; i < out.regexes.size(); ++i) {
      const size_t side = out.regex_on[i] == Condition::RegexOn::kText ? 0 : 1;
      expressions[side].push_back(HsExpression{out.regexes[i], FormOf(out.regex_on[i])});
      ids[side].push_back(i);
    }
    KENG_ASSIGN_OR_RETURN(out.text_expressions, CompileExpressions(expressions[0], ids[0]));
    KENG_ASSIGN_OR_RETURN(out.folded_expressions, CompileExpressions(expressions[1], ids[1]));
    KENG_RETURN_IF_ERROR(out.scratch.Fit(out.text_expressions));
    return out.scratch.Fit(out.folded_expressions);
  }

  std::unique_ptr<CompiledRules> rules_ = std::make_unique<CompiledRules>();
  const Rule* rule_ = nullptr;  // whose conditions are compiled, for errors
  absl::flat_hash_map<std::string, uint32_t> literal_ids_;
  absl::flat_hash_map<std::string, uint32_t> pattern_ids_;
  std::vector<std::string> texts_;
  std::vector<LiteralDraft> literals_;
  std::vector<PatternDraft> patterns_;
  std::vector<uint32_t> pattern_literals_;
  std::vector<std::vector<uint32_t>> set_literals_;
  absl::flat_hash_map<const TermSet*, uint32_t> set_of_;
  std::map<Uses, uint32_t> set_ids_;
  std::map<CompiledTerm, uint32_t> term_ids_;
  std::map<std::pair<std::string, Condition::RegexOn>, uint32_t> regex_ids_;
};

}  // namespace

RuleSet::RuleSet() = default;
RuleSet::~RuleSet() = default;

absl::StatusOr<std::shared_ptr<const RuleSet>> RuleSet::Compile(RuleFiles files,
                                                                ExtraLiterals literals) {
  std::shared_ptr<RuleSet> set(new RuleSet());
  KENG_ASSIGN_OR_RETURN(set->compiled_, Compiler().Compile(files, literals));
  set->files_ = std::move(files);
  set->literals_ = std::move(literals);
  return set;
}

size_t RuleSet::literals() const { return compiled_->literals.size() - 1; }
size_t RuleSet::patterns() const { return compiled_->patterns.size(); }

}  // namespace keng::filters
