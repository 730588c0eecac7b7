#include "filters/rules/rule_keys.h"

#include "base/check.h"

namespace keng::filters {

const std::vector<RuleKeys>& AllRuleKeys() {
  static const std::vector<RuleKeys> kKeys = {
      {"file", {"pack", "lists", "rules"}},
      {"pack", {"name", "purpose", "owner", "until", "legal_basis", "marks", "lists"}},
      {"rule", {"id",    "topic", "title",       "severity",      "status", "enabled",   "place",
                "marks", "any",   "all",         "none",          "where",  "threshold", "scan",
                "note",  "tests", "join_window", "reopen_window", "claim",  "verdict",   "answer"}},
      {"where", {"source", "account", "kind", "lang"}},
      {"threshold", {"posts", "authors", "window"}},
      {"title", {"vi", "en"}},
      {"answer", {"text", "url"}},
      {"answer_text", {"vi", "en"}},
      {"tests", {"match", "no_match"}},
      {"test", {"text", "source", "account", "lang", "kind", "cell", "place", "reason"}},
      {"condition", {"phrase", "list", "number", "place", "near", "regex", "any", "all", "none"}},
      {"phrase", {"phrase", "marks", "except", "not_near"}},
      {"list", {"list", "marks", "except", "not_near"}},
      {"number", {"number", "not_near"}},
      {"place", {"place", "not_near"}},
      {"not_near", {"within", "of"}},
      {"near", {"within", "ordered", "of"}},
      {"regex", {"pattern", "on"}},
      {"overrides", {"rules", "lists"}},
      {"override",
       {"enabled", "severity", "status", "place", "marks", "threshold", "join_window",
        "reopen_window"}},
      {"list_change", {"add", "remove"}},
  };
  return kKeys;
}

const std::vector<std::string_view>& KeysOf(std::string_view map) {
  for (const RuleKeys& entry : AllRuleKeys()) {
    if (entry.map == map) return entry.keys;
  }
  KENG_CHECK(false, "no keys for ", map);
  __builtin_unreachable();
}

}  // namespace keng::filters
