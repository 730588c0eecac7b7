#include "filters/text/fold.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "filters/text/internal/chunk_fold.h"
#include "filters/text/internal/unicode.h"
#include "filters/text/internal/vector_fold.h"

namespace keng::filters {
namespace {

using text_internal::ChunkFolder;
using text_internal::EndsChunk;
using text_internal::VectorFolder;

void FoldScalar(std::string_view original, ChunkFolder& chunks, std::string& out,
                std::vector<Span>* map) {
  out.assign(1, ' ');
  if (map != nullptr) map->assign(1, Span{});
  chunks.Start(original);
  const uint32_t size = static_cast<uint32_t>(original.size());
  uint32_t at = 0;
  while (at < size) {
    while (at < size && EndsChunk(original[at])) ++at;
    const uint32_t begin = at;
    while (at < size && !EndsChunk(original[at])) ++at;
    if (at > begin) chunks.FoldChunk(begin, at, out, map);
  }
}

}  // namespace

std::string_view MarksEvidenceName(MarksEvidence evidence) {
  switch (evidence) {
    case MarksEvidence::kEqual:
      return "equal";
    case MarksEvidence::kPartial:
      return "partial";
    case MarksEvidence::kAbsent:
      return "absent";
    case MarksEvidence::kConflicting:
      return "conflicting";
  }
  return "";
}

class Folder::Scratch {
 public:
  ChunkFolder chunks;
  VectorFolder vectors;
};

Folder::Folder(FoldPath path)
    : path_(VectorFolder::Available() ? path : FoldPath::kScalar),
      scratch_(std::make_unique<Scratch>()) {}
Folder::~Folder() = default;
Folder::Folder(Folder&&) noexcept = default;
Folder& Folder::operator=(Folder&&) noexcept = default;

void Folder::Fold(std::string_view original, FoldedText& out) {
  KENG_CHECK(original.size() < (size_t{1} << 31), "text of ", original.size(), " bytes");
  out.original_ = original;
  out.map_.clear();
  out.mapped_ = 0;
  out.places_.Clear();
  out.path_ = path_;
  switch (path_) {
    case FoldPath::kScalar:
      FoldScalar(original, scratch_->chunks, out.buffer_, nullptr);
      out.size_ = out.buffer_.size();
      break;
    case FoldPath::kFastest:
      out.size_ = scratch_->vectors.Fold(original, scratch_->chunks, out.buffer_, out.places_);
      break;
  }
}

namespace {

// The ASCII letter or digit that a code point folds to where nothing around it matters, 0 for
// separators, and kAsk for all that needs the whole fold.
constexpr char kAsk = 1;
constexpr uint32_t kPlainEnd = 0x1F00;

std::array<char, kPlainEnd> MakePlainTable() {
  std::array<char, kPlainEnd> table{};
  for (uint32_t c = 0; c < kPlainEnd; ++c) {
    const text_internal::CharInfo info = text_internal::Classify(c);
    switch (info.cls) {
      case text_internal::CodePointClass::kSeparator:
        break;
      case text_internal::CodePointClass::kLatin:
      case text_internal::CodePointClass::kDigit:
        table[c] = info.ascii_len == 1 ? info.ascii[0] : kAsk;
        break;
      default:
        table[c] = kAsk;
    }
  }
  table['@'] = kAsk;  // a mention is dropped whole
  return table;
}

// Of the character whose first byte this is.
uint32_t CharacterBytes(char first) {
  const auto lead = static_cast<unsigned char>(first);
  return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

// At the byte that makes an address of what stands before it ("http://", "www."), which is dropped
// whole.
bool AtAddress(std::string_view text, uint32_t at) {
  if (text[at] == '/') return at > 0 && text[at - 1] == '/';
  const auto w = [&](uint32_t back) { return (text[at - back] | 0x20) == 'w'; };
  return text[at] == '.' && at >= 3 && w(1) && w(2) && w(3);
}

// Extends the map of a text in which each letter gives one folded byte and nothing is split, joined
// or dropped, as nearly everywhere. Walks both side by side, from original byte `at` on, until
// [0, end) is mapped and a chunk ends: within one, letters that fit so far may still turn out to be
// stretched. False at the first byte that does not fit; the chunks before hold all the same
// (fold.h, I1).
bool MapPlain(std::string_view original, std::string_view folded, size_t end, uint32_t& at,
              std::vector<Span>& map) {
  static const std::array<char, kPlainEnd> kTable = MakePlainTable();
  if (map.empty()) map.emplace_back();
  const auto size = static_cast<uint32_t>(original.size());
  while (at < size && (map.size() < end || !EndsChunk(original[at]))) {
    const auto lead = static_cast<unsigned char>(original[at]);
    uint32_t code_point = lead;
    uint32_t length = 1;
    if (lead >= 0x80) {
      const text_internal::Decoded decoded = text_internal::Decode(original, at);
      code_point = decoded.code_point;
      length = decoded.length;
    }
    const char letter = code_point < kPlainEnd ? kTable[code_point] : kAsk;
    if (letter == kAsk) return false;
    const size_t to = map.size();
    if (letter != 0) {
      if (to >= folded.size() || folded[to] != letter) return false;
      map.push_back(Span{at, at + length});
    } else if (AtAddress(original, at)) {
      return false;
    } else if (folded[to - 1] != ' ') {
      if (to >= folded.size() || folded[to] != ' ') return false;
      map.emplace_back();
    }
    at += length;
  }
  if (at < size) return true;
  // The space that ends every folded text.
  if (map.size() + 1 == folded.size() && folded.back() == ' ') map.emplace_back();
  return map.size() == folded.size();
}

}  // namespace

FoldedText::Characters::Characters(const FoldedText& text, uint32_t begin)
    : text_(text), at_(begin) {
  if (!text.places_.empty()) walk_.emplace(text.places_, begin);
}

Span FoldedText::Characters::Next() {
  if (!walk_.has_value()) {
    const uint32_t at = at_++;
    return text_.Original(at, at + 1);
  }
  const uint32_t at = walk_->Next();
  if (at >= text_.original_.size()) return {};
  return {at, at + CharacterBytes(text_.original_[at])};
}

void FoldedText::MapTo(uint32_t end) const {
  if (map_.size() >= end) return;
  if (path_ == FoldPath::kFastest && MapPlain(original_, text(), end, mapped_, map_)) return;
  ChunkFolder chunks;
  std::string text;
  FoldScalar(original_, chunks, text, &map_);
  KENG_CHECK(text == this->text() && map_.size() == text.size(), "the two folds of a text differ");
}

Span FoldedText::Original(uint32_t begin, uint32_t end) const {
  const std::string_view folded = text();
  KENG_CHECK(begin <= end && end <= folded.size(), begin, " ", end, " of ", folded.size());
  while (begin < end && (folded[begin] == ' ' || folded[begin] == '|')) ++begin;
  while (begin < end && (folded[end - 1] == ' ' || folded[end - 1] == '|')) --end;
  if (begin == end) return {};
  if (!places_.empty()) {
    const uint32_t last = text_internal::FoldedPlaces::Walk(places_, end - 1).Next();
    return {text_internal::FoldedPlaces::Walk(places_, begin).Next(),
            last + CharacterBytes(original_[last])};
  }
  MapTo(end);
  return {map_[begin].begin, map_[end - 1].end};
}

uint32_t FoldedText::SyllableAt(uint32_t offset) const {
  const std::string_view folded = text();
  KENG_CHECK(offset < folded.size(), offset, " of ", folded.size());
  const auto spaces = std::count(folded.begin(), folded.begin() + offset, ' ');
  // The space at `offset` itself belongs to the syllable after it.
  return static_cast<uint32_t>(spaces + (folded[offset] == ' ' ? 1 : 0) - 1);
}

}  // namespace keng::filters
