// The scalar and the vectorised fold agree byte for byte, on every instruction set that this
// processor has.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/strings.h"
#include "filters/text/fold.h"
#include "filters/text/testing_forms.h"
#include "hwy/highway.h"

namespace keng::filters {
namespace {

// Runs `body` once for each instruction set.
template <typename Body>
void OnEachTarget(const Body& body) {
  const int64_t targets = hwy::SupportedTargets() & HWY_TARGETS;
  for (int64_t rest = targets; rest != 0; rest &= rest - 1) {
    const int64_t target = rest & -rest;
    hwy::SetSupportedTargetsForTest(target);
    SCOPED_TRACE(hwy::TargetName(target));
    body();
  }
  hwy::SetSupportedTargetsForTest(0);
}

class Comparer {
 public:
  // Whether both paths agree; reports the first text on which they do not.
  bool Agree(std::string_view text) {
    fastest_.Fold(text, fast_);
    scalar_.Fold(text, slow_);
    if (fast_.text() == slow_.text()) return SameOriginals(text);
    ADD_FAILURE() << "text   [" << text << "]\nfast   [" << fast_.text() << "]\nscalar ["
                  << slow_.text() << "]";
    return false;
  }

 private:
  // Each folded byte comes from the same original bytes on both paths.
  bool SameOriginals(std::string_view text) {
    for (uint32_t at = 1; at < fast_.text().size(); ++at) {
      const Span fast = fast_.Original(at - 1, at);
      const Span slow = slow_.Original(at - 1, at);
      if (fast == slow) continue;
      ADD_FAILURE() << "text [" << text << "], folded byte " << at - 1 << ": fast " << fast.begin
                    << "-" << fast.end << ", scalar " << slow.begin << "-" << slow.end;
      return false;
    }
    return true;
  }

