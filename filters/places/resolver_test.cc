#include "filters/places/resolver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <random>
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
using enum RouteReason;

constexpr char kOfLongXuyen[] = "facebook:page:long-xuyen";
constexpr char kOfRachGia[] = "facebook:page:rach-gia";
constexpr char kOfAnPhu[] = "facebook:page:an-phu";
constexpr char kOfTanHiep[] = "facebook:page:tan-hiep";
constexpr char kOfChoMoi[] = "facebook:page:cho-moi";
constexpr char kOfProvince[] = "facebook:page:province";

// Below rules/cells.yaml: accounts, and a hamlet with a cell that takes one topic.
constexpr char kCells[] = R"(
extends: cells.yaml
cells:
  - {code: "30307/khom-5", in: "30307", topics: [rubbish]}
accounts:
  "facebook:page:long-xuyen": "30307"
  "facebook:page:rach-gia": "30742"
  "facebook:page:an-phu": "30337"
  "facebook:page:tan-hiep": "30850"
  "facebook:page:cho-moi": "30628"
  "facebook:page:province": "91"
)";

// The gazetteer and cells that are delivered, loaded once.
const Resolver& Delivered() {
  static const Resolver resolver = [] {
    const std::string rules = std::string(KENG_SOURCE_DIR) + "/rules";
    auto gazetteer = Gazetteer::Load({rules + "/places"});
    KENG_CHECK(gazetteer.ok(), gazetteer.status().message());
    auto cells = Cells::Parse(rules + "/cells_of_the_test.yaml", kCells, **gazetteer);
    KENG_CHECK(cells.ok(), cells.status().message());
    return Resolver(*std::move(gazetteer), *std::move(cells));
  }();
  return resolver;
}

struct Asked {
  std::string_view text;
  std::string_view hit;  // what a rule matched in it; empty: the post as a whole
  std::string_view account;
  std::string_view topic;
};

struct Answered {
  Placement placement;
  std::string words;
};

Answered Ask(const Resolver& resolver, const Asked& asked) {
  const NameScanner scanner(resolver.gazetteer());
  Folder folder;
  FoldedText folded;
  folder.Fold(asked.text, folded);
  std::vector<LiteralMatch> matches;
  scanner.Scan(folded, matches);
  std::vector<Span> hits;
  if (!asked.hit.empty()) {
    const size_t at = asked.text.find(asked.hit);
    KENG_CHECK(at != std::string_view::npos, asked.hit);
    hits.push_back({static_cast<uint32_t>(at), static_cast<uint32_t>(at + asked.hit.size())});
  }
  Answered answered;
  answered.placement = resolver.Explain(
      folded, matches, {.account = asked.account, .topic = asked.topic, .hits = hits},
      answered.words);
  return answered;
}

struct Case {
  std::string_view text;
  std::string_view cell, place;
  RouteReason reason = kExplicit;
  std::string_view hit = "";
  std::string_view account = "";
  std::string_view topic = "";
};

void Check(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    const Answered answered =
        Ask(Delivered(), {.text = c.text, .hit = c.hit, .account = c.account, .topic = c.topic});
    SCOPED_TRACE(base::StrCat(c.text, c.hit.empty() ? "" : " | hit: ", c.hit,
                              c.account.empty() ? "" : " | of: ", c.account, "\n", answered.words));
    EXPECT_EQ(RouteReasonName(answered.placement.reason), RouteReasonName(c.reason));
    EXPECT_EQ(answered.placement.place, c.place);
    EXPECT_EQ(answered.placement.cell, c.cell);
  }
}

// Texts that name no place: they go to the province's queue.
void CheckUnclear(const std::vector<std::string_view>& texts) {
  std::vector<Case> cases;
  for (const std::string_view text : texts) cases.push_back({text, "91", "", kUnclear});
  Check(cases);
}

// Texts whose place is outside the province.
void CheckElsewhere(const std::vector<std::string_view>& texts) {
  std::vector<Case> cases;
  for (const std::string_view text : texts) cases.push_back({text, "", "", kElsewhere});
  Check(cases);
}

TEST(ResolverTest, UnitsOfTodayByTheirWordOfPlace) {
  Check({
      {"Ngập sâu ở phường Long Xuyên, xe không qua được", "30307", "30307"},
      {"xã Vĩnh Hanh mất điện từ sáng tới giờ", "30619", "30619"},
      {"Đặc khu Phú Quốc mưa lớn, cây ngã đè nhà dân", "31078", "31078"},
      {"đặc khu Thổ Châu hết xăng", "31105", "31105"},
      {"UBND xã Tri Tôn ơi, đường vô rẫy nát hết rồi", "30544", "30544"},
      {"Công an xã Hòn Đất bắt nhóm đá gà", "30817", "30817"},
      {"Sạt lở bờ sông ở xã Mỹ Hòa Hưng", "30313", "30313"},
      {"xã đảo Tiên Hải thiếu nước ngọt", "30781", "30781"},
      {"xã Cù Lao Giêng bị cúp nước", "30643", "30643"},
      {"cháy rừng tràm xã U Minh Thượng", "31027", "31027"},
      {"Rác chất đống trước trụ sở UBND xã Thạnh Mỹ Tây", "30481", "30481"},
      {"Lộ nông thôn xã Óc Eo bể nát", "30688", "30688"},
      {"Đèn đường phường Rạch Giá hư cả tuần", "30742", "30742"},
      {"cầu gỗ xã Vĩnh Điều sập rồi bà con ơi", "30793", "30793"},
      {"địa bàn xã Ô Lâm có chó dại", "30577", "30577"},
      {"(xã Cần Đăng) trộm cắp hoành hành", "30595", "30595"},
      {"phường Vĩnh Tế, tỉnh An Giang: xe tải lật", "30325", "30325"},
      {"Khói đốt đồng mù mịt xã Sơn Kiên", "30835", "30835"},
  });
}

