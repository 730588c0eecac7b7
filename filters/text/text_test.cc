#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "filters/text/fold.h"
#include "filters/text/phrase.h"

namespace keng::filters {
namespace {

std::string FoldOf(std::string_view original) {
  Folder folder;
  FoldedText folded;
  folder.Fold(original, folded);
  return std::string(folded.text());
}

struct FoldCase {
  const char* what;
  const char* original;
  const char* folded;
};

TEST(FoldTest, TakesEachFormToItsNormalForm) {
  const FoldCase cases[] = {
      {"empty", "", " "},
      {"only punctuation", "?! ... ", " "},
      {"NFC", "Hẻm 12 ngập tới gối rồi!", " hem 12 ngap toi goi roi "},
      {"NFD", "Nga\u0323\u0302p nu\u031bo\u031b\u0301c", " ngap nuoc "},
      {"base with combining tone", "ngâ\u0323p nươ\u0301c", " ngap nuoc "},
      {"without marks", "NGAP NUOC", " ngap nuoc "},
      {"both d", "đường Đất", " duong dat "},
      {"eth for đ", "\u00d0ường", " duong "},
      {"full-width", "\uff2e\uff27\uff21\uff30\u3000\uff11\uff12", " ngap 12 "},
      {"mathematical", "\U0001d40d\U0001d420ập", " ngap "},
      {"zero-width inside a syllable", "ng\u200bậ\u200dp\ufeff nướ\u2060c", " ngap nuoc "},
      {"zero-width space between syllables", "ngập\u200bnước", " ngap nuoc "},
      {"soft hyphen", "ng\u00adập", " ngap "},
      {"no-break space", "ngập\u00a0nước", " ngap nuoc "},
      {"Cyrillic look-alikes", "ng\u0430\u0323p nướ\u0441", " ngap nuoc "},
      {"Greek look-alikes", "c\u03bfn l\u03bfng", " con long "},
      {"Greek capitals look like other letters than the small ones", "\u039dGẬP \u039cƯA \u0397ẺM",
       " ngap mua hem "},
      {"look-alike word in a Latin text", "kẹt \u0445\u0435 rồi", " ket xe roi "},
      {"Russian stays", "привет ngập", " привет ngap "},
      {"Russian folds case", "ПРИВЕТ", " привет "},
      {"stretched end", "ngậpppp nướcccc", " ngap nuoc "},
      {"stretched vowels", "trờiiii ơiiii", " troi oi "},
      {"abbreviations are not stretched", "PCCC cccd kkk nggg", " pccc cccd kkk ng "},
      {"stretched twice", "nướcc ơii", " nuoc oi "},
      {"stretched tone letters", "trờờờời", " troi "},
      {"stretched ưu", "cứuuuu", " cuu "},
      {"spelled twice", "xoong nồi, rơ moóc, cứu với, lưu ý", " xoong noi ro mooc cuu voi luu y "},
      {"English doubles", "app free teen google", " app free teen google "},
      {"Roman numerals", "quý III, VIII", " quy iii viii "},
      {"hashtag CamelCase", "#NgậpNước #SaveAnGiang", " ngap nuoc sa ve an giang | save an giang "},
      {"hashtag underscores", "#ngap_nuoc_q7", " ngap nuoc q 7 "},
      {"hashtag with a number", "#quoclo91", " quoc lo 91 | quoclo 91 "},
      {"hashtag that could be one syllable", "#PHÚAN", " phuan | phu an | phuan "},
      {"hashtag of one syllable", "cúp #điện rồi", " cup dien | di en | dien roi "},
      {"hashtag glued", "#ngapnuoc", " ngap nuoc | ngapnuoc "},
      {"hashtag glued with marks", "#mấtđiện", " mat dien | matdien "},
      {"hashtag with several readings", "#congan", " co ngan | con gan | cong an | congan "},
      {"hashtag that is no Vietnamese", "#YouTube #covid19", " youtube covid 19 "},
      {"hashtag of digits", "#12", " 12 "},
      {"CamelCase of syllables", "AnGiang LongXuyên", " an giang long xuyen "},
      {"CamelCase of one letter", "UMinh ỔGà UYên", " u minh o ga uyen "},
      {"CamelCase of names", "YouTube iPhone TikTok", " youtube iphone tiktok "},
      {"letters then digits", "Q7 k10 hẻm12 QL91", " q 7 k 10 hem 12 ql 91 "},
      {"digits then letters", "15h 1A 50cm 15h30 30phút", " 15h 1a 50 cm 15h 30 30 phut "},
      {"address", "xem https://a.vn/ngap-nuoc?x=1 nhé", " xem nhe "},
      {"address in brackets", "(www.a.vn/ngap) nhé", " nhe "},
      {"mention", "@NgapNuoc ơi, 2kg @15k", " oi 2 kg 15k "},
      {"emoji", "ngập😭😭nước 🇻🇳", " ngap nuoc "},
      {"punctuation", "ngập/nước-(sâu)…“quá”", " ngap nuoc sau qua "},
      {"Khmer", "ទឹកជំនន់", " ទឹ ក ជំ ន ន់ "},
      {"Khmer coeng", "ខ្មែរ", " ខ្មែ រ "},
      {"Thai", "น้ำท่วม", " น้ ำ ท่ ว ม "},
      {"Chinese", "水浸ABC街", " 水 浸 abc 街 "},
      {"Japanese", "カ\u3099ス", " カ\u3099 ス "},
      {"other digits", "១២ ٣", " 12 3 "},
      {"invalid UTF-8",
       "ng\xff\xc3 ậ"
       "p\xe1\xba",
       " ng ap "},
      {"stray continuation",
       "a\x80\x80"
       "b",
       " a b "},
      {"masked", "gọi ********** ngay", " goi ngay "},
      {"ligature", "\ufb01ne œuvre", " fine oeuvre "},
  };
  for (const FoldCase& c : cases) EXPECT_EQ(FoldOf(c.original), c.folded) << c.what;
}

MarksEvidence EvidenceOf(std::string_view phrase, std::string_view text) {
  const auto parsed = Phrase::Parse(phrase);
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  Folder folder;
  FoldedText folded;
  folder.Fold(text, folded);
  const size_t at = folded.text().find(parsed->literal());
  EXPECT_NE(at, std::string_view::npos) << phrase << " in " << folded.text();
  if (at == std::string_view::npos) return MarksEvidence::kConflicting;
  return CompareMarks(*parsed, folded, static_cast<uint32_t>(at));
}

struct MarksCase {
  const char* phrase;
  const char* text;
  MarksEvidence evidence;
};

TEST(MarksTest, ComparesEachSyllable) {
  const MarksCase cases[] = {
      {"ngập nước", "bị ngập nước rồi", MarksEvidence::kEqual},
      {"ngập nước", "NGẬP NƯỚC", MarksEvidence::kEqual},
      {"ngập nước", "nga\u0323\u0302p nu\u031bo\u031b\u0301c", MarksEvidence::kEqual},
      {"ngập nước", "ngâ\u0323p nươ\u0301c", MarksEvidence::kEqual},
      {"ngập nước", "ngap nuoc", MarksEvidence::kAbsent},
      {"ngập nước", "ngập nuoc", MarksEvidence::kAbsent},
      {"ngập nước", "ngâp nước", MarksEvidence::kPartial},
      {"ngập nước", "ngạp nước", MarksEvidence::kPartial},
      {"ngập nước", "ngập nuớc", MarksEvidence::kPartial},
      {"ngập nước", "ngáp nước", MarksEvidence::kConflicting},
      {"ngập nước", "ngặp nước", MarksEvidence::kConflicting},
      {"ngập nước", "ngậpppp nướccc", MarksEvidence::kEqual},
      {"ngập nước", "#NgậpNước", MarksEvidence::kEqual},
      {"mất điện", "#mấtđiện", MarksEvidence::kEqual},
      {"mất điện", "mất dien", MarksEvidence::kAbsent},
      {"mất điện", "mất diện", MarksEvidence::kPartial},
      {"diện", "điện", MarksEvidence::kConflicting},
      {"hoà bình", "hòa bình", MarksEvidence::kEqual},
      {"thuý", "thúy", MarksEvidence::kEqual},
      {"cu", "cũ", MarksEvidence::kConflicting},
      {"ngap", "ngập", MarksEvidence::kConflicting},
      {"wifi", "wifi", MarksEvidence::kEqual},
      {"trời ơi", "trờiiii ơiiii", MarksEvidence::kEqual},
      {"trời ơi", "trơờời ơi", MarksEvidence::kEqual},
      {"kẹt xe", "kẹt \u0445\u0435", MarksEvidence::kEqual},
      {"con đò", "con đ\u03bf\u0300", MarksEvidence::kEqual},
      {"水浸", "水浸街", MarksEvidence::kEqual},
      {"#ngậpnước", "ngập nước", MarksEvidence::kEqual},
      {"ngập", "ngạ\u0301p", MarksEvidence::kConflicting},
  };
  for (const MarksCase& c : cases) {
    EXPECT_EQ(MarksEvidenceName(EvidenceOf(c.phrase, c.text)), MarksEvidenceName(c.evidence))
        << c.phrase << " in " << c.text;
  }
}

}  // namespace
}  // namespace keng::filters
