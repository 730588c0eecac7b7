#ifndef KENG_BENCH_BARE_LOOP_H_
#define KENG_BENCH_BARE_LOOP_H_

// What the filter stage is measured against: the least that any program built on the same libraries
// has to do. simdjson takes the text out of the JSON, a plain scalar fold makes lower-case ASCII of
// it, Hyperscan looks for the literals. No rules, no marks, no spans, no places.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace keng::bench {

class BareLoop {
 public:
  // `literals`: folded, one space at both ends.
  static absl::StatusOr<std::unique_ptr<BareLoop>> Make(const std::vector<std::string>& literals);
  virtual ~BareLoop() = default;

  // The steps, each on one post. `json` must be readable 64 bytes past its end.
  virtual std::string_view Parse(std::string_view json) = 0;  // the text
  virtual std::string_view Fold(std::string_view text) = 0;   // " hem 12 ngap "
  virtual int64_t Scan(std::string_view folded) = 0;          // literals found
};

}  // namespace keng::bench

#endif  // KENG_BENCH_BARE_LOOP_H_
