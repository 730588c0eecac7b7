// The JSON Schema for editors (rules/rules.schema.json) says what the loader does: the same keys,
// the same words, and it takes the rule files that are shipped.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/strings.h"
#include "base/yaml.h"
#include "filters/rules/rule.h"
#include "filters/rules/rule_keys.h"
#include "filters/rules/rule_loader.h"

namespace keng::filters {
namespace {

using base::StrCat;
using base::Yaml;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAreArray;
using Words = std::vector<std::string>;

// JSON is YAML.
const Yaml& Schema() {
  static const Yaml schema = [] {
    auto parsed = Yaml::ParseFile(KENG_SOURCE_DIR "/rules/rules.schema.json");
    EXPECT_TRUE(parsed.ok()) << parsed.status();
    return parsed.ok() ? *std::move(parsed) : Yaml();
  }();
  return schema;
}
const Yaml& Definition(std::string_view name) {
  static const Yaml none;
  const Yaml* definitions = Schema().Find("$defs");
  const Yaml* found = definitions == nullptr ? nullptr : definitions->Find(name);
  EXPECT_NE(found, nullptr) << name;
  return found == nullptr ? none : *found;
}

Words KeysOf(const Yaml* map) {
  Words keys;
  if (map == nullptr) return keys;
  for (const auto& [key, value] : map->entries()) keys.push_back(key.scalar());
  return keys;
}
Words Scalars(const Yaml* list) {
  Words words;
  if (list == nullptr) return words;
  for (const Yaml& item : list->items()) words.push_back(item.scalar());
  return words;
}

// The part of JSON Schema that the schema uses, less formats, patterns and lengths. An empty answer
// is a file that is valid; else one line for the first thing that is not.
class Validator {
 public:
  std::string Check(const Yaml& value, const Yaml& schema) const {
    if (const Yaml* ref = schema.Find("$ref")) {
      constexpr std::string_view kPrefix = "#/$defs/";
      EXPECT_TRUE(std::string_view(ref->scalar()).starts_with(kPrefix)) << ref->scalar();
      return Check(value, Definition(ref->scalar().substr(kPrefix.size())));
    }
    for (const std::string_view choice : {"oneOf", "anyOf"}) {
      const Yaml* of = schema.Find(choice);
      if (of == nullptr) continue;
      if (std::string wrong = CheckChoice(value, *of, choice == "oneOf"); !wrong.empty())
        return wrong;
    }
    if (const Yaml* type = schema.Find("type"); type != nullptr && !IsOf(value, *type))
      return StrCat(value.Where(), ": another type");
    if (const Yaml* word = schema.Find("const"); word != nullptr && !Same(value, *word))
      return StrCat(value.Where(), ": not ", word->scalar());
    if (const Yaml* words = schema.Find("enum")) {
      const auto& known = words->items();
      if (std::none_of(known.begin(), known.end(),
                       [&](const Yaml& word) { return Same(value, word); })) {
        return StrCat(value.Where(), ": an unknown word ", value.scalar());
      }
    }
    if (value.is_map()) return CheckMap(value, schema);
    if (value.is_sequence()) return CheckSequence(value, schema);
    return "";
  }

 private:
  std::string CheckChoice(const Yaml& value, const Yaml& choices, bool one) const {
    size_t fitting = 0;
    std::string all;
    for (const Yaml& choice : choices.items()) {
      const std::string wrong = Check(value, choice);
      fitting += wrong.empty() ? 1 : 0;
      base::StrAppend(&all, " (", wrong, ")");
    }
    if (fitting == 1 || (fitting > 1 && !one)) return "";
    return StrCat(value.Where(), ": fits ", fitting, " of:", all);
  }

  std::string CheckMap(const Yaml& value, const Yaml& schema) const {
    const Words required = Scalars(schema.Find("required"));
    for (const std::string& key : required) {
      if (value.Find(key) == nullptr) return StrCat(value.Where(), ": lacks ", key);
    }
    if (schema.Find("minProperties") != nullptr && value.entries().empty())
      return StrCat(value.Where(), ": empty");
    const Yaml* properties = schema.Find("properties");
    const Yaml* others = schema.Find("additionalProperties");
    for (const auto& [key, member] : value.entries()) {
      const Yaml* known = properties == nullptr ? nullptr : properties->Find(key.scalar());
      if (known == nullptr && others != nullptr && others->is_map()) known = others;
      if (known == nullptr && others != nullptr)
        return StrCat(key.Where(), ": unknown key ", key.scalar());
      if (known == nullptr) continue;
      if (std::string wrong = Check(member, *known); !wrong.empty()) return wrong;
    }
    return "";
  }

