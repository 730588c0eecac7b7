#include "app/cluster/cluster_process.h"

#include <algorithm>
#include <filesystem>

#include "absl/time/clock.h"
#include "alerting/alerting_worker.h"
#include "app/admin.h"
#include "app/assembly.h"
#include "app/cluster/alert_host.h"
#include "app/cluster/filter_host.h"
#include "app/cluster/ingest_host.h"
#include "app/cluster/member_loop.h"
#include "app/open_streams.h"
#include "app/rule_publishing.h"
#include "base/check.h"
#include "base/log.h"
#include "base/strings.h"
#include "filters/rules/rule_follower.h"
#include "ingest/author_keys.h"

namespace keng::app {

namespace {

using base::StrCat;

constexpr absl::Duration kUpkeepEvery = absl::Seconds(1);
// The group of ingest processes, in the stream `sources`.
constexpr std::string_view kIngestReader = "ingest";

}  // namespace

std::string_view StageName(Stage stage) {
  constexpr std::string_view kNames[] = {"ingest", "filter", "alert"};
  return kNames[static_cast<size_t>(stage)];
}

// In the order of construction; destruction runs backwards.
struct ClusterProcess::Parts {
  Config config;
  PipelineEnvironment environment;
  std::vector<Stage> stages;
  base::Metrics metrics;
  std::unique_ptr<stream::Streams> streams;
  std::unique_ptr<ingest::AuthorKeyring> keyring;
  Territory territory;
  std::unique_ptr<filters::RulePublicationFollower> rules;
  std::unique_ptr<ingest::IngestStage> ingest;
  std::vector<std::unique_ptr<StageHost>> hosts;
  std::vector<std::unique_ptr<MemberLoop>> loops;  // against the flow: alert, filter, ingest
  std::unique_ptr<net::HttpServer> metrics_server;

  std::unique_ptr<StageThread> upkeep;
  base::Mutex upkeep_mutex;
  base::CondVar upkeep_wake;
  bool upkeep_stop ABSL_GUARDED_BY(upkeep_mutex) = false;
  bool started = false;

