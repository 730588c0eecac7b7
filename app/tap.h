#ifndef KENG_APP_TAP_H_
#define KENG_APP_TAP_H_

// `keng tap STREAM`: the records of a stream as JSON lines, newest last:
// {"stream","partition","offset","time","key", "value"} (a tombstone has "value": null; what is no
// JSON object is a string, and what is no UTF-8 in it U+FFFD). Reads beside everything else and
// holds nothing back.
//
// Tests: app/tap_test.cc.

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "stream/stream.h"

namespace keng::app {

struct TapRequest {
  stream::StreamId stream = stream::StreamId::kPosts;
  // Where to go on in each partition; a partition that is not named starts `newest` records before
  // its end.
  std::map<int, stream::Offset> from;
  int64_t newest = 100;
  int64_t records_max = 1000;
};

struct TapResult {
  std::string lines;
  std::map<int, stream::Offset> next;  // for the next request
};

absl::StatusOr<TapResult> Tap(stream::Streams& streams, const TapRequest& request);

}  // namespace keng::app

#endif  // KENG_APP_TAP_H_
