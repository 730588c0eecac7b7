#include "bench/load.h"

#include <array>
#include <iterator>
#include <set>
#include <string_view>

#include "base/json_text.h"
#include "base/strings.h"

namespace keng::bench {

namespace {

constexpr std::string_view kOnsets[] = {"b",  "c",  "ch", "d",  "đ",  "g",   "h",  "k", "kh",
                                        "l",  "m",  "n",  "ng", "nh", "ph",  "r",  "s", "t",
                                        "th", "tr", "v",  "x",  "",   "ngh", "gh", "p"};
// Vowels with their six tones; the rime is the vowel and a coda.
constexpr std::array<std::array<std::string_view, 6>, 11> kVowels = {{
    {"a", "á", "à", "ả", "ã", "ạ"},
    {"ă", "ắ", "ằ", "ẳ", "ẵ", "ặ"},
    {"â", "ấ", "ầ", "ẩ", "ẫ", "ậ"},
    {"e", "é", "è", "ẻ", "ẽ", "ẹ"},
    {"ê", "ế", "ề", "ể", "ễ", "ệ"},
    {"i", "í", "ì", "ỉ", "ĩ", "ị"},
    {"o", "ó", "ò", "ỏ", "õ", "ọ"},
    {"ô", "ố", "ồ", "ổ", "ỗ", "ộ"},
    {"ơ", "ớ", "ờ", "ở", "ỡ", "ợ"},
    {"u", "ú", "ù", "ủ", "ũ", "ụ"},
    {"ư", "ứ", "ừ", "ử", "ữ", "ự"},
}};
constexpr std::array<std::string_view, 9> kCodas = {"", "", "n", "ng", "m", "t", "c", "p", "nh"};

}  // namespace

std::string Load::Syllable() {
  const auto& vowel = kVowels[random_() % kVowels.size()];
  return base::StrCat(kOnsets[random_() % std::size(kOnsets)], vowel[random_() % vowel.size()],
                      kCodas[random_() % kCodas.size()]);
}

std::string Load::Phrase() {
  std::string phrase = Syllable();
  for (uint64_t left = 1 + random_() % 3; left > 0; --left)
    base::StrAppend(&phrase, " ", Syllable());
  return phrase;
}

std::vector<std::string> Load::Phrases(size_t count) {
  std::set<std::string> phrases;
  while (phrases.size() < count) phrases.insert(Phrase());
  return {phrases.begin(), phrases.end()};
}

std::string Load::Text(size_t bytes, const std::string& inside) {
  std::string text;
  bool placed = inside.empty();
  while (text.size() < bytes) {
    if (!placed && text.size() + inside.size() > bytes / 2) {
      base::StrAppend(&text, inside, " ");
      placed = true;
      continue;
    }
    base::StrAppend(&text, Syllable(), random_() % 9 == 0 ? ", " : " ");
  }
  return text;
}

std::string Load::PostJson(int64_t number, const std::string& text, absl::Time created_at) {
  std::string json = base::StrCat(
      R"({"id":"bench:)", number, R"(","source":"bench:load","url":"https://social.example/p/)",
      number, R"(","author":"native-)", random_() % 50'000, R"(","account":"bench:group:)",
      random_() % 100, R"(","created_at":")",
      absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", created_at, absl::UTCTimeZone()),
      R"(","kind":"post","lang":"vi","text":)");
  base::AppendJsonString(text, json);
  base::StrAppend(&json, R"(,"reach":{"likes":)", random_() % 1000, R"(,"shares":)", random_() % 50,
                  "}}");
  return json;
}

}  // namespace keng::bench
