#include "ingest/recent_ids.h"

#include <algorithm>
#include <cstring>

namespace keng::ingest {

PostState PostState::Of(const Post& post) {
  PostState state;
  state.deleted = post.kind == PostKind::kDelete;
  state.version_size = static_cast<uint8_t>(std::min(post.version.size(), kVersionBytes));
  // memcpy wants a pointer even for nothing.
  if (state.version_size > 0) std::memcpy(state.version, post.version.data(), state.version_size);
  // A deletion is one state, whatever else it says. The order of what is hashed is fixed by the
  // states that were stored: changing it makes every post look edited once.
  uint64_t hash = base::StableHash64(post.text, static_cast<uint64_t>(post.kind));
  hash = base::StableHash64(post.version, hash);
  hash = base::StableHash64(post.url, hash);
  hash = base::StableHash64(post.reply_to, hash);
  state.hash = state.deleted ? 1 : hash;
  return state;
}

StateOrder CompareStates(const PostState* known, const PostState& incoming) {
  if (known == nullptr) return StateOrder::kNew;
  const std::string_view old_version(known->version, known->version_size);
  const std::string_view new_version(incoming.version, incoming.version_size);
  const bool versions = !old_version.empty() && !new_version.empty();
  if (known->deleted) {
    if (incoming.deleted) return StateOrder::kRepeated;
    // A deletion wins over every state that does not say that it is newer.
    return versions && new_version > old_version ? StateOrder::kNewer : StateOrder::kOutdated;
  }
  if (incoming.deleted)
    return versions && new_version < old_version ? StateOrder::kOutdated : StateOrder::kNewer;
  if (known->hash == incoming.hash) return StateOrder::kRepeated;
  return versions && new_version < old_version ? StateOrder::kOutdated : StateOrder::kNewer;
}

}  // namespace keng::ingest
