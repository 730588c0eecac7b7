#include "filters/posts_guard.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "ingest/post_writer.h"

namespace keng::filters {

namespace {

using ingest::StateOrder;
using stream::StreamId;

constexpr size_t kReadBytes = size_t{1} << 20;
constexpr int kReadsAtOnce = 8;

// Of two deletions: one without a version bars every text, another those that are not newer.
bool BarsMore(const ingest::PostState& one, const ingest::PostState& other) {
  const std::string_view version(one.version, one.version_size);
  const std::string_view than(other.version, other.version_size);
  return !than.empty() && (version.empty() || version > than);
}

}  // namespace

PostsGuard::PostsGuard(PostsGuardOptions options, stream::Streams& streams, const std::string& name,
                       base::Metrics& metrics)
    : options_(options),
      streams_(streams),
      known_gauge_(metrics.gauge("keng_filters_newer_states",
                                 "Edited and deleted posts whose older states are kept out.",
                                 {{"partition", name}})),
      forgotten_counter_(
          metrics.counter("keng_filters_newer_states_forgotten_total",
                          "Of these, how many made room for others: older states may pass them.")),
      known_(options.ids_max) {}

PostsGuard::~PostsGuard() { known_gauge_.Set(0); }

void PostsGuard::Expect(int partition, stream::Offset next) {
  if (next > 0 && options_.warm_up_records > 0) unread_[partition] = next;
}

absl::StatusOr<int64_t> PostsGuard::WarmUp() {
  int64_t count = 0;
  for (int reads = 0; reads < kReadsAtOnce && !warm(); ++reads) {
    const auto& [partition, end] = *unread_.begin();
    if (tap_partition_ != partition) {
      KENG_ASSIGN_OR_RETURN(auto tap, streams_.OpenTap(StreamId::kPosts, {partition}));
      KENG_RETURN_IF_ERROR(
          tap->Seek(partition, std::max<stream::Offset>(0, end - options_.warm_up_records)));
      tap_ = std::move(tap);
      tap_partition_ = partition;
    }
    KENG_ASSIGN_OR_RETURN(const auto batch, tap_->Read(kReadBytes, absl::ZeroDuration()));
    if (batch != nullptr) {
      Learn(*batch, end);
      count += static_cast<int64_t>(batch->records().size());
    }
    if (batch != nullptr && tap_->position(partition) < end) continue;
    unread_.erase(unread_.begin());
    tap_ = nullptr;
    tap_partition_ = -1;
  }
  Report();
  return count;
}

void PostsGuard::Learn(const stream::RecordBatch& batch, stream::Offset end) {
  for (const stream::Record& record : batch.records()) {
    // What the worker has still to process must not be old news by then.
    if (record.offset >= end) return;
    const base::Hash128 id = base::StableHash128(record.key);
    ingest::Post post;
    if (record.tombstone) {
      post.kind = ingest::PostKind::kDelete;
      Note(id, post, record.offset);
      continue;
    }
    ingest::PostParser::Brief brief;
    if (parser_.ParseBrief(record.value, brief) && !brief.edit && known_.Find(id) == nullptr)
      continue;
    const ingest::DropReason reason =
        parser_.Parse(record.value, ingest::PostParser::Mode::kStored, record.time, post);
    if (reason == ingest::DropReason::kNone) Note(id, post, record.offset);
  }
}

StateOrder PostsGuard::Note(base::Hash128 id, const ingest::Post& post, stream::Offset offset) {
  const ingest::PostState state = ingest::PostState::Of(post);
  const Known* known = known_.Find(id);
  const StateOrder order = CompareStates(known == nullptr ? nullptr : &known->state, state);
  if (order == StateOrder::kOutdated) return order;
  // Of two records of one state the later is kept longer.
  const bool keeps =
      order == StateOrder::kRepeated && state.deleted && !BarsMore(state, known->state);
  known_.Put(id, {.state = keeps ? known->state : state, .offset = offset});
  return order;
}

PostsGuard::Standing PostsGuard::Observe(const ingest::Post& post, stream::Offset offset) {
  const base::Hash128 id = base::StableHash128(post.id);
  if (Note(id, post, offset) != StateOrder::kOutdated) return Standing::kCurrent;
  owed_.push_back({.id = std::string(post.id),
                   .source = std::string(post.source),
                   .offset = offset,
                   .newer = *known_.Find(id)});
  return Standing::kOutdated;
}

absl::StatusOr<int64_t> PostsGuard::Restore(stream::WriteSet& writes) {
  while (!owed_.empty()) {
    Owed& owed = owed_.back();
    // What came in the same batch behind the outdated state counts too.
    if (const Known* now = known_.Find(base::StableHash128(owed.id))) owed.newer = *now;
    if (owed.newer.state.deleted) {
      AppendDeletion(owed, writes);
    } else {
      KENG_ASSIGN_OR_RETURN(const Found found, AppendEdit(owed, writes));
      if (found == Found::kNo) {
        ++not_restored_;
        base::LogWarn("filters.edit_not_restored", {{"partition", base::StrCat(tap_partition_)},
                                                    {"offset", base::StrCat(owed.offset)},
                                                    {"edit_at", base::StrCat(owed.newer.offset)}});
      }
    }
    owed_.pop_back();
  }
  tap_ = nullptr;
  tap_partition_ = -1;
  restored_bytes_ = 0;
  Report();
  return std::exchange(not_restored_, 0);
}

void PostsGuard::AppendDeletion(const Owed& owed, stream::WriteSet& writes) {
  writes.AppendTombstone(StreamId::kTexts, owed.id);
  const ingest::PostState& state = owed.newer.state;
  ingest::Post gone;
  gone.kind = ingest::PostKind::kDelete;
  gone.id = owed.id;
  gone.source = owed.source;
  gone.version = {state.version, state.version_size};
  ingest::AppendPostJson(gone, writes.BeginRecord(StreamId::kPosts, owed.id));
  writes.EndRecord();
}

absl::StatusOr<PostsGuard::Found> PostsGuard::AppendEdit(const Owed& owed,
                                                         stream::WriteSet& writes) {
  const int partition = base::PartitionOf(stream::PartitionKey(StreamId::kPosts, owed.id),
                                          streams_.partitions(StreamId::kPosts));
  if (tap_partition_ != partition) {
    KENG_ASSIGN_OR_RETURN(tap_, streams_.OpenTap(StreamId::kPosts, {partition}));
    tap_partition_ = partition;
  }
  if (restored_bytes_ >= options_.restored_bytes_max) return Found::kNo;
  KENG_RETURN_IF_ERROR(tap_->Seek(partition, owed.newer.offset));
  KENG_ASSIGN_OR_RETURN(const auto batch, tap_->Read(1, absl::ZeroDuration()));
  // Compaction and retention leave gaps.
  if (batch == nullptr || batch->records().empty()) return Found::kNo;
  const stream::Record& record = batch->records().front();
  if (record.offset != owed.newer.offset || record.key != owed.id) return Found::kNo;
  writes.Append(StreamId::kPosts, record.key, record.value);
  restored_bytes_ += record.value.size();
  return Found::kYes;
}

void PostsGuard::Report() {
  known_gauge_.Set(static_cast<double>(known_.size()));
  forgotten_counter_.Add(static_cast<double>(known_.forgotten() - forgotten_reported_));
  forgotten_reported_ = known_.forgotten();
}

}  // namespace keng::filters
