#include "ingest/post_writer.h"

#include <charconv>

#include "base/json_text.h"
#include "ingest/rfc3339.h"

namespace keng::ingest {
namespace {

// `key` comes with its quotes, comma and colon.
void AppendString(std::string_view key, std::string_view value, std::string& out) {
  if (value.empty()) return;
  out.append(key);
  base::AppendJsonString(value, out);
}

void AppendTime(std::string_view key, absl::Time time, std::string& out) {
  if (time == absl::InfinitePast()) return;
  out.append(key);
  out.push_back('"');
  AppendRfc3339(time, out);
  out.push_back('"');
}

void AppendReach(const Reach& reach, std::string& out) {
  constexpr std::string_view kKeys[] = {"\"likes\":", "\"shares\":", "\"replies\":", "\"views\":"};
  const std::optional<int64_t> counts[] = {reach.likes, reach.shares, reach.replies, reach.views};
  bool any = false;
  for (size_t i = 0; i < std::size(counts); ++i) {
    if (!counts[i].has_value()) continue;
    out.append(any ? "," : ",\"reach\":{");
    any = true;
    out.append(kKeys[i]);
    char digits[24];
    const auto end = std::to_chars(std::begin(digits), std::end(digits), *counts[i]);
    out.append(digits, static_cast<size_t>(end.ptr - digits));
  }
  if (any) out.push_back('}');
}

}  // namespace

void AppendPostJson(const Post& post, std::string& out) {
  out.append("{\"id\":");
  base::AppendJsonString(post.id, out);
  switch (post.kind) {
    case PostKind::kPost:
      out.append(",\"kind\":\"post\"");
      break;
    case PostKind::kComment:
      out.append(",\"kind\":\"comment\"");
      break;
    case PostKind::kDelete:
      out.append(post.scope == DeleteScope::kAuthor ? ",\"kind\":\"delete\",\"scope\":\"author\""
                                                    : ",\"kind\":\"delete\"");
      break;
  }
  AppendString(",\"source\":", post.source, out);
  AppendString(",\"url\":", post.url, out);
  AppendString(",\"author\":", post.author, out);
  AppendString(",\"account\":", post.account, out);
  if (post.kind != PostKind::kDelete) {
    out.append(",\"text\":");
    base::AppendJsonString(post.text, out);
  }
  AppendString(",\"lang\":", post.lang, out);
  AppendString(",\"reply_to\":", post.reply_to, out);
  AppendString(",\"version\":", post.version, out);
  AppendTime(",\"created_at\":", post.created_at, out);
  AppendTime(
      post.kind == PostKind::kDelete ? ",\"deleted_at\":" : ",\"edited_at\":", post.edited_at, out);
  if (post.edit) out.append(",\"edit\":true");
  AppendReach(post.reach, out);
  out.push_back('}');
}

}  // namespace keng::ingest
