#ifndef KENG_APP_ASSEMBLY_H_
#define KENG_APP_ASSEMBLY_H_

// The parts of the stages as a configuration describes them: what `keng run` and the processes of
// one stage have in common. Everything that is made here borrows what it is given, which must
// outlive it.

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "alerting/alerting_worker.h"
#include "alerting/dispatcher.h"
#include "app/config.h"
#include "app/pipeline.h"
#include "filters/filter_worker.h"
#include "filters/places/cells.h"
#include "filters/places/gazetteer.h"
#include "filters/places/resolver.h"
#include "ingest/ingest_stage.h"
#include "ingest/sources/source.h"
#include "net/http_server.h"
#include "store/store.h"

namespace keng::app {

// Where the posts speak of, and who is responsible there.
struct Territory {
  std::shared_ptr<const filters::Gazetteer> gazetteer;
  std::shared_ptr<const filters::Cells> cells;
  std::shared_ptr<const filters::Resolver> resolver;

  const std::string& desk() const { return cells->desk().code; }
};
// InvalidArgument: a file is wrong, or a cell that rings is not in it.
absl::StatusOr<Territory> LoadTerritory(const Config& config);

filters::FilterOptions FilterOptionsOf(const Config& config, const Territory& territory,
                                       const ingest::AuthorKeys& keys);
alerting::AlertingOptions AlertingOptionsOf(const Config& config, const Territory& territory);
// Which channels ring for which cell.
alerting::CellChannels RoutesOf(const Config& config, const Territory& territory);
// The state of alerting, in the folder `path`.
store::StoreOptions StoreOptionsOf(const Config& config, std::string path);

// The channels of the configuration over one outbox.
class Delivery {
 public:
  static absl::StatusOr<std::unique_ptr<Delivery>> Make(
      const Config& config, const PipelineEnvironment& environment, const Territory& territory,
      stream::Streams& streams, alerting::Outbox& outbox, alerting::FlightMark flight_mark,
      base::Metrics& metrics);
  alerting::Dispatcher& dispatcher() { return *dispatcher_; }
  const alerting::CellChannels& routes() const { return *routes_; }

 private:
  Delivery() = default;
  std::unique_ptr<alerting::PlaceNames> names_;
  std::unique_ptr<alerting::CellChannels> routes_;
  std::unique_ptr<alerting::StreamDeliveryLog> log_;
  std::unique_ptr<alerting::Dispatcher> dispatcher_;
};

absl::StatusOr<std::unique_ptr<ingest::IngestStage>> OpenIngestStage(
    const Config& config, const PipelineEnvironment& environment, stream::Streams& streams,
    ingest::AuthorKeyring& keyring, base::Metrics& metrics);
absl::StatusOr<std::unique_ptr<ingest::Source>> OpenSource(
    const Config& config, const SourceConfig& source, const PipelineEnvironment& environment,
    stream::Streams& streams, ingest::IngestStage& stage, base::Metrics& metrics);

// Where a process of one stage keeps what is its own: DATA_DIR/STAGE-INSTANCE.
std::string StageFolder(const Config& config, std::string_view stage);
// The folder for what the program keeps, mode 0700.
absl::Status MakeDataFolder(const std::string& path);

// Null when metrics_listen is empty.
absl::StatusOr<std::unique_ptr<net::HttpServer>> MakeMetricsServer(
    const Config& config, std::vector<net::HttpRoute> routes, base::Metrics& metrics);

}  // namespace keng::app

#endif  // KENG_APP_ASSEMBLY_H_
