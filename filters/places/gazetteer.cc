#include "filters/places/gazetteer.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <optional>
#include <system_error>

#include "base/check.h"
#include "base/strings.h"
#include "base/yaml.h"

namespace keng::filters {
namespace {

using base::StrCat;
using base::Yaml;

constexpr size_t kPlacesMax = 200'000;
constexpr size_t kErrorsMax = 20;

// Short forms of words of place under which a typed name is also written.
struct ShortForm {
  std::string_view type, form;
};
constexpr ShortForm kShortForms[] = {{"phường", "p"},     {"quận", "q"},    {"huyện", "h"},
                                     {"thành phố", "tp"}, {"thị xã", "tx"}, {"thị trấn", "tt"},
                                     {"kênh", "kinh"}};

// A final y after these consonants is also written i, and the other way round in the sources (Mỹ,
// Mĩ; Quý, Quí).
constexpr std::pair<std::string_view, std::string_view> kFinalY[] = {
    {"y", "i"}, {"ý", "í"}, {"ỳ", "ì"}, {"ỷ", "ỉ"}, {"ỹ", "ĩ"}, {"ỵ", "ị"}};

// `name` and how it is written with other final letters: Mỹ Quý, Mĩ Quý, Mỹ Quí, Mĩ Quí. Beyond the
// first kFinalYMax of them every y stays.
constexpr size_t kFinalYMax = 3;
std::vector<std::string> Spellings(std::string_view name) {
  std::vector<std::string> out = {""};
  size_t found = 0;
  for (size_t at = 0; at < name.size();) {
    std::string_view y, i;
    const bool after_consonant =
        at > 0 &&
        std::string_view("mklstvhuMKLSTVH").find(name[at - 1]) != std::string_view::npos &&
        (name[at - 1] != 'u' || (at > 1 && (name[at - 2] == 'q' || name[at - 2] == 'Q')));
    for (const auto& [from, to] : kFinalY) {
      const size_t end = at + from.size();
      if (after_consonant && found < kFinalYMax && name.substr(at).starts_with(from) &&
          (end == name.size() || name[end] == ' '))
        y = from, i = to;
    }
    const size_t size = out.size();
    if (!y.empty()) {
      ++found;
      for (size_t n = 0; n < size; ++n) out.push_back(out[n] + std::string(i));
    }
    const std::string_view as_is = y.empty() ? name.substr(at, 1) : y;
    for (size_t n = 0; n < size; ++n) out[n] += as_is;
    at += as_is.size();
  }
  return out;
}

std::optional<PlaceLevel> LevelByName(std::string_view name) {
  if (name == "province") return PlaceLevel::kProvince;
  if (name == "district") return PlaceLevel::kDistrict;
  if (name == "unit") return PlaceLevel::kUnit;
  if (name == "hamlet") return PlaceLevel::kHamlet;
  if (name == "spot") return PlaceLevel::kSpot;
  return std::nullopt;
}

PlaceLevel LevelOfType(std::string_view type) {
  if (type == "tỉnh") return PlaceLevel::kProvince;
  for (std::string_view unit : {"phường", "xã", "thị trấn", "đặc khu"})
    if (type == unit) return PlaceLevel::kUnit;
  for (std::string_view district : {"quận", "huyện", "thị xã", "thành phố"})
    if (type == district) return PlaceLevel::kDistrict;
  for (std::string_view hamlet : {"ấp", "khóm", "khu phố", "thôn", "tổ"})
    if (type == hamlet) return PlaceLevel::kHamlet;
  return PlaceLevel::kSpot;
}

bool WellFormedCode(std::string_view code) {
  if (code.empty() || code.size() > 64 || code.front() == '/' || code.back() == '/') return false;
  return std::all_of(code.begin(), code.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == ':' || c == '/' || c == '-';
  });
}

// `where` stands before the name: the list that it is in.
absl::Status NoName(const Yaml& node, std::string_view where, std::string_view name,
                    const absl::Status& reason) {
  return node.Error(StrCat(where, "\"", name, "\" is no name: ", std::string(reason.message()),
                           "; correct or remove it"));
}

bool WellFormedDate(std::string_view date) {
  if (date.size() != 10) return false;
  for (size_t i = 0; i < date.size(); ++i) {
    const bool dash = i == 4 || i == 7;
    if (dash ? date[i] != '-' : (date[i] < '0' || date[i] > '9')) return false;
  }
  return true;
}

}  // namespace

