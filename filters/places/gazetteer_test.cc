#include "filters/places/gazetteer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "base/temporary_folder.h"

namespace keng::filters {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

using Shared = std::shared_ptr<const Gazetteer>;

// The first three lines of most files here.
constexpr char kProvince[] = R"(province: "91"
places:
  - {code: "91", level: province, type: tỉnh, name: An Giang}
)";

Shared Parse(const std::string& text) {
  absl::StatusOr<Shared> gazetteer = Gazetteer::Parse({{"a.yaml", text}});
  EXPECT_TRUE(gazetteer.ok()) << gazetteer.status();
  return gazetteer.value_or(nullptr);
}

std::string ErrorOf(const std::string& text) {
  const absl::StatusOr<Shared> gazetteer = Gazetteer::Parse({{"a.yaml", text}});
  EXPECT_EQ(gazetteer.status().code(), absl::StatusCode::kInvalidArgument) << gazetteer.status();
  return std::string(gazetteer.status().message());
}

// A province with two units of today, the old units and districts that they came from, a hamlet
// and spots; and a province elsewhere.
Shared Small() {
  return Parse(std::string(kProvince) + R"(
  - {code: "old:91", level: province, type: tỉnh, name: Kiên Giang, in: "91", now: "91", until: "2025-07-01"}
  - {code: "old:883", type: thành phố, name: Long Xuyên, in: "91", now: "30307", until: "2025-07-01"}
  - {code: "old:892", type: huyện, name: Châu Thành, in: "91", now: "91", until: "2025-07-01", namesakes: 15}
  - {code: "old:905", type: huyện, name: Châu Thành, in: "old:91", now: "30880", until: "2025-07-01", namesakes: 15}
  - {code: "30307", type: phường, name: Long Xuyên, in: "91", from: "2025-07-01", namesakes: 3}
  - {code: "30880", type: xã, name: Châu Thành, in: "91", from: "2025-07-01", namesakes: 15}
  - {code: "old:30280", type: phường, name: Mỹ Bình, in: "old:883", now: "30307", until: "2025-07-01", namesakes: 3}
  - {code: "old:30298", type: phường, name: Mỹ Quý, in: "old:883", now: "30307", until: "2025-07-01"}
  - {code: "old:30880", type: thị trấn, name: Minh Lương, in: "old:905", now: "30880", until: "2025-07-01"}
  - {code: 30307/khom-5, type: khóm, name: "5", in: "30307", unverified: true}
  - {code: 30307/cho-long-xuyen, type: chợ, name: Long Xuyên, in: "30307", aliases: [chợ nổi Long Xuyên]}
  - {code: "79", level: province, type: thành phố, name: Hồ Chí Minh}
  - {code: "old:p79/quan-7", type: quận, name: "7", in: "79", until: "2025-07-01", typed_only: true}
  - {code: "25000", type: xã, name: Bình Chánh, in: "79", typed_only: true, common_word: true}
aliases:
  "79": [Sài Gòn]
abbreviations:
  "30307": [LX]
well_known: [Long Xuyên]
common_words: [Châu Thành]
)");
}

// Names of a place: as written, with "!" for each doubt of the kind.
std::vector<std::string> NamesOf(const Gazetteer& gazetteer, std::string_view code) {
  const int place = gazetteer.Find(code);
  EXPECT_NE(place, Place::kNobody) << code;
  std::vector<std::string> names;
  for (const PlaceName& name : gazetteer.names()) {
    if (name.place != place) continue;
    names.push_back(base::StrCat(name.phrase.written(), name.typed ? " typed" : "",
                                 name.Doubted(NameDoubt::kNamesake) ? " namesake" : "",
                                 name.Doubted(NameDoubt::kCommonWord) ? " common" : "",
                                 name.Doubted(NameDoubt::kAbbreviation) ? " abbreviation" : ""));
  }
  return names;
}

std::string TodayOf(const Gazetteer& gazetteer, std::string_view code) {
  return gazetteer.place(gazetteer.Today(gazetteer.Find(code))).code;
}

bool ContainsCode(const Gazetteer& gazetteer, std::string_view outer, std::string_view inner) {
  return gazetteer.Contains(gazetteer.Find(outer), gazetteer.Find(inner));
}

