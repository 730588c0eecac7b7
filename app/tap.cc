#include "app/tap.h"

#include <algorithm>

#include "base/check.h"
#include "base/json_text.h"
#include "base/strings.h"
#include "ingest/rfc3339.h"

namespace keng::app {

namespace {

constexpr size_t kReadBytes = size_t{4} << 20;

void AppendLine(const stream::RecordBatch& batch, const stream::Record& record, std::string& out) {
  base::StrAppend(&out, R"({"stream":")", stream::StreamName(batch.stream()), R"(","partition":)",
                  batch.partition(), R"(,"offset":)", record.offset, R"(,"time":")");
  ingest::AppendRfc3339(record.time, out);
  out.append(R"(","key":)");
  base::AppendJsonString(record.key, out);
  out.append(R"(,"value":)");
  // Values are JSON objects; anything else is shown as text.
  if (record.tombstone) {
    out.append("null");
  } else if (record.value.starts_with('{')) {
    out.append(record.value);
  } else {
    base::AppendJsonString(record.value, out);
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