// Collects the entries of all files first, because a place may name one of a later file.
class GazetteerBuilder {
 public:
  absl::Status AddFile(const Yaml& root);
  absl::StatusOr<std::shared_ptr<const Gazetteer>> Build();

 private:
  struct Entry {
    Yaml node;
    std::string in, now;
    std::vector<std::string> aliases;
    bool typed_only = false;
  };
  struct Extra {
    Yaml node;
    std::string code;
    std::string name;
    NameDoubt doubt = NameDoubt::kNone;
  };

  void Keep(absl::Status status) {
    if (!status.ok() && errors_.size() < kErrorsMax) errors_.emplace_back(status.message());
  }
  absl::Status AddPlace(const Yaml& node);
  void AddExtras(const Yaml& root, std::string_view key, NameDoubt doubt);
  void AddWords(const Yaml& root, std::string_view key, std::vector<Phrase>& out);
  void AddCodes(const Yaml& root, std::string_view key, std::vector<Yaml>& out);
  void Link();
  void AddNames(int place);
  void AddName(const Yaml& node, int place, const std::string& written, uint8_t doubts, bool typed);
  static bool Listed(const std::vector<Phrase>& words, const Phrase& phrase,
                     std::string_view written);
  void Contain();

  std::vector<std::string> errors_;
  std::vector<Entry> entries_;
  std::vector<Extra> extras_;
  std::vector<Phrase> common_, known_, unmistakable_;
  std::vector<Yaml> verified_, typed_only_;
  std::string first_file_;
  Yaml province_;
  std::string province_code_;
  std::unique_ptr<Gazetteer> out_{new Gazetteer()};
  absl::flat_hash_map<std::string, uint32_t> ids_;
};

absl::Status GazetteerBuilder::AddFile(const Yaml& root) {
  if (root.is_null())
    return absl::InvalidArgumentError(
        StrCat(root.file(), ":1:1: the file is empty; add places, aliases, ... or remove it"));
  if (!root.is_map())
    return root.Error("a gazetteer file is a map; expected places, aliases, abbreviations, ...");
  KENG_RETURN_IF_ERROR(root.CheckKeys(
      "gazetteer file", {"province", "places", "aliases", "abbreviations", "well_known",
                         "common_words", "unmistakable", "verified", "typed_only"}));
  if (first_file_.empty()) first_file_ = root.file();
  if (const Yaml* province = root.Find("province")) {
    if (!province_code_.empty())
      return province->Error("the province served is given a second time; remove one");
    KENG_ASSIGN_OR_RETURN(province_code_, province->String("province"));
    province_ = *province;
  }
  if (const Yaml* places = root.Find("places")) {
    if (!places->is_sequence())
      return places->Error("places is no list; expected \"- {code: ..., type: ..., name: ...}\"");
    for (const Yaml& node : places->items()) Keep(AddPlace(node));
  }
  AddExtras(root, "aliases", NameDoubt::kNone);
  AddExtras(root, "abbreviations", NameDoubt::kAbbreviation);
  AddWords(root, "well_known", known_);
  AddWords(root, "common_words", common_);
  AddWords(root, "unmistakable", unmistakable_);
  AddCodes(root, "verified", verified_);
  AddCodes(root, "typed_only", typed_only_);
  return absl::OkStatus();
}

