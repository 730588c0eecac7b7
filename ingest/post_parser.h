#ifndef KENG_INGEST_POST_PARSER_H_
#define KENG_INGEST_POST_PARSER_H_

// The parser of the canonical post's JSON form (ingest/post.schema.json, version 1), on simdjson
// On-Demand. One parser a thread; it keeps its memory from post to post and allocates nothing once
// that has grown to the longest post.
//
//   PostParser parser;
//   Post post;
//   const DropReason reason = parser.Parse(line, PostParser::Mode::kInput, clock.Now(), post);
//
// Tests: ingest/post_parser_test.cc (also that the schema agrees), ingest/post_parser_fuzz.cc.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "ingest/post.h"

namespace keng::ingest {

// The longest line and text that are taken, in bytes.
inline constexpr size_t kLineBytesMax = 256 << 10;
inline constexpr size_t kTextBytesMax = 64 << 10;

// The fields of the schema, in the order in which the writer puts them.
inline constexpr std::string_view kPostFields[] = {
    "id",        "kind",       "scope", "source",   "url",     "author",
    "account",   "text",       "lang",  "reply_to", "version", "created_at",
    "edited_at", "deleted_at", "edit",  "reach",    "media"};

// Not thread-safe.
class PostParser {
 public:
  // How many bytes after the text must be readable (their values do not matter).
  static constexpr size_t kPadding = 64;

  enum class Mode {
    kInput,   // from a producer: nothing is believed; the whole schema is checked
    kStored,  // what PostWriter wrote: shape and types are checked, the rest was when it came in
    kTool,    // `keng match`, `group`, `route`: as kInput, but only `id` and `text` are required
  };

  PostParser();
  ~PostParser();
  PostParser(const PostParser&) = delete;
  PostParser& operator=(const PostParser&) = delete;

  // Parses one JSON object into `post`. Returns kNone, or why it is no post; `post` is then
  // unspecified. The views in `post` point into `json` or into the parser: they live until the next
  // Parse() and as long as `json`. In mode kInput, Post.author is what the producer gave, still to
  // be hashed, and Post.text is still to be masked. `now` is what an absurd time is measured
  // against. A deletion's `deleted_at` comes as Post.edited_at.
  // REQUIRES: kPadding bytes after `json` are readable.
  DropReason Parse(std::string_view json, Mode mode, absl::Time now, Post& post);

  // What the filter stage needs to know of every post; the rest it needs of the few that match.
  struct Brief {
    PostKind kind = PostKind::kPost;
    bool edit = false;
    std::string_view text;  // as Post::text
    absl::Time created_at = absl::InfinitePast();
  };
  // Reads only that, from a post in canonical form (post_writer.h), in a third of the time of
  // Parse(): the other values are passed over unseen. False: not canonical, a deletion, or broken;
  // Parse() then says what it is. The text lives as Post's views do. REQUIRES: as Parse().
  bool ParseBrief(std::string_view json, Brief& brief);

  // After a Parse() that was refused: the field that was to blame, or "" when it was the line as a
  // whole. One of kPostFields.
  std::string_view failed_field() const { return failed_field_; }

 private:
  struct State;

  DropReason Fail(DropReason reason, std::string_view field);
  DropReason CheckWhole(uint32_t given, Mode mode, absl::Time now, const Post& post);

  std::unique_ptr<State> state_;
  std::string_view failed_field_;
};

}  // namespace keng::ingest

#endif  // KENG_INGEST_POST_PARSER_H_
