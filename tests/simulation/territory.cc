#include "tests/simulation/territory.h"

#include <map>
#include <utility>

#include "base/check.h"
#include "base/strings.h"
#include "filters/places/cells.h"
#include "filters/places/gazetteer.h"
#include "filters/rules/rule_loader.h"
#include "tests/simulation/town.h"

namespace keng::simulation {

namespace {

using base::StrCat;

constexpr size_t kWardsMax = 12;

std::string RulesText(const std::vector<Topic>& topics, int version) {
  std::string text = "rules:\n";
  for (const Topic& topic : topics) {
    base::StrAppend(&text, "  - {id: ", topic.name, ", topic: ", topic.name,
                    ", place: required, join_window: 72h, any: [", topic.phrase, "]}\n");
  }
  if (version == 0) return text;
  base::StrAppend(&text, "  - {id: ", topics[0].name, "-again, topic: ", topics[0].name,
                  ", place: required, join_window: 72h, any: [", topics[0].phrase, "]}\n");
  return text;
}

// So many that no two texts are near-duplicates: the place alone is to decide.
std::vector<std::string> Fillers(const filters::Gazetteer& gazetteer) {
  std::vector<std::string> fillers;
  for (const char* onset : {"b", "ch", "d", "g", "kh", "l", "m", "ng", "ph", "s", "th", "tr", "h",
                            "n", "nh", "r", "t", "v", "x"}) {
    for (const char* rime : {"ao", "eo", "im",  "om", "uon", "yen", "in", "oi", "e",  "en",
                             "ut", "ec", "ich", "op", "um",  "ung", "at", "ap", "uc", "ot"}) {
      const std::string syllable = StrCat(" ", onset, rime, " ");
      bool is_free = true;
      for (const std::string& literal : gazetteer.literals()) {
        is_free = is_free && literal.find(syllable) == std::string::npos;
      }
      if (is_free) fillers.push_back(StrCat(onset, rime));
    }
  }
  KENG_CHECK(fillers.size() > 200, fillers.size());
  return fillers;
}

}  // namespace

Territory::Territory()
    : topics_{{"flooding", "ngập lút bánh"},
              {"road-damage", "ổ voi giữa lộ"},
              {"rubbish", "rác chất đống"}} {
  const std::string source = KENG_SOURCE_DIR;
  auto gazetteer = filters::Gazetteer::Load({source + "/rules/places"});
  KENG_CHECK(gazetteer.ok(), gazetteer.status().ToString());
  auto cells = filters::Cells::Load(source + "/rules/cells.yaml", **gazetteer);
  KENG_CHECK(cells.ok(), cells.status().ToString());
  const auto resolver = std::make_shared<const filters::Resolver>(*gazetteer, *cells);
  KENG_CHECK((*cells)->desk().code == kDesk, (*cells)->desk().code);
  for (const filters::Place& place : (*gazetteer)->places()) {
    if (wards_.size() == kWardsMax) break;
    if (place.level == filters::PlaceLevel::kUnit && place.served && !place.old)
      wards_.push_back({place.code, StrCat(place.type, " ", place.name)});
  }
  fillers_ = Fillers(**gazetteer);
  for (int version = 0; version < kKits; ++version) {
    auto files = filters::LoadRulesText("rules.yaml", RulesText(topics_, version));
    KENG_CHECK(files.ok(), files.status().ToString());
    auto rules = filters::RuleSet::Compile(
        *std::move(files), {.folded = (*gazetteer)->literals(), .is_named_place = {}});
    KENG_CHECK(rules.ok(), rules.status().ToString());
    kits_[version] = {.rules = *std::move(rules), .resolver = resolver};
  }
  std::map<std::string, std::string, std::less<>> parents;
  for (const filters::Cell& cell : (*cells)->cells()) {
    if (cell.parent != filters::Cell::kNobody)
      parents[cell.code] = (*cells)->cells()[static_cast<size_t>(cell.parent)].code;
  }
  routes_ = std::make_unique<alerting::CellChannels>(
      std::map<std::string, std::vector<std::string>, std::less<>>{{kDesk, {"duty"}}},
      std::move(parents));
  auto keyring = ingest::AuthorKeyring::Open(folder_.path() + "/keys.json", kStart);
  KENG_CHECK(keyring.ok(), keyring.status().ToString());
  keyring_ = *std::move(keyring);
}

}  // namespace keng::simulation
