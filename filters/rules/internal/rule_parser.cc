#include "filters/rules/internal/rule_parser.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "absl/time/time.h"
#include "base/check.h"
#include "base/strings.h"
#include "filters/rules/internal/enum_words.h"
#include "filters/rules/rule_keys.h"

namespace keng::filters {

namespace {

constexpr size_t kIdBytesMax = 64;
constexpr int kCountMax = 1'000'000;
constexpr size_t kTestTextBytesMax = 64 * 1024;
constexpr absl::Duration kWindowMax = absl::Hours(24 * 366);

bool IsId(std::string_view id) {
  if (id.empty() || id.size() > kIdBytesMax || id.front() == '-' || id.back() == '-') return false;
  return std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

// Parses the entries of one rule; every error names it.
class RuleParser {
 public:
  RuleParser(const base::Yaml& yaml, MarksMode marks, ConditionParser& conditions)
      : yaml_(yaml), conditions_(conditions), marks_(marks) {}

  absl::StatusOr<ParsedRule> Parse(const std::vector<const base::Yaml*>& overrides) {
    if (!yaml_.is_map()) {
      return yaml_.Error(
          base::StrCat("a rule is ", Found(yaml_), "; expected a map that begins with \"- id:\""));
    }
    KENG_RETURN_IF_ERROR(ParseId());
    KENG_RETURN_IF_ERROR(yaml_.CheckKeys(subject_, KeysOf("rule")));
    KENG_RETURN_IF_ERROR(ParseTopic());
    KENG_RETURN_IF_ERROR(ParseTexts());
    KENG_RETURN_IF_ERROR(ParseTuning(yaml_));
    for (const base::Yaml* change : overrides) KENG_RETURN_IF_ERROR(ParseTuning(*change));
    if (const base::Yaml* where = yaml_.Find("where")) KENG_RETURN_IF_ERROR(ParseWhere(*where));
    KENG_RETURN_IF_ERROR(ParseConditions());
    if (const base::Yaml* tests = yaml_.Find("tests")) KENG_RETURN_IF_ERROR(ParseTests(*tests));
    return std::move(parsed_);
  }

 private:
  Rule& rule() { return parsed_.rule; }
  std::string What(std::string_view thing) const { return base::StrCat(subject_, ": ", thing); }
  absl::Status Error(const base::Yaml& yaml, std::string_view message) const {
    return yaml.Error(base::StrCat(subject_, ": ", message));
  }

  absl::Status ParseId() {
    const base::Yaml* id = yaml_.Find("id");
    if (id == nullptr)
      return yaml_.Error("a rule without \"id\"; give it one, such as flood-street");
    if (!IsId(id->scalar())) {
      return id->Error(
          base::StrCat("the rule id is ", Found(*id), "; expected 1 to ", kIdBytesMax,
                       " lower-case letters, digits and dashes, such as flood-street"));
    }
    rule().id = id->scalar();
    rule().line = yaml_.line();
    rule().column = yaml_.column();
    subject_ = base::StrCat("rule ", rule().id);
    conditions_.SetSubject(subject_);
    return absl::OkStatus();
  }

  absl::Status ParseTopic() {
    const base::Yaml* topic = yaml_.Find("topic");
    if (topic == nullptr) return Error(yaml_, "lacks \"topic\", such as topic: flooding");
    std::vector<std::pair<std::string_view, std::string_view>> words;
    for (const std::string_view word : Topics()) words.emplace_back(word, word);
    KENG_ASSIGN_OR_RETURN(const std::string_view word,
                          ParseWord<std::string_view>(*topic, What("topic"), words));
    rule().topic = std::string(word);
    return absl::OkStatus();
  }

  // `{vi: ..., en: ...}` or one Vietnamese text.
  absl::Status ParseBoth(const base::Yaml& yaml, std::string_view map, std::string_view what,
                         std::string& vi, std::string& en) {
    if (yaml.is_scalar()) {
      vi = yaml.scalar();
      return absl::OkStatus();
    }
    for (const auto& [key, value] : yaml.entries()) {
      // {en: Snakes, wasps} is what people write.
      if (value.is_null()) {
        return Error(key, base::StrCat(what, ": \"", key.scalar(),
                                       "\" has no text; a text with a comma inside braces needs "
                                       "quotes"));
      }
    }
    KENG_RETURN_IF_ERROR(yaml.CheckKeys(What(what), KeysOf(map)));
    if (const base::Yaml* text = yaml.Find("vi")) {
      KENG_ASSIGN_OR_RETURN(vi, text->String(What(what)));
    }
    if (const base::Yaml* text = yaml.Find("en")) {
      KENG_ASSIGN_OR_RETURN(en, text->String(What(what)));
    }
    if (vi.empty()) return Error(yaml, base::StrCat(what, " lacks its Vietnamese text (vi)"));
    return absl::OkStatus();
  }

  absl::Status ParseTexts() {
    RuleFacts& facts = rule().facts;
    if (const base::Yaml* title = yaml_.Find("title")) {
      KENG_RETURN_IF_ERROR(ParseBoth(*title, "title", "title", facts.title_vi, facts.title_en));
    } else {
      facts.title_vi = rule().id;
    }
    if (facts.title_en.empty()) facts.title_en = rule().id;
    if (const base::Yaml* note = yaml_.Find("note")) {
      KENG_RETURN_IF_ERROR(note->String(What("note")).status());
    }
    return rule().topic == "rumour" ? ParseRumour() : RefuseRumour();
  }

  absl::Status RefuseRumour() {
    for (const std::string_view key : {"claim", "verdict", "answer"}) {
      if (const base::Yaml* value = yaml_.Find(key)) {
        return Error(*value, base::StrCat("\"", key, "\" is for topic: rumour only; the topic is ",
                                          rule().topic));
      }
    }
    return absl::OkStatus();
  }

  absl::Status ParseRumour() {
    const base::Yaml* claim = yaml_.Find("claim");
    const base::Yaml* verdict = yaml_.Find("verdict");
    const base::Yaml* answer = yaml_.Find("answer");
    if (claim == nullptr || verdict == nullptr || answer == nullptr) {
      const std::string_view missing = claim == nullptr     ? "claim"
                                       : verdict == nullptr ? "verdict"
                                                            : "answer";
      return Error(yaml_, base::StrCat("a rumour lacks \"", missing,
                                       "\"; the alert sends out claim, verdict and answer"));
    }
    RuleFacts& facts = rule().facts;
    KENG_ASSIGN_OR_RETURN(facts.claim, claim->String(What("claim")));
    if (facts.claim.empty()) return Error(*claim, "claim is empty; write what the rumour says");
    KENG_ASSIGN_OR_RETURN(const std::string_view word,
                          ParseWord<std::string_view>(*verdict, What("verdict"),
                                                      {{"false", "false"},
                                                       {"misleading", "misleading"},
                                                       {"unverified", "unverified"},
                                                       {"true", "true"}}));
    facts.verdict = std::string(word);
    KENG_RETURN_IF_ERROR(answer->CheckKeys(What("answer"), KeysOf("answer")));
    const base::Yaml* text = answer->Find("text");
    const base::Yaml* url = answer->Find("url");
    if (text == nullptr || url == nullptr) {
      return Error(*answer,
                   base::StrCat("answer lacks \"", text == nullptr ? "text" : "url",
                                "\"; expected {text: {vi: ..., en: ...}, url: https://...}"));
    }
    KENG_RETURN_IF_ERROR(
        ParseBoth(*text, "answer_text", "answer: text", facts.answer_vi, facts.answer_en));
    KENG_ASSIGN_OR_RETURN(facts.answer_url, url->String(What("answer: url")));
    if (!facts.answer_url.starts_with("https://") && !facts.answer_url.starts_with("http://"))
      return Error(*url, base::StrCat("answer: url is ", Found(*url),
                                      "; expected one that begins with https://"));
    return absl::OkStatus();
  }

  // What a rule and an override of it may both say.
  absl::Status ParseTuning(const base::Yaml& yaml) {
    RuleFacts& facts = rule().facts;
    if (const base::Yaml* value = yaml.Find("severity")) {
      KENG_ASSIGN_OR_RETURN(facts.severity,
                            ParseWord<Severity>(*value, What("severity"),
                                                {{"low", Severity::kLow},
                                                 {"normal", Severity::kNormal},
                                                 {"high", Severity::kHigh},
                                                 {"critical", Severity::kCritical}}));
    }
    if (const base::Yaml* value = yaml.Find("status")) {
      KENG_ASSIGN_OR_RETURN(facts.status, ParseWord<RuleStatus>(*value, What("status"),
                                                                {{"draft", RuleStatus::kDraft},
                                                                 {"test", RuleStatus::kTest},
                                                                 {"stable", RuleStatus::kStable}}));
    }
    if (const base::Yaml* value = yaml.Find("enabled")) {
      KENG_ASSIGN_OR_RETURN(parsed_.enabled, value->Bool(What("enabled")));
    }
    if (const base::Yaml* value = yaml.Find("place")) {
      KENG_ASSIGN_OR_RETURN(rule().place, ParseWord<PlaceNeed>(*value, What("place"),
                                                               {{"optional", PlaceNeed::kOptional},
                                                                {"required", PlaceNeed::kRequired},
                                                                {"named", PlaceNeed::kNamed}}));
    }
    if (const base::Yaml* value = yaml.Find("marks")) {
      KENG_ASSIGN_OR_RETURN(marks_, conditions_.ParseMarks(*value));
    }
    if (const base::Yaml* value = yaml.Find("threshold")) {
      KENG_RETURN_IF_ERROR(ParseThreshold(*value));
    }
    const std::pair<std::string_view, absl::Duration*> windows[] = {
        {"join_window", &facts.join_window}, {"reopen_window", &facts.reopen_window}};
    for (const auto& [key, window] : windows) {
      if (const base::Yaml* value = yaml.Find(key)) {
        KENG_ASSIGN_OR_RETURN(*window, ParseWindow(*value, key));
      }
    }
    return absl::OkStatus();
  }

  absl::StatusOr<absl::Duration> ParseWindow(const base::Yaml& yaml, std::string_view what) {
    KENG_ASSIGN_OR_RETURN(const absl::Duration window, yaml.Duration(What(what)));
    if (window > kWindowMax) {
      return Error(yaml, base::StrCat(what, " is \"", yaml.scalar(), "\"; expected at most ",
                                      absl::ToInt64Hours(kWindowMax) / 24, "d"));
    }
    return window;
  }

  absl::Status ParseThreshold(const base::Yaml& yaml) {
    RuleFacts& facts = rule().facts;
    KENG_RETURN_IF_ERROR(yaml.CheckKeys(What("threshold"), KeysOf("threshold")));
    const std::pair<std::string_view, int*> counts[] = {{"posts", &facts.threshold_posts},
                                                        {"authors", &facts.threshold_authors}};
    for (const auto& [key, count] : counts) {
      if (const base::Yaml* value = yaml.Find(key)) {
        KENG_ASSIGN_OR_RETURN(const int64_t number,
                              value->Int(What(base::StrCat("threshold: ", key)), 1, kCountMax));
        *count = static_cast<int>(number);
      }
    }
    if (const base::Yaml* value = yaml.Find("window")) {
      KENG_ASSIGN_OR_RETURN(facts.threshold_window, ParseWindow(*value, "threshold: window"));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<ingest::PostKind> ParseKind(const base::Yaml& yaml, std::string_view what) {
    return ParseWord<ingest::PostKind>(
        yaml, What(what),
        {{"post", ingest::PostKind::kPost}, {"comment", ingest::PostKind::kComment}});
  }

  absl::Status ParseWhere(const base::Yaml& yaml) {
    KENG_RETURN_IF_ERROR(yaml.CheckKeys(What("where"), KeysOf("where")));
    RuleWhere& where = rule().where;
    const std::pair<std::string_view, std::vector<std::string>*> texts[] = {
        {"source", &where.sources}, {"account", &where.accounts}, {"lang", &where.langs}};
    for (const auto& [key, values] : texts) {
      const base::Yaml* value = yaml.Find(key);
      if (value == nullptr) continue;
      KENG_ASSIGN_OR_RETURN(*values, value->Strings(What(base::StrCat("where: ", key))));
      if (values->empty()) {
        return Error(*value,
                     base::StrCat("where: ", key, " is empty; no post would fit; remove it"));
      }
    }
    if (const base::Yaml* kinds = yaml.Find("kind")) {
      if (!kinds->is_sequence()) {
        KENG_ASSIGN_OR_RETURN(const ingest::PostKind kind, ParseKind(*kinds, "where: kind"));
        where.kinds.push_back(kind);
      } else if (kinds->items().empty()) {
        return Error(*kinds, "where: kind is empty; no post would fit; remove it");
      }
      for (const base::Yaml& item : kinds->items()) {
        KENG_ASSIGN_OR_RETURN(const ingest::PostKind kind, ParseKind(item, "where: kind"));
        where.kinds.push_back(kind);
      }
    }
    return absl::OkStatus();
  }

  absl::Status ParseConditions() {
    const std::pair<std::string_view, Condition::Kind> groups[] = {
        {"any", Condition::Kind::kAny},
        {"all", Condition::Kind::kAll},
        {"none", Condition::Kind::kNone}};
    Condition& when = rule().when;
    when.kind = Condition::Kind::kAll;
    when.line = yaml_.line();
    when.column = yaml_.column();
    for (const auto& [key, kind] : groups) {
      const base::Yaml* value = yaml_.Find(key);
      if (value == nullptr) continue;
      KENG_ASSIGN_OR_RETURN(Condition group, conditions_.ParseGroup(kind, *value, marks_));
      when.children.push_back(std::move(group));
    }
    if (when.children.empty() || when.children.front().kind == Condition::Kind::kNone) {
      return Error(yaml_,
                   "has neither \"any\" nor \"all\"; write what a post must say, such as "
                   "any: [ngập nước]");
    }
    if (const base::Yaml* scan = yaml_.Find("scan")) {
      KENG_ASSIGN_OR_RETURN(rule().scan,
                            ParseWord<ScanPolicy>(*scan, What("scan"),
                                                  {{"with-phrase", ScanPolicy::kWithPhrase},
                                                   {"always", ScanPolicy::kAlways}}));
    }
    if (rule().scan == ScanPolicy::kWithPhrase && !NeedsPhrase(when)) {
      return Error(yaml_,
                   "can hold for a post without any phrase, so that it would look at every post; "
                   "put a phrase in \"all\", or write \"scan: always\" and accept the cost");
    }
    return absl::OkStatus();
  }

  absl::Status ParseTests(const base::Yaml& yaml) {
    KENG_RETURN_IF_ERROR(yaml.CheckKeys(What("tests"), KeysOf("tests")));
    const std::pair<std::string_view, RuleTest::Expect> groups[] = {
        {"match", RuleTest::Expect::kMatch}, {"no_match", RuleTest::Expect::kNoMatch}};
    for (const auto& [key, expect] : groups) {
      const base::Yaml* value = yaml.Find(key);
      if (value == nullptr || value->is_null()) continue;
      if (!value->is_sequence())
        return Error(*value, base::StrCat("tests: ", key, " is ", Found(*value),
                                          "; expected a list of texts"));
      for (const base::Yaml& item : value->items()) {
        KENG_ASSIGN_OR_RETURN(RuleTest test, ParseTest(item, expect));
        rule().tests.push_back(std::move(test));
      }
    }
    return absl::OkStatus();
  }

  absl::StatusOr<RuleTest> ParseTest(const base::Yaml& yaml, RuleTest::Expect expect) {
    RuleTest test;
    test.expect = expect;
    test.line = yaml.line();
    if (yaml.is_scalar()) {
      test.text = yaml.scalar();
    } else {
      KENG_RETURN_IF_ERROR(yaml.CheckKeys(What("a test"), KeysOf("test")));
      const std::pair<std::string_view, std::string*> texts[] = {
          {"text", &test.text}, {"source", &test.source}, {"account", &test.account},
          {"lang", &test.lang}, {"cell", &test.cell},     {"place", &test.place}};
      for (const auto& [key, text] : texts) {
        if (const base::Yaml* value = yaml.Find(key)) {
          KENG_ASSIGN_OR_RETURN(*text, value->String(What(base::StrCat("a test: ", key))));
        }
      }
      if (const base::Yaml* kind = yaml.Find("kind")) {
        KENG_ASSIGN_OR_RETURN(test.kind, ParseKind(*kind, "a test: kind"));
      }
      if (const base::Yaml* reason = yaml.Find("reason")) {
        std::vector<std::pair<std::string_view, RouteReason>> words;
        for (const RouteReason value :
             {RouteReason::kExplicit, RouteReason::kOldName, RouteReason::kAccount,
              RouteReason::kUnclear, RouteReason::kElsewhere}) {
          words.emplace_back(RouteReasonName(value), value);
        }
        KENG_ASSIGN_OR_RETURN(test.reason,
                              ParseWord<RouteReason>(*reason, What("a test: reason"), words));
      }
      for (const std::string_view key : {"cell", "place", "reason"}) {
        const base::Yaml* value = yaml.Find(key);
        if (value != nullptr && expect == RuleTest::Expect::kNoMatch) {
          return Error(*value, base::StrCat("a test: \"", key, "\" is ", Found(*value),
                                            " under no_match, where no hit goes anywhere; "
                                            "expected it under match only"));
        }
      }
    }
    if (test.text.empty() || test.text.size() > kTestTextBytesMax) {
      return Error(yaml, base::StrCat("a test with a text of ", test.text.size(),
                                      " bytes; expected 1 to ", kTestTextBytesMax));
    }
    return test;
  }

  const base::Yaml& yaml_;
  ConditionParser& conditions_;
  std::string subject_ = "a rule";
  MarksMode marks_;
  ParsedRule parsed_;
};

}  // namespace

absl::StatusOr<ParsedRule> ParseRule(const base::Yaml& yaml,
                                     const std::vector<const base::Yaml*>& overrides,
                                     MarksMode marks, ConditionParser& conditions) {
  return RuleParser(yaml, marks, conditions).Parse(overrides);
}

}  // namespace keng::filters
