#include "filters/rules/internal/condition_parser.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/strings.h"
#include "filters/rules/internal/enum_words.h"
#include "filters/rules/rule_keys.h"
#include "filters/text/phrase.h"

namespace keng::filters {

namespace {

constexpr int kDepthMax = 16;
constexpr size_t kRegexBytesMax = 500;
constexpr int kWithinMax = 100;
constexpr size_t kGroupsMax = 8;

}  // namespace

bool ListChange::Removes(const base::Yaml& item) const {
  const base::Yaml* phrase = item.is_scalar() ? &item : item.Find("phrase");
  return phrase != nullptr &&
         std::find(remove.begin(), remove.end(), phrase->scalar()) != remove.end();
}

ConditionParser::ConditionParser(const ListScope& scope, LoadBudget& budget)
    : scope_(scope), budget_(budget) {}

absl::Status ConditionParser::Error(const base::Yaml& yaml, std::string_view message) const {
  return yaml.Error(base::StrCat(subject_, ": ", message));
}

std::string ConditionParser::What(std::string_view thing) const {
  return base::StrCat(subject_, ": ", thing);
}

absl::StatusOr<MarksMode> ParseMarksMode(const base::Yaml& yaml, std::string_view what) {
  return ParseWord<MarksMode>(yaml, what,
                              {{"compatible", MarksMode::kCompatible},
                               {"consistent", MarksMode::kConsistent},
                               {"strict", MarksMode::kStrict},
                               {"ignore", MarksMode::kIgnore}});
}

absl::StatusOr<MarksMode> ConditionParser::ParseMarks(const base::Yaml& yaml) const {
  return ParseMarksMode(yaml, What("marks"));
}

absl::StatusOr<Condition> ConditionParser::ParseGroup(Condition::Kind kind, const base::Yaml& yaml,
                                                      MarksMode marks) {
  return ParseGroup(kind, yaml, marks, 0);
}

absl::StatusOr<Condition> ConditionParser::ParseGroup(Condition::Kind kind, const base::Yaml& yaml,
                                                      MarksMode marks, int depth) {
  Condition group;
  group.kind = kind;
  group.line = yaml.line();
  group.column = yaml.column();
  if (yaml.is_null() || (yaml.is_sequence() && yaml.items().empty())) {
    const std::string_view name = kind == Condition::Kind::kAny   ? "any"
                                  : kind == Condition::Kind::kAll ? "all"
                                                                  : "none";
    return Error(yaml, base::StrCat("\"", name,
                                    "\" is empty; write at least one phrase or condition, or "
                                    "remove it"));
  }
  if (!yaml.is_sequence()) {  // one condition without the brackets
    KENG_ASSIGN_OR_RETURN(Condition only, ParseCondition(yaml, marks, depth + 1));
    group.children.push_back(std::move(only));
    return group;
  }
  group.children.reserve(yaml.items().size());
  for (const base::Yaml& item : yaml.items()) {
    KENG_ASSIGN_OR_RETURN(Condition child, ParseCondition(item, marks, depth + 1));
    group.children.push_back(std::move(child));
  }
  return group;
}

absl::StatusOr<Condition> ConditionParser::ParseCondition(const base::Yaml& yaml, MarksMode marks,
                                                          int depth) {
  if (depth > kDepthMax) {
    return Error(yaml, base::StrCat("conditions are nested deeper than ", kDepthMax,
                                    "; name parts of them in lists, or split the rule"));
  }
  Condition condition;
  condition.line = yaml.line();
  condition.column = yaml.column();
  if (yaml.is_scalar() || yaml.Find("phrase") || yaml.Find("list") || yaml.Find("number") ||
      yaml.Find("place")) {
    KENG_ASSIGN_OR_RETURN(condition.term, ParseTerm(yaml, marks, Terms::kBuiltins, depth));
    return condition;
  }
  if (!yaml.is_map()) {
    return Error(yaml, base::StrCat("a condition is ", Found(yaml),
                                    "; expected a phrase, or one of {phrase: ...}, {list: ...}, "
                                    "{near: ...}, {number: any}, {place: named}, {regex: ...}, "
                                    "{any: [...]}, {all: [...]}, {none: [...]}"));
  }
  KENG_RETURN_IF_ERROR(yaml.CheckKeys(What("a condition"), KeysOf("condition")));
  if (const base::Yaml* near = yaml.Find("near")) {
    if (yaml.entries().size() > 1)
      return Error(yaml,
                   "\"near\" stands alone in its braces; put what is beside it in an \"all\"");
    condition.kind = Condition::Kind::kNear;
    KENG_RETURN_IF_ERROR(ParseNear(*near, marks, depth, condition));
    return condition;
  }
  if (const base::Yaml* regex = yaml.Find("regex")) {
    if (yaml.entries().size() > 1)
      return Error(yaml,
                   "\"regex\" stands alone in its braces; put what is beside it in an \"all\"");
    condition.kind = Condition::Kind::kRegex;
    KENG_RETURN_IF_ERROR(ParseRegex(*regex, condition));
    return condition;
  }
  condition.kind = Condition::Kind::kAll;
  for (const auto& [key, value] : yaml.entries()) {
    const Condition::Kind kind = key.scalar() == "any"   ? Condition::Kind::kAny
                                 : key.scalar() == "all" ? Condition::Kind::kAll
                                                         : Condition::Kind::kNone;
    KENG_ASSIGN_OR_RETURN(Condition group, ParseGroup(kind, value, marks, depth));
    if (yaml.entries().size() == 1) return group;
    condition.children.push_back(std::move(group));
  }
  if (condition.children.empty()) return Error(yaml, "an empty condition; remove it");
  return condition;
}

absl::Status ConditionParser::ParseNear(const base::Yaml& yaml, MarksMode marks, int depth,
                                        Condition& condition) {
  KENG_RETURN_IF_ERROR(yaml.CheckKeys(What("near"), KeysOf("near")));
  const base::Yaml* within = yaml.Find("within");
  const base::Yaml* of = yaml.Find("of");
  if (within == nullptr || of == nullptr) {
    return Error(yaml, base::StrCat("near lacks \"", within == nullptr ? "within" : "of",
                                    "\"; expected {near: {within: 6, of: [[...], [...]]}}"));
  }
  KENG_ASSIGN_OR_RETURN(const int64_t syllables, within->Int(What("near: within"), 0, kWithinMax));
  condition.within = static_cast<int>(syllables);
  if (const base::Yaml* ordered = yaml.Find("ordered")) {
    KENG_ASSIGN_OR_RETURN(condition.ordered, ordered->Bool(What("near: ordered")));
  }
  if (!of->is_sequence() || of->items().size() < 2 || of->items().size() > kGroupsMax) {
    const std::string found =
        of->is_sequence() ? base::StrCat(of->items().size(), " groups") : Found(*of);
    return Error(*of, base::StrCat("near: \"of\" is ", found, "; expected 2 to ", kGroupsMax,
                                   " groups: [[phrase, ...], [phrase, ...]]"));
  }
  for (const base::Yaml& group : of->items()) {
    KENG_ASSIGN_OR_RETURN(std::vector<Term> terms,
                          ParseTerms(group, "a group of near", marks, Terms::kBuiltins, depth + 1));
    condition.groups.push_back(std::move(terms));
  }
  return absl::OkStatus();
}

absl::Status ConditionParser::ParseRegex(const base::Yaml& yaml, Condition& condition) {
  const base::Yaml* pattern = &yaml;
  if (yaml.is_map()) {
    KENG_RETURN_IF_ERROR(yaml.CheckKeys(What("regex"), KeysOf("regex")));
    pattern = yaml.Find("pattern");
    if (pattern == nullptr) return Error(yaml, "regex lacks \"pattern\"");
    if (const base::Yaml* on = yaml.Find("on")) {
      KENG_ASSIGN_OR_RETURN(
          condition.regex_on,
          (ParseWord<Condition::RegexOn>(
              *on, What("regex: on"),
              {{"text", Condition::RegexOn::kText}, {"folded", Condition::RegexOn::kFolded}})));
    }
  }
  KENG_ASSIGN_OR_RETURN(condition.regex, pattern->String(What("regex")));
  if (condition.regex.empty() || condition.regex.size() > kRegexBytesMax ||
      condition.regex.find('\0') != std::string::npos) {
    return Error(*pattern,
                 base::StrCat("a regex has ", condition.regex.size(), " bytes; expected 1 to ",
                              kRegexBytesMax, " without a NUL"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Term> ConditionParser::ParseTerm(const base::Yaml& yaml, MarksMode marks,
                                                Terms allowed, int depth) {
  KENG_RETURN_IF_ERROR(CountTerms(yaml, depth, 0, 1));
  Term term;
  if (yaml.is_scalar()) {
    KENG_ASSIGN_OR_RETURN(term.set, PhraseSet(yaml, marks));
    return term;
  }
  const base::Yaml* phrase = yaml.Find("phrase");
  const base::Yaml* list = yaml.Find("list");
  const base::Yaml* number = yaml.Find("number");
  const base::Yaml* place = yaml.Find("place");
  const int kinds =
      (phrase != nullptr) + (list != nullptr) + (number != nullptr) + (place != nullptr);
  if (kinds != 1) {
    return Error(yaml, allowed == Terms::kBuiltins
                           ? base::StrCat("found ", Found(yaml),
                                          "; expected a phrase, or exactly one of {phrase: ...}, "
                                          "{list: ...}, {number: any}, {place: named}")
                           : base::StrCat("found ", Found(yaml),
                                          "; expected a phrase, {phrase: ...} or {list: ...}"));
  }
  if (number != nullptr || place != nullptr) {
    const std::string_view kind = number != nullptr ? "number" : "place";
    if (allowed == Terms::kPhrases) {
      return Error(yaml, base::StrCat("{", kind,
                                      ": ...} cannot stand here; expected a phrase or "
                                      "{list: ...}"));
    }
    KENG_RETURN_IF_ERROR(yaml.CheckKeys(What(kind), KeysOf(kind)));
    const base::Yaml& value = number != nullptr ? *number : *place;
    const std::string_view word = number != nullptr ? "any" : "named";
    KENG_ASSIGN_OR_RETURN(
        term.kind, (ParseWord<Term::Kind>(
                       value, What(kind),
                       {{word, number != nullptr ? Term::Kind::kNumber : Term::Kind::kPlace}})));
  } else if (phrase != nullptr) {
    KENG_RETURN_IF_ERROR(yaml.CheckKeys(What("phrase"), KeysOf("phrase")));
    if (const base::Yaml* mode = yaml.Find("marks")) {
      KENG_ASSIGN_OR_RETURN(marks, ParseMarks(*mode));
    }
    KENG_ASSIGN_OR_RETURN(term.set, PhraseSet(*phrase, marks));
  } else {
    KENG_RETURN_IF_ERROR(yaml.CheckKeys(What("list"), KeysOf("list")));
    if (const base::Yaml* mode = yaml.Find("marks")) {
      KENG_ASSIGN_OR_RETURN(marks, ParseMarks(*mode));
    }
    KENG_ASSIGN_OR_RETURN(term.set, ListSet(*list, marks, depth + 1));
    term.list = list->scalar();
  }
  KENG_RETURN_IF_ERROR(ParseExclusions(yaml, marks, depth, term));
  return term;
}

absl::Status ConditionParser::ParseExclusions(const base::Yaml& yaml, MarksMode marks, int depth,
                                              Term& term) {
  if (const base::Yaml* except = yaml.Find("except")) {
    KENG_ASSIGN_OR_RETURN(term.except,
                          ParseTerms(*except, "except", marks, Terms::kPhrases, depth + 1));
  }
  if (const base::Yaml* not_near = yaml.Find("not_near")) {
    KENG_RETURN_IF_ERROR(not_near->CheckKeys(What("not_near"), KeysOf("not_near")));
    const base::Yaml* within = not_near->Find("within");
    const base::Yaml* of = not_near->Find("of");
    if (within == nullptr || of == nullptr) {
      return Error(*not_near, base::StrCat("not_near lacks \"", within == nullptr ? "within" : "of",
                                           "\"; expected {within: 3, of: [phrase, ...]}"));
    }
    KENG_ASSIGN_OR_RETURN(const int64_t syllables,
                          within->Int(What("not_near: within"), 0, kWithinMax));
    term.not_near_within = static_cast<int>(syllables);
    KENG_ASSIGN_OR_RETURN(term.not_near,
                          ParseTerms(*of, "not_near: of", marks, Terms::kBuiltins, depth + 1));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Term>> ConditionParser::ParseTerms(const base::Yaml& yaml,
                                                              std::string_view what,
                                                              MarksMode marks, Terms allowed,
                                                              int depth) {
  std::vector<Term> terms;
  if (!yaml.is_sequence()) {
    if (yaml.is_null())
      return Error(yaml, base::StrCat(what, " is empty; write at least one phrase"));
    KENG_ASSIGN_OR_RETURN(Term only, ParseTerm(yaml, marks, allowed, depth));
    terms.push_back(std::move(only));
    return terms;
  }
  if (yaml.items().empty())
    return Error(yaml, base::StrCat(what, " is empty; write at least one phrase"));
  // Plain phrases of one place share a set; the others stand alone.
  auto plain = std::make_shared<TermSet>();
  for (const base::Yaml& item : yaml.items()) {
    if (item.is_scalar()) {
      KENG_ASSIGN_OR_RETURN(auto set, PhraseSet(item, marks));
      plain->phrases.push_back(set->phrases.front());
      continue;
    }
    KENG_ASSIGN_OR_RETURN(Term term, ParseTerm(item, marks, allowed, depth));
    terms.push_back(std::move(term));
  }
  if (!plain->phrases.empty()) {
    Term term;
    term.set = std::move(plain);
    terms.insert(terms.begin(), std::move(term));
  }
  return terms;
}

absl::StatusOr<std::shared_ptr<const TermSet>> ConditionParser::PhraseSet(const base::Yaml& yaml,
                                                                          MarksMode marks) {
  KENG_ASSIGN_OR_RETURN(std::string text, yaml.String(What("a phrase")));
  if (const absl::Status status = Phrase::Parse(text).status(); !status.ok()) {
    return Error(yaml, base::StrCat("the phrase \"", text, "\" can never match: ", status.message(),
                                    "; write words"));
  }
  if (++budget_.phrases > LoadBudget::kPhrasesMax) {
    return Error(yaml, base::StrCat("more than ", LoadBudget::kPhrasesMax,
                                    " phrases after lists are expanded; split the rule set"));
  }
  auto set = std::make_shared<TermSet>();
  set->phrases.push_back(PhraseText{std::move(text), marks});
  return set;
}

absl::StatusOr<std::shared_ptr<const TermSet>> ConditionParser::ListSet(const base::Yaml& name,
                                                                        MarksMode marks,
                                                                        int depth) {
  KENG_ASSIGN_OR_RETURN(const std::string word, name.String(What("list")));
  const auto list = scope_.lists.find(word);
  if (list == scope_.lists.end()) {
    std::vector<std::string_view> known;
    for (const auto& [other, value] : scope_.lists) known.push_back(other);
    const std::string_view nearest = base::NearestWord(word, known);
    return Error(name,
                 base::StrCat("no list \"", word, "\" in this file or its pack; ",
                              nearest.empty() ? std::string("add it under \"lists:\"")
                                              : base::StrCat("did you mean \"", nearest, "\"?")));
  }
  if (std::find(expanding_.begin(), expanding_.end(), word) != expanding_.end()) {
    return Error(name, base::StrCat("list \"", word, "\" contains itself; remove the circle"));
  }
  if (const auto known = expanded_.find({word, marks}); known != expanded_.end()) {
    const Expanded& expanded = known->second;
    KENG_RETURN_IF_ERROR(CountTerms(name, depth, expanded.height, expanded.terms));
    return expanded.set;
  }
  return ExpandList(word, *list->second, marks, depth);
}

absl::StatusOr<std::shared_ptr<const TermSet>> ConditionParser::ExpandList(std::string_view name,
                                                                           const base::Yaml& yaml,
                                                                           MarksMode marks,
                                                                           int depth) {
  if (!yaml.is_sequence()) {
    return Error(yaml, base::StrCat("list \"", name, "\" is ", Found(yaml),
                                    "; expected a list of phrases: [..., ...]"));
  }
  const auto change = scope_.changes.find(name);
  const int deepest_around = std::exchange(deepest_, depth);
  const int64_t terms_before = budget_.terms;
  auto set = std::make_shared<TermSet>();
  expanding_.push_back(std::string(name));
  absl::Status status;
  for (const base::Yaml& item : yaml.items()) {
    if (change != scope_.changes.end() && change->second.Removes(item)) continue;
    status = AddListItem(item, marks, depth, *set);
    if (!status.ok()) break;
  }
  if (status.ok() && change != scope_.changes.end()) {
    for (const base::Yaml* item : change->second.add) {
      status = AddListItem(*item, marks, depth, *set);
      if (!status.ok()) break;
    }
  }
  expanding_.pop_back();
  KENG_RETURN_IF_ERROR(status);
  if (set->phrases.empty() && set->parts.empty()) {
    return Error(yaml, base::StrCat("list \"", name, "\" is empty; write at least one phrase"));
  }
  expanded_.emplace(std::make_pair(std::string(name), marks),
                    Expanded{set, deepest_ - depth, budget_.terms - terms_before});
  deepest_ = std::max(deepest_, deepest_around);
  return set;
}

// A list is expanded once and walked wherever it stands: what it holds counts at each place, or
// lists that each name another twice would be an endless walk.
absl::Status ConditionParser::CountTerms(const base::Yaml& yaml, int depth, int deeper,
                                         int64_t terms) {
  deepest_ = std::max(deepest_, depth + deeper);
  if (depth + deeper > kDepthMax)
    return Error(yaml, base::StrCat("lists and exclusions are nested deeper than ", kDepthMax));
  budget_.terms += terms;
  if (budget_.terms > LoadBudget::kTermsMax) {
    return Error(yaml, base::StrCat("more than ", LoadBudget::kTermsMax,
                                    " terms after lists are expanded; split the rule set"));
  }
  return absl::OkStatus();
}

absl::Status ConditionParser::AddListItem(const base::Yaml& item, MarksMode marks, int depth,
                                          TermSet& set) {
  if (item.is_scalar()) {
    KENG_ASSIGN_OR_RETURN(auto phrase, PhraseSet(item, marks));
    set.phrases.push_back(phrase->phrases.front());
    return absl::OkStatus();
  }
  KENG_ASSIGN_OR_RETURN(Term term, ParseTerm(item, marks, Terms::kPhrases, depth + 1));
  set.parts.push_back(std::move(term));
  return absl::OkStatus();
}

absl::Status ConditionParser::CheckList(std::string_view name, const base::Yaml& yaml) {
  if (expanded_.contains({std::string(name), MarksMode::kCompatible})) return absl::OkStatus();
  return ExpandList(name, yaml, MarksMode::kCompatible, 0).status();
}

bool NeedsPhrase(const Term& term) {
  if (term.kind != Term::Kind::kSet) return false;
  return std::all_of(term.set->parts.begin(), term.set->parts.end(),
                     [](const Term& part) { return NeedsPhrase(part); });
}

bool NeedsPhrase(const Condition& condition) {
  const auto needs = [](const Condition& child) { return NeedsPhrase(child); };
  switch (condition.kind) {
    case Condition::Kind::kTerm:
      return NeedsPhrase(condition.term);
    case Condition::Kind::kNear:
      return std::any_of(condition.groups.begin(), condition.groups.end(),
                         [](const std::vector<Term>& group) {
                           return std::all_of(group.begin(), group.end(),
                                              [](const Term& term) { return NeedsPhrase(term); });
                         });
    case Condition::Kind::kAny:
      return std::all_of(condition.children.begin(), condition.children.end(), needs);
    case Condition::Kind::kAll:
      return std::any_of(condition.children.begin(), condition.children.end(), needs);
    case Condition::Kind::kRegex:
    case Condition::Kind::kNone:
      return false;
  }
  return false;
}

}  // namespace keng::filters