absl::Status GazetteerBuilder::AddPlace(const Yaml& node) {
  if (!node.is_map()) return node.Error("a place is a map: {code: ..., type: ..., name: ...}");
  KENG_RETURN_IF_ERROR(
      node.CheckKeys("place", {"code", "level", "type", "name", "aliases", "in", "now", "from",
                               "until", "namesakes", "unverified", "typed_only", "common_word"}));
  if (entries_.size() >= kPlacesMax)
    return node.Error(StrCat("more than ", kPlacesMax, " places; split the province"));
  Entry entry;
  Place place;
  entry.node = node;
  auto text = [&](std::string_view key, std::string& out) -> absl::Status {
    const Yaml* value = node.Find(key);
    if (value == nullptr) return absl::OkStatus();
    KENG_ASSIGN_OR_RETURN(out, value->String(key));
    return absl::OkStatus();
  };
  std::string level, from, until;
  KENG_RETURN_IF_ERROR(text("code", place.code));
  KENG_RETURN_IF_ERROR(text("type", place.type));
  KENG_RETURN_IF_ERROR(text("name", place.name));
  KENG_RETURN_IF_ERROR(text("in", entry.in));
  KENG_RETURN_IF_ERROR(text("now", entry.now));
  KENG_RETURN_IF_ERROR(text("level", level));
  KENG_RETURN_IF_ERROR(text("from", from));
  KENG_RETURN_IF_ERROR(text("until", until));
  if (!WellFormedCode(place.code))
    return node.Error(StrCat(
        "code \"", place.code,
        "\": expected the unit's official code such as \"30307\", \"old:30292\" for one of before "
        "July 2025, or \"30307/khom-5\" below a unit"));
  if (place.name.empty())
    return node.Error(StrCat("place ", place.code, " has no name; add name: ..."));
  place.level = LevelOfType(place.type);
  if (!level.empty()) {
    const std::optional<PlaceLevel> named = LevelByName(level);
    if (!named)
      return node.Find("level")->Error(
          StrCat("level \"", level, "\": expected one of province, district, unit, hamlet, spot"));
    place.level = *named;
  }
  for (const auto& [key, date] : {std::pair{"from", &from}, std::pair{"until", &until}})
    if (!date->empty() && !WellFormedDate(*date))
      return node.Find(key)->Error(StrCat(key, " \"", *date, "\": expected a date, YYYY-MM-DD"));
  if (const Yaml* value = node.Find("namesakes")) {
    KENG_ASSIGN_OR_RETURN(const int64_t count, value->Int("namesakes", 0, 100'000));
    place.namesakes = static_cast<int>(count);
  }
  if (const Yaml* value = node.Find("unverified")) {
    KENG_ASSIGN_OR_RETURN(place.unverified, value->Bool("unverified"));
  }
  if (const Yaml* value = node.Find("typed_only")) {
    KENG_ASSIGN_OR_RETURN(entry.typed_only, value->Bool("typed_only"));
  }
  if (const Yaml* value = node.Find("common_word")) {
    KENG_ASSIGN_OR_RETURN(const bool common, value->Bool("common_word"));
    absl::StatusOr<Phrase> phrase = Phrase::Parse(place.name);
    if (common && phrase.ok()) common_.push_back(*std::move(phrase));
  }
  if (const Yaml* value = node.Find("aliases")) {
    KENG_ASSIGN_OR_RETURN(entry.aliases, value->Strings("aliases"));
  }
  place.old = !until.empty() || place.code.starts_with("old:");
  const auto [other, fresh] = out_->by_code_.emplace(place.code, static_cast<int>(entries_.size()));
  if (!fresh)
    return node.Error(StrCat("place ", place.code, " is given a second time, first at ",
                             entries_[static_cast<size_t>(other->second)].node.Where(),
                             "; remove one, or add names under aliases"));
  out_->places_.push_back(std::move(place));
  entries_.push_back(std::move(entry));
  return absl::OkStatus();
}

void GazetteerBuilder::AddExtras(const Yaml& root, std::string_view key, NameDoubt doubt) {
  const Yaml* map = root.Find(key);
  if (map == nullptr) return;
  if (!map->is_map())
    return Keep(map->Error(StrCat(key, " is no map; expected \"CODE\": [name, ...]")));
  for (const auto& [code, names] : map->entries()) {
    absl::StatusOr<std::vector<std::string>> list = names.Strings(key);
    if (!list.ok()) {
      Keep(list.status());
      continue;
    }
    for (std::string& name : *list)
      extras_.push_back({code, code.scalar(), std::move(name), doubt});
  }
}

void GazetteerBuilder::AddWords(const Yaml& root, std::string_view key, std::vector<Phrase>& out) {
  const Yaml* list = root.Find(key);
  if (list == nullptr) return;
  if (!list->is_sequence())
    return Keep(list->Error(StrCat(key, " is no list of names; expected [Long Xuyên, ...]")));
  for (const Yaml& node : list->items()) {
    absl::StatusOr<Phrase> phrase = Phrase::Parse(node.scalar());
    if (phrase.ok())
      out.push_back(*std::move(phrase));
    else
      Keep(NoName(node, StrCat(key, ": "), node.scalar(), phrase.status()));
  }
}

void GazetteerBuilder::AddCodes(const Yaml& root, std::string_view key, std::vector<Yaml>& out) {
  const Yaml* list = root.Find(key);
  if (list == nullptr) return;
  if (!list->is_sequence())
    return Keep(list->Error(StrCat(key, " is no list of codes; expected [\"30307/khom-5\", ...]")));
  out.insert(out.end(), list->items().begin(), list->items().end());
}

// Resolves the codes that places refer to, finds cycles, and marks what is served.
void GazetteerBuilder::Link() {
  std::vector<Place>& places = out_->places_;
  out_->province_ = out_->Find(province_code_);
  if (out_->province_ == Place::kNobody) {
    if (province_code_.empty())
      errors_.push_back(
          StrCat(first_file_.empty() ? "gazetteer" : first_file_,
                 ":1:1: no file names the province served; add province: \"CODE\" to one"));
    else
      Keep(province_.Error(StrCat("province \"", province_code_,
                                  "\" is no place; correct the code or add that place")));
    return;
  }
  for (size_t i = 0; i < places.size(); ++i) {
    for (const auto& [key, code, target] : {std::tuple{"in", &entries_[i].in, &places[i].parent},
                                            std::tuple{"now", &entries_[i].now, &places[i].now}}) {
      if (code->empty()) continue;
      *target = out_->Find(*code);
      if (*target == Place::kNobody)
        Keep(entries_[i].node.Find(key)->Error(
            StrCat("place ", places[i].code, " refers to \"", *code,
                   "\", which no file gives; correct the code or add that place")));
    }
    if (places[i].parent == Place::kNobody && places[i].level != PlaceLevel::kProvince &&
        entries_[i].in.empty())
      Keep(entries_[i].node.Error(
          StrCat("place ", places[i].code, " lies nowhere; add in: \"CODE\" of what contains it")));
    const int now = places[i].now;
    if (now != Place::kNobody && places[static_cast<size_t>(now)].old)
      Keep(entries_[i].node.Find("now")->Error(
          StrCat("place ", places[i].code, " became ", entries_[i].now,
                 ", which is of before July 2025, too; name a unit of today")));
  }
  auto for_each = [&](std::string_view key, const std::vector<Yaml>& codes, auto change) {
    for (const Yaml& node : codes) {
      const int place = out_->Find(node.scalar());
      if (place == Place::kNobody)
        Keep(node.Error(StrCat(key, ": \"", node.scalar(), "\" is no place; correct the code")));
      else
        change(static_cast<size_t>(place));
    }
  };
  for_each("verified", verified_, [&](size_t place) { places[place].unverified = false; });
  for_each("typed_only", typed_only_, [&](size_t place) { entries_[place].typed_only = true; });
  for (size_t i = 0; i < places.size(); ++i) {
    int at = static_cast<int>(i);
    int steps = 0;
    while (at != Place::kNobody && at != out_->province_ && steps++ < 8)
      at = out_->place(at).parent;
    if (steps > 8) {
      Keep(entries_[i].node.Error(StrCat("place ", places[i].code,
                                         " lies in itself, by way of what contains it; mend in:")));
      return;
    }
    places[i].served = at == out_->province_;
    if (places[i].served && places[i].old && places[i].now == Place::kNobody)
      Keep(entries_[i].node.Error(
          StrCat("place ", places[i].code,
                 " is of before July 2025; add now: \"CODE\" of the unit that took it in")));
  }
}

bool GazetteerBuilder::Listed(const std::vector<Phrase>& words, const Phrase& phrase,
                              std::string_view written) {
  std::optional<FoldedText> folded;
  for (const Phrase& word : words) {
    if (word.literal() != phrase.literal()) continue;
    if (!folded) {
      folded.emplace();
      Folder().Fold(written, *folded);
    }
    if (CompareMarks(word, *folded, 0) == MarksEvidence::kEqual) return true;
  }
  return false;
}

void GazetteerBuilder::AddName(const Yaml& node, int place, const std::string& written,
                               uint8_t doubts, bool typed) {
  absl::StatusOr<Phrase> phrase = Phrase::Parse(written);
  if (!phrase.ok()) return Keep(NoName(node, "", written, phrase.status()));
  PlaceName name{*std::move(phrase), place, doubts, typed, false};
  name.unmistakable = name.phrase.syllables() >= 3 || Listed(unmistakable_, name.phrase, written);
  const auto [found, fresh] =
      ids_.emplace(name.phrase.literal(), static_cast<uint32_t>(out_->literals_.size()));
  if (fresh) {
    out_->literals_.push_back(name.phrase.literal());
    out_->names_of_.emplace_back();
  }
  out_->names_of_[found->second].push_back(static_cast<uint32_t>(out_->names_.size()));
  out_->names_.push_back(std::move(name));
}

void GazetteerBuilder::AddNames(int index) {
  const Place& place = out_->places_[static_cast<size_t>(index)];
  const Entry& entry = entries_[static_cast<size_t>(index)];
  uint8_t doubts = 0;
  const bool full =
      place.level == PlaceLevel::kHamlet || place.level == PlaceLevel::kSpot || entry.typed_only;
  absl::StatusOr<Phrase> bare = Phrase::Parse(place.name);
  if (!bare.ok()) return Keep(NoName(entry.node, "", place.name, bare.status()));
  if (place.level == PlaceLevel::kHamlet) doubts |= static_cast<uint8_t>(NameDoubt::kNamesake);
  if (place.namesakes > 0 && (full || !Listed(known_, *bare, place.name)))
    doubts |= static_cast<uint8_t>(NameDoubt::kNamesake);
  if (!full && Listed(common_, *bare, place.name))
    doubts |= static_cast<uint8_t>(NameDoubt::kCommonWord);

  auto add = [&](const std::string& name, bool typed) {
    for (const std::string& spelling : Spellings(name))
      AddName(entry.node, index, spelling, doubts, typed);
  };
  if (full && !place.type.empty()) {
    add(StrCat(place.type, " ", place.name), true);
    for (const ShortForm& form : kShortForms)
      if (form.type == place.type) add(StrCat(form.form, " ", place.name), true);
  } else {
    add(place.name, false);
  }
  for (const std::string& alias : entry.aliases) add(alias, full);
}

bool Gazetteer::NamesServedPlace(uint32_t literal) const {
  return std::any_of(names_of_[literal].begin(), names_of_[literal].end(),
                     [&](uint32_t name) { return place(names_[name].place).served; });
}

int Gazetteer::Find(std::string_view code) const {
  const auto found = by_code_.find(base::ToAbsl(code));
  return found == by_code_.end() ? Place::kNobody : found->second;
}

int Gazetteer::Today(int index) const {
  const Place& p = place(index);
  return p.now == Place::kNobody ? index : p.now;
}

bool Gazetteer::Contains(int outer, int inner) const {
  const std::vector<int>& containers = containers_[static_cast<size_t>(inner)];
  return std::binary_search(containers.begin(), containers.end(), outer);
}

// A unit of today lies in the old districts of its parts, an old unit in its old district and in
// the unit of today, a spot in all that its unit lies in.
void GazetteerBuilder::Contain() {
  const std::vector<Place>& places = out_->places_;
  std::vector<std::vector<int>>& all = out_->containers_;
  all.resize(places.size());
  auto add_chain = [&](std::vector<int>& into, int from) {
    for (int at = from; at != Place::kNobody; at = out_->place(at).parent) into.push_back(at);
  };
  for (size_t i = 0; i < places.size(); ++i) {
    add_chain(all[i], static_cast<int>(i));
    if (places[i].level != PlaceLevel::kUnit || places[i].now == Place::kNobody) continue;
    all[i].push_back(places[i].now);
    add_chain(all[i], out_->place(places[i].now).parent);
    add_chain(all[static_cast<size_t>(places[i].now)], places[i].parent);
  }
  for (size_t i = 0; i < places.size(); ++i) {
    const bool below =
        places[i].level == PlaceLevel::kHamlet || places[i].level == PlaceLevel::kSpot;
    if (below && places[i].parent != Place::kNobody) {
      const std::vector<int>& of_parent = all[static_cast<size_t>(places[i].parent)];
      all[i].insert(all[i].end(), of_parent.begin(), of_parent.end());
    }
  }
  for (std::vector<int>& containers : all) {
    std::sort(containers.begin(), containers.end());
    containers.erase(std::unique(containers.begin(), containers.end()), containers.end());
  }
}

absl::StatusOr<std::shared_ptr<const Gazetteer>> GazetteerBuilder::Build() {
  if (errors_.empty()) Link();
  if (errors_.empty()) {
    for (size_t i = 0; i < out_->places_.size(); ++i) AddNames(static_cast<int>(i));
    for (const Extra& extra : extras_) {
      const int place = out_->Find(extra.code);
      if (place == Place::kNobody)
        Keep(extra.node.Error(StrCat("\"", extra.code, "\" is no place; correct the code")));
      else
        AddName(extra.node, place, extra.name, static_cast<uint8_t>(extra.doubt), false);
    }
  }
  if (errors_.empty()) Contain();
  if (!errors_.empty()) {
    std::string message = errors_.front();
    for (size_t i = 1; i < errors_.size(); ++i) base::StrAppend(&message, "\n", errors_[i]);
    return absl::InvalidArgumentError(message);
  }
  return std::shared_ptr<const Gazetteer>(std::move(out_));
}

absl::StatusOr<std::shared_ptr<const Gazetteer>> Gazetteer::Parse(
    const std::vector<std::pair<std::string, std::string>>& files) {
  GazetteerBuilder builder;
  for (const auto& [name, text] : files) {
    KENG_ASSIGN_OR_RETURN(const Yaml root, Yaml::Parse(name, text));
    KENG_RETURN_IF_ERROR(builder.AddFile(root));
  }
  return builder.Build();
}

absl::StatusOr<std::shared_ptr<const Gazetteer>> Gazetteer::Load(
    const std::vector<std::string>& paths) {
  namespace fs = std::filesystem;
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    std::error_code error;
    if (!fs::is_directory(path, error)) {
      files.push_back(path);
      continue;
    }
    const size_t first = files.size();
    for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error))
      if (it->path().extension() == ".yaml") files.push_back(it->path().string());
    if (error) return absl::NotFoundError(StrCat(path, ": cannot be listed: ", error.message()));
    std::sort(files.begin() + static_cast<std::ptrdiff_t>(first), files.end());
  }
  GazetteerBuilder builder;
  for (const std::string& path : files) {
    KENG_ASSIGN_OR_RETURN(const Yaml root, Yaml::ParseFile(path));
    KENG_RETURN_IF_ERROR(builder.AddFile(root));
  }
  return builder.Build();
}