TEST(GazetteerTest, ErrorsOfAFileSayWhereWhatAndWhatToDo) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "a.yaml:1:1: the file is empty; add places, aliases, ... or remove it"},
      {"# nothing\n", "a.yaml:1:1: the file is empty; add places, aliases, ... or remove it"},
      {"- a",
       "a.yaml:1:1: a gazetteer file is a map; expected places, aliases, abbreviations, ..."},
      {"a: [\n", "a.yaml:2:1: end of sequence flow not found"},
      {"places: []\nplaces: []", "a.yaml:2:1: the key \"places\" stands twice; remove one of them"},
      {"provinc: \"91\"",
       "a.yaml:1:1: unknown key \"provinc\" in gazetteer file; did you mean \"province\"?"},
      {"province: [a]", "a.yaml:1:11: province is a list; expected text"},
      {"province: \"92\"",
       "a.yaml:1:11: province \"92\" is no place; correct the code or add that place"},
      {"places: []",
       "a.yaml:1:1: no file names the province served; add province: \"CODE\" to one"},
      {"places: {a: b}",
       "a.yaml:1:9: places is no list; expected \"- {code: ..., type: ..., name: ...}\""},
  };
  for (const auto& [text, message] : cases) EXPECT_EQ(ErrorOf(text), message) << text;
}

TEST(GazetteerTest, ErrorsOfAPlaceSayWhereWhatAndWhatToDo) {
  const std::string code =
      "expected the unit's official code such as \"30307\", \"old:30292\" for one of before July "
      "2025, or \"30307/khom-5\" below a unit";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"x", "5: a place is a map: {code: ..., type: ..., name: ...}"},
      {R"({code: "1", nam: A})", "17: unknown key \"nam\" in place; did you mean \"name\"?"},
      {"{code: [1], name: A}", "12: code is a list; expected text"},
      {R"({code: "1", name: {a: b}})", "23: name is a map; expected text"},
      {R"({code: "1", type: [a], name: A})", "23: type is a list; expected text"},
      {R"({code: "1", in: [a], name: A})", "21: in is a list; expected text"},
      {R"({code: "1", now: [a], name: A})", "22: now is a list; expected text"},
      {"{name: A}", "5: code \"\": " + code},
      {"{code: A b, name: A}", "5: code \"A b\": " + code},
      {"{code: /x, name: A}", "5: code \"/x\": " + code},
      {"{code: x/, name: A}", "5: code \"x/\": " + code},
      {"{code: " + std::string(65, '1') + ", name: A}",
       "5: code \"" + std::string(65, '1') + "\": " + code},
      {R"({code: "1", in: "91"})", "5: place 1 has no name; add name: ..."},
      {R"({code: "1", name: A, level: town})",
       "33: level \"town\": expected one of province, district, unit, hamlet, spot"},
      {R"({code: "1", name: A, until: 2025})", "33: until \"2025\": expected a date, YYYY-MM-DD"},
      {R"({code: "1", name: A, from: 2025/07/01})",
       "32: from \"2025/07/01\": expected a date, YYYY-MM-DD"},
      {R"({code: "1", name: A, namesakes: -1})",
       "37: namesakes is \"-1\"; expected a whole number from 0 to 100000"},
      {R"({code: "1", name: A, namesakes: many})",
       "37: namesakes is \"many\"; expected a whole number from 0 to 100000"},
      {R"({code: "1", name: A, unverified: maybe})",
       "38: unverified is \"maybe\"; expected true or false"},
      {R"({code: "1", name: A, typed_only: 1})", "38: typed_only is \"1\"; expected true or false"},
      {R"({code: "1", name: A, common_word: 1})",
       "39: common_word is \"1\"; expected true or false"},
      {R"({code: "1", name: A, aliases: {a: b}})",
       "35: aliases is a map; expected a list of texts"},
      {R"({code: "91", name: A})",
       "5: place 91 is given a second time, first at a.yaml:3:5; remove one, or add names under "
       "aliases"},
      {R"({code: "1", name: A})", "5: place 1 lies nowhere; add in: \"CODE\" of what contains it"},
      {R"({code: "1", name: A, in: "7"})",
       "30: place 1 refers to \"7\", which no file gives; correct the code or add that place"},
      {R"({code: "1", name: A, in: "91", now: "7"})",
       "41: place 1 refers to \"7\", which no file gives; correct the code or add that place"},
      {R"({code: "old:1", name: A, in: "91"})",
       "5: place old:1 is of before July 2025; add now: \"CODE\" of the unit that took it in"},
      {R"({code: "1", name: A, in: "91", until: 2025-07-01})",
       "5: place 1 is of before July 2025; add now: \"CODE\" of the unit that took it in"},
      {R"({code: "old:1", name: A, in: "91", now: "old:1"})",
       "45: place old:1 became old:1, which is of before July 2025, too; name a unit of today"},
      {R"({code: "1", name: A, in: "1"})",
       "5: place 1 lies in itself, by way of what contains it; mend in:"},
      {R"({code: "1", name: "!!!", in: "91"})",
       "5: \"!!!\" is no name: a phrase without a letter or digit: \"!!!\"; correct or remove it"},
      {R"({code: "1", name: A, in: "91", aliases: [B, "..."]})",
       "5: \"...\" is no name: a phrase without a letter or digit: \"...\"; correct or remove it"},
  };
  for (const auto& [place, message] : cases)
    EXPECT_EQ(ErrorOf(base::StrCat(kProvince, "  - ", place)), "a.yaml:4:" + message) << place;
}

