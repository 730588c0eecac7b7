#include "stream/embedded/internal/maintainer.h"

namespace keng::stream::internal {

absl::Status Maintainer::Recover() { return absl::OkStatus(); }
absl::Status Maintainer::Run() { return database_.failed(); }

}  // namespace keng::stream::internal
