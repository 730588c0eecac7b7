#ifndef KENG_STREAM_CHANGELOG_H_
#define KENG_STREAM_CHANGELOG_H_

// The changelog of one owner's state: batches of rows in the compacted stream `state`, from which
// the state is rebuilt where its partition moves to. Only one process at a time may write it:
// opening it shuts out whoever had it before, for good, whatever that process still has in flight.
// Ignoring the records of an old owner when reading would not do: compaction may already have
// removed what they replaced (docs/decisions/008).
//
// Life cycle: from Streams::OpenChangelog(), destroyed before the streams.
// Threads: one at a time.
// Implementations: stream/kafka/ (a transaction a batch), stream/testing/memory_streams.h.

#include "absl/status/statusor.h"
#include "stream/stream.h"

namespace keng::stream {

class Changelog {
 public:
  virtual ~Changelog() = default;

  // Appends the set's records, all of `state` and all of this owner (key: owner "/" ...), whole or
  // not at all; readers see them whole or not at all, and soon: End() counts them at once. Returns
  // one past the last of them; an empty
  // set gives InvalidArgument.
  // Aborted: another owner has opened the changelog; nothing was written, and nothing ever will be
  // through this object. Unavailable: it is not known whether the batch was written; the caller
  // repeats it, which is harmless, for rows are whole values.
  virtual absl::StatusOr<Offset> Append(const WriteSet& set) = 0;
};

}  // namespace keng::stream

#endif  // KENG_STREAM_CHANGELOG_H_