TEST(GazetteerTest, ErrorsOfTheListsSayWhereWhatAndWhatToDo) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"aliases: [a]", "4:10: aliases is no map; expected \"CODE\": [name, ...]"},
      {"aliases:\n  \"91\": {a: b}", "5:9: aliases is a map; expected a list of texts"},
      {"aliases:\n  \"7\": [a]", "5:3: \"7\" is no place; correct the code"},
      {"aliases:\n  \"91\": [\"?\"]",
       "5:3: \"?\" is no name: a phrase without a letter or digit: \"?\"; correct or remove it"},
      {"abbreviations: x", "4:16: abbreviations is no map; expected \"CODE\": [name, ...]"},
      {"abbreviations:\n  \"7\": [a]", "5:3: \"7\" is no place; correct the code"},
      {"well_known: x", "4:13: well_known is no list of names; expected [Long Xuyên, ...]"},
      {"well_known: [a, \"-\"]",
       "4:17: well_known: \"-\" is no name: a phrase without a letter or digit: \"-\"; correct or "
       "remove it"},
      {"common_words: {a: b}",
       "4:15: common_words is no list of names; expected [Long Xuyên, ...]"},
      {"common_words: [\"-\"]",
       "4:16: common_words: \"-\" is no name: a phrase without a letter or digit: \"-\"; correct "
       "or remove it"},
      {"unmistakable: x", "4:15: unmistakable is no list of names; expected [Long Xuyên, ...]"},
      {"unmistakable: [\"-\"]",
       "4:16: unmistakable: \"-\" is no name: a phrase without a letter or digit: \"-\"; correct "
       "or remove it"},
      {"verified: x", "4:11: verified is no list of codes; expected [\"30307/khom-5\", ...]"},
      {"verified: [\"7\"]", "4:12: verified: \"7\" is no place; correct the code"},
      {"typed_only: x", "4:13: typed_only is no list of codes; expected [\"30307/khom-5\", ...]"},
      {"typed_only: [\"7\"]", "4:14: typed_only: \"7\" is no place; correct the code"},
  };
  for (const auto& [list, message] : cases)
    EXPECT_EQ(ErrorOf(kProvince + list), "a.yaml:" + message) << list;
}

