#ifndef KENG_FILTERS_MATCHER_INTERNAL_HYPERSCAN_H_
#define KENG_FILTERS_MATCHER_INTERNAL_HYPERSCAN_H_

// Hyperscan behind values of our own: a database of expressions and the scratch of a thread. A
// database is immutable and shared; a Scratch belongs to one thread and
// serves every database that it was made for. Callbacks append to a bounded buffer and do nothing
// else.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "filters/matcher/internal/scan_end.h"

struct hs_database;
struct hs_scratch;

namespace keng::filters {

class HsDatabase {
 public:
  HsDatabase() = default;  // matches nothing
  explicit HsDatabase(hs_database* database) : database_(database) {}
  ~HsDatabase();
  HsDatabase(HsDatabase&& other) noexcept;
  HsDatabase& operator=(HsDatabase&& other) noexcept;

  const hs_database* get() const { return database_; }
  bool empty() const { return database_ == nullptr; }
  size_t bytes() const;

 private:
  hs_database* database_ = nullptr;
};

struct HsExpression {
  enum class Form : uint8_t {
    kUtf8Caseless,  // on the text as typed
    kAscii,         // on the folded text
  };
  std::string pattern;
  Form form = Form::kUtf8Caseless;
};
// What is wrong with one expression, in Hyperscan's words; OK when it can stand in a database.
absl::Status CheckExpression(const HsExpression& expression);
// The id of expressions[i] is ids[i]. REQUIRES: each passed CheckExpression().
absl::StatusOr<HsDatabase> CompileExpressions(const std::vector<HsExpression>& expressions,
                                              const std::vector<uint32_t>& ids);

class HsScratch {
 public:
  HsScratch() = default;
  ~HsScratch();
  HsScratch(HsScratch&& other) noexcept;
  HsScratch& operator=(HsScratch&& other) noexcept;

  // Makes room for `database`. ResourceExhausted.
  absl::Status Fit(const HsDatabase& database);
  // A scratch of the same size for another thread.
  HsScratch Clone() const;
  hs_scratch* get() { return scratch_; }

 private:
  hs_scratch* scratch_ = nullptr;
};

struct ExpressionHit {
  uint32_t expression = 0;
  uint32_t begin = 0;
  uint32_t end = 0;
};

// Appends, for each expression, the ends of its leftmost occurrences. REQUIRES: valid UTF-8 where
// an expression is kUtf8Caseless.
ScanEnd ScanExpressions(const HsDatabase& database, HsScratch& scratch, std::string_view text,
                        size_t hits_max, std::vector<ExpressionHit>& out);

}  // namespace keng::filters

#endif  // KENG_FILTERS_MATCHER_INTERNAL_HYPERSCAN_H_