  bool Has(Stage stage) const {
    return std::find(stages.begin(), stages.end(), stage) != stages.end();
  }
  void OnFailure(const std::string& stage, const absl::Status& status) {
    base::LogError("stage.failed", {{"stage", stage}, {"reason", std::string(status.message())}});
    if (environment.on_failure) environment.on_failure(stage, status);
  }
  void AddLoop(std::unique_ptr<StageHost> host, std::string_view reader, stream::StreamId stream);
  absl::Status OpenAlert();
  absl::Status OpenFilter();
  absl::Status OpenIngest();
  absl::StatusOr<int64_t> Upkeep();
};

void ClusterProcess::Parts::AddLoop(std::unique_ptr<StageHost> host, std::string_view reader,
                                    stream::StreamId stream) {
  hosts.push_back(std::move(host));
  loops.push_back(
      std::make_unique<MemberLoop>(*hosts.back(), *streams, std::string(reader), stream, metrics));
}

absl::Status ClusterProcess::Parts::OpenAlert() {
  AddLoop(std::make_unique<AlertHost>(AlertHost::Parts{
              .config = config,
              .environment = environment,
              .streams = *streams,
              .territory = territory,
              .metrics = metrics,
              .on_failure = [this](const std::string& stage,
                                   const absl::Status& status) { OnFailure(stage, status); }}),
          alerting::kAlertingReader, stream::StreamId::kInbox);
  return absl::OkStatus();
}

absl::Status ClusterProcess::Parts::OpenFilter() {
  KENG_ASSIGN_OR_RETURN(rules, FollowRules(config, StrCat("filter-", config.streams.kafka.instance),
                                           {.streams = streams.get(),
                                            .placing = filters::MakePlacing(territory.resolver),
                                            .clock = environment.clock,
                                            .metrics = &metrics}));
  AddLoop(std::make_unique<FilterHost>(
              FilterOptionsOf(config, territory, *keyring->keys()),
              FilterHost::Parts{
                  .streams = *streams,
                  .territory = territory,
                  .rules = *rules,
                  .metrics = metrics,
                  .on_failure = [this](const std::string& stage,
                                       const absl::Status& status) { OnFailure(stage, status); }}),
          filters::kFilterReader, stream::StreamId::kPosts);
  return absl::OkStatus();
}

absl::Status ClusterProcess::Parts::OpenIngest() {
  KENG_ASSIGN_OR_RETURN(ingest, OpenIngestStage(config, environment, *streams, *keyring, metrics));
  AddLoop(std::make_unique<IngestHost>(IngestHost::Parts{
              .config = config,
              .environment = environment,
              .streams = *streams,
              .stage = *ingest,
              .metrics = metrics,
              .on_failure = [this](const std::string& stage,
                                   const absl::Status& status) { OnFailure(stage, status); }}),
          kIngestReader, stream::StreamId::kSources);
  return absl::OkStatus();
}

absl::StatusOr<int64_t> ClusterProcess::Parts::Upkeep() {
  {
    base::MutexLock lock(upkeep_mutex);
    if (!upkeep_stop) upkeep_wake.WaitFor(upkeep_mutex, kUpkeepEvery);
    if (upkeep_stop) return 0;
  }
  if (rules != nullptr) rules->Poll();
  KENG_RETURN_IF_ERROR(streams->Maintain());
  return 1;
}

ClusterProcess::ClusterProcess(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

ClusterProcess::~ClusterProcess() {
  if (const absl::Status stopped = Stop(); !stopped.ok())
    base::LogError("stop.failed", {{"reason", std::string(stopped.message())}});
}

absl::StatusOr<std::unique_ptr<ClusterProcess>> ClusterProcess::Open(
    const Config& config, std::vector<Stage> stages, const PipelineEnvironment& environment) {
  if (config.streams.kafka.bootstrap.empty()) {
    return absl::FailedPreconditionError(
        StrCat(config.path, ": streams.kafka is not configured, so that the stages cannot be ",
               "processes of their own; `keng run` runs all of them in one"));
  }
  auto parts = std::make_unique<Parts>();
  Parts& p = *parts;
  p.config = config;
  p.environment = environment;
  p.stages = std::move(stages);
  std::unique_ptr<ClusterProcess> process(new ClusterProcess(std::move(parts)));
  KENG_RETURN_IF_ERROR(MakeDataFolder(config.data_dir));
  KENG_ASSIGN_OR_RETURN(p.territory, LoadTerritory(config));
  if (p.Has(Stage::kFilter) || p.Has(Stage::kIngest)) {
    // A key of its own in each process would count one author as several, and compare texts with
    // nobody's. Who runs all stages is the first process of an installation, or should know.
    const bool alone = p.Has(Stage::kFilter) && p.Has(Stage::kIngest) && p.Has(Stage::kAlert);
    if (!alone && !std::filesystem::exists(config.keys_file)) {
      return absl::NotFoundError(
          StrCat(config.keys_file,
                 ": the author keys are not there; make them once with `keng keys make` ",
                 "and give all ingest and filter processes the same file (keys_file)"));
    }
    KENG_ASSIGN_OR_RETURN(p.keyring,
                          ingest::AuthorKeyring::Open(config.keys_file, environment.clock->Now()));
  }
  KENG_ASSIGN_OR_RETURN(p.streams, OpenStreams(config, *environment.clock, &p.metrics));
  if (p.Has(Stage::kAlert)) KENG_RETURN_IF_ERROR(p.OpenAlert());
  if (p.Has(Stage::kFilter)) KENG_RETURN_IF_ERROR(p.OpenFilter());
  if (p.Has(Stage::kIngest)) KENG_RETURN_IF_ERROR(p.OpenIngest());
  AdminTargets targets;
  targets.metrics = &p.metrics;
  targets.readiness = [raw = process.get()] { return raw->readiness(); };
  KENG_ASSIGN_OR_RETURN(p.metrics_server,
                        MakeMetricsServer(config, MetricsRoutes(targets), p.metrics));
  return process;
}

absl::Status ClusterProcess::Start() {
  Parts& p = *parts_;
  p.started = true;
  if (p.metrics_server != nullptr) KENG_RETURN_IF_ERROR(p.metrics_server->Start());
  const auto on_failure = [&p](const std::string& stage, const absl::Status& status) {
    p.OnFailure(stage, status);
  };
  p.upkeep =
      std::make_unique<StageThread>("upkeep",
                                    StageThread::Hooks{.step = [&p] { return p.Upkeep(); },
                                                       .wake =
                                                           [&p] {
                                                             base::MutexLock lock(p.upkeep_mutex);
                                                             p.upkeep_stop = true;
                                                             p.upkeep_wake.NotifyAll();
                                                           },
                                                       .on_failure = on_failure},
                                    p.metrics);
  for (const auto& loop : p.loops) KENG_RETURN_IF_ERROR(loop->Start(on_failure));
  std::string stages;
  for (const Stage stage : p.stages)
    base::StrAppend(&stages, stages.empty() ? "" : ",", StageName(stage));
  base::LogInfo("keng.started", {{"stages", stages},
                                 {"instance", p.config.streams.kafka.instance},
                                 {"brokers", p.config.streams.kafka.bootstrap}});
  return absl::OkStatus();
}

absl::Status ClusterProcess::Stop() {
  Parts& p = *parts_;
  if (!p.started) return absl::OkStatus();
  p.started = false;
  // Along the flow.
  absl::Status first;
  for (auto loop = p.loops.rbegin(); loop != p.loops.rend(); ++loop) first.Update((*loop)->Stop());
  if (p.upkeep != nullptr) p.upkeep->Stop();
  if (p.rules != nullptr) first.Update(p.rules->Leave());
  if (p.metrics_server != nullptr) first.Update(p.metrics_server->Stop(absl::Seconds(1)));
  if (!first.ok()) base::LogWarn("stop.step_failed", {{"reason", std::string(first.message())}});
  base::LogInfo("keng.stopped");
  return first;
}

bool ClusterProcess::sources_finished() const {
  const Parts& p = *parts_;
  return p.Has(Stage::kIngest) && p.loops.back()->held() > 0 && p.hosts.back()->finished();
}

Readiness ClusterProcess::readiness() const {
  const Parts& p = *parts_;
  Readiness readiness;
  readiness.ready = p.started;
  for (const auto& loop : p.loops) {
    for (const std::string& line : loop->trouble()) {
      readiness.ready = false;
      base::StrAppend(&readiness.detail, line, "\n");
    }
    base::StrAppend(&readiness.detail, std::string(loop->host().name()), ": holds ", loop->held(),
                    " partitions\n");
  }
  if (p.rules != nullptr) {
    const std::string trouble = p.rules->trouble();
    if (!trouble.empty()) base::StrAppend(&readiness.detail, "rules: ", trouble, "\n");
    base::StrAppend(&readiness.detail, "rule set ", p.rules->current()->version(), "\n");
  }
  return readiness;
}

base::Metrics& ClusterProcess::metrics() { return parts_->metrics; }

}  // namespace keng::app
