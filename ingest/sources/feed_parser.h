#ifndef KENG_INGEST_SOURCES_FEED_PARSER_H_
#define KENG_INGEST_SOURCES_FEED_PARSER_H_

// RSS 2.0 and Atom 1.0 (RFC 4287): the bytes of a feed become items. A pure function of foreign
// bytes; pugixml below, which expands no entities of a DTD and loads nothing.
//
// Refused: a DOCTYPE with an internal subset (entity bombs, external entities), elements nested
// deeper than kDepthMax, more than kFeedBytesMax bytes, what is no XML even after control
// characters were taken out, an encoding other than UTF-8, UTF-16, UTF-32 and Latin-1.
//
// Tests: ingest/sources/feed_test.cc, ingest/sources/feed_fuzz.cc.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace keng::ingest {

inline constexpr size_t kFeedBytesMax = size_t{10} << 20;
inline constexpr size_t kFeedItemsMax = 5'000;
inline constexpr int kFeedDepthMax = 64;

struct FeedItem {
  std::string id;     // guid or atom:id; may be empty
  std::string url;    // absolute http(s) link; may be empty
  std::string title;  // plain text
  std::string text;   // plain text of content, description or summary
  std::optional<absl::Time> published;
  std::optional<absl::Time> updated;
};

struct Feed {
  std::string lang;
  std::optional<absl::Duration> ttl;  // how long the feed asks to be left alone
  std::vector<FeedItem> items;        // at most kFeedItemsMax, in the feed's order
};

// InvalidArgument: not a feed, with the reason.
absl::StatusOr<Feed> ParseFeed(std::string_view bytes);

// HTML as text: tags go, block elements become line ends, entities characters, white space is
// collapsed; what stands in script and style is no text. Never fails.
std::string HtmlToText(std::string_view html);

// RFC 822 and 3339 dates and their common corruptions; a date without a zone is Vietnam's time.
// nullopt: another form.
std::optional<absl::Time> ParseFeedDate(std::string_view text);

// Who an item is, in this order: id, link, a hash of title and text.
std::string FeedItemIdentity(const FeedItem& item);

}  // namespace keng::ingest

#endif  // KENG_INGEST_SOURCES_FEED_PARSER_H_
