#include "alerting/text_keeper.h"

#include <boost/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "alerting/state_tables.h"
#include "base/check.h"
#include "base/crash_point.h"
#include "base/strings.h"

namespace keng::alerting {

namespace {

using stream::StreamId;

constexpr size_t kReadBytes = size_t{4} << 20;

std::string ReadKey(int partition) { return base::StrCat("texts/", partition); }

// The text of a record of `texts`; what is no such record is kept as no text.
std::string TextOf(std::string_view json) {
  boost::system::error_code error;
  const boost::json::value value = boost::json::parse({json.data(), json.size()}, error);
  if (error || !value.is_object()) return "";
  const boost::json::value* text = value.as_object().if_contains("text");
  return text != nullptr && text->is_string() ? std::string(text->as_string()) : "";
}

std::string ErasureKey(absl::Time time, std::string_view post) {
  std::string key;
  AppendTime(time, key);
  key += kTextErasure;
  key += post;
  return key;
}

}  // namespace

TextKeeper::TextKeeper(std::string reader, stream::Streams& streams, store::Store& store,
                       base::Metrics* metrics)
    : reader_name_(std::move(reader)), streams_(streams), store_(store) {
  if (metrics == nullptr) return;
  kept_ = metrics->counter("keng_alerting_texts_kept_total",
                           "Texts taken into the store for alerts to quote");
  erased_ =
      metrics->counter("keng_alerting_texts_erased_total", "Texts erased: deleted or expired");
}

TextKeeper::~TextKeeper() = default;

absl::StatusOr<std::unique_ptr<TextKeeper>> TextKeeper::Open(std::string reader,
                                                             stream::Streams& streams,
                                                             store::Store& store,
                                                             base::Metrics* metrics) {
  std::unique_ptr<TextKeeper> keeper(new TextKeeper(std::move(reader), streams, store, metrics));
  KENG_RETURN_IF_ERROR(keeper->OpenReader());
  return keeper;
}

absl::Status TextKeeper::OpenReader() {
  if (reader_name_.empty()) {
    KENG_ASSIGN_OR_RETURN(reader_, streams_.OpenTap(StreamId::kTexts));
  } else {
    KENG_ASSIGN_OR_RETURN(reader_, streams_.OpenReader(reader_name_, StreamId::kTexts));
  }
  for (int p = 0; p < streams_.partitions(StreamId::kTexts); ++p) {
    KENG_ASSIGN_OR_RETURN(const std::optional<std::string> read,
                          store_.Get(table::kTextsRead, ReadKey(p)));
    if (read.has_value()) {
      KENG_RETURN_IF_ERROR(reader_->Seek(p, static_cast<stream::Offset>(ReadBig(*read))));
      continue;
    }
    for (const stream::PartitionStats& stats : streams_.partition_stats()) {
      if (stats.stream == StreamId::kTexts && stats.partition == p) {
        KENG_RETURN_IF_ERROR(reader_->Seek(p, stats.begin));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status TextKeeper::Drain() {
  std::vector<stream::Offset> ends;
  for (int p = 0; p < streams_.partitions(StreamId::kTexts); ++p) {
    KENG_ASSIGN_OR_RETURN(const stream::Offset end, streams_.End(StreamId::kTexts, p));
    ends.push_back(end);
  }
  const auto behind = [&] {
    for (size_t p = 0; p < ends.size(); ++p) {
      if (reader_->position(static_cast<int>(p)) < ends[p]) return true;
    }
    return false;
  };
  while (behind()) {
    KENG_ASSIGN_OR_RETURN(const auto batch, reader_->Read(kReadBytes, absl::ZeroDuration()));
    if (batch == nullptr) break;  // what is missing was compacted away
    KENG_RETURN_IF_ERROR(Keep(*batch));
  }
  return absl::OkStatus();
}

absl::Status TextKeeper::Keep(const stream::RecordBatch& batch) {
  const std::unique_ptr<store::Changes> changes = store_.NewChanges();
  int64_t kept = 0;
  int64_t erased = 0;
  for (const stream::Record& record : batch.records()) {
    if (record.tombstone) {
      changes->Delete(table::kTexts, record.key);
      ++erased;
      continue;
    }
    changes->Put(table::kTexts, record.key,
                 Encode(TextRow{.appended_at = record.time, .text = TextOf(record.value)}));
    changes->Put(table::kErasures, ErasureKey(record.time + kTextsKept, record.key), "");
    ++kept;
  }
  std::string next;
  AppendBig(static_cast<uint64_t>(batch.next_offset()), next);
  changes->Put(table::kTextsRead, ReadKey(batch.partition()), next);
  const absl::Status committed = store_.Commit(*changes);
  if (!committed.ok()) {
    // The reader has moved past the batch: it goes back, so that the next call meets it again.
    const stream::Offset first =
        batch.records().empty() ? batch.next_offset() : batch.records().front().offset;
    KENG_RETURN_IF_ERROR(reader_->Seek(batch.partition(), first));
    return committed;
  }
  KENG_CRASH_POINT("alerting.after_texts");
  kept_.Add(static_cast<double>(kept));
  erased_.Add(static_cast<double>(erased));
  if (reader_name_.empty()) return absl::OkStatus();
  stream::WriteSet set;
  set.Commit(reader_name_, StreamId::kTexts, batch.partition(), batch.next_offset());
  return streams_.Write(set);
}

absl::StatusOr<int64_t> TextKeeper::Expire(std::string_view post, absl::Time now,
                                           store::Changes& changes) {
  KENG_ASSIGN_OR_RETURN(const auto text, Load<TextRow>(store_, table::kTexts, post));
  if (!text.has_value() || text->appended_at + kTextsKept > now) return 0;
  changes.Delete(table::kTexts, post);
  return 1;
}

void TextKeeper::CountErased(int64_t texts) { erased_.Add(static_cast<double>(texts)); }

}  // namespace keng::alerting
