#ifndef KENG_FILTERS_RULES_INTERNAL_CONDITION_PARSER_H_
#define KENG_FILTERS_RULES_INTERNAL_CONDITION_PARSER_H_

// Turns the YAML of conditions, terms and lists into the tree of condition.h. One parser serves one
// file: its lists, then the pack's. Belongs to one thread.

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/yaml.h"
#include "filters/rules/condition.h"

namespace keng::filters {

// What overrides change in one list.
struct ListChange {
  std::vector<const base::Yaml*> add;
  std::vector<std::string> remove;  // phrases as written

  // True for an item of the list, alone or as {phrase: ...}, that is to go.
  bool Removes(const base::Yaml& item) const;
};

// The lists that conditions of one file may name. The Yaml values are borrowed.
struct ListScope {
  std::map<std::string, const base::Yaml*, std::less<>> lists;
  std::map<std::string, ListChange, std::less<>> changes;
};

// Counts what a load has expanded, over all files.
struct LoadBudget {
  static constexpr int64_t kPhrasesMax = 2'000'000;
  static constexpr int64_t kTermsMax = 2'000'000;
  int64_t phrases = 0;  // each list's once a file and mode of marks
  int64_t terms = 0;    // those inside a list again at each use of the list, as they are walked
};

// One of compatible, consistent, strict and ignore; `what` names it in the error.
absl::StatusOr<MarksMode> ParseMarksMode(const base::Yaml& yaml, std::string_view what);

class ConditionParser {
 public:
  // The arguments are borrowed and must outlive the parser.
  ConditionParser(const ListScope& scope, LoadBudget& budget);

  // Names the rule (or list) in whose text errors are reported: "rule flood-street".
  void SetSubject(std::string subject) { subject_ = std::move(subject); }

  // The items of `any`, `all` or `none` as one condition of that kind.
  absl::StatusOr<Condition> ParseGroup(Condition::Kind kind, const base::Yaml& yaml,
                                       MarksMode marks);
  // Expands the list once, so that a list that nobody uses is checked too.
  absl::Status CheckList(std::string_view name, const base::Yaml& yaml);

  absl::StatusOr<MarksMode> ParseMarks(const base::Yaml& yaml) const;

 private:
  // What a term may be at its place.
  enum class Terms : uint8_t {
    kPhrases,   // phrases and lists
    kBuiltins,  // number and place, too
  };

  absl::StatusOr<Condition> ParseGroup(Condition::Kind kind, const base::Yaml& yaml,
                                       MarksMode marks, int depth);
  absl::StatusOr<Condition> ParseCondition(const base::Yaml& yaml, MarksMode marks, int depth);
  absl::Status ParseNear(const base::Yaml& yaml, MarksMode marks, int depth, Condition& condition);
  absl::Status ParseRegex(const base::Yaml& yaml, Condition& condition);
  absl::StatusOr<Term> ParseTerm(const base::Yaml& yaml, MarksMode marks, Terms allowed, int depth);
  absl::Status ParseExclusions(const base::Yaml& yaml, MarksMode marks, int depth, Term& term);
  absl::StatusOr<std::vector<Term>> ParseTerms(const base::Yaml& yaml, std::string_view what,
                                               MarksMode marks, Terms allowed, int depth);
  absl::StatusOr<std::shared_ptr<const TermSet>> PhraseSet(const base::Yaml& yaml, MarksMode marks);
  absl::StatusOr<std::shared_ptr<const TermSet>> ListSet(const base::Yaml& name, MarksMode marks,
                                                         int depth);
  absl::StatusOr<std::shared_ptr<const TermSet>> ExpandList(std::string_view name,
                                                            const base::Yaml& yaml, MarksMode marks,
                                                            int depth);
  absl::Status AddListItem(const base::Yaml& item, MarksMode marks, int depth, TermSet& set);

  // Enters the term at `yaml`, and `terms` of a list that was expanded before, `deeper` levels
  // deep.
  absl::Status CountTerms(const base::Yaml& yaml, int depth, int deeper, int64_t terms);

  absl::Status Error(const base::Yaml& yaml, std::string_view message) const;
  // "rule flood-street: severity", for the typed views of Yaml.
  std::string What(std::string_view thing) const;

  const ListScope& scope_;
  LoadBudget& budget_;
  std::string subject_;
  struct Expanded {
    std::shared_ptr<const TermSet> set;
    int height = 0;     // levels below the list's own
    int64_t terms = 0;  // inside it, with those of the lists that it names
  };
  std::map<std::pair<std::string, MarksMode>, Expanded> expanded_;
  std::vector<std::string> expanding_;  // lists inside which we are, to find cycles
  int deepest_ = 0;                     // level reached inside the innermost of them
};

}  // namespace keng::filters

#endif  // KENG_FILTERS_RULES_INTERNAL_CONDITION_PARSER_H_