TEST(ResolverTest, AWordOfPlaceIsTheSecondSignOfANameThatIsElsewhereToo) {
  Check({
      {"xã Bình An ngập tới đầu gối", "30898", "30898"},
      {"Xã Hội An nước lên ngập lộ", "30673", "30673"},
      {"xã Châu Thành mất nước hai ngày nay", "30880", "30880"},
      {"ở xã Chợ Mới có vụ cháy nhà", "30628", "30628"},
      {"phường Tân Châu ngập vì triều cường", "30376", "30376"},
      {"xã Tân Hiệp kẹt xe dữ lắm", "30850", "30850"},
      {"phường Chi Lăng cúp điện", "30505", "30505"},
      {"Công an xã An Phú làm việc với người đăng tin giả", "30337", "30337"},
      {"xã Mỹ Thuận có ổ dịch sốt xuất huyết", "30838", "30838"},
      {"xã Hoà Lạc, hẻm cạnh trường ngập rác", "30430", "30430"},
      {"xã Hòa Lạc, hẻm cạnh trường ngập rác", "30430", "30430"},
      {"phường Bình Đức đổ rác bừa bãi", "30292", "30292"},
      {"xã Cô Tô sạt lở núi", "30580", "30580"},
      {"xã Bình Sơn mưa dông tốc mái chục căn nhà", "30823", "30823"},
      {"xã Vĩnh Hòa mất sóng điện thoại", "31012", "31012"},
      {"xã Đông Hưng vỡ cống ngăn mặn", "31036", "31036"},
      {"xã Tân An bị sạt lở", "30388", "30388"},
      {"xã Long Thạnh xe ben chạy rầm rầm", "30943", "30943"},
      {"xã Phú Hữu chập điện cháy nhà", "30352", "30352"},
      {"o xa dong thai mat dien", "31006", "31006"},
      {"xa phu huu ngap", "30352", "30352"},
  });
}

TEST(ResolverTest, BareNamesThatNothingSpeaksAgainst) {
  Check({
      {"Long Xuyên ngập nặng luôn mọi người", "30307", "30307"},
      {"Tri Tôn đang có mưa đá", "30544", "30544"},
      {"kẹt xe kinh khủng ở Rạch Giá", "30742", "30742"},
      {"Phú Quốc cúp điện toàn đảo", "31078", "31078"},
      {"Óc Eo mấy bữa nay bụi mù trời", "30688", "30688"},
      {"bà con Ba Chúc thiếu nước sinh hoạt", "30547", "30547"},
      {"Hà Tiên nước biển dâng", "30769", "30769"},
      {"Giồng Riềng: sập cầu, một xe tải rơi xuống sông", "30904", "30904"},
      {"Gò Quao cúp nước", "30952", "30952"},
      {"U Minh Thượng cháy rừng", "31027", "31027"},
      {"Kiên Lương: khói nhà máy xi măng mù mịt", "30787", "30787"},
      {"Vĩnh Xương sạt lở nữa rồi", "30385", "30385"},
      {"lũ về tới Vĩnh Hanh", "30619", "30619"},
      {"dân Cần Đăng kêu trời vì lò gạch", "30595", "30595"},
      {"bà con Thoại Sơn lao đao vì cá tra rớt giá", "30682", "30682"},
      {"anh em Long Xuyên ơi ngập rồi", "30307", "30307"},
      {"Ấn tượng đảo Phú Quốc: rác ngập bãi biển", "31078", "31078"},
      {"📍Tri Tôn mưa đá", "30544", "30544"},
      {"sông Hậu đoạn qua Châu Phú cá chết", "30463", "30463"},
      {"rác ở bờ kè Rạch Giá", "30742", "30742"},
      {"quán chợ Châu Đốc bị cháy", "30316", "30316"},
      {"Long Xuyên", "30307", "30307"},
      // Decomposed letters.
      {"Long Xuye\u0302n ngập", "30307", "30307"},
  });
}

TEST(ResolverTest, UnitsOfBeforeJuly2025) {
  Check({
      {"Hẻm 3 phường Mỹ Bình, TP Long Xuyên ngập", "30307", "old:30280", kOldName},
      {"xã Mỹ Khánh, Long Xuyên có đám cháy", "30292", "old:30310", kOldName},
      {"thị trấn Núi Sập kẹt xe", "30682", "old:30682", kOldName},
      {"phường Núi Sam đông nghẹt khách", "30325", "old:30325", kOldName},
      {"Cái Dầu ngập từ trưa", "30463", "old:30463", kOldName},
      {"phường Rạch Sỏi mất nước", "30742", "old:30754", kOldName},
      {"phường Vĩnh Thanh Vân, Rạch Giá, cống nghẹt", "30742", "old:30742", kOldName},
      {"phường An Hòa, TP Rạch Giá bị trộm xe", "30742", "old:30748", kOldName},
      {"xã An Hòa, huyện Châu Thành, An Giang", "30607", "old:30592", kOldName},
      {"xã Bình An, huyện Kiên Lương sạt lở", "30787", "old:30808", kOldName},
      {"xã Bình An, huyện Châu Thành, Kiên Giang", "30898", "old:30898", kOldName},
      {"xã Vĩnh Hòa, thị xã Tân Châu", "30385", "old:30385", kOldName},
      {"phường Mỹ Đức ngập", "30769", "old:30778", kOldName},
      {"xã Hòa An, huyện Giồng Riềng cúp điện", "30934", "old:30940", kOldName},
      {"xã Hòa Bình, Chợ Mới, An Giang sạt lở", "30673", "old:30676", kOldName},
      {"xã Tân An, huyện Tân Hiệp", "30856", "old:30871", kOldName},
      {"thị trấn Vĩnh Bình, huyện Châu Thành", "30604", "old:30604", kOldName},
      {"phường Long Thạnh, Tân Châu có chó thả rông", "30376", "old:30376", kOldName},
      {"xã Phú Mỹ, huyện Giang Thành", "30796", "old:30799", kOldName},
      {"thị trấn Phú Mỹ, huyện Phú Tân", "30406", "old:30406", kOldName},
      {"phường An Phú, thị xã Tịnh Biên", "30520", "old:30514", kOldName},
      {"xã Tân Hòa, huyện Tân Hiệp", "30856", "old:30860", kOldName},
      {"xã Vĩnh Phú, Thoại Sơn lúa ngập", "30709", "old:30694", kOldName},
      {"xã Đông Hưng A đường đất lầy lội", "31036", "old:31036", kOldName},
      {"xã Đông Hưng, huyện An Minh", "31018", "old:31033", kOldName},
      {"xã Khánh Hòa, huyện Châu Phú", "30469", "old:30466", kOldName},
      {"xã Phú Thọ, huyện Phú Tân mất trộm trâu", "30436", "old:30448", kOldName},
      {"xã Hưng Yên, huyện An Biên vỡ đê", "30985", "old:30997", kOldName},
      {"xã Long An, TX Tân Châu", "30388", "old:30391", kOldName},
      {"xã Đào Hữu Cảnh có dịch tả heo", "30481", "old:30493", kOldName},
      {"thị trấn Thứ Ba đang kẹt phà", "30985", "old:30985", kOldName},
      {"xã Lại Sơn sóng lớn, tàu không chạy", "31108", "old:31111", kOldName},
      {"phường Dương Đông ngập như sông", "31078", "old:31078", kOldName},
      {"Dương Đông ngập như sông", "31078", "old:31078", kOldName},
      {"xã Lương An Trà cháy rừng tràm", "30568", "old:30568", kOldName},
      {"phường Mỹ Quí, TP Long Xuyên", "30307", "old:30298", kOldName},
      {"Mĩ Luông sạt lở", "30631", "old:30631", kOldName},
      {"xã An Hảo có đá lăn xuống đường", "30538", "old:30538", kOldName},
      {"thị trấn Đa Phước, An Phú ngập", "30367", "old:30373", kOldName},
      {"xã Thổ Châu, TP Phú Quốc thiếu nước", "31105", "old:31105", kOldName},
      {"Khu phố 5, thị trấn Dương Đông, huyện Phú Quốc, tỉnh Kiên Giang", "31078", "old:31078",
       kOldName},
      {"phường Bình Đức, Long Xuyên ngập", "30292", "old:30289", kOldName},
      {"Hòa Lạc Phú Tân An Giang sạt lở", "30430", "old:30430", kOldName},
      {"Mỹ Đức Châu Phú An Giang sạt lở", "30469", "old:30469", kOldName},
      {"xã Nhơn Hội-An Phú có cháy", "30346", "old:30349", kOldName},
  });
}

