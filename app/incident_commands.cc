// incidents list, show, act, verify; group.

#include <unistd.h>

#include <boost/json.hpp>
#include <iostream>
#include <sstream>

#include "absl/time/clock.h"
#include "alerting/group_command.h"
#include "alerting/incident_queries.h"
#include "alerting/verify_fold.h"
#include "app/admin_client.h"
#include "app/cluster/cluster_view.h"
#include "app/internal/commands.h"
#include "app/internal/offline.h"
#include "app/open_streams.h"
#include "app/pipeline.h"
#include "base/check.h"
#include "base/strings.h"

namespace keng::app {

namespace {

namespace json = boost::json;
using base::StrCat;

struct IncidentFlags {
  bool all = false;
  std::string incident, verb, actor, cell, topic, note, until, id;
  alerting::GroupOptions group;
};

void Show(const CommandContext& context, const std::string& lines) {
  if (context.form() == OutputForm::kPeople) {
    std::cout << alerting::IncidentsForPeople(lines);
  } else {
    std::cout << lines;
    if (!lines.empty() && lines.back() != '\n') std::cout << "\n";
  }
}

// Over a cluster the state is read from its stream; no process has to be asked.
template <typename Offline>
absl::Status ReadFromCluster(const Config& config, Offline offline, std::ostream& out) {
  KENG_ASSIGN_OR_RETURN(const auto streams, OpenStreamsReadOnly(config));
  KENG_ASSIGN_OR_RETURN(const auto view, StateView::Read(config, *streams));
  return offline(view->store(), out);
}

// The running program's answer; or, when nothing runs, what `offline` prints from the store as it
// stands.
template <typename Offline>
void AskOrRead(CommandContext& context, const std::string& target, Offline offline) {
  Config config;
  if (!context.Load(config)) return;
  if (!StreamsHaveOneOwner(config)) {
    std::ostringstream out;
    const absl::Status read = ReadFromCluster(config, offline, out);
    return read.ok() ? Show(context, out.str()) : context.Fail(read);
  }
  std::string lines;
  const auto answer = CallAdmin(AdminSocketPath(config), "GET", target, "");
  if (answer.ok()) {
    if (answer->status >= 300) {
      std::cerr << answer->body << "\n";
      context.status = answer->status == 404 ? 1 : 2;
      return;
    }
    lines = answer->body;
  } else if (absl::IsNotFound(answer.status())) {
    const auto store = OpenStoreReadOnly(config);
    if (!store.ok()) return context.Fail(store.status());
    std::ostringstream out;
    const absl::Status read = offline(**store, out);
    if (!read.ok()) return context.Fail(read);
    lines = out.str();
  } else {
    return context.Fail(answer.status());
  }
  Show(context, lines);
}

// Over a cluster the action is written to the inbox directly.
void ActDirectly(CommandContext& context, const Config& config, const IncidentFlags& flags) {
  filters::ActionRecord action{
      .id = flags.id.empty() ? StrCat("cli-", absl::ToUnixNanos(absl::Now()), "-", getpid())
                             : flags.id,
      .verb = *filters::ActionVerbByName(flags.verb),
      .incident = flags.incident,
      .actor = flags.actor,
      .cell = flags.cell,
      .topic = flags.topic,
      .note = flags.note};
  std::string error;
  if (!flags.until.empty() &&
      !absl::ParseTime(absl::RFC3339_full, flags.until, &action.until, &error)) {
    return context.Fail(
        absl::InvalidArgumentError(StrCat("until is \"", flags.until, "\"; expected RFC 3339")));
  }
  if (const absl::Status written = ActInCluster(config, action); !written.ok())
    return context.Fail(written);
  std::cout << json::serialize(json::object{{"id", action.id}}) << "\n";
}

void Act(CommandContext& context, const IncidentFlags& flags) {
  Config config;
  if (!context.Load(config)) return;
  if (!StreamsHaveOneOwner(config)) return ActDirectly(context, config, flags);
  json::object body = {
      {"verb", flags.verb},
      {"incident", flags.incident},
      {"actor", flags.actor},
      {"id", flags.id.empty() ? StrCat("cli-", absl::ToUnixNanos(absl::Now()), "-", getpid())
                              : flags.id}};
  for (const auto& [key, value] : {std::pair<const char*, const std::string&>{"cell", flags.cell},
                                   {"topic", flags.topic},
                                   {"note", flags.note},
                                   {"until", flags.until}}) {
    if (!value.empty()) body[key] = value;
  }
  const auto answer =
      CallAdmin(AdminSocketPath(config), "POST", "/v1/actions", json::serialize(body));
  if (!answer.ok()) return context.Fail(answer.status());
  (answer->status < 300 ? std::cout : std::cerr) << answer->body << "\n";
  if (answer->status >= 300) context.status = 1;
}

void Verify(CommandContext& context) {
  Config config;
  if (!context.Load(config)) return;
  const auto streams = OpenStreamsReadOnly(config);
  if (!streams.ok()) return context.Fail(streams.status());
  absl::StatusOr<std::string> difference;
  if (StreamsHaveOneOwner(config)) {
    const auto store = OpenStoreReadOnly(config);
    if (!store.ok()) return context.Fail(store.status());
    difference = alerting::VerifyFold(**streams, **store);
  } else {
    const auto view = StateView::Read(config, **streams);
    if (!view.ok()) return context.Fail(view.status());
    difference = alerting::VerifyFold(**streams, (*view)->store());
  }
  if (!difference.ok()) return context.Fail(difference.status());
  if (!difference->empty()) {
    std::cout << "the store is NOT a fold of the inbox: " << *difference << "\n";
    context.status = 1;
    return;
  }
  std::cout << "the store is a fold of the inbox, byte for byte\n";
}

}  // namespace

void AddIncidentCommands(CLI::App& app, CommandContext& context) {
  const auto flags = std::make_shared<IncidentFlags>();
  const char* login = getlogin();
  flags->actor = login == nullptr ? "cli" : login;
  CLI::App* incidents =
      app.add_subcommand("incidents", "What the board does, for scripts")->require_subcommand(1);
  CLI::App* list = incidents->add_subcommand("list", "Incidents, the latest last");
  list->add_flag("--all", flags->all, "Closed ones too");
  list->callback([flags, &context] {
    AskOrRead(context, StrCat("/v1/incidents", flags->all ? "?all=1" : ""),
              [&](const store::Store& store, std::ostream& out) {
                return alerting::ListIncidents(
                    store,
                    {.scope = flags->all ? alerting::ListScope::kAll : alerting::ListScope::kLive},
                    out);
              });
  });
  CLI::App* show = incidents->add_subcommand("show", "One incident with its posts and alerts");
  show->add_option("incident", flags->incident, "Its id")->required();
  show->callback([flags, &context] {
    AskOrRead(context, StrCat("/v1/incidents/", flags->incident),
              [&](const store::Store& store, std::ostream& out) {
                return alerting::ShowIncident(store, flags->incident, out);
              });
  });
  CLI::App* act = incidents->add_subcommand("act", "received, resolved, noise, silence, reassign");
  act->add_option("verb", flags->verb, "What")
      ->required()
      ->check(CLI::IsMember({"received", "resolved", "noise", "silence", "reassign"}));
  act->add_option("incident", flags->incident, "Which; none for a silence of a cell or topic");
  act->add_option("--actor", flags->actor, "Who does it (accounted for)");
  act->add_option("--cell", flags->cell, "reassign: to; silence: where");
  act->add_option("--topic", flags->topic, "silence: which");
  act->add_option("--until", flags->until, "silence: RFC 3339");
  act->add_option("--note", flags->note, "Why");
  act->add_option("--id", flags->id,
                  "The action's id, for scripts that retry: a second one is a no-op");
  act->callback([flags, &context] { Act(context, *flags); });
  incidents
      ->add_subcommand("verify",
                       "Fold the inbox from empty and compare with the store (keng must be down)")
      ->callback([&context] { Verify(context); });

  CLI::App* group =
      app.add_subcommand("group", "Posts on stdin, {\"id\",\"group\"} on stdout: near-duplicates");
  group->callback([flags, &context] {
    context.status = alerting::RunGroup(flags->group, std::cin, std::cout, std::cerr);
  });
}

}  // namespace keng::app
