#ifndef KENG_APP_BENCH_LINE_H_
#define KENG_APP_BENCH_LINE_H_

// `keng bench line`: the whole program on made posts: a file in, embedded streams, a file channel
// out. At full speed it measures posts/s; at a given rate, the time from a post's append to the
// channel's acceptance. Beside it, in the same run, what the disk takes of the same bytes written
// plainly.

#include <cstdint>
#include <ostream>
#include <string>

#include "absl/status/statusor.h"

namespace keng::app {

struct LineBenchOptions {
  int64_t posts = 1'000'000;
  int64_t rate = 0;  // posts/s; 0: as fast as it goes
  double hit_share = 0.01;
  std::string home = ".";  // where rules/ is
  std::string data_dir;    // empty: a temporary folder
};

enum class LineReport : uint8_t { kText, kJson };

// Returns the exit status: 0 when everything came through and the sums agree.
absl::StatusOr<int> RunLineBench(const LineBenchOptions& options, LineReport form,
                                 std::ostream& out);

}  // namespace keng::app

#endif  // KENG_APP_BENCH_LINE_H_
