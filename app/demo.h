#ifndef KENG_APP_DEMO_H_
#define KENG_APP_DEMO_H_

// `keng demo`: one authored flood evening in An Giang (demo/flood_evening.ndjson) through the real
// program: the posts are written to a file at the pace of the evening, a number of times as fast;
// all stages follow that file, over embedded streams or over Kafka; alerts appear on the terminal
// as a duty officer would read them. At the end a summary in which the sums agree.

#include <ostream>
#include <string>

#include "absl/status/statusor.h"

namespace keng::app {

enum class DemoEnd { kWhenDone, kOnSignal };

struct DemoOptions {
  std::string home = ".";  // where demo/ and rules/ are
  double speed = 480;      // the evening's seconds in one real second
  DemoEnd end = DemoEnd::kOnSignal;
  std::string metrics_listen =
      "127.0.0.1:9464";  // for kOnSignal: so that there is something to look at
  // "host:port" of a Kafka cluster, on which topics of a name of their own are made and stay;
  // empty: embedded streams.
  std::string kafka;
};

// Returns the exit status: 0 when everything went through and the sums agree, else 1.
absl::StatusOr<int> RunDemo(const DemoOptions& options, std::ostream& out);

}  // namespace keng::app

#endif  // KENG_APP_DEMO_H_
