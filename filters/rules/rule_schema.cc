#include <fstream>
#include <ostream>
#include <string_view>

#include "filters/rules/rule_commands.h"

namespace keng::filters {

namespace {

// rules/rules.schema.json, compiled in so that the program needs no file of its own.
constexpr std::string_view kSchema =
#include "filters/rules/internal/rules_schema.inc"
    ;

}  // namespace

int RulesSchema(std::ostream& out) {
  out << kSchema;
  return out ? 0 : 1;
}

}  // namespace keng::filters
