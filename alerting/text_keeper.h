#ifndef KENG_ALERTING_TEXT_KEEPER_H_
#define KENG_ALERTING_TEXT_KEEPER_H_

// The texts that alerts quote: reads all of `texts` into the store, and erases there what was
// deleted or has expired. Not part of the fold, which knows no text.
//
// Life cycle: Open(), then calls of the owner's thread; destruction at any point is as safe as
// kill -9. Threads: one. Tests: alerting/alerting_worker_test.cc.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/metrics.h"
#include "store/store.h"
#include "stream/stream.h"

namespace keng::alerting {

inline constexpr absl::Duration kTextsKept = absl::Hours(24 * 30);

class TextKeeper {
 public:
  // `reader`: the registered reader of `texts`; empty: a tap, where no retention waits for readers.
  // It goes on where the store stands, or with the oldest record kept. `streams` and `store` must
  // outlive it; `metrics` may be null. Errors are those of the store and the streams.
  static absl::StatusOr<std::unique_ptr<TextKeeper>> Open(std::string reader,
                                                          stream::Streams& streams,
                                                          store::Store& store,
                                                          base::Metrics* metrics);
  ~TextKeeper();
  TextKeeper(const TextKeeper&) = delete;
  TextKeeper& operator=(const TextKeeper&) = delete;

  // Takes what stood in `texts` when it was called. ResourceExhausted or Unavailable: refused for
  // now; the next call meets the same records again. Other errors are those of the store and the
  // streams.
  absl::Status Drain();

  // A text's erasure (table::kErasures) is due: adds to `changes` that it goes, unless a newer
  // state of the post has an erasure of its own. Returns how many go; CountErased() when they have.
  absl::StatusOr<int64_t> Expire(std::string_view post, absl::Time now, store::Changes& changes);
  void CountErased(int64_t texts);

 private:
  TextKeeper(std::string reader, stream::Streams& streams, store::Store& store,
             base::Metrics* metrics);
  absl::Status OpenReader();
  absl::Status Keep(const stream::RecordBatch& batch);

  // Constant after construction.
  const std::string reader_name_;
  stream::Streams& streams_;
  store::Store& store_;
  base::Counter kept_, erased_;

  std::unique_ptr<stream::Reader> reader_;
};

}  // namespace keng::alerting

#endif  // KENG_ALERTING_TEXT_KEEPER_H_
