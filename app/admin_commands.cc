// pause, resume, forget, dead, tap, top: requests to the running program through its admin socket,
// or over Kafka to the streams.

#include <unistd.h>

#include <boost/json.hpp>
#include <iostream>

#include "absl/time/clock.h"
#include "alerting/dead_letters.h"
#include "app/admin_client.h"
#include "app/cluster/cluster_view.h"
#include "app/internal/commands.h"
#include "app/internal/offline.h"
#include "app/open_streams.h"
#include "app/pipeline.h"
#include "app/stop_signal.h"
#include "app/tap.h"
#include "base/check.h"
#include "base/strings.h"

namespace keng::app {

namespace {

namespace json = boost::json;
using base::StrCat;

struct AdminFlags {
  std::string post, stage, alert, channel, stream, actor, note;
  int64_t newest = 20;
  bool once = false;
  bool follow = false;
};

// Sends one request; prints what went wrong. The body of a good answer, or nullopt.
std::optional<std::string> Ask(CommandContext& context, std::string_view method,
                               const std::string& target, const std::string& body) {
  Config config;
  if (!context.Load(config)) return std::nullopt;
  const auto answer = CallAdmin(AdminSocketPath(config), method, target, body);
  if (!answer.ok()) {
    context.Fail(answer.status());
    return std::nullopt;
  }
  if (answer->status >= 300) {
    std::cerr << answer->body << "\n";
    context.status = 1;
    return std::nullopt;
  }
  return answer->body;
}

std::string NewActionId(std::string_view verb) {
  return StrCat("cli-", verb, "-", absl::ToUnixNanos(absl::Now()), "-", getpid());
}

void SetRinging(CommandContext& context, const AdminFlags& flags, const std::string& verb) {
  const std::string id = NewActionId(verb);
  Config config;
  if (!context.Load(config)) return;
  if (!StreamsHaveOneOwner(config)) {
    const absl::Status written = ActInCluster(config, {.id = id,
                                                       .verb = *filters::ActionVerbByName(verb),
                                                       .actor = flags.actor,
                                                       .note = flags.note});
    if (!written.ok()) return context.Fail(written);
    std::cout << (verb == "pause" ? "ringing is paused; everything else goes on\n"
                                  : "ringing goes on\n");
    return;
  }
  const json::object body = {
      {"verb", verb}, {"id", id}, {"actor", flags.actor}, {"note", flags.note}};
  if (Ask(context, "POST", "/v1/actions", json::serialize(body)).has_value()) {
    std::cout << (verb == "pause" ? "ringing is paused; everything else goes on\n"
                                  : "ringing goes on\n");
  }
}

// Over a cluster no process knows all: the streams themselves are asked.
absl::StatusOr<std::string> ClusterTop(const Config& config, stream::Streams& streams,
                                       OutputForm form) {
  KENG_ASSIGN_OR_RETURN(const PipelineStatus status, ReadClusterStatus(config, streams));
  return form == OutputForm::kPeople ? StatusText(status) : StatusJson(status) + "\n";
}

void TopOfCluster(CommandContext& context, const Config& config, const AdminFlags& flags) {
  const auto streams = OpenStreamsReadOnly(config);
  if (!streams.ok()) return context.Fail(streams.status());
  const StopSignal stop;
  const bool screen = context.form() == OutputForm::kPeople && !flags.once;
  do {
    const auto text = ClusterTop(config, **streams, context.form());
    if (!text.ok()) return context.Fail(text.status());
    std::cout << (screen ? "\x1b[H\x1b[2J" : "") << *text << std::flush;
    if (!flags.once) stop.Wait(absl::Seconds(2));
  } while (!flags.once && !stop.requested());
}

void Top(CommandContext& context, const AdminFlags& flags) {
  Config config;
  if (!context.Load(config)) return;
  if (!StreamsHaveOneOwner(config)) return TopOfCluster(context, config, flags);
  const StopSignal stop;
  const bool people = context.form() == OutputForm::kPeople;
  do {
    const auto answer =
        CallAdmin(AdminSocketPath(config), "GET", people ? "/v1/status?text=1" : "/v1/status", "",
                  absl::Seconds(5));
    if (!answer.ok()) return context.Fail(answer.status());
    if (people && !flags.once) std::cout << "\x1b[H\x1b[2J";
    std::cout << answer->body << (people ? "" : "\n") << std::flush;
    if (!flags.once) stop.Wait(absl::Seconds(1));
  } while (!flags.once && !stop.requested());
}

void TapCluster(CommandContext& context, const Config& config, const AdminFlags& flags) {
  const auto streams = OpenStreamsReadOnly(config);
  if (!streams.ok()) return context.Fail(streams.status());
  TapRequest request{.stream = *stream::StreamByName(flags.stream), .newest = flags.newest};
  const StopSignal stop;
  while (true) {
    const auto result = Tap(**streams, request);
    if (!result.ok()) return context.Fail(result.status());
    std::cout << result->lines << std::flush;
    request.from = result->next;
    if (!result->lines.empty()) continue;
    if (!flags.follow || stop.requested()) return;
    stop.Wait(absl::Milliseconds(300));
  }
}

void TapCommand(CommandContext& context, const AdminFlags& flags) {
  Config config;
  if (!context.Load(config)) return;
  if (!StreamsHaveOneOwner(config)) return TapCluster(context, config, flags);
  const std::string base = StrCat("/v1/tap?stream=", flags.stream, "&newest=", flags.newest);
  const StopSignal stop;
  std::string from;
  do {
    const auto answer = CallAdmin(AdminSocketPath(config), "GET",
                                  from.empty() ? base : StrCat(base, "&from=", from), "");
    if (absl::IsNotFound(answer.status()) && !flags.follow) {
      // Nobody runs: the streams are read as they stand.
      const auto offline = OpenStreamsReadOnly(config);
      if (!offline.ok()) return context.Fail(offline.status());
      const auto stream = stream::StreamByName(flags.stream);
      const auto result =
          Tap(**offline, {.stream = *stream, .newest = flags.newest, .records_max = INT64_MAX});
      if (!result.ok()) return context.Fail(result.status());
      std::cout << result->lines;
      return;
    }
    if (!answer.ok()) return context.Fail(answer.status());
    if (answer->status >= 300) {
      std::cerr << answer->body << "\n";
      context.status = 1;
      return;
    }
    std::cout << answer->body << std::flush;
    from = answer->next;
    if (flags.follow) stop.Wait(absl::Milliseconds(300));
  } while (flags.follow && !stop.requested());
}

void DeadListCommand(CommandContext& context, const AdminFlags& flags) {
  Config config;
  if (!context.Load(config)) return;
  if (StreamsHaveOneOwner(config)) {
    const auto answer =
        CallAdmin(AdminSocketPath(config), "GET", StrCat("/v1/dead?stage=", flags.stage), "");
    if (answer.ok() && answer->status < 300) {
      std::cout << answer->body;
      return;
    }
  }
  const auto offline = OpenStreamsReadOnly(config);
  if (!offline.ok()) return context.Fail(offline.status());
  const auto form = context.form() == OutputForm::kPeople ? alerting::OutputForm::kText
                                                          : alerting::OutputForm::kJson;
  const auto listed =
      alerting::DeadList(**offline, {.stage = flags.stage, .form = form}, std::cout);
  if (!listed.ok()) context.Fail(listed.status());
}

void ReplayDead(CommandContext& context, const AdminFlags& flags) {
  Config config;
  if (!context.Load(config)) return;
  const std::string id = NewActionId("replay");
  if (!StreamsHaveOneOwner(config)) {
    const auto result = ReplayInCluster(config, {.id = id,
                                                 .actor = flags.actor,
                                                 .note = flags.note,
                                                 .alert = flags.alert,
                                                 .channel = flags.channel});
    if (!result.ok()) return context.Fail(result.status());
    std::cout << alerting::DeadReplayJson(*result) << "\n";
    return;
  }
  const json::object body = {{"id", id},
                             {"actor", flags.actor},
                             {"note", flags.note},
                             {"alert", flags.alert},
                             {"channel", flags.channel}};
  if (const auto answer = Ask(context, "POST", "/v1/dead/replay", json::serialize(body)))
    std::cout << *answer << "\n";
}

}  // namespace

void AddAdminCommands(CLI::App& app, CommandContext& context) {
  const auto flags = std::make_shared<AdminFlags>();
  const char* login = getlogin();
  flags->actor = login == nullptr ? "cli" : login;
  for (const std::string verb : {"pause", "resume"}) {
    CLI::App* command = app.add_subcommand(
        verb, verb == "pause" ? "Stop ringing; everything else goes on"
                              : "Ring again; what waited too long comes in a digest");
    command->add_option("--actor", flags->actor, "Who does it (accounted for)");
    command->add_option("--note", flags->note, "Why");
    command->callback([flags, verb, &context] { SetRinging(context, *flags, verb); });
  }
  CLI::App* forget = app.add_subcommand("forget", "Erase a post by hand, everywhere");
  forget->add_option("post", flags->post, "Its id or its link")->required();
  forget->callback([flags, &context] {
    Config config;
    if (!context.Load(config)) return;
    if (!StreamsHaveOneOwner(config)) {
      const auto forgotten = ForgetInCluster(config, flags->post);
      if (!forgotten.ok()) return context.Fail(forgotten.status());
      std::cout << json::serialize(json::object{{"posts", *forgotten}}) << "\n";
      return;
    }
    if (const auto answer = Ask(context, "POST", "/v1/forget",
                                json::serialize(json::object{{"post", flags->post}}))) {
      std::cout << *answer << "\n";
    }
  });
  CLI::App* dead = app.add_subcommand("dead", "Records put aside")->require_subcommand(1);
  CLI::App* list = dead->add_subcommand("list", "What was put aside, and why");
  list->add_option("--stage", flags->stage, "ingest, filters or alerting");
  list->callback([flags, &context] { DeadListCommand(context, *flags); });
  CLI::App* replay =
      dead->add_subcommand("replay", "Try dead deliveries again, with the same alert ids");
  replay->add_option("--alert", flags->alert, "Only this alert");
  replay->add_option("--channel", flags->channel, "Only this channel");
  replay->add_option("--actor", flags->actor, "Who does it (accounted for)");
  replay->add_option("--note", flags->note, "Why");
  replay->callback([flags, &context] { ReplayDead(context, *flags); });
  CLI::App* tap = app.add_subcommand("tap", "Look at a stream live");
  tap->add_option("stream", flags->stream, "Which")
      ->required()
      ->check(CLI::IsMember(
          {"posts", "inbox", "texts", "alerts", "control", "dead", "state", "intake"}));
  tap->add_option("--newest", flags->newest, "How many records of each partition to begin with")
      ->check(CLI::Range(0, 1'000'000));
  tap->add_flag("--follow,-f", flags->follow, "Go on with what comes");
  tap->callback([flags, &context] { TapCommand(context, *flags); });
  CLI::App* top = app.add_subcommand("top", "What came in, what became of it, how late we are");
  top->add_flag("--once", flags->once, "Print once");
  top->callback([flags, &context] { Top(context, *flags); });
}

}  // namespace keng::app
