#ifndef KENG_INGEST_POST_H_
#define KENG_INGEST_POST_H_

// The canonical post: one public post, comment or article, or the word of its source that it is
// gone. The JSON form is ingest/post.schema.json (version 1). A Post is a set of views into the
// JSON text or the parser that made it: it is valid until the next Parse() of that parser.

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/time/time.h"

namespace keng::ingest {

enum class PostKind : uint8_t { kPost, kComment, kDelete };
// kAuthor: the account is gone and with it all its posts; ingest expands it into one deletion a
// post.
enum class DeleteScope : uint8_t { kPost, kAuthor };

struct Reach {
  std::optional<int64_t> likes, shares, replies, views;
};

struct Post {
  PostKind kind = PostKind::kPost;
  DeleteScope scope = DeleteScope::kPost;
  bool edit =
      false;  // set by ingest: a state of this id was stored before, or the source says edited
  std::string_view id;        // "<platform>:<native id>", 1 to 512 bytes
  std::string_view source;    // "mastodon:masto.example"
  std::string_view url;       // permalink; empty where the platform has none
  std::string_view author;    // "a<N>:<24 hex>" from ingest on; empty when unknown
  std::string_view account;   // page, group or feed on which it stood; may be empty
  std::string_view text;      // UTF-8 as the platform gave it, masked byte for byte
  std::string_view lang;      // BCP 47 as the platform claims; may be empty
  std::string_view reply_to;  // canonical id; may be empty
  std::string_view version;   // orders two states of one id, compared as bytes; may be empty
  absl::Time created_at = absl::InfinitePast();  // InfinitePast: not given (a deletion)
  absl::Time edited_at = absl::InfinitePast();   // InfinitePast: never edited
  Reach reach;
};

// Why a record did not become a post. Each has a counter and goes to `dead`. Metric label values:
// DropReasonName().
enum class DropReason : uint8_t {
  kNone = 0,
  kJsonSyntax,     // not one JSON object
  kUnicode,        // not UTF-8, a lone surrogate or U+0000
  kTooLong,        // the line or the text is over its limit
  kMissingField,   // a required field is absent
  kWrongType,      // a field has another type than the schema says
  kBadValue,       // a field has a value that the schema does not allow
  kDuplicateKey,   // a field of the schema stands twice
  kAbsurdTime,     // created_at before 1990 or more than a day ahead
  kOptedOut,       // the account is on the opt-out list
  kExpiredSource,  // the source's `until` has passed
};
std::string_view DropReasonName(DropReason reason);

}  // namespace keng::ingest

#endif  // KENG_INGEST_POST_H_
