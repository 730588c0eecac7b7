// Whatever stands in the inbox, the parser says no or gives a record that survives a round trip.

#include <cstdint>
#include <string>

#include "base/check.h"
#include "filters/inbox_record.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static keng::filters::InboxParser parser;
  std::string json(reinterpret_cast<const char*>(data), size);
  json.resize(size + 64);
  const auto record = parser.Parse(std::string_view(json).substr(0, size));
  if (!record.ok()) return 0;
  std::string once;
  AppendInboxRecord(*record, once);
  const size_t once_size = once.size();
  once.resize(once_size + 64);
  const auto again = parser.Parse(std::string_view(once).substr(0, once_size));
  KENG_CHECK(again.ok(), again.status().ToString(), " ", once);
  std::string twice;
  AppendInboxRecord(*again, twice);
  KENG_CHECK(std::string_view(once).substr(0, once_size) == twice, once, " ", twice);
  return 0;
}
