#include "filters/sketch.h"

#include <algorithm>

#include "base/stable_hash.h"

namespace keng::filters {
namespace {

constexpr size_t kGram = 4;
constexpr size_t kSetMax = 4096;  // numbers, and names

// Where Compare() draws its lines: see there.
constexpr size_t kShinglesMin = 12;
constexpr double kAlike = 0.5;
constexpr size_t kShort = 300;
constexpr double kNumbersChanged = 0.3;
constexpr double kVeryAlike = 0.65;
constexpr size_t kShinglesPerNumber = 150;
constexpr size_t kNamesSwappedShort = 2;
constexpr size_t kNamesSwappedLong = 3;

uint32_t Hash(std::string_view bytes, uint64_t key) {
  return static_cast<uint32_t>(base::StableHash64(bytes, key));
}

void SortUnique(std::vector<uint32_t>& hashes, size_t count_max) {
  std::sort(hashes.begin(), hashes.end());
  hashes.erase(std::unique(hashes.begin(), hashes.end()), hashes.end());
  if (hashes.size() > count_max) hashes.resize(count_max);
}

// One character of UTF-8, moving `text` past it. A broken byte is a character of its own.
uint32_t NextCharacter(std::string_view& text) {
  const auto byte = [&text](size_t i) -> uint32_t { return static_cast<uint8_t>(text[i]); };
  const uint32_t first = byte(0);
  const size_t size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (first < 0x80 || first < 0xc0 || text.size() < size) {
    text.remove_prefix(1);
    return first < 0x80 ? first : 0xfffd;
  }
  uint32_t character = first & (0x7fu >> size);
  for (size_t i = 1; i < size; ++i) character = character << 6 | (byte(i) & 0x3f);
  text.remove_prefix(size);
  return character;
}

enum class Letter : uint8_t { kNone, kSmall, kCapital, kMark };

bool IsSymbol(uint32_t c) {
  return c < 0xc0 || c == 0xd7 || c == 0xf7 || (c >= 0x2000 && c < 0x2c00) ||
         (c >= 0x3000 && c < 0x3040) || (c >= 0xd800 && c < 0xf900) ||
         (c >= 0xfe00 && c < 0xfe70) || c >= 0xff5f;
}

// Whether a Vietnamese letter is a capital, and its base letter in lower-case ASCII ('\0': none).
Letter Classify(uint32_t c, char& base) {
  base = '\0';
  if (c < 0x80) {
    if (c >= 'A' && c <= 'Z') {
      base = static_cast<char>(c + 32);
      return Letter::kCapital;
    }
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
      base = static_cast<char>(c);
      return Letter::kSmall;
    }
    return Letter::kNone;
  }
  if (c >= 0x300 && c < 0x370) return Letter::kMark;
  if (IsSymbol(c)) return Letter::kNone;
  if (c < 0x100) {
    constexpr std::string_view kBases = "aaaaaaaceeeeiiiidnooooo*ouuuuy*s";
    base = kBases[c & 0x1f];
    return c < 0xe0 ? Letter::kCapital : Letter::kSmall;
  }
  if (c >= 0x1ea0 && c <= 0x1ef9) {
    base = c <= 0x1eb7   ? 'a'
           : c <= 0x1ec7 ? 'e'
           : c <= 0x1ecb ? 'i'
           : c <= 0x1ee3 ? 'o'
           : c <= 0x1ef1 ? 'u'
                         : 'y';
    return c % 2 == 0 ? Letter::kCapital : Letter::kSmall;
  }
  switch (c) {
    case 0x102:
      base = 'a';
      return Letter::kCapital;
    case 0x103:
      base = 'a';
      return Letter::kSmall;
    case 0x110:
      base = 'd';
      return Letter::kCapital;
    case 0x111:
      base = 'd';
      return Letter::kSmall;
    case 0x128:
      base = 'i';
      return Letter::kCapital;
    case 0x129:
      base = 'i';
      return Letter::kSmall;
    case 0x168:
      base = 'u';
      return Letter::kCapital;
    case 0x169:
      base = 'u';
      return Letter::kSmall;
    case 0x1a0:
      base = 'o';
      return Letter::kCapital;
    case 0x1a1:
      base = 'o';
      return Letter::kSmall;
    case 0x1af:
      base = 'u';
      return Letter::kCapital;
    case 0x1b0:
      base = 'u';
      return Letter::kSmall;
    default:
      return Letter::kSmall;
  }
}

// Finds names: runs of capitalised syllables, without the capital that only begins a sentence.
// Words all in capitals are shouting.
class NameFinder {
 public:
  NameFinder(uint64_t key, std::vector<uint32_t>& names) : key_(key), names_(names) {}

