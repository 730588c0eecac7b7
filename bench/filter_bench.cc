#include "bench/filter_bench.h"

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <fstream>
#include <iostream>
#include <memory>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "base/strings.h"
#include "bench/bare_loop.h"
#include "bench/load.h"
#include "filters/matcher/matcher.h"
#include "filters/matcher/rule_set.h"
#include "filters/rules/rule_loader.h"
#include "filters/text/phrase.h"
#include "ingest/post_parser.h"
#include "ingest/post_writer.h"

namespace keng::bench {

namespace {

using Steady = std::chrono::steady_clock;

constexpr int kPhrasesPerRule = 10;
constexpr size_t kTextBytes = 199;

// Posts one after the other, each followed by the padding that the parser needs.
class PostArena {
 public:
  void Add(std::string_view json) {
    begins_.push_back(bytes_.size());
    sizes_.push_back(json.size());
    bytes_.append(json);
    bytes_.append(ingest::PostParser::kPadding, ' ');
  }
  size_t size() const { return begins_.size(); }
  std::string_view operator[](size_t i) const { return {bytes_.data() + begins_[i], sizes_[i]}; }
  size_t json_bytes() const {
    return bytes_.size() - begins_.size() * ingest::PostParser::kPadding;
  }

 private:
  std::string bytes_;
  std::vector<size_t> begins_, sizes_;
};

// As ingest stores it: the filter stage reads canonical JSON.
bool AddCanonical(ingest::PostParser& parser, std::string json, PostArena& posts) {
  const size_t size = json.size();
  json.resize(size + ingest::PostParser::kPadding);
  ingest::Post post;
  if (parser.Parse(std::string_view(json).substr(0, size), ingest::PostParser::Mode::kTool,
                   absl::Now(), post) != ingest::DropReason::kNone) {
    return false;
  }
  if (post.created_at == absl::InfinitePast()) post.created_at = absl::Now();
  if (post.source.empty()) post.source = "bench:load";
  if (!post.author.empty()) post.author = "a1:0123456789abcdef01234567";
  std::string canonical;
  ingest::AppendPostJson(post, canonical);
  posts.Add(canonical);
  return true;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

template <typename Loop>
double NanosecondsPerPost(size_t posts, Loop loop) {
  const auto begin = Steady::now();
  loop();
  return std::chrono::duration<double, std::nano>(Steady::now() - begin).count() /
         static_cast<double>(posts);
}

// What is measured, up to and with a stage: the differences are the stages.
enum Depth { kParse = 1, kFold = 2, kScan = 3, kEvaluate = 4 };

class Ours {
 public:
  explicit Ours(std::shared_ptr<const filters::RuleSet> rules) : matcher_(std::move(rules)) {}
  int64_t Run(const PostArena& posts, Depth depth) {
    int64_t matches = 0;
    const absl::Time now = absl::Now();
    for (size_t i = 0; i < posts.size(); ++i) {
      // The way of filters/filter_worker.cc.
      ingest::PostParser::Brief brief;
      brief_parser_.ParseBrief(posts[i], brief);
      if (depth == kParse) continue;
      matcher_.Fold(brief.text, result_);
      if (depth == kFold) continue;
      matcher_.Scan(result_);
      if (depth == kScan || !matcher_.HasCandidates(result_)) continue;
      ingest::Post post;
      parser_.Parse(posts[i], ingest::PostParser::Mode::kStored, now, post);
      matcher_.Evaluate(post, result_);
      matches += static_cast<int64_t>(result_.rules.size());
    }
    return matches;
  }

 private:
  ingest::PostParser brief_parser_;
  ingest::PostParser parser_;
  filters::Matcher matcher_;
  filters::MatchResult result_;
};

int64_t RunBare(BareLoop& bare, const PostArena& posts, Depth depth) {
  int64_t found = 0;
  for (size_t i = 0; i < posts.size(); ++i) {
    const std::string_view text = bare.Parse(posts[i]);
    if (depth == kParse) continue;
    const std::string_view folded = bare.Fold(text);
    if (depth == kFold) continue;
    found += bare.Scan(folded);
  }
  return found;
}

std::string RulesYaml(const std::vector<std::string>& phrases) {
  std::string yaml = "rules:\n";
  for (size_t i = 0; i < phrases.size(); ++i) {
    if (i % kPhrasesPerRule == 0) {
      base::StrAppend(&yaml, "  - {id: rule-", i / kPhrasesPerRule, ", topic: other, any: [");
    } else {
      yaml.append(", ");
    }
    base::StrAppend(&yaml, "\"", phrases[i], "\"");
    if ((i + 1) % kPhrasesPerRule == 0 || i + 1 == phrases.size()) yaml.append("]}\n");
  }
  return yaml;
}

}  // namespace

int RunFilterBench(const FilterBenchOptions& options, std::ostream& out, std::ostream& err) {
  Load load(20261124);
  const std::vector<std::string> phrases = load.Phrases(static_cast<size_t>(options.phrases));
  auto files = filters::LoadRulesText("bench.yaml", RulesYaml(phrases));
  if (!files.ok()) {
    err << files.status().message() << "\n";
    return 1;
  }
  auto rules = filters::RuleSet::Compile(*std::move(files));
  if (!rules.ok()) {
    err << rules.status().message() << "\n";
    return 1;
  }
  std::vector<std::string> literals;
  for (const std::string& phrase : phrases) {
    const auto parsed = filters::Phrase::Parse(phrase);
    if (parsed.ok()) literals.push_back(parsed->literal());
  }
  std::sort(literals.begin(), literals.end());
  literals.erase(std::unique(literals.begin(), literals.end()), literals.end());
  auto bare = BareLoop::Make(literals);
  if (!bare.ok()) {
    err << bare.status().message() << "\n";
    return 1;
  }

  PostArena posts;
  ingest::PostParser parser;
  if (!options.posts_file.empty()) {
    std::ifstream in(options.posts_file);
    for (std::string line;
         std::getline(in, line) && posts.size() < static_cast<size_t>(options.posts);) {
      AddCanonical(parser, line, posts);
    }
  } else {
    for (int64_t i = 0; i < options.posts; ++i) {
      const bool hit = static_cast<double>(load.Random() % 1'000'000) < options.hit_share * 1e6;
      const std::string text =
          load.Text(kTextBytes, hit ? phrases[load.Random() % phrases.size()] : "");
      AddCanonical(parser, load.PostJson(i, text, absl::Now()), posts);
    }
  }
  if (posts.size() == 0) {
    err << options.posts_file << ": holds no posts\n";
    return 2;
  }

  Ours ours(*rules);
  const size_t count = posts.size();
  std::vector<double> ours_ns[5], bare_ns[4], ratios;
  int64_t matches = ours.Run(posts, kEvaluate);  // warms up both
  RunBare(**bare, posts, kScan);
  for (int round = 0; round < options.rounds; ++round) {
    for (const Depth depth : {kParse, kFold, kScan}) {
      ours_ns[depth].push_back(NanosecondsPerPost(count, [&] { ours.Run(posts, depth); }));
      bare_ns[depth].push_back(NanosecondsPerPost(count, [&] { RunBare(**bare, posts, depth); }));
    }
    ours_ns[kEvaluate].push_back(
        NanosecondsPerPost(count, [&] { matches = ours.Run(posts, kEvaluate); }));
    ratios.push_back(bare_ns[kScan].back() / ours_ns[kEvaluate].back());
  }
  const double total = Median(ours_ns[kEvaluate]);
  const double bare_total = Median(bare_ns[kScan]);
  const double parse = Median(ours_ns[kParse]);
  const double fold = Median(ours_ns[kFold]) - parse;
  const double scan = Median(ours_ns[kScan]) - Median(ours_ns[kFold]);
  const double evaluate = total - Median(ours_ns[kScan]);
  const double bare_parse = Median(bare_ns[kParse]);
  const double bare_fold = Median(bare_ns[kFold]) - bare_parse;
  const double bare_scan = bare_total - Median(bare_ns[kFold]);
  const double ratio = Median(ratios);
  if (options.form == ReportForm::kJson) {
    namespace json = boost::json;
    out << json::serialize(
               json::object{{"phrases", options.phrases},
                            {"posts", static_cast<int64_t>(count)},
                            {"json_bytes_per_post",
                             static_cast<double>(posts.json_bytes()) / static_cast<double>(count)},
                            {"matches", matches},
                            {"posts_per_s", 1e9 / total},
                            {"ns_per_post",
                             {{"parse", parse},
                              {"fold", fold},
                              {"scan", scan},
                              {"evaluate", evaluate},
                              {"total", total}}},
                            {"bare_loop",
                             {{"posts_per_s", 1e9 / bare_total},
                              {"ns_per_post",
                               {{"parse", bare_parse},
                                {"fold", bare_fold},
                                {"scan", bare_scan},
                                {"total", bare_total}}}}},
                            {"ratio", ratio}})
        << "\n";
    return 0;
  }
  out << absl::StrFormat(
      "%d phrases, %d posts of %d bytes of JSON, %d matches, one core, %d rounds in turns\n",
      options.phrases, count, posts.json_bytes() / count, matches, options.rounds);
  out << absl::StrFormat(
      "filter stage  %9.0f posts/s  parse %4.0f  fold %4.0f  scan %4.0f  evaluate %4.0f  = %5.0f "
      "ns\n",
      1e9 / total, parse, fold, scan, evaluate, total);
  out << absl::StrFormat(
      "bare loop     %9.0f posts/s  parse %4.0f  fold %4.0f  scan %4.0f                 = %5.0f "
      "ns\n",
      1e9 / bare_total, bare_parse, bare_fold, bare_scan, bare_total);
  out << absl::StrFormat("ratio         %.2f x the bare loop\n", ratio);
  return 0;
}

}  // namespace keng::bench
