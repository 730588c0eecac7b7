#ifndef KENG_ALERTING_TEXT_KEEPER_H_
#define KENG_ALERTING_TEXT_KEEPER_H_

// The texts that alerts quote: reads all of `texts` into the store, and erases there what was
// deleted or has expired. Not part of the fold, which knows no text.
//
// It also puts `texts` right. Over a cluster a filter that has lost its partition and does not know
// it yet may append the old text of a post behind the tombstone or the newer text of the new owner.
// Compaction then keeps the old one. Nothing can shut such a filter out, but the fold's row of the
// post says what is in force, and every keeper reads what comes:
//   - a text that the post's row supersedes (IsSuperseded), or that is older than the one kept, is
//     not kept;
//   - when it is the newest record of its key at the end of a Drain(), what is in force is appended
//     behind it: the record that is kept, or a tombstone.
// Only at the end: whoever reads `texts` from the beginning meets each old text before the newer
// record, and a tombstone for it would stand behind that one.
//
// Not all of it can be known when a text is read: the retraction may not be folded yet. So before a
// record that supersedes states of a post becomes part of the fold, the post is marked, and looked
// at when it is.
//
// Marks stand in the store (table::kTextMarks) from the commit that makes them necessary until the
// right record has been read, so that a crash or a refused write repeats the appending. What one
// keeper appends supersedes nothing of what another has, unless that one knows more and then says
// so itself: after each fold stands still they agree, and nothing more is appended.
//
// Life cycle: Open(), then calls of the owner's thread; destruction at any point is as safe as
// kill -9. Threads: one. Tests: alerting/text_keeper_test.cc, tests/simulation.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "alerting/state_tables.h"
#include "base/metrics.h"
#include "filters/inbox_record.h"
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

  // Appends to `texts` what is in force for the posts that are marked, or some of them when they
  // are many. REQUIRES: Drain() was OK before it. ResourceExhausted or Unavailable: refused for
  // now; the marks stay, and the next call does it again.
  absl::Status PutRight();

  // A record that the fold has applied and not yet committed: remembers its post when it supersedes
  // states of it.
  void Note(const filters::InboxRecord& record);
  // Marks the posts noted of which a text is kept that may be superseded. To be called before the
  // fold is committed; errors are those of the store, and the notes stay.
  absl::Status MarkNoted();

  // A text's erasure (table::kErasures) is due: adds to `changes` that it goes, unless a newer
  // state of the post has an erasure of its own. Returns how many go; CountErased() when they have.
  absl::StatusOr<int64_t> Expire(std::string_view post, absl::Time now, store::Changes& changes);
  void CountErased(int64_t texts);

 private:
  TextKeeper(std::string reader, stream::Streams& streams, store::Store& store,
             base::Metrics* metrics);
  absl::Status OpenReader();
  absl::Status Keep(const stream::RecordBatch& batch);
  absl::Status Take(const stream::Record& record, store::Changes& changes);
  void Mark(std::string_view post, TextMark mark, store::Changes& changes);
  absl::Status Settle(std::string_view post, TextMark mark, store::Changes& changes,
                      stream::WriteSet& set) const;

  // Constant after construction.
  const std::string reader_name_;
  stream::Streams& streams_;
  store::Store& store_;
  base::Counter kept_, erased_, outdated_;

  std::unique_ptr<stream::Reader> reader_;
  std::vector<std::pair<std::string, std::string>> noted_;  // post and version; of one fold
  bool may_have_marks_ = true;                              // false: table::kTextMarks is empty
};

}  // namespace keng::alerting

#endif  // KENG_ALERTING_TEXT_KEEPER_H_
