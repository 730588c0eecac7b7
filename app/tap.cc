#include "app/tap.h"

#include <algorithm>

#include "base/check.h"
#include "base/json_text.h"
#include "base/strings.h"
#include "ingest/rfc3339.h"

namespace keng::app {

namespace {

constexpr size_t kReadBytes = size_t{4} << 20;

// The length of the UTF-8 sequence (RFC 3629) at the front of `text`; 0 when there is none.
size_t SequenceLength(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  const size_t length = first < 0x80                    ? 1
                        : first >= 0xC2 && first < 0xE0 ? 2
                        : first >= 0xE0 && first < 0xF0 ? 3
                        : first >= 0xF0 && first < 0xF5 ? 4
                                                        : 0;
  if (length == 0 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const bool overlong = (first == 0xE0 && byte(1) < 0xA0) || (first == 0xF0 && byte(1) < 0x90);
  const bool no_character =
      (first == 0xED && byte(1) >= 0xA0) || (first == 0xF4 && byte(1) >= 0x90);
  return overlong || no_character ? 0 : length;
}

// Rows of `state` and chunks of rules are bytes: what is no UTF-8 becomes U+FFFD, so that every
// line is JSON.
void AppendReadable(std::string_view bytes, std::string& out) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    const size_t length = SequenceLength(bytes);
    text.append(length == 0 ? "\xEF\xBF\xBD" : bytes.substr(0, length));
    bytes.remove_prefix(std::max<size_t>(length, 1));
  }
  base::AppendJsonString(text, out);
}

void AppendLine(const stream::RecordBatch& batch, const stream::Record& record, std::string& out) {
  base::StrAppend(&out, R"({"stream":")", stream::StreamName(batch.stream()), R"(","partition":)",
                  batch.partition(), R"(,"offset":)", record.offset, R"(,"time":")");
  ingest::AppendRfc3339(record.time, out);
  out.append(R"(","key":)");
  AppendReadable(record.key, out);
  out.append(R"(,"value":)");
  // Values that keng writes are JSON objects or bytes; what others wrote to the intake may be
  // anything.
  if (record.tombstone) {
    out.append("null");
  } else if (record.value.starts_with('{') && batch.stream() != stream::StreamId::kIntake) {
    out.append(record.value);
  } else {
    AppendReadable(record.value, out);
  }
  out.append("}\n");
}

}  // namespace

absl::StatusOr<TapResult> Tap(stream::Streams& streams, const TapRequest& request) {
  TapResult result;
  int64_t left = request.records_max;
  for (int partition = 0; partition < streams.partitions(request.stream); ++partition) {
    KENG_ASSIGN_OR_RETURN(const auto reader, streams.OpenTap(request.stream, {partition}));
    KENG_ASSIGN_OR_RETURN(const stream::Offset end, streams.End(request.stream, partition));
    const auto asked = request.from.find(partition);
    const stream::Offset begin = asked != request.from.end()
                                     ? asked->second
                                     : std::max<stream::Offset>(0, end - request.newest);
    KENG_RETURN_IF_ERROR(reader->Seek(partition, std::min(begin, end)));
    stream::Offset next = std::min(begin, end);
    while (left > 0 && next < end) {
      KENG_ASSIGN_OR_RETURN(const auto batch, reader->Read(kReadBytes, absl::ZeroDuration()));
      if (batch == nullptr) break;
      for (const stream::Record& record : batch->records()) {
        if (record.offset < next) continue;
        if (left == 0) break;
        AppendLine(*batch, record, result.lines);
        next = record.offset + 1;
        --left;
      }
      if (left > 0) next = batch->next_offset();
    }
    result.next[partition] = next;
  }
  return result;
}

}  // namespace keng::app
