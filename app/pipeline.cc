#include "app/pipeline.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "alerting/alerting_worker.h"
#include "alerting/store_outbox.h"
#include "app/admin.h"
#include "app/assembly.h"
#include "app/open_streams.h"
#include "app/rule_publishing.h"
#include "app/stage_thread.h"
#include "base/check.h"
#include "base/log.h"
#include "base/strings.h"
#include "filters/rules/placing.h"
#include "filters/rules/rule_follower.h"
#include "ingest/author_keys.h"
#include "ingest/ingest_stage.h"
#include "net/http_server.h"
#include "store/store.h"

namespace keng::app {

namespace {

using base::StrCat;

constexpr absl::Duration kStepWait = absl::Milliseconds(200);
constexpr absl::Duration kMaintainEvery = absl::Seconds(1);

}  // namespace

// A source and whether its last step found nothing to do.
struct SourceSlot {
  std::string name;
  std::unique_ptr<ingest::Source> source;
  std::atomic<bool> idle{false};
};

// Members stand in the order of construction; destruction runs backwards.
struct Pipeline::Parts {
  Config config;
  PipelineEnvironment environment;
  base::Metrics metrics;

  Territory territory;
  std::unique_ptr<ingest::AuthorKeyring> keyring;
  std::unique_ptr<stream::Streams> streams;
  std::unique_ptr<filters::RulePublicationFollower> rules;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<alerting::StoreOutbox> outbox;
  std::unique_ptr<Delivery> delivery;
  std::unique_ptr<alerting::AlertingWorker> alerting;
  std::vector<std::unique_ptr<filters::FilterWorker>> filters;
  std::unique_ptr<ingest::IngestStage> ingest;
  std::vector<std::unique_ptr<SourceSlot>> sources;
  std::unique_ptr<net::HttpServer> metrics_server;
  std::unique_ptr<net::HttpServer> admin_server;

  // Threads last: they see everything above.
  std::vector<std::unique_ptr<StageThread>> source_threads;
  std::vector<std::unique_ptr<StageThread>> filter_threads;
  std::unique_ptr<StageThread> alerting_thread;
  std::unique_ptr<StageThread> maintain_thread;
  base::Mutex maintaining;
  base::Mutex maintain_mutex;
  base::CondVar maintain_wake;
  bool maintain_stop ABSL_GUARDED_BY(maintain_mutex) = false;
  bool started = false;

