#include "store/internal/group_commit.h"

#include <memory>
#include <utility>

#include "absl/strings/numbers.h"
#include "base/check.h"
#include "base/crash_point.h"
#include "base/strings.h"

namespace keng::store {
namespace {

// A batch is taken along while the group is smaller than this; the first is taken at any size.
constexpr size_t kGroupBytes = size_t{1} << 20;
constexpr std::string_view kPositionKey("\0log", 4);

std::string_view ToView(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

void AddIfLogged(const ChangeLog& log, std::string_view full_key,
                 std::optional<std::string_view> value, std::vector<Change>& changes) {
  const TableId table = static_cast<TableId>(full_key[0]);
  const std::string_view key = full_key.substr(1);
  if (log.Logs(table, key)) changes.push_back({.table = table, .key = key, .value = value});
}

// Visits what each row of the batch has become in the end: the fold writes an incident again for
// each of its hits.
template <typename Visit>
void ForEachRow(rocksdb::WriteBatchWithIndex& batch, Visit visit) {
  const std::unique_ptr<rocksdb::WBWIIterator> it(batch.NewIterator());
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    const rocksdb::WriteEntry entry = it->Entry();
    if (entry.type == rocksdb::kDeleteRecord) {
      visit(ToView(entry.key), std::optional<std::string_view>());
    } else {
      KENG_CHECK(entry.type == rocksdb::kPutRecord, static_cast<int>(entry.type));
      visit(ToView(entry.key), std::optional(ToView(entry.value)));
    }
  }
}

rocksdb::WriteBatch Copy(rocksdb::WriteBatchWithIndex& batch) {
  rocksdb::WriteBatch copy;
  ForEachRow(batch, [&](std::string_view key, std::optional<std::string_view> value) {
    const rocksdb::Slice slice(key.data(), key.size());
    const rocksdb::Status status =
        value ? copy.Put(slice, rocksdb::Slice(value->data(), value->size())) : copy.Delete(slice);
    KENG_CHECK(status.ok(), status.ToString());
  });
  return copy;
}

class LoggedChanges final : public rocksdb::WriteBatch::Handler {
 public:
  LoggedChanges(const ChangeLog& log, std::vector<Change>& changes)
      : log_(log), changes_(changes) {}
  rocksdb::Status PutCF(uint32_t, const rocksdb::Slice& key, const rocksdb::Slice& value) override {
    AddIfLogged(log_, ToView(key), ToView(value), changes_);
    return rocksdb::Status::OK();
  }
  rocksdb::Status DeleteCF(uint32_t, const rocksdb::Slice& key) override {
    AddIfLogged(log_, ToView(key), std::nullopt, changes_);
    return rocksdb::Status::OK();
  }

