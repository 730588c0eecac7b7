// rules publish, rules status: published rules, over the streams of the configuration.

#include <unistd.h>

#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "app/internal/commands.h"
#include "app/internal/offline.h"
#include "app/open_streams.h"
#include "app/pipeline.h"
#include "app/rule_publishing.h"
#include "base/check.h"
#include "base/strings.h"
#include "filters/places/cells.h"
#include "filters/places/gazetteer.h"
#include "filters/places/resolver.h"
#include "filters/rules/placing.h"
#include "filters/rules/rule_publish_command.h"
#include "filters/rules/rule_status.h"

namespace keng::app {

namespace {

struct PublishFlags {
  std::vector<std::string> paths;
  std::string overrides, publisher;
  bool dry_run = false;
  bool withdraw = false;
};

filters::ReportForm Form(const CommandContext& context) {
  return context.form() == OutputForm::kJson ? filters::ReportForm::kJson
                                             : filters::ReportForm::kWords;
}

std::string DefaultPublisher() {
  const char* login = getlogin();
  return login == nullptr ? "cli" : login;
}

// Asks the running program where it owns the streams; otherwise, and while it is down, `directly`
// does it in the opened streams.
template <typename Result, typename Through, typename Directly>
Result AskOrOpen(const Config& config, Through through, Directly directly) {
  if (StreamsHaveOneOwner(config)) {
    Result answer = through(AdminSocketPath(config));
    const absl::Status* status = nullptr;
    if constexpr (std::is_same_v<Result, absl::Status>) {
      status = &answer;
    } else {
      status = &answer.status();
    }
    if (!absl::IsNotFound(*status)) return answer;
  }
  static const base::RealClock clock;
  KENG_ASSIGN_OR_RETURN(const std::unique_ptr<stream::Streams> streams,
                        OpenStreams(config, clock, nullptr));
  return directly(*streams);
}

// With the places and cells of the configuration, by which the rules' tests are judged.
absl::StatusOr<filters::RuleInput> Input(const Config& config, const PublishFlags& flags) {
  filters::RuleInput input{.paths = flags.paths.empty() ? config.rules : flags.paths,
                           .overrides_path = flags.overrides,
                           .now = absl::Now()};
  KENG_ASSIGN_OR_RETURN(auto gazetteer, filters::Gazetteer::Load({config.places}));
  KENG_ASSIGN_OR_RETURN(auto cells, filters::Cells::Load(config.cells, *gazetteer));
  input.placing = filters::MakePlacing(
      std::make_shared<const filters::Resolver>(std::move(gazetteer), std::move(cells)));
  return input;
}

void Withdraw(CommandContext& context, const Config& config) {
  const auto withdrawn = AskOrOpen<absl::Status>(
      config, [](const std::string& socket) { return WithdrawThrough(socket); },
      [](stream::Streams& streams) { return filters::WithdrawRules(streams); });
  if (!withdrawn.ok()) {
    std::cerr << withdrawn.message() << "\n";
    context.status = 1;
    return;
  }
  std::cout << "withdrawn: each filter goes back to the files of its configuration\n";
}

void Publish(CommandContext& context, const PublishFlags& flags) {
  Config config;
  if (!context.Load(config)) return;
  if (flags.withdraw) return Withdraw(context, config);
  const absl::StatusOr<filters::RuleInput> input = Input(config, flags);
  if (!input.ok()) return context.Fail(input.status());
  filters::RulePublisher publish;
  if (!flags.dry_run) {
    publish = [&](const filters::PublishableRules& rules) {
      return AskOrOpen<absl::StatusOr<filters::PublishOutcome>>(
          config,
          [&](const std::string& socket) { return PublishThrough(socket, rules, flags.publisher); },
          [&](stream::Streams& streams) {
            return filters::PublishRules(streams, rules.packed, rules.version,
                                         {flags.publisher, absl::Now()});
          });
    };
  }
  context.status = filters::RulesPublish(*input, publish, Form(context), std::cout, std::cerr);
}

absl::StatusOr<filters::RulesStatus> ReadStatus(const Config& config) {
  if (StreamsHaveOneOwner(config)) {
    absl::StatusOr<filters::RulesStatus> status = RulesStatusThrough(AdminSocketPath(config));
    if (!absl::IsNotFound(status.status())) return status;
  }
  KENG_ASSIGN_OR_RETURN(const std::unique_ptr<stream::Streams> streams,
                        OpenStreamsReadOnly(config));
  return filters::ReadRulesStatus(*streams);
}

void Status(CommandContext& context) {
  Config config;
  if (!context.Load(config)) return;
  const absl::StatusOr<filters::RulesStatus> status = ReadStatus(config);
  if (!status.ok()) return context.Fail(status.status());
  context.status = filters::PrintRulesStatus(*status, absl::Now(), Form(context), std::cout);
}

}  // namespace

void AddPublishCommands(CLI::App& app, CommandContext& context) {
  const auto flags = std::make_shared<PublishFlags>();
  flags->publisher = DefaultPublisher();
  CLI::App* rules = app.get_subcommand("rules");
  CLI::App* publish = rules->add_subcommand(
      "publish", "Test rules and put them in force in every filter of the configuration");
  publish->add_option("--rules,paths", flags->paths,
                      "Rule files and packs (default: those of the configuration)");
  publish->add_option("--overrides", flags->overrides, "A file of local changes");
  publish->add_option("--publisher", flags->publisher, "Who does it (shown by rules status)");
  CLI::Option* dry_run =
      publish->add_flag("--dry-run", flags->dry_run, "Load and test; publish nothing");
  publish
      ->add_flag("--withdraw", flags->withdraw,
                 "Publish nothing any more: filters go back to the files of their configuration")
      ->excludes(dry_run);
  publish->callback([flags, &context] { Publish(context, *flags); });
  rules->add_subcommand("status", "Which filter runs which rules; status 1 when one is not current")
      ->callback([&context] { Status(context); });
}

}  // namespace keng::app