TEST(ResolverTest, DistrictsGoWhereTheirNameAndSeatWent) {
  Check({
      {"huyện Thoại Sơn có mưa đá", "30682", "old:894", kOldName},
      {"Huyện Chợ Mới: bờ sông tiếp tục sạt lở", "30628", "old:893", kOldName},
      {"TP Rạch Giá triều cường", "30742", "old:899", kOldName},
      {"thành phố Long Xuyên thiếu máu dự trữ", "30307", "old:883", kOldName},
      {"thị xã Tân Châu lũ lên nhanh", "30376", "old:887", kOldName},
      {"huyện đảo Kiên Hải sóng lớn", "31108", "old:912", kOldName},
      {"huyện U Minh Thượng cháy rừng cấp 5", "31027", "old:913", kOldName},
      {"huyện Châu Thành, tỉnh An Giang cúp điện", "91", "old:892", kOldName},
      {"huyện Châu Thành, tỉnh Kiên Giang cúp điện", "30880", "old:905", kOldName},
      {"huyện Phú Tân, An Giang sạt lở", "30406", "old:888", kOldName},
      {"huyện Tân Hiệp, Kiên Giang kẹt xe", "30850", "old:904", kOldName},
      {"huyện Vĩnh Thuận, tỉnh Kiên Giang", "31069", "old:910", kOldName},
      {"TP Hà Tiên (Kiên Giang) mưa to", "30769", "old:900", kOldName},
      {"huyện đảo Phú Quốc cúp điện", "31078", "old:911", kOldName},
  });
}

TEST(ResolverTest, HamletsStandForTheirUnit) {
  Check({
      {"lộ trước trường bể nát, ấp Vĩnh Thuận, xã Vĩnh Hanh", "30619", "30619"},
      {"khóm 5 phường Long Xuyên nước ngập", "30307", "30307"},
      {"khóm Đông Thịnh 6, Long Xuyên ngập rác", "30307", "30307"},
      {"tổ 12, khóm Bình Khánh 3, phường Bình Đức", "30292", "30292"},
      {"ấp Bình An, xã Thạnh Lộc, Kiên Giang cúp nước", "30886", "30886"},
      {"ấp Phú Hòa, xã Cù Lao Giêng sạt lở 20m", "30643", "30643"},
      {"ấp Tân Phú, xã Vĩnh Hanh ngập đồng", "30619", "30619"},
      {"tổ 5 ấp Đông xã Châu Phong mất nước", "30403", "30403"},
      {"ấp Mỹ Thuận, xã Mỹ Hội Đông, huyện Chợ Mới", "30658", "old:30637", kOldName},
      {"ấp Bình Minh xã Bình Phước Xuân chìm ghe", "30643", "old:30667", kOldName},
      {"ấp An Thạnh, X. Hòa Bình, H. Chợ Mới, T. An Giang", "30673", "old:30676", kOldName},
  });
}

TEST(ResolverTest, MarketsBridgesRoadsAndOtherSpots) {
  Check({
      {"chợ Tri Tôn ngập rác", "30544", "30544"},
      {"chợ Châu Đốc đông nghẹt", "30316", "30316"},
      {"cầu Hoàng Diệu kẹt xe", "30307", "30307"},
      {"trên cầu Cái Sắn có tai nạn", "30301", "30301"},
      {"cháy ở chợ Rạch Sỏi", "30742", "30742"},
      {"bến phà Vàm Cống xe xếp hàng dài", "30301", "30301"},
      {"Tắc Cậu cháy tàu cá", "30898", "30898"},
      {"cửa khẩu Tịnh Biên hàng lậu", "30520", "30520"},
      {"hòn Thơm mất điện", "31078", "31078"},
      {"sân bay Phú Quốc đóng cửa vì mưa", "31078", "31078"},
      {"hồ Tà Pạ có người đuối nước", "30544", "30544"},
      {"cháy rừng trên núi Sam", "30325", "30325"},
      {"sạt lở cù lao Ông Hổ", "30313", "30313"},
      {"ngã tư đèn 4 ngọn hư đèn giao thông", "30307", "30307"},
      {"đường Hà Hoàng Hổ ngập tới bánh xe", "30307", "30307"},
      {"đường Trần Hưng Đạo, Long Xuyên bị đào nham nhở", "30307", "30307"},
      {"đường Trần Hưng Đạo, Rạch Giá bị đào nham nhở", "30742", "30742"},
      {"chợ Mỹ Long, Long Xuyên cháy", "30307", "30307"},
      {"phà An Hòa, Long Xuyên ngưng chạy", "30307", "30307"},
      {"KCN Bình Hòa xả thải ra rạch, xã Bình Hòa", "30607", "30607"},
      {"Quốc lộ 91 đoạn qua Cái Dầu ổ gà chi chít", "30463", "old:30463", kOldName},
      {"lộ tẻ đi Tri Tôn có tai nạn", "30544", "30544"},
      {"trường tiểu học Ba Chúc bị tốc mái", "30547", "30547"},
      {"bệnh viện Châu Đốc quá tải", "30316", "30316"},
      {"kênh Vĩnh Tế ô nhiễm, cá chết trắng", "91", "91"},
      {"Miếu Bà Chúa Xứ có móc túi", "30325", "30325"},
      {"QL91 đoạn Vịnh Tre ngập", "30478", "30478"},
      {"Trà Sư vỡ đập", "30526", "30526"},
      {"cáp treo Hòn Thơm ngưng chạy", "31078", "31078"},
      {"chị bán bún ở chợ Mỹ Bình, Long Xuyên lừa đảo", "30307", "30307"},
      {"chợ Tân Hiệp, Kiên Giang cháy", "30850", "old:904", kOldName},
      {"Kinh làng thứ ba xã An Biên nước tràn bờ", "30985", "30985"},
      {"ngã ba Vĩnh Hanh có tai nạn", "30619", "30619"},
      {"đại học An Giang cúp điện", "30307", "30307"},
      // Canals and roads that many units share.
      {"kênh Rạch Giá - Long Xuyên ô nhiễm", "91", "91"},
      {"kênh Rạch Giá – Hà Tiên ô nhiễm", "91", "91"},
      {"Tứ giác Long Xuyên hạn mặn", "91", "91"},
      {"cao tốc Châu Đốc - Cần Thơ - Sóc Trăng thi công bụi mù", "91", "91"},
  });
}