TEST(GazetteerTest, ErrorsAcrossEntriesAndFiles) {
  EXPECT_EQ(ErrorOf(std::string(kProvince) + R"(  - {code: "1", name: A, in: "2"}
  - {code: "2", name: B, in: "1"})"),
            "a.yaml:4:5: place 1 lies in itself, by way of what contains it; mend in:");
  // All entries that are wrong are named, one a line.
  EXPECT_EQ(ErrorOf(std::string(kProvince) + "  - x\n  - {code: \"1\", name: A, level: town}"),
            "a.yaml:4:5: a place is a map: {code: ..., type: ..., name: ...}\n"
            "a.yaml:5:33: level \"town\": expected one of province, district, unit, hamlet, spot");
  // But no more than anyone reads.
  std::string many = kProvince;
  for (int i = 0; i < 100; ++i) many += "  - x\n";
  const std::string errors = ErrorOf(many);
  EXPECT_EQ(std::count(errors.begin(), errors.end(), '\n'), 19);

  absl::StatusOr<Shared> two =
      Gazetteer::Parse({{"a.yaml", kProvince}, {"b.yaml", "province: \"91\""}});
  EXPECT_EQ(two.status().message(),
            "b.yaml:1:11: the province served is given a second time; remove one");
  two =
      Gazetteer::Parse({{"a.yaml", kProvince}, {"b.yaml", "places:\n  - {code: \"91\", name: B}"}});
  EXPECT_EQ(two.status().message(),
            "b.yaml:2:5: place 91 is given a second time, first at a.yaml:3:5; remove one, or add "
            "names under aliases");
  EXPECT_EQ(Gazetteer::Parse({}).status().message(),
            "gazetteer:1:1: no file names the province served; add province: \"CODE\" to one");
}

