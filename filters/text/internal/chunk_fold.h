#ifndef KENG_FILTERS_TEXT_INTERNAL_CHUNK_FOLD_H_
#define KENG_FILTERS_TEXT_INTERNAL_CHUNK_FOLD_H_

// The scalar fold: the definition of folding, one chunk (the bytes between two bytes <= 0x20) at a
// time. A chunk is decoded to units (letters with their marks), cut into words, and each word into
// syllables. The rules stand in README.md.
//
// Threads: one thread.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "filters/text/fold.h"
#include "filters/text/internal/syllables.h"
#include "filters/text/internal/unicode.h"

namespace keng::filters::text_internal {

constexpr bool EndsChunk(char c) { return static_cast<uint8_t>(c) <= 0x20; }

class ChunkFolder {
 public:
  // Begins a text; chunks of it are folded into `out` after the space that begins it.
  void Start(std::string_view original);

  // Appends the syllables of original[begin, end), each followed by a space, to `out`, and the
  // original bytes of each appended byte to `map` unless it is null.
  // REQUIRES: no byte of the chunk ends a chunk; `out` ends with a space.
  void FoldChunk(uint32_t begin, uint32_t end, std::string& out, std::vector<Span>* map);

 private:
  // A letter with the marks that follow it, a digit, or something that separates.
  struct Unit {
    CodePointClass cls = CodePointClass::kSeparator;
    char letter = 0;   // kLatin, kDigit
    char quality = 0;  // kLatin
    uint8_t tone = 0;
    bool upper = false;
    bool before_zero_width_space = false;
    uint32_t code_point = 0;  // case-folded for kOther
    Span span;
  };
  using Units = std::vector<Unit>;
  enum class WordKind : uint8_t { kPlain, kHashtag };
  enum class Addresses : uint8_t { kNone, kPossible };

  void DecodeChunk(uint32_t begin, uint32_t end);
  void AddUnit(const Decoded& decoded, uint32_t at);
  // The unit after an address (http://, www.) or a mention (@name) that starts at unit i, or i.
  size_t SkipAddress(size_t i) const;
  size_t SkipMention(size_t i) const;

  void FoldWord(size_t begin, size_t end, WordKind kind);
  void ReplaceLookalikes(size_t begin, size_t end);
  bool LookalikesAreLatin();
  void FoldZeroWidthPieces(size_t begin, size_t end, WordKind kind);
  void FoldAlphanumeric(size_t begin, size_t end, WordKind kind);
  void FoldLetters(size_t begin, size_t end, WordKind kind);
  void FoldPiece(size_t begin, size_t end, WordKind kind);
  void PutPiece(WordKind kind);
  // Collapses stretched letters of units [begin, end) into piece_.
  void Unstretch(size_t begin, size_t end);
  // Hashtags: a word of the tag is kept until the whole tag is known, and then the tag is put once
  // for each reading of its glued words and once as it is.
  void KeepForTag(const Units& piece);
  void PutTag();

  void Put(const Unit& unit);
  void EndSyllable();
  std::string_view Letters(size_t begin, size_t end);
  bool AllLatin(size_t begin, size_t end) const;
  bool IsSyllable(size_t begin, size_t end);
  bool SpellsDouble(size_t begin, size_t end, bool marked);

  const SyllableInventory& inventory_ = SyllableInventory::Get();
  std::string_view original_;
  enum class Answer : uint8_t { kUnknown, kYes, kNo };
  Answer lookalikes_are_latin_ = Answer::kUnknown;

  std::string* out_ = nullptr;
  std::vector<Span>* map_ = nullptr;
  // Memory that is used again from chunk to chunk.
  Units units_;
  Units piece_;
  struct TagPiece {
    Units units;
    bool is_syllable = false;
    std::vector<SyllableInventory::Reading> readings;
  };
  std::vector<TagPiece> tag_;
  std::string letters_;
  std::string qualities_;
  std::vector<uint8_t> tones_;
  std::string collapsed_;
  std::vector<size_t> cuts_;
};

}  // namespace keng::filters::text_internal

#endif  // KENG_FILTERS_TEXT_INTERNAL_CHUNK_FOLD_H_
