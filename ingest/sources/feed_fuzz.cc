// Foreign feeds: nothing that a server sends may crash the parser, run for long, or leave what is
// no UTF-8.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/check.h"
#include "ingest/sources/feed_parser.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto feed = keng::ingest::ParseFeed(bytes);
  if (feed.ok()) {
    KENG_CHECK(feed->items.size() <= keng::ingest::kFeedItemsMax, feed->items.size());
    for (const auto& item : feed->items) {
      KENG_CHECK(!keng::ingest::FeedItemIdentity(item).empty());
      KENG_CHECK(item.text.size() <= (size_t{64} << 10), item.text.size());
    }
  }
  const std::string text = keng::ingest::HtmlToText(bytes);
  KENG_CHECK(text.find('\0') == std::string::npos);
  (void)keng::ingest::ParseFeedDate(bytes);
  return 0;
}
