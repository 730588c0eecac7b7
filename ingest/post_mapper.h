#ifndef KENG_INGEST_POST_MAPPER_H_
#define KENG_INGEST_POST_MAPPER_H_

// One line from a producer becomes one post that may be stored: parsed, its author hashed or turned
// away, its text masked. Pure but for its caches: the same line gives the same post on any mapper.
//
// Not thread-safe: one for each thread, so that several threads can map what one appends.

#include <memory>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "ingest/author_keys.h"
#include "ingest/post.h"
#include "ingest/post_parser.h"

namespace keng::ingest {

class PostMapper {
 public:
  struct Result {
    DropReason reason = DropReason::kNone;
    std::string_view field;  // to blame; "" for the line as a whole
  };

  explicit PostMapper(std::shared_ptr<const OptOutList> opt_outs)
      : opt_outs_(opt_outs), authors_(std::move(opt_outs)) {}

  // On kNone `post` may be stored. Its views live until the next Map() and as long as `line`.
  // A deletion of an account comes without its author: see raw_author().
  // REQUIRES: PostParser::kPadding readable bytes after `line`.
  Result Map(std::string_view line, const std::shared_ptr<const AuthorKeys>& keys, absl::Time now,
             Post& post);

  // The author of the last post that was mapped, as the producer named it. For the fan-out of a
  // deletion only; never stored.
  std::string_view raw_author() const { return raw_author_; }
  // How many bytes masking took from the last text.
  size_t masked_bytes() const { return masked_bytes_; }

 private:
  const std::shared_ptr<const OptOutList> opt_outs_;
  AuthorCache authors_;
  PostParser parser_;
  std::string text_;  // the masked text, when masking changed it
  std::string_view raw_author_;
  size_t masked_bytes_ = 0;
};

}  // namespace keng::ingest

#endif  // KENG_INGEST_POST_MAPPER_H_