  std::string CheckSequence(const Yaml& value, const Yaml& schema) const {
    const auto bound = [&](std::string_view name, int64_t otherwise) {
      const Yaml* found = schema.Find(name);
      return found == nullptr ? otherwise : *found->Int(name, 0, 1000);
    };
    const auto items = static_cast<int64_t>(value.items().size());
    if (items < bound("minItems", 0) || items > bound("maxItems", items))
      return StrCat(value.Where(), ": ", items, " items");
    const Yaml* of = schema.Find("items");
    if (of == nullptr) return "";
    for (const Yaml& item : value.items()) {
      if (std::string wrong = Check(item, *of); !wrong.empty()) return wrong;
    }
    return "";
  }

  static bool IsOf(const Yaml& value, const Yaml& type) {
    if (type.is_sequence()) {
      return std::any_of(type.items().begin(), type.items().end(),
                         [&](const Yaml& one) { return IsOf(value, one); });
    }
    const std::string& name = type.scalar();
    if (name == "object") return value.is_map();
    if (name == "array") return value.is_sequence();
    if (name == "null") return value.is_null();
    if (!value.is_scalar()) return false;
    const bool boolean = !value.quoted() && value.Bool("").ok();
    const bool number = !value.quoted() && value.Double("", -1e300, 1e300).ok();
    if (name == "boolean") return boolean;
    if (name == "number") return number;
    if (name == "integer") return number && value.Int("", INT64_MIN, INT64_MAX).ok();
    EXPECT_EQ(name, "string");
    return !boolean && !number;
  }

