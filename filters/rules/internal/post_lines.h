#ifndef KENG_FILTERS_RULES_INTERNAL_POST_LINES_H_
#define KENG_FILTERS_RULES_INTERNAL_POST_LINES_H_

// Posts from JSON lines, for commands that read them from standard input.

#include <cstdint>
#include <iosfwd>
#include <string>

#include "absl/time/time.h"
#include "ingest/post.h"
#include "ingest/post_parser.h"

namespace keng::filters {

class PostLines {
 public:
  // Lines that are no posts are named on `err`, the first kNamedMax of them, and counted.
  static constexpr int64_t kNamedMax = 20;

  PostLines(std::istream& in, std::ostream& err, absl::Time now) : in_(in), err_(err), now_(now) {}

  // The next post; false at the end. Its views live until the next call.
  bool Next(ingest::Post& post);

  int64_t posts() const { return posts_; }
  int64_t broken() const { return broken_; }

 private:
  std::istream& in_;
  std::ostream& err_;
  const absl::Time now_;
  ingest::PostParser parser_;
  std::string line_;
  int64_t lines_ = 0;
  int64_t posts_ = 0;
  int64_t broken_ = 0;
};

}  // namespace keng::filters

#endif  // KENG_FILTERS_RULES_INTERNAL_POST_LINES_H_
