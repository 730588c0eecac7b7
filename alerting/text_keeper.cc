#include "alerting/text_keeper.h"

#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "alerting/decide.h"
#include "alerting/text_record.h"
#include "base/check.h"
#include "base/crash_point.h"
#include "base/strings.h"

namespace keng::alerting {

namespace {

using stream::StreamId;

constexpr size_t kReadBytes = size_t{4} << 20;
// What one PutRight() appends at most; what is more waits for the next one.
constexpr size_t kPutRightAtOnce = 1'000;
constexpr size_t kPutRightBytes = size_t{4} << 20;

std::string ReadKey(int partition) { return base::StrCat("texts/", partition); }

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
  outdated_ = metrics->counter("keng_alerting_texts_outdated_total",
                               "Records of `texts` that were put right again: an old text had come "
                               "behind a deletion or a newer text");
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
    stream::Offset next = 0;
    if (read.has_value()) {
      next = static_cast<stream::Offset>(ReadBig(*read));
    } else {
      KENG_ASSIGN_OR_RETURN(next, streams_.Begin(StreamId::kTexts, p));
    }
    KENG_RETURN_IF_ERROR(reader_->Seek(p, next));
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
    KENG_RETURN_IF_ERROR(Take(record, *changes));
    ++(record.tombstone ? erased : kept);
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

absl::Status TextKeeper::Take(const stream::Record& record, store::Changes& changes) {
  if (record.tombstone) {
    changes.Delete(table::kTexts, record.key);
    if (may_have_marks_) changes.Delete(table::kTextMarks, record.key);
    return absl::OkStatus();
  }
  const std::string version = ParseTextRecord(record.value).version;
  KENG_ASSIGN_OR_RETURN(const auto post, Load<PostRow>(store_, table::kPosts, record.key));
  KENG_ASSIGN_OR_RETURN(const auto kept, Load<TextRow>(changes, table::kTexts, record.key));
  const bool superseded = post.has_value() && IsSuperseded(*post, version);
  if (superseded || (kept.has_value() && OlderVersion(version, kept->version))) {
    if (kept.has_value() && post.has_value() && IsSuperseded(*post, kept->version)) {
      changes.Delete(table::kTexts, record.key);
    }
    Mark(record.key, TextMark::kOutdated, changes);
    return absl::OkStatus();
  }
  changes.Put(
      table::kTexts, record.key,
      Encode(TextRow{
          .appended_at = record.time, .version = version, .record = std::string(record.value)}));
  changes.Put(table::kErasures, ErasureKey(record.time + kTextsKept, record.key), "");
  if (may_have_marks_) changes.Delete(table::kTextMarks, record.key);
  return absl::OkStatus();
}

void TextKeeper::Mark(std::string_view post, TextMark mark, store::Changes& changes) {
  may_have_marks_ = true;
  changes.Put(table::kTextMarks, post, std::string(1, static_cast<char>(mark)));
}

void TextKeeper::Note(const filters::InboxRecord& record) {
  if (const auto* gone = std::get_if<filters::RetractionRecord>(&record)) {
    noted_.emplace_back(gone->post, "");
  } else if (const auto* edit = std::get_if<filters::EditRecord>(&record)) {
    if (!edit->version.empty()) noted_.emplace_back(edit->post, edit->version);
  }
}

absl::Status TextKeeper::MarkNoted() {
  const std::unique_ptr<store::Changes> changes = store_.NewChanges();
  bool marked = false;
  for (const auto& [post, version] : noted_) {
    KENG_ASSIGN_OR_RETURN(const auto kept, Load<TextRow>(store_, table::kTexts, post));
    // The text of an edit comes before it, so that nearly always it is the newer one that is kept.
    if (!kept.has_value() || (!version.empty() && !OlderVersion(kept->version, version))) continue;
    KENG_ASSIGN_OR_RETURN(const auto mark, store_.Get(table::kTextMarks, post));
    if (mark.has_value()) continue;
    Mark(post, TextMark::kLookAgain, *changes);
    marked = true;
  }
  if (marked) KENG_RETURN_IF_ERROR(store_.Commit(*changes));
  noted_.clear();
  return absl::OkStatus();
}

absl::Status TextKeeper::PutRight() {
  if (!may_have_marks_) return absl::OkStatus();
  std::vector<std::pair<std::string, TextMark>> marks;
  KENG_RETURN_IF_ERROR(
      store_.Scan(table::kTextMarks, "", "", [&](std::string_view post, std::string_view mark) {
        KENG_CHECK(mark.size() == 1, mark.size());
        marks.emplace_back(post, static_cast<TextMark>(mark[0]));
        return marks.size() < kPutRightAtOnce ? store::Visit::kContinue : store::Visit::kStop;
      }));
  may_have_marks_ = !marks.empty();
  if (marks.empty()) return absl::OkStatus();
  const std::unique_ptr<store::Changes> changes = store_.NewChanges();
  stream::WriteSet set;
  for (const auto& [post, mark] : marks) {
    if (set.bytes() > kPutRightBytes) break;
    KENG_RETURN_IF_ERROR(Settle(post, mark, *changes, set));
  }
  KENG_RETURN_IF_ERROR(store_.Commit(*changes));
  KENG_CRASH_POINT("alerting.before_texts_put_right");
  if (set.empty()) return absl::OkStatus();
  KENG_RETURN_IF_ERROR(streams_.Write(set));
  outdated_.Add(static_cast<double>(set.entries().size()));
  return absl::OkStatus();
}

// What becomes of a marked post now. Its mark stays until the right record has been read.
absl::Status TextKeeper::Settle(std::string_view post, TextMark mark, store::Changes& changes,
                                stream::WriteSet& set) const {
  KENG_ASSIGN_OR_RETURN(const auto kept, Load<TextRow>(store_, table::kTexts, post));
  KENG_ASSIGN_OR_RETURN(const auto row, Load<PostRow>(store_, table::kPosts, post));
  const bool superseded = kept.has_value() && row.has_value() && IsSuperseded(*row, kept->version);
  if (mark == TextMark::kLookAgain) {
    if (!superseded) {
      changes.Delete(table::kTextMarks, post);
      return absl::OkStatus();
    }
    changes.Put(table::kTextMarks, post, std::string(1, static_cast<char>(TextMark::kOutdated)));
  }
  if (superseded) changes.Delete(table::kTexts, post);
  if (kept.has_value() && !superseded) {
    set.Append(StreamId::kTexts, post, kept->record);
  } else {
    set.AppendTombstone(StreamId::kTexts, post);
  }
  return absl::OkStatus();
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
