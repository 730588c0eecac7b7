// keng: the program. Parses the command line and hands over to the group that the command belongs
// to.

#include <unistd.h>

#include <csignal>
#include <exception>
#include <iostream>

#include "app/internal/commands.h"
#include "base/strings.h"

namespace keng::app {

OutputForm CommandContext::form() const {
  if (format == "json") return OutputForm::kJson;
  if (format == "text") return OutputForm::kPeople;
  return isatty(STDOUT_FILENO) != 0 ? OutputForm::kPeople : OutputForm::kJson;
}

bool CommandContext::Load(Config& config) {
  absl::StatusOr<Config> loaded = LoadConfig(config_path);
  if (!loaded.ok()) {
    Fail(loaded.status());
    return false;
  }
  config = *std::move(loaded);
  return true;
}

void CommandContext::Fail(const absl::Status& error) {
  std::cerr << error.message() << "\n";
  status = absl::IsInvalidArgument(error) || absl::IsNotFound(error) ? 2 : 1;
}

void EndAsItStands(const absl::Status& why) {
  // Past std::cerr, which flushes std::cout first: that may be what does not end.
  const std::string line = base::StrCat(why.message(), "\n");
  (void)!write(STDERR_FILENO, line.data(), line.size());
  _exit(1);
}

namespace {

int Main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  CLI::App app{"keng: public posts in, one alert for the duty cell that can act"};
  app.require_subcommand(1);
  app.fallthrough();
  app.set_version_flag("--version", "keng 0.1.0");
  CommandContext context;
  app.add_option("--config", context.config_path, "The configuration (default keng.yaml)");
  app.add_option("--format", context.format,
                 "text or json; default: text on a terminal, JSON lines otherwise")
      ->check(CLI::IsMember({"text", "json"}));
  AddRunCommands(app, context);
  AddProcessCommands(app, context);
  AddFilterCommands(app, context);
  AddPublishCommands(app, context);
  AddIncidentCommands(app, context);
  AddAdminCommands(app, context);
  AddKeyCommands(app, context);
  AddBenchCommands(app, context);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return context.status;
}

}  // namespace
}  // namespace keng::app

int main(int argc, char** argv) {
  try {
    return keng::app::Main(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "keng: " << error.what() << "\n";
    return 1;
  }
}
