// keys: make, rotate, back up, destroy and list the installation's author keys.

#include <filesystem>
#include <iostream>

#include "absl/time/clock.h"
#include "app/assembly.h"
#include "app/internal/commands.h"
#include "base/check.h"
#include "ingest/author_keys.h"

namespace keng::app {

namespace {

struct KeyFlags {
  std::string to;
  int number = 0;
};

}  // namespace

void AddKeyCommands(CLI::App& app, CommandContext& context) {
  const auto flags = std::make_shared<KeyFlags>();
  CLI::App* keys =
      app.add_subcommand("keys", "The author keys of this installation")->require_subcommand(1);
  const auto add = [&](const std::string& name, const std::string& about, auto run) {
    CLI::App* command = keys->add_subcommand(name, about);
    command->callback([&context, run] {
      Config config;
      if (!context.Load(config)) return;
      const absl::Status status = run(config.keys_file);
      if (!status.ok()) context.Fail(status);
    });
    return command;
  };
  add("make", "Make the key file (keng run does it by itself when it is not there)",
      [](const std::string& path) -> absl::Status {
        // The first command of an installation: nothing has made the data folder yet.
        const std::string folder = std::filesystem::path(path).parent_path().string();
        if (!folder.empty() && !std::filesystem::exists(folder))
          KENG_RETURN_IF_ERROR(MakeDataFolder(folder));
        return ingest::MakeAuthorKeys(path, absl::Now(), std::cout);
      });
  add("rotate", "Begin a new key now; keng run does it each month", [](const std::string& path) {
    return ingest::RotateAuthorKeys(path, absl::Now(), std::cout);
  });
  add("list", "Numbers and dates, no key material",
      [](const std::string& path) { return ingest::ListAuthorKeys(path, std::cout); });
  add("backup", "Copy the key file",
      [flags](const std::string& path) {
        return ingest::BackupAuthorKeys(path, flags->to, std::cout);
      })
      ->add_option("--to", flags->to, "The copy's path")
      ->required();
  add("destroy", "Destroy one old key: its authors can no longer be found",
      [flags](const std::string& path) {
        return ingest::DestroyAuthorKey(path, flags->number, std::cout);
      })
      ->add_option("--key", flags->number, "The key's number")
      ->required();
}

}  // namespace keng::app
