#include "filters/text/internal/vector_fold.h"

#include <algorithm>
#include <bit>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "filters/text/internal/vector_fold.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h, which includes this file again for each target.
#include "hwy/highway.h"

#ifndef KENG_VECTOR_FOLD_ONCE
#define KENG_VECTOR_FOLD_ONCE
namespace keng::filters::text_internal {

constexpr size_t kBlockBytes = 64;
constexpr uint8_t kDropCode = 0x01;
constexpr uint8_t kBailCode = 0x02;
constexpr uint8_t kSeparatorCode = 0x20;
constexpr uint8_t kChunkEndCode = 0xA0;

// What the second pass finds in a block; bit i is byte i of the block.
struct BlockMasks {
  uint64_t keep = 0;
  uint64_t bail = 0;
  uint64_t chunk_ends = 0;
};

}  // namespace keng::filters::text_internal
#endif  // KENG_VECTOR_FOLD_ONCE

HWY_BEFORE_NAMESPACE();
namespace keng::filters::text_internal {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = HWY_CAPPED(uint8_t, kBlockBytes);
using DI = hn::RebindToSigned<D>;
using V = hn::Vec<D>;
using M = hn::Mask<D>;

HWY_INLINE M GreaterSigned(V v, int8_t than) {
  const D d;
  const DI di;
  return hn::RebindMask(d, hn::Gt(hn::BitCast(di, v), hn::Set(di, than)));
}
HWY_INLINE M Is(V v, uint8_t value) { return hn::Eq(v, hn::Set(D(), value)); }
HWY_INLINE V Where(M mask, V v) { return hn::IfThenElseZero(mask, v); }
HWY_INLINE V Where(M mask, uint8_t value) { return Where(mask, hn::Set(D(), value)); }
HWY_INLINE uint64_t BitsOf(M mask) {
  uint8_t bytes[8] = {};
  hn::StoreMaskBits(D(), mask, bytes);
  uint64_t bits;
  std::memcpy(&bits, bytes, sizeof(bits));
  return bits;
}

// Letters of U+00C0..U+00DF and, 32 later, of their small forms; 0 for those that are left to the
// scalar fold (Æ × Þ ß).
HWY_ALIGN constexpr uint8_t kC3Low[16] = {'a', 'a', 'a', 'a', 'a', 'a', 0,   'c',
                                          'e', 'e', 'e', 'e', 'i', 'i', 'i', 'i'};
HWY_ALIGN constexpr uint8_t kC3High[16] = {'d', 'n', 'o', 'o', 'o', 'o', 'o', 0,
                                           'o', 'u', 'u', 'u', 'u', 'y', 0,   0};
// Letters of U+1EC0..U+1EF9 in pairs of capital and small.
HWY_ALIGN constexpr uint8_t kBbLow[16] = {'e', 'e', 'e', 'e', 'i', 'i', 'o', 'o',
                                          'o', 'o', 'o', 'o', 'o', 'o', 'o', 'o'};
HWY_ALIGN constexpr uint8_t kBbHigh[16] = {'o', 'o', 'u', 'u', 'u', 'u', 'u', 'u',
                                           'u', 'y', 'y', 'y', 'y', 0,   0,   0};

struct Leads {
  uint64_t two = 0;
  uint64_t three = 0;
  uint64_t four = 0;
  uint64_t continuations = 0;
};

// The codes of ASCII bytes; what is in the lanes of other bytes is undefined.
HWY_INLINE V ClassifyAscii(V cur, V next1, V next2) {
  const D d;
  const V folded = hn::Or(cur, hn::Set(d, 0x20));
  const M letter = hn::AndNot(GreaterSigned(folded, 'z'), GreaterSigned(folded, 'a' - 1));
  const M capital = hn::AndNot(hn::Eq(folded, cur), letter);
  const M digit = hn::AndNot(GreaterSigned(cur, '9'), GreaterSigned(cur, '0' - 1));
  V code = hn::IfThenElse(letter, folded, hn::Set(d, kSeparatorCode));
  code = hn::Or(code, Where(capital, 0x80));
  code = hn::IfThenElse(digit, cur, code);
  code = hn::IfThenElse(GreaterSigned(cur, 0x20), code, hn::Set(d, kChunkEndCode));
  // An address, a hashtag or a mention.
  const M address = hn::And(Is(cur, ':'), hn::And(Is(next1, '/'), Is(next2, '/')));
  const M bail = hn::Or(hn::Or(Is(cur, '#'), Is(cur, '@')), address);
  return hn::IfThenElse(bail, hn::Set(d, kBailCode), code);
}

// The codes of bytes >= 0x80: of a character that is known at its first byte; kDropCode at
// continuation bytes; kBailCode at any other byte. Undefined in the lanes of ASCII.
HWY_INLINE V ClassifyHigh(V cur, const uint8_t* at, size_t shift, Leads& leads) {
  const D d;
  const V next1 = hn::LoadU(d, at + 1);
  const V next2 = hn::LoadU(d, at + 2);
  const V next3 = hn::LoadU(d, at + 3);
  const V low_nibble = hn::Set(d, 0x0F);
  const M cont = hn::Not(GreaterSigned(cur, static_cast<int8_t>(0xBF)));  // 80..BF
  const M cont1 = hn::Not(GreaterSigned(next1, static_cast<int8_t>(0xBF)));
  const M cont2 = hn::Not(GreaterSigned(next2, static_cast<int8_t>(0xBF)));
  const M cont3 = hn::Not(GreaterSigned(next3, static_cast<int8_t>(0xBF)));

  // Two bytes: U+00C0..U+00FF by table, then ă đ ĩ, ũ, ơ ư, and the no-break space.
  const V index1 = hn::And(next1, low_nibble);
  const V c3 = hn::IfThenElse(hn::TestBit(next1, hn::Set(d, 0x10)),
                              hn::TableLookupBytes(hn::LoadDup128(d, kC3High), index1),
                              hn::TableLookupBytes(hn::LoadDup128(d, kC3Low), index1));
  const V c3_capital =
      hn::IfThenElse(hn::TestBit(next1, hn::Set(d, 0x20)), hn::Zero(d), hn::Set(d, 0x80));
  const V pair1 = hn::And(next1, hn::Set(d, 0xFE));
  const V even1_capital =
      hn::IfThenElse(hn::TestBit(next1, hn::Set(d, 0x01)), hn::Zero(d), hn::Set(d, 0x80));
  const V c4 = hn::Or(Where(Is(pair1, 0x82), 'a'),
                      hn::Or(Where(Is(pair1, 0x90), 'd'), Where(Is(pair1, 0xA8), 'i')));
  const V c5 = Where(Is(pair1, 0xA8), 'u');
  // The capital of U+01AF U+01B0 is the odd one.
  const M horn_u = Is(next1, 0xAF);
  const V c6 = hn::Or(Where(Is(pair1, 0xA0), 'o'), Where(hn::Or(horn_u, Is(next1, 0xB0)), 'u'));
  const V c6_capital = Where(hn::Or(horn_u, Is(next1, 0xA0)), 0x80);
  V two = Where(Is(cur, 0xC3), c3);
  two = hn::Or(two, Where(Is(cur, 0xC4), c4));
  two = hn::Or(two, Where(Is(cur, 0xC5), c5));
  two = hn::Or(two, Where(Is(cur, 0xC6), c6));
  const M two_letter = hn::And(cont1, hn::Ne(two, hn::Zero(d)));
  V two_capital = hn::IfThenElse(Is(cur, 0xC3), c3_capital, even1_capital);
  two_capital = hn::IfThenElse(Is(cur, 0xC6), c6_capital, two_capital);
  two = hn::Or(two, two_capital);
  const M no_break_space = hn::And(Is(cur, 0xC2), Is(next1, 0xA0));

  // Three bytes: U+1EA0..U+1EF9, U+2010..U+2027 (dashes, quotation marks, dots) and
  // U+2600..U+27BF (pictures).
  const V half2 = hn::And(hn::ShiftRight<1>(next2), low_nibble);
  const M ba_letter = GreaterSigned(next2, static_cast<int8_t>(0x9F));
  const V ba = Where(ba_letter, hn::IfThenElse(GreaterSigned(next2, static_cast<int8_t>(0xB7)),
                                               hn::Set(d, 'e'), hn::Set(d, 'a')));
  const V bb = hn::IfThenElse(hn::TestBit(next2, hn::Set(d, 0x20)),
                              hn::TableLookupBytes(hn::LoadDup128(d, kBbHigh), half2),
                              hn::TableLookupBytes(hn::LoadDup128(d, kBbLow), half2));
  V three = hn::Or(Where(Is(next1, 0xBA), ba), Where(Is(next1, 0xBB), bb));
  const M three_letter = hn::And(hn::And(Is(cur, 0xE1), cont2), hn::Ne(three, hn::Zero(d)));
  three = hn::Or(
      three, hn::IfThenElse(hn::TestBit(next2, hn::Set(d, 0x01)), hn::Zero(d), hn::Set(d, 0x80)));
  const M punctuation =
      hn::And(Is(next1, 0x80), hn::AndNot(GreaterSigned(next2, static_cast<int8_t>(0xA7)),
                                          GreaterSigned(next2, static_cast<int8_t>(0x8F))));
  const M pictures = hn::AndNot(GreaterSigned(next1, static_cast<int8_t>(0x9E)),
                                GreaterSigned(next1, static_cast<int8_t>(0x97)));
  const M three_separator = hn::And(hn::And(Is(cur, 0xE2), cont2), hn::Or(punctuation, pictures));
  // Four bytes: U+1F000..U+1FFFF (emoji).
  const M four = hn::And(hn::And(Is(cur, 0xF0), Is(next1, 0x9F)), hn::And(cont2, cont3));

  const M separator = hn::Or(hn::Or(no_break_space, three_separator), four);
  V code = hn::IfThenElse(cont, hn::Set(d, kDropCode), hn::Set(d, kBailCode));
  code = hn::IfThenElse(two_letter, two, code);
  code = hn::IfThenElse(three_letter, three, code);
  code = hn::IfThenElse(separator, hn::Set(d, kSeparatorCode), code);
  leads.two |= BitsOf(hn::Or(two_letter, no_break_space)) << shift;
  leads.three |= BitsOf(hn::Or(three_letter, three_separator)) << shift;
  leads.four |= BitsOf(four) << shift;
  leads.continuations |= BitsOf(cont) << shift;
  return code;
}

// First pass: codes of `blocks` blocks of input, which is readable 3 bytes beyond them, and for
// each block the continuation bytes that belong to no known character.
void Classify(const uint8_t* HWY_RESTRICT input, size_t blocks, uint8_t* HWY_RESTRICT codes,
              uint64_t* HWY_RESTRICT stray) {
  const D d;
  const size_t n = hn::Lanes(d);
  uint64_t carry = 0;
  for (size_t block = 0; block < blocks; ++block) {
    Leads leads;
    for (size_t i = 0; i < kBlockBytes; i += n) {
      const uint8_t* at = input + block * kBlockBytes + i;
      const V cur = hn::LoadU(d, at);
      V code = ClassifyAscii(cur, hn::LoadU(d, at + 1), hn::LoadU(d, at + 2));
      const M ascii = GreaterSigned(cur, -1);
      if (!hn::AllTrue(d, ascii)) {
        code = hn::IfThenElse(ascii, code, ClassifyHigh(cur, at, i, leads));
      }
      hn::StoreU(code, d, codes + block * kBlockBytes + i);
    }
    const uint64_t any = leads.two | leads.three | leads.four;
    const uint64_t longer = leads.three | leads.four;
    const uint64_t expected = (any << 1) | (longer << 2) | (leads.four << 3) | carry;
    carry = (any >> 63) | (longer >> 62) | (leads.four >> 61);
    stray[block] = leads.continuations & ~expected;
  }
}

// Second pass: looks at block number `block` of codes, of which kBlockBytes more stand before the
// first. `capitals_carry` are the last capitals after capitals of the block before.
BlockMasks Examine(const uint8_t* HWY_RESTRICT codes, uint64_t stray, uint64_t& capitals_carry) {
  const D d;
  const size_t n = hn::Lanes(d);
  const V low7 = hn::Set(d, 0x7F);
  uint64_t letter = 0, before_letter = 0, word = 0, before_word = 0, high = 0, before_high = 0,
           same = 0, bail = 0, ends = 0, separator = 0;
  for (size_t i = 0; i < kBlockBytes; i += n) {
    const V code = hn::LoadU(d, codes + i);
    const V back1 = hn::LoadU(d, codes + i - 1);
    const V back2 = hn::LoadU(d, codes + i - 2);
    const V back3 = hn::LoadU(d, codes + i - 3);
    const V before = hn::IfThenElse(Is(back1, kDropCode),
                                    hn::IfThenElse(Is(back2, kDropCode), back3, back2), back1);
    const V c = hn::And(code, low7);
    const V b = hn::And(before, low7);
    letter |= BitsOf(GreaterSigned(c, 'a' - 1)) << i;
    before_letter |= BitsOf(GreaterSigned(b, 'a' - 1)) << i;
    word |= BitsOf(GreaterSigned(c, kSeparatorCode)) << i;
    before_word |= BitsOf(GreaterSigned(b, kSeparatorCode)) << i;
    high |= BitsOf(hn::Not(GreaterSigned(code, -1))) << i;
    before_high |= BitsOf(hn::Not(GreaterSigned(before, -1))) << i;
    same |= BitsOf(hn::Eq(c, b)) << i;
    bail |= BitsOf(Is(c, kBailCode)) << i;
    separator |= BitsOf(Is(c, kSeparatorCode)) << i;
    ends |= BitsOf(Is(code, kChunkEndCode)) << i;
  }
  const uint64_t letters = letter & before_letter;
  const uint64_t repeated = letters & same;
  const uint64_t alphanumeric = word & before_word & (letter ^ before_letter);
  const uint64_t rises = letters & high & ~before_high;
  // A small letter after at least two capitals; those a little further off only cost time.
  const uint64_t capitals = letters & high & before_high;
  const uint64_t falls = letters & ~high & before_high;
  const uint64_t ends_capitals =
      falls & ((capitals << 1) | (capitals << 2) | (capitals << 3) | capitals_carry);
  capitals_carry = (capitals >> 63) | (capitals >> 62) | (capitals >> 61);
  BlockMasks masks;
  masks.keep = word | (separator & before_word);
  masks.bail = bail | stray | repeated | alphanumeric | rises | ends_capitals;
  masks.chunk_ends = ends;
  return masks;
}

// Packs the codes of a block whose bits are set into `out`, which has room for kBlockBytes more
// than that; returns how many they are.
size_t Pack(const uint8_t* HWY_RESTRICT codes, uint64_t keep, uint8_t* HWY_RESTRICT out) {
  const D d;
  const size_t n = hn::Lanes(d);
  const V low7 = hn::Set(d, 0x7F);
  uint8_t* to = out;
  for (size_t i = 0; i < kBlockBytes; i += n) {
    const V code = hn::And(hn::LoadU(d, codes + i), low7);
    uint8_t bits[8];
    const uint64_t here = keep >> i;
    std::memcpy(bits, &here, sizeof(bits));
#if HWY_TARGET == HWY_AVX3_DL
    // Compressing to memory is slow on some processors, so to a register first.
    hn::StoreU(hn::Compress(code, hn::LoadMaskBits(d, bits)), d, to);
    const uint64_t mask = n == 64 ? ~uint64_t{0} : (uint64_t{1} << n) - 1;
    to += std::popcount(here & mask);
#else
    to += hn::CompressBitsStore(code, bits, d, to);
#endif
  }
  return static_cast<size_t>(to - out);
}

int64_t Target() { return HWY_TARGET; }

}  // namespace HWY_NAMESPACE
}  // namespace keng::filters::text_internal
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace keng::filters::text_internal {
namespace {

HWY_EXPORT(Classify);
HWY_EXPORT(Examine);
HWY_EXPORT(Pack);
HWY_EXPORT(Target);

// Bits [from, 64).
uint64_t BitsFrom(size_t from) { return from >= 64 ? 0 : ~uint64_t{0} << from; }

}  // namespace

std::string_view VectorTargetName() { return hwy::TargetName(HWY_DYNAMIC_DISPATCH(Target)()); }

bool VectorFolder::Available() { return HWY_DYNAMIC_DISPATCH(Target)() != HWY_SCALAR; }

size_t VectorFolder::Fold(std::string_view original, ChunkFolder& chunks, std::string& buffer,
                          FoldedPlaces& places) {
  static_assert(FoldedPlaces::kBlock == kBlock);
  places.Clear();
  bool left_to_scalar = false;
  static_assert(kBlock == kBlockBytes);
  const size_t blocks = (original.size() + kBlock - 1) / kBlock;
  const size_t padded = blocks * kBlock;
  if (input_.size() < padded + kBlock) {
    input_.resize(padded + kBlock);
    codes_.assign(padded + 2 * kBlock, kChunkEndCode);
    stray_.resize(blocks + 1);
  }
  if (!original.empty()) std::memcpy(input_.data(), original.data(), original.size());
  std::memset(input_.data() + original.size(), ' ', padded + kBlock - original.size());
  uint8_t* codes = codes_.data() + kBlock;
  HWY_DYNAMIC_DISPATCH(Classify)(input_.data(), blocks, codes, stray_.data());

  chunks.Start(original);
  const auto examine = HWY_DYNAMIC_DISPATCH(Examine);
  const auto pack = HWY_DYNAMIC_DISPATCH(Pack);
  const auto reserve = [&](size_t size) {
    if (buffer.size() < size) buffer.resize(size + size / 2);
  };
  reserve(padded + 3 * kBlock);
  buffer[0] = ' ';
  size_t size = 1;
  // Everything before `resume` is folded already or was left to the scalar fold. The chunk that
  // goes on into the current block began at chunk_begin, when `size` was chunk_size.
  size_t resume = 0;
  size_t chunk_begin = 0;
  size_t chunk_size = 1;
  uint64_t capitals_carry = 0;
  for (size_t block = 0; block < blocks; ++block) {
    const size_t base = block * kBlock;
    BlockMasks masks = examine(codes + base, stray_[block], capitals_carry);
    if (resume >= base + kBlock) continue;
    size_t from = resume > base ? resume - base : 0;
    masks.bail &= BitsFrom(from);
    const auto emit = [&](size_t begin, size_t end) {  // bytes of this block
      const uint64_t bits = masks.keep & BitsFrom(begin) & ~BitsFrom(end);
      size += pack(codes + base, bits, reinterpret_cast<uint8_t*>(buffer.data()) + size);
    };
    left_to_scalar = left_to_scalar || masks.bail != 0;
    if (!left_to_scalar) places.AddBlock(masks.keep);
    while (masks.bail != 0) {
      const auto lane = static_cast<size_t>(std::countr_zero(masks.bail));
      const uint64_t ends_before = masks.chunk_ends & BitsFrom(from) & ~BitsFrom(lane);
      size_t begin = chunk_begin;
      if (ends_before != 0) {
        const size_t last_end = 63 - static_cast<size_t>(std::countl_zero(ends_before));
        emit(from, last_end + 1);
        begin = base + last_end + 1;
      } else if (from == 0) {
        size = chunk_size;
      } else {
        begin = std::max(begin, base + from);
      }
      size_t end = base + lane;
      while (end < original.size() && !EndsChunk(original[end])) ++end;
      slow_.clear();
      chunks.FoldChunk(static_cast<uint32_t>(begin), static_cast<uint32_t>(end), slow_, nullptr);
      reserve(size + slow_.size() + (padded - std::min(padded, end)) + 3 * kBlock);
      std::memcpy(buffer.data() + size, slow_.data(), slow_.size());
      size += slow_.size();
      resume = end + 1;
      chunk_begin = resume;
      chunk_size = size;
      from = resume - base;
      if (from >= kBlock) break;
      masks.bail &= BitsFrom(from);
    }
    if (from >= kBlock) continue;
    emit(from, kBlock);
    const uint64_t ends = masks.chunk_ends & BitsFrom(from);
    if (ends != 0) {
      const size_t last_end = 63 - static_cast<size_t>(std::countl_zero(ends));
      chunk_begin = base + last_end + 1;
      chunk_size = size - static_cast<size_t>(std::popcount(masks.keep & BitsFrom(last_end + 1)));
    }
  }
  if (buffer[size - 1] != ' ') buffer[size++] = ' ';
  if (left_to_scalar) places.Clear();
  return size;
}

}  // namespace keng::filters::text_internal
#endif  // HWY_ONCE
