#include <algorithm>
#include <istream>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_text.h"
#include "base/strings.h"
#include "filters/matcher/matcher.h"
#include "filters/matcher/reference_matcher.h"
#include "filters/rules/internal/command_rules.h"
#include "filters/rules/rule_commands.h"

namespace keng::filters {

namespace {

using Aside = TracedOccurrence::Aside;

std::string Quoted(std::string_view text) {
  std::string out;
  base::AppendJsonString(text, out);
  return out;
}

std::string_view KindName(Condition::Kind kind) {
  switch (kind) {
    case Condition::Kind::kTerm:
      return "phrase";
    case Condition::Kind::kNear:
      return "near";
    case Condition::Kind::kRegex:
      return "regex";
    case Condition::Kind::kAny:
      return "any";
    case Condition::Kind::kAll:
      return "all";
    case Condition::Kind::kNone:
      return "none";
  }
  return "";
}

std::string TermName(const Term& term) {
  if (term.kind == Term::Kind::kNumber) return "a number";
  if (term.kind == Term::Kind::kPlace) return "a named place";
  if (!term.list.empty()) return base::StrCat("list ", term.list);
  std::string name;
  for (const PhraseText& phrase : term.set->phrases) {
    base::StrAppend(&name, name.empty() ? "\"" : " or \"", phrase.text, "\"");
    if (name.size() > 60) return base::StrCat(name, " ...");
  }
  return name;
}

std::string ConditionName(const Condition& condition) {
  switch (condition.kind) {
    case Condition::Kind::kTerm:
      return TermName(condition.term);
    case Condition::Kind::kNear: {
      std::string name = base::StrCat("within ", condition.within, " syllables",
                                      condition.ordered ? ", in this order: " : ": ");
      for (size_t i = 0; i < condition.groups.size(); ++i) {
        base::StrAppend(&name, i == 0 ? "(" : " and (");
        for (size_t k = 0; k < condition.groups[i].size(); ++k)
          base::StrAppend(&name, k == 0 ? "" : " or ", TermName(condition.groups[i][k]));
        base::StrAppend(&name, ")");
      }
      return name;
    }
    case Condition::Kind::kRegex:
      return base::StrCat("regex ", condition.regex);
    case Condition::Kind::kAny:
      return "at least one of these";
    case Condition::Kind::kAll:
      return "each of these";
    case Condition::Kind::kNone:
      return "none of these";
  }
  return "";
}

// Speaks of one text.
class Explainer {
 public:
  Explainer(std::string_view text, const ReferenceMatcher& matcher, std::ostream& out)
      : text_(text), matcher_(matcher), out_(out) {}

  void Words(const ConditionTrace& trace, int depth) {
    const std::string indent(static_cast<size_t>(depth) * 2, ' ');
    out_ << indent << (trace.holds ? "[x] " : "[ ] ") << ConditionName(*trace.condition) << "\n";
    if (trace.condition->kind == Condition::Kind::kNear && !trace.holds)
      out_ << indent << "      occurrences of each group: " << trace.found_groups << "\n";
    for (const TracedOccurrence& occurrence : trace.counted)
      out_ << indent << "      found " << Sentence(trace, occurrence) << "\n";
    for (const TracedOccurrence& occurrence : trace.aside)
      out_ << indent << "      does not count: " << Sentence(trace, occurrence) << "\n";
    for (const ConditionTrace& child : trace.children) Words(child, depth + 1);
  }

  void Json(const ConditionTrace& trace) {
    out_ << "{\"kind\":\"" << KindName(trace.condition->kind)
         << "\",\"line\":" << trace.condition->line
         << ",\"holds\":" << (trace.holds ? "true" : "false")
         << ",\"condition\":" << Quoted(ConditionName(*trace.condition));
    if (trace.condition->kind == Condition::Kind::kNear)
      out_ << ",\"groups\":[" << trace.found_groups << "]";
    JsonOccurrences(trace, "found", trace.counted);
    JsonOccurrences(trace, "aside", trace.aside);
    if (!trace.children.empty()) {
      out_ << ",\"children\":[";
      for (size_t i = 0; i < trace.children.size(); ++i) {
        if (i > 0) out_ << ",";
        Json(trace.children[i]);
      }
      out_ << "]";
    }
    out_ << "}";
  }