TEST(ResolverTest, AbbreviatedWordsOfPlace) {
  Check({
      {"P. Long Xuyên cúp điện", "30307", "30307"},
      {"P.Mỹ Bình, TP.Long Xuyên ngập", "30307", "old:30280", kOldName},
      {"Tp.Châu Đốc kẹt xe", "30316", "old:884", kOldName},
      {"tp Rạch Giá ngập", "30742", "old:899", kOldName},
      {"X. Vĩnh Hanh, H. Châu Thành", "30619", "old:30598", kOldName},
      {"H. Tri Tôn có mưa đá", "30544", "old:891", kOldName},
      {"H.Thoại Sơn: lúa ngập úng", "30682", "old:894", kOldName},
      {"TT. Cái Dầu ngập", "30463", "old:30463", kOldName},
      {"TT Núi Sập cúp nước", "30682", "old:30682", kOldName},
      {"TX. Tân Châu sạt lở", "30376", "old:887", kOldName},
      {"P.Bình Khánh, LX mất nước", "30292", "old:30292", kOldName},
      {"CA xã Cần Đăng bắt trộm", "30595", "30595"},
      {"TP LX ngập nặng", "30307", "old:883", kOldName},
      {"TP. RG, Kiên Giang triều cường", "30742", "old:899", kOldName},
      {"TPLX, An Giang: cây ngã", "30307", "old:883", kOldName},
      {"TP CĐ kẹt xe", "30316", "old:884", kOldName},
      {"kp3 P.Dương Đông PQ mất nước", "31078", "old:31078", kOldName},
      {"Xã Định Hoà H Gò Quao T Kiên Giang mất nước", "30958", "old:30958", kOldName},
      {"X.Vĩnh Hòa Hưng Nam, H.Gò Quao", "30970", "old:30970", kOldName},
      {"P. Châu Phú A, TP. Châu Đốc ngập", "30316", "old:30319", kOldName},
  });
}

TEST(ResolverTest, WithoutMarks) {
  Check({
      {"long xuyen ngap nang qua troi", "30307", "30307"},
      {"phuong long xuyen mat dien roi", "30307", "30307"},
      {"o rach gia cup nuoc 2 ngay nay", "30742", "30742"},
      {"tp rach gia trieu cuong", "30742", "old:899", kOldName},
      {"huyen thoai son lua ngap", "30682", "old:894", kOldName},
      {"xa vinh hanh mat dien", "30619", "30619"},
      {"xa binh an oi duong nat het roi", "30898", "30898"},
      {"chau doc ket xe", "30316", "30316"},
      {"kien luong cup dien", "30787", "30787"},
      {"chay o cho tri ton", "30544", "30544"},
      {"phu quoc mua lon ngap duong", "31078", "31078"},
      {"cau hoang dieu ket xe", "30307", "30307"},
      {"Rach Giá ngập rồi", "30742", "30742"},
      {"Long Xuyen ngập rồi", "30307", "30307"},
      {"thi tran nui sap ngap", "30682", "old:30682", kOldName},
      {"thi tran an chau huyen chau thanh", "30589", "old:30589", kOldName},
      {"o cho moi an giang sat lo", "30628", "30628"},
      {"ba con xa my hoi dong oi", "30658", "old:30637", kOldName},
      {"Cho thuê phòng trọ: gan dai hoc An Giang", "30307", "30307"},
  });
}

TEST(ResolverTest, InCapitals) {
  Check({
      {"PHƯỜNG LONG XUYÊN NGẬP NẶNG", "30307", "30307"},
      {"XÃ BÌNH AN MẤT ĐIỆN TOÀN XÃ", "30898", "30898"},
      {"CẤP CỨU!!! CHÂU ĐỐC VỠ ĐÊ", "30316", "30316"},
      {"TP LONG XUYÊN: CHÁY LỚN", "30307", "old:883", kOldName},
      {"HUYỆN THOẠI SƠN CÓ MƯA ĐÁ", "30682", "old:894", kOldName},
      {"TIN KHẨN: SẬP CẦU Ở GIỒNG RIỀNG", "30904", "30904"},
      {"NGAP NANG O LONG XUYEN", "30307", "30307"},
      {"AN GIANG: CHỢ MỚI SẠT LỞ", "30628", "30628"},
  });
}

TEST(ResolverTest, Hashtags) {
  Check({
      {"Ngập quá trời #longxuyen", "30307", "30307"},
      {"#LongXuyen ngập", "30307", "30307"},
      {"#AnGiang #ChauDoc mưa lớn", "30316", "30316"},
      {"#phuquoc cúp điện", "31078", "31078"},
      {"#RachGia ngập", "30742", "30742"},
      {"mưa đá #TriTôn", "30544", "30544"},
      {"#thoaison lúa ngập", "30682", "30682"},
      {"#hatien #kiengiang sóng lớn", "30769", "30769"},
  });
}

