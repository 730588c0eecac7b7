#include "filters/rules/rule_lint.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "absl/strings/ascii.h"
#include "base/strings.h"
#include "filters/text/phrase.h"

namespace keng::filters {

namespace {

constexpr size_t kTestsWanted = 8;

class Linter {
 public:
  explicit Linter(std::vector<RuleWarning>& out) : out_(out) {}

  void Lint(const Rule& rule) {
    rule_ = &rule;
    by_literal_.clear();
    said_.clear();
    LintKeywords();
    LintCondition(rule.when);
    LintCollisions();
    LintStretched(rule.when);
    LintTests();
  }

 private:
  void Advise(const std::string& text) {
    out_.push_back(RuleWarning{RuleWarning::Weight::kAdvice,
                               base::StrCat(rule_->file, ":", rule_->line, ":", rule_->column,
                                            ": rule ", rule_->id, ": ", text)});
  }

  // A phrase anywhere in the text is enough, and nothing can unmake it.
  void LintKeywords() {
    const std::vector<Condition>& parts = rule_->when.children;
    if (parts.size() != 1 || parts.front().kind != Condition::Kind::kAny) return;
    const bool bare = std::all_of(parts.front().children.begin(), parts.front().children.end(),
                                  [](const Condition& child) {
                                    return child.kind == Condition::Kind::kTerm &&
                                           child.term.except.empty() && child.term.not_near.empty();
                                  });
    if (bare) {
      Advise(
          "is a list of keywords: nearly all that it rings for will be noise; ask for context "
          "(near, all) or put figures of speech aside (except, not_near, none)");
    }
  }

  void LintCondition(const Condition& condition) {
    if (condition.kind == Condition::Kind::kTerm) LintTerm(condition.term, Stands::kAlone);
    for (const std::vector<Term>& group : condition.groups) {
      for (const Term& term : group) LintTerm(term, Stands::kInNear);
    }
    for (const Condition& child : condition.children) {
      if (condition.kind != Condition::Kind::kNone) LintCondition(child);
    }
  }

  enum class Stands { kAlone, kInNear };

  void LintTerm(const Term& term, Stands stands) {
    if (term.set == nullptr) return;
    for (const PhraseText& phrase : term.set->phrases) LintPhrase(phrase, term, stands);
    for (const Term& part : term.set->parts) LintTerm(part, stands);
    if (term.list.empty()) LintExcept(term);
  }

  void LintPhrase(const PhraseText& text, const Term& term, Stands stands) {
    const auto phrase = Phrase::Parse(text.text);
    if (!phrase.ok()) return;
    by_literal_[phrase->literal()].insert(text.text);
    const bool excluded = !term.except.empty() || !term.not_near.empty();
    if (stands == Stands::kAlone && phrase->syllables() == 1 &&
        text.marks == MarksMode::kCompatible && !excluded && said_.insert(text.text).second) {
      Advise(base::StrCat("the one-syllable phrase \"", text.text,
                          "\" stands alone; typed without marks it is many words; put it in "
                          "\"near\", or write marks: strict"));
    }
  }

  void LintExcept(const Term& term) {
    if (term.set->phrases.size() != 1) return;
    const auto phrase = Phrase::Parse(term.set->phrases.front().text);
    if (!phrase.ok()) return;
    for (const Term& except : term.except) {
      if (except.set == nullptr || !except.list.empty()) continue;
      for (const PhraseText& longer : except.set->phrases) {
        const auto parsed = Phrase::Parse(longer.text);
        if (parsed.ok() && parsed->literal().find(phrase->literal()) == std::string::npos) {
          Advise(base::StrCat("except \"", longer.text, "\" does not contain \"", phrase->written(),
                              "\", so that it puts nothing aside"));
        }
      }
    }
  }

  void LintCollisions() {
    for (const auto& [literal, texts] : by_literal_) {
      if (texts.size() < 2) continue;
      std::string listed;
      for (const std::string& text : texts)
        base::StrAppend(&listed, listed.empty() ? "\"" : ", \"", text, "\"");
      Advise(base::StrCat("the phrases ", listed,
                          " are one when typed without marks; is that meant?"));
    }
  }

  // "quaaa" is a stretched "qua", and found wherever that stands. Looks into `none` too.
  void LintStretched(const Condition& condition) {
    if (condition.kind == Condition::Kind::kTerm) LintStretched(condition.term);
    for (const std::vector<Term>& group : condition.groups) {
      for (const Term& term : group) LintStretched(term);
    }
    for (const Condition& child : condition.children) LintStretched(child);
  }

  void LintStretched(const Term& term) {
    if (term.set != nullptr) {
      for (const PhraseText& text : term.set->phrases) LintStretched(text.text);
      for (const Term& part : term.set->parts) LintStretched(part);
    }
    for (const Term& other : term.except) LintStretched(other);
    for (const Term& other : term.not_near) LintStretched(other);
  }

  void LintStretched(const std::string& text) {
    const auto phrase = Phrase::Parse(text);
    if (!phrase.ok() || !IsStretched(text) || IsStretched(phrase->literal())) return;
    if (!said_.insert(text).second) return;
    Advise(base::StrCat("\"", text, "\" is a stretched word and found as \"",
                        absl::StripAsciiWhitespace(base::ToAbsl(phrase->literal())),
                        "\" wherever that stands; write a regex"));
  }

  // The same letter three times in a row.
  static bool IsStretched(std::string_view text) {
    for (size_t i = 2; i < text.size(); ++i) {
      if (absl::ascii_isalpha(static_cast<unsigned char>(text[i])) && text[i] == text[i - 1] &&
          text[i] == text[i - 2]) {
        return true;
      }
    }
    return false;
  }

  void LintTests() {
    const size_t tests = rule_->tests.size();
    const size_t misses = static_cast<size_t>(std::count_if(
        rule_->tests.begin(), rule_->tests.end(),
        [](const RuleTest& test) { return test.expect == RuleTest::Expect::kNoMatch; }));
    if (tests < kTestsWanted) {
      Advise(base::StrCat("has ", tests, " tests; write ", kTestsWanted, ", half near misses"));
    } else if (misses * 2 < tests) {
      Advise(base::StrCat("has ", misses, " near misses among ", tests, " tests; write half"));
    }
  }

  std::vector<RuleWarning>& out_;
  const Rule* rule_ = nullptr;
  std::map<std::string, std::set<std::string>> by_literal_;
  std::set<std::string> said_;
};

}  // namespace

std::vector<RuleWarning> LintRules(const RuleSet& rules) {
  std::vector<RuleWarning> advice;
  Linter linter(advice);
  for (const Rule& rule : rules.rules()) linter.Lint(rule);
  return advice;
}

}  // namespace keng::filters
