#include "app/assembly.h"

#include <filesystem>
#include <map>
#include <utility>

#include "absl/strings/numbers.h"
#include "alerting/state_tables.h"
#include "alerting/store_outbox.h"
#include "base/check.h"
#include "base/strings.h"
#include "ingest/author_keys.h"
#include "ingest/sources/source_table.h"

namespace keng::app {

namespace {

using base::StrCat;

// Alerts of one channel that share its transactions, over a cluster.
constexpr size_t kClusterWindowMax = 64;

std::string FolderOf(const Config& config) {
  const std::string folder = std::filesystem::path(config.path).parent_path().string();
  return folder.empty() ? "." : folder;
}

// "Phường Long Xuyên" for a code of the gazetteer or the cell tree.
class GazetteerNames final : public alerting::PlaceNames {
 public:
  GazetteerNames(std::shared_ptr<const filters::Gazetteer> gazetteer,
                 std::shared_ptr<const filters::Cells> cells)
      : gazetteer_(std::move(gazetteer)), cells_(std::move(cells)) {}

  std::optional<std::string> Name(std::string_view code) const override {
    if (const filters::Cell* cell = cells_->Find(code)) return cell->name;
    const int index = gazetteer_->Find(code);
    if (index == filters::Place::kNobody) return std::nullopt;
    const filters::Place& place = gazetteer_->place(index);
    return place.type.empty() ? place.name : StrCat(place.type, " ", place.name);
  }

