#include "filters/places/cells.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/strings.h"
#include "base/temporary_folder.h"

namespace keng::filters {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Shared = std::shared_ptr<const Cells>;

// A province with two units, a hamlet and a spot, an old unit, and a province elsewhere.
const Gazetteer& Small() {
  static const std::shared_ptr<const Gazetteer> gazetteer = [] {
    auto parsed = Gazetteer::Parse({{"places.yaml", R"(
province: "91"
places:
  - {code: "91", level: province, type: tỉnh, name: An Giang}
  - {code: "30307", type: phường, name: Long Xuyên, in: "91"}
  - {code: "30619", type: xã, name: Vĩnh Hanh, in: "91"}
  - {code: 30307/khom-5, type: khóm, name: "5", in: "30307"}
  - {code: 30307/cho-long-xuyen, type: chợ, name: Long Xuyên, in: "30307"}
  - {code: "old:30280", type: phường, name: Mỹ Bình, in: "91", now: "30307"}
  - {code: "48", level: province, type: thành phố, name: Đà Nẵng}
)"}});
    KENG_CHECK(parsed.ok(), parsed.status().message());
    return *std::move(parsed);
  }();
  return *gazetteer;
}

// Four lines: a desk and a cell for each unit.
constexpr char kCells[] = R"(cells:
  - {code: "91", name: Tỉnh An Giang}
  - {code: "30307"}
  - {code: "30619"}
)";

absl::StatusOr<Shared> Parse(const std::string& text) {
  return Cells::Parse("c.yaml", text, Small());
}

Shared Parsed(const std::string& text) {
  absl::StatusOr<Shared> cells = Parse(text);
  EXPECT_TRUE(cells.ok()) << cells.status();
  return cells.value_or(nullptr);
}

std::string ErrorOf(const std::string& text) {
  const absl::StatusOr<Shared> cells = Parse(text);
  EXPECT_EQ(cells.status().code(), absl::StatusCode::kInvalidArgument) << cells.status();
  return std::string(cells.status().message());
}

TEST(CellsTest, ErrorsOfACellSayWhereWhatAndWhatToDo) {
  constexpr std::string_view kNoTopic =
      ": there is none; expected one of: flooding, road-damage, bridge, pavement, rubbish, "
      "water-outage, power-outage, pollution, erosion, traffic-accident, fire, epidemic, drugs, "
      "online-fraud, animals, other, rumour";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"x", "5: a cell is a map: {code: \"30307\", name: ...}"},
      {"{cod: x}", "6: unknown key \"cod\" in cell; did you mean \"code\"?"},
      {"{name: A}", "5: the cell has no code; add code: \"...\" of its unit"},
      {"{code: [a]}", "12: code is a list; expected text"},
      {R"({code: "30999"})",
       "12: cell \"30999\" is no place of the gazetteer; correct the code, or add the place first"},
      {R"({code: "old:30280"})",
       "12: cell \"old:30280\" (phường Mỹ Bình) is a unit of before July 2025; use the unit of "
       "today"},
      {R"({code: "48"})",
       "12: cell \"48\" (thành phố Đà Nẵng) is outside the province served; remove it"},
      {R"({code: "30307"})",
       "12: cell \"30307\" is given a second time, first at c.yaml:3:5; remove one"},
      {"{code: 30307/khom-5, name: [a]}", "32: name is a list; expected text"},
      {"{code: 30307/khom-5, in: [a]}", "30: in is a list; expected text"},
      {R"({code: 30307/khom-5, in: "7"})",
       "30: cell 30307/khom-5 lies under \"7\", which is no cell; correct the code or add that "
       "cell"},
      {"{code: 30307/khom-5, in: 30307/khom-5}",
       "5: cell 30307/khom-5 lies under itself, by way of its parents; mend in:"},
      {"{code: 30307/khom-5, topics: {a: b}}", "34: topics is a map; expected a list of texts"},
      {"{code: 30307/khom-5, topics: [fire, Flooding]}",
       base::StrCat("34: topic \"Flooding\"", kNoTopic)},
      {R"({code: 30307/khom-5, topics: [""]})", base::StrCat("34: topic \"\"", kNoTopic)},
  };
  for (const auto& [cell, message] : cases)
    EXPECT_EQ(ErrorOf(base::StrCat(kCells, "  - ", cell)), "c.yaml:5:" + message) << cell;
}