  // The first reason for which it does not hold, in one line. REQUIRES: !trace.holds.
  std::string WhyNot(const ConditionTrace& trace) const {
    switch (trace.condition->kind) {
      case Condition::Kind::kAll:
        for (const ConditionTrace& child : trace.children) {
          if (!child.holds) return WhyNot(child);
        }
        break;
      case Condition::Kind::kNone:
        for (const ConditionTrace& child : trace.children) {
          if (child.holds) {
            return base::StrCat("excluded by ", ConditionName(*child.condition),
                                child.counted.empty()
                                    ? std::string()
                                    : base::StrCat(": ", Sentence(child, child.counted.front())));
          }
        }
        break;
      case Condition::Kind::kAny:
        // The alternative that came closest says most.
        for (const ConditionTrace& child : trace.children) {
          if (!child.aside.empty()) return WhyNot(child);
        }
        for (const ConditionTrace& child : trace.children) {
          if (Touches(child) || trace.children.size() == 1) return WhyNot(child);
        }
        return "none of its alternatives holds";
      default:
        break;
    }
    if (trace.apart)
      return base::StrCat("each group stands, but not ", ConditionName(*trace.condition));
    if (!trace.aside.empty()) return Sentence(trace, trace.aside.front());
    return base::StrCat("lacks ", ConditionName(*trace.condition));
  }

  // Something of the condition stands in the text, though it may not be enough.
  static bool Touches(const ConditionTrace& trace) {
    if (trace.condition->kind == Condition::Kind::kNone) return false;
    return !trace.counted.empty() || !trace.aside.empty() || trace.apart ||
           std::any_of(trace.children.begin(), trace.children.end(), Touches);
  }

 private:
  Span Bytes(const ConditionTrace& trace, const TracedOccurrence& occurrence) const {
    if (trace.condition->kind == Condition::Kind::kRegex &&
        trace.condition->regex_on == Condition::RegexOn::kText) {
      return Span{occurrence.folded_begin, occurrence.folded_end};
    }
    return matcher_.Original(occurrence);
  }

  std::string Sentence(const ConditionTrace& trace, const TracedOccurrence& occurrence) const {
    const Span span = Bytes(trace, occurrence);
    std::string words = base::StrCat("\"", text_.substr(span.begin, span.end - span.begin), "\"");
    if (trace.condition->kind != Condition::Kind::kRegex && !occurrence.phrase.empty()) {
      base::StrAppend(&words, " for \"", occurrence.phrase, "\", marks ",
                      MarksEvidenceName(occurrence.marks));
    }
    switch (occurrence.aside) {
      case Aside::kCounts:
        break;
      case Aside::kMarks:
        base::StrAppend(&words, occurrence.marks == MarksEvidence::kConflicting ? " (another word)"
                                : occurrence.mode == MarksMode::kStrict
                                    ? " (strict asks for equal)"
                                    : " (another word, in a text typed with marks)");
        break;
      case Aside::kExcept:
        base::StrAppend(&words, ", it is part of \"", occurrence.by, "\"");
        break;
      case Aside::kNotNear:
        base::StrAppend(&words, ", it stands near ",
                        occurrence.by.empty() ? std::string("a number or place")
                                              : base::StrCat("\"", occurrence.by, "\""));
        break;
    }
    return words;
  }

  void JsonOccurrences(const ConditionTrace& trace, std::string_view name,
                       const std::vector<TracedOccurrence>& occurrences) {
    if (occurrences.empty()) return;
    out_ << ",\"" << name << "\":[";
    for (size_t i = 0; i < occurrences.size(); ++i) {
      const TracedOccurrence& occurrence = occurrences[i];
      const Span span = Bytes(trace, occurrence);
      out_ << (i == 0 ? "" : ",") << "{\"begin\":" << span.begin << ",\"end\":" << span.end
           << ",\"phrase\":" << Quoted(occurrence.phrase) << ",\"marks\":\""
           << MarksEvidenceName(occurrence.marks) << "\"";
      static constexpr std::string_view kWhy[] = {"", "marks", "except", "not_near"};
      if (occurrence.aside != Aside::kCounts) {
        out_ << ",\"why\":\"" << kWhy[static_cast<size_t>(occurrence.aside)]
             << "\",\"by\":" << Quoted(occurrence.by);
      }
      out_ << "}";
    }
    out_ << "]";
  }

