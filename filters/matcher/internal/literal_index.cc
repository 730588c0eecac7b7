#include "filters/matcher/internal/literal_index.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/check.h"

namespace keng::filters {

namespace {

constexpr uint64_t kSpaces = 0x2020202020202020;
constexpr uint64_t kOnes = 0x0101010101010101;
constexpr uint64_t kHighs = 0x8080808080808080;
constexpr size_t kWord = 8;
// The first byte of a word is its lowest.
static_assert(std::endian::native == std::endian::little);

// Of a filter: at most one bit in this many is set.
constexpr size_t kBitsPerMember = 16;

uint64_t Mix(uint64_t word) {
  word *= 0xFF51AFD7ED558CCD;
  return word ^ (word >> 32);
}

// The hash of a stretch and one more syllable.
uint64_t Extend(uint64_t stretch, uint64_t syllable) {
  return (stretch * 0xC4CEB9FE1A85EC53) ^ syllable;
}

// The next eight bytes, spaces after the end.
uint64_t Load(std::string_view text, size_t at) {
  uint64_t word = kSpaces;
  std::memcpy(&word, text.data() + at, std::min(kWord, text.size() - at));
  return word;
}

uint64_t LoadWhole(std::string_view text, size_t at) {
  uint64_t word;
  std::memcpy(&word, text.data() + at, kWord);
  return word;
}

// A bit in each byte that is a space, exact up to the first one.
uint64_t SpacesOf(uint64_t word) {
  const uint64_t other = word ^ kSpaces;
  return (other - kOnes) & ~other & kHighs;
}

}  // namespace

LiteralIndex::Filter::Filter(size_t members)
    : bits(std::bit_ceil(std::max<size_t>(members * kBitsPerMember / 64, 2))),
      shift(64 - std::countr_zero(bits.size())) {}

// Syllables of up to eight bytes, which nearly all are, cost one load and no branch on their
// length.
uint32_t LiteralIndex::Split(std::string_view folded, Scratch& scratch) {
  const size_t room = folded.size() / 2 + 1;
  if (scratch.begins.size() < room) {
    scratch.begins.resize(room);
    scratch.hashes.resize(room);
    scratch.places.resize(room);
  }
  uint32_t* begin = scratch.begins.data();
  uint64_t* hash = scratch.hashes.data();
  for (size_t at = 1; at < folded.size();) {
    *begin++ = static_cast<uint32_t>(at);
    uint64_t word = at + kWord <= folded.size() ? LoadWhole(folded, at) : Load(folded, at);
    uint64_t spaces = SpacesOf(word);
    uint64_t mixed = 0;
    while (spaces == 0) {
      mixed = Mix(mixed ^ word);
      at += kWord;
      word = Load(folded, at);
      spaces = SpacesOf(word);
    }
    const int bits = std::countr_zero(spaces) - 7;  // of the bytes before the space
    word &= (uint64_t{1} << bits) - 1;
    *hash++ = Mix(mixed ^ word);
    at += static_cast<size_t>(bits) / 8 + 1;
  }
  *begin = static_cast<uint32_t>(folded.size());
  return static_cast<uint32_t>(begin - scratch.begins.data());
}

LiteralIndex::LiteralIndex(const std::vector<std::string>& literals)
    : singles_(literals.size()), pairs_(literals.size()) {
  const size_t slots = std::bit_ceil(std::max<size_t>(4 * literals.size(), 2));
  slots_.resize(slots);
  slot_shift_ = 64 - std::countr_zero(slots);
  Scratch scratch;
  for (size_t i = 0; i < literals.size(); ++i) {
    const std::string& literal = literals[i];
    KENG_CHECK(literal.size() >= 3 && literal.front() == ' ' && literal.back() == ' ', literal);
    text_begins_.push_back(static_cast<uint32_t>(texts_.size()));
    texts_ += literal;
    const uint32_t syllables = Split(literal, scratch);
    KENG_CHECK(syllables <= kSyllablesMax, literal);
    uint64_t hash = scratch.hashes[0];
    if (syllables == 1) singles_.Add(hash);
    for (uint32_t s = 1; s < syllables; ++s) {
      hash = Extend(hash, scratch.hashes[s]);
      if (s == 1) {
        pairs_.Add(hash);
        Insert(Slot{.hash = hash, .lengths = uint32_t{1} << syllables});
      }
    }
    Insert(Slot{.hash = hash, .literal = static_cast<uint32_t>(i)});
  }
  text_begins_.push_back(static_cast<uint32_t>(texts_.size()));
}

void LiteralIndex::Insert(const Slot& slot) {
  size_t at = (slot.hash * kSpread) >> slot_shift_;
  while (slots_[at].literal != kNone || slots_[at].lengths != 0) {
    if (slot.lengths != 0 && slots_[at].lengths != 0 && slots_[at].hash == slot.hash) {
      slots_[at].lengths |= slot.lengths;
      return;
    }
    at = (at + 1) & (slots_.size() - 1);
  }
  slots_[at] = slot;
}

uint32_t LiteralIndex::LengthsOf(uint64_t pair) const {
  for (size_t at = (pair * kSpread) >> slot_shift_;; at = (at + 1) & (slots_.size() - 1)) {
    const Slot& slot = slots_[at];
    if (slot.lengths != 0 && slot.hash == pair) return slot.lengths;
    if (slot.lengths == 0 && slot.literal == kNone) return 0;
  }
}

uint32_t LiteralIndex::Find(uint64_t hash, std::string_view folded, uint32_t begin,
                            uint32_t end) const {
  for (size_t at = (hash * kSpread) >> slot_shift_;; at = (at + 1) & (slots_.size() - 1)) {
    const Slot& slot = slots_[at];
    if (slot.literal != kNone && slot.hash == hash) {
      const uint32_t text = text_begins_[slot.literal];
      const std::string_view literal =
          std::string_view(texts_).substr(text, text_begins_[slot.literal + 1] - text);
      if (folded.substr(begin, end - begin) == literal) return slot.literal;
    }
    if (slot.lengths == 0 && slot.literal == kNone) return kNone;
  }
}

ScanEnd LiteralIndex::Scan(std::string_view folded, RecordArray records, size_t hits_max,
                           Scratch& scratch, std::vector<LiteralHit>& out) const {
  if (texts_.empty() || folded.size() < 3) return ScanEnd::kWhole;
  const uint32_t count = Split(folded, scratch);
  const uint32_t* begins = scratch.begins.data();
  const uint64_t* hashes = scratch.hashes.data();
  uint32_t* places = scratch.places.data();
  uint32_t* place = places;
  for (uint32_t i = 0; i < count; ++i) {
    // The last syllable is paired with what the memory holds: looked at more closely below.
    const bool may_begin = static_cast<int>(singles_.MayHave(hashes[i])) |
                           static_cast<int>(pairs_.MayHave(Extend(hashes[i], hashes[i + 1])));
    *place = i;
    place += may_begin ? 1 : 0;
  }
  const auto append = [&](uint64_t hash, uint32_t first, uint32_t last) {
    const uint32_t begin = begins[first] - 1, end = begins[last + 1];
    const uint32_t literal = Find(hash, folded, begin, end);
    if (literal == kNone) return true;
    if (out.size() >= hits_max) return false;
    out.push_back(LiteralHit{literal, end});
    __builtin_prefetch(static_cast<const char*>(records.first) + literal * records.bytes);
    return true;
  };
  for (const uint32_t* at = places; at != place; ++at) {
    const uint32_t i = *at;
    uint64_t hash = hashes[i];
    if (singles_.MayHave(hash) && !append(hash, i, i)) return ScanEnd::kCapped;
    if (i + 1 >= count) continue;
    hash = Extend(hash, hashes[i + 1]);
    if (!pairs_.MayHave(hash)) continue;
    uint32_t lengths = LengthsOf(hash) >> 2;
    for (uint32_t last = i + 1; lengths != 0 && last < count; ++last, lengths >>= 1) {
      if (last > i + 1) hash = Extend(hash, hashes[last]);
      if ((lengths & 1) != 0 && !append(hash, i, last)) return ScanEnd::kCapped;
    }
  }
  return ScanEnd::kWhole;
}

size_t LiteralIndex::bytes() const {
  return (singles_.bits.size() + pairs_.bits.size()) * sizeof(uint64_t) +
         slots_.size() * sizeof(Slot) + texts_.size() + text_begins_.size() * sizeof(uint32_t);
}

}  // namespace keng::filters
