#ifndef KENG_INGEST_INTERNAL_LINE_SPLITTER_H_
#define KENG_INGEST_INTERNAL_LINE_SPLITTER_H_

// Cuts a sequence of bytes that comes in blocks into lines, with memory for one block and one line
// whatever comes: of a line that is too long for a post the beginning is given, so that it is
// counted and put aside, and the rest skipped. Each line is followed by the padding that the parser
// needs. Not thread-safe.

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "absl/types/span.h"
#include "ingest/post_parser.h"

namespace keng::ingest {

class LineSplitter {
 public:
  explicit LineSplitter(size_t block_bytes)
      : buffer_(block_bytes + kLineBytesMax + 2 + PostParser::kPadding, '\0') {}

  // Where the next block goes. Lines given before become invalid. Not empty once Next() has said
  // that more bytes are needed.
  absl::Span<char> Room() {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    scanned_ -= begin_;
    end_ -= begin_;
    begin_ = 0;
    return absl::MakeSpan(buffer_.data() + end_, buffer_.size() - PostParser::kPadding - end_);
  }
  void Filled(size_t size) { end_ += size; }

  // The next line without its line feed. False: more bytes are needed.
  bool Next(std::string_view& line) {
    if (skipping_ && !SkipRest()) return false;
    const void* found = std::memchr(buffer_.data() + scanned_, '\n', end_ - scanned_);
    if (found != nullptr) {
      const auto feed = static_cast<size_t>(static_cast<const char*>(found) - buffer_.data());
      line = Take(feed, feed + 1);
      return true;
    }
    scanned_ = end_;
    if (end_ - begin_ <= kLineBytesMax) return false;
    line = Take(begin_ + kLineBytesMax + 1, begin_ + kLineBytesMax + 1);
    skipping_ = true;
    return true;
  }

  // After the last byte: what stands there without a line feed. False: nothing.
  bool Last(std::string_view& line) {
    if (skipping_ || begin_ == end_) return false;
    line = Take(end_, end_);
    return true;
  }

  // Begins anew, `consumed` bytes into something else.
  void Restart(int64_t consumed, bool skipping) {
    begin_ = end_ = scanned_ = 0;
    consumed_ = consumed;
    skipping_ = skipping;
  }

  // Bytes given as lines or skipped.
  int64_t consumed() const { return consumed_; }
  // In the middle of a line that is too long.
  bool skipping() const { return skipping_; }
  bool empty() const { return begin_ == end_; }

 private:
  std::string_view Take(size_t end, size_t next) {
    const std::string_view line(buffer_.data() + begin_, end - begin_);
    consumed_ += static_cast<int64_t>(next - begin_);
    begin_ = scanned_ = next;
    return line;
  }

  bool SkipRest() {
    const void* found = std::memchr(buffer_.data() + begin_, '\n', end_ - begin_);
    const size_t next =
        found == nullptr
            ? end_
            : static_cast<size_t>(static_cast<const char*>(found) - buffer_.data()) + 1;
    Take(next, next);
    skipping_ = found == nullptr;
    return !skipping_;
  }

  std::string buffer_;
  size_t begin_ = 0, end_ = 0;
  size_t scanned_ = 0;  // no line feed in [begin_, scanned_)
  int64_t consumed_ = 0;
  bool skipping_ = false;
};

// Blank lines are no lines (NDJSON's tolerance).
inline bool IsBlank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

}  // namespace keng::ingest

#endif  // KENG_INGEST_INTERNAL_LINE_SPLITTER_H_
