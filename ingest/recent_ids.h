#ifndef KENG_INGEST_RECENT_IDS_H_
#define KENG_INGEST_RECENT_IDS_H_

// What ingest remembers of the posts that it stored lately: for each id a fingerprint, the hash of
// its state and its version, by which a repetition is told from an edit and from an old state that
// comes late. Of fixed size: the oldest of eight neighbours is forgotten for a new one; a post that
// was forgotten is stored again when it comes again, which every later stage takes for what it is.
// The filter stage remembers states in the same table (filters/posts_guard.h).
//
// Not thread-safe. Tests: ingest/recent_ids_test.cc, against a model that forgets nothing.

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <type_traits>

#include "base/check.h"
#include "base/stable_hash.h"
#include "ingest/post.h"

namespace keng::ingest {

// The state of one post, as small as it can be compared.
struct PostState {
  static constexpr size_t kVersionBytes = 30;  // of a longer version, its beginning

  uint64_t hash = 0;  // of all that an edit can change, without the reach
  bool deleted = false;
  uint8_t version_size = 0;
  char version[kVersionBytes] = {};

  static PostState Of(const Post& post);
};

// What a state that comes in is, beside the one that was stored.
enum class StateOrder : uint8_t {
  kNew,       // nothing is known of the id
  kRepeated,  // the same state again
  kNewer,     // an edit or a deletion
  kOutdated,  // an older version, or a post that was deleted since
};
StateOrder CompareStates(const PostState* known, const PostState& incoming);

// Values by id. REQUIRES: bytes of zero are a Value that may be overwritten.
template <typename Value>
class RecentById {
 public:
  // Room for `ids_max` ids, rounded up to a power of two (12 bytes and a Value each, taken as they
  // come).
  explicit RecentById(size_t ids_max);

  // nullptr: not known. Valid until the next Put().
  const Value* Find(base::Hash128 id) const;
  void Put(base::Hash128 id, const Value& value);

  size_t size() const { return size_; }
  // How many ids made room for others.
  uint64_t forgotten() const { return forgotten_; }

 private:
  static_assert(std::is_trivially_copyable_v<Value>);
  static constexpr size_t kWays = 8;
  // Zero: an empty way. The tag is the id's other 64 bits, never 0.
  struct Bucket {
    uint64_t tags[kWays];
    Value values[kWays];
    uint32_t order[kWays];
  };
  struct Free {
    void operator()(Bucket* buckets) const { std::free(buckets); }
  };

  Bucket& BucketOf(base::Hash128 id) const { return buckets_.get()[id.low & mask_]; }

  size_t mask_;
  std::unique_ptr<Bucket, Free> buckets_;  // calloc: pages that are not used take no memory
  size_t size_ = 0;
  uint64_t forgotten_ = 0;
  uint32_t clock_ = 0;
};

using RecentIds = RecentById<PostState>;

template <typename Value>
RecentById<Value>::RecentById(size_t ids_max) {
  const size_t buckets = std::bit_ceil(std::max<size_t>(ids_max / kWays, 1));
  mask_ = buckets - 1;
  buckets_.reset(static_cast<Bucket*>(std::calloc(buckets, sizeof(Bucket))));
  KENG_CHECK(buckets_ != nullptr, "no memory for ", ids_max, " ids");
}

template <typename Value>
const Value* RecentById<Value>::Find(base::Hash128 id) const {
  const uint64_t tag = id.high | 1;
  Bucket& bucket = BucketOf(id);
  for (size_t way = 0; way < kWays; ++way)
    if (bucket.tags[way] == tag) return &bucket.values[way];
  return nullptr;
}

template <typename Value>
void RecentById<Value>::Put(base::Hash128 id, const Value& value) {
  const uint64_t tag = id.high | 1;
  Bucket& bucket = BucketOf(id);
  size_t place = 0;
  for (size_t way = 0; way < kWays; ++way) {
    if (bucket.tags[way] == tag || bucket.tags[way] == 0) {
      place = way;
      break;
    }
    // The difference, so that the clock may wrap around.
    if (clock_ - bucket.order[way] > clock_ - bucket.order[place]) place = way;
  }
  if (bucket.tags[place] == 0)
    ++size_;
  else if (bucket.tags[place] != tag)
    ++forgotten_;
  bucket.tags[place] = tag;
  bucket.values[place] = value;
  bucket.order[place] = ++clock_;
}

}  // namespace keng::ingest

#endif  // KENG_INGEST_RECENT_IDS_H_
