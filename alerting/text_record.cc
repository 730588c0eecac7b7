#include "alerting/text_record.h"

#include <boost/json.hpp>

namespace keng::alerting {

TextRecord ParseTextRecord(std::string_view json) {
  boost::system::error_code error;
  const boost::json::value value = boost::json::parse({json.data(), json.size()}, error);
  if (error || !value.is_object()) return {};
  const auto field = [&](std::string_view name) {
    const boost::json::value* found = value.as_object().if_contains(name);
    return found != nullptr && found->is_string() ? std::string(found->as_string()) : "";
  };
  return {.text = field("text"), .version = field("version")};
}

}  // namespace keng::alerting
