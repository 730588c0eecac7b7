#ifndef KENG_ALERTING_VERIFY_FOLD_H_
#define KENG_ALERTING_VERIFY_FOLD_H_

// `keng incidents verify`: folds the inbox again, from empty, and compares every table of the fold
// with the store's, byte for byte. The proof that incidents are a function of the inbox, whatever
// crashed in between.

#include <string>

#include "absl/status/statusor.h"
#include "store/store.h"
#include "stream/stream.h"

namespace keng::alerting {

// "" when they are equal, else the first difference in words. FailedPrecondition: the inbox no
// longer begins at its beginning, so that there is nothing to compare with. Uses a temporary
// folder, on `environment` when that is not null (StoreOptions::environment).
absl::StatusOr<std::string> VerifyFold(stream::Streams& streams, const store::View& view,
                                       rocksdb::Env* environment = nullptr);

}  // namespace keng::alerting

#endif  // KENG_ALERTING_VERIFY_FOLD_H_