TEST(CellsTest, ErrorsOfAccountsSayWhereWhatAndWhatToDo) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {" [a]", "5:11: accounts is no map; expected \"facebook:page:1029\": \"30307\""},
      {"\n  \"facebook:1\": \"7\"",
       "6:17: account facebook:1 belongs to \"7\", which is no cell; correct the code or add that "
       "cell"},
      {"\n  \"facebook:1\": 30307/khom-5",
       "6:17: account facebook:1 belongs to \"30307/khom-5\", which is no cell; correct the code "
       "or add that cell"},
      {"\n  \"facebook:1\": [a]",
       "6:17: account facebook:1 belongs to \"\", which is no cell; correct the code or add that "
       "cell"},
      {"\n  \"facebook:1\": \"30307\"\n  \"facebook:1\": \"30619\"",
       "7:3: the key \"facebook:1\" stands twice; remove one of them"},
  };
  for (const auto& [accounts, message] : cases)
    EXPECT_EQ(ErrorOf(base::StrCat(kCells, "accounts:", accounts)), "c.yaml:" + message)
        << accounts;
  for (const std::string& account : std::vector<std::string>{
           "facebook", ":1", "facebook:", "Facebook:1", "face book:1", "facebook:page 1",
           "facebook:\\t", "", std::string(520, 'a') + ":1"})
    EXPECT_THAT(ErrorOf(base::StrCat(kCells, "accounts:\n  \"", account, "\": \"30307\"")),
                AllOf(HasSubstr("c.yaml:6:3: account \""),
                      HasSubstr("\": expected PLATFORM:..., as in the posts' field account, "
                                "without spaces")))
        << account;
}

TEST(CellsTest, ErrorsOfTheFileSayWhereWhatAndWhatToDo) {
  const std::string none =
      "c.yaml:1:1: there are no cells; add cells: with the desk and a cell for each unit\n"
      "c.yaml:1:1: phường Long Xuyên has no cell; add - {code: \"30307\"}\n"
      "c.yaml:1:1: xã Vĩnh Hanh has no cell; add - {code: \"30619\"}";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"a: [\n", "c.yaml:2:1: end of sequence flow not found"},
      {"", none},
      {"cells: []", none},
      {"- a", "c.yaml:1:1: a cells file is a map; expected cells, accounts\n" + none},
      {"cell: []",
       "c.yaml:1:1: unknown key \"cell\" in cells file; did you mean \"cells\"?\n" + none},
      {"cells: {}", "c.yaml:1:8: cells is no list; expected \"- {code: ...}\"\n" + none},
      {"extends: [a]", "c.yaml:1:10: extends is a list; expected text\n" + none},
      {"extends: none.yaml",
       "c.yaml:1:10: cannot be read: none.yaml: cannot be opened for reading\n" + none},
      {"cells:\n  - {code: \"91\"}\n  - {code: \"30307\"}",
       "c.yaml:1:1: xã Vĩnh Hanh has no cell; add - {code: \"30619\"}"},
      {"cells:\n  - {code: \"30307\"}\n  - {code: \"30619\"}",
       "c.yaml:3:5: cell 30619 has no parent, and neither has 30307; there is one desk: add in:"},
      {"cells:\n  - {code: \"91\", in: \"30307\"}\n  - {code: \"30307\"}\n  - {code: \"30619\"}",
       "c.yaml:1:1: every cell lies under another; take in: from the desk"},
      {"cells:\n  - {code: \"91\"}\n  - {code: \"30307\", in: \"30619\"}\n"
       "  - {code: \"30619\", in: \"30307\"}",
       "c.yaml:3:5: cell 30307 lies under itself, by way of its parents; mend in:\n"
       "c.yaml:4:5: cell 30619 lies under itself, by way of its parents; mend in:"},
      // Every problem, one a line.
      {"cells:\n  - {code: \"91\"}\n  - {code: \"1\"}\n  - {code: \"30307\", in: \"2\"}\n"
       "accounts:\n  \"facebook:1\": \"7\"",
       "c.yaml:3:12: cell \"1\" is no place of the gazetteer; correct the code, or add the place "
       "first\n"
       "c.yaml:4:25: cell 30307 lies under \"2\", which is no cell; correct the code or add that "
       "cell\n"
       "c.yaml:1:1: xã Vĩnh Hanh has no cell; add - {code: \"30619\"}\n"
       "c.yaml:6:17: account facebook:1 belongs to \"7\", which is no cell; correct the code or "
       "add that cell"},
  };
  for (const auto& [text, message] : cases) EXPECT_EQ(ErrorOf(text), message) << text;
}

