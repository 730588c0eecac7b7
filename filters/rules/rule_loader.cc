#include "filters/rules/rule_loader.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/time/civil_time.h"
#include "base/check.h"
#include "base/stable_hash.h"
#include "base/strings.h"
#include "base/yaml.h"
#include "filters/rules/internal/condition_parser.h"
#include "filters/rules/internal/enum_words.h"
#include "filters/rules/internal/rule_parser.h"
#include "filters/rules/rule_keys.h"

namespace keng::filters {

namespace {

constexpr size_t kFilesMax = 4096;
constexpr size_t kRulesMax = 100'000;
constexpr size_t kErrorsMax = 20;

// A pack's end is the end of that day where its officers live.
absl::TimeZone LocalZone() { return absl::FixedTimeZone(7 * 60 * 60); }

struct SourceFile {
  std::string name;  // what the version is made over
  std::string text;
  base::Yaml yaml;
};

absl::StatusOr<absl::Time> ParseUntil(const base::Yaml& yaml) {
  KENG_ASSIGN_OR_RETURN(const std::string text, yaml.String("pack: until"));
  absl::CivilDay day;
  if (text.size() != 10 || !absl::ParseCivilTime(text, &day)) {
    return yaml.Error(
        base::StrCat("pack: until is \"", text, "\"; expected a day such as 2027-12-31"));
  }
  return absl::FromCivil(day + 1, LocalZone());
}

absl::StatusOr<Pack> ParsePack(const base::Yaml& yaml, const std::string& path) {
  if (yaml.is_null()) {
    return absl::InvalidArgumentError(
        base::StrCat(path, ":1:1: the pack is empty; expected its name, purpose, owner and until"));
  }
  KENG_RETURN_IF_ERROR(yaml.CheckKeys("a pack", KeysOf("pack")));
  Pack pack;
  pack.path = path;
  const std::pair<std::string_view, std::string*> required[] = {
      {"name", &pack.name}, {"purpose", &pack.purpose}, {"owner", &pack.owner}};
  for (const auto& [key, value] : required) {
    const base::Yaml* found = yaml.Find(key);
    if (found != nullptr) {
      KENG_ASSIGN_OR_RETURN(*value, found->String(base::StrCat("pack: ", key)));
    }
    if (absl::StripAsciiWhitespace(*value).empty()) {
      return yaml.Error(base::StrCat("the pack lacks \"", key,
                                     "\"; every pack says its name, purpose, owner and until"));
    }
  }
  const base::Yaml* until = yaml.Find("until");
  if (until == nullptr) {
    return yaml.Error(
        "the pack lacks \"until\"; write the day on which its purpose ends: until: 2027-12-31");
  }
  KENG_ASSIGN_OR_RETURN(pack.until, ParseUntil(*until));
  if (const base::Yaml* basis = yaml.Find("legal_basis")) {
    KENG_ASSIGN_OR_RETURN(pack.legal_basis, basis->String("pack: legal_basis"));
  }
  if (const base::Yaml* marks = yaml.Find("marks")) {
    KENG_ASSIGN_OR_RETURN(pack.marks, ParseMarksMode(*marks, "pack: marks"));
  }
  return pack;
}

// Reads everything of one call; holds the YAML while conditions are made from it.
class Load {
 public:
  explicit Load(const RuleLoadOptions& options)
      : options_(options), reader_(options.reader == nullptr ? DiskRuleFiles() : *options.reader) {}

  absl::Status AddPath(const std::string& path) {
    if (reader_.IsFolder(path)) return AddFolder(path);
    if (!reader_.Exists(path)) {
      return absl::NotFoundError(
          base::StrCat(path, ": no such file or folder; expected a rule file or a pack's folder"));
    }
    KENG_ASSIGN_OR_RETURN(std::string text, reader_.Read(path));
    const std::filesystem::path folder = std::filesystem::path(path).parent_path();
    KENG_ASSIGN_OR_RETURN(PackContext context, ReadContext(folder.string()));
    return AddFile(path, std::move(text), context);
  }

