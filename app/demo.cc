#include "app/demo.h"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "app/demo_line.h"
#include "app/pipeline.h"
#include "app/scaled_clock.h"
#include "app/stop_signal.h"
#include "base/check.h"
#include "base/strings.h"
#include "base/temporary_folder.h"
#include "ingest/post_parser.h"

namespace keng::app {

namespace {

using base::StrCat;

struct TimedLine {
  absl::Time at;  // when it appears in the evening
  std::string json;
};

// When a line appears: a late old post says an old time and stands between younger ones, so the
// running maximum counts.
absl::StatusOr<std::vector<TimedLine>> ReadEvening(const std::string& path) {
  std::ifstream in(path);
  if (!in)
    return absl::NotFoundError(
        StrCat(path, ": cannot be read; run from the source folder or give --home"));
  std::vector<TimedLine> lines;
  ingest::PostParser parser;
  absl::Time latest = absl::InfinitePast();
  for (std::string line; std::getline(in, line);) {
    std::string padded = line;
    padded.resize(line.size() + ingest::PostParser::kPadding);
    ingest::Post post;
    const ingest::DropReason reason =
        parser.Parse(std::string_view(padded).substr(0, line.size()),
                     ingest::PostParser::Mode::kInput, absl::Now(), post);
    if (reason == ingest::DropReason::kNone) {
      latest = std::max({latest, post.created_at, post.edited_at});
    }
    lines.push_back({.at = latest, .json = std::move(line)});
  }
  if (lines.empty()) return absl::InvalidArgumentError(StrCat(path, ": holds no posts"));
  const absl::Time first = lines.front().at;
  if (first == absl::InfinitePast())
    return absl::InvalidArgumentError(StrCat(path, ":1: no canonical post"));
  return lines;
}

// The evening's times are its own: what the brokers would remove by theirs stays.
std::string DemoStreams(const DemoOptions& options) {
  if (options.kafka.empty()) return "streams: {disk_free_min: 16MiB}\n";
  return StrCat("streams: {kafka: {bootstrap: \"", options.kafka, "\", prefix: keng-demo-",
                getpid(), "-", absl::ToUnixSeconds(absl::Now()), "., retention_slack: 10000d}}\n");
}

std::string DemoConfig(const std::string& home, const DemoOptions& options) {
  return StrCat("data_dir: data\nrules: [", home, "/rules/an-giang]\nplaces: ", home,
                "/rules/places\ncells: ", home, "/demo/cells.yaml\nmetrics_listen: \"",
                options.end == DemoEnd::kOnSignal ? options.metrics_listen : "", "\"\n",
                DemoStreams(options),
                "sources:\n"
                "  - {name: evening, type: file, path: evening.ndjson, follow: true, purpose: "
                "demo, owner: demo, "
                "until: 2099-12-31}\n"
                "channels:\n  - {name: duty-officer, type: terminal, lang: both}\n"
                "cell_channels:\n  \"91\": [duty-officer]\n");
}

// Waits in real time; false when the user asked to stop.
bool SleepUntil(const ScaledClock& clock, absl::Time time, const StopSignal& stop) {
  for (;;) {
    if (stop.requested()) return false;
    const absl::Duration left = clock.RealUntil(time);
    if (left <= absl::ZeroDuration()) return true;
    absl::SleepFor(std::min(left, absl::Milliseconds(50)));
  }
}

// Until all of it has been dealt with; false when the user asked to stop or it takes too long.
absl::StatusOr<bool> WaitDone(DemoLine& line, int64_t lines, const StopSignal& stop) {
  const absl::Time deadline = absl::Now() + absl::Seconds(30);
  while (true) {
    KENG_ASSIGN_OR_RETURN(const PipelineStatus status, line.status());
    if (status.ingest.lines == lines && status.idle()) return true;
    if (stop.requested() || absl::Now() >= deadline) return false;
    absl::SleepFor(absl::Milliseconds(20));
  }
}

}  // namespace

absl::StatusOr<int> RunDemo(const DemoOptions& options, std::ostream& out) {
  const std::string home = std::filesystem::absolute(options.home).lexically_normal().string();
  KENG_ASSIGN_OR_RETURN(const std::vector<TimedLine> lines,
                        ReadEvening(StrCat(home, "/demo/flood_evening.ndjson")));
  const base::TemporaryFolder folder("keng-demo");
  const StopSignal stop;
  const std::string feed = StrCat(folder.path(), "/evening.ndjson");
  std::ofstream writer(feed, std::ios::binary);
  KENG_ASSIGN_OR_RETURN(const Config config, ParseConfig(StrCat(folder.path(), "/keng.yaml"),
                                                         DemoConfig(home, options)));

  const absl::Time evening = lines.front().at;
  out << "kẻng demo: " << lines.size() << " posts of one flood evening in An Giang, "
      << absl::FormatTime("%Y-%m-%d %H:%M", evening, absl::FixedTimeZone(7 * 3600)) << " to "
      << absl::FormatTime("%H:%M", lines.back().at, absl::FixedTimeZone(7 * 3600)) << ", "
      << absl::StrFormat("%g", options.speed) << " times as fast\n\n"
      << std::flush;
  // The clock begins while the parts are built, a little before the evening.
  const ScaledClock clock(evening - absl::Seconds(2) * options.speed, options.speed);
  KENG_ASSIGN_OR_RETURN(
      auto line,
      DemoLine::Open(
          config,
          {.clock = &clock,
           .terminal = &out,
           .colours = isatty(STDOUT_FILENO) != 0 ? alerting::ChannelEnvironment::Colours::kYes
                                                 : alerting::ChannelEnvironment::Colours::kNo,
           .on_failure = [&stop](const std::string&, const absl::Status&) { stop.Request(); }}));
  KENG_RETURN_IF_ERROR(line->Start());
  for (const TimedLine& one : lines) {
    if (!SleepUntil(clock, one.at, stop)) break;
    writer << one.json << "\n" << std::flush;
  }
  KENG_ASSIGN_OR_RETURN(const bool done, WaitDone(*line, static_cast<int64_t>(lines.size()), stop));
  if (options.end == DemoEnd::kOnSignal && done) {
    out << "\nThe evening is over; metrics are at http://" << options.metrics_listen
        << "/metrics. Ctrl-C ends the demo.\n"
        << std::flush;
    stop.Wait();
  }
  const absl::Status stopped = line->Stop();
  KENG_ASSIGN_OR_RETURN(const PipelineStatus status, line->status());
  out << "\n" << StatusText(status);
  if (!done) out << "not everything came through\n";
  if (!stopped.ok()) out << "stop: " << stopped.message() << "\n";
  return done && stopped.ok() && Disagreement(status).empty() ? 0 : 1;
}

}  // namespace keng::app
