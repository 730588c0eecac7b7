#include "alerting/verify_fold.h"

#include <filesystem>
#include <map>

#include "absl/time/clock.h"
#include "alerting/incident_fold.h"
#include "alerting/internal/inbox_reading.h"
#include "base/check.h"
#include "base/strings.h"
#include "base/temporary_folder.h"
#include "filters/inbox_record.h"

namespace keng::alerting {

namespace {

constexpr size_t kReadBytes = size_t{4} << 20;

// Folds records [0, end) of one partition into `store`.
absl::Status Refold(stream::Streams& streams, int partition, int64_t end, store::Store& store) {
  KENG_ASSIGN_OR_RETURN(const auto fold, IncidentFold::Open(store, partition));
  KENG_ASSIGN_OR_RETURN(const auto tap, streams.OpenTap(stream::StreamId::kInbox, {partition}));
  filters::InboxParser parser;
  while (fold->next_offset() < end) {
    KENG_ASSIGN_OR_RETURN(const auto batch, tap->Read(kReadBytes, absl::ZeroDuration()));
    if (batch == nullptr) return absl::DataLossError("the inbox ends before the store's position");
    for (const stream::Record& record : batch->records()) {
      if (record.offset >= end) break;
      if (record.offset != fold->next_offset()) {
        return absl::FailedPreconditionError(base::StrCat(
            "the inbox begins at record ", record.offset,
            ": retention took what stood before, and a fold from empty cannot be compared"));
      }
      const auto read = ReadInbox(parser, record);
      if (const Outcome* skipped = std::get_if<Outcome>(&read)) {
        fold->Skip(record.offset, record.time, *skipped);
        continue;
      }
      const auto& known = std::get<filters::InboxRecord>(read);
      KENG_RETURN_IF_ERROR(fold->Apply(record.key, record.offset, record.time, known).status());
    }
    KENG_RETURN_IF_ERROR(fold->Commit());
  }
  return absl::OkStatus();
}

absl::StatusOr<std::map<std::string, std::string>> Rows(const store::View& view,
                                                        store::TableId table) {
  std::map<std::string, std::string> rows;
  KENG_RETURN_IF_ERROR(view.Scan(table, "", "", [&](std::string_view key, std::string_view value) {
    rows.emplace(key, value);
    return store::Visit::kContinue;
  }));
  return rows;
}

std::string Printable(const std::string& key) {
  std::string text;
  for (const char c : key) text += c >= ' ' && c <= '~' ? c : '.';
  return text;
}

}  // namespace

absl::StatusOr<std::string> VerifyFold(stream::Streams& streams, const store::View& view,
                                       rocksdb::Env* environment) {
  const base::TemporaryFolder folder("keng-verify");
  const base::RealClock clock;
  KENG_ASSIGN_OR_RETURN(const auto fresh, store::Store::Open({.path = folder.path() + "/store",
                                                              .layout = std::string(kStateLayout),
                                                              .environment = environment},
                                                             clock, nullptr));
  for (int partition = 0; partition < streams.partitions(stream::StreamId::kInbox); ++partition) {
    KENG_ASSIGN_OR_RETURN(const auto row,
                          Load<FoldRow>(view, table::kFold, base::StrCat("inbox/", partition)));
    if (row.has_value()) KENG_RETURN_IF_ERROR(Refold(streams, partition, row->next_offset, *fresh));
  }
  for (const store::TableId table : kFoldTables) {
    KENG_ASSIGN_OR_RETURN(const auto stored, Rows(view, table));
    KENG_ASSIGN_OR_RETURN(const auto folded, Rows(*fresh, table));
    for (const auto& [key, value] : folded) {
      const auto found = stored.find(key);
      if (found == stored.end()) {
        return base::StrCat("table ", static_cast<int>(table), " lacks the row ", Printable(key));
      }
      if (found->second != value) {
        return base::StrCat("table ", static_cast<int>(table), " differs in the row ",
                            Printable(key));
      }
    }
    for (const auto& [key, value] : stored) {
      if (folded.count(key) == 0) {
        return base::StrCat("table ", static_cast<int>(table), " has the row ", Printable(key),
                            " too many");
      }
    }
  }
  return std::string();
}

}  // namespace keng::alerting