  const std::string_view text_;
  const ReferenceMatcher& matcher_;
  std::ostream& out_;
};

struct PlaceOutcome {
  bool known = false;  // a gazetteer was given
  bool taken = true;
  Placement placement;
};

PlaceOutcome PlaceOf(const Rule& rule, const ingest::Post& post, const MatchResult& result,
                     const Placing& placing) {
  PlaceOutcome outcome;
  if (!placing.place) return outcome;
  for (const RuleMatch& match : result.rules) {
    if (match.rule != &rule) continue;
    outcome.known = true;
    outcome.placement = placing.place(post, result, match);
    outcome.taken = PlaceNeedHolds(rule.place, outcome.placement.reason);
  }
  return outcome;
}

void WordsOfRule(const RuleTrace& trace, const PlaceOutcome& place, Explainer& explainer,
                 std::ostream& out) {
  const bool hit = trace.holds && place.taken;
  out << "rule " << trace.rule->id << " (" << trace.rule->topic
      << "): " << (hit ? "matches" : "does not match") << "\n";
  if (!trace.where_holds) out << "  its \"where\" does not fit this post\n";
  explainer.Words(trace.when, 1);
  if (place.known) {
    out << "  place: " << RouteReasonName(place.placement.reason);
    if (!place.placement.place.empty()) out << ", " << place.placement.place;
    if (!place.placement.cell.empty()) out << ", cell " << place.placement.cell;
    if (!place.taken) out << "; the rule asks for a known place, so this is no hit";
    out << "\n";
  } else if (trace.holds && trace.rule->place != PlaceNeed::kOptional) {
    out << "  place: not judged (no gazetteer given); the rule asks for one\n";
  }
}

void JsonOfRule(const RuleTrace& trace, const PlaceOutcome& place, Explainer& explainer,
                std::ostream& out) {
  out << "{\"rule\":" << Quoted(trace.rule->id)
      << ",\"matches\":" << (trace.holds && place.taken ? "true" : "false")
      << ",\"where\":" << (trace.where_holds ? "true" : "false");
  if (place.known) {
    out << ",\"place\":{\"reason\":\"" << RouteReasonName(place.placement.reason)
        << "\",\"place\":" << Quoted(place.placement.place)
        << ",\"cell\":" << Quoted(place.placement.cell)
        << ",\"enough\":" << (place.taken ? "true" : "false") << "}";
  }
  out << ",\"why\":";
  explainer.Json(trace.when);
  out << "}\n";
}

}  // namespace

int RulesExplain(const RuleInput& input, const ExplainOptions& options, ReportForm form,
                 std::ostream& out, std::ostream& err) {
  const std::shared_ptr<const RuleSet> rules = LoadForCommand(input, err);
  if (rules == nullptr) return 2;
  const auto wanted = [&](const Rule& rule) {
    return options.rule.empty() || rule.id == options.rule;
  };
  if (std::none_of(rules->rules().begin(), rules->rules().end(), wanted)) {
    err << "no rule ";
    if (!options.rule.empty()) err << "\"" << options.rule << "\" ";
    err << "is on in these files\n";
    return 2;
  }
  ingest::Post post;
  post.id = "text:1";
  post.text = options.text;
  post.account = options.account;
  post.source = options.source;
  post.lang = options.lang;
  Matcher matcher(rules);
  MatchResult result;
  matcher.Match(post, result);
  ReferenceMatcher reference(rules->rules(), rules->extra_literals());
  Explainer explainer(post.text, reference, out);
  bool any = false;
  std::vector<std::string> nearly;
  for (const RuleTrace& trace : reference.Trace(post)) {
    if (!wanted(*trace.rule)) continue;
    const PlaceOutcome place = PlaceOf(*trace.rule, post, result, input.placing);
    const bool hit = trace.holds && place.taken;
    any = any || hit;
    if (form == ReportForm::kJson) {
      JsonOfRule(trace, place, explainer, out);
    } else if (trace.holds || !options.rule.empty()) {
      WordsOfRule(trace, place, explainer, out);
    } else if (Explainer::Touches(trace.when)) {
      nearly.push_back(base::StrCat(
          "rule ", trace.rule->id, ": does not match: ",
          trace.when.holds ? "its \"where\" does not fit" : explainer.WhyNot(trace.when)));
    }
  }
  for (const std::string& line : nearly) out << line << "\n";
  if (form == ReportForm::kWords && !any && options.rule.empty()) {
    out << (nearly.empty() ? "no rule matches; none of their phrases occurs\n"
                           : "no rule matches\n");
  }
  return any ? 0 : 1;
}

}  // namespace keng::filters
