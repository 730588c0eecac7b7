#include "filters/rules/rule_package.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zstd.h>

#include <filesystem>
#include <fstream>

#include "base/strings.h"
#include "base/temporary_folder.h"
#include "filters/rules/rule_loader.h"

namespace keng::filters {
namespace {

using base::StrCat;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Key;

constexpr char kPack[] =
    "name: a\npurpose: b\nowner: c\nuntil: 2027-12-31\nlists: {road: [đường, hẻm]}\n";
constexpr char kFlood[] = "rules: [{id: flood, topic: flooding, any: [ngập nước, {list: road}]}]\n";
constexpr char kFire[] = "rules: [{id: fire, topic: fire, any: [cháy nhà]}]\n";
const absl::Time kNow = absl::FromUnixSeconds(1'780'000'000);

class RulePackageTest : public testing::Test {
 protected:
  RulePackageTest() : folder_("keng-package") {
    Write("an-giang/pack.yaml", kPack);
    Write("an-giang/flood.yaml", kFlood);
    Write("an-giang/fire.yml", kFire);
    Write("an-giang/overrides.yaml", "rules: {flood: {severity: high}}\n");
    Write("an-giang/notes.txt", "not read");
    Write("an-giang/.hidden.yaml", "not read");
    Write("local/changes.yaml", "rules: {fire: {enabled: false}, gone: {enabled: false}}\n");
  }
  std::string Path(const std::string& name) const { return StrCat(folder_.path(), "/", name); }
  void Write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(Path(name)).parent_path());
    std::ofstream(Path(name), std::ios::binary) << text;
  }
  // Loads from the files, and from a package that was packed and unpacked: all must agree.
  void ExpectSame(const std::vector<std::string>& paths, const std::string& overrides,
                  absl::Time now = kNow) const {
    const auto from_files = LoadRules(paths, {.now = now, .overrides_path = overrides});
    ASSERT_TRUE(from_files.ok()) << from_files.status();
    const auto read = RulePackage::Read(paths, overrides);
    ASSERT_TRUE(read.ok()) << read.status();
    const auto packed = read->Pack();
    ASSERT_TRUE(packed.ok()) << packed.status();
    const auto package = RulePackage::Unpack(*packed);
    ASSERT_TRUE(package.ok()) << package.status();
    const auto from_package = package->Load(now);
    ASSERT_TRUE(from_package.ok()) << from_package.status();
    EXPECT_EQ(from_package->version, from_files->version);
    EXPECT_EQ(from_package->off, from_files->off);
    ASSERT_EQ(from_package->warnings.size(), from_files->warnings.size());
    for (size_t i = 0; i < from_files->warnings.size(); ++i) {
      // But for the folders in front of the file's name.
      const std::string& message = from_package->warnings[i].message;
      EXPECT_THAT(from_files->warnings[i].message,
                  testing::EndsWith(message.substr(message.find('/'))));
    }
    ASSERT_EQ(from_package->rules.size(), from_files->rules.size());
    for (size_t i = 0; i < from_files->rules.size(); ++i) {
      EXPECT_EQ(from_package->rules[i].id, from_files->rules[i].id);
      EXPECT_EQ(from_package->rules[i].line, from_files->rules[i].line);
      EXPECT_EQ(from_package->rules[i].facts.severity, from_files->rules[i].facts.severity);
      const std::string& file = from_package->rules[i].file;
      EXPECT_THAT(from_files->rules[i].file, testing::EndsWith(file.substr(file.find('/'))));
    }
  }

