#include "filters/text/internal/syllables.h"

#include <algorithm>
#include <array>
#include <limits>

namespace keng::filters::text_internal {
namespace {

// Qualities are written as in unicode.h: A ă, B â, D đ, E ê, O ô, P ơ, U ư.
constexpr std::string_view kOnsets[] = {"",   "b", "c",  "ch", "d",  "D",   "g",  "h",  "k",
                                        "kh", "l", "m",  "n",  "ng", "ngh", "nh", "ph", "r",
                                        "s",  "t", "th", "tr", "v",  "x",   "gh"};

constexpr std::string_view kRimes[] = {
    "a",    "ac",   "ach",  "ai",   "am",   "an",   "ang",  "anh",  "ao",  "ap",   "at",   "au",
    "ay",   "Ac",   "Am",   "An",   "Ang",  "Ap",   "At",   "Bc",   "Bm",  "Bn",   "Bng",  "Bp",
    "Bt",   "Bu",   "By",   "e",    "ec",   "em",   "en",   "eng",  "eo",  "ep",   "et",   "E",
    "Ech",  "Em",   "En",   "Enh",  "Ep",   "Et",   "Eu",   "i",    "ia",  "ich",  "iEc",  "iEm",
    "iEn",  "iEng", "iEp",  "iEt",  "iEu",  "im",   "in",   "inh",  "ip",  "it",   "iu",   "o",
    "oa",   "oac",  "oach", "oai",  "oam",  "oan",  "oang", "oanh", "oao", "oap",  "oat",  "oay",
    "oAc",  "oAm",  "oAn",  "oAng", "oAt",  "oc",   "oe",   "oen",  "oeo", "oet",  "oi",   "om",
    "on",   "ong",  "ooc",  "oong", "op",   "ot",   "O",    "Oc",   "Oi",  "Om",   "On",   "Ong",
    "Op",   "Ot",   "P",    "Pi",   "Pm",   "Pn",   "Pp",   "Pt",   "u",   "ua",   "uBn",  "uBng",
    "uBt",  "uBy",  "uc",   "uE",   "uEch", "uEnh", "ui",   "um",   "un",  "ung",  "uOc",  "uOi",
    "uOm",  "uOn",  "uOng", "uOt",  "uP",   "up",   "ut",   "uy",   "uya", "uych", "uyEn", "uyEt",
    "uynh", "uyt",  "uyu",  "U",    "Ua",   "Uc",   "Ui",   "Um",   "Ung", "UPc",  "UPi",  "UPm",
    "UPn",  "UPng", "UPp",  "UPt",  "UPu",  "Ut",   "y",
};

// Rimes that stand without an onset or with particular ones only.
constexpr std::string_view kWhole[] = {
    "yEm",   "yEn",  "yEng", "yEt",   "yEu",  "quy",  "quych", "quynh", "quyn", "quyt", "quyEn",
    "quyEt", "gi",   "gin",  "giEng", "giEc", "giEt", "giEm",  "gim",   "pa",   "pin",  "pi",
    "pO",    "pP",   "Uu",   "bUu",   "cUu",  "hUu",  "khUu",  "lUu",   "mUu",  "ngUu", "sUu",
    "tUu",   "trUu", "my",   "ly",    "ky",   "hy",   "sy",    "ty",    "vy",
};

// Words from elsewhere that stand among Vietnamese ones in hashtags.
constexpr std::string_view kLoans[] = {
    "app",  "camera", "card",     "clip",    "covid", "facebook", "fan",  "game", "gas",
    "hack", "inbox",  "internet", "karaoke", "kilo",  "laptop",   "like", "live", "livestream",
    "net",  "nick",   "online",   "page",    "shop",  "ship",     "sim",  "sos",  "taxi",
    "test", "tivi",   "tour",     "video",   "web",   "wifi",     "zalo",
};

constexpr std::string_view kQuRimes[] = {
    "a",  "ac",  "ach", "ai", "an", "ang", "anh", "ao",  "at", "au", "ay", "Ac", "Am",
    "An", "Ang", "Ap",  "At", "Bn", "Bng", "Bt",  "By",  "e",  "en", "eo", "et", "E",
    "En", "Enh", "Ech", "Et", "i",  "it",  "inh", "ich", "P",  "Pi", "o",  "Oc",
};

char Fold(char quality) {
  switch (quality) {
    case 'A':
    case 'B':
      return 'a';
    case 'D':
      return 'd';
    case 'E':
      return 'e';
    case 'O':
    case 'P':
      return 'o';
    case 'U':
      return 'u';
    default:
      return quality;
  }
}

bool IsFront(char quality) {
  return quality == 'e' || quality == 'E' || quality == 'i' || quality == 'y';
}

bool Spells(std::string_view onset, std::string_view rime) {
  const bool front = IsFront(rime[0]);
  if (rime == "y") return false;  // those that exist are in kWhole, but for "y" itself
  if (onset == "k" || onset == "gh" || onset == "ngh") return front;
  if (onset == "c" || onset == "g" || onset == "ng") return !front;
  return true;
}

bool EndsInStop(std::string_view folded) {
  const char last = folded.back();
  return last == 'c' || last == 'p' || last == 't' || folded.ends_with("ch");
}

}  // namespace

const SyllableInventory& SyllableInventory::Get() {
  static const SyllableInventory inventory;
  return inventory;
}

SyllableInventory::SyllableInventory() {
  for (std::string_view onset : kOnsets) {
    for (std::string_view rime : kRimes) {
      if (Spells(onset, rime)) Add(std::string(onset) + std::string(rime));
    }
  }
  for (std::string_view rime : kRimes) {
    if (!IsFront(rime[0]) || rime[0] == 'e' || rime[0] == 'E') Add("gi" + std::string(rime));
  }
  for (std::string_view rime : kQuRimes) Add("qu" + std::string(rime));
  for (std::string_view whole : kWhole) Add(whole);
  for (std::string_view loan : kLoans) loans_.emplace(loan);
  Add("y");
}

void SyllableInventory::Add(std::string_view qualities) {
  std::string folded;
  for (char c : qualities) folded.push_back(Fold(c));
  forms_[folded].emplace_back(qualities);
}

bool SyllableInventory::Contains(std::string_view folded) const {
  if (folded.empty() || folded.size() > kLettersMax) return false;
  const std::string key(folded);
  return forms_.contains(key) || loans_.contains(key);
}

bool SyllableInventory::Admits(std::string_view qualities, std::string_view folded,
                               const std::vector<uint8_t>& tones_of_letters, size_t first) const {
  if (folded.empty() || folded.size() > kLettersMax) return false;
  const std::string key(folded);
  uint8_t tone = 0;
  for (size_t i = first; i < first + folded.size(); ++i) {
    if (tones_of_letters[i] == 0) continue;
    if (tone != 0) return false;
    tone = tones_of_letters[i];
  }
  if (tone == 0 && qualities == folded && loans_.contains(key)) return true;
  const auto found = forms_.find(key);
  if (found == forms_.end()) return false;
  if (EndsInStop(folded) && tone != 0 && tone != 2 && tone != 5) return false;
  return std::any_of(found->second.begin(), found->second.end(), [&](const std::string& form) {
    for (size_t i = 0; i < form.size(); ++i) {
      if (qualities[i] != folded[i] && qualities[i] != form[i]) return false;
    }
    return true;
  });
}

std::vector<SyllableInventory::Reading> SyllableInventory::Split(
    std::string_view folded, std::string_view qualities, const std::vector<uint8_t>& tones) const {
  const size_t n = folded.size();
  std::vector<Reading> readings;
  if (n == 0 || n > kGluedMax) return readings;
  constexpr uint8_t kNone = std::numeric_limits<uint8_t>::max();
  // fewest[i]: syllables that letters [i, n) need, at least two for the whole word; fits[i][l]:
  // letters [i, i+l) can be one.
  std::array<uint8_t, kGluedMax + 1> fewest;
  std::array<std::array<bool, kLettersMax + 1>, kGluedMax> fits = {};
  fewest.fill(kNone);
  fewest[n] = 0;
  for (size_t i = n; i-- > 0;) {
    for (size_t length = 1; length <= kLettersMax && i + length <= n; ++length) {
      if (fewest[i + length] == kNone) continue;
      if (length == n) continue;  // the word as it is stands beside its readings anyway
      fits[i][length] = Admits(qualities.substr(i, length), folded.substr(i, length), tones, i);
      if (fits[i][length]) {
        fewest[i] = std::min<uint8_t>(fewest[i], static_cast<uint8_t>(fewest[i + length] + 1));
      }
    }
  }
  if (fewest[0] == kNone) return readings;
  // "youtube" is no "y o u tu be": single letters are rare among syllables.
  if (n + 1 < size_t{2} * fewest[0]) return readings;
  // "Phú An" is also a reading of "phuan", but "ho a" none of "hoa".
  const bool whole = Admits(qualities, folded, tones, 0);
  // Depth first with the shorter syllable first: a consonant between vowels then begins the next
  // syllable, which is the commoner reading ("ha noi" before "han oi").
  Reading reading;
  const auto walk = [&](const auto& self, size_t at) -> void {
    if (readings.size() == kReadingsMax) return;
    if (at == n) {
      readings.push_back(reading);
      return;
    }
    for (size_t length = 1; length <= kLettersMax && at + length <= n; ++length) {
      if (!fits[at][length] || fewest[at + length] + 1 != fewest[at]) continue;
      if (whole && length == 1) continue;
      reading.push_back(static_cast<uint8_t>(length));
      self(self, at + length);
      reading.pop_back();
    }
  };
  walk(walk, 0);
  return readings;
}

}  // namespace keng::filters::text_internal