TEST(ResolverTest, SeveralPlacesTheNearestToTheHitCounts) {
  Check({
      {"Long Xuyên ngập nặng, còn Châu Đốc khô ráo", "30307", "30307", kExplicit, "ngập nặng"},
      {"Châu Đốc khô ráo nhưng Long Xuyên ngập nặng", "30307", "30307", kExplicit, "ngập nặng"},
      {"Rạch Giá cúp điện. Hà Tiên ngập đường.", "30742", "30742", kExplicit, "cúp điện"},
      {"Rạch Giá cúp điện. Hà Tiên ngập đường.", "30769", "30769", kExplicit, "ngập đường"},
      {"Rạch Giá vui quá. Ngập rồi, Hà Tiên ơi.", "30769", "30769", kExplicit, "Ngập"},
      {"Xe từ Long Xuyên đi Châu Đốc gặp tai nạn tại Cái Dầu", "30463", "old:30463", kOldName,
       "tai nạn"},
      {"hẻm 12, phường Bình Khánh, Long Xuyên bể ống nước", "30292", "old:30292", kOldName,
       "bể ống nước"},
      {"Tri Tôn: chợ vẫn mở. Tịnh Biên: sạt lở núi, đường bị chặn", "30520", "30520", kExplicit,
       "sạt lở"},
      {"Tối qua ở Ba Chúc.\nSáng nay xã Ô Lâm phát hiện chó dại cắn người", "30577", "30577",
       kExplicit, "chó dại"},
      {"Mình quê Tri Tôn, đang ở Long Xuyên, ngập quá trời", "30307", "30307", kExplicit, "ngập"},
      {"Lịch cúp điện Thứ Ba 12/8: xã Cần Đăng, xã Vĩnh An", "30595", "30595", kExplicit,
       "cúp điện"},
      {"Sáng thứ Ba, xã Cần Đăng cúp điện", "30595", "30595", kExplicit, "cúp điện"},
      {"Xe tải lật ở chân cầu Vàm Cống, phía Long Xuyên", "30307", "30307", kExplicit, "lật"},
      {"Cháy lớn ở chợ Châu Đốc, khói bay tới Vĩnh Tế", "30316", "30316", kExplicit, "Cháy lớn"},
      {"Đi ngang Kiên Lương thấy khói. Về tới Hà Tiên mới biết cháy bãi rác", "30769", "30769",
       kExplicit, "cháy bãi rác"},
      {"sạt lở tại xã Mỹ Hòa Hưng. Phường Long Xuyên hỗ trợ di dời", "30313", "30313", kExplicit,
       "sạt lở"},
      {"sạt lở tại xã Mỹ Hòa Hưng. Phường Long Xuyên hỗ trợ di dời", "30307", "30307", kExplicit,
       "di dời"},
      {"ấp Vĩnh Thuận, xã Vĩnh Hanh cúp điện; xã Cần Đăng vẫn có điện", "30619", "30619", kExplicit,
       "cúp điện"},
  });
}

TEST(ResolverTest, SeveralPlacesOfOnePost) {
  Check({
      {"An Giang: Long Xuyên ngập, phường Mỹ Thới cũng ngập", "30307", "30307"},
      // Parts of one unit of today.
      {"Mỹ Bình, Mỹ Long, Mỹ Phước, TP Long Xuyên ngập hết", "30307", "30307"},
      {"chợ Tri Tôn, hồ Tà Pạ đều ngập", "30544", "30544"},
      // Where something goes to is not where it happens.
      {"Xe đi Châu Đốc lật ở Cần Đăng", "30595", "30595"},
      {"Từ Cần Thơ về Long Xuyên bị kẹt xe ở Mỹ Thới", "30301", "30301"},
      // A post that names us is ours.
      {"Sài Gòn ngập mà Long Xuyên cũng ngập", "30307", "30307"},
  });
}

TEST(ResolverTest, WhatElsewhereIsNearerThanWe) {
  Check({
      {"Mình quê Tri Tôn, đang ở Sài Gòn, ngập quá trời", "", "", kElsewhere, "ngập"},
      {"Cháy chung cư ở Hà Nội làm nhiều người chết. Long Xuyên bình yên.", "", "", kElsewhere,
       "Cháy chung cư"},
      {"Cần Thơ ngập nặng. Còn ở Long Xuyên thì trời nắng đẹp", "", "", kElsewhere, "ngập nặng"},
      {"Sài Gòn ngập, Long Xuyên cũng ngập nặng", "30307", "30307", kExplicit, "ngập nặng"},
  });
}

TEST(ResolverTest, TheAccountAnswersWhenTheTextDoesNot) {
  Check({
      {"Ngập quá, ai giúp với", "30307", "30307", kAccount, "", kOfLongXuyen},
      {"Ngập quá, ai giúp với", "30742", "30742", kAccount, "Ngập", kOfRachGia},
      {"Ngập quá, ai giúp với", "91", "", kAccount, "", kOfProvince},
      {"Ngập quá, ai giúp với", "91", "", kUnclear, "", "facebook:page:unknown"},
      {"Ngập quá, ai giúp với", "91", "", kUnclear},
      {"", "30307", "30307", kAccount, "", kOfLongXuyen},
      {"", "91", "", kUnclear},
      {"Rạch Giá ngập nặng", "30742", "30742", kExplicit, "", kOfLongXuyen},
      {"Sài Gòn ngập nặng", "", "", kElsewhere, "", kOfLongXuyen},
      {"An Giang sáng nay mưa lớn", "30307", "30307", kAccount, "", kOfLongXuyen},
      // The account is the second sign.
      {"Tân Hiệp kẹt xe", "30850", "30850", kExplicit, "", kOfTanHiep},
      {"đường Lê Lợi ngập", "30307", "30307", kExplicit, "", kOfLongXuyen},
      {"đường Lê Lợi ngập", "30742", "30742", kAccount, "", kOfRachGia},
      {"LX hôm nay ngập", "30307", "30307", kExplicit, "", kOfLongXuyen},
      {"Chợ Mới sạt lở", "30628", "30628", kExplicit, "", kOfChoMoi},
      {"Phú Hội mất nước", "30337", "old:30355", kOldName, "", kOfAnPhu},
      {"xã Tân Hội mất nước", "30856", "30856", kExplicit, "", kOfProvince},
      {"chợ Bình Khánh cháy", "30292", "30292", kExplicit, "", kOfLongXuyen},
      {"chúc cả nhà bình an", "30850", "30850", kAccount, "", kOfTanHiep},
      {"chúc cả nhà bình an", "91", "", kAccount, "", kOfProvince},
  });
}

