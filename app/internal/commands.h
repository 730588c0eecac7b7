#ifndef KENG_APP_INTERNAL_COMMANDS_H_
#define KENG_APP_INTERNAL_COMMANDS_H_

// The command line's frame. Each group of commands is one file that declares its flags and, when
// chosen, sets the exit status: 0 done, 1 something found wrong, 2 usage.

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "app/cluster/cluster_process.h"
#include "app/config.h"

namespace keng::app {

enum class OutputForm { kPeople, kJson };

struct CommandContext {
  std::string config_path = "keng.yaml";
  std::string format;  // "", text, json
  int status = 0;

  // JSON lines when asked for, or when standard output is no terminal.
  OutputForm form() const;
  // Loads the configuration, or prints why not and sets status 2.
  bool Load(Config& config);
  // Prints the error and sets the status: 2 for what the caller must mend, else 1.
  void Fail(const absl::Status& error);
};

// For a stop that could not wait for everything: prints why and ends the process as it stands, with
// status 1, since destruction would wait for what does not end. As safe as kill -9, which is safe.
[[noreturn]] void EndAsItStands(const absl::Status& why);

// Runs these stages of a line over Kafka until a signal comes; sets the status.
void RunProcess(const Config& config, const std::vector<Stage>& stages, CommandContext& context);
void AddProcessCommands(CLI::App& app,
                        CommandContext& context);                // ingest, filter, alert, topics
void AddRunCommands(CLI::App& app, CommandContext& context);     // run, demo, config, doctor
void AddFilterCommands(CLI::App& app, CommandContext& context);  // match, rules, cells, route
// rules publish, rules status; after AddFilterCommands(), to whose `rules` they belong.
void AddPublishCommands(CLI::App& app, CommandContext& context);
void AddIncidentCommands(CLI::App& app, CommandContext& context);  // incidents, group
void AddAdminCommands(CLI::App& app,
                      CommandContext& context);  // pause, resume, forget, dead, tap, top
void AddKeyCommands(CLI::App& app, CommandContext& context);    // keys
void AddBenchCommands(CLI::App& app, CommandContext& context);  // bench

}  // namespace keng::app

#endif  // KENG_APP_INTERNAL_COMMANDS_H_