 private:
  const std::shared_ptr<const filters::Gazetteer> gazetteer_;
  const std::shared_ptr<const filters::Cells> cells_;
};

}  // namespace

absl::StatusOr<Territory> LoadTerritory(const Config& config) {
  Territory territory;
  KENG_ASSIGN_OR_RETURN(territory.gazetteer, filters::Gazetteer::Load({config.places}));
  KENG_ASSIGN_OR_RETURN(territory.cells, filters::Cells::Load(config.cells, *territory.gazetteer));
  for (const auto& [cell, channels] : config.cell_channels) {
    if (territory.cells->Find(cell) == nullptr) {
      return absl::InvalidArgumentError(StrCat(config.path, ": cell_channels names cell \"", cell,
                                               "\", which is not in ", config.cells,
                                               "; keng cells check lists them"));
    }
  }
  territory.resolver =
      std::make_shared<const filters::Resolver>(territory.gazetteer, territory.cells);
  return territory;
}

filters::FilterOptions FilterOptionsOf(const Config& config, const Territory& territory,
                                       const ingest::AuthorKeys& keys) {
  return {
      .max_age = config.max_age, .desks = {territory.desk()}, .sketch_seed = keys.sketch_seed()};
}

alerting::AlertingOptions AlertingOptionsOf(const Config& config, const Territory& territory) {
  alerting::AlertingOptions options;
  options.desk = territory.desk();
  options.tick_interval = config.alerts.tick_interval;
  options.settings.rings_per_cell_hour = config.alerts.rings_per_cell_hour_max;
  return options;
}

store::StoreOptions StoreOptionsOf(const Config& config, std::string path) {
  // A quarter: when the streams take nothing new, what they hold can still be folded.
  return {.path = std::move(path),
          .layout = std::string(alerting::kStateLayout),
          .sync_interval = config.streams.sync_interval,
          .disk_free_min = config.streams.disk_free_min / 4};
}

alerting::CellChannels RoutesOf(const Config& config, const Territory& territory) {
  std::map<std::string, std::vector<std::string>, std::less<>> direct(config.cell_channels.begin(),
                                                                      config.cell_channels.end());
  std::map<std::string, std::string, std::less<>> parents;
  const auto& cells = territory.cells->cells();
  for (const filters::Cell& cell : cells) {
    if (cell.parent != filters::Cell::kNobody) parents[cell.code] = cells[cell.parent].code;
  }
  return {std::move(direct), std::move(parents)};
}

absl::StatusOr<std::unique_ptr<Delivery>> Delivery::Make(
    const Config& config, const PipelineEnvironment& environment, const Territory& territory,
    stream::Streams& streams, alerting::Outbox& outbox, alerting::FlightMark flight_mark,
    base::Metrics& metrics) {
  std::unique_ptr<Delivery> delivery(new Delivery);
  delivery->names_ = std::make_unique<GazetteerNames>(territory.gazetteer, territory.cells);
  delivery->routes_ = std::make_unique<alerting::CellChannels>(RoutesOf(config, territory));
  delivery->log_ = std::make_unique<alerting::StreamDeliveryLog>(streams);
  std::vector<alerting::ChannelSpec> channels;
  for (const ChannelConfig& channel : config.channels) {
    KENG_ASSIGN_OR_RETURN(alerting::ChannelSpec spec,
                          alerting::MakeChannel(channel.options, {.clock = environment.clock,
                                                                  .metrics = &metrics,
                                                                  .terminal = environment.terminal,
                                                                  .colours = environment.colours,
                                                                  .folder = FolderOf(config)}));
    channels.push_back(std::move(spec));
  }
  alerting::DeliveryOptions options;
  options.mode =
      config.mode == Mode::kShadow ? alerting::RingMode::kShadow : alerting::RingMode::kLive;
  options.flight_mark = flight_mark;
  // A commit of the embedded store costs microseconds, and what a crash repeats is one delivery;
  // one over a changelog is a transaction.
  options.window_max = flight_mark == alerting::FlightMark::kAlways ? kClusterWindowMax : 1;
  options.late_after = config.alerts.late_after;
  options.event_source = StrCat("/keng/", territory.desk());
  delivery->dispatcher_ = std::make_unique<alerting::Dispatcher>(
      alerting::DeliveryContext{.options = options,
                                .outbox = &outbox,
                                .log = delivery->log_.get(),
                                .places = delivery->names_.get(),
                                .routes = delivery->routes_.get(),
                                .clock = environment.clock,
                                .metrics = &metrics},
      std::move(channels));
  return delivery;
}

absl::StatusOr<std::unique_ptr<ingest::IngestStage>> OpenIngestStage(
    const Config& config, const PipelineEnvironment& environment, stream::Streams& streams,
    ingest::AuthorKeyring& keyring, base::Metrics& metrics) {
  std::shared_ptr<const ingest::OptOutList> opt_outs;
  if (!config.opt_out_file.empty()) {
    KENG_ASSIGN_OR_RETURN(ingest::OptOutList list, ingest::OptOutList::Load(config.opt_out_file));
    opt_outs = std::make_shared<const ingest::OptOutList>(std::move(list));
  }
  return ingest::IngestStage::Open({}, {.streams = streams,
                                        .clock = *environment.clock,
                                        .keyring = keyring,
                                        .opt_outs = std::move(opt_outs),
                                        .metrics = &metrics});
}

absl::StatusOr<std::unique_ptr<ingest::Source>> OpenSource(
    const Config& config, const SourceConfig& source, const PipelineEnvironment& environment,
    stream::Streams& streams, ingest::IngestStage& stage, base::Metrics& metrics) {
  return ingest::MakeSource(source.options,
                            {.name = source.name,
                             .purpose = source.purpose,
                             .owner = source.owner,
                             .until = source.until},
                            {.stage = &stage,
                             .streams = &streams,
                             .clock = environment.clock,
                             .metrics = &metrics,
                             .progress = environment.progress,
                             .folder = FolderOf(config)});
}

std::string StageFolder(const Config& config, std::string_view stage) {
  return StrCat(config.data_dir, "/", stage, "-", config.streams.kafka.instance);
}

absl::Status MakeDataFolder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return absl::NotFoundError(StrCat(path, ": cannot be made: ", error.message()));
  std::filesystem::permissions(path, std::filesystem::perms::owner_all, error);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<net::HttpServer>> MakeMetricsServer(
    const Config& config, std::vector<net::HttpRoute> routes, base::Metrics& metrics) {
  if (config.metrics_listen.empty()) return std::unique_ptr<net::HttpServer>();
  const size_t colon = config.metrics_listen.rfind(':');
  int port = 0;
  if (colon == std::string::npos ||
      !absl::SimpleAtoi(config.metrics_listen.substr(colon + 1), &port)) {
    return absl::InvalidArgumentError(StrCat(config.path, ": metrics_listen is \"",
                                             config.metrics_listen,
                                             "\"; expected ADDRESS:PORT such as 127.0.0.1:9464"));
  }
  net::HttpServerOptions options;
  options.name = "metrics";
  options.listen = {{.address = config.metrics_listen.substr(0, colon), .port = port}};
  options.metrics = &metrics;
  return net::HttpServer::Make(options, std::move(routes));
}

}  // namespace keng::app
