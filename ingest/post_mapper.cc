#include "ingest/post_mapper.h"

#include "ingest/masking.h"

namespace keng::ingest {

PostMapper::Result PostMapper::Map(std::string_view line,
                                   const std::shared_ptr<const AuthorKeys>& keys, absl::Time now,
                                   Post& post) {
  raw_author_ = {};
  masked_bytes_ = 0;
  const DropReason reason = parser_.Parse(line, PostParser::Mode::kInput, now, post);
  if (reason != DropReason::kNone) return {reason, parser_.failed_field()};

  raw_author_ = post.author;
  const bool deletion = post.kind == PostKind::kDelete;
  if (deletion) {
    // A deletion reaches what was stored before its author asked to be left out, too.
    post.author = {};
    post.text = {};
    return {};
  }
  if (opt_outs_->HasAccount(post.account)) return {DropReason::kOptedOut, "account"};
  if (!post.author.empty()) {
    const AuthorCache::Answer author = authors_.Find(keys, post.source, post.author);
    if (author.opted_out) return {DropReason::kOptedOut, "author"};
    post.author = author.key;
  }
  if (MayHoldPersonalData(post.text)) {
    text_.assign(post.text);
    masked_bytes_ = MaskPersonalData(text_);
    if (masked_bytes_ != 0) post.text = text_;
  }
  return {};
}

}  // namespace keng::ingest
