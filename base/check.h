#ifndef KENG_BASE_CHECK_H_
#define KENG_BASE_CHECK_H_

// CHECKs for bugs: conditions that only a mistake in this program can break. They stay on in
// release, print the expression, the place and a message, and abort. Bad input, a dead peer or a
// full disk is never a CHECK: those are absl::Status.

#include <string_view>

#include "base/strings.h"

namespace keng::base {

// Prints "FILE:LINE: CHECK failed: EXPRESSION MESSAGE" to standard error and aborts.
[[noreturn]] void CheckFailed(const char* file, int line, const char* expression,
                              std::string_view message);

}  // namespace keng::base

// KENG_CHECK(condition, message pieces for absl::StrCat ...)
#define KENG_CHECK(condition, ...)                                                    \
  do {                                                                                \
    if (!(condition)) [[unlikely]] {                                                  \
      ::keng::base::CheckFailed(__FILE__, __LINE__, #condition,                       \
                                ::keng::base::StrCat("" __VA_OPT__(, ) __VA_ARGS__)); \
    }                                                                                 \
  } while (false)

// Returns the status from the enclosing function when the expression is not OK.
#define KENG_RETURN_IF_ERROR(expression)                                                     \
  do {                                                                                       \
    if (::absl::Status keng_status_ = (expression); !keng_status_.ok()) return keng_status_; \
  } while (false)

#define KENG_STATUS_CONCAT_INNER(a, b) a##b
#define KENG_STATUS_CONCAT(a, b) KENG_STATUS_CONCAT_INNER(a, b)
// NOLINTBEGIN(bugprone-macro-parentheses): a declaration cannot stand in parentheses.
// KENG_ASSIGN_OR_RETURN(auto value, StatusOrExpression());
#define KENG_ASSIGN_OR_RETURN(declaration, expression) \
  KENG_ASSIGN_OR_RETURN_IMPL(KENG_STATUS_CONCAT(keng_status_or_, __LINE__), declaration, expression)
#define KENG_ASSIGN_OR_RETURN_IMPL(temporary, declaration, expression) \
  auto temporary = (expression);                                       \
  if (!temporary.ok()) return std::move(temporary).status();           \
  declaration = *std::move(temporary)
// NOLINTEND(bugprone-macro-parentheses)

#endif  // KENG_BASE_CHECK_H_