TEST(ResolverTest, NamesThatNeedASecondSignAndHaveIt) {
  Check({
      {"Bình Hòa, An Châu, Vĩnh Hanh cúp điện. Bình Hòa có điện lại lúc 5h", "30607", "30607",
       kExplicit, "có điện lại"},
      {"Hòa Hưng, Giồng Riềng kẹt xe", "30934", "old:30934", kOldName},
      {"An Phú, An Giang lũ lên", "30337", "30337"},
      {"Mỹ Quý, Long Xuyên: cống nghẹt", "30307", "old:30298", kOldName},
      {"Định Mỹ, Thoại Sơn lúa ngập", "30709", "old:30706", kOldName},
      {"chợ Chợ Mới, An Giang cháy", "30628", "30628"},
      {"Cô Tô, Tri Tôn có cháy rừng", "30580", "old:30580", kOldName},
      {"Chi Lăng, Tịnh Biên ngập", "30505", "old:30505", kOldName},
      {"Tân Hiệp, Kiên Giang kẹt xe", "30850", "old:904", kOldName},
      {"anh em Chợ Mới ơi, An Giang mình ngập rồi", "30628", "30628"},
      {"UBND An Phú, An Giang", "30337", "30337"},
      {"Mỹ Phước, Mỹ Quý, Mỹ Xuyên (Long Xuyên) cúp điện", "30307", "30307"},
      {"Vĩnh Thuận, Kiên Giang mất điện", "31069", "old:910", kOldName},
      {"Châu Thành, Kiên Giang cúp điện", "30880", "old:905", kOldName},
  });
}

TEST(ResolverTest, NamesThatAreWordsOrPeople) {
  CheckUnclear({
      "gia đình hòa thuận là phúc",
      "Chúc cả nhà bình an",
      "Bình an là trên hết",
      "chị Bình An bán cá",
      "Nguyễn Bình An thi đậu rồi",
      "ca sĩ Châu Phong hát hay",
      "ông Đào Hữu Cảnh",
      "công ty Hòa Bình tuyển người",
      "quán Hòa Hưng bán ngon",
      "nhà thuốc Long Châu hết thuốc",
      "cho cô tô phở",
      "một quyết định mỹ mãn",
      "bé An Minh bị lạc mẹ",
      "bình minh trên biển đẹp quá",
      "đi chợ mới mua được con cá",
      "nhà mình gần cái chợ mới xây",
      "xã hội an toàn",
      "thứ ba tuần sau cúp điện",
      "HÒA BÌNH LÀ TRÊN HẾT",
      "chiến thắng Chi Lăng",
      "xe tông ở đường Chi Lăng",
      "đường Trần Hưng Đạo ngập",
      "cầu Nguyễn Trung Trực kẹt xe",
      "tiệm vàng Mỹ Hòa bị cướp",
      "anh Tân Phú ơi cho em hỏi",
      "#hoabinh cho thế giới",
      "vĩnh thành công",
      "nhà hàng Đông Hồ",
      "cô giáo Vĩnh Thanh dạy giỏi",
      "sữa đặc Phú Mỹ",
      "nước mắm Phú Quốc ngon",
      "bún cá Long Xuyên ngon tuyệt",
      "bệnh viện Hòa Bình quá tải",
      "trường mầm non Bình Minh thu tiền",
      "chợ Hòa Bình cháy",
      "vinh hoa phú quý",
      "phim bom tấn Mỹ",
      "người Việt Nam du lịch khắp nơi",
      "chị Ngọc Chúc bán rau",
      "đối tượng Lê Chánh bị bắt",
      // Words that are districts elsewhere: a post of ours must not be lost for them.
      "lò nấu đường thốt nốt xả khói mù mịt",
      "nhà bè nuôi cá bị chìm trong đêm",
      "cái bè cá bị chìm",
      "đau cái răng quá",
      "bến cát lậu hoạt động ngày đêm",
      "rừng U Minh cháy lớn",
      "đường Hà Nội ngập",
  });
}

TEST(ResolverTest, NamesThatNothingSettles) {
  CheckUnclear({
      "Ngập quá, ai giúp với",
      "An Giang sáng nay mưa lớn",
      "tỉnh Kiên Giang mưa lớn diện rộng",
      "Thứ Ba, ngày 12/8, tỉnh An Giang cúp điện diện rộng",
      "Trường CĐ Y tế An Giang tuyển sinh",
      "CĐ xã, tỉnh An Giang tặng quà",
      "Châu Thành, An Giang cúp điện",
      "LX nè mọi người",
      "https://fb.com/longxuyen xem đi",
      "@longxuyen vô coi nè",
      "An Giang thắng Long An 2-0",
      "Bão vào Cà Mau - Kiên Giang",
      "huyện Châu Thành cúp điện",
      "xã Tân Hòa cúp điện",
      "xã Vĩnh Phú ngập",
      "ấp Long Thạnh ngập",
      "ấp Hòa Bình 2 mất nước",
      "khóm 5 ngập rác",
      "cầu Vàm Cống kẹt xe",
      "ngã ba Lộ Tẻ kẹt xe",
      "an phu ngap roi",
      "cai dau dau qua",
      // Marks that conflict are another name.
      "Long Xuyến ngập",
      "Châu Phủ ngập",
      "tri tồn tại",
      "Rạch Già ngập",
      // Punctuation breaks a name.
      "về Long. Xuyên suốt đêm",
      "xuống phố Châu, Đốc thúc mãi",
  });
}