 private:
  const ChangeLog& log_;
  std::vector<Change>& changes_;
};

}  // namespace

void PutLogPosition(const LogPosition& position, rocksdb::WriteBatch& batch) {
  const rocksdb::Status put =
      batch.Put(rocksdb::Slice(kPositionKey.data(), kPositionKey.size()),
                base::StrCat(position.next, " ", absl::ToUnixMicros(position.at)));
  KENG_CHECK(put.ok(), put.ToString());
}

void RemoveLogPosition(rocksdb::WriteBatch& batch) {
  const rocksdb::Status removed =
      batch.Delete(rocksdb::Slice(kPositionKey.data(), kPositionKey.size()));
  KENG_CHECK(removed.ok(), removed.ToString());
}

absl::StatusOr<std::optional<LogPosition>> ReadLogPosition(rocksdb::DB& db) {
  std::string text;
  const rocksdb::Status got =
      db.Get({}, rocksdb::Slice(kPositionKey.data(), kPositionKey.size()), &text);
  if (got.IsNotFound()) return std::nullopt;
  if (!got.ok()) return absl::DataLossError(base::StrCat("store: read: ", got.ToString()));
  const size_t space = text.find(' ');
  int64_t next = 0, micros = 0;
  if (space == std::string::npos || !absl::SimpleAtoi(text.substr(0, space), &next) ||
      !absl::SimpleAtoi(text.substr(space + 1), &micros)) {
    return absl::DataLossError("store: the position in the log of changes is not readable");
  }
  return LogPosition{.next = next, .at = absl::FromUnixMicros(micros)};
}

GroupCommit::GroupCommit(ChangeLog& log, WriteFn write, const base::Clock& clock, base::Gauge owed)
    : log_(log), write_(std::move(write)), clock_(clock), owed_gauge_(owed) {}

absl::Status GroupCommit::Commit(rocksdb::WriteBatchWithIndex& batch, Owed& owed) {
  Waiting mine{.batch = &batch, .owed = &owed};
  std::vector<Waiting*> group;
  {
    base::MutexLock lock(mutex_);
    queue_.push_back(&mine);
    while (!mine.is_done && queue_.front() != &mine) changed_.Wait(mutex_);
    if (mine.is_done) return mine.status;
    group = TakeGroup();
  }
  Lead(group);
  base::MutexLock lock(mutex_);
  for (Waiting* waiting : group) {
    queue_.pop_front();
    waiting->is_done = true;
  }
  changed_.NotifyAll();
  return mine.status;
}

std::vector<GroupCommit::Waiting*> GroupCommit::TakeGroup() {
  std::vector<Waiting*> group;
  size_t bytes = 0;
  for (Waiting* waiting : queue_) {
    const size_t more = waiting->batch->GetWriteBatch()->GetDataSize();
    if (!group.empty() && bytes + more > kGroupBytes) break;
    bytes += more;
    group.push_back(waiting);
  }
  return group;
}

void GroupCommit::Lead(const std::vector<Waiting*>& group) {
  absl::Status status = lost_;
  if (status.ok()) status = Settle();
  std::vector<Waiting*> live;
  std::vector<Change> changes;
  for (Waiting* waiting : group) {
    waiting->status = status;
    if (!status.ok()) continue;
    if (waiting->owed->has_value()) {
      // G3. It was settled just now, or by a leader before.
      KENG_CHECK(**waiting->owed == waiting->batch->GetWriteBatch()->Count(),
                 "a batch was changed between two attempts to commit it");
      waiting->owed->reset();
      continue;
    }
    live.push_back(waiting);
    ForEachRow(*waiting->batch, [&](std::string_view key, std::optional<std::string_view> value) {
      AddIfLogged(log_, key, value, changes);
    });
  }
  std::optional<int64_t> position;
  if (!changes.empty()) {
    const absl::StatusOr<int64_t> appended = Append(changes);
    if (!appended.ok()) {
      if (absl::IsUnavailable(appended.status())) Owe(live, std::nullopt);
      for (Waiting* waiting : live) waiting->status = appended.status();
      return;
    }
    position = *appended;
    KENG_CRASH_POINT("store.after_append");
  }
  for (size_t i = 0; i < live.size(); ++i) {
    status = write_(*live[i]->batch->GetWriteBatch());
    if (status.ok()) continue;
    for (size_t left = i; left < live.size(); ++left) live[left]->status = status;
    if (position) Owe(absl::MakeSpan(live).subspan(i), position);
    return;
  }
  if (position) KeepPosition(*position);
}

absl::StatusOr<int64_t> GroupCommit::Append(const std::vector<Change>& changes) {
  absl::StatusOr<int64_t> position = log_.Append(changes);
  if (absl::IsAborted(position.status())) lost_ = position.status();
  return position;
}

absl::Status GroupCommit::Settle() {
  if (!debt_) return absl::OkStatus();
  if (!debt_->position) {
    std::vector<Change> changes;
    LoggedChanges handler(log_, changes);
    for (const rocksdb::WriteBatch& batch : debt_->batches) {
      const rocksdb::Status status = batch.Iterate(&handler);
      KENG_CHECK(status.ok(), status.ToString());
    }
    const absl::StatusOr<int64_t> appended = Append(changes);
    if (!appended.ok()) return appended.status();
    debt_->position = *appended;
  }
  while (!debt_->batches.empty()) {
    const absl::Status status = write_(debt_->batches.front());
    if (!status.ok()) return status;
    debt_->batches.erase(debt_->batches.begin());
  }
  KeepPosition(*debt_->position);
  debt_.reset();
  owed_gauge_.Set(0);
  return absl::OkStatus();
}

void GroupCommit::Owe(absl::Span<Waiting* const> batches, std::optional<int64_t> position) {
  debt_.emplace();
  debt_->position = position;
  for (Waiting* waiting : batches) {
    debt_->batches.push_back(Copy(*waiting->batch));
    *waiting->owed = waiting->batch->GetWriteBatch()->Count();
  }
  owed_gauge_.Set(static_cast<double>(debt_->batches.size()));
}

// In a write of its own: a crash before it makes the next recovery read a little again. When it is
// refused the position stays behind, which does no harm either.
void GroupCommit::KeepPosition(int64_t position) {
  rocksdb::WriteBatch batch;
  PutLogPosition({.next = position, .at = clock_.Now()}, batch);
  (void)write_(batch);
}

}  // namespace keng::store