  static bool Same(const Yaml& value, const Yaml& word) {
    return value.is_scalar() && value.scalar() == word.scalar() &&
           IsBoolean(value) == IsBoolean(word);
  }
  static bool IsBoolean(const Yaml& value) { return !value.quoted() && value.Bool("").ok(); }
};

// What is wrong with a text by the definition `name`; empty: nothing.
std::string WrongBySchema(std::string_view name, std::string_view text) {
  const auto yaml = Yaml::Parse("text.yaml", text);
  EXPECT_TRUE(yaml.ok()) << yaml.status();
  return yaml.ok() ? Validator().Check(*yaml, Definition(name)) : "no YAML";
}

TEST(RuleSchema, EveryMapHasTheKeysOfTheLoader) {
  for (const RuleKeys& map : AllRuleKeys()) {
    const Yaml& definition = Definition(map.map);
    const Words keys(map.keys.begin(), map.keys.end());
    EXPECT_THAT(KeysOf(definition.Find("properties")), UnorderedElementsAreArray(keys)) << map.map;
    ASSERT_NE(definition.Find("additionalProperties"), nullptr) << map.map;
    EXPECT_EQ(definition.Find("additionalProperties")->scalar(), "false") << map.map;
  }
}

TEST(RuleSchema, TheLoaderKnowsEveryMap) {
  std::set<std::string, std::less<>> known;
  for (const RuleKeys& map : AllRuleKeys()) known.insert(std::string(map.map));
  const std::set<std::string> of_conditions = {"near_condition", "regex_condition",
                                               "group_condition"};
  std::set<std::string> condition_keys;
  for (const auto& [name, definition] : Schema().Find("$defs")->entries()) {
    if (definition.Find("properties") == nullptr) continue;
    EXPECT_TRUE(known.contains(name.scalar()) || of_conditions.contains(name.scalar()))
        << name.scalar();
    if (!of_conditions.contains(name.scalar())) continue;
    for (const std::string& key : KeysOf(definition.Find("properties"))) condition_keys.insert(key);
  }
  // A condition is one of these or a term, and the words that begin a term are its first keys.
  for (const std::string_view term : {"phrase", "list", "number", "place"}) {
    EXPECT_THAT(Scalars(Definition(term).Find("required")), ElementsAreArray({std::string(term)}));
    condition_keys.insert(std::string(term));
  }
  const std::vector<std::string_view>& all = keng::filters::KeysOf("condition");
  EXPECT_EQ(condition_keys, std::set<std::string>(all.begin(), all.end()));
}

TEST(RuleSchema, TheTopicsAreThoseOfTheProgram) {
  const Words topics(Topics().begin(), Topics().end());
  EXPECT_THAT(Scalars(Definition("rule").Find("properties")->Find("topic")->Find("enum")),
              ElementsAreArray(topics));
}

// The words that the loader expects where it finds another one, from its error: "expected one of:
// a, b; did you mean ...".
Words ExpectedByLoader(std::string_view rule_line) {
  const auto files = LoadRulesText(
      "a.yaml", StrCat("rules:\n  - id: a\n",
                       rule_line.find("verdict") == rule_line.npos
                           ? "    topic: fire\n"
                           : "    topic: rumour\n    claim: a\n    answer: {}\n",
                       rule_line.find("any:") == rule_line.npos ? "    any: [a]\n" : "", "    ",
                       rule_line, "\n"));
  EXPECT_FALSE(files.ok()) << rule_line;
  Words words;
  if (files.ok()) return words;
  std::string message(files.status().message());
  constexpr std::string_view kBefore = "expected one of: ";
  const size_t at = message.find(kBefore);
  EXPECT_NE(at, message.npos) << message;
  if (at == message.npos) return words;
  message = message.substr(at + kBefore.size());
  message = message.substr(0, message.find(';'));
  for (size_t comma = message.find(", "); comma != message.npos; comma = message.find(", ")) {
    words.push_back(message.substr(0, comma));
    message = message.substr(comma + 2);
  }
  words.push_back(message);
  return words;
}

TEST(RuleSchema, TheWordsAreThoseOfTheLoader) {
  struct Row {
    std::string_view map, key, line;
  };
  for (const Row& row : std::vector<Row>{
           {"rule", "severity", "severity: '?'"},
           {"rule", "status", "status: '?'"},
           {"rule", "place", "place: '?'"},
           {"rule", "marks", "marks: '?'"},
           {"rule", "scan", "scan: '?'"},
           {"rule", "verdict", "verdict: '?'"},
           {"test", "kind", "tests: {match: [{text: a, kind: '?'}]}"},
           {"test", "reason", "tests: {match: [{text: a, reason: '?'}]}"},
           {"phrase", "marks", "any: [{phrase: a, marks: '?'}]"},
           {"list", "marks", "any: [{phrase: a, marks: '?'}]"},
           {"regex", "on", "any: [{regex: {pattern: a, on: '?'}}]"},
           {"override", "severity", "severity: '?'"},
           {"override", "status", "status: '?'"},
           {"override", "place", "place: '?'"},
           {"override", "marks", "marks: '?'"},
       }) {
    const Yaml* member = Definition(row.map).Find("properties")->Find(row.key);
    ASSERT_NE(member, nullptr) << row.map << " " << row.key;
    if (const Yaml* other = member->Find("$ref")) {
      member = &Definition(other->scalar().substr(std::string_view("#/$defs/").size()));
    }
    Words words = Scalars(member->Find("enum"));
    // A verdict may be written as the bare word too, which JSON calls a boolean.
    std::sort(words.begin(), words.end());
    words.erase(std::unique(words.begin(), words.end()), words.end());
    EXPECT_THAT(words, UnorderedElementsAreArray(ExpectedByLoader(row.line)))
        << row.map << " " << row.key;
  }
}

TEST(RuleSchema, TheShippedPackIsValid) {
  int files = 0, rules = 0;
  for (const auto& entry : std::filesystem::directory_iterator(KENG_SOURCE_DIR "/rules/an-giang")) {
    if (entry.path().extension() != ".yaml") continue;
    const auto yaml = Yaml::ParseFile(entry.path().string());
    ASSERT_TRUE(yaml.ok()) << yaml.status();
    const std::string name = entry.path().filename().string();
    const std::string_view kind = name == "pack.yaml"        ? "pack"
                                  : name == "overrides.yaml" ? "overrides"
                                                             : "file";
    EXPECT_EQ(Validator().Check(*yaml, Definition(kind)), "");
    // The root takes each of the three.
    EXPECT_EQ(Validator().Check(*yaml, Schema()), "");
    ++files;
    if (const Yaml* list = yaml->Find("rules")) rules += static_cast<int>(list->items().size());
  }
  EXPECT_GE(files, 17) << "one file a topic, and the pack";
  EXPECT_GE(rules, 17);
  // And the loader is of one mind with the schema.
  const auto loaded = LoadRules({KENG_SOURCE_DIR "/rules/an-giang"});
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_THAT(loaded->rules, SizeIs(static_cast<size_t>(rules) - loaded->off.size()));
}

// What the manual shows, and what the loader refuses: the schema and the loader agree.
struct Agreement {
  std::string_view text;
  bool valid;
};
TEST(RuleSchema, ItTakesAndRefusesWhatTheLoaderDoes) {
  for (const Agreement& file : std::vector<Agreement>{
           {"any: [ngập nước, \"ngập lút bánh\", 12]", true},
           {"any: ngập nước", true},
           {"any: {list: road}", true},
           {"any: [{list: road, marks: strict, except: lộ}]", true},
           {"any: [{phrase: ngập, except: [ngập tràn], not_near: {within: 3, of: hàng}}]", true},
           {"any: [{near: {within: 6, of: [[đường, {list: road}, {place: named}], ngập]}}]", true},
           {"any: [{near: {within: 6, ordered: true, of: [[a], [{number: any}]]}}]", true},
           {"all: [ngập, {regex: a}, {number: any, not_near: {within: 1, of: [b]}}]", true},
           {"all: [ngập, {regex: {pattern: a, on: folded}}]", true},
           {"any: [{all: [a, b], none: [c]}, {any: [a]}]", true},
           {"any: [a]\n    where: {kind: post, lang: vi, source: [a], account: b}", true},
           {"any: [a]\n    title: Ngập\n    tests: {match: , no_match: [a]}", true},
           {"any: [a]\n    join_window: 0\n    threshold: {window: 90s}", true},
           {"none: [a]", false},
           {"any: []", false},
           {"any: [[a]]", false},
           {"any: [{}]", false},
           {"any: [{phrase: a, list: road}]", false},
           {"any: [{phrase: a, any: [b]}]", false},
           {"any: [{near: {within: 1, of: [a, b]}, any: [a]}]", false},
           {"any: [{near: {within: 1, of: [[a, b]]}}]", false},
           {"any: [{near: {of: [a, b]}}]", false},
           {"any: [{phrase: a, not_near: {within: 1}}]", false},
           {"any: [{phrase: a, except: []}]", false},
           {"any: [a]\n    severity: urgent", false},
           {"any: [a]\n    enabled: 1", false},
           {"any: [a]\n    where: {source: []}", false},
           {"any: [a]\n    where: {kind: []}", false},
           {"any: [a]\n    title: {en: Flood}", false},
           {"any: [a]\n    tests: {match: [{kind: post}]}", false},
           {"any: [a]\n    threshold: {post: 1}", false},
       }) {
    const std::string text =
        StrCat("lists: {road: [lộ]}\nrules:\n  - id: a\n    topic: fire\n    ", file.text, "\n");
    EXPECT_EQ(LoadRulesText("text.yaml", text).ok(), file.valid) << file.text;
    EXPECT_EQ(WrongBySchema("file", text).empty(), file.valid) << file.text << "\n"
                                                               << WrongBySchema("file", text);
  }
}

TEST(RuleSchema, TheCheckOfThisTestFindsWhatIsWrong) {
  EXPECT_THAT(WrongBySchema("file", "rule: []\n"), HasSubstr("1:1: unknown key rule"));
  EXPECT_THAT(WrongBySchema("pack", "name: a\n"), HasSubstr("lacks purpose"));
  EXPECT_THAT(WrongBySchema("overrides", "rules: {a: {topic: fire}}\n"),
              HasSubstr("unknown key topic"));
  EXPECT_THAT(WrongBySchema("overrides", "lists: {a: {add: [b], remove: [c]}}\n"), IsEmpty());
  EXPECT_THAT(WrongBySchema("override", "enabled: 'true'\n"), Not(IsEmpty()));
}

}  // namespace
}  // namespace keng::filters
