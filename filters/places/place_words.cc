#include <algorithm>

#include "base/check.h"
#include "base/strings.h"
#include "filters/places/internal/place_words.h"

namespace keng::filters {
namespace {

struct Row {
  WordKind kind;
  std::string_view words;  // separated by ';'
};

constexpr Row kRows[] = {
    {WordKind::kHamlet, "ấp;khóm;khu phố;thôn;tổ dân phố;tổ;sóc;phum"},
    // Roads, and what is named as freely as they are: every town has a Hòa Bình hospital.
    {WordKind::kRoad,
     "đường;lộ;hẻm;ngõ;quốc lộ;tỉnh lộ;hương lộ;đại lộ;cao "
     "tốc;cầu;kênh;kinh;rạch;sông;cống;chùa;đình;miếu;nhà thờ;bệnh viện;trường;trường "
     "học;trường tiểu học;tiểu học;trường mầm non;mầm non;THCS;trường THCS;THPT;trường THPT"},
    {WordKind::kFeature,
     "chợ;cồn;cù lao;đảo;hòn;núi;bến;phà;bến phà;bến xe;bến "
     "tàu;đập;đê;ngã ba;ngã tư;"
     "ngã năm;vòng xoay;bờ kè;bờ hồ;cảng;cảng cá;sân bay;cửa khẩu;trạm y tế;trung tâm y tế;"
     "UBND;ủy ban;ủy ban nhân dân;công an;CA;trạm bơm;khu dân cư;cụm dân cư;tuyến dân "
     "cư;KDC;KCN;khu công nghiệp;cụm công nghiệp;"
     "bãi;bãi rác;trung tâm;nội ô;nội thành;ngoại "
     "ô;trạm;cổng chào"},
    {WordKind::kAt,
     "ở;tại;phố;đường phố;khu;khu vực;vùng;địa bàn;trên địa bàn;ngay;gần;đoạn;đoạn "
     "qua;quanh;khắp;dưới;trong;bên;qua;tuyến;thuộc;toàn;cả;"
     "trung tâm;phía;bà con;dân;người dân;anh em;chị em;anh chị em;cô bác;cô chú;chú bác;các "
     "bác;các anh;các chị;các bạn"},
    {WordKind::kThrough,
     "về;đi;đến;tới;hướng;hướng đi;hướng về;sang;lên;xuống;ra;vô;vào;đi về;ghé"},
    {WordKind::kOrigin,
     "từ;quê;gốc;quê ở;quê quán;người;gái;trai;xe;xe khách;biển số;báo;đài;đội;vé;tuyến "
     "xe;như;giống như;khác;so với;hơn;đặc sản;"
     "dân gốc;tour;du lịch"},
    {WordKind::kPerson,
     "chị;anh;cô;chú;bác;em;bé;ông;bà;thầy;dì;cậu;cụ;cháu;mợ;thím;bạn;tên;tên là;ca sĩ;nghệ "
     "sĩ;diễn viên;MC;cầu thủ;nhạc sĩ;"
     "hoa hậu;á hậu;người mẫu;chủ tịch;giám đốc;vợ;chồng;con;nick;nhạc;bài hát;ca "
     "khúc;bài;phim;họ"},
    {WordKind::kThing,
     "công ty;cty;cty TNHH;TNHH;shop;quán;quán ăn;tiệm;tiệm vàng;nhà thuốc;ngân hàng;tập "
     "đoàn;thương hiệu;hãng;nhà xe;"
     "khách sạn;nhà hàng;nhà nghỉ;bún;bún bò;bún cá;bún mắm;bánh;bánh mì;cơm;cơm tấm;phở;nem;mì;cà "
     "phê;cafe;bia;mắm;chè;lẩu;gạo;"
     "xi măng;vàng;nước mắm;nhà xuất bản;câu lạc bộ;CLB;nhà máy;thuốc;tủ;lễ;chiến dịch;chiến "
     "thắng;giải;xổ số;vé số"},
};

struct TypeRow {
  WordKind kind;
  std::string_view type;
  std::string_view words;
};
constexpr TypeRow kTypes[] = {
    {WordKind::kUnit, "phường", "phường;p;f;ph"},
    {WordKind::kUnit, "xã", "xã;x;xã đảo"},
    {WordKind::kUnit, "thị trấn", "thị trấn;tt;t.t"},
    {WordKind::kUnit, "đặc khu", "đặc khu"},
    {WordKind::kDistrict, "quận", "quận;q"},
    {WordKind::kDistrict, "huyện", "huyện;h;huyện đảo"},
    {WordKind::kDistrict, "thị xã", "thị xã;tx;t.x"},
    {WordKind::kDistrict, "thành phố", "thành phố;tp;t.p;thành fố;thành phố đảo"},
    {WordKind::kProvince, "tỉnh", "tỉnh;t"},
};

template <typename Visit>
void ForEachWord(std::string_view words, Visit visit) {
  while (!words.empty()) {
    const size_t end = std::min(words.find(';'), words.size());
    visit(words.substr(0, end));
    words.remove_prefix(std::min(end + 1, words.size()));
  }
}

bool AllCapitals(std::string_view original) {
  return !original.empty() && std::none_of(original.begin(), original.end(),
                                           [](char c) { return c >= 'a' && c <= 'z'; });
}

}  // namespace

PlaceWords::PlaceWords() {
  for (const TypeRow& row : kTypes)
    ForEachWord(row.words, [&](std::string_view word) { Add(row.kind, word, row.type); });
  for (const Row& row : kRows)
    ForEachWord(row.words, [&](std::string_view word) { Add(row.kind, word, word); });
  for (auto& [last, indexes] : by_last_)
    std::stable_sort(indexes.begin(), indexes.end(), [&](uint32_t a, uint32_t b) {
      return words_[a].phrase.literal().size() > words_[b].phrase.literal().size();
    });
}

void PlaceWords::Add(WordKind kind, std::string_view written, std::string_view type) {
  absl::StatusOr<Phrase> phrase = Phrase::Parse(written);
  KENG_CHECK(phrase.ok(), "word of place ", written);
  PlaceWord word{*std::move(phrase), kind, std::string(type), false};
  const std::string& literal = word.phrase.literal();
  word.letter = literal.size() == 3 && kind <= WordKind::kProvince;  // " p "
  const size_t last = literal.rfind(' ', literal.size() - 2) + 1;
  by_last_[literal.substr(last, literal.size() - 1 - last)].push_back(
      static_cast<uint32_t>(words_.size()));
  words_.push_back(std::move(word));
}

const PlaceWord* PlaceWords::Before(const FoldedText& text, uint32_t end, MarksHabit habit) const {
  const std::string_view folded = text.text();
  if (end < 2 || end >= folded.size()) return nullptr;
  const size_t last = folded.rfind(' ', end - 1) + 1;
  const auto found = by_last_.find(base::ToAbsl(folded.substr(last, end - last)));
  if (found == by_last_.end()) return nullptr;
  const PlaceWord* best = nullptr;
  MarksEvidence best_marks = MarksEvidence::kConflicting;
  for (const uint32_t index : found->second) {
    const PlaceWord& word = words_[index];
    const std::string& literal = word.phrase.literal();
    if (best != nullptr && literal.size() < best->phrase.literal().size()) break;
    if (literal.size() > end + 1) continue;
    const auto begin = static_cast<uint32_t>(end + 1 - literal.size());
    if (folded.substr(begin, literal.size()) != literal) continue;
    const MarksEvidence marks = CompareMarks(word.phrase, text, begin);
    if (marks == MarksEvidence::kConflicting) continue;
    // Of "bên" and "bến" the one that was typed.
    if (best != nullptr && marks >= best_marks) continue;
    // "xa Long Xuyên" in a text with marks is far from it, and no commune.
    if (marks == MarksEvidence::kAbsent && habit == MarksHabit::kTypesMarks) continue;
    if (word.letter) {
      const Span span = text.Original(begin + 1, end);
      const std::string_view typed = text.original().substr(span.begin, span.end - span.begin);
      const bool stopped = span.end < text.original().size() && text.original()[span.end] == '.';
      if (!AllCapitals(typed) && !stopped) continue;
    }
    best = &word;
    best_marks = marks;
  }
  return best;
}

}  // namespace keng::filters
