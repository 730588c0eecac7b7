#include "filters/text/testing_forms.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>

namespace keng::filters::testing {
namespace {

struct Row {
  char base;
  uint8_t quality;
  std::array<const char*, 6> lower;  // by tone
  std::array<const char*, 6> upper;
};

constexpr Row kRows[] = {
    {'a', 0, {"a", "à", "á", "ả", "ã", "ạ"}, {"A", "À", "Á", "Ả", "Ã", "Ạ"}},
    {'a', 1, {"ă", "ằ", "ắ", "ẳ", "ẵ", "ặ"}, {"Ă", "Ằ", "Ắ", "Ẳ", "Ẵ", "Ặ"}},
    {'a', 2, {"â", "ầ", "ấ", "ẩ", "ẫ", "ậ"}, {"Â", "Ầ", "Ấ", "Ẩ", "Ẫ", "Ậ"}},
    {'e', 0, {"e", "è", "é", "ẻ", "ẽ", "ẹ"}, {"E", "È", "É", "Ẻ", "Ẽ", "Ẹ"}},
    {'e', 2, {"ê", "ề", "ế", "ể", "ễ", "ệ"}, {"Ê", "Ề", "Ế", "Ể", "Ễ", "Ệ"}},
    {'i', 0, {"i", "ì", "í", "ỉ", "ĩ", "ị"}, {"I", "Ì", "Í", "Ỉ", "Ĩ", "Ị"}},
    {'o', 0, {"o", "ò", "ó", "ỏ", "õ", "ọ"}, {"O", "Ò", "Ó", "Ỏ", "Õ", "Ọ"}},
    {'o', 2, {"ô", "ồ", "ố", "ổ", "ỗ", "ộ"}, {"Ô", "Ồ", "Ố", "Ổ", "Ỗ", "Ộ"}},
    {'o', 3, {"ơ", "ờ", "ớ", "ở", "ỡ", "ợ"}, {"Ơ", "Ờ", "Ớ", "Ở", "Ỡ", "Ợ"}},
    {'u', 0, {"u", "ù", "ú", "ủ", "ũ", "ụ"}, {"U", "Ù", "Ú", "Ủ", "Ũ", "Ụ"}},
    {'u', 3, {"ư", "ừ", "ứ", "ử", "ữ", "ự"}, {"Ư", "Ừ", "Ứ", "Ử", "Ữ", "Ự"}},
    {'y', 0, {"y", "ỳ", "ý", "ỷ", "ỹ", "ỵ"}, {"Y", "Ỳ", "Ý", "Ỷ", "Ỹ", "Ỵ"}},
};
constexpr const char* kTones[] = {"", "\u0300", "\u0301", "\u0309", "\u0303", "\u0323"};
constexpr const char* kQualities[] = {"", "\u0306", "\u0302", "\u031b"};

size_t CharLength(std::string_view text, size_t at) {
  const auto lead = static_cast<uint8_t>(text[at]);
  return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

const Row* FindRow(const Letter& letter) {
  for (const Row& row : kRows) {
    if (row.base == letter.base && row.quality == letter.quality) return &row;
  }
  return nullptr;
}

std::string Plain(const Letter& letter) {
  if (letter.base == 0) return letter.other;
  const char c = letter.upper ? static_cast<char>(letter.base - 32) : letter.base;
  return std::string(1, c);
}

std::string ComposeOne(const Letter& letter) {
  if (letter.base == 0) return letter.other;
  if (letter.base == 'd' && letter.quality == 4) return letter.upper ? "Đ" : "đ";
  const Row* row = FindRow(letter);
  if (row == nullptr) return Plain(letter);
  return letter.upper ? row->upper[letter.tone] : row->lower[letter.tone];
}

std::string Nfd(const Letter& letter) {
  if (letter.base == 0 || letter.quality == 4) return ComposeOne(letter);
  const std::string quality = kQualities[letter.quality];
  const std::string tone = kTones[letter.tone];
  // Canonical order: horn (class 216), dot below (220), then the marks above (230).
  const bool dot_first = letter.tone == 5 && letter.quality != 3;
  return Plain(letter) + (dot_first ? tone + quality : quality + tone);
}

std::string BaseAndTone(Letter letter) {
  const uint8_t tone = letter.tone;
  letter.tone = 0;
  return ComposeOne(letter) + (letter.base == 0 ? "" : kTones[tone]);
}

using Letters = std::vector<Letter>;

std::string Map(std::string_view phrase, const std::function<std::string(const Letter&)>& make) {
  std::string out;
  for (const Letter& letter : Spell(phrase)) out += make(letter);
  return out;
}

std::string Change(std::string_view phrase, const std::function<void(Letter&)>& change) {
  Letters letters = Spell(phrase);
  for (Letter& letter : letters) change(letter);
  return Compose(letters);
}

std::vector<std::string> Words(std::string_view phrase) {
  std::vector<std::string> words(1);
  for (char c : phrase) {
    if (c == ' ') {
      words.emplace_back();
    } else {
      words.back().push_back(c);
    }
  }
  return words;
}

std::string Join(const std::vector<std::string>& words, std::string_view between) {
  std::string out;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += between;
    out += words[i];
  }
  return out;
}

std::string Title(std::string_view word) {
  Letters letters = Spell(word);
  if (!letters.empty()) letters[0].upper = letters[0].base != 0;
  return Compose(letters);
}

std::string Without(std::string_view phrase) {
  return Change(phrase, [](Letter& l) { l.quality = l.tone = 0; });
}

bool IsVowel(char c) { return std::string_view("aeiouy").find(c) != std::string_view::npos; }

// The tone on the other vowel of an open oa, oe, uy: hòa, hoà.
std::string OtherPlacement(std::string_view phrase) {
  std::vector<std::string> words = Words(phrase);
  for (std::string& word : words) {
    Letters l = Spell(word);
    if (l.size() < 3) continue;
    Letter& a = l[l.size() - 2];
    Letter& b = l[l.size() - 1];
    const bool pair = (a.base == 'o' && (b.base == 'a' || b.base == 'e')) ||
                      (a.base == 'u' && b.base == 'y' && l[l.size() - 3].base != 'q');
    if (pair && a.quality == 0 && b.quality == 0) std::swap(a.tone, b.tone);
    word = Compose(l);
  }
  return Join(words, " ");
}

std::string Stretch(std::string_view phrase, const std::function<size_t(const Letters&)>& where,
                    size_t times) {
  std::vector<std::string> words = Words(phrase);
  for (std::string& word : words) {
    Letters l = Spell(word);
    const size_t at = where(l);
    if (at >= l.size() || l[at].base == 0 || std::isdigit(l[at].base) != 0) continue;
    Letter again = l[at];
    again.tone = 0;
    l.insert(l.begin() + static_cast<std::ptrdiff_t>(at) + 1, times - 1, again);
    word = Compose(l);
  }
  return Join(words, " ");
}

size_t LastVowel(const Letters& letters) {
  for (size_t i = letters.size(); i-- > 0;) {
    if (IsVowel(letters[i].base)) return i;
  }
  return letters.size();
}

std::string Lookalike(const Letter& letter, const std::map<char, const char*>& table) {
  const auto found = table.find(letter.base);
  if (letter.base == 0 || letter.upper || found == table.end()) return ComposeOne(letter);
  return found->second + Nfd(letter).substr(1);
}

const std::map<char, const char*>& Cyrillic() {
  static const std::map<char, const char*> table = {
      {'a', "\u0430"}, {'c', "\u0441"}, {'e', "\u0435"}, {'i', "\u0456"}, {'o', "\u043e"},
      {'p', "\u0440"}, {'x', "\u0445"}, {'y', "\u0443"}, {'h', "\u04bb"}, {'s', "\u0455"}};
  return table;
}
const std::map<char, const char*>& Greek() {
  static const std::map<char, const char*> table = {
      {'a', "\u03b1"}, {'o', "\u03bf"}, {'v', "\u03bd"}, {'i', "\u03b9"},
      {'p', "\u03c1"}, {'u', "\u03c5"}, {'k', "\u03ba"}, {'x', "\u03c7"}};
  return table;
}

std::string FullWidth(const Letter& letter) {
  const std::string nfd = Nfd(letter);
  if (letter.base == 0 && letter.other.size() != 1) return nfd;
  const auto c = static_cast<uint8_t>(nfd[0]);
  if (c == ' ') return "\u3000";
  if (c < 0x21 || c > 0x7E) return nfd;
  const uint32_t cp = 0xFF01 + (c - 0x21);
  std::string out;
  out.push_back(static_cast<char>(0xE0 | (cp >> 12)));
  out.push_back(static_cast<char>(0x80 | ((cp >> 6) & 0x3F)));
  out.push_back(static_cast<char>(0x80 | (cp & 0x3F)));
  return out + nfd.substr(1);
}

template <size_t N>
const char* Any(const char* const (&choices)[N], std::mt19937& random) {
  return choices[random() % N];
}

constexpr const char* kZeroWidth[] = {"\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad"};
constexpr const char* kBetween[] = {"\u00a0", "  ",     "\n", "\t",      ", ",     "-",   "/",
                                    ". ",     "\u2009", "_",  "…",       "\u202f", " – ", "😭",
                                    " 🌊🌊 ", "\u3000", "|",  " \u200b", "*",      " ❤️ "};

std::vector<Form> MakeForms() {
  using P = std::string_view;
  using R = std::mt19937;
  std::vector<Form> forms;
  const auto add = [&](const char* name, std::function<std::string(P, R&)> make) {
    forms.push_back({name, std::move(make)});
  };
  add("NFC", [](P p, R&) { return std::string(p); });
  add("NFD", [](P p, R&) { return Map(p, Nfd); });
  add("base with combining tone", [](P p, R&) { return Map(p, BaseAndTone); });
  add("mixture of forms", [](P p, R& r) {
    return Map(p, [&](const Letter& l) {
      switch (r() % 3) {
        case 0:
          return Nfd(l);
        case 1:
          return BaseAndTone(l);
        default:
          return ComposeOne(l);
      }
    });
  });
  add("without marks", [](P p, R&) { return Without(p); });
  add("without marks but đ", [](P p, R&) {
    return Change(p, [](Letter& l) {
      l.tone = 0;
      if (l.quality != 4) l.quality = 0;
    });
  });
  add("without tones", [](P p, R&) { return Change(p, [](Letter& l) { l.tone = 0; }); });
  add("tones only", [](P p, R&) { return Change(p, [](Letter& l) { l.quality = 0; }); });
  add("some letters without marks", [](P p, R& r) {
    return Change(p, [&](Letter& l) {
      if (r() % 3 == 0) l.tone = 0;
      if (r() % 3 == 0) l.quality = 0;
    });
  });
  add("one syllable without marks", [](P p, R& r) {
    std::vector<std::string> words = Words(p);
    std::string& word = words[r() % words.size()];
    word = Without(word);
    return Join(words, " ");
  });
  add("other tone placement", [](P p, R&) { return OtherPlacement(p); });
  add("capitals", [](P p, R&) { return Change(p, [](Letter& l) { l.upper = true; }); });
  add("title case", [](P p, R&) {
    std::vector<std::string> words = Words(p);
    for (std::string& word : words) word = Title(word);
    return Join(words, " ");
  });
  add("first capital", [](P p, R&) { return Title(p); });
  add("full-width", [](P p, R&) { return Map(p, FullWidth); });
  add("full-width capitals",
      [](P p, R&) { return Map(Change(p, [](Letter& l) { l.upper = true; }), FullWidth); });
  add("zero-width inside", [](P p, R& r) {
    std::string out;
    for (const Letter& letter : Spell(p)) {
      out += ComposeOne(letter);
      if (letter.base != 0 && r() % 2 == 0) out += Any(kZeroWidth, r);
    }
    return out;
  });
  add("zero-width before marks", [](P p, R&) {
    return Map(p, [](const Letter& l) {
      std::string nfd = Nfd(l);
      if (l.base != 0 && nfd.size() > 1 && l.quality != 4) nfd.insert(1, "\u200c");
      return nfd;
    });
  });
  add("other separators", [](P p, R& r) {
    std::string out;
    for (char c : p) {
      if (c == ' ') {
        out += Any(kBetween, r);
      } else {
        out.push_back(c);
      }
    }
    return out;
  });
  add("Cyrillic look-alikes",
      [](P p, R&) { return Map(p, [](const Letter& l) { return Lookalike(l, Cyrillic()); }); });
  add("some Cyrillic look-alikes", [](P p, R& r) {
    return Map(p, [&](const Letter& l) {
      return r() % 2 == 0 ? Lookalike(l, Cyrillic()) : ComposeOne(l);
    });
  });
  add("Greek look-alikes",
      [](P p, R&) { return Map(p, [](const Letter& l) { return Lookalike(l, Greek()); }); });
  const auto last = [](const Letters& l) { return l.size() - 1; };
  add("stretched end", [last](P p, R& r) { return Stretch(p, last, 3 + r() % 5); });
  add("stretched vowel", [](P p, R& r) { return Stretch(p, LastVowel, 3 + r() % 5); });
  add("stretched first vowel", [](P p, R& r) {
    return Stretch(
        p,
        [](const Letters& l) {
          return static_cast<size_t>(
              std::find_if(l.begin(), l.end(), [](const Letter& x) { return IsVowel(x.base); }) -
              l.begin());
        },
        3 + r() % 5);
  });
  add("doubled end", [last](P p, R&) { return Stretch(p, last, 2); });
  add("stretched without marks",
      [last](P p, R& r) { return Stretch(Without(p), last, 3 + r() % 5); });
  add("stretched capitals", [last](P p, R& r) {
    return Change(Stretch(p, last, 3 + r() % 5), [](Letter& l) { l.upper = true; });
  });
  add("hashtag CamelCase", [](P p, R&) {
    std::vector<std::string> words = Words(p);
    for (std::string& word : words) word = Title(word);
    return "#" + Join(words, "");
  });
  add("hashtag CamelCase without marks", [](P p, R&) {
    std::vector<std::string> words = Words(Without(p));
    for (std::string& word : words) word = Title(word);
    return "#" + Join(words, "");
  });
  add("hashtag underscores", [](P p, R&) { return "#" + Join(Words(p), "_"); });
  add("hashtag glued", [](P p, R&) { return "#" + Join(Words(p), ""); });
  add("hashtag glued without marks", [](P p, R&) { return "#" + Join(Words(Without(p)), ""); });
  add("hashtag glued capitals",
      [](P p, R&) { return "#" + Change(Join(Words(p), ""), [](Letter& l) { l.upper = true; }); });
  add("CamelCase", [](P p, R&) {
    std::vector<std::string> words = Words(p);
    for (std::string& word : words) word = Title(word);
    return Join(words, "");
  });
  return forms;
}

}  // namespace

std::vector<Letter> Spell(std::string_view nfc) {
  static const std::map<std::string, Letter> table = [] {
    std::map<std::string, Letter> t;
    for (const Row& row : kRows) {
      for (uint8_t tone = 0; tone < 6; ++tone) {
        t[row.lower[tone]] = {row.base, row.quality, tone, false, ""};
        t[row.upper[tone]] = {row.base, row.quality, tone, true, ""};
      }
    }
    for (char c = 'a'; c <= 'z'; ++c) {
      t.insert({std::string(1, c), {c, 0, 0, false, ""}});
      t.insert({std::string(1, static_cast<char>(c - 32)), {c, 0, 0, true, ""}});
    }
    t["đ"] = {'d', 4, 0, false, ""};
    t["Đ"] = {'d', 4, 0, true, ""};
    return t;
  }();
  std::vector<Letter> letters;
  for (size_t at = 0; at < nfc.size();) {
    const size_t length = CharLength(nfc, at);
    const std::string one(nfc.substr(at, length));
    at += length;
    const auto found = table.find(one);
    letters.push_back(found != table.end() ? found->second : Letter{0, 0, 0, false, one});
  }
  return letters;
}

std::string Compose(const std::vector<Letter>& letters) {
  std::string out;
  for (const Letter& letter : letters) out += ComposeOne(letter);
  return out;
}

const std::vector<Form>& Forms() {
  static const std::vector<Form> forms = MakeForms();
  return forms;
}

std::vector<std::string> WrongMarks(std::string_view phrase, std::mt19937& random) {
  std::vector<std::string> wrong;
  const std::vector<std::string> words = Words(phrase);
  for (size_t w = 0; w < words.size(); ++w) {
    const Letters original = Spell(words[w]);
    size_t toned = LastVowel(original);
    if (toned == original.size()) continue;
    uint8_t tone_of_word = 0;
    for (size_t i = 0; i < original.size(); ++i) {
      if (original[i].tone != 0) {
        toned = i;
        tone_of_word = original[i].tone;
      }
    }
    const char end = original.back().base;
    const bool stop =
        end == 'c' || end == 'p' || end == 't' ||
        (end == 'h' && original.size() > 1 && original[original.size() - 2].base == 'c');
    const auto put = [&](const Letters& letters) {
      std::vector<std::string> changed = words;
      changed[w] = Compose(letters);
      wrong.push_back(Join(changed, " "));
    };
    // Another tone.
    for (uint8_t tone = 1; tone < 6; ++tone) {
      if (tone == tone_of_word || (stop && tone != 2 && tone != 5)) continue;
      Letters letters = original;
      letters[toned].tone = tone;
      put(letters);
    }
    // Another quality of the vowel that carries the tone, or d for đ turned round.
    for (uint8_t quality = 1; quality < 4; ++quality) {
      Letters letters = original;
      letters[toned].quality = quality;
      if (quality == original[toned].quality || FindRow(letters[toned]) == nullptr) continue;
      if (random() % 2 == 0) letters[toned].tone = stop ? 2 : static_cast<uint8_t>(random() % 6);
      put(letters);
    }
    if (original[0].base == 'd' && original[0].quality == 0) {
      Letters letters = original;
      letters[0].quality = 4;
      put(letters);
    }
  }
  return wrong;
}

const std::vector<std::string>& Phrases() {
  static const std::vector<std::string> phrases = {
      "ngập nước",
      "ngập lút bánh",
      "ngập úng",
      "ngập tới gối",
      "ngập sâu",
      "triều cường",
      "nước ngập nhà",
      "nước dâng",
      "nước lên nhanh",
      "mưa lớn",
      "mưa như trút",
      "lụt",
      "lũ về",
      "vỡ đê",
      "vỡ bờ bao",
      "tràn đê",
      "sạt lở",
      "sạt lở bờ sông",
      "lở đất",
      "sụt lún",
      "sụp hố",
      "hố tử thần",
      "hố ga mất nắp",
      "ổ gà",
      "ổ voi",
      "đường hư",
      "đường xấu",
      "đường lầy lội",
      "con lộ hư",
      "lộ nhựa bong tróc",
      "lộ bể",
      "đường đá lởm chởm",
      "bong tróc",
      "nứt đường",
      "cầu hư",
      "cầu sập",
      "sập cầu",
      "cầu yếu",
      "cầu khỉ",
      "lan can gãy",
      "gãy lan can",
      "mố cầu lún",
      "cầu bị nghiêng",
      "lấn chiếm vỉa hè",
      "lấn chiếm lòng đường",
      "vỉa hè",
      "buôn bán lấn lề",
      "đậu xe lề đường",
      "họp chợ lòng đường",
      "chợ tự phát",
      "rác thải",
      "bãi rác",
      "đổ rác trộm",
      "rác chất đống",
      "không ai gom rác",
      "xả rác bừa bãi",
      "rác bốc mùi",
      "hôi thối",
      "mùi hôi",
      "nước thải",
      "xả thải",
      "cống nghẹt",
      "nghẹt cống",
      "cống hư",
      "thoát nước kém",
      "cúp nước",
      "mất nước",
      "nước yếu",
      "nước đục",
      "nước phèn",
      "không có nước xài",
      "bể ống nước",
      "ống nước vỡ",
      "cúp điện",
      "mất điện",
      "mất điện rồi",
      "điện chập chờn",
      "đứt dây điện",
      "trụ điện ngã",
      "trụ điện nghiêng",
      "bình biến áp nổ",
      "dây điện sà xuống",
      "rò rỉ điện",
      "đèn đường hư",
      "đèn đường tắt",
      "ô nhiễm",
      "ô nhiễm không khí",
      "khói bụi",
      "khói đen",
      "bụi mù mịt",
      "đốt rơm rạ",
      "đốt đồng",
      "ồn ào",
      "karaoke ồn",
      "tiếng ồn",
      "cá chết",
      "cá chết nổi trắng",
      "kinh bị ô nhiễm",
      "lục bình bít kinh",
      "xói mòn",
      "mé sông lở",
      "bờ kè nứt",
      "kè bị sụp",
      "đất sụt",
      "tai nạn",
      "tai nạn giao thông",
      "đụng xe",
      "va quẹt xe",
      "lật xe",
      "xe lật",
      "tông xe",
      "kẹt xe",
      "kẹt cứng",
      "ùn tắc",
      "kẹt phà",
      "phà ngưng chạy",
      "cháy nhà",
      "cháy chợ",
      "cháy lớn",
      "bốc cháy",
      "hỏa hoạn",
      "nổ bình ga",
      "chập điện",
      "khói bốc lên",
      "sốt xuất huyết",
      "tay chân miệng",
      "dịch bệnh",
      "dịch tả heo",
      "cúm gia cầm",
      "ngộ độc",
      "ngộ độc thực phẩm",
      "tiêu chảy",
      "chó dại",
      "chó dại cắn",
      "ma túy",
      "ma tuý",
      "hút chích",
      "ngáo đá",
      "buôn bán ma túy",
      "kim tiêm",
      "lừa đảo",
      "lừa đảo qua mạng",
      "giả danh công an",
      "chiếm đoạt tài khoản",
      "hack nick zalo",
      "vay tiền qua app",
      "tín dụng đen",
      "đòi nợ thuê",
      "trộm cắp",
      "trộm chó",
      "cướp giật",
      "giật dọc",
      "đánh nhau",
      "chém nhau",
      "bạo hành",
      "mất tích",
      "đuối nước",
      "chìm ghe",
      "chìm xuồng",
      "chìm phà",
      "cá sấu sổng",
      "rắn độc",
      "rắn vô nhà",
      "ong đốt",
      "ong vò vẽ",
      "chó thả rông",
      "trâu bò thả rông",
      "heo chết",
      "vịt chết",
      "gà chết",
      "bỏ hoang",
      "xây dựng trái phép",
      "lấn chiếm đất công",
      "cát tặc",
      "hút cát",
      "khai thác cát",
      "ghe hút cát",
      "xâm nhập mặn",
      "hạn mặn",
      "khô hạn",
      "thiếu nước ngọt",
      "vỡ đập",
      "xả lũ",
      "xả đập",
      "lốc xoáy",
      "tốc mái",
      "giông lốc",
      "sét đánh",
      "cây ngã",
      "cây đổ",
      "nhà sập",
      "sập nhà",
      "tường sập",
      "nghiêng nhà",
      "cầu cứu",
      "cứu với",
      "cứu hộ",
      "cần giúp gấp",
      "bà con ơi",
      "trời ơi",
      "khẩn cấp",
      "báo động",
      "cảnh báo",
      "phong tỏa",
      "sơ tán",
      "di dời khẩn cấp",
      "nghe nói",
      "nghe đồn",
      "tin đồn",
      "tin giả",
      "thất thiệt",
      "vỡ quỹ",
      "bắt cóc trẻ em",
      "bắt cóc",
      "mẹ mìn",
      "sáp nhập xã",
      "đổi căn cước",
      "thu phí",
      "tăng giá điện",
      "tăng giá nước",
      "hoà bình",
      "khỏe mạnh",
      "thuỷ lợi",
      "hủy bỏ",
      "thủy triều",
      "quy hoạch",
      "xoay xở",
      "luỹ tre",
      "tòa nhà",
      "xóa tên",
      "loà xoà",
      "hòe",
      "chòi lá",
      "long xuyên",
      "châu đốc",
      "tân châu",
      "rạch giá",
      "hà tiên",
      "phú quốc",
      "chợ mới",
      "thoại sơn",
      "tri tôn",
      "tịnh biên",
      "an phú",
      "phú tân",
      "châu phú",
      "châu thành",
      "kiên lương",
      "hòn đất",
      "giồng riềng",
      "gò quao",
      "an biên",
      "an minh",
      "vĩnh thuận",
      "u minh thượng",
      "tân hiệp",
      "giang thành",
      "kiên hải",
      "mỹ hòa hưng",
      "mỹ luông",
      "cái dầu",
      "óc eo",
      "ba chúc",
      "chi lăng",
      "nhà bàng",
      "núi sam",
      "núi cấm",
      "cầu vàm cống",
      "cầu nguyễn trung trực",
      "chợ long xuyên",
      "bến phà an hòa",
      "phà ô môi",
      "đường trần hưng đạo",
      "đường tỉnh 943",
      "quốc lộ 91",
      "quốc lộ 80",
      "khóm đông thịnh",
      "ấp bình hòa",
      "khóm bình đức",
      "ấp vĩnh phú",
      "kinh vĩnh tế",
      "kênh xáng",
      "rạch ông chưởng",
      "sông hậu",
      "sông tiền",
      "mương bị lấp",
      "lấp kênh",
      "nước rút chậm",
      "nước chảy xiết",
      "nước xoáy",
      "vô nước",
      "ngập nửa bánh xe",
      "ngập ngang hông",
      "lội nước đi học",
      "xe chết máy",
      "dắt bộ",
      "không qua được",
      "không đi được",
      "chặn đường",
      "đường cấm",
      "rào đường",
      "thi công dang dở",
      "công trình dang dở",
      "đào đường",
      "lô cốt",
      "đất đá rơi vãi",
      "xe ben chạy ẩu",
      "xe quá tải",
      "cày nát đường",
      "bụi mịt trời",
      "nhà máy xả khói",
      "trại heo hôi",
      "trại gà hôi",
      "phân heo",
      "xả thẳng ra sông",
      "nước giếng đục",
      "trạm y tế hết thuốc",
      "hết thuốc",
      "bệnh viện quá tải",
      "xếp hàng chờ",
      "hồ sơ trễ hạn",
      "thái độ cán bộ",
      "nhũng nhiễu",
      "trường học dột",
      "mái dột",
      "sân trường ngập",
      "học sinh té",
      "thức ăn ôi thiu",
      "mất sóng",
      "mạng yếu",
      "wifi yếu",
      "loa phường ồn",
  };
  return phrases;
}

}  // namespace keng::filters::testing
