#include "filters/sketch.h"

#include <algorithm>
#include <random>
#include <set>

#include "filters/text/fold.h"
#include "gtest/gtest.h"

namespace keng::filters {
namespace {

Sketch SketchOf(std::string_view text) {
  Folder folder;
  FoldedText folded;
  folder.Fold(text, folded);
  return MakeSketch(text, folded.text(), 7);
}

Likeness CompareTexts(std::string_view a, std::string_view b) {
  const Sketch x = SketchOf(a), y = SketchOf(b);
  EXPECT_EQ(Compare(x, y), Compare(y, x)) << "symmetric";
  return Compare(x, y);
}

constexpr std::string_view kFlood =
    "Đường Trần Hưng Đạo đoạn trước chợ ngập gần nửa bánh xe, bà con đi làm về nhớ tránh nhe";

TEST(SketchTest, TheSameTextInOtherClothes) {
  EXPECT_EQ(CompareTexts(kFlood, kFlood), Likeness::kSame);
  EXPECT_EQ(CompareTexts(kFlood,
                         "DUONG TRAN HUNG DAO doan truoc cho ngap gan nua banh xe,   ba con "
                         "di lam ve nho tranh nhe!!!"),
            Likeness::kSame);
  EXPECT_EQ(CompareTexts(kFlood, std::string(kFlood) + " Chia sẻ giúp mình với"), Likeness::kSame);
}

TEST(SketchTest, OtherTexts) {
  EXPECT_EQ(CompareTexts(kFlood, "Cầu sắt bắc qua kinh bị sập một nhịp, xe không qua được nữa rồi"),
            Likeness::kDifferentText);
  EXPECT_EQ(CompareTexts("ngập", "ngập"), Likeness::kTooShort);
  EXPECT_EQ(CompareTexts("", ""), Likeness::kTooShort);
}

TEST(SketchTest, TheListOfAnotherDay) {
  EXPECT_EQ(
      CompareTexts("Giá lúa hôm nay 12/10: OM 18 giá 6800 đồng, Đài thơm 7200 đồng, nếp 8100",
                   "Giá lúa hôm nay 13/10: OM 18 giá 6900 đồng, Đài thơm 7250 đồng, nếp 8050"),
      Likeness::kDifferentNumbers);
}

TEST(SketchTest, TheSameFormWithAnotherName) {
  EXPECT_EQ(CompareTexts("Tìm người thân: bé Nguyễn Văn Khang đi lạc từ sáng ở gần bến phà, mặc áo "
                         "xanh, ai gặp gọi giúp gia đình",
                         "Tìm người thân: bé Lê Thị Mỹ Duyên đi lạc từ sáng ở gần bến phà, mặc áo "
                         "xanh, ai gặp gọi giúp gia đình"),
            Likeness::kDifferentNames);
}

TEST(SketchTest, TheKeyDecidesTheHashes) {
  Folder folder;
  FoldedText folded;
  folder.Fold(kFlood, folded);
  EXPECT_NE(MakeSketch(kFlood, folded.text(), 1).shingles,
            MakeSketch(kFlood, folded.text(), 2).shingles);
}

TEST(SketchTest, AnyBytesAreTaken) {
  std::mt19937 random(3);
  for (int round = 0; round < 2000; ++round) {
    std::string text(random() % 40, ' ');
    for (char& byte : text) byte = static_cast<char>(random());
    const Sketch sketch = SketchOf(text);
    EXPECT_TRUE(std::is_sorted(sketch.names.begin(), sketch.names.end()));
    Compare(sketch, SketchOf(kFlood));
  }
}

TEST(SketchTest, JaccardIsThatOfSets) {
  std::mt19937 random(4);
  for (int round = 0; round < 500; ++round) {
    std::set<uint32_t> a, b;
    for (uint32_t i = random() % 30; i > 0; --i) a.insert(random() % 40);
    for (uint32_t i = random() % 30; i > 0; --i) b.insert(random() % 40);
    size_t common = 0;
    for (const uint32_t element : a) common += b.count(element);
    const size_t joined = a.size() + b.size() - common;
    const double expected =
        joined == 0 ? 0 : static_cast<double>(common) / static_cast<double>(joined);
    EXPECT_DOUBLE_EQ(Jaccard({a.begin(), a.end()}, {b.begin(), b.end()}), expected);
  }
}

}  // namespace
}  // namespace keng::filters