NameScanner::NameScanner(const Gazetteer& gazetteer) {
  const std::vector<std::string>& literals = gazetteer.literals();
  for (uint32_t id = 0; id < literals.size(); ++id) {
    const std::string inner = literals[id].substr(1, literals[id].size() - 2);
    const size_t syllables = 1 + static_cast<size_t>(std::count(inner.begin(), inner.end(), ' '));
    size_t& longest = longest_[inner.substr(0, inner.find(' '))];
    longest = std::max(longest, syllables);
    ids_.emplace(inner, id);
  }
}

void NameScanner::Scan(const FoldedText& folded, std::vector<LiteralMatch>& out) const {
  const std::string_view text = folded.text();
  for (size_t begin = 1; begin < text.size();) {
    const size_t first_end = text.find(' ', begin);
    if (first_end == std::string_view::npos) break;
    const auto longest = longest_.find(base::ToAbsl(text.substr(begin, first_end - begin)));
    if (longest != longest_.end()) {
      size_t end = first_end;
      for (size_t n = 0; n < longest->second && end != std::string_view::npos; ++n) {
        const auto found = ids_.find(base::ToAbsl(text.substr(begin, end - begin)));
        if (found != ids_.end())
          out.push_back({found->second, static_cast<uint32_t>(begin), static_cast<uint32_t>(end)});
        end = end + 1 >= text.size() ? std::string_view::npos : text.find(' ', end + 1);
      }
    }
    begin = first_end + 1;
  }
}

}  // namespace keng::filters