TEST(GazetteerTest, LoadsFilesAndFoldersInOrderOfPath) {
  const base::TemporaryFolder folder("keng-gazetteer");
  const auto write = [&](const std::string& name, const std::string& text) {
    std::ofstream(folder.path() + "/" + name) << text;
  };
  write("b.yaml", kProvince);
  // Refers to a place of a later file.
  write("a.yaml", "places:\n  - {code: \"30307\", type: phường, name: Long Xuyên, in: \"91\"}\n");
  write("README.md", "no YAML");
  absl::StatusOr<Shared> gazetteer = Gazetteer::Load({folder.path()});
  ASSERT_TRUE(gazetteer.ok()) << gazetteer.status();
  ASSERT_THAT((*gazetteer)->places(), SizeIs(2));
  EXPECT_EQ((*gazetteer)->places()[0].code, "30307");
  EXPECT_EQ((*gazetteer)->place((*gazetteer)->province()).code, "91");

  gazetteer = Gazetteer::Load({folder.path() + "/b.yaml", folder.path() + "/a.yaml"});
  ASSERT_TRUE(gazetteer.ok()) << gazetteer.status();
  EXPECT_EQ((*gazetteer)->places()[0].code, "91");

  write("c.yaml", "places: 1");
  EXPECT_THAT(std::string(Gazetteer::Load({folder.path()}).status().message()),
              StartsWith(folder.path() + "/c.yaml:1:9: places is no list"));
  EXPECT_EQ(Gazetteer::Load({folder.path() + "/none"}).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(Gazetteer::Load({folder.path() + "/none.yaml"}).status().code(),
            absl::StatusCode::kNotFound);
}

TEST(GazetteerTest, LevelsFollowTheWordOfPlace) {
  const Shared gazetteer = Parse(std::string(kProvince) + R"(
  - {code: "1", type: đặc khu, name: A, in: "91"}
  - {code: "2", type: thị xã, name: A, in: "91"}
  - {code: "3", type: khu phố, name: A, in: "91"}
  - {code: "4", type: cầu, name: A, in: "91"}
  - {code: "5", type: xã, level: spot, name: A, in: "91"}
)");
  ASSERT_NE(gazetteer, nullptr);
  const auto level = [&](std::string_view code) {
    return gazetteer->place(gazetteer->Find(code)).level;
  };
  EXPECT_EQ(level("91"), PlaceLevel::kProvince);
  EXPECT_EQ(level("1"), PlaceLevel::kUnit);
  EXPECT_EQ(level("2"), PlaceLevel::kDistrict);
  EXPECT_EQ(level("3"), PlaceLevel::kHamlet);
  EXPECT_EQ(level("4"), PlaceLevel::kSpot);
  EXPECT_EQ(level("5"), PlaceLevel::kSpot) << "as stated";
  EXPECT_EQ(gazetteer->Find("6"), Place::kNobody);
  EXPECT_EQ(gazetteer->Find(""), Place::kNobody);
}

TEST(GazetteerTest, NamesCarryWhatIsKnownAgainstThem) {
  const Shared gazetteer = Small();
  ASSERT_NE(gazetteer, nullptr);
  // Known well enough that three namesakes elsewhere raise no doubt.
  EXPECT_THAT(NamesOf(*gazetteer, "30307"), ElementsAre("Long Xuyên", "LX abbreviation"));
  EXPECT_THAT(NamesOf(*gazetteer, "30880"), ElementsAre("Châu Thành namesake common"));
  EXPECT_THAT(NamesOf(*gazetteer, "old:30280"),
              ElementsAre("Mỹ Bình namesake", "Mĩ Bình namesake"));
  EXPECT_THAT(NamesOf(*gazetteer, "old:30298"),
              UnorderedElementsAre("Mỹ Quý", "Mỹ Quí", "Mĩ Quý", "Mĩ Quí"));
  // Hamlets are many; spots and hamlets have their word of place in the name.
  EXPECT_THAT(NamesOf(*gazetteer, "30307/khom-5"), ElementsAre("khóm 5 typed namesake"));
  EXPECT_THAT(NamesOf(*gazetteer, "30307/cho-long-xuyen"),
              ElementsAre("chợ Long Xuyên typed", "chợ nổi Long Xuyên typed"));
  EXPECT_THAT(NamesOf(*gazetteer, "old:p79/quan-7"), ElementsAre("quận 7 typed", "q 7 typed"));
  EXPECT_THAT(NamesOf(*gazetteer, "25000"), ElementsAre("xã Bình Chánh typed"));
  EXPECT_THAT(NamesOf(*gazetteer, "79"), ElementsAre("Hồ Chí Minh", "Sài Gòn"));
}

TEST(GazetteerTest, OperatorsListsChangePlacesOfOtherFiles) {
  const absl::StatusOr<Shared> gazetteer = Gazetteer::Parse({{"a.yaml", std::string(kProvince) + R"(
  - {code: "1", type: thị trấn, name: Thứ Ba, in: "91"}
  - {code: 1/ap-2, type: ấp, name: "2", in: "1", unverified: true}
)"},
                                                             {"b.yaml", R"(
typed_only: ["1"]
verified: [1/ap-2]
unmistakable: [Thứ Tư]
aliases: {"1": [Thứ Tư, Thu Tu]}
)"}});
  ASSERT_TRUE(gazetteer.ok()) << gazetteer.status();
  EXPECT_THAT(NamesOf(**gazetteer, "1"),
              ElementsAre("thị trấn Thứ Ba typed", "tt Thứ Ba typed", "Thứ Tư", "Thu Tu"));
  EXPECT_FALSE((*gazetteer)->place((*gazetteer)->Find("1/ap-2")).unverified);
  for (const PlaceName& name : (*gazetteer)->names()) {
    if (name.phrase.written() == "Thứ Tư") {
      EXPECT_TRUE(name.unmistakable);
    }
    if (name.phrase.written() == "Thu Tu") {
      EXPECT_FALSE(name.unmistakable) << "the list names marks, too";
    }
    if (name.phrase.written() == "An Giang") {
      EXPECT_FALSE(name.unmistakable);
    }
    if (name.phrase.written() == "thị trấn Thứ Ba") {
      EXPECT_TRUE(name.unmistakable) << "three syllables";
    }
  }
}

TEST(GazetteerTest, LiteralsAreDistinctFoldedAndCoverAllNames) {
  const Shared gazetteer = Small();
  ASSERT_NE(gazetteer, nullptr);
  const std::vector<std::string>& literals = gazetteer->literals();
  EXPECT_THAT(std::set<std::string>(literals.begin(), literals.end()), SizeIs(literals.size()));
  EXPECT_THAT(literals, Contains(" chau thanh ").Times(1));
  std::set<uint32_t> covered;
  for (uint32_t id = 0; id < literals.size(); ++id) {
    EXPECT_THAT(gazetteer->NamesOf(id), Not(IsEmpty()));
    EXPECT_TRUE(std::is_sorted(gazetteer->NamesOf(id).begin(), gazetteer->NamesOf(id).end()));
    for (const uint32_t name : gazetteer->NamesOf(id)) {
      EXPECT_EQ(gazetteer->names()[name].phrase.literal(), literals[id]);
      EXPECT_TRUE(covered.insert(name).second);
    }
    if (literals[id] == " chau thanh ") {
      EXPECT_THAT(gazetteer->NamesOf(id), SizeIs(3));
    }
  }
  EXPECT_THAT(covered, SizeIs(gazetteer->names().size()));
}

TEST(GazetteerTest, LiteralsOfOursAreToldFromThoseElsewhere) {
  const Shared gazetteer = Small();
  ASSERT_NE(gazetteer, nullptr);
  for (uint32_t id = 0; id < gazetteer->literals().size(); ++id) {
    const std::string& literal = gazetteer->literals()[id];
    const bool elsewhere = literal == " ho chi minh " || literal == " sai gon " ||
                           literal == " q 7 " || literal == " quan 7 " ||
                           literal == " xa binh chanh ";
    EXPECT_EQ(gazetteer->NamesServedPlace(id), !elsewhere) << literal;
  }
  EXPECT_TRUE(gazetteer->place(gazetteer->Find("30307/cho-long-xuyen")).served);
  EXPECT_TRUE(gazetteer->place(gazetteer->Find("old:30880")).served);
  EXPECT_FALSE(gazetteer->place(gazetteer->Find("25000")).served);
}

TEST(GazetteerTest, OldUnitsAnswerByTheUnitOfToday) {
  const Shared gazetteer = Small();
  ASSERT_NE(gazetteer, nullptr);
  EXPECT_EQ(TodayOf(*gazetteer, "30307"), "30307");
  EXPECT_EQ(TodayOf(*gazetteer, "old:30280"), "30307");
  EXPECT_EQ(TodayOf(*gazetteer, "old:883"), "30307");
  EXPECT_EQ(TodayOf(*gazetteer, "old:905"), "30880");
  EXPECT_EQ(TodayOf(*gazetteer, "old:892"), "91") << "no unit kept its name and seat";
  EXPECT_EQ(TodayOf(*gazetteer, "old:91"), "91");
  EXPECT_EQ(TodayOf(*gazetteer, "30307/khom-5"), "30307/khom-5");
  EXPECT_TRUE(gazetteer->place(gazetteer->Find("old:30280")).old);
  EXPECT_FALSE(gazetteer->place(gazetteer->Find("30307")).old);
}

TEST(GazetteerTest, PlacesContainEachOtherNowAndBefore) {
  const Shared gazetteer = Small();
  ASSERT_NE(gazetteer, nullptr);
  // Each row: the place, then all that contain it.
  const std::vector<std::pair<std::string, std::set<std::string>>> cases = {
      {"91", {"91"}},
      {"30307", {"30307", "91", "old:883"}},
      {"30880", {"30880", "91", "old:905", "old:91"}},
      {"old:30280", {"old:30280", "old:883", "30307", "91"}},
      {"old:30880", {"old:30880", "old:905", "old:91", "30880", "91"}},
      {"old:883", {"old:883", "91"}},
      {"30307/khom-5", {"30307/khom-5", "30307", "old:883", "91"}},
      {"30307/cho-long-xuyen", {"30307/cho-long-xuyen", "30307", "old:883", "91"}},
      {"25000", {"25000", "79"}},
  };
  for (const auto& [inner, outers] : cases)
    for (const Place& outer : gazetteer->places())
      EXPECT_EQ(ContainsCode(*gazetteer, outer.code, inner), outers.contains(outer.code))
          << outer.code << " and " << inner;
}

// All occurrences of all literals, found one by one.
std::vector<std::tuple<uint32_t, uint32_t, uint32_t>> FindAll(const Gazetteer& gazetteer,
                                                              std::string_view folded) {
  std::vector<std::tuple<uint32_t, uint32_t, uint32_t>> found;
  for (uint32_t id = 0; id < gazetteer.literals().size(); ++id) {
    const std::string& literal = gazetteer.literals()[id];
    for (size_t at = folded.find(literal); at != std::string_view::npos;
         at = folded.find(literal, at + 1))
      found.emplace_back(static_cast<uint32_t>(at + 1),
                         static_cast<uint32_t>(at + literal.size() - 1), id);
  }
  std::sort(found.begin(), found.end());
  return found;
}

TEST(NameScannerTest, FindsWhatALookForEachLiteralFinds) {
  const Shared gazetteer = Parse(std::string(kProvince) + R"(
  - {code: "1", type: xã, name: Hòa, in: "91"}
  - {code: "2", type: xã, name: Hòa An, in: "91"}
  - {code: "3", type: xã, name: An Hòa An, in: "91"}
  - {code: "4", type: xã, name: An An, in: "91"}
  - {code: "5", type: cầu, name: An Hòa Bình Phú, in: "91"}
  - {code: "6", type: xã, name: Bình, in: "91"}
)");
  ASSERT_NE(gazetteer, nullptr);
  const NameScanner scanner(*gazetteer);
  const std::vector<std::string> words = {"Hòa", "An",     "an", "BÌNH", "Phú",   "cầu",
                                          "Anh", "#AnHòa", ",",  "\n",   "Giang", "hoà"};
  std::mt19937 random(7);
  Folder folder;
  FoldedText folded;
  size_t total = 0;
  for (int round = 0; round < 500; ++round) {
    std::string text;
    for (size_t n = random() % 30; n > 0; --n)
      base::StrAppend(&text, words[random() % words.size()], random() % 4 == 0 ? "" : " ");
    folder.Fold(text, folded);
    std::vector<LiteralMatch> matches = {{99, 1, 2}};
    scanner.Scan(folded, matches);
    ASSERT_EQ(matches.front().id, 99u) << "appends";
    std::vector<std::tuple<uint32_t, uint32_t, uint32_t>> found;
    for (size_t i = 1; i < matches.size(); ++i)
      found.emplace_back(matches[i].begin, matches[i].end, matches[i].id);
    ASSERT_EQ(found, FindAll(*gazetteer, folded.text())) << text;
    total += found.size();
  }
  EXPECT_GT(total, 1000u) << "texts without names prove nothing";
}

class DeliveredGazetteerTest : public ::testing::Test {
 protected:
  static const Gazetteer& Delivered() {
    static const Shared gazetteer = [] {
      auto loaded = Gazetteer::Load({std::string(KENG_SOURCE_DIR) + "/rules/places"});
      EXPECT_TRUE(loaded.ok()) << loaded.status();
      return *std::move(loaded);
    }();
    return *gazetteer;
  }
};

TEST_F(DeliveredGazetteerTest, HasTheUnitsOfTodayAndAllThatTheyCameFrom) {
  const Gazetteer& gazetteer = Delivered();
  EXPECT_EQ(gazetteer.place(gazetteer.province()).code, "91");
  std::set<std::string> units, taken_in;
  size_t wards = 0, communes = 0, special = 0, old_units = 0, old_districts = 0;
  for (const Place& place : gazetteer.places()) {
    if (!place.served) continue;
    if (place.level == PlaceLevel::kUnit && !place.old) {
      EXPECT_THAT(place.code, testing::MatchesRegex("3[01][0-9][0-9][0-9]"));
      EXPECT_EQ(place.parent, gazetteer.province()) << place.code;
      units.insert(place.code);
      ++(place.type == "phường" ? wards : place.type == "xã" ? communes : special);
    } else if (place.old && place.level == PlaceLevel::kUnit) {
      ++old_units;
      ASSERT_NE(place.now, Place::kNobody) << place.code;
      taken_in.insert(gazetteer.place(place.now).code);
      EXPECT_EQ(gazetteer.place(place.parent).level, PlaceLevel::kDistrict) << place.code;
      EXPECT_TRUE(gazetteer.place(place.parent).old) << place.code;
    } else if (place.level == PlaceLevel::kDistrict) {
      ++old_districts;
      EXPECT_TRUE(place.old) << place.code;
    }
  }
  EXPECT_THAT(units, SizeIs(102));
  EXPECT_EQ(wards, 14u);
  EXPECT_EQ(communes, 85u);
  EXPECT_EQ(special, 3u);
  EXPECT_EQ(old_units, 299u);
  EXPECT_EQ(old_districts, 26u);
  EXPECT_EQ(taken_in, units) << "each unit of today came from old ones";
  for (const std::string& code : units)
    EXPECT_NE(gazetteer.Find("old:" + code), Place::kNobody)
        << code << ": named another unit, or a part of this one, before";
}

TEST_F(DeliveredGazetteerTest, OldPlacesLeadToTheUnitsOfToday) {
  const Gazetteer& gazetteer = Delivered();
  std::vector<std::string> to_the_province;
  for (size_t i = 0; i < gazetteer.places().size(); ++i) {
    const Place& place = gazetteer.places()[i];
    if (!place.served) continue;
    const int index = static_cast<int>(i);
    const int today = gazetteer.Today(index);
    EXPECT_FALSE(gazetteer.place(today).old) << place.code;
    EXPECT_TRUE(gazetteer.Contains(gazetteer.province(), index)) << place.code;
    EXPECT_TRUE(gazetteer.Contains(index, index)) << place.code;
    if (!place.old) continue;
    if (place.level == PlaceLevel::kUnit) {
      EXPECT_TRUE(gazetteer.Contains(today, index)) << place.code;
      EXPECT_TRUE(gazetteer.Contains(place.parent, today)) << place.code;
    }
    if (today == gazetteer.province()) to_the_province.push_back(place.code);
  }
  // Kiên Giang itself, and the one district of which no unit kept the name.
  EXPECT_THAT(to_the_province, UnorderedElementsAre("old:91", "old:892"));
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"old:883", "30307"},
      {"old:30280", "30307"},
      {"old:30292", "30292"},
      {"old:905", "30880"},
      {"old:31078", "31078"},
      {"old:30748", "30742"},
      {"old:30808", "30787"},
      {"old:30898", "30898"},
      {"old:30682", "30682"},
      // Two communes Thạnh Lộc, of Châu Thành and of Giồng Riềng.
      {"old:30901", "30886"},
      {"old:30913", "30910"},
      {"old:899/vinh-bao", "30742"},
  };
  for (const auto& [old, today] : cases) EXPECT_EQ(TodayOf(gazetteer, old), today) << old;
}

TEST_F(DeliveredGazetteerTest, NamesThatPeopleUseAreLiterals) {
  const Gazetteer& gazetteer = Delivered();
  const auto id_of = [&](const std::string& literal) {
    const auto found = std::find(gazetteer.literals().begin(), gazetteer.literals().end(), literal);
    EXPECT_NE(found, gazetteer.literals().end()) << literal;
    return static_cast<uint32_t>(found - gazetteer.literals().begin());
  };
  for (const char* ours : {" long xuyen ", " chau doc ", " lx ", " my qui ", " tan chau ",
                           " kenh rach gia ha tien ", " hoi an ", " tt thu ba "})
    EXPECT_TRUE(gazetteer.NamesServedPlace(id_of(ours))) << ours;
  for (const char* elsewhere : {" sai gon ", " can tho ", " q 7 ", " ha noi ", " thot not "})
    EXPECT_FALSE(gazetteer.NamesServedPlace(id_of(elsewhere))) << elsewhere;
  // Names that are known, elsewhere too, or words.
  EXPECT_THAT(NamesOf(gazetteer, "30307"), Contains("Long Xuyên"));
  EXPECT_THAT(NamesOf(gazetteer, "30898"), Contains("Bình An namesake common"));
  EXPECT_THAT(NamesOf(gazetteer, "30709"), Contains("Định Mỹ common"));
  EXPECT_THAT(NamesOf(gazetteer, "30619"), ElementsAre("Vĩnh Hanh"));
}

TEST_F(DeliveredGazetteerTest, TheScannerAgreesWithALookForEachLiteral) {
  const Gazetteer& gazetteer = Delivered();
  const NameScanner scanner(gazetteer);
  Folder folder;
  FoldedText folded;
  std::mt19937 random(11);
  for (int round = 0; round < 20; ++round) {
    std::string text;
    for (int n = 0; n < 40; ++n) {
      const PlaceName& name = gazetteer.names()[random() % gazetteer.names().size()];
      const std::string& written = name.phrase.written();
      // Whole names and their beginnings, so that names overlap and fail to.
      base::StrAppend(&text, written.substr(0, written.rfind(' ', random() % 64)),
                      random() % 3 == 0 ? ", " : " ");
    }
    folder.Fold(text, folded);
    std::vector<LiteralMatch> matches;
    scanner.Scan(folded, matches);
    std::vector<std::tuple<uint32_t, uint32_t, uint32_t>> found;
    for (const LiteralMatch& match : matches) found.emplace_back(match.begin, match.end, match.id);
    EXPECT_EQ(found, FindAll(gazetteer, folded.text())) << text;
    EXPECT_THAT(found, Not(IsEmpty()));
  }
}

}  // namespace
}  // namespace keng::filters