TEST(CellsTest, AFileExtendsOthers) {
  const base::TemporaryFolder folder("keng-cells");
  const auto write = [&](const std::string& name, const std::string& text) {
    std::ofstream(folder.path() + "/" + name) << text;
    return folder.path() + "/" + name;
  };
  const std::string base = write(
      "base.yaml", std::string(kCells) + "accounts: {\"a:1\": \"30307\", \"a:2\": \"30307\"}");
  const std::string local = write("local.yaml",
                                  "extends: base.yaml\n"
                                  "cells:\n  - {code: 30307/khom-5}\n"
                                  "accounts: {\"a:1\": 30307/khom-5, \"a:3\": \"91\"}");
  absl::StatusOr<Shared> cells = Cells::Load(local, Small());
  ASSERT_TRUE(cells.ok()) << cells.status();
  EXPECT_THAT((*cells)->cells(), SizeIs(4));
  EXPECT_EQ((*cells)->accounts(), 3u);
  EXPECT_EQ((*cells)->OfAccount("a:1")->code, "30307/khom-5") << "the later file decides";
  EXPECT_EQ((*cells)->OfAccount("a:2")->code, "30307");
  EXPECT_EQ((*cells)->OfAccount("a:3")->code, "91");

  // A cell has one place where it is written.
  const std::string twice = write("twice.yaml", "extends: base.yaml\ncells: [{code: \"30307\"}]");
  EXPECT_EQ(Cells::Load(twice, Small()).status().message(),
            base::StrCat(twice, ":2:16: cell \"30307\" is given a second time, first at ", base,
                         ":3:5; remove one"));
  const std::string circle = write("circle.yaml", "extends: circle.yaml\n" + std::string(kCells));
  EXPECT_THAT(std::string(Cells::Load(circle, Small()).status().message()),
              HasSubstr(circle + ":1:10: more than 4 files extend each other, perhaps in a circle; "
                                 "name the base file only"));
  EXPECT_EQ(Cells::Load(folder.path() + "/none.yaml", Small()).status().code(),
            absl::StatusCode::kNotFound);
}

TEST(CellsTest, TheDeskComesFirstThenParentsBeforeChildren) {
  const Shared cells = Parsed(R"(cells:
  - {code: 30307/khom-5, name: Khóm 5 tự quản}
  - {code: "30619"}
  - {code: 30307/cho-long-xuyen, in: "91"}
  - {code: "30307"}
  - {code: "91"}
)");
  ASSERT_NE(cells, nullptr);
  EXPECT_EQ(cells->desk().code, "91");
  EXPECT_EQ(cells->desk().parent, Cell::kNobody);
  EXPECT_EQ(&cells->desk(), &cells->cells().front());
  ASSERT_THAT(cells->cells(), SizeIs(5));
  for (size_t i = 1; i < cells->cells().size(); ++i)
    EXPECT_LT(cells->cells()[i].parent, static_cast<int>(i)) << cells->cells()[i].code;
  // By the gazetteer, where the file does not say otherwise.
  EXPECT_THAT(cells->PathToDesk("30307/khom-5"), ElementsAre("30307/khom-5", "30307", "91"));
  EXPECT_THAT(cells->PathToDesk("30307/cho-long-xuyen"), ElementsAre("30307/cho-long-xuyen", "91"));
  EXPECT_THAT(cells->PathToDesk("91"), ElementsAre("91"));
  EXPECT_THAT(cells->PathToDesk("old:30280"), IsEmpty());
  EXPECT_THAT(cells->PathToDesk(""), IsEmpty());
  EXPECT_EQ(cells->Find("30307/khom-5")->name, "Khóm 5 tự quản");
  EXPECT_EQ(cells->Find("30307")->name, "phường Long Xuyên") << "of the gazetteer";
  EXPECT_EQ(cells->Find("48"), nullptr);
  EXPECT_EQ(cells->Find(""), nullptr);
}