  void Scan(std::string_view text) {
    while (!text.empty()) {
      char base = '\0';
      const uint32_t c = NextCharacter(text);
      const Letter letter = Classify(c, base);
      if (letter == Letter::kNone) {
        EndWord();
        if (c != ' ' && c != '\t' && c != '\r' && c != '_') EndSentence(c);
        continue;
      }
      if (letter == Letter::kMark) continue;
      if (letters_ == 0) first_capital_ = letter == Letter::kCapital;
      if (letter == Letter::kCapital) ++capitals_;
      ++letters_;
      if (base != '\0') word_ += base;
    }
    EndWord();
    EndRun();
  }

 private:
  void EndWord() {
    if (letters_ == 0) return;
    const bool capitalised = first_capital_ && (letters_ == 1 || capitals_ < letters_);
    if (capitalised) {
      if (run_.empty()) run_begins_sentence_ = sentence_begins_;
      run_.push_back(Hash(word_, key_));
    } else {
      EndRun();
    }
    sentence_begins_ = false;
    word_.clear();
    letters_ = capitals_ = 0;
  }
  void EndSentence(uint32_t c) {
    EndRun();
    constexpr std::string_view kEnds = ".!?\n:\"-*";
    sentence_begins_ = (c < 0x80 && kEnds.find(static_cast<char>(c)) != std::string_view::npos) ||
                       c == 0x201c || c == 0x201d || c == 0x2022;
  }
  void EndRun() {
    size_t begin = 0;
    if (run_begins_sentence_) begin = run_.size() == 2 ? 0 : 1;
    for (size_t i = begin; i < run_.size(); ++i) names_.push_back(run_[i]);
    run_.clear();
    run_begins_sentence_ = false;
  }

  const uint64_t key_;
  std::vector<uint32_t>& names_;
  std::string word_;
  size_t letters_ = 0;
  size_t capitals_ = 0;
  bool first_capital_ = false;
  bool sentence_begins_ = true;
  bool run_begins_sentence_ = false;
  std::vector<uint32_t> run_;
};

void FindNumbers(std::string_view folded, uint64_t key, std::vector<uint32_t>& numbers) {
  const auto digit = [&folded](size_t i) { return folded[i] >= '0' && folded[i] <= '9'; };
  for (size_t begin = 0; begin < folded.size(); ++begin) {
    if (!digit(begin)) continue;
    size_t end = begin;
    while (end < folded.size() && digit(end)) ++end;
    numbers.push_back(Hash(folded.substr(begin, end - begin), key));
    begin = end;
  }
}

// How two sets differ.
struct Difference {
  size_t only_a = 0, only_b = 0, common = 0;
  size_t swapped() const { return std::min(only_a, only_b); }
  size_t joined() const { return only_a + only_b + common; }
  size_t smaller() const { return std::min(only_a, only_b) + common; }
};
Difference DifferenceOf(const std::vector<uint32_t>& a, const std::vector<uint32_t>& b) {
  Difference difference;
  size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (a[i] < b[j]) {
      ++difference.only_a, ++i;
    } else if (b[j] < a[i]) {
      ++difference.only_b, ++j;
    } else {
      ++difference.common, ++i, ++j;
    }
  }
  difference.only_a += a.size() - i;
  difference.only_b += b.size() - j;
  return difference;
}

}  // namespace

