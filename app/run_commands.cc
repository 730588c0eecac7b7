// run, demo, config, doctor.

#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <set>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "app/config_schema.h"
#include "app/demo.h"
#include "app/doctor.h"
#include "app/internal/commands.h"
#include "app/open_streams.h"
#include "app/pipeline.h"
#include "app/stop_signal.h"
#include "base/log.h"
#include "base/strings.h"

namespace keng::app {

namespace {

int Run(const Config& config, CommandContext& context) {
  const base::RealClock clock;
  const StopSignal stop;
  std::atomic<bool> failed{false};
  auto pipeline = Pipeline::Open(
      config, {.clock = &clock,
               .terminal = &std::cout,
               .colours = isatty(STDOUT_FILENO) != 0 ? alerting::ChannelEnvironment::Colours::kYes
                                                     : alerting::ChannelEnvironment::Colours::kNo,
               .on_failure = [&](const std::string&, const absl::Status&) {
                 failed = true;
                 stop.Request();
               }});
  if (!pipeline.ok()) {
    context.Fail(pipeline.status());
    return context.status;
  }
  const absl::Status started = (*pipeline)->Start();
  if (!started.ok()) {
    context.Fail(started);
    return context.status;
  }
  // A run whose sources all end (files read once, standard input) ends when all of it has been
  // dealt with.
  while (!stop.requested() && !((*pipeline)->sources_finished() && (*pipeline)->status().idle())) {
    stop.Wait(absl::Milliseconds(200));
  }
  const absl::Status stopped = (*pipeline)->Stop();
  if (absl::IsDeadlineExceeded(stopped)) EndAsItStands(stopped);
  if (!stopped.ok()) context.Fail(stopped);
  if (isatty(STDERR_FILENO) != 0) std::cerr << StatusText((*pipeline)->status());
  return failed || !stopped.ok() ? 1 : 0;
}

}  // namespace

void AddRunCommands(CLI::App& app, CommandContext& context) {
  const auto instance = std::make_shared<std::string>();
  CLI::App* run = app.add_subcommand("run", "All stages in one process, embedded streams");
  run->add_option("--instance", *instance,
                  "Over Kafka: this process's name among those of its stages (default: "
                  "streams.kafka.instance, else the host's name)");
  run->callback([instance, &context] {
    Config config;
    if (!context.Load(config)) return;
    if (!StreamsHaveOneOwner(config)) {
      if (!instance->empty()) config.streams.kafka.instance = *instance;
      RunProcess(config, {Stage::kAlert, Stage::kFilter, Stage::kIngest}, context);
    } else if (instance->empty()) {
      context.status = Run(config, context);
    } else {
      context.Fail(absl::InvalidArgumentError(
          base::StrCat(config.path, ": streams.kafka is not configured; --instance ", *instance,
                       " would name nothing, leave it out")));
    }
  });

  const auto demo_options = std::make_shared<DemoOptions>();
  CLI::App* demo =
      app.add_subcommand("demo", "One flood evening in An Giang, from posts to alerts");
  demo->add_flag_callback(
      "--once", [demo_options] { demo_options->end = DemoEnd::kWhenDone; },
      "End by itself when the evening is over");
  CLI::Option* speed =
      demo->add_option("--speed", demo_options->speed,
                       "How many times as fast as the evening was (60; with --once 480)")
          ->check(CLI::Range(0.1, 100'000.0));
  demo->add_option("--home", demo_options->home,
                   "The source folder: demo/ and rules/ are read from it");
  demo->add_option("--kafka", demo_options->kafka,
                   "HOST:PORT of a Kafka cluster: the same over topics that are made there");
  demo->callback([demo_options, speed, &context] {
    if (speed->empty()) demo_options->speed = demo_options->end == DemoEnd::kWhenDone ? 480 : 60;
    base::ConfigureLog(base::LogLevel::kError, base::LogForm::kAuto);
    const absl::StatusOr<int> status = RunDemo(*demo_options, std::cout);
    if (!status.ok()) return context.Fail(status.status());
    context.status = *status;
  });

  CLI::App* config = app.add_subcommand("config", "The configuration")->require_subcommand(1);
  config->add_subcommand("check", "Read it whole; every problem is named")->callback([&context] {
    Config loaded;
    if (!context.Load(loaded)) return;
    std::cout << context.config_path << ": good; " << loaded.sources.size() << " sources, "
              << loaded.channels.size() << " channels\n";
  });
  config->add_subcommand("schema", "Its JSON Schema, for editors")->callback([] {
    std::cout << ConfigSchema();
  });

  app.add_subcommand("doctor", "Is everything that keng run needs there?")->callback([&context] {
    Config loaded;
    if (context.Load(loaded)) context.status = RunDoctor(loaded, std::cout);
  });
}

}  // namespace keng::app
