#include "filters/text/fold.h"

#include <algorithm>

#include "base/check.h"
#include "filters/text/internal/chunk_fold.h"

namespace keng::filters {
namespace {

using text_internal::ChunkFolder;
using text_internal::EndsChunk;

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
};

Folder::Folder(FoldPath path) : path_(path), scratch_(std::make_unique<Scratch>()) {}
Folder::~Folder() = default;
Folder::Folder(Folder&&) noexcept = default;
Folder& Folder::operator=(Folder&&) noexcept = default;

void Folder::Fold(std::string_view original, FoldedText& out) {
  KENG_CHECK(original.size() < (size_t{1} << 31), "text of ", original.size(), " bytes");
  out.original_ = original;
  out.map_.clear();
  FoldScalar(original, scratch_->chunks, out.text_, nullptr);
}

void FoldedText::MapAll() const {
  if (!map_.empty()) return;
  ChunkFolder chunks;
  std::string text;
  FoldScalar(original_, chunks, text, &map_);
  KENG_CHECK(text == text_ && map_.size() == text_.size(), "the two folds of a text differ");
}

Span FoldedText::Original(uint32_t begin, uint32_t end) const {
  KENG_CHECK(begin <= end && end <= text_.size(), begin, " ", end, " of ", text_.size());
  while (begin < end && (text_[begin] == ' ' || text_[begin] == '|')) ++begin;
  while (begin < end && (text_[end - 1] == ' ' || text_[end - 1] == '|')) --end;
  if (begin == end) return {};
  MapAll();
  return {map_[begin].begin, map_[end - 1].end};
}

uint32_t FoldedText::SyllableAt(uint32_t offset) const {
  KENG_CHECK(offset < text_.size(), offset, " of ", text_.size());
  const auto spaces = std::count(text_.begin(), text_.begin() + offset, ' ');
  // The space at `offset` itself belongs to the syllable after it.
  return static_cast<uint32_t>(spaces + (text_[offset] == ' ' ? 1 : 0) - 1);
}

}  // namespace keng::filters
