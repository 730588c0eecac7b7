#ifndef KENG_BENCH_FILTER_BENCH_H_
#define KENG_BENCH_FILTER_BENCH_H_

// `keng bench filter`: the filter stage on one core beside the bare loop (bench/bare_loop.h), on
// the same posts in the same run, in turns, so that a noisy machine is as noisy for both.

#include <cstdint>
#include <iosfwd>
#include <string>

namespace keng::bench {

enum class ReportForm : uint8_t { kText, kJson };

struct FilterBenchOptions {
  int64_t phrases = 10'000;
  int64_t posts = 20'000;
  int rounds = 11;
  // Share of the posts that hold a phrase on purpose; random texts hold more by themselves the more
  // phrases there are.
  double hit_share = 0.02;
  std::string posts_file;  // JSON lines in place of made posts; may be empty
  ReportForm form = ReportForm::kText;
};

// Prints posts_per_s and ns_per_post by stage, those of the bare loop, and the ratio. Returns the
// exit status.
int RunFilterBench(const FilterBenchOptions& options, std::ostream& out, std::ostream& err);

}  // namespace keng::bench

#endif  // KENG_BENCH_FILTER_BENCH_H_
