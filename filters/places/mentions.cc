#include "filters/places/internal/mentions.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

namespace keng::filters {
namespace {

// Letters that Vietnamese writes in capitals, one code point at `at`; false for everything else.
bool IsCapital(std::string_view text, size_t at) {
  if (at >= text.size()) return false;
  const auto c = static_cast<unsigned char>(text[at]);
  if (c < 0x80) return c >= 'A' && c <= 'Z';
  const unsigned char d = at + 1 < text.size() ? static_cast<unsigned char>(text[at + 1]) : 0;
  if (c == 0xC3) return d >= 0x80 && d <= 0x9E;                     // À to Þ
  if (c == 0xC4 || c == 0xC5) return (d & 1) == 0;                  // Ă, Đ, Ĩ, Ũ
  if (c == 0xC6) return d == 0xA0 || d == 0xAF;                     // Ơ, Ư
  if (c == 0xE1 && d >= 0xBA && d <= 0xBB && at + 2 < text.size())  // Ạ to Ỹ
    return (static_cast<unsigned char>(text[at + 2]) & 1) == 0;
  return false;
}

bool IsLetter(std::string_view text, size_t at) {
  if (at >= text.size()) return false;
  const auto c = static_cast<unsigned char>(text[at]);
  return c >= 0x80 || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool AllCapitals(std::string_view text) {
  return !text.empty() &&
         std::none_of(text.begin(), text.end(), [](char c) { return c >= 'a' && c <= 'z'; });
}

// What stands between two syllables.
enum class Gap : uint8_t { kWord, kClause, kSentence };

// A full stop after a short word in capitals ("TP. ", "P.") abbreviates and ends nothing.
Gap GapOf(std::string_view original, Span left, Span right) {
  if (right.begin < left.end) return Gap::kSentence;  // another reading of one hashtag
  const std::string_view between = original.substr(left.end, right.begin - left.end);
  const std::string_view before = original.substr(left.begin, left.end - left.begin);
  Gap gap = Gap::kWord;
  for (size_t i = 0; i < between.size(); ++i) {
    switch (between[i]) {
      case '\n':
      case '!':
      case '?':
        return Gap::kSentence;
      case '.': {
        const bool more = i + 1 < between.size();
        const bool abbreviates = before.size() <= 2 && IsCapital(before, 0);
        if (!abbreviates && more) return Gap::kSentence;
        break;
      }
      case ',':
      case ';':
      case ':':
      case '(':
      case ')':
      case '/':
      case '|':
      case '"':
      case '[':
      case ']':
      case '+':
        gap = Gap::kClause;
        break;
      case '-':
        if (between.size() > 1) gap = Gap::kClause;
        break;
      default:
        // Bullets, emoji, long dashes.
        if (static_cast<unsigned char>(between[i]) >= 0xE2) gap = Gap::kClause;
    }
  }
  return gap;
}

// Nothing but one dash and spaces: "Rạch Giá - Hà Tiên".
bool IsDash(std::string_view between) {
  size_t dashes = 0;
  for (size_t i = 0; i < between.size(); ++i) {
    if (between[i] == ' ') continue;
    if (between.substr(i).starts_with("–") || between.substr(i).starts_with("—"))
      i += 2;
    else if (between[i] != '-')
      return false;
    ++dashes;
  }
  return dashes == 1;
}

struct Syllable {
  uint32_t begin = 0, end = 0;  // folded
  Span span;                    // original
  Gap gap = Gap::kSentence;     // before it
};

class Reader {
 public:
  Reader(const FoldedText& text, const Gazetteer& gazetteer, const PlaceWords& words)
      : text_(text), gazetteer_(gazetteer), words_(words) {}

  Mentions Read(std::span<const LiteralMatch> matches);

 private:
  struct Found {
    uint32_t begin = 0, end = 0;
    uint32_t from = 0;  // where the longest of its names begins
    std::vector<Reading> readings;
  };

  void Split();
  size_t SyllableAt(uint32_t folded) const;
  std::optional<Found> Check(const LiteralMatch& match) const;
  bool Headed(const Found& longer, const Found& shorter) const;
  void Disentangle(std::vector<Found>& found);
  void Surround(Mention& mention) const;
  void Glue(size_t index);
  void LinkUp(size_t index);
  std::string_view Original(size_t syllable) const {
    const Span span = syllables_[syllable].span;
    return text_.original().substr(span.begin, span.end - span.begin);
  }
  bool StartsSentence(size_t syllable) const {
    return syllable == 0 || syllables_[syllable].gap == Gap::kSentence;
  }

  const FoldedText& text_;
  const Gazetteer& gazetteer_;
  const PlaceWords& words_;
  std::vector<Syllable> syllables_;
  bool cased_ = false;  // capitals say something: some and not most syllables have them
  Mentions out_;
};

void Reader::Split() {
  const std::string_view folded = text_.text();
  size_t capitals = 0, letters = 0;
  for (size_t begin = 1; begin < folded.size();) {
    const size_t end = folded.find(' ', begin);
    if (end == std::string_view::npos) break;
    Syllable syllable;
    syllable.begin = static_cast<uint32_t>(begin);
    syllable.end = static_cast<uint32_t>(end);
    syllable.span = text_.Original(syllable.begin, syllable.end);
    if (!syllables_.empty())
      syllable.gap = folded[begin] == '|' || folded[syllables_.back().begin] == '|'
                         ? Gap::kSentence
                         : GapOf(text_.original(), syllables_.back().span, syllable.span);
    if (IsLetter(text_.original(), syllable.span.begin)) {
      ++letters;
      if (IsCapital(text_.original(), syllable.span.begin)) ++capitals;
    }
    syllables_.push_back(syllable);
    begin = end + 1;
  }
  cased_ = capitals > 0 && capitals * 10 <= letters * 7;
  out_.habit = MarksHabitOf(text_.original());
  int sentence = -1, clause = -1;
  for (const Syllable& syllable : syllables_) {
    if (syllable.gap == Gap::kSentence) ++sentence;
    const std::string_view word = folded.substr(syllable.begin, syllable.end - syllable.begin);
    if (syllable.gap != Gap::kWord || word == "nhung" || word == "con") ++clause;
    out_.syllables.push_back(syllable.span);
    out_.sentences.push_back(sentence);
    out_.clauses.push_back(clause);
  }
}

size_t Reader::SyllableAt(uint32_t folded) const {
  const auto after = std::upper_bound(
      syllables_.begin(), syllables_.end(), folded,
      [](uint32_t offset, const Syllable& syllable) { return offset < syllable.begin; });
  return static_cast<size_t>(after - syllables_.begin()) - 1;
}

// The match as readings whose marks do not conflict; none when the name is broken by punctuation.
std::optional<Reader::Found> Reader::Check(const LiteralMatch& match) const {
  if (match.id >= gazetteer_.literals().size() || match.begin < 1 || match.end <= match.begin ||
      match.end >= text_.text().size())
    return std::nullopt;
  Found found;
  found.begin = found.from = match.begin;
  found.end = match.end;
  for (const uint32_t index : gazetteer_.NamesOf(match.id)) {
    const PlaceName& name = gazetteer_.names()[index];
    const MarksEvidence marks = CompareMarks(name.phrase, text_, match.begin - 1);
    if (marks == MarksEvidence::kConflicting) continue;
    found.readings.push_back({index, name.place, marks});
  }
  if (found.readings.empty()) return std::nullopt;
  const size_t first = SyllableAt(match.begin);
  const size_t last = SyllableAt(match.end - 1);
  for (size_t i = first + 1; i <= last; ++i) {
    const Span left = syllables_[i - 1].span, right = syllables_[i].span;
    if (syllables_[i].gap == Gap::kWord) continue;
    // The name of a canal or a road is two names with a dash between them.
    const bool joined = syllables_[i].gap == Gap::kClause && last - first >= 3 &&
                        IsDash(text_.original().substr(left.end, right.begin - left.end));
    if (!joined) return std::nullopt;
  }
  return found;
}

// Whether all that the longer of two names with one end has before the shorter is a word of place.
bool Reader::Headed(const Found& longer, const Found& shorter) const {
  if (shorter.begin <= longer.begin) return false;
  const PlaceWord* word = words_.Before(text_, shorter.begin - 1, out_.habit);
  return word != nullptr && word->kind <= WordKind::kFeature &&
         longer.begin + word->phrase.literal().size() - 1 == shorter.begin;
}

// Longer names win over those inside them; where the longer one is only the shorter with its word
// of place, both are readings of one mention.
void Reader::Disentangle(std::vector<Found>& found) {
  std::stable_sort(found.begin(), found.end(), [](const Found& a, const Found& b) {
    const uint32_t x = a.end - a.begin, y = b.end - b.begin;
    return x != y ? x > y : a.begin < b.begin;
  });
  std::vector<Found> kept;
  for (Found& next : found) {
    bool free = true;
    for (Found& other : kept) {
      if (next.end <= other.from || other.end <= next.begin) continue;
      free = false;
      if (next.end == other.end && (next.begin == other.begin || Headed(other, next))) {
        other.readings.insert(other.readings.end(), next.readings.begin(), next.readings.end());
        other.begin = std::max(other.begin, next.begin);
      }
      break;
    }
    if (free && kept.size() < kMentionsMax) kept.push_back(std::move(next));
  }
  std::sort(kept.begin(), kept.end(),
            [](const Found& a, const Found& b) { return a.begin < b.begin; });
  for (Found& one : kept) {
    // Who types marks and wrote Tân An did not mean Tân Ân, which lies elsewhere.
    if (out_.habit == MarksHabit::kTypesMarks &&
        std::any_of(one.readings.begin(), one.readings.end(),
                    [](const Reading& r) { return r.marks == MarksEvidence::kEqual; }))
      std::erase_if(one.readings, [&](const Reading& r) {
        return r.marks != MarksEvidence::kEqual && !gazetteer_.place(r.place).served;
      });
    Mention mention;
    mention.begin = one.begin;
    mention.end = one.end;
    mention.readings = std::move(one.readings);
    out_.mentions.push_back(std::move(mention));
  }
}

void Reader::Surround(Mention& mention) const {
  mention.head = mention.begin;
  const size_t name_first = SyllableAt(mention.begin);
  if (syllables_[name_first].gap == Gap::kWord || mention.begin < 2) {
    mention.word = words_.Before(text_, mention.begin - 1, out_.habit);
    if (mention.word != nullptr && mention.word->kind <= WordKind::kFeature) {
      mention.head =
          mention.begin - 1 - static_cast<uint32_t>(mention.word->phrase.literal().size() - 2);
    } else {
      mention.cue = mention.word;
      mention.word = nullptr;
    }
  }
  mention.first = SyllableAt(mention.head);
  mention.last = SyllableAt(mention.end - 1);
  if (mention.word != nullptr && mention.head > 1 && syllables_[mention.first].gap == Gap::kWord)
    mention.cue = words_.Before(text_, mention.head - 1, out_.habit);
  mention.sentence = out_.sentences[mention.first];
  mention.clause = out_.clauses[name_first];
  mention.span = text_.Original(mention.head, mention.end);
  bool capitals = true, lower = false, all = true;
  for (size_t i = name_first; i <= mention.last; ++i) {
    const std::string_view typed = Original(i);
    if (!IsLetter(typed, 0)) continue;
    if (!IsCapital(typed, 0)) {
      capitals = false;
      lower = true;
    }
    all &= AllCapitals(typed);
  }
  mention.all_capitals = all;
  // "xã hội an toàn" is society and no commune.
  if (mention.word != nullptr && mention.word->type == "xã" && !capitals &&
      text_.text().substr(mention.begin).starts_with("hoi ")) {
    mention.word = nullptr;
    mention.glued_left = true;
  }
  if (cased_)
    mention.casing = capitals ? Casing::kCapitals : (lower ? Casing::kLower : Casing::kNoEvidence);
}

// "Nguyễn Bình An", "Bình An Plaza": the capitalised neighbour belongs to a longer name, unless it
// begins the sentence, is an acronym, a word of place, or part of another mention.
void Reader::Glue(size_t index) {
  Mention& mention = out_.mentions[index];
  if (mention.casing != Casing::kCapitals) return;
  if (mention.word == nullptr && mention.cue == nullptr && mention.first > 0 &&
      syllables_[mention.first].gap == Gap::kWord) {
    const size_t left = mention.first - 1;
    const bool known = index > 0 && out_.mentions[index - 1].last == left;
    if (!known && !StartsSentence(left) && IsCapital(Original(left), 0) &&
        !AllCapitals(Original(left)))
      mention.glued_left = true;
  }
  const size_t right = mention.last + 1;
  if (right < syllables_.size() && syllables_[right].gap == Gap::kWord) {
    const bool known = index + 1 < out_.mentions.size() && out_.mentions[index + 1].first == right;
    const std::string_view typed = Original(right);
    if (!known && IsCapital(typed, 0) && (!AllCapitals(typed) || typed.size() == 1)) {
      const PlaceWord* word = words_.Before(text_, syllables_[right].end, out_.habit);
      if (word == nullptr || word->kind > WordKind::kFeature) mention.glued_right = true;
    }
  }
}

void Reader::LinkUp(size_t index) {
  if (index == 0) return;
  Mention& mention = out_.mentions[index];
  const Mention& before = out_.mentions[index - 1];
  const std::string_view folded = text_.text();
  for (size_t i = before.last + 1; i < mention.first; ++i) {
    const std::string_view word =
        folded.substr(syllables_[i].begin, syllables_[i].end - syllables_[i].begin);
    if (word != "thuoc" && word != "cua" && word != "o" && word != "va") return;
  }
  for (size_t i = before.last + 1; i <= mention.first; ++i)
    if (syllables_[i].gap == Gap::kSentence) return;
  mention.link = Link::kList;
}

Mentions Reader::Read(std::span<const LiteralMatch> matches) {
  Split();
  std::vector<LiteralMatch> sorted(matches.begin(), matches.end());
  std::sort(sorted.begin(), sorted.end(), [](const LiteralMatch& a, const LiteralMatch& b) {
    return std::tie(a.begin, a.end, a.id) < std::tie(b.begin, b.end, b.id);
  });
  std::vector<Found> found;
  for (const LiteralMatch& match : sorted)
    if (std::optional<Found> one = Check(match)) found.push_back(*std::move(one));
  Disentangle(found);
  for (Mention& mention : out_.mentions) Surround(mention);
  for (size_t i = 0; i < out_.mentions.size(); ++i) {
    Glue(i);
    LinkUp(i);
  }
  return std::move(out_);
}

}  // namespace

Mentions::Position Mentions::At(uint32_t offset) const {
  if (syllables.empty()) return {};
  // Readings of one hashtag repeat their bytes, so the spans are not sorted everywhere.
  size_t best = 0;
  for (size_t i = 0; i < syllables.size() && syllables[i].begin <= offset; ++i) best = i;
  return {best, sentences[best], clauses[best]};
}

Mentions ReadMentions(const FoldedText& text, std::span<const LiteralMatch> matches,
                      const Gazetteer& gazetteer, const PlaceWords& words) {
  return Reader(text, gazetteer, words).Read(matches);
}

}  // namespace keng::filters
