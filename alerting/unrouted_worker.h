#ifndef KENG_ALERTING_UNROUTED_WORKER_H_
#define KENG_ALERTING_UNROUTED_WORKER_H_

// Looks at every alert of the outbox once: records those of cells without any channel as
// suppressed, and completes those whose channels were all done before a crash or are no longer
// configured.

#include <memory>

#include "alerting/channel_worker.h"

namespace keng::alerting {

std::unique_ptr<DeliveryWorker> MakeUnroutedWorker(const DeliveryContext& context);

}  // namespace keng::alerting

#endif  // KENG_ALERTING_UNROUTED_WORKER_H_