  Folder fastest_;
  Folder scalar_{FoldPath::kScalar};
  FoldedText fast_;
  FoldedText slow_;
};

// Texts of pieces that meet at any place within and across blocks.
std::string RandomText(std::mt19937& random) {
  static const std::vector<std::string> pieces = {
      "a",
      "b",
      "ng",
      "ập",
      "nước",
      "Đường",
      "ĐƯỜNG",
      "ươ",
      "Ừ",
      "ỷ",
      "Ỹ",
      "ỻ",
      "ß",
      "Æ",
      "×",
      "ñ",
      " ",
      "  ",
      "\n",
      "\t",
      "\r\n",
      ".",
      ",",
      "…",
      "–",
      "“",
      "\u00a0",
      "\u2009",
      "\u200b",
      "😭",
      "🇻🇳",
      "❤️",
      "☔",
      "1",
      "12",
      "Q7",
      "15h",
      "#",
      "#ngapnuoc",
      "@ai",
      "http://x.vn/a",
      "://",
      "www.",
      "TikTok",
      "TPHcm",
      "AnGiang",
      "aa",
      "uu",
      "ưu",
      "xoong",
      "oo",
      "а",
      "ο",
      "привет",
      "水",
      "ข้าว",
      "\u0301",
      "\u0323",
      "e\u0302\u0301",
      "\xff",
      "\xc3",
      "\xe1\xba",
      "\xf0\x9f",
      "\x80",
      "*",
      "_",
      "|",
      "{",
      "[",
      "`",
      "@",
      "Z",
      "z",
      "/",
      "0",
      "9",
      ":",
      "\x7f",
      std::string(1, '\0'),
      "\u2027",
      "\u2028",
      "\u2600",
      "\u27bf",
      "\u27c0",
      "\U0001F000",
      "\U0001FFFF",
      "\U00020000",
      "thanh pho can tho ngap nang ",
      "NGẬP NƯỚC RỒI BÀ CON ƠI ",
      "Hẻm mấy ngày nay ngập sâu quá ",
  };
  std::string text;
  const size_t count = random() % 60;
  for (size_t i = 0; i < count; ++i) {
    // Mostly plain text, so that the fast path runs over block boundaries too.
    if (random() % 3 != 0) {
      text += testing::Phrases()[random() % testing::Phrases().size()];
      text += ' ';
    } else {
      text += pieces[random() % pieces.size()];
    }
  }
  if (random() % 4 == 0 && !text.empty()) text.resize(random() % text.size());  // cut characters
  return text;
}

TEST(PathsTest, AgreeOnRandomTexts) {
  OnEachTarget([] {
    std::mt19937 random(42);
    Comparer comparer;
    for (int i = 0; i < (KENG_THOROUGH ? 15000 : 3000); ++i) {
      if (!comparer.Agree(RandomText(random))) return;
    }
  });
}

TEST(PathsTest, AgreeOnEveryForm) {
  OnEachTarget([] {
    std::mt19937 random(5);
    Comparer comparer;
    for (const std::string& phrase : testing::Phrases()) {
      for (const testing::Form& form : testing::Forms()) {
        const std::string shift(random() % 64, '.');
        if (!comparer.Agree(shift + form.make(phrase, random) + " rồi")) return;
      }
    }
  });
}

// Every code point between letters, at the start and at the end, at two alignments. Under a
// sanitizer every 17th of those behind U+3000.
TEST(PathsTest, AgreeOnEveryCodePoint) {
  OnEachTarget([] {
    Comparer comparer;
    for (uint32_t cp = 1; cp <= 0x10FFFF; ++cp) {
      if (!KENG_THOROUGH && cp >= 0x3000) cp += 16;
      if (cp >= 0xD800 && cp <= 0xDFFF) continue;
      if (cp >= 0x30000) cp += 0xF;  // unassigned nearly everywhere
      std::string one;
      if (cp < 0x80) {
        one = {static_cast<char>(cp)};
      } else if (cp < 0x800) {
        one = {static_cast<char>(0xC0 | (cp >> 6)), static_cast<char>(0x80 | (cp & 0x3F))};
      } else if (cp < 0x10000) {
        one = {static_cast<char>(0xE0 | (cp >> 12)), static_cast<char>(0x80 | ((cp >> 6) & 0x3F)),
               static_cast<char>(0x80 | (cp & 0x3F))};
      } else {
        one = {static_cast<char>(0xF0 | (cp >> 18)), static_cast<char>(0x80 | ((cp >> 12) & 0x3F)),
               static_cast<char>(0x80 | ((cp >> 6) & 0x3F)), static_cast<char>(0x80 | (cp & 0x3F))};
      }
      if (!comparer.Agree(base::StrCat(one, " x", one, "y k", one))) return;
    }
  });
}

// Two and three arbitrary bytes between letters: every kind of broken UTF-8.
TEST(PathsTest, AgreeOnEveryPairOfBytes) {
  OnEachTarget([] {
    Comparer comparer;
    for (uint32_t pair = 0; pair < 0x10000; ++pair) {
      const char a = static_cast<char>(pair >> 8);
      const char b = static_cast<char>(pair & 0xFF);
      const std::string text = {'x', a, b, 'y', ' ', a, b, static_cast<char>(0xA1), 'z'};
      if (!comparer.Agree(text)) return;
    }
  });
}

TEST(PathsTest, AgreeOnTheCorpora) {
  const char* corpora = std::getenv("KENG_CORPORA");
  if (corpora == nullptr) GTEST_SKIP() << "KENG_CORPORA is not set: corpora not compared";
  Comparer comparer;
  uint64_t lines = 0;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(std::string(corpora) + "/corpora")) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    std::string line;
    while (std::getline(file, line)) {
      // JSON lines: line feeds and escapes as they would be in the post.
      for (size_t at = line.find("\\n"); at != std::string::npos; at = line.find("\\n", at)) {
        line.replace(at, 2, "\n");
      }
      ASSERT_TRUE(comparer.Agree(line));
      ++lines;
    }
  }
  EXPECT_GT(lines, 45000U);
}

}  // namespace
}  // namespace keng::filters