TEST(CellsTest, WhatACellDoesNotTakeItsParentDoes) {
  const Shared cells = Parsed(R"(cells:
  - {code: "91", topics: [rumour]}
  - {code: "30307", topics: [flooding, rubbish]}
  - {code: "30619"}
  - {code: 30307/khom-5, topics: rubbish}
)");
  ASSERT_NE(cells, nullptr);
  struct Case {
    std::string_view code, topic, cell;
  };
  for (const Case& c : std::vector<Case>{
           {"30307/khom-5", "rubbish", "30307/khom-5"},
           {"30307/khom-5", "flooding", "30307"},
           {"30307/khom-5", "fire", "91"},  // nobody takes it: the desk does
           {"30307/khom-5", "rumour", "91"},
           {"30307/khom-5", "", "30307/khom-5"},
           {"30307", "rubbish", "30307"},
           {"30307", "fire", "91"},
           {"30619", "fire", "30619"},
           {"91", "fire", "91"},
           {"91", "", "91"},
           {"30999", "fire", "91"},  // unknown
           {"", "", "91"},
       })
    EXPECT_EQ(cells->For(c.code, c.topic).code, c.cell) << c.code << " " << c.topic;
  EXPECT_THAT(cells->Find("30307")->topics, ElementsAre("flooding", "rubbish"));
}

TEST(CellsTest, AccountsHaveACell) {
  const Shared cells = Parsed(std::string(kCells) + R"(accounts:
  "facebook:page:1029": "30307"
  "mastodon:user:tòa-soạn@an.giang": "91"
)");
  ASSERT_NE(cells, nullptr);
  EXPECT_EQ(cells->accounts(), 2u);
  ASSERT_NE(cells->OfAccount("facebook:page:1029"), nullptr);
  EXPECT_EQ(cells->OfAccount("facebook:page:1029")->code, "30307");
  EXPECT_EQ(cells->OfAccount("mastodon:user:tòa-soạn@an.giang")->code, "91");
  EXPECT_EQ(cells->OfAccount("facebook:page:1030"), nullptr);
  EXPECT_EQ(cells->OfAccount("facebook:page:102"), nullptr);
  EXPECT_EQ(cells->OfAccount(""), nullptr);
}

TEST(CellsTest, TheDeliveredCellsCoverEachUnitOfToday) {
  const std::string rules = std::string(KENG_SOURCE_DIR) + "/rules";
  const auto gazetteer = Gazetteer::Load({rules + "/places"});
  ASSERT_TRUE(gazetteer.ok()) << gazetteer.status();
  const auto cells = Cells::Load(rules + "/cells.yaml", **gazetteer);
  ASSERT_TRUE(cells.ok()) << cells.status();
  EXPECT_EQ((*cells)->desk().code, "91");
  EXPECT_THAT((*cells)->cells(), SizeIs(103));
  size_t units = 0;
  for (const Place& place : (*gazetteer)->places()) {
    if (!place.served || place.old || place.level != PlaceLevel::kUnit) continue;
    ++units;
    EXPECT_THAT((*cells)->PathToDesk(place.code), ElementsAre(place.code, "91"));
    const Cell* cell = (*cells)->Find(place.code);
    ASSERT_NE(cell, nullptr) << place.code;
    EXPECT_THAT(cell->name, testing::EndsWith(" " + place.name)) << "the unit's own name";
    EXPECT_EQ((*cells)->For(place.code, "flooding").code, place.code) << "takes every topic";
  }
  EXPECT_EQ(units, 102u);
}

}  // namespace
}  // namespace keng::filters
