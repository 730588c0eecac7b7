// The parser against Boost.JSON, which shares no line with simdjson: what Boost calls broken must
// not come out as a post, and what comes out must survive being written and read again.

#include <boost/json.hpp>
#include <cstdlib>
#include <string>

#include "ingest/post_parser.h"
#include "ingest/post_writer.h"

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using keng::ingest::DropReason;
  using keng::ingest::Post;
  using keng::ingest::PostParser;
  static auto* const parser = new PostParser;
  const absl::Time now = absl::FromUnixSeconds(1'789'351'866);

  std::string padded(reinterpret_cast<const char*>(data), size);
  padded.append(PostParser::kPadding, '"');
  const std::string_view json = std::string_view(padded).substr(0, size);
  Post post;
  if (parser->Parse(json, PostParser::Mode::kInput, now, post) != DropReason::kNone) return 0;

  boost::json::error_code error;
  boost::json::parse_options options;
  options.max_depth = 256;
  const boost::json::value value =
      boost::json::parse({json.data(), json.size()}, error, {}, options);
  Require(!error && value.is_object());
  const auto& id = value.as_object().at("id").as_string();
  Require(post.id == std::string_view(id.data(), id.size()));

  std::string stored;
  keng::ingest::AppendPostJson(post, stored);
  const size_t stored_size = stored.size();
  stored.append(PostParser::kPadding, '\0');
  Post again;
  Require(parser->Parse(std::string_view(stored).substr(0, stored_size), PostParser::Mode::kStored,
                        now, again) == DropReason::kNone);
  std::string twice;
  keng::ingest::AppendPostJson(again, twice);
  Require(twice == std::string_view(stored).substr(0, stored_size));
  return 0;
}
