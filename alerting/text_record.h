#ifndef KENG_ALERTING_TEXT_RECORD_H_
#define KENG_ALERTING_TEXT_RECORD_H_

// A record of `texts`, as filters write it (filters/filter_worker.cc): a JSON object with "text",
// "url", "account" and "version".
//
// Threads: any. Tests: alerting/text_keeper_test.cc.

#include <string>
#include <string_view>

namespace keng::alerting {

struct TextRecord {
  std::string text;
  std::string version;  // of the post; empty: unknown
};

// What is no such record has no text and no version.
TextRecord ParseTextRecord(std::string_view json);

}  // namespace keng::alerting

#endif  // KENG_ALERTING_TEXT_RECORD_H_
