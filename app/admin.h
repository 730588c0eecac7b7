#ifndef KENG_APP_ADMIN_H_
#define KENG_APP_ADMIN_H_

// What the running program answers: the admin socket (a unix socket of mode 0600 in the data
// folder, for `keng incidents`, `pause`, `forget`, `dead`, `tap`, `top`) and, on the metrics
// address, /metrics, /healthz and /readyz. Each is a table of routes for net/http_server.h.
//
// Threads: handlers run on the server's threads; what AdminTargets points to is thread-safe and
// outlives the servers.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "alerting/outbox.h"
#include "app/pipeline.h"
#include "net/http_server.h"
#include "store/store.h"
#include "stream/stream.h"

namespace keng::app {

struct AdminTargets {
  std::function<PipelineStatus()> status;
  std::function<Readiness()> readiness;
  base::Metrics* metrics = nullptr;
  stream::Streams* streams = nullptr;
  store::Store* store = nullptr;
  const alerting::Outbox* outbox = nullptr;
  const alerting::CellChannels* routes = nullptr;
  std::string desk;
  // Erases the post of this id or link; returns how many posts that was.
  std::function<absl::StatusOr<int64_t>(std::string_view id_or_url)> forget;
};

std::vector<net::HttpRoute> AdminRoutes(const AdminTargets& targets);
std::vector<net::HttpRoute> MetricsRoutes(const AdminTargets& targets);

// The HTTP answer for an error: 400 for InvalidArgument, 404 for NotFound, 503 for what may pass,
// else 500; the body is
// {"error": message}.
net::ServerResponse ErrorAnswer(const absl::Status& error);

}  // namespace keng::app

#endif  // KENG_APP_ADMIN_H_