TEST(ResolverTest, PlacesOutsideTheProvince) {
  CheckElsewhere({
      "TP. Hồ Chí Minh ngập nặng",
      "Sài Gòn kẹt xe",
      "saigon ngap",
      "#saigon ngập",
      "Cần Thơ triều cường",
      "TP Cần Thơ triều cường",
      "quận Bình Tân, TP.HCM cháy nhà",
      "Q7 ngập tới yên xe",
      "quận 7 ngập tới yên xe",
      "Q.7 ngập tới yên xe",
      "xã Bình An, Hà Tĩnh",
      "xã Bình An, Hà Tĩnh lũ quét",
      "xã Tân Hội, Bến Tre",
      "xã Thới Sơn, Mỹ Tho",
      "cù lao Thới Sơn, Tiền Giang",
      "TP.Tân An (Long An)",
      "đảo Phú Lâm",
      "phố Sài Gòn ngập",
      "Thốt Nốt, Cần Thơ",
      "quận Thốt Nốt cúp điện",
      "chợ nổi Cái Răng, Cần Thơ",
      "huyện U Minh, Cà Mau",
      "xã Tân Ân, Cà Mau",
      "Trung tâm y tế huyện Tân Châu, Tây Ninh",
      "huyện Châu Thành, tỉnh Đồng Tháp",
      "huyện Châu Thành, Tiền Giang cúp điện",
      "huyện Phú Tân, Cà Mau sạt lở",
      "Tân Châu, Tây Ninh cháy rừng",
      "phường An Phú, TP Thủ Đức",
      "Chợ Mới, Bắc Kạn mưa lũ",
      "Lấp Vò, Đồng Tháp có tai nạn",
      "phường Tân Hiệp, Biên Hòa",
      "phố cổ Hội An ngập",
      "đảo Cô Tô, Quảng Ninh",
      "bến Ninh Kiều đông người",
      "đảo Tri Tôn",
      "Đà Lạt sạt lở",
      "cầu Cần Thơ kẹt cứng",
      "cầu Mỹ Thuận kẹt xe",
      "tỉnh Phú Thọ lũ quét",
      "tỉnh Hưng Yên vỡ đê",
      "tỉnh Long An ngập",
      "thị xã Bình Minh, Vĩnh Long",
      "xã Hòa Bình, huyện Trà Ôn, Vĩnh Long",
      "xã Tân Lập, huyện Yên Mỹ, Hưng Yên",
      "xã Mỹ Hiệp, huyện Cao Lãnh, Đồng Tháp",
      "phường Long Bình, TP Biên Hòa",
      "huyện Tam Nông, Đồng Tháp lũ lớn",
      "bún cá Châu Đốc ngon nhất Sài Gòn",
      "TP.HCM: cháy lớn ở quận 8",
  });
}

TEST(ResolverTest, ThePathLeadsFromThePlaceToTheDesk) {
  const std::vector<std::pair<std::string_view, std::vector<std::string>>> cases = {
      {"phường Long Xuyên ngập", {"30307", "91"}},
      {"chợ Châu Đốc cháy", {"30316", "91"}},
      {"phường Mỹ Bình, Long Xuyên ngập", {"old:30280", "30307", "91"}},
      {"huyện Thoại Sơn", {"old:894", "30682", "91"}},
      {"huyện Châu Thành, tỉnh An Giang", {"old:892", "91"}},
      {"kênh Vĩnh Tế", {"91"}},
      {"ngập rồi", {}},
      {"Sài Gòn ngập", {}},
  };
  for (const auto& [text, path] : cases)
    EXPECT_EQ(Ask(Delivered(), {.text = text}).placement.place_path, path) << text;
  EXPECT_THAT(Ask(Delivered(), {.text = "ngập", .account = kOfRachGia}).placement.place_path,
              ElementsAre("30742", "91"));
}

TEST(ResolverTest, EvidenceIsTheNamesThatDecided) {
  const std::vector<std::pair<std::string_view, std::vector<std::string>>> cases = {
      {"Ngập ở phường Long Xuyên", {"phường Long Xuyên"}},
      {"Ngập ở P. Mỹ Bình, TP. Long Xuyên", {"P. Mỹ Bình", "TP. Long Xuyên"}},
      {"Tri Tôn ngập, Sài Gòn khô", {"Tri Tôn"}},
      {"Sài Gòn ngập", {"Sài Gòn"}},
      {"kênh Rạch Giá - Long Xuyên ô nhiễm", {"kênh Rạch Giá - Long Xuyên"}},
      {"ngập rồi", {}},
  };
  for (const auto& [text, names] : cases) {
    std::vector<std::string> quoted;
    for (const Span& span : Ask(Delivered(), {.text = text}).placement.evidence)
      quoted.emplace_back(text.substr(span.begin, span.end - span.begin));
    EXPECT_EQ(quoted, names) << text;
  }
}

TEST(ResolverTest, ExplainSaysTheSameInWords) {
  const Answered answered = Ask(Delivered(), {.text = "phường Mỹ Bình, Long Xuyên. Bình An"});
  EXPECT_THAT(answered.words, HasSubstr("\"phường Mỹ Bình\": phường Mỹ Bình (old:30280"));
  EXPECT_THAT(answered.words, HasSubstr("\"Bình An\": "));
  EXPECT_THAT(answered.words, HasSubstr("not counted without a second sign"));
  EXPECT_THAT(answered.words, HasSubstr("cell 30307 (Phường Long Xuyên).\n"));
  EXPECT_THAT(Ask(Delivered(), {.text = "hi"}).words, HasSubstr("chưa rõ địa bàn; cell 91"));
  EXPECT_THAT(Ask(Delivered(), {.text = "Sài Gòn"}).words, HasSubstr("no cell\n"));
  EXPECT_THAT(Ask(Delivered(), {.text = "hi", .account = kOfRachGia}).words,
              HasSubstr("the account belongs to the cell; cell 30742"));
}

TEST(ResolverTest, AVerifiedHamletIsAPlaceAndItsCellTakesItsTopics) {
  const std::string rules = std::string(KENG_SOURCE_DIR) + "/rules";
  const base::TemporaryFolder folder("keng-resolver");
  std::ofstream(folder.path() + "/verified.yaml") << "verified: [30307/khom-5]\n";
  auto gazetteer = Gazetteer::Load({rules + "/places", folder.path()});
  ASSERT_TRUE(gazetteer.ok()) << gazetteer.status();
  auto cells = Cells::Parse(rules + "/cells_of_the_test.yaml", kCells, **gazetteer);
  ASSERT_TRUE(cells.ok()) << cells.status();
  const Resolver resolver(*std::move(gazetteer), *std::move(cells));
  const std::string_view text = "khóm 5, phường Long Xuyên rác ngập đầu hẻm";
  Placement placement = Ask(resolver, {.text = text, .topic = "rubbish"}).placement;
  EXPECT_EQ(placement.place, "30307/khom-5");
  EXPECT_EQ(placement.cell, "30307/khom-5");
  EXPECT_THAT(placement.place_path, ElementsAre("30307/khom-5", "30307", "91"));
  placement = Ask(resolver, {.text = text, .topic = "flooding"}).placement;
  EXPECT_EQ(placement.place, "30307/khom-5");
  EXPECT_EQ(placement.cell, "30307") << "what a cell does not take its parent does";
  placement = Ask(resolver, {.text = text}).placement;
  EXPECT_EQ(placement.cell, "30307/khom-5");
  // By hearsay it supports its unit only.
  EXPECT_EQ(Ask(Delivered(), {.text = text}).placement.place, "30307");
}

