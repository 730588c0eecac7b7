// Whatever bytes a post holds: both paths fold them alike, and every folded byte comes from bytes
// of the post.

#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "filters/text/fold.h"
#include "filters/text/phrase.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using keng::filters::FoldPath;
  using keng::filters::Span;
  static keng::filters::Folder fastest, scalar(FoldPath::kScalar);
  static keng::filters::FoldedText fast, slow;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  fastest.Fold(text, fast);
  scalar.Fold(text, slow);
  KENG_CHECK(fast.text() == slow.text(), "[", fast.text(), "] [", slow.text(), "]");
  for (uint32_t at = 1; at <= fast.text().size(); ++at) {
    const Span span = fast.Original(at - 1, at);
    KENG_CHECK(span == slow.Original(at - 1, at), "byte ", at - 1, " of [", fast.text(), "]");
    KENG_CHECK(span.begin <= span.end && span.end <= size, span.begin, " ", span.end);
  }
  // A phrase is what the fold makes of it, and its own text has its own marks.
  const auto phrase = keng::filters::Phrase::Parse(text);
  if (!phrase.ok() || fast.text() != phrase->literal()) return 0;
  KENG_CHECK(CompareMarks(*phrase, fast, 0) == keng::filters::MarksEvidence::kEqual,
             phrase->written());
  return 0;
}
