#include "filters/text/marks_habit.h"

#include <gtest/gtest.h>

#include <string_view>

namespace keng::filters {
namespace {

TEST(MarksHabit, HalfOfTheWordsDecide) {
  const std::string_view typed[] = {
      "hẻm 12 ngập tới gối rồi",
      "ngập",
      "NGẬP LỤT",
      "ko co điện nước",                    // 2 of 4
      "nga\u0323\u0302p lu\u0323t roi oi",  // combining marks
      "rồi…đó 😭 ok",
      "ngập lụt #ngaplut #angiang #longxuyen",
      "ngập lụt @ai_do_nao https://a.example/nga-tu-cau xem/nghe",
  };
  for (const std::string_view text : typed) {
    EXPECT_EQ(MarksHabitOf(text), MarksHabit::kTypesMarks) << text;
  }
  const std::string_view left_out[] = {
      "hem 12 ngap toi goi roi",
      "",
      "12 345",
      "😭😭",
      "mat dien rồi",  // 1 of 3
      "mất_dien_hem",  // three words
      "#ngập #lụt hem 12 ngap",
      "សួស្តី поток",
  };
  for (const std::string_view text : left_out) {
    EXPECT_EQ(MarksHabitOf(text), MarksHabit::kLeavesOut) << text;
  }
}

TEST(MarksHabit, ACutCharacterEndsTheText) {
  MarksHabitOf("hem \xC3");
  MarksHabitOf("hem \xE1\xBA");
  MarksHabitOf("\xE1");
}

TEST(MarksHabit, AHashtagReachesToTheNextSpace) {
  const std::string_view text = "a #Ngap_Lut, b";
  EXPECT_TRUE(InHashtag(text, {3, 7}));
  EXPECT_TRUE(InHashtag(text, {8, 11}));
  EXPECT_FALSE(InHashtag(text, {0, 1}));
  EXPECT_FALSE(InHashtag(text, {13, 14}));
  EXPECT_FALSE(InHashtag("# ngap", {2, 6}));
  EXPECT_FALSE(InHashtag("", {0, 0}));
}

}  // namespace
}  // namespace keng::filters
