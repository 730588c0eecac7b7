// match, rules, cells, route: the filter stage as plain tools, without streams or state.

#include <fstream>
#include <iostream>

#include "absl/time/clock.h"
#include "app/internal/commands.h"
#include "base/check.h"
#include "filters/places/cells.h"
#include "filters/places/commands.h"
#include "filters/places/gazetteer.h"
#include "filters/places/resolver.h"
#include "filters/rules/placing.h"
#include "filters/rules/rule_commands.h"

namespace keng::app {

namespace {

constexpr char kPlacesDefault[] = "rules/places";
constexpr char kCellsDefault[] = "rules/cells.yaml";

// Flags that several commands share. Lives as long as the command line.
struct RuleFlags {
  std::vector<std::string> paths;
  std::string overrides;
  std::vector<std::string> places = {kPlacesDefault};
  std::string cells = kCellsDefault;
  bool no_places = false;
  bool reference = false;
  filters::ExplainOptions explain;
  filters::RouteOptions route;
  std::string text;
};

absl::StatusOr<filters::RuleInput> Input(const RuleFlags& flags) {
  filters::RuleInput input{
      .paths = flags.paths, .overrides_path = flags.overrides, .now = absl::Now()};
  if (flags.no_places) return input;
  KENG_ASSIGN_OR_RETURN(auto gazetteer, filters::Gazetteer::Load(flags.places));
  KENG_ASSIGN_OR_RETURN(auto cells, filters::Cells::Load(flags.cells, *gazetteer));
  input.placing = filters::MakePlacing(
      std::make_shared<const filters::Resolver>(std::move(gazetteer), std::move(cells)));
  return input;
}

filters::ReportForm Form(const CommandContext& context) {
  return context.format == "json" ? filters::ReportForm::kJson : filters::ReportForm::kWords;
}

void AddPlaceFlags(CLI::App& command, RuleFlags& flags) {
  command.add_option("--places", flags.places, "The gazetteer's files or folders")
      ->capture_default_str();
  command.add_option("--cells", flags.cells, "cells.yaml")->capture_default_str();
}

// A command over rule files: `run` gets the loaded input.
template <typename Run>
CLI::App* AddRuleCommand(CLI::App& parent, CommandContext& context,
                         const std::shared_ptr<RuleFlags>& flags, const std::string& name,
                         const std::string& about, Run run) {
  CLI::App* command = parent.add_subcommand(name, about);
  command->add_option("--rules,paths", flags->paths, "Rule files and packs")->required();
  command->add_option("--overrides", flags->overrides, "A file of local changes");
  command->add_flag("--no-places", flags->no_places, "Without a gazetteer: every place is taken");
  AddPlaceFlags(*command, *flags);
  command->callback([flags, &context, run] {
    const absl::StatusOr<filters::RuleInput> input = Input(*flags);
    if (!input.ok()) return context.Fail(input.status());
    context.status = run(*input, *flags);
  });
  return command;
}

}  // namespace

void AddFilterCommands(CLI::App& app, CommandContext& context) {
  const auto flags = std::make_shared<RuleFlags>();
  CLI::App* match = AddRuleCommand(
      app, context, flags, "match", "Posts as JSON lines on stdin, hits as JSON lines on stdout",
      [](const filters::RuleInput& input, const RuleFlags& f) {
        return filters::Match(
            input, f.reference ? filters::MatchOracle::kReference : filters::MatchOracle::kNone,
            std::cin, std::cout, std::cerr);
      });
  match->add_flag("--reference", flags->reference,
                  "Ask the slow reference matcher too; status 1 when they disagree");

  CLI::App* rules =
      app.add_subcommand("rules", "What operators do with rule files")->require_subcommand(1);
  AddRuleCommand(*rules, context, flags, "check",
                 "Load and compile; errors name file, line and column",
                 [&context](const filters::RuleInput& input, const RuleFlags&) {
                   return filters::RulesCheck(input, Form(context), std::cout, std::cerr);
                 });
  AddRuleCommand(*rules, context, flags, "lint", "Check, and advice on what usually goes wrong",
                 [&context](const filters::RuleInput& input, const RuleFlags&) {
                   return filters::RulesLint(input, Form(context), std::cout, std::cerr);
                 });
  AddRuleCommand(*rules, context, flags, "test", "Run the tests that the rules carry",
                 [&context](const filters::RuleInput& input, const RuleFlags&) {
                   return filters::RulesTest(input, Form(context), std::cout, std::cerr);
                 });
  CLI::App* explain = AddRuleCommand(
      *rules, context, flags, "explain", "Why a text matched or did not, condition by condition",
      [&context](const filters::RuleInput& input, const RuleFlags& f) {
        return filters::RulesExplain(input, f.explain, Form(context), std::cout, std::cerr);
      });
  explain->add_option("--text", flags->explain.text, "The text")->required();
  explain->add_option("--rule", flags->explain.rule, "Only this rule");
  explain->add_option("--account", flags->explain.account, "The account on which it stood");
  explain->add_option("--source", flags->explain.source, "Its source");
  explain->add_option("--lang", flags->explain.lang, "Its language");
  AddRuleCommand(*rules, context, flags, "profile", "What each rule costs over the posts on stdin",
                 [&context](const filters::RuleInput& input, const RuleFlags&) {
                   return filters::RulesProfile(input, Form(context), std::cin, std::cout,
                                                std::cerr);
                 });
  rules->add_subcommand("schema", "The JSON Schema of rule files, for editors")
      ->callback([&context] { context.status = filters::RulesSchema(std::cout); });

  CLI::App* cells = app.add_subcommand("cells", "Cells and gazetteer")->require_subcommand(1);
  CLI::App* check =
      cells->add_subcommand("check", "Load the gazetteer and the cells; every problem is named");
  AddPlaceFlags(*check, *flags);
  check->callback([flags, &context] {
    context.status =
        filters::CellsCheck({.places = flags->places, .cells = flags->cells}, std::cout, std::cerr);
  });
  for (CLI::App* parent : {cells, &app}) {
    CLI::App* route = parent->add_subcommand(
        "route", "Posts on stdin; for each where it belongs, or one --text in words");
    AddPlaceFlags(*route, *flags);
    CLI::Option* text = route->add_option("--text", flags->text, "One text, explained in words");
    route->add_option("--account", flags->route.account, "The account on which the text stood");
    route->callback([flags, text, &context] {
      flags->route.files = {.places = flags->places, .cells = flags->cells};
      if (!text->empty()) flags->route.text = flags->text;
      context.status = filters::Route(flags->route, std::cin, std::cout, std::cerr);
    });
  }
}

}  // namespace keng::app
