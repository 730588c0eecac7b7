#ifndef KENG_APP_OPEN_STREAMS_H_
#define KENG_APP_OPEN_STREAMS_H_

// The one place in which the program opens the streams of a configuration to write to them. (What
// commands read while the program is down: app/internal/offline.h.)

#include <memory>

#include "absl/status/statusor.h"
#include "app/config.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "stream/embedded/embedded_streams.h"
#include "stream/kafka/kafka_streams.h"
#include "stream/stream.h"

namespace keng::app {

// `metrics` may be null; it and `clock` must outlive the streams. The errors of the implementation.
absl::StatusOr<std::unique_ptr<stream::Streams>> OpenStreams(const Config& config,
                                                             const base::Clock& clock,
                                                             base::Metrics* metrics);

// True when one process owns the streams, so that a command must ask it through its admin socket
// while it runs; false when anybody may open them.
bool StreamsHaveOneOwner(const Config& config);

// The embedded streams of a configuration.
stream::EmbeddedOptions StreamOptions(const Config& config);
// Its streams on a cluster. REQUIRES: streams.kafka is configured.
stream::KafkaOptions ClusterOptions(const Config& config);

}  // namespace keng::app

#endif  // KENG_APP_OPEN_STREAMS_H_
