#include "filters/matcher/internal/hyperscan.h"

#include <hs.h>

#include <utility>

#include "base/check.h"
#include "base/strings.h"

namespace keng::filters {

namespace {

unsigned FlagsOf(HsExpression::Form form) {
  return form == HsExpression::Form::kUtf8Caseless
             ? HS_FLAG_UTF8 | HS_FLAG_CASELESS | HS_FLAG_SOM_LEFTMOST
             : HS_FLAG_SOM_LEFTMOST;
}

// Frees the error and gives its words.
std::string TakeMessage(hs_compile_error_t* error) {
  std::string message =
      error == nullptr || error->message == nullptr ? "out of memory" : error->message;
  hs_free_compile_error(error);
  return message;
}

struct Buffer {
  std::vector<ExpressionHit>* hits;
  size_t hits_max;
};

int AppendExpression(unsigned id, unsigned long long from, unsigned long long to, unsigned,
                     void* context) {
  auto* buffer = static_cast<Buffer*>(context);
  if (buffer->hits->size() >= buffer->hits_max) return 1;
  buffer->hits->push_back(
      ExpressionHit{id, static_cast<uint32_t>(from), static_cast<uint32_t>(to)});
  return 0;
}

}  // namespace

HsDatabase::~HsDatabase() { hs_free_database(database_); }
HsDatabase::HsDatabase(HsDatabase&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)) {}
HsDatabase& HsDatabase::operator=(HsDatabase&& other) noexcept {
  std::swap(database_, other.database_);
  return *this;
}
size_t HsDatabase::bytes() const {
  size_t bytes = 0;
  if (database_ != nullptr) hs_database_size(database_, &bytes);
  return bytes;
}

absl::Status CheckExpression(const HsExpression& expression) {
  hs_expr_info_t* info = nullptr;
  hs_compile_error_t* error = nullptr;
  if (hs_expression_info(expression.pattern.c_str(), FlagsOf(expression.form), &info, &error) !=
      HS_SUCCESS) {
    return absl::InvalidArgumentError(TakeMessage(error));
  }
  free(info);
  // What passes so far can still be too large for the compiler, which only compiling tells.
  return CompileExpressions({expression}, {0}).status();
}

absl::StatusOr<HsDatabase> CompileExpressions(const std::vector<HsExpression>& expressions,
                                              const std::vector<uint32_t>& ids) {
  if (expressions.empty()) return HsDatabase();
  std::vector<const char*> patterns;
  std::vector<unsigned> flags;
  for (const HsExpression& expression : expressions) {
    patterns.push_back(expression.pattern.c_str());
    flags.push_back(FlagsOf(expression.form));
  }
  hs_database_t* database = nullptr;
  hs_compile_error_t* error = nullptr;
  if (hs_compile_multi(patterns.data(), flags.data(), ids.data(),
                       static_cast<unsigned>(patterns.size()), HS_MODE_BLOCK, nullptr, &database,
                       &error) != HS_SUCCESS) {
    return absl::InvalidArgumentError(TakeMessage(error));
  }
  return HsDatabase(database);
}

HsScratch::~HsScratch() { hs_free_scratch(scratch_); }
HsScratch::HsScratch(HsScratch&& other) noexcept
    : scratch_(std::exchange(other.scratch_, nullptr)) {}
HsScratch& HsScratch::operator=(HsScratch&& other) noexcept {
  std::swap(scratch_, other.scratch_);
  return *this;
}

absl::Status HsScratch::Fit(const HsDatabase& database) {
  if (database.empty()) return absl::OkStatus();
  if (hs_alloc_scratch(database.get(), &scratch_) != HS_SUCCESS)
    return absl::ResourceExhaustedError("no memory for the matcher's scratch");
  return absl::OkStatus();
}

HsScratch HsScratch::Clone() const {
  HsScratch clone;
  if (scratch_ == nullptr) return clone;
  const hs_error_t error = hs_clone_scratch(scratch_, &clone.scratch_);
  KENG_CHECK(error == HS_SUCCESS, "hs_clone_scratch: ", error);
  return clone;
}

ScanEnd ScanExpressions(const HsDatabase& database, HsScratch& scratch, std::string_view text,
                        size_t hits_max, std::vector<ExpressionHit>& out) {
  // Nothing that compiles matches an empty text, and one without memory Hyperscan does not take.
  if (database.empty() || text.empty()) return ScanEnd::kWhole;
  Buffer buffer{&out, hits_max};
  const hs_error_t error = hs_scan(database.get(), text.data(), static_cast<unsigned>(text.size()),
                                   0, scratch.get(), AppendExpression, &buffer);
  if (error == HS_SCAN_TERMINATED) return ScanEnd::kCapped;
  KENG_CHECK(error == HS_SUCCESS, "hs_scan: ", error);
  return ScanEnd::kWhole;
}

}  // namespace keng::filters
