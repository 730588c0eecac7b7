// bench: the measured figures of this machine.

#include <fstream>
#include <iostream>

#include "app/bench_line.h"
#include "app/bench_posts.h"
#include "app/internal/commands.h"
#include "base/log.h"
#include "bench/filter_bench.h"

namespace keng::app {

void AddBenchCommands(CLI::App& app, CommandContext& context) {
  CLI::App* bench =
      app.add_subcommand("bench", "The measured figures of this machine")->require_subcommand(1);

  const auto filter_options = std::make_shared<bench::FilterBenchOptions>();
  CLI::App* filter =
      bench->add_subcommand("filter", "The filter stage on one core beside the bare loop");
  filter->add_option("--phrases", filter_options->phrases, "Phrases in the rule set")
      ->check(CLI::Range(10, 1'000'000));
  filter->add_option("--posts", filter_options->posts, "Posts")->check(CLI::Range(100, 10'000'000));
  filter->add_option("--rounds", filter_options->rounds, "Rounds, in turns with the bare loop")
      ->check(CLI::Range(1, 1000));
  filter
      ->add_option("--hits", filter_options->hit_share,
                   "Share of posts that hold a phrase on purpose")
      ->check(CLI::Range(0.0, 1.0));
  filter->add_option("--posts-file", filter_options->posts_file,
                     "JSON lines in place of made posts");
  filter->callback([filter_options, &context] {
    if (context.format == "json") filter_options->form = bench::ReportForm::kJson;
    context.status = bench::RunFilterBench(*filter_options, std::cout, std::cerr);
  });

  struct PostsOptions {
    int64_t posts = 100'000, rate = 0;
    double hit_share = 0.01;
    std::string home = ".", rules;
  };
  const auto posts_options = std::make_shared<PostsOptions>();
  CLI::App* posts = bench->add_subcommand("posts", "The made posts of `bench line`, to stdout");
  posts->add_option("--posts", posts_options->posts, "Posts")->check(CLI::Range(1, 1'000'000'000));
  posts->add_option("--rate", posts_options->rate, "Posts per second; 0: as fast as it goes")
      ->check(CLI::Range(0, 10'000'000));
  posts->add_option("--hits", posts_options->hit_share, "Share of posts that are hits")
      ->check(CLI::Range(0.0, 1.0));
  posts->add_option("--home", posts_options->home, "The source folder: rules/ is read from it");
  posts->add_option("--rules", posts_options->rules, "Write the rules that find them to this file");
  posts->callback([posts_options, &context] {
    if (!posts_options->rules.empty()) std::ofstream(posts_options->rules) << BenchRules();
    absl::StatusOr<BenchPosts> made =
        BenchPosts::Make(posts_options->home, posts_options->hit_share);
    if (!made.ok()) return context.Fail(made.status());
    WriteBenchPosts(*made, posts_options->posts, posts_options->rate, std::cout);
  });

  const auto line_options = std::make_shared<LineBenchOptions>();
  CLI::App* line =
      bench->add_subcommand("line", "The whole line: file in, file channel out, embedded streams");
  line->add_option("--posts", line_options->posts, "Posts")->check(CLI::Range(1000, 100'000'000));
  line->add_option("--rate", line_options->rate, "Posts per second; 0: as fast as it goes")
      ->check(CLI::Range(0, 10'000'000));
  line->add_option("--hits", line_options->hit_share, "Share of posts that are hits")
      ->check(CLI::Range(0.0, 1.0));
  line->add_option("--home", line_options->home, "The source folder: rules/ is read from it");
  line->add_option("--data", line_options->data_dir, "Where to work (default: a temporary folder)");
  line->callback([line_options, &context] {
    base::ConfigureLog(base::LogLevel::kWarn, base::LogForm::kAuto);
    const absl::StatusOr<int> status = RunLineBench(
        *line_options, context.format == "json" ? LineReport::kJson : LineReport::kText, std::cout);
    if (!status.ok()) return context.Fail(status.status());
    context.status = *status;
  });
}

}  // namespace keng::app
