#include "ingest/masking.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "base/strings.h"

namespace keng::ingest {
namespace {

std::string Masked(std::string text) {
  MaskPersonalData(text);
  return text;
}

// In each row what must be masked stands between [ and ]; the brackets are taken out before.
struct Marked {
  std::string text, expected;
};
Marked Unmark(std::string_view row) {
  Marked marked;
  bool inside = false;
  for (const char c : row) {
    if (c == '[' || c == ']') {
      inside = c == '[';
      continue;
    }
    marked.text.push_back(c);
    marked.expected.push_back(inside ? '*' : c);
  }
  return marked;
}

TEST(Masking, FindsWhatTellsWhoSomebodyIs) {
  for (const char* row : {
           // Mobile numbers.
           "gọi [0912345678] giúp em",
           "[0912 345 678] gặp chú Tư",
           "[0912.345.678]",
           "[0912-345-678]",
           "[091 234 5678]",
           "[091.2345.678]",
           "[0912 34 56 78]",
           "[0912 345678]",
           "[091 2345678]",
           "[09 1234 5678]",
           "[09 12 34 56 78]",
           "[0 9 1 2 3 4 5 6 7 8]",
           "[0.9.1.2.3.4.5.6.7.8]",
           "[0 912 345 678]",
           "[0356781234] bán cát",
           "[0777 123 456]",
           "[0868.999.111]",
           "[0589123456]",
           "[+84912345678]",
           "[+84 912 345 678]",
           "[+84 91 234 5678]",
           "[(+84) 912 345 678]",
           "[+84 (0)912 345 678]",
           "[+84.912.345.678]",
           "[84912345678]",
           "[84 912 345 678]",
           "[0084912345678]",
           "[01687 123 456]",  // before 2018
           "sdt[0912345678]nha",
           "SĐT:[0912345678].",
           "([0912345678])",
           "**[0912345678]**",
           "[0912345678]/[0987654321]",
           "[0912345678] - [0987654321]",
           "[0912 345 678] [0987 654 321]",
           "[0912345678], [0987654321]",
           "[0912/345/678]",
           "[0912,345,678]",
           "[o912345678]",
           "[O9123456O8]",
           "[0912\u00a0345\u00a0678]",
           "[0912\u2013345\u2013678]",
           "[0912\u200b345\u200b678]",
           "[\uff10\uff19\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18]",
           ("[0\ufe0f\u20e39\ufe0f\u20e31\ufe0f\u20e32\ufe0f\u20e33\ufe0f\u20e34\ufe0f\u20e35"
            "\ufe0f\u20e36\ufe0f\u20e37\ufe0f\u20e38]\ufe0f\u20e3"),
           "nước lên từ 5h, gọi [0912345678] lúc 7h30",
           "nhà 05 [0912345678]",
           "ngày 08.11.2026 [0912345678]",
           "https://zalo.me/[0912345678]",
           // Landlines, hotlines, abroad.
           "[0296 3852 123]",
           "[(0296) 3 852 123]",
           "[0296.3852123]",
           "[02963852123]",
           "[028 3822 1234]",
           "[1900 1234]",
           "[19001234]",
           "[1900.6686]",
           "[1800 599 920]",
           "[+1 650 253 0000]",
           "[+855 12 345 678]",
           "ĐT: [3852123]",
           "tel [3 852 123]",
           "điện thoại [3852 123]",
           // Identity numbers and accounts.
           "CMND [351234567]",
           "[351234567] là của anh",
           "[351 234 567]",
           "CMND [351.234.567]",
           "[089201001234]",
           "CCCD [089 201 001 234]",
           "[0892 0100 1234]",
           "căn cước [089201001000]",
           "hộ chiếu [C1234567]",
           "[B12345678]",
           "thẻ [DN4893210123456]",
           "STK [0701000123456] Vietcombank",
           "số tài khoản [19034567891011]",
           "MST [1600123456]",
           // Plates.
           "xe [67A-123.45] tông",
           "[67A 123.45]",
           "[67A-12345]",
           "[67A12345]",
           "xe [67A 12345]",
           "[67-B1 234.56]",
           "[67B1-234.56]",
           "[67-B1 23456]",
           "[67B1 23456]",
           "[67B123456]",
           "[59X1-12345]",
           "[59-X1 123.45]",
           "[67F3-1234]",
           "[67-F3 1234]",
           "[51H-678.90]",
           "[67LD-001.23]",
           "[67MĐ1-123.45]",
           "biển số [67a 12345]",
           "[67a-123.45]",
           "[67a-12345]",
           "chiếc [67 C-123.45]",
           // Addresses and handles.
           "mail [nguyen.van-a+1@gmail.com] nhé",
           "[a@b.vn]",
           "[ten_toi@angiang.gov.vn].",
           "[ten @gmail.com]",
           "[ten @ gmail.com]",
           "<[A.B@Example.ORG]>",
           "[@citizen] ơi",
           "cảm ơn [@chu_tu.longxuyen]!",
           "[@user@masto.example] nói",
           "https://masto.example/[@citizen]/1152",
           "https://www.tiktok.com/[@ba.nam_88]/video/7",
           "[@Nguyễn Văn Tèo] xem nè",
           "[@tèo]",
           "[\uff20teo]",
           "([@teo])",
       }) {
    const Marked marked = Unmark(row);
    EXPECT_EQ(Masked(marked.text), marked.expected);
    EXPECT_TRUE(MayHoldPersonalData(marked.text)) << row;
  }
}

TEST(Masking, LeavesWhatReportsAreMadeOf) {
  for (const char* text : {
           "nước ngập 50cm trước nhà số 12",
           "giá 500.000đ",
           "2.500.000 đồng",
           "1.250.000.000 đ",
           "12.345.678.900 đồng",
           "250.000.000",
           "250 000 000 đồng",
           "250000000",
           "123456789 đồng",
           "351.234.567 đ",
           "84.912.345.678 đồng",
           "từ 500.000 - 1.000.000 đồng",
           "100k",
           "5 triệu 500 ngàn",
           "3,52m",
           "mực nước 4,05 m lúc 7 giờ",
           "1.25 m",
           "+5 cm",
           "+0.35m so với hôm qua",
           "ngày 12/11/2026",
           "12-11-2026",
           "08.11.2026",
           "08.11.2026 19h30",
           "07-11-2026 09 giờ",
           "08/11/2026 05 người",
           "05/09/2025 12 nhà bị sập",
           "từ 08/11 đến 09/11/2026",
           "05.09.2026 - 07.09.2026",
           "2026-11-24 05:06:07",
           "2026-11-24T05:06:07Z",
           "20261124",
           "2020-2025",
           "giai đoạn 1900-1975",
           "2020-2021-2022",
           "lúc 07h30 - 11h30",
           "07.30 - 11.30",
           "07.30 - 11.30 - 13.30",
           "7:30",
           "19h 15000 người",
           "20H 15000 người",
           "24/24",
           "24/7",
           "gọi 113",
           "gọi 114 hoặc 115",
           "gọi 1022",
           "tổng đài 1022 An Giang",
           "hotline 1022",
           "nhà số 123/45/6 Trần Hưng Đạo",
           "hẻm 12, tổ 5, khóm 3",
           "số 1234/56/7A",
           "quốc lộ 91",
           "QL91",
           "QL91C",
           "quốc lộ 91C - 2024",
           "91C-2024",
           "tỉnh lộ 943",
           "ĐT941",
           "DT 943",
           "km 12+500",
           "Km12+345",
           "lô 12B",
           "phòng 304A",
           "50K 20000",
           "giá 50K 12000 cái",
           "12 A 12345",
           "5 x 10 = 50",
           "10.3712,105.4234",
           "10.371200, 105.423400",
           "16 người, 20 xe, 35 nhà",
           "1 2 3 4 5 6 7 8 9",
           "10 20 30 40 50",
           "xổ số 12 34 56",
           "mã 880000",
           "đơn 12345678",
           "vé 1234567",
           "3 con heo 12 con gà",
           "100.000 lượt xem",
           "123456789 lượt xem",
           "192.168.100.200",
           "10%",
           "38-39°C",
           "60kg",
           "PM2.5 là 150",
           "COVID-19",
           "F0 F1",
           "4G",
           "sh 150i",
           "wave 110",
           "facebook.com/groups/1234567890123456",
           "https://bao.example/tin/ngap-4900123.html",
           "2 cái @ 50k",
           "2@50k",
           "@ chợ Mỹ Long",
           "email của tôi",
           "@",
           "@@",
           "a @ b",
           "",
           "không có số nào",
           "Nguyễn Văn A",
           "luật 91/2025/QH15",
           "số 479/QĐ-UBND",
           "quyết định 2398/QĐ-BCA-X01",
       }) {
    EXPECT_EQ(Masked(text), text);
  }
}

TEST(Masking, PrescanSaysNoOnlyWhenThereIsNothing) {
  EXPECT_FALSE(MayHoldPersonalData(""));
  EXPECT_FALSE(MayHoldPersonalData("Đường Trần Hưng Đạo ngập lút bánh xe, ai biết giúp với 😭"));
  for (size_t at = 0; at < 40; ++at)
    for (const char* what : {"7", "@", "\uff17", "\uff20"}) {
      std::string text(40, 'x');
      text.replace(at, 1, what);
      EXPECT_TRUE(MayHoldPersonalData(text)) << at << what;
    }
}

// A row of numbers longer than what is looked at together: what stands at its end is masked all
// the same, wherever the row is cut.
TEST(Masking, LongRowsOfDigitsAreLookedAtInPieces) {
  for (size_t before = 60; before < 140; ++before) {
    for (const std::string_view number : {"130125840", "0912345678", "079203001234"}) {
      std::string text = base::StrCat(std::string(before, '4'), "..", number, ".");
      MaskPersonalData(text);
      EXPECT_EQ(text,
                base::StrCat(std::string(before, '4'), "..", std::string(number.size(), '*'), "."))
          << before;
    }
  }
}

TEST(Masking, KeepsLengthAndIsIdempotent) {
  const std::vector<std::string> pieces = {
      "0912", "345",       "678",       "0",      "9",   "84",   "+",      "(",   ")",      " ",
      ".",    "-",         ",",         "/",      "67A", "B1",   "123.45", "đ",   "000",    "1900",
      "@",    "teo",       "gmail.com", "\uff10", "o",   "*",    "SĐT",    "STK", "\u200b", "12",
      "2026", "351234567", "\n",        "C",      "xe",  "ngập", "\xff",   "\xef"};
  std::mt19937 random(7);
  for (int round = 0; round < 20000; ++round) {
    std::string text;
    const size_t count = random() % 12 + 1;
    for (size_t i = 0; i < count; ++i) text += pieces[random() % pieces.size()];
    const std::string once = Masked(text);
    ASSERT_EQ(once.size(), text.size());
    for (size_t i = 0; i < text.size(); ++i)
      ASSERT_TRUE(once[i] == text[i] || once[i] == '*') << text;
    ASSERT_EQ(Masked(once), once) << text;
    ASSERT_TRUE(once == text || MayHoldPersonalData(text)) << text;
  }
}

TEST(RedactLine, KeepsOnlyFieldsOfTheSchema) {
  EXPECT_EQ(
      RedactLine(R"({"id":"x:1","author":"Tèo","name":"Tý","text":"gọi 0912345678","n":7})", 4096),
      R"({"id":"x:1","author":"****","****":"***","text":"gọi **********","*":7})");
  EXPECT_EQ(RedactLine(R"({"user":{"id":"Tèo"},"text":"\u0030\u0039nè"})", 4096),
            R"({"****":{"id":"****"},"text":"************nè"})");
  EXPECT_EQ(RedactLine("Nguyễn Văn A", 4096), "******** **** *");
  EXPECT_EQ(RedactLine(R"({"text":"chưa đóng)", 4096), R"({"text":"chưa đóng)");
  EXPECT_EQ(RedactLine("{\"text\":\"a\xff\xc3\"}", 4096), R"({"text":"a**"})");
  EXPECT_EQ(RedactLine("{\"id\":nullify,\"edit\":true}", 4096), "{\"id\":null***,\"edit\":true}");
}

TEST(RedactLine, IsCutAtACharacterAndHidesHalfANumber) {
  const std::string line = R"({"text":"ngập 0912345678"})";
  for (size_t size = 0; size <= line.size(); ++size) {
    const std::string redacted = RedactLine(line, size);
    EXPECT_LE(redacted.size(), size);
    EXPECT_EQ(redacted.find('9'), std::string::npos) << redacted;
    EXPECT_NE(redacted.empty() ? 'x' : redacted.back(), '\xe1');
  }
}

}  // namespace
}  // namespace keng::ingest