  absl::Status OpenFilters();
  absl::Status OpenAlerting();
  absl::Status OpenIngest();
  absl::Status OpenServers(const Pipeline& pipeline);
  absl::StatusOr<int64_t> MaintainStep();
  absl::StatusOr<int64_t> Forget(std::string_view id_or_url);
};

absl::Status Pipeline::Parts::OpenFilters() {
  KENG_ASSIGN_OR_RETURN(territory, LoadTerritory(config));
  KENG_ASSIGN_OR_RETURN(rules, FollowRules(config, "run",
                                           {.streams = streams.get(),
                                            .placing = filters::MakePlacing(territory.resolver),
                                            .clock = environment.clock,
                                            .metrics = &metrics}));
  const auto kit = [this] {
    return filters::FilterKit{.rules = rules->current(), .resolver = territory.resolver};
  };
  filters::FilterOptions options = FilterOptionsOf(config, territory, *keyring->keys());
  for (int partition = 0; partition < config.streams.posts_partitions; ++partition) {
    options.partitions = {partition};
    KENG_ASSIGN_OR_RETURN(auto worker,
                          filters::FilterWorker::Open(options, *streams, kit, metrics));
    filters.push_back(std::move(worker));
  }
  return absl::OkStatus();
}

absl::Status Pipeline::Parts::OpenAlerting() {
  KENG_ASSIGN_OR_RETURN(
      store, store::Store::Open(StoreOptionsOf(config, StrCat(config.data_dir, "/store")),
                                *environment.clock, &metrics));
  outbox = std::make_unique<alerting::StoreOutbox>(*store);
  KENG_ASSIGN_OR_RETURN(delivery, Delivery::Make(config, environment, territory, *streams, *outbox,
                                                 alerting::FlightMark::kWhereRepeatsShow, metrics));
  KENG_ASSIGN_OR_RETURN(
      alerting, alerting::AlertingWorker::Open(AlertingOptionsOf(config, territory), *streams,
                                               *store, *environment.clock, &metrics));
  return absl::OkStatus();
}

absl::Status Pipeline::Parts::OpenIngest() {
  KENG_ASSIGN_OR_RETURN(ingest, OpenIngestStage(config, environment, *streams, *keyring, metrics));
  for (const SourceConfig& source : config.sources) {
    auto slot = std::make_unique<SourceSlot>();
    slot->name = source.name;
    KENG_ASSIGN_OR_RETURN(slot->source,
                          OpenSource(config, source, environment, *streams, *ingest, metrics));
    sources.push_back(std::move(slot));
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> Pipeline::Parts::Forget(std::string_view id_or_url) {
  KENG_ASSIGN_OR_RETURN(const std::vector<std::string> posts, ingest->Forget(id_or_url));
  return static_cast<int64_t>(posts.size());
}

absl::Status Pipeline::Parts::OpenServers(const Pipeline& pipeline) {
  AdminTargets targets;
  targets.status = [&pipeline] { return pipeline.status(); };
  targets.readiness = [&pipeline] { return pipeline.readiness(); };
  targets.metrics = &metrics;
  targets.streams = streams.get();
  targets.store = store.get();
  targets.outbox = outbox.get();
  targets.routes = &delivery->routes();
  targets.desk = territory.desk();
  targets.forget = [this](std::string_view id) { return Forget(id); };
  net::HttpServerOptions admin;
  admin.name = "admin";
  admin.listen = {{.unix_path = AdminSocketPath(config)}};
  admin.metrics = &metrics;
  std::vector<net::HttpRoute> routes = AdminRoutes(targets);
  for (net::HttpRoute& route : RuleRoutes({.streams = streams.get(),
                               .placing = filters::MakePlacing(territory.resolver),
                               .clock = environment.clock})) {
    routes.push_back(std::move(route));
  }
  KENG_ASSIGN_OR_RETURN(admin_server, net::HttpServer::Make(admin, std::move(routes)));
  KENG_ASSIGN_OR_RETURN(metrics_server, MakeMetricsServer(config, MetricsRoutes(targets), metrics));
  return absl::OkStatus();
}

absl::StatusOr<int64_t> Pipeline::Parts::MaintainStep() {
  // Retention and compaction want one caller at a time; nobody waits here but a second maintainer.
  base::MutexLock lock(maintaining);
  rules->Poll();
  KENG_RETURN_IF_ERROR(streams->Maintain());
  KENG_RETURN_IF_ERROR(store->SyncIfDue());
  KENG_RETURN_IF_ERROR(store->Maintain());
  return 1;
}

Pipeline::Pipeline(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Pipeline::~Pipeline() {
  if (parts_->started) {
    const absl::Status stopped = Stop();
    if (!stopped.ok()) base::LogError("stop.failed", {{"reason", std::string(stopped.message())}});
  }
}

absl::StatusOr<std::unique_ptr<Pipeline>> Pipeline::Open(const Config& config,
                                                         const PipelineEnvironment& environment) {
  auto parts = std::make_unique<Parts>();
  parts->config = config;
  parts->environment = environment;
  Parts& p = *parts;
  std::unique_ptr<Pipeline> pipeline(new Pipeline(std::move(parts)));

  KENG_RETURN_IF_ERROR(MakeDataFolder(config.data_dir));
  KENG_ASSIGN_OR_RETURN(p.keyring,
                        ingest::AuthorKeyring::Open(config.keys_file, environment.clock->Now()));
  KENG_ASSIGN_OR_RETURN(p.streams, OpenStreams(config, *environment.clock, &p.metrics));
  KENG_RETURN_IF_ERROR(p.OpenFilters());
  KENG_RETURN_IF_ERROR(p.OpenAlerting());
  KENG_RETURN_IF_ERROR(p.OpenIngest());
  KENG_RETURN_IF_ERROR(p.OpenServers(*pipeline));
  return pipeline;
}

absl::Status Pipeline::Start() {
  Parts& p = *parts_;
  const auto on_failure = [&p](const std::string& stage, const absl::Status& status) {
    base::LogError("stage.failed", {{"stage", stage}, {"reason", std::string(status.message())}});
    if (p.environment.on_failure) p.environment.on_failure(stage, status);
  };
  p.started = true;
  KENG_RETURN_IF_ERROR(p.admin_server->Start());
  if (p.metrics_server != nullptr) KENG_RETURN_IF_ERROR(p.metrics_server->Start());
  p.delivery->dispatcher().Start();
  p.alerting_thread = std::make_unique<StageThread>(
      "alerting",
      StageThread::Hooks{.step = [&p]() -> absl::StatusOr<int64_t> {
                           KENG_ASSIGN_OR_RETURN(const alerting::AlertingWorker::Step step,
                                                 p.alerting->RunOnce(kStepWait));
                           if (step.alerts > 0) p.delivery->dispatcher().Wake();
                           if (!step.changed.empty())
                             p.delivery->dispatcher().NotifyChanged(step.changed);
                           return step.records;
                         },
                         .wake = [&p] { p.alerting->Wake(); },
                         .on_failure = on_failure},
      p.metrics);
  for (size_t i = 0; i < p.filters.size(); ++i) {
    filters::FilterWorker* worker = p.filters[i].get();
    p.filter_threads.push_back(std::make_unique<StageThread>(
        StrCat("filter-", i),
        StageThread::Hooks{.step = [worker] { return worker->RunOnce(kStepWait); },
                           .wake = [worker] { worker->Wake(); },
                           .on_failure = on_failure},
        p.metrics));
  }
  p.maintain_thread = std::make_unique<StageThread>(
      "maintain",
      StageThread::Hooks{.step = [&p]() -> absl::StatusOr<int64_t> {
                           {
                             base::MutexLock lock(p.maintain_mutex);
                             if (!p.maintain_stop)
                               p.maintain_wake.WaitFor(p.maintain_mutex, kMaintainEvery);
                             if (p.maintain_stop) return 0;
                           }
                           return p.MaintainStep();
                         },
                         .wake =
                             [&p] {
                               base::MutexLock lock(p.maintain_mutex);
                               p.maintain_stop = true;
                               p.maintain_wake.NotifyAll();
                             },
                         .on_failure = on_failure},
      p.metrics);
  for (const auto& slot : p.sources) {
    SourceSlot& source = *slot;
    p.source_threads.push_back(std::make_unique<StageThread>(
        StrCat("src-", source.name),
        StageThread::Hooks{.step = [&source]() -> absl::StatusOr<int64_t> {
                             absl::StatusOr<int64_t> lines = source.source->RunOnce();
                             source.idle.store(lines.ok() && *lines == 0);
                             return lines;
                           },
                           .finished = [&source] { return source.source->finished(); },
                           .wake = [&source] { source.source->Wake(); },
                           .on_failure = on_failure},
        p.metrics));
  }
  base::LogInfo("keng.started",
                {{"data", p.config.data_dir},
                 {"mode", p.config.mode == Mode::kShadow ? "shadow" : "live"},
                 {"rule_set", p.rules->running().version},
                 {"rules_from", std::string(filters::RulesOriginName(p.rules->running().origin))},
                 {"rules", StrCat(p.rules->current()->rules().size())}});
  return absl::OkStatus();
}

absl::Status Pipeline::Stop() {
  Parts& p = *parts_;
  if (!p.started) return absl::OkStatus();
  p.started = false;
  absl::Status first;
  const auto keep = [&first](std::string_view step, const absl::Status& status) {
    if (status.ok()) return;
    base::LogWarn("stop.step_failed",
                  {{"step", std::string(step)}, {"reason", std::string(status.message())}});
    if (first.ok()) first = status;
  };
  // Along the flow: what is in the line still goes through as far as it gets; the rest is durable
  // where it stands.
  for (const auto& thread : p.source_threads) thread->Stop();
  for (const auto& thread : p.filter_threads) thread->Stop();
  if (p.alerting_thread != nullptr) p.alerting_thread->Stop();
  keep("channels", p.delivery->dispatcher().Stop(p.config.stop_deadline));
  if (p.maintain_thread != nullptr) p.maintain_thread->Stop();
  if (p.metrics_server != nullptr) keep("metrics server", p.metrics_server->Stop(absl::Seconds(1)));
  keep("admin server", p.admin_server->Stop(absl::Seconds(1)));
  keep("rules", p.rules->Leave());
  keep("store", p.store->Sync());
  keep("streams", p.streams->Sync());
  base::LogInfo("keng.stopped");
  return first;
}

bool Pipeline::sources_finished() const {
  return std::all_of(parts_->sources.begin(), parts_->sources.end(),
                     [](const auto& slot) { return slot->source->finished(); });
}

PipelineStatus Pipeline::status() const {
  const Parts& p = *parts_;
  PipelineStatus status;
  status.sources_idle = true;
  for (const auto& source : p.sources)
    status.sources_idle =
        status.sources_idle && (source->idle.load() || source->source->finished());
  const auto counters = ingest::ReadAllCounters(*p.streams);
  if (counters.ok()) {
    for (const auto& [name, source] : *counters) {
      status.ingest.lines += source.lines;
      status.ingest.stored += source.stored;
      status.ingest.duplicate += source.duplicate;
      status.ingest.dropped += source.dropped_total();
      status.ingest.expanded += source.expanded;
    }
  } else {
    status.trouble.emplace_back(counters.status().message());
  }
  for (const auto& worker : p.filters) status.filters += worker->counts();
  status.alerting = p.alerting->outcomes();
  // The alerting worker's own position counts, not the one that it last committed to the stream for
  // retention.
  for (const stream::ReaderStats& reader : p.streams->reader_stats()) {
    if (reader.stream == stream::StreamId::kPosts) status.lag += reader.lag;
  }
  status.lag += p.alerting->lag();
  const auto pending = p.outbox->pending_count();
  if (pending.ok()) {
    status.alerts_pending = *pending;
  } else {
    status.trouble.emplace_back(pending.status().message());
  }
  const auto trouble = [&status](const StageThread* thread) {
    if (thread == nullptr) return;
    const std::string what = thread->trouble();
    if (!what.empty()) status.trouble.push_back(StrCat(thread->name(), ": ", what));
  };
  for (const auto& thread : p.source_threads) trouble(thread.get());
  for (const auto& thread : p.filter_threads) trouble(thread.get());
  trouble(p.alerting_thread.get());
  trouble(p.maintain_thread.get());
  return status;
}

Readiness Pipeline::readiness() const {
  const Parts& p = *parts_;
  Readiness readiness;
  readiness.ready = p.started;
  const PipelineStatus now = status();
  for (const std::string& line : now.trouble) {
    readiness.ready = false;
    base::StrAppend(&readiness.detail, line, "\n");
  }
  // A bad rule set leaves the old rules in force: worth telling, not worth taking the program out
  // of service.
  const std::string rules = p.rules->trouble();
  if (!rules.empty()) base::StrAppend(&readiness.detail, "rules: ", rules, "\n");
  const filters::RunningRules running = p.rules->running();
  base::StrAppend(&readiness.detail, "rule set ", running.version, " (",
                  RulesInWords(running.origin), "), lag ", now.lag, ", alerts pending ",
                  now.alerts_pending, p.outbox->paused() ? ", ringing is paused" : "", "\n");
  return readiness;
}

absl::Status Pipeline::Maintain() { return parts_->MaintainStep().status(); }

base::Metrics& Pipeline::metrics() { return parts_->metrics; }

std::string AdminSocketPath(const Config& config) { return StrCat(config.data_dir, "/admin.sock"); }

}  // namespace keng::app