  absl::Status AddFile(const std::string& path, std::string text) {
    return AddFile(path, std::move(text), PackContext());
  }

  absl::StatusOr<RuleFiles> Finish() {
    if (!errors_.empty()) {
      std::string all;
      for (size_t i = 0; i < errors_.size() && i < kErrorsMax; ++i) {
        base::StrAppend(&all, i == 0 ? "" : "\n", errors_[i]);
      }
      if (errors_.size() > kErrorsMax)
        base::StrAppend(&all, "\nand ", errors_.size() - kErrorsMax, " more errors");
      return absl::InvalidArgumentError(all);
    }
    WarnUnusedOverrides();
    const base::Hash128 hash = base::StableHash128(content_);
    result_.version = base::StrCat(absl::StrCat(absl::Hex(hash.high ^ hash.low, absl::kZeroPad16)));
    return std::move(result_);
  }

 private:
  // What a folder's pack.yaml and the overrides say; the Yaml lives in `files_`.
  struct PackContext {
    std::optional<Pack> pack;
    const base::Yaml* lists = nullptr;
    std::vector<const base::Yaml*> overrides;
  };

  absl::Status AddFolder(const std::string& folder) {
    KENG_ASSIGN_OR_RETURN(const PackContext context, ReadContext(folder));
    std::vector<std::string> paths;
    KENG_ASSIGN_OR_RETURN(const std::vector<std::string> names, reader_.List(folder));
    for (const std::string& name : names) {
      if (name.starts_with('.') || name == "pack.yaml" || name == "overrides.yaml") continue;
      if (name.ends_with(".yaml") || name.ends_with(".yml"))
        paths.push_back((std::filesystem::path(folder) / name).string());
    }
    if (paths.empty()) {
      return absl::InvalidArgumentError(base::StrCat(
          folder,
          ": holds no rule file; expected *.yaml beside pack.yaml (folders inside are not "
          "read)"));
    }
    std::sort(paths.begin(), paths.end());
    if (paths.size() > kFilesMax) {
      return absl::InvalidArgumentError(
          base::StrCat(folder, ": ", paths.size(), " files; at most ", kFilesMax, " are read"));
    }
    for (const std::string& path : paths) {
      KENG_ASSIGN_OR_RETURN(std::string text, reader_.Read(path));
      KENG_RETURN_IF_ERROR(AddFile(path, std::move(text), context));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<PackContext> ReadContext(const std::string& folder) {
    PackContext context;
    const std::filesystem::path base = folder.empty() ? "." : folder;
    const std::string pack_path = (base / "pack.yaml").string();
    if (reader_.Exists(pack_path)) {
      KENG_ASSIGN_OR_RETURN(const base::Yaml* yaml, Keep(pack_path));
      KENG_ASSIGN_OR_RETURN(context.pack, ParsePack(*yaml, pack_path));
      context.lists = yaml->Find("lists");
      RegisterPack(*context.pack);
    }
    const std::string beside = (base / "overrides.yaml").string();
    if (reader_.Exists(beside)) {
      KENG_ASSIGN_OR_RETURN(const base::Yaml* yaml, KeepOverrides(beside));
      context.overrides.push_back(yaml);
    }
    if (!options_.overrides_path.empty()) {
      KENG_ASSIGN_OR_RETURN(const base::Yaml* yaml, KeepOverrides(options_.overrides_path));
      context.overrides.push_back(yaml);
    }
    return context;
  }

  // Reads a file once, adds it to the version and keeps it.
  absl::StatusOr<const base::Yaml*> Keep(const std::string& path) {
    if (const auto known = kept_.find(path); known != kept_.end()) return known->second.get();
    KENG_ASSIGN_OR_RETURN(const std::string text, reader_.Read(path));
    AddContent(path, text);
    KENG_ASSIGN_OR_RETURN(base::Yaml yaml, base::Yaml::Parse(path, text));
    return kept_.emplace(path, std::make_unique<base::Yaml>(std::move(yaml))).first->second.get();
  }

  absl::StatusOr<const base::Yaml*> KeepOverrides(const std::string& path) {
    KENG_ASSIGN_OR_RETURN(const base::Yaml* yaml, Keep(path));
    if (yaml->is_null()) return yaml;
    KENG_RETURN_IF_ERROR(yaml->CheckKeys("the overrides", KeysOf("overrides")));
    if (const base::Yaml* rules = yaml->Find("rules"); rules != nullptr && !rules->is_null()) {
      if (!rules->is_map())
        return rules->Error(base::StrCat("overrides: rules is ", Found(*rules),
                                         "; expected a map of rule ids: {flood-street: {...}}"));
      for (const auto& [id, change] : rules->entries()) {
        KENG_RETURN_IF_ERROR(change.CheckKeys(base::StrCat("the override of rule ", id.scalar()),
                                              KeysOf("override")));
        Expect(id, change, base::StrCat("rule ", id.scalar()));
      }
    }
    if (const base::Yaml* lists = yaml->Find("lists"); lists != nullptr && !lists->is_null()) {
      if (!lists->is_map())
        return lists->Error(base::StrCat("overrides: lists is ", Found(*lists),
                                         "; expected a map: {road-words: {add: [...]}}"));
      for (const auto& [name, change] : lists->entries()) {
        KENG_RETURN_IF_ERROR(CheckListChange(name, change));
      }
    }
    return yaml;
  }

  absl::Status CheckListChange(const base::Yaml& name, const base::Yaml& change) {
    const std::string subject = base::StrCat("the override of list ", name.scalar());
    KENG_RETURN_IF_ERROR(change.CheckKeys(subject, KeysOf("list_change")));
    Expect(name, change, base::StrCat("list ", name.scalar()));
    for (const std::string_view key : {"add", "remove"}) {
      const base::Yaml* phrases = change.Find(key);
      if (phrases == nullptr) continue;
      if (!phrases->is_sequence()) {
        return phrases->Error(base::StrCat(subject, ": ", key, " is ", Found(*phrases),
                                           "; expected a list: {", key, ": [đường đất]}"));
      }
      if (key == "add") continue;
      for (const base::Yaml& item : phrases->items()) {
        KENG_RETURN_IF_ERROR(item.String(base::StrCat(subject, ": a phrase to remove")).status());
        Expect(item, item,
               base::StrCat("\"", item.scalar(), "\" in list ", name.scalar(), " to remove"));
      }
    }
    return absl::OkStatus();
  }

  // `at` names what `change` is for; a warning comes when no file that it changes has it.
  void Expect(const base::Yaml& at, const base::Yaml& change, std::string_view what) {
    expected_.emplace(base::StrCat(at.Where(), ": the override names ", what,
                                   ", which no loaded pack has; remove it when the pack has "
                                   "dropped it"),
                      &change);
  }

  void RegisterPack(const Pack& pack) {
    const auto same = [&](const Pack& other) { return other.path == pack.path; };
    if (std::none_of(result_.packs.begin(), result_.packs.end(), same))
      result_.packs.push_back(pack);
  }

  void AddContent(std::string_view path, std::string_view text) {
    const std::string name = std::filesystem::path(std::string(path)).filename().string();
    base::StrAppend(&content_, name, "\n", text.size(), "\n", text, "\n");
  }

  absl::Status AddFile(const std::string& path, std::string text, PackContext context) {
    AddContent(path, text);
    auto parsed = base::Yaml::Parse(path, text);
    if (!parsed.ok()) {
      errors_.emplace_back(parsed.status().message());
      return absl::OkStatus();
    }
    const base::Yaml& yaml = *kept_
                                  .emplace(base::StrCat(path, "#", kept_.size()),
                                           std::make_unique<base::Yaml>(*std::move(parsed)))
                                  .first->second;
    if (const absl::Status status = AddRules(path, yaml, context); !status.ok())
      errors_.emplace_back(status.message());
    return absl::OkStatus();
  }

  absl::Status AddRules(const std::string& path, const base::Yaml& yaml, PackContext& context) {
    if (yaml.is_null()) {
      return absl::InvalidArgumentError(
          base::StrCat(path, ":1:1: the file is empty; expected \"rules:\" and a list"));
    }
    KENG_RETURN_IF_ERROR(yaml.CheckKeys("a rule file", KeysOf("file")));
    const base::Yaml* pack_lists = context.lists;
    if (const base::Yaml* pack = yaml.Find("pack")) {
      if (context.pack.has_value()) {
        return pack->Error(
            "this file's folder has a pack.yaml already; remove \"pack\" from this file");
      }
      KENG_ASSIGN_OR_RETURN(context.pack, ParsePack(*pack, path));
      pack_lists = pack->Find("lists");
      RegisterPack(*context.pack);
    }
    if (!context.pack.has_value()) {
      Warn(RuleWarning::Weight::kUnpublishable,
           base::StrCat(path,
                        ":1:1: no pack.yaml beside this file and no \"pack\" in it; without a "
                        "name, purpose, owner and until it is not published"));
    }
    ListScope scope;
    KENG_RETURN_IF_ERROR(AddLists(pack_lists, scope));
    KENG_RETURN_IF_ERROR(AddLists(yaml.Find("lists"), scope));
    for (const base::Yaml* overrides : context.overrides) AddListChanges(*overrides, scope);
    ConditionParser conditions(scope, budget_);
    for (const auto& [name, list] : scope.lists) {
      conditions.SetSubject(base::StrCat("list ", name));
      KENG_RETURN_IF_ERROR(conditions.CheckList(name, *list));
    }
    const base::Yaml* rules = yaml.Find("rules");
    if (rules == nullptr || !rules->is_sequence()) {
      return (rules == nullptr ? yaml : *rules)
          .Error(base::StrCat("\"rules\" is ", rules == nullptr ? "missing" : Found(*rules),
                              "; expected \"rules:\" and under it a list, each entry beginning "
                              "with \"- id:\""));
    }
    for (const base::Yaml& rule : rules->items()) {
      if (const absl::Status status = AddRule(path, rule, context, conditions); !status.ok())
        errors_.emplace_back(status.message());
    }
    return absl::OkStatus();
  }

  absl::Status AddLists(const base::Yaml* lists, ListScope& scope) {
    if (lists == nullptr || lists->is_null()) return absl::OkStatus();
    if (!lists->is_map()) {
      return lists->Error(base::StrCat("lists is ", Found(*lists),
                                       "; expected a map of names: {road-words: [đường, hẻm]}"));
    }
    for (const auto& [name, list] : lists->entries()) scope.lists[name.scalar()] = &list;
    return absl::OkStatus();
  }

  void AddListChanges(const base::Yaml& overrides, ListScope& scope) {
    const base::Yaml* lists = overrides.Find("lists");
    if (lists == nullptr) return;
    for (const auto& [name, change] : lists->entries()) {
      const auto list = scope.lists.find(name.scalar());
      if (list == scope.lists.end()) continue;
      used_.insert(&change);
      ListChange& into = scope.changes[name.scalar()];
      if (const base::Yaml* add = change.Find("add")) {
        for (const base::Yaml& item : add->items()) into.add.push_back(&item);
      }
      if (const base::Yaml* remove = change.Find("remove")) {
        for (const base::Yaml& item : remove->items()) {
          const ListChange one{.add = {}, .remove = {item.scalar()}};
          const auto& phrases = list->second->items();
          if (std::any_of(phrases.begin(), phrases.end(),
                          [&](const base::Yaml& phrase) { return one.Removes(phrase); })) {
            used_.insert(&item);
          }
          into.remove.push_back(item.scalar());
        }
      }
    }
  }

  absl::Status AddRule(const std::string& path, const base::Yaml& yaml, const PackContext& context,
                       ConditionParser& conditions) {
    std::vector<const base::Yaml*> overrides;
    const base::Yaml* id = yaml.Find("id");
    for (const base::Yaml* file : context.overrides) {
      const base::Yaml* rules = file->Find("rules");
      const base::Yaml* change =
          rules == nullptr || id == nullptr ? nullptr : rules->Find(id->scalar());
      if (change == nullptr) continue;
      overrides.push_back(change);
      used_.insert(change);
    }
    const MarksMode marks = context.pack.has_value() ? context.pack->marks : MarksMode::kCompatible;
    KENG_ASSIGN_OR_RETURN(ParsedRule parsed, ParseRule(yaml, overrides, marks, conditions));
    Rule& rule = parsed.rule;
    rule.file = path;
    if (context.pack.has_value()) rule.pack = context.pack->name;
    const std::string where = yaml.Where();
    const auto [other, is_new] = ids_.emplace(rule.id, where);
    if (!is_new) {
      return id->Error(base::StrCat("rule ", rule.id, ": the id stands at ", other->second,
                                    " already; every rule has its own"));
    }
    if (ids_.size() > kRulesMax)
      return yaml.Error(base::StrCat("more than ", kRulesMax, " rules; split the rule set"));
    if (rule.tests.empty()) {
      Warn(RuleWarning::Weight::kUnpublishable,
           base::StrCat(where, ": rule ", rule.id,
                        " has no tests; it is not published before it has some"));
    }
    if (!parsed.enabled) {
      result_.off.emplace_back(rule.id, RuleOff::kDisabled);
    } else if (context.pack.has_value() && options_.now >= context.pack->until) {
      if (expired_.insert(context.pack->path).second) {
        Warn(RuleWarning::Weight::kUnpublishable,
             base::StrCat(context.pack->path,
                          ":1:1: the pack's until has passed; its rules are "
                          "off"));
      }
      base::StrAppend(&content_, "expired ", rule.id, "\n");
      result_.off.emplace_back(rule.id, RuleOff::kPackExpired);
    } else {
      result_.rules.push_back(std::move(rule));
    }
    return absl::OkStatus();
  }

  void WarnUnusedOverrides() {
    for (const auto& [message, change] : expected_) {
      if (!used_.contains(change)) Warn(RuleWarning::Weight::kAdvice, message);
    }
  }

  void Warn(RuleWarning::Weight weight, std::string message) {
    result_.warnings.push_back(RuleWarning{weight, std::move(message)});
  }

  const RuleLoadOptions& options_;
  const RuleFileReader& reader_;
  std::map<std::string, std::unique_ptr<base::Yaml>> kept_;
  std::map<std::string, std::string> ids_;             // rule id -> where
  std::map<std::string, const base::Yaml*> expected_;  // what is said of a change without use
  std::set<const base::Yaml*> used_;                   // changes that changed something
  std::set<std::string> expired_;
  std::vector<std::string> errors_;
  std::string content_;
  LoadBudget budget_;
  RuleFiles result_;
};

}  // namespace

absl::StatusOr<RuleFiles> LoadRules(const std::vector<std::string>& paths,
                                    const RuleLoadOptions& options) {
  if (paths.empty())
    return absl::InvalidArgumentError("no rule files given; name a file or a pack's folder");
  Load load(options);
  for (const std::string& path : paths) KENG_RETURN_IF_ERROR(load.AddPath(path));
  return load.Finish();
}

absl::StatusOr<RuleFiles> LoadRulesText(std::string_view file, std::string_view text) {
  const RuleLoadOptions options;
  Load load(options);
  KENG_RETURN_IF_ERROR(load.AddFile(std::string(file), std::string(text)));
  return load.Finish();
}

}  // namespace keng::filters
