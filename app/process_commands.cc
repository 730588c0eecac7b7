// ingest, filter, alert: one stage each over Kafka; topics create, check.

#include <unistd.h>

#include <atomic>
#include <iostream>

#include "app/cluster/cluster_process.h"
#include "app/internal/commands.h"
#include "app/open_streams.h"
#include "app/stop_signal.h"
#include "base/log.h"

namespace keng::app {

namespace {

struct ProcessFlags {
  std::string instance;
  std::string metrics_listen;
};

absl::StatusOr<int> RunUntilStopped(const Config& config, std::vector<Stage> stages) {
  const base::RealClock clock;
  const StopSignal stop;
  std::atomic<bool> failed{false};
  auto process = ClusterProcess::Open(
      config, std::move(stages),
      {.clock = &clock,
       .terminal = &std::cout,
       .colours = isatty(STDOUT_FILENO) != 0 ? alerting::ChannelEnvironment::Colours::kYes
                                             : alerting::ChannelEnvironment::Colours::kNo,
       .on_failure = [&](const std::string&, const absl::Status&) {
         failed = true;
         stop.Request();
       }});
  if (!process.ok()) return process.status();
  absl::Status status = (*process)->Start();
  while (status.ok() && !stop.requested()) stop.Wait(absl::Milliseconds(500));
  const absl::Status stopped = (*process)->Stop();
  if (absl::IsDeadlineExceeded(stopped)) EndAsItStands(stopped);
  status.Update(stopped);
  if (!status.ok()) return status;
  return failed ? 1 : 0;
}

enum class TopicsDo : uint8_t { kCreate, kCheck };

void Topics(CommandContext& context, TopicsDo what) {
  Config config;
  if (!context.Load(config)) return;
  if (StreamsHaveOneOwner(config)) {
    return context.Fail(absl::InvalidArgumentError(
        config.path + ": streams.kafka is not configured; there are no topics"));
  }
  const bool create = what == TopicsDo::kCreate;
  const auto lines = create ? stream::CreateTopics(ClusterOptions(config))
                            : stream::CheckTopics(ClusterOptions(config));
  if (!lines.ok()) return context.Fail(lines.status());
  for (const std::string& line : *lines) std::cout << line << "\n";
  if (create) return;
  if (lines->empty()) {
    std::cout << "the topics are as they should be\n";
  } else {
    context.status = 1;
  }
}

}  // namespace

void RunProcess(const Config& config, const std::vector<Stage>& stages, CommandContext& context) {
  const absl::StatusOr<int> status = RunUntilStopped(config, stages);
  if (!status.ok()) return context.Fail(status.status());
  context.status = *status;
}

void AddProcessCommands(CLI::App& app, CommandContext& context) {
  const auto flags = std::make_shared<ProcessFlags>();
  const auto add = [&](const char* name, const char* help, Stage stage) {
    CLI::App* command = app.add_subcommand(name, help);
    command->add_option("--instance", flags->instance,
                        "This process's name among those of its stage; the same after a restart "
                        "(default: streams.kafka.instance, else the host's name)");
    command->add_option("--metrics-listen", flags->metrics_listen,
                        "In place of metrics_listen: ADDRESS:PORT, or none");
    command->callback([flags, stage, &context] {
      Config config;
      if (!context.Load(config)) return;
      if (!flags->instance.empty()) config.streams.kafka.instance = flags->instance;
      if (!flags->metrics_listen.empty())
        config.metrics_listen = flags->metrics_listen == "none" ? "" : flags->metrics_listen;
      RunProcess(config, {stage}, context);
    });
  };
  add("ingest", "The ingest stage as a process over Kafka; any number of them", Stage::kIngest);
  add("filter", "The filter stage as a process over Kafka; any number of them", Stage::kFilter);
  add("alert", "The alerting stage as a process over Kafka; any number of them", Stage::kAlert);

  CLI::App* topics =
      app.add_subcommand("topics", "The topics of the streams")->require_subcommand(1);
  topics->add_subcommand("create", "Make those that are missing")->callback([&context] {
    Topics(context, TopicsDo::kCreate);
  });
  topics
      ->add_subcommand("check",
                       "Partitions, retention, compaction, replication: as they should be?")
      ->callback([&context] { Topics(context, TopicsDo::kCheck); });
}

}  // namespace keng::app