Sketch MakeSketch(std::string_view original, std::string_view folded, uint64_t key) {
  Sketch sketch;
  sketch.shingles.reserve(folded.size());
  for (size_t i = 0; i + kGram <= folded.size(); ++i) {
    sketch.shingles.push_back(Hash(folded.substr(i, kGram), key));
  }
  SortUnique(sketch.shingles, Sketch::kShinglesMax);
  FindNumbers(folded, key, sketch.numbers);
  SortUnique(sketch.numbers, kSetMax);
  NameFinder(key, sketch.names).Scan(original);
  SortUnique(sketch.names, kSetMax);
  return sketch;
}

double Jaccard(const std::vector<uint32_t>& a, const std::vector<uint32_t>& b) {
  size_t common = 0, joined = 0;
  // Two cut sketches: only the smallest of the union are known to be complete.
  const bool cut = a.size() >= Sketch::kShinglesMax || b.size() >= Sketch::kShinglesMax;
  const size_t joined_max = cut ? Sketch::kShinglesMax : a.size() + b.size();
  size_t i = 0, j = 0;
  while ((i < a.size() || j < b.size()) && joined < joined_max) {
    ++joined;
    if (j == b.size() || (i < a.size() && a[i] < b[j])) {
      ++i;
    } else if (i == a.size() || b[j] < a[i]) {
      ++j;
    } else {
      ++common, ++i, ++j;
    }
  }
  return joined == 0 ? 0 : static_cast<double>(common) / static_cast<double>(joined);
}

std::string_view LikenessName(Likeness likeness) {
  switch (likeness) {
    case Likeness::kSame:
      return "same";
    case Likeness::kDifferentText:
      return "different_text";
    case Likeness::kDifferentNumbers:
      return "different_numbers";
    case Likeness::kDifferentNames:
      return "different_names";
    case Likeness::kTooShort:
      return "too_short";
  }
  return "different_text";
}

// The lines were drawn on pairs of real posts (docs: README of filters/). What they rest on:
//   - A short text in which one number was exchanged is the next item of a series (another day,
//     another match); in a long one an exchanged number or two is an edit or a correction, and a
//     whole paragraph of numbers may have been cut off the end.
//   - A short form with another name in it is another case; in long texts the names that differ
//     are mostly those of who passed it on, so that there the most of them must differ.
Likeness Compare(const Sketch& a, const Sketch& b) {
  const size_t shingles = std::min(a.shingles.size(), b.shingles.size());
  if (shingles < kShinglesMin) return Likeness::kTooShort;
  const double alike = Jaccard(a.shingles, b.shingles);
  if (alike < kAlike) return Likeness::kDifferentText;
  const bool is_short = shingles < kShort;

  const Difference numbers = DifferenceOf(a.numbers, b.numbers);
  const double changed = static_cast<double>(numbers.only_a + numbers.only_b);
  const bool few_changed = changed <= kNumbersChanged * static_cast<double>(numbers.joined());
  const bool few_swapped =
      alike >= kVeryAlike && numbers.swapped() <= shingles / kShinglesPerNumber;
  if (is_short ? (!few_changed || numbers.swapped() > 0) : (!few_changed && !few_swapped)) {
    return Likeness::kDifferentNumbers;
  }

  const Difference names = DifferenceOf(a.names, b.names);
  const bool swapped =
      is_short ? names.swapped() >= kNamesSwappedShort
               : names.swapped() >= kNamesSwappedLong && 2 * names.swapped() > names.smaller();
  return swapped ? Likeness::kDifferentNames : Likeness::kSame;
}

}  // namespace keng::filters
