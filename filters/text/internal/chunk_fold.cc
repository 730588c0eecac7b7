#include "filters/text/internal/chunk_fold.h"

#include <algorithm>
#include <array>

namespace keng::filters::text_internal {
namespace {

constexpr uint32_t kZeroWidthSpace = 0x200B;

bool IsLetterLike(CodePointClass cls) {
  return cls == CodePointClass::kLatin || cls == CodePointClass::kOther;
}
bool IsWordUnit(CodePointClass cls) { return IsLetterLike(cls) || cls == CodePointClass::kDigit; }

// Signs that make the letter after them a part of the same character (Khmer coeng, Myanmar virama,
// Tai Tham sakot).
bool JoinsNext(uint32_t code_point) {
  return code_point == 0x17D2 || code_point == 0x1039 || code_point == 0x1A60;
}

char LowerAscii(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool StartsWithNoCase(std::string_view text, std::string_view lower_prefix) {
  return text.size() >= lower_prefix.size() &&
         std::equal(lower_prefix.begin(), lower_prefix.end(), text.begin(),
                    [](char a, char b) { return a == LowerAscii(b); });
}

// Where an address that was opened inside brackets or quotes ends.
bool ClosesAddress(uint32_t code_point) {
  constexpr std::string_view kClosers = "<>\"'()[]{}|`";
  return code_point >= 0x80 || kClosers.find(static_cast<char>(code_point)) != kClosers.npos;
}

// English words that look like a stretched Vietnamese syllable without marks.
constexpr std::string_view kNotStretched[] = {"see", "bee", "tee", "lee", "thee",
                                              "too", "boo", "moo", "goo", "loo"};

}  // namespace

void ChunkFolder::Start(std::string_view original) {
  original_ = original;
  lookalikes_are_latin_ = Answer::kUnknown;
}

void ChunkFolder::FoldChunk(uint32_t begin, uint32_t end, std::string& out,
                            std::vector<Span>* map) {
  out_ = &out;
  map_ = map;
  DecodeChunk(begin, end);
  const std::string_view chunk = original_.substr(begin, end - begin);
  const Addresses addresses = chunk.find("://") != chunk.npos || chunk.find('.') != chunk.npos
                                  ? Addresses::kPossible
                                  : Addresses::kNone;
  size_t i = 0;
  while (i < units_.size()) {
    const Unit& unit = units_[i];
    if (unit.cls == CodePointClass::kSolo || unit.cls == CodePointClass::kSoloMark) {
      Put(units_[i++]);
      while (i < units_.size() && units_[i].cls == CodePointClass::kSoloMark) Put(units_[i++]);
      EndSyllable();
      continue;
    }
    if (unit.cls == CodePointClass::kSeparator) {
      if (const size_t after = SkipMention(i); after != i) {
        i = after;
        continue;
      }
      const bool hash = unit.code_point == '#' || unit.code_point == 0xFF03;
      ++i;
      if (!hash || i == units_.size() || !IsLetterLike(units_[i].cls)) continue;
      // The whole tag, so that its underscores stand between words of a tag.
      while (i < units_.size() && (IsWordUnit(units_[i].cls) || units_[i].code_point == '_')) {
        const size_t first = i;
        while (i < units_.size() && IsWordUnit(units_[i].cls)) ++i;
        if (i > first) FoldWord(first, i, WordKind::kHashtag);
        if (i < units_.size() && units_[i].cls == CodePointClass::kSeparator) {
          if (units_[i].code_point != '_') break;
          ++i;
        }
      }
      PutTag();
      continue;
    }
    const size_t first = i;
    size_t last = i;
    while (last < units_.size() && IsWordUnit(units_[last].cls)) {
      if (addresses == Addresses::kPossible) {
        if (const size_t after = SkipAddress(last); after != last) {
          i = after;
          break;
        }
      }
      i = ++last;
    }
    if (last > first) FoldWord(first, last, WordKind::kPlain);
  }
}

void ChunkFolder::DecodeChunk(uint32_t begin, uint32_t end) {
  units_.clear();
  const std::string_view until_end = original_.substr(0, end);
  for (uint32_t at = begin; at < end;) {
    const Decoded decoded = Decode(until_end, at);
    AddUnit(decoded, at);
    at += decoded.length;
  }
}

void ChunkFolder::AddUnit(const Decoded& decoded, uint32_t at) {
  const CharInfo info = decoded.code_point == kInvalid ? CharInfo{} : Classify(decoded.code_point);
  const uint32_t after = at + decoded.length;
  const bool follows_character = !units_.empty() && units_.back().cls != CodePointClass::kSeparator;
  Unit unit;
  unit.cls = info.cls;
  unit.code_point = decoded.code_point;
  unit.span = {at, after};
  unit.tone = info.tone;
  unit.upper = info.upper != 0;
  switch (info.cls) {
    case CodePointClass::kMark:
      if (follows_character) {
        Unit& letter = units_.back();
        ApplyMark(decoded.code_point, letter.letter, letter.quality, letter.tone);
        letter.span.end = after;
      }
      return;
    case CodePointClass::kIgnored:
      if (decoded.code_point == kZeroWidthSpace && follows_character) {
        units_.back().before_zero_width_space = true;
      }
      return;
    case CodePointClass::kLatin:
      for (uint8_t i = 0; i < info.ascii_len; ++i) {
        unit.letter = info.ascii[i];
        unit.quality = i == 0 ? info.quality : unit.letter;
        units_.push_back(unit);
        unit.tone = 0;
      }
      return;
    case CodePointClass::kDigit:
      unit.letter = info.ascii[0];
      break;
    case CodePointClass::kOther:
      unit.code_point = info.lower;
      break;
    case CodePointClass::kSolo:
      if (follows_character && JoinsNext(units_.back().code_point)) {
        unit.cls = CodePointClass::kSoloMark;
      }
      break;
    case CodePointClass::kSoloMark:
    case CodePointClass::kSeparator:
      break;
  }
  units_.push_back(unit);
}

size_t ChunkFolder::SkipAddress(size_t i) const {
  const std::string_view rest = original_.substr(units_[i].span.begin);
  const bool at_word_start = i == 0 || !IsWordUnit(units_[i - 1].cls);
  if (!StartsWithNoCase(rest, "http://") && !StartsWithNoCase(rest, "https://") &&
      !(at_word_start && StartsWithNoCase(rest, "www."))) {
    return i;
  }
  while (i < units_.size() &&
         !(units_[i].cls == CodePointClass::kSeparator && ClosesAddress(units_[i].code_point))) {
    ++i;
  }
  return i;
}

size_t ChunkFolder::SkipMention(size_t i) const {
  if (units_[i].code_point != '@' || i + 1 == units_.size()) return i;
  if (i > 0 && units_[i - 1].cls != CodePointClass::kSeparator) return i;
  const auto is_name = [&](size_t j) {
    return IsWordUnit(units_[j].cls) || units_[j].code_point == '_';
  };
  if (!is_name(i + 1) || units_[i + 1].cls == CodePointClass::kDigit) return i;
  ++i;
  while (i < units_.size() &&
         (is_name(i) || (units_[i].code_point == '.' && i + 1 < units_.size() && is_name(i + 1)))) {
    ++i;
  }
  return i;
}

void ChunkFolder::FoldWord(size_t begin, size_t end, WordKind kind) {
  ReplaceLookalikes(begin, end);
  FoldZeroWidthPieces(begin, end, kind);
}

void ChunkFolder::ReplaceLookalikes(size_t begin, size_t end) {
  bool latin = false;
  bool alike = false;
  for (size_t i = begin; i < end; ++i) {
    latin |= units_[i].cls == CodePointClass::kLatin;
    alike |= units_[i].cls == CodePointClass::kOther && IsGreekOrCyrillic(units_[i].code_point);
  }
  if (!alike) return;
  if (!latin && !LookalikesAreLatin()) return;
  const Likeness likeness = latin ? Likeness::kAny : Likeness::kSafe;
  for (size_t i = begin; i < end; ++i) {
    Unit& unit = units_[i];
    if (unit.cls != CodePointClass::kOther) continue;
    const char letter = LatinLookalike(unit.code_point, unit.upper, likeness);
    if (letter == 0) continue;
    unit.cls = CodePointClass::kLatin;
    unit.letter = letter;
    unit.quality = letter;
    // Marks that followed the letter were put on it before it was known to be Latin.
    for (uint32_t at = unit.span.begin; at < unit.span.end;) {
      const Decoded mark = Decode(original_, at);
      if (at != unit.span.begin) {
        ApplyMark(mark.code_point, letter, unit.quality, unit.tone);
      }
      at += mark.length;
    }
  }
}

bool ChunkFolder::LookalikesAreLatin() {
  if (lookalikes_are_latin_ == Answer::kUnknown) {
    // A text in Latin letters whose Greek and Cyrillic letters all look alike has none of its own.
    bool latin = false;
    bool others = false;
    for (size_t at = 0; at < original_.size();) {
      const Decoded decoded = Decode(original_, at);
      at += decoded.length;
      if (decoded.code_point == kInvalid) continue;
      const CharInfo info = Classify(decoded.code_point);
      latin |= info.cls == CodePointClass::kLatin;
      others |= info.cls == CodePointClass::kOther && IsGreekOrCyrillic(info.lower) &&
                LatinLookalike(info.lower, info.upper != 0, Likeness::kSafe) == 0;
    }
    lookalikes_are_latin_ = latin && !others ? Answer::kYes : Answer::kNo;
  }
  return lookalikes_are_latin_ == Answer::kYes;
}

// A zero-width space may hide inside a syllable or stand for the space between two of them.
void ChunkFolder::FoldZeroWidthPieces(size_t begin, size_t end, WordKind kind) {
  const auto hidden = [&](size_t i) { return units_[i].before_zero_width_space; };
  bool any = false;
  for (size_t i = begin; i + 1 < end; ++i) any |= hidden(i);
  bool apart = any && !IsSyllable(begin, end);
  if (apart) {
    size_t first = begin;
    for (size_t i = begin; i < end && apart; ++i) {
      if (i + 1 < end && !hidden(i)) continue;
      apart = IsSyllable(first, i + 1);
      first = i + 1;
    }
  }
  if (!apart) {
    FoldAlphanumeric(begin, end, kind);
    return;
  }
  size_t first = begin;
  for (size_t i = begin; i < end; ++i) {
    if (i + 1 < end && !hidden(i)) continue;
    FoldAlphanumeric(first, i + 1, kind);
    first = i + 1;
  }
}

// "hem12" is "hem 12", and "50cm" is "50 cm"; a number keeps one letter that follows it ("15h",
// "1A", "4b"), because that letter belongs to its name.
void ChunkFolder::FoldAlphanumeric(size_t begin, size_t end, WordKind kind) {
  const auto is_digit = [&](size_t i) { return units_[i].cls == CodePointClass::kDigit; };
  size_t i = begin;
  while (i < end) {
    const size_t first = i;
    if (is_digit(i)) {
      while (i < end && is_digit(i)) ++i;
      if (i < end && (i + 1 == end || is_digit(i + 1))) ++i;
      piece_.assign(units_.begin() + static_cast<std::ptrdiff_t>(first),
                    units_.begin() + static_cast<std::ptrdiff_t>(i));
      PutPiece(kind);
    } else {
      while (i < end && !is_digit(i)) ++i;
      FoldLetters(first, i, kind);
    }
  }
}

// Cuts at changes of case. In a plain word only when every piece is a syllable ("AnGiang", not
// "YouTube"); in a hashtag when a piece beside the cut is one ("#SaveAnGiang").
void ChunkFolder::FoldLetters(size_t begin, size_t end, WordKind kind) {
  cuts_.clear();
  cuts_.push_back(begin);
  for (size_t i = begin + 1; i < end; ++i) {
    const bool rises = !units_[i - 1].upper && units_[i].upper;
    const bool ends_capitals =
        units_[i - 1].upper && units_[i].upper && i + 1 < end && !units_[i + 1].upper;
    if (rises || ends_capitals) cuts_.push_back(i);
  }
  cuts_.push_back(end);
  if (cuts_.size() == 2) {
    FoldPiece(begin, end, kind);
    return;
  }
  if (kind == WordKind::kPlain) {
    for (size_t i = 0; i + 1 < cuts_.size(); ++i) {
      // "UMinh" and "ỔGà", but "UYên" is a slip of the shift key.
      const bool slip = cuts_[i + 1] - cuts_[i] == 1 && i + 2 < cuts_.size() &&
                        IsSyllable(cuts_[i], cuts_[i + 2]);
      if (slip || !IsSyllable(cuts_[i], cuts_[i + 1])) {
        FoldPiece(begin, end, kind);
        return;
      }
    }
  }
  size_t first = begin;
  for (size_t i = 1; i < cuts_.size(); ++i) {
    const bool last = i + 1 == cuts_.size();
    if (!last && !IsSyllable(cuts_[i - 1], cuts_[i]) && !IsSyllable(cuts_[i], cuts_[i + 1])) {
      continue;
    }
    FoldPiece(first, cuts_[i], kind);
    first = cuts_[i];
  }
}

void ChunkFolder::FoldPiece(size_t begin, size_t end, WordKind kind) {
  Unstretch(begin, end);
  PutPiece(kind);
}

void ChunkFolder::PutPiece(WordKind kind) {
  if (kind == WordKind::kHashtag) {
    KeepForTag(piece_);
    return;
  }
  for (const Unit& unit : piece_) Put(unit);
  EndSyllable();
}

void ChunkFolder::Unstretch(size_t begin, size_t end) {
  piece_.clear();
  const auto repeats = [&](size_t i) {  // unit i says the letter before it again
    const Unit& a = units_[i - 1];
    const Unit& b = units_[i];
    if (a.cls != CodePointClass::kLatin || b.cls != CodePointClass::kLatin) return false;
    if (a.letter != b.letter) return false;
    return a.letter != 'u' || a.quality == b.quality;  // the rime ưu is no stretch
  };
  size_t longest = 1;
  size_t pairs = 0;
  size_t pair_at = 0;
  bool marked = false;
  bool roman = true;
  for (size_t i = begin; i < end;) {
    size_t j = i + 1;
    while (j < end && repeats(j)) ++j;
    longest = std::max(longest, j - i);
    if (j - i == 2) {
      ++pairs;
      pair_at = i;
    }
    roman = roman && j - i <= 3;
    i = j;
  }
  if (longest == 1) {
    piece_.assign(units_.begin() + static_cast<std::ptrdiff_t>(begin),
                  units_.begin() + static_cast<std::ptrdiff_t>(end));
    return;
  }
  for (size_t i = begin; i < end; ++i) {
    const Unit& unit = units_[i];
    marked |= unit.cls == CodePointClass::kLatin && (unit.quality != unit.letter || unit.tone != 0);
    roman = roman && (unit.letter == 'i' || unit.letter == 'v' || unit.letter == 'x');
  }

  // Leaves `pairs_to` letters of each pair and `longer_to` of each longer run.
  const auto collapse = [&](size_t pairs_to, size_t longer_to) {
    piece_.clear();
    for (size_t i = begin; i < end;) {
      size_t j = i + 1;
      while (j < end && repeats(j)) ++j;
      const size_t to = j - i == 1 ? 1 : j - i == 2 ? pairs_to : longer_to;
      for (size_t k = 0; k < to; ++k) piece_.push_back(units_[i + k]);
      // The letters that are left stand for the whole run, with any mark in it.
      Unit& last = piece_.back();
      for (size_t k = i + to; k < j; ++k) {
        if (last.tone == 0) last.tone = units_[k].tone;
        if (last.quality == last.letter) last.quality = units_[k].quality;
      }
      last.span.end = units_[j - 1].span.end;
      i = j;
    }
  };
  const auto piece_is_syllable = [&] {
    collapsed_.clear();
    for (const Unit& unit : piece_) collapsed_.push_back(unit.letter);
    return inventory_.Contains(collapsed_);
  };
  const std::string_view letters = Letters(begin, end);
  // Fire brigade and identity card; and laughter, which "k" (for "không") is not.
  const bool abbreviation = letters == "pccc" || letters == "cccd" ||
                            letters.find_first_not_of('k') == std::string_view::npos;
  if (!marked && (roman || abbreviation)) {
    piece_.assign(units_.begin() + static_cast<std::ptrdiff_t>(begin),
                  units_.begin() + static_cast<std::ptrdiff_t>(end));
    return;
  }
  if (longest >= 3) {
    // Of all words in ưu the one that is cried out, and more so than any in u: "cuuuu với".
    collapse(1, 2);
    if (!marked && piece_is_syllable() && collapsed_ == "cuu") return;
    if (pairs > 0) {
      collapse(2, 1);
      if (piece_is_syllable()) return;
    }
    collapse(1, 1);
    if (piece_is_syllable()) return;
    collapse(1, 2);  // "boooong"
    if (piece_is_syllable()) return;
    collapse(2, 1);
    return;
  }
  // Only pairs: some are spelling ("xoong", "app", "teen"), some a stretch ("nuocc", "trờii").
  const bool spelled = SpellsDouble(begin, end, marked);
  collapse(1, 1);
  const bool stretched = !spelled && piece_is_syllable();
  const bool plainly = marked || (pairs == 1 && pair_at + 2 == end && end - begin > 2 &&
                                  std::find(std::begin(kNotStretched), std::end(kNotStretched),
                                            Letters(begin, end)) == std::end(kNotStretched));
  if (!stretched || !plainly) collapse(2, 1);
}

void ChunkFolder::KeepForTag(const Units& piece) {
  TagPiece& kept = tag_.emplace_back();
  kept.units = piece;
  std::string letters;
  std::string qualities;
  std::vector<uint8_t> tones;
  for (const Unit& unit : piece) {
    if (unit.cls != CodePointClass::kLatin) return;
    letters.push_back(unit.letter);
    qualities.push_back(unit.quality);
    tones.push_back(unit.tone);
  }
  kept.is_syllable = inventory_.Contains(letters);
  kept.readings = inventory_.Split(letters, qualities, tones);
}

void ChunkFolder::PutTag() {
  size_t readings = 0;
  for (TagPiece& piece : tag_) {
    // A syllable that the writer set apart is not taken apart again.
    if (tag_.size() > 1 && piece.is_syllable) piece.readings.clear();
  }
  for (const TagPiece& piece : tag_) readings = std::max(readings, piece.readings.size());
  const auto put_bar = [this] {
    out_->push_back('|');
    if (map_ != nullptr) map_->push_back({});
    EndSyllable();
  };
  // One syllable of its own is most likely that word, so that it also stands beside what comes
  // before: "cúp #điện".
  if (readings > 0 && tag_.size() == 1 && tag_[0].is_syllable) {
    for (const Unit& unit : tag_[0].units) Put(unit);
    EndSyllable();
    put_bar();
  }
  for (size_t reading = 0; reading <= readings; ++reading) {
    for (const TagPiece& piece : tag_) {
      size_t at = 0;
      if (reading < readings && !piece.readings.empty()) {
        for (uint8_t length : piece.readings[std::min(reading, piece.readings.size() - 1)]) {
          for (size_t end = at + length; at < end; ++at) Put(piece.units[at]);
          EndSyllable();
        }
        continue;
      }
      for (const Unit& unit : piece.units) Put(unit);
      EndSyllable();
    }
    if (reading < readings) put_bar();
  }
  tag_.clear();
}

void ChunkFolder::Put(const Unit& unit) {
  char bytes[4];
  uint32_t length = 1;
  if (unit.letter != 0) {
    bytes[0] = unit.letter;
  } else {
    length = Encode(unit.code_point, bytes);
  }
  out_->append(bytes, length);
  if (map_ != nullptr) map_->insert(map_->end(), length, unit.span);
}

void ChunkFolder::EndSyllable() {
  out_->push_back(' ');
  if (map_ != nullptr) map_->push_back({});
}

std::string_view ChunkFolder::Letters(size_t begin, size_t end) {
  letters_.clear();
  for (size_t i = begin; i < end; ++i) letters_.push_back(units_[i].letter);
  return letters_;
}

// Whether the doubled letter of the word is its spelling: "moóc", "luu". Words in ưu with a tone
// but no horn could also be stretched ("lũu"); the two frequent words are taken as words.
bool ChunkFolder::SpellsDouble(size_t begin, size_t end, bool marked) {
  if (!IsSyllable(begin, end)) return false;
  if (letters_.ends_with("uu") && marked && letters_ != "cuu" && letters_ != "huu") {
    return units_[end - 2].quality == 'U' && units_[end - 1].quality == 'u';
  }
  qualities_.clear();
  tones_.clear();
  for (size_t i = begin; i < end; ++i) {
    qualities_.push_back(units_[i].quality);
    tones_.push_back(units_[i].tone);
  }
  return inventory_.Admits(qualities_, letters_, tones_, 0);
}

bool ChunkFolder::AllLatin(size_t begin, size_t end) const {
  return std::all_of(units_.begin() + static_cast<std::ptrdiff_t>(begin),
                     units_.begin() + static_cast<std::ptrdiff_t>(end),
                     [](const Unit& unit) { return unit.cls == CodePointClass::kLatin; });
}

bool ChunkFolder::IsSyllable(size_t begin, size_t end) {
  return end - begin <= SyllableInventory::kLettersMax && AllLatin(begin, end) &&
         inventory_.Contains(Letters(begin, end));
}

}  // namespace keng::filters::text_internal
