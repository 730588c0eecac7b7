#ifndef KENG_FILTERS_MATCHER_INTERNAL_COMPILED_RULES_H_
#define KENG_FILTERS_MATCHER_INTERNAL_COMPILED_RULES_H_

// What a RuleSet is compiled to: flat arrays of small records that name each other by index. Equal
// phrases share a pattern, equal folded forms a literal, equal term sets and terms are one, so that
// what several rules use is computed once a post.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "filters/matcher/internal/hyperscan.h"
#include "filters/matcher/internal/literal_index.h"
#include "filters/rules/condition.h"
#include "filters/text/phrase.h"

namespace keng::filters {

struct CompiledTerm {
  Term::Kind kind = Term::Kind::kSet;
  uint32_t set = 0;             // kSet
  std::vector<uint32_t> parts;  // terms of the set that have exclusions of their own
  std::vector<uint32_t> except;
  std::vector<uint32_t> not_near;
  int not_near_within = 0;
  auto operator<=>(const CompiledTerm&) const = default;
};

struct CompiledCondition {
  Condition::Kind kind = Condition::Kind::kTerm;
  bool ordered = false;
  int within = 0;
  uint32_t index = 0;  // kTerm: term; kRegex: expression
  std::vector<std::vector<uint32_t>> groups;
  std::vector<CompiledCondition> children;  // the cheap ones first
};

struct PatternUse {
  uint32_t set = 0;
  MarksMode marks = MarksMode::kCompatible;
};

struct CompiledRules {
  // One record a literal and one at the end; the lists of literal i end where those of i + 1 begin.
  // Nearly all hits are looked at here and no further, so a record is one line of the cache.
  struct alignas(64) Literal {
    uint32_t bytes = 0;
    uint32_t rules_begin = 0;     // in literal_rules
    uint32_t patterns_begin = 0;  // in patterns
    uint32_t patterns = 0;
    uint32_t marks_begin = 0;                // in marks
    uint32_t extras_begin = 0;               // in literal_extras
    bool needed = false;                     // by some rule
    MarksMode loosest = MarksMode::kStrict;  // of all uses of its patterns
    // Phrase::marks() of the first pattern, when there is room.
    std::array<char, 38> first_marks = {};
  };
  std::vector<Literal> literals;
  std::vector<uint32_t> literal_rules;   // rules that need one of their literals, this among them
  std::vector<uint32_t> literal_extras;  // the caller's ids
  std::vector<Phrase> patterns;          // by literal
  // Phrase::marks() of the patterns, in their order: a literal's patterns have its length.
  std::string marks;

  // Phrase::marks() of the literal's pattern number `pattern`.
  std::string_view MarksOf(const Literal& literal, uint32_t pattern) const {
    if (pattern == 0 && literal.bytes <= literal.first_marks.size()) {
      return {literal.first_marks.data(), literal.bytes};
    }
    return std::string_view(marks).substr(literal.marks_begin + pattern * literal.bytes,
                                          literal.bytes);
  }
  std::vector<uint32_t> pattern_uses_begin;
  std::vector<PatternUse> pattern_uses;

  uint32_t sets = 0;
  std::vector<CompiledTerm> terms;
  std::vector<CompiledCondition> conditions;  // one a rule
  std::vector<uint32_t> always;               // rules that look at every post

  std::vector<std::string> regexes;
  std::vector<Condition::RegexOn> regex_on;

  LiteralIndex literal_index;
  HsDatabase text_expressions, folded_expressions;
  HsScratch scratch;  // prototype, cloned for each thread
};

}  // namespace keng::filters

#endif  // KENG_FILTERS_MATCHER_INTERNAL_COMPILED_RULES_H_
