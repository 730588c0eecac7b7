#ifndef KENG_FILTERS_RULES_CONDITION_H_
#define KENG_FILTERS_RULES_CONDITION_H_

// What stands in a rule's `any`, `all` and `none`, as its author wrote it (docs/rules.md). This
// tree is the definition that both matchers follow: the slow one
// (filters/matcher/reference_matcher.h) walks it, the fast one (filters/matcher/rule_set.h)
// compiles it. Values, immutable after loading.
//
// Words used below. An *occurrence* is a stretch of whole syllables [begin, end) of the folded
// text. A *term* names a set of occurrences. Occurrences are ordered by (begin, end); a term has at
// most kOccurrencesMax of them in one text, the first ones.
//
//   I1  A phrase occurs where the syllables of its folded form stand and the marks fit its mode.
//   I2  An occurrence counts for a term unless it lies inside an occurrence of one of its `except`
//       terms, or one of its `not_near` terms occurs with at most `not_near_within` syllables
//       between (or overlapping it).
//   I3  A near condition holds when there is one occurrence of each group so that
//       max(begin) - min(end) <= within; if ordered, each begins at or after the end of the one
//       before it.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace keng::filters {

inline constexpr size_t kOccurrencesMax = 256;

// Which occurrences of a phrase count, by their evidence (filters/text/fold.h).
enum class MarksMode : uint8_t {
  kCompatible,  // all but conflicting
  kConsistent,  // equal; what is compatible too where the writer leaves marks out: in a text that
                // is typed without them (filters/text/marks_habit.h), and from a hashtag on
  kStrict,      // equal
  kIgnore,      // all
};

// One written expression.
struct PhraseText {
  std::string text;  // as the author wrote it
  MarksMode marks = MarksMode::kCompatible;
};

struct Term;

// A union of phrases and of terms with their own exclusions: the expansion of one phrase or one
// list. Shared by all uses of a list.
struct TermSet {
  std::vector<PhraseText> phrases;
  std::vector<Term> parts;
};

// A term set, or a built-in kind of syllable, less what is put aside.
struct Term {
  enum class Kind : uint8_t {
    kSet,
    kNumber,  // a syllable that begins with an ASCII digit
    kPlace,   // a name of the gazetteer
  };
  Kind kind = Kind::kSet;
  std::string list;                    // the list's name; empty for a single phrase
  std::shared_ptr<const TermSet> set;  // kSet
  std::vector<Term> except;
  int not_near_within = 0;
  std::vector<Term> not_near;
};

struct Condition {
  enum class Kind : uint8_t { kTerm, kNear, kRegex, kAny, kAll, kNone };
  enum class RegexOn : uint8_t {
    kText,    // the post's text as it was typed, without regard to case
    kFolded,  // the folded text, one space at both ends
  };

  Kind kind = Kind::kTerm;
  int line = 0;  // where it stood in its file
  int column = 0;

  Term term;  // kTerm

  int within = 0;                         // kNear
  bool ordered = false;                   // kNear
  std::vector<std::vector<Term>> groups;  // kNear: at least two, none empty

  std::string regex;  // kRegex
  RegexOn regex_on = RegexOn::kText;

  std::vector<Condition> children;  // kAny, kAll, kNone: at least one
};

// True when the condition cannot hold for a text without a phrase of it.
bool NeedsPhrase(const Condition& condition);

}  // namespace keng::filters

#endif  // KENG_FILTERS_RULES_CONDITION_H_
