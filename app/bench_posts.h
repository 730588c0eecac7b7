#ifndef KENG_APP_BENCH_POSTS_H_
#define KENG_APP_BENCH_POSTS_H_

// The posts with which the whole line is measured, and the rules that find the reports among them:
// a topic's phrase in a ward of An Giang, the same for every run.

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/load.h"

namespace keng::app {

// A rule file with one rule for each topic.
std::string BenchRules();

class BenchPosts {
 public:
  // `home`: the source folder, of which rules/places is read. `hit_share` of the posts are reports.
  static absl::StatusOr<BenchPosts> Make(const std::string& home, double hit_share);

  // Appends the next post as a line.
  void Append(std::string& out);

 private:
  BenchPosts(double hit_share, std::vector<std::string> wards)
      : hit_share_(hit_share), wards_(std::move(wards)), load_(42) {}

  double hit_share_;
  std::vector<std::string> wards_;
  bench::Load load_;
  int64_t number_ = 0;
};

// Writes `posts` lines at `rate` posts/s (0: as fast as it goes), a slice each millisecond.
void WriteBenchPosts(BenchPosts& source, int64_t posts, int64_t rate, std::ostream& out);

}  // namespace keng::app

#endif  // KENG_APP_BENCH_POSTS_H_
