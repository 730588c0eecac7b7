#include "app/bench_line.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <thread>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "app/bench_posts.h"
#include "app/pipeline.h"
#include "base/check.h"
#include "base/strings.h"
#include "base/temporary_folder.h"

namespace keng::app {

namespace {

using base::StrCat;

constexpr size_t kChunkBytes = size_t{4} << 20;

std::string ConfigText(const std::string& home, const std::string& folder) {
  return StrCat("data_dir: ", folder, "/data\nrules: [", folder, "/rules.yaml]\nplaces: ", home,
                "/rules/places\ncells: ", home,
                "/rules/cells.yaml\nmetrics_listen: \"\"\nalerts: {rings_per_cell_hour_max: "
                "100000}\nsources:\n"
                "  - {name: bench, type: file, path: ",
                folder,
                "/posts.ndjson, follow: true, purpose: bench, "
                "owner: bench, until: 2099-12-31}\nchannels:\n  - {name: file, type: file, path: ",
                folder, "/alerts.jsonl}\ncell_channels:\n  \"91\": [file]\n");
}

// The physical bound: the same bytes, written twice (the log and the table) with plain write(2).
double PlainWriteSeconds(const std::string& path, int64_t bytes) {
  const std::string block(kChunkBytes, 'x');
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  KENG_CHECK(file >= 0, "cannot write ", path);
  const absl::Time begin = absl::Now();
  for (int64_t left = 2 * bytes; left > 0; left -= static_cast<int64_t>(block.size())) {
    KENG_CHECK(write(file, block.data(), block.size()) == static_cast<ssize_t>(block.size()),
               "short write");
  }
  const double seconds = absl::ToDoubleSeconds(absl::Now() - begin);
  close(file);
  unlink(path.c_str());
  return seconds;
}

// The upper bound of the bucket in which quantile `q` of a histogram lies, from the exposition
// text. Seconds.
double Quantile(const std::string& exposition, const std::string& name, double q) {
  std::map<double, double> sums;  // bound -> cumulative count, summed over labels
  std::istringstream in(exposition);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(name + "_bucket")) continue;
    const size_t le = line.find("le=\"");
    const size_t space = line.rfind(' ');
    const std::string bound = line.substr(le + 4, line.find('"', le + 4) - le - 4);
    sums[bound == "+Inf" ? 1e9 : std::stod(bound)] += std::stod(line.substr(space + 1));
  }
  const double total = sums.empty() ? 0 : sums.rbegin()->second;
  for (const auto& [bound, count] : sums) {
    if (total > 0 && count >= q * total) return bound;
  }
  return 0;
}

double CpuSeconds() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

int64_t PeakRssBytes() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<int64_t>(usage.ru_maxrss) * 1024;
}

}  // namespace

absl::StatusOr<int> RunLineBench(const LineBenchOptions& options, LineReport form,
                                 std::ostream& out) {
  const std::string home = std::filesystem::absolute(options.home).lexically_normal().string();
  const base::TemporaryFolder temporary("keng-bench");
  const std::string folder = options.data_dir.empty() ? temporary.path() : options.data_dir;
  std::filesystem::create_directories(folder);
  std::ofstream(StrCat(folder, "/rules.yaml")) << BenchRules();
  KENG_ASSIGN_OR_RETURN(BenchPosts posts, BenchPosts::Make(home, options.hit_share));
  std::ofstream feed(StrCat(folder, "/posts.ndjson"), std::ios::binary);
  int64_t bytes = 0;
  std::string chunk;
  const auto write_chunk = [&] {
    feed << chunk << std::flush;
    bytes += static_cast<int64_t>(chunk.size());
    chunk.clear();
  };
  if (options.rate == 0) {
    for (int64_t i = 0; i < options.posts; ++i) {
      posts.Append(chunk);
      if (chunk.size() >= kChunkBytes) write_chunk();
    }
    write_chunk();
  }
  const base::RealClock clock;
  KENG_ASSIGN_OR_RETURN(const Config config,
                        ParseConfig(StrCat(folder, "/keng.yaml"), ConfigText(home, folder)));
  KENG_ASSIGN_OR_RETURN(auto pipeline, Pipeline::Open(config, {.clock = &clock, .terminal = &out}));
  const double cpu_before = CpuSeconds();
  const absl::Time begin = absl::Now();
  KENG_RETURN_IF_ERROR(pipeline->Start());
  if (options.rate > 0) {
    // A slice each millisecond, as a steady stream comes.
    for (int64_t written = 0; written < options.posts;) {
      const int64_t due =
          std::min(options.posts, static_cast<int64_t>(absl::ToDoubleSeconds(absl::Now() - begin) *
                                                       static_cast<double>(options.rate)));
      for (; written < due; ++written) posts.Append(chunk);
      if (!chunk.empty()) write_chunk();
      absl::SleepFor(absl::Milliseconds(1));
    }
  }
  PipelineStatus status = pipeline->status();
  while (!(status.ingest.lines >= options.posts && status.idle()) &&
         absl::Now() - begin < absl::Minutes(30)) {
    absl::SleepFor(absl::Milliseconds(5));
    status = pipeline->status();
  }
  const double seconds = absl::ToDoubleSeconds(absl::Now() - begin);
  const double cpu = CpuSeconds() - cpu_before;
  const std::string exposition = pipeline->metrics().Expose();
  KENG_RETURN_IF_ERROR(pipeline->Stop());
  status = pipeline->status();
  const double plain = PlainWriteSeconds(StrCat(folder, "/plain"), bytes);
  const double rate = static_cast<double>(options.posts) / seconds;
  const double p50 = Quantile(exposition, "keng_post_to_alert_seconds", 0.5);
  const double p99 = Quantile(exposition, "keng_post_to_alert_seconds", 0.99);
  const auto opened = status.alerting.find("opened");
  const int64_t incidents = opened == status.alerting.end() ? 0 : opened->second;
  const std::string disagreement = Disagreement(status);
  if (form == LineReport::kJson) {
    out << boost::json::serialize(boost::json::object{
               {"posts", options.posts},
               {"rate_asked", options.rate},
               {"posts_per_s", rate},
               {"seconds", seconds},
               {"cpu_us_per_post", cpu * 1e6 / static_cast<double>(options.posts)},
               {"rss_bytes_max", PeakRssBytes()},
               {"bytes", bytes},
               {"plain_write_seconds", plain},
               {"hits", status.filters.hits},
               {"incidents", incidents},
               {"post_to_alert_s_p50_below", p50},
               {"post_to_alert_s_p99_below", p99},
               {"disagreement", disagreement}})
        << "\n";
  } else {
    out << absl::StrFormat(
        "%d posts of %d bytes in %.2f s: %.0f posts/s, %.2f us of CPU a post, %d MiB at most\n",
        options.posts, bytes / options.posts, seconds, rate,
        cpu * 1e6 / static_cast<double>(options.posts), PeakRssBytes() >> 20);
    out << absl::StrFormat(
        "twice the same bytes written plainly: %.2f s (%.2f of the line's time)\n", plain,
        plain / seconds);
    out << absl::StrFormat("%d hits, %d incidents; post to alert: p50 <= %g ms, p99 <= %g ms\n",
                           status.filters.hits, incidents, p50 * 1e3, p99 * 1e3);
    out << StatusText(status);
  }
  return disagreement.empty() && status.ingest.lines == options.posts ? 0 : 1;
}

}  // namespace keng::app