bool Same(const Placement& a, const Placement& b) {
  return a.cell == b.cell && a.place == b.place && a.place_path == b.place_path &&
         a.reason == b.reason && a.evidence == b.evidence;
}

// What holds for every answer.
void CheckSound(const Placement& placement, std::string_view text) {
  const Resolver& resolver = Delivered();
  const bool elsewhere = placement.reason == kElsewhere;
  EXPECT_EQ(placement.cell.empty(), elsewhere);
  if (!elsewhere) {
    EXPECT_NE(resolver.cells().Find(placement.cell), nullptr) << placement.cell;
  }
  EXPECT_EQ(placement.place.empty(), placement.place_path.empty());
  if (!placement.place.empty()) {
    EXPECT_EQ(placement.place_path.front(), placement.place);
    EXPECT_EQ(placement.place_path.back(), "91");
  }
  const bool named = placement.reason == kExplicit || placement.reason == kOldName;
  EXPECT_EQ(placement.evidence.empty(), !named && !elsewhere);
  uint32_t before = 0;
  for (const Span& span : placement.evidence) {
    EXPECT_LT(span.begin, span.end);
    EXPECT_LE(span.end, text.size());
    EXPECT_GE(span.begin, before);
    before = span.begin;
  }
}

// Texts, made of names, words around them and rubbish.
class RandomTexts {
 public:
  explicit RandomTexts(uint32_t seed) : random_(seed) {}

  std::string Next() {
    const Gazetteer& gazetteer = Delivered().gazetteer();
    static const std::vector<std::string> kPieces = {
        "xã", "phường", "P.",  "TP",     "huyện", "ấp", "chợ",          "đường",
        "ở",  "về",     "chị", "quán",   ",",     ".",  "\n",           "-",
        "(",  "ngập",   "#",   "và",     "|",     "🔥", "An",           "12",
        "@",  "LX",     "xa",  "phuong", "nhưng", "từ", "http://a.vn/", "\u0301"};
    std::string text;
    for (size_t n = random_() % 24; n > 0; --n) {
      switch (random_() % 8) {
        case 0:
          for (size_t bytes = random_() % 6; bytes > 0; --bytes)
            text += static_cast<char>(random_());
          break;
        case 1:
        case 2:
        case 3: {
          // One in two from the area: its names come first.
          const size_t names = gazetteer.names().size();
          text +=
              gazetteer.names()[random_() % (random_() % 2 == 0 ? names : 600)].phrase.written();
          break;
        }
        default:
          text += kPieces[random_() % kPieces.size()];
      }
      if (random_() % 5 != 0) text += ' ';
    }
    return text;
  }
  std::vector<Span> Hits(size_t bytes) {
    std::vector<Span> hits;
    for (size_t n = random_() % 3; n > 0 && bytes > 0; --n) {
      const auto begin = static_cast<uint32_t>(random_() % bytes);
      const uint32_t left = static_cast<uint32_t>(bytes) - begin;
      hits.push_back({begin, begin + static_cast<uint32_t>(random_() % (left + 1))});
    }
    return hits;
  }
  std::mt19937& random() { return random_; }

 private:
  std::mt19937 random_;
};

TEST(ResolverTest, TheOrderOfMatchesDoesNotCount) {
  const Resolver& resolver = Delivered();
  const NameScanner scanner(resolver.gazetteer());
  Folder folder;
  FoldedText folded;
  RandomTexts texts(3);
  size_t named = 0;
  for (int round = 0; round < 3000; ++round) {
    const std::string text = texts.Next();
    folder.Fold(text, folded);
    std::vector<LiteralMatch> matches;
    scanner.Scan(folded, matches);
    const std::vector<Span> hits = texts.Hits(text.size());
    const PlaceQuestion question = {.account = round % 3 == 0 ? kOfLongXuyen : "", .hits = hits};
    const Placement placement = resolver.Resolve(folded, matches, question);
    CheckSound(placement, text);
    named += placement.reason == kExplicit || placement.reason == kOldName ? 1 : 0;
    std::string words;
    ASSERT_TRUE(Same(placement, resolver.Explain(folded, matches, question, words))) << text;
    for (int i = 0; i < 3; ++i) {
      std::shuffle(matches.begin(), matches.end(), texts.random());
      ASSERT_TRUE(Same(placement, resolver.Resolve(folded, matches, question))) << text;
    }
  }
  EXPECT_GT(named, 500u) << "texts without places prove nothing";
}

TEST(ResolverTest, MatchesThatTheScanLeftOutAreMissedOnly) {
  const Resolver& resolver = Delivered();
  const NameScanner scanner(resolver.gazetteer());
  Folder folder;
  FoldedText folded;
  RandomTexts texts(5);
  for (int round = 0; round < 1000; ++round) {
    const std::string text = texts.Next();
    folder.Fold(text, folded);
    std::vector<LiteralMatch> matches;
    scanner.Scan(folded, matches);
    std::erase_if(matches, [&](const LiteralMatch&) { return texts.random()() % 2 == 0; });
    CheckSound(resolver.Resolve(folded, matches, {}), text);
  }
}

TEST(ResolverTest, AnyBytesHaveAnAnswer) {
  const Resolver& resolver = Delivered();
  const NameScanner scanner(resolver.gazetteer());
  Folder folder;
  FoldedText folded;
  RandomTexts texts(9);
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (size_t n = texts.random()() % 200; n > 0; --n) text += static_cast<char>(texts.random()());
    folder.Fold(text, folded);
    std::vector<LiteralMatch> matches;
    scanner.Scan(folded, matches);
    const std::vector<Span> hits = texts.Hits(text.size());
    CheckSound(resolver.Resolve(folded, matches, {.hits = hits}), text);
  }
  // A list of places beyond every bound.
  std::string list;
  for (const PlaceName& name : resolver.gazetteer().names())
    base::StrAppend(&list, name.phrase.written(), ", ");
  folder.Fold(list, folded);
  std::vector<LiteralMatch> matches;
  scanner.Scan(folded, matches);
  ASSERT_GT(matches.size(), 5000u);
  CheckSound(resolver.Resolve(folded, matches, {}), list);
}

}  // namespace
}  // namespace keng::filters