  const base::TemporaryFolder folder_;
};

TEST_F(RulePackageTest, LoadsAsTheFilesDo) {
  ExpectSame({Path("an-giang")}, "");
  ExpectSame({Path("an-giang/")}, Path("local/changes.yaml"));
  ExpectSame({Path("an-giang/fire.yml"), Path("an-giang/flood.yaml")}, "");
  ExpectSame({Path("an-giang/flood.yaml")}, Path("an-giang/overrides.yaml"));
  ExpectSame({Path("an-giang")}, "", kNow + absl::Hours(24 * 1000));  // the pack has ended
}

TEST_F(RulePackageTest, TwoFoldersOfOneNameStayTwo) {
  Write("b/an-giang/pack.yaml", "name: z\npurpose: b\nowner: c\nuntil: 2027-12-31\n");
  Write("b/an-giang/bridge.yaml", "rules: [{id: bridge, topic: bridge, any: [cầu sập]}]\n");
  ExpectSame({Path("an-giang"), Path("b/an-giang")}, "");
  const auto package = RulePackage::Read({Path("b/an-giang"), Path("an-giang/fire.yml")}, "");
  ASSERT_TRUE(package.ok()) << package.status();
  EXPECT_THAT(package->paths(), ElementsAre("an-giang", "an-giang-2/fire.yml"));
}

TEST_F(RulePackageTest, TheShippedRulesTravel) {
  ExpectSame({StrCat(KENG_SOURCE_DIR, "/rules/an-giang")}, "");
}

TEST_F(RulePackageTest, HoldsWhatALoadReadsAndNoPathOfThePublisher) {
  const auto package = RulePackage::Read({Path("an-giang")}, Path("local/changes.yaml"));
  ASSERT_TRUE(package.ok()) << package.status();
  EXPECT_THAT(package->paths(), ElementsAre("an-giang"));
  EXPECT_EQ(package->overrides_path(), "local/changes.yaml");
  EXPECT_THAT(package->files(), ElementsAre(Key("an-giang/fire.yml"), Key("an-giang/flood.yaml"),
                                            Key("an-giang/overrides.yaml"),
                                            Key("an-giang/pack.yaml"), Key("local/changes.yaml")));
}

TEST_F(RulePackageTest, TheSameFilesElsewhereGiveTheSameBytes) {
  const auto here = RulePackage::Read({Path("an-giang")}, "");
  std::filesystem::create_directories(Path("elsewhere"));
  std::filesystem::copy(Path("an-giang"), Path("elsewhere/an-giang"));
  const auto there = RulePackage::Read({Path("elsewhere/an-giang")}, "");
  ASSERT_TRUE(here.ok() && there.ok());
  EXPECT_EQ(*here->Pack(), *there->Pack());
  Write("elsewhere/an-giang/fire.yml", StrCat(kFire, "\n"));
  EXPECT_NE(*here->Pack(), *RulePackage::Read({Path("elsewhere/an-giang")}, "")->Pack());
}

TEST_F(RulePackageTest, ErrorsNameFileAndLineWithinThePack) {
  const auto package =
      RulePackage::Make({"an-giang"}, "", {{"an-giang/flood.yaml", "rules:\n  - id: flood\n"}});
  ASSERT_TRUE(package.ok()) << package.status();
  Write("an-giang/flood.yaml", "rules:\n  - id: flood\n");
  std::filesystem::remove(Path("an-giang/overrides.yaml"));
  std::filesystem::remove(Path("an-giang/pack.yaml"));
  const auto from_files = LoadRules({Path("an-giang")});
  ASSERT_FALSE(from_files.ok());
  const std::string from_package(package->Load(kNow).status().message());
  EXPECT_THAT(from_package, HasSubstr("an-giang/flood.yaml:2"));
  EXPECT_EQ(StrCat(folder_.path(), "/", from_package), from_files.status().message());
}

TEST_F(RulePackageTest, WhatCannotBeLoadedIsNotPacked) {
  Write("an-giang/fire.yml", "rules: [{id: fire}]\n");
  const auto bad = RulePackage::Read({Path("an-giang")}, "");
  EXPECT_THAT(std::string(bad.status().message()), HasSubstr(Path("an-giang/fire.yml:1")));
  EXPECT_TRUE(absl::IsNotFound(RulePackage::Read({Path("nowhere")}, "").status()));
}

std::string Compressed(const std::string& plain) {
  std::string packed(ZSTD_compressBound(plain.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), plain.data(), plain.size(), 3));
  return packed;
}
std::string Number(uint32_t value) {
  std::string out;
  for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>(value >> shift));
  return out;
}
std::string Text(const std::string& text) {
  return StrCat(Number(static_cast<uint32_t>(text.size())), text);
}

TEST(RulePackageBytesTest, BrokenOnesAreNamedAndNeverTaken) {
  const auto package = RulePackage::Make({"a"}, "", {{"a/x.yaml", kFire}, {"a/y.yaml", kFlood}});
  const std::string packed = *package->Pack();
  ASSERT_TRUE(RulePackage::Unpack(packed).ok());
  for (size_t size = 0; size < packed.size(); ++size)
    EXPECT_FALSE(RulePackage::Unpack(packed.substr(0, size)).ok()) << size;

  const std::string good =
      StrCat("KENGRP01", Number(1), Text("a"), Text(""), Number(1), Text("a/x.yaml"), Text(kFire));
  ASSERT_TRUE(RulePackage::Unpack(Compressed(good)).ok());
  for (size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(RulePackage::Unpack(Compressed(good.substr(0, size))).ok()) << size;
  const std::string head = StrCat("KENGRP01", Number(1), Text("a"), Text(""));
  const std::string bad[] = {
      StrCat(good, "x"),
      StrCat("KENGRP02", good.substr(8)),
      StrCat("KENGRP01", Number(0), Text(""), Number(0)),
      StrCat("KENGRP01", Number(0xffffffff), Text("a")),
      StrCat(head, Number(0xffffffff), Text("a/x.yaml"), Text("")),
      StrCat(head, Number(1), Text("a/x.yaml"), Number(0xffffffff), "x"),
      StrCat(head, Number(2), Text("a/x.yaml"), Text(""), Text("a/x.yaml"), Text("")),
      StrCat(head, Number(2), Text("a/y.yaml"), Text(""), Text("a/x.yaml"), Text("")),
      StrCat(head, Number(1), Text("/etc/passwd"), Text("")),
      StrCat(head, Number(1), Text("a/\n.yaml"), Text("")),
      StrCat(head, Number(1), Text(""), Text("")),
  };
  for (const std::string& bytes : bad) EXPECT_FALSE(RulePackage::Unpack(Compressed(bytes)).ok());
}

TEST(RulePackageBytesTest, ABombDoesNotGoOff) {
  const std::string packed = Compressed(std::string(RulePackage::kBytesMax + 1024, 'a'));
  ASSERT_LT(packed.size(), 1u << 20);
  EXPECT_TRUE(absl::IsResourceExhausted(RulePackage::Unpack(packed).status()));
  EXPECT_TRUE(absl::IsResourceExhausted(
      RulePackage::Unpack(std::string(RulePackage::kPackedBytesMax + 1, 'a')).status()));
}

}  // namespace
}  // namespace keng::filters
