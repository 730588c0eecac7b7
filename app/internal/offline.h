#ifndef KENG_APP_INTERNAL_OFFLINE_H_
#define KENG_APP_INTERNAL_OFFLINE_H_

// Streams and store of a configuration whose keng is down, read-only: what commands fall back to.

#include <memory>

#include "absl/status/statusor.h"
#include "app/config.h"
#include "store/store.h"
#include "stream/stream.h"

namespace keng::app {

absl::StatusOr<std::unique_ptr<stream::Streams>> OpenStreamsReadOnly(const Config& config);
absl::StatusOr<std::unique_ptr<store::Store>> OpenStoreReadOnly(const Config& config);

}  // namespace keng::app

#endif  // KENG_APP_INTERNAL_OFFLINE_H_
