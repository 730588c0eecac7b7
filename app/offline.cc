#include "app/internal/offline.h"

#include "alerting/state_tables.h"
#include "app/open_streams.h"
#include "base/strings.h"
#include "stream/embedded/embedded_streams.h"

namespace keng::app {

namespace {

// Read-only opens look at no time.
const base::Clock& AnyClock() {
  static const base::RealClock kClock;
  return kClock;
}

}  // namespace

absl::StatusOr<std::unique_ptr<stream::Streams>> OpenStreamsReadOnly(const Config& config) {
  if (!StreamsHaveOneOwner(config)) return OpenStreams(config, AnyClock(), nullptr);
  stream::EmbeddedOptions options = StreamOptions(config);
  options.mode = stream::OpenMode::kReadOnly;
  return stream::OpenEmbeddedStreams(options, AnyClock(), nullptr);
}

absl::StatusOr<std::unique_ptr<store::Store>> OpenStoreReadOnly(const Config& config) {
  return store::Store::OpenReadOnly({.path = base::StrCat(config.data_dir, "/store"),
                                     .layout = std::string(alerting::kStateLayout)},
                                    AnyClock());
}

}  // namespace keng::app
