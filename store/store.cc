#include "store/store.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <tuple>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/database_files.h"
#include "base/database_log.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/strings.h"
#include "rocksdb/cache.h"
#include "rocksdb/db.h"
#include "rocksdb/filter_policy.h"
#include "rocksdb/table.h"
#include "rocksdb/utilities/write_batch_with_index.h"
#include "store/internal/group_commit.h"

namespace keng::store {
namespace {

// The form of the store itself: key = table byte + key. Goes up with any change to it.
constexpr std::string_view kFormat = "keng-store/1";
constexpr TableId kOwnTable = 0;
constexpr std::string_view kFormatKey = "format";
constexpr std::string_view kErasedKey = "erased_at";

rocksdb::Slice ToSlice(std::string_view text) { return {text.data(), text.size()}; }
std::string_view ToView(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

std::string FullKey(TableId table, std::string_view key) {
  std::string full;
  full.reserve(key.size() + 1);
  full += static_cast<char>(table);
  full += key;
  return full;
}

absl::Status FromRocks(const rocksdb::Status& status, std::string_view what) {
  if (status.ok()) return absl::OkStatus();
  const std::string message = base::StrCat("store: ", what, ": ", status.ToString());
  if (status.IsCorruption()) return absl::DataLossError(message);
  if (status.IsShutdownInProgress()) {
    return absl::DataLossError(base::StrCat(
        message, " (RocksDB cannot go on after the full disk: the store must be opened again)"));
  }
  if (status.IsNoSpace() || status.subcode() == rocksdb::Status::SubCode::kSpaceLimit) {
    return absl::ResourceExhaustedError(message);
  }
  if (status.IsIOError()) return absl::DataLossError(message);
  return absl::InternalError(message);
}

absl::StatusOr<std::optional<std::string>> FromGet(const rocksdb::Status& status,
                                                   std::string value) {
  if (status.IsNotFound()) return std::nullopt;
  KENG_RETURN_IF_ERROR(FromRocks(status, "read"));
  return value;
}

absl::Status ScanWith(rocksdb::Iterator& iterator, TableId table, std::string_view begin,
                      std::string_view end, Visitor visit) {
  const std::string last = end.empty() ? PrefixEnd(FullKey(table, "")) : FullKey(table, end);
  for (iterator.Seek(FullKey(table, begin)); iterator.Valid(); iterator.Next()) {
    const std::string_view key = ToView(iterator.key());
    if (!last.empty() && key >= last) break;
    if (visit(key.substr(1), ToView(iterator.value())) == Visit::kStop) break;
  }
  return FromRocks(iterator.status(), "scan");
}

rocksdb::Options ToRocks(const StoreOptions& options) {
  rocksdb::Options rocks;
  rocks.create_if_missing = true;
  rocks.write_buffer_size = options.write_buffer_bytes;
  rocks.max_write_buffer_number = 3;
  rocks.compression = rocksdb::kLZ4Compression;
  // I2: a record that is whole and fails its checksum stops the opening.
  rocks.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  rocks.max_open_files = 256;
  rocks.max_total_wal_size = options.write_buffer_bytes * 4;
  rocks.info_log = base::MakeDatabaseLog("store.rocksdb");
  // The manifest names the smallest and largest keys of files that are gone: keep it short.
  rocks.max_manifest_file_size = size_t{256} << 10;
  rocks.stats_dump_period_sec = 0;
  rocks.stats_persist_period_sec = 0;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(options.cache_bytes);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.cache_index_and_filter_blocks = true;
  rocks.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  base::ResumeByHand(rocks);
  if (options.environment != nullptr) {
    rocks.env = options.environment;
    rocks.avoid_flush_during_shutdown = true;
  }
  return rocks;
}

}  // namespace

std::string PrefixEnd(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && static_cast<uint8_t>(end.back()) == 0xff) end.pop_back();
  if (!end.empty()) end.back() = static_cast<char>(static_cast<uint8_t>(end.back()) + 1);
  return end;
}

struct Changes::State {
  explicit State(rocksdb::DB& database)
      : db(database), batch(rocksdb::BytewiseComparator(), 0, /*overwrite_key=*/true) {}
  rocksdb::DB& db;
  rocksdb::WriteBatchWithIndex batch;
  GroupCommit::Owed owed;
};

Changes::Changes(std::unique_ptr<State> state) : state_(std::move(state)) {}
Changes::~Changes() = default;

void Changes::Put(TableId table, std::string_view key, std::string_view value) {
  const rocksdb::Status status = state_->batch.Put(FullKey(table, key), ToSlice(value));
  KENG_CHECK(status.ok(), status.ToString());
}

void Changes::Delete(TableId table, std::string_view key) {
  const rocksdb::Status status = state_->batch.Delete(FullKey(table, key));
  KENG_CHECK(status.ok(), status.ToString());
}

absl::StatusOr<std::optional<std::string>> Changes::Get(TableId table, std::string_view key) const {
  std::string value;
  const rocksdb::Status status = state_->batch.GetFromBatchAndDB(
      &state_->db, rocksdb::ReadOptions(), FullKey(table, key), &value);
  return FromGet(status, std::move(value));
}

absl::Status Changes::Scan(TableId table, std::string_view begin, std::string_view end,
                           Visitor visit) const {
  const std::unique_ptr<rocksdb::Iterator> iterator(
      state_->batch.NewIteratorWithBase(state_->db.NewIterator(rocksdb::ReadOptions())));
  return ScanWith(*iterator, table, begin, end, visit);
}

size_t Changes::bytes() const { return state_->batch.GetWriteBatch()->GetDataSize(); }
void Changes::Clear() {
  state_->batch.Clear();
  state_->owed.reset();
}

struct Store::State {
  State(const StoreOptions& store_options, const base::Clock& store_clock)
      : options(store_options), clock(store_clock) {}

  const StoreOptions options;
  const base::Clock& clock;
  std::unique_ptr<rocksdb::DB> db;
  base::Counter full_total;
  base::Counter erased_total;
  base::Gauge disk_gauge;
  base::Gauge owed_gauge;
  std::unique_ptr<GroupCommit> group;  // with a log of changes

  // Held through an erasure: when Maintain() returns, what was due is gone, whoever erased it.
  base::Mutex maintain_mutex ABSL_ACQUIRED_BEFORE(mutex);
  base::Mutex mutex;
  absl::Status failed ABSL_GUARDED_BY(mutex);  // the first DataLoss: stop writing
  bool resume ABSL_GUARDED_BY(mutex) = false;  // the disk was full at the last write
  bool unsynced ABSL_GUARDED_BY(mutex) = false;
  bool unflushed ABSL_GUARDED_BY(mutex) = false;  // applied from the log, in memory only
  absl::Time synced_at ABSL_GUARDED_BY(mutex) = absl::InfinitePast();
  absl::Time erased_at ABSL_GUARDED_BY(mutex) = absl::InfinitePast();

  // Remembers what a failure means for later writes.
  absl::Status Note(absl::Status status) ABSL_LOCKS_EXCLUDED(mutex) {
    if (status.ok()) return status;
    base::MutexLock lock(mutex);
    if (absl::IsResourceExhausted(status)) {
      resume = true;
      full_total.Add();
    } else if (failed.ok()) {
      failed = absl::DataLossError(std::string(status.message()));
      base::LogError("store.failed", {{"status", status.ToString()}});
    }
    return status;
  }

  // When RocksDB met a full disk it refuses writes until it is told to look again.
  absl::Status Ready() {
    bool try_resume = false;
    {
      base::MutexLock lock(mutex);
      KENG_RETURN_IF_ERROR(failed);
      try_resume = std::exchange(resume, false);
    }
    return try_resume ? Note(FromRocks(base::Resume(*db), "resume")) : absl::OkStatus();
  }

  absl::Status CheckFreeSpace() {
    const absl::Status checked =
        base::CheckFreeSpace(*db->GetEnv(), options.path, options.disk_free_min);
    return absl::IsUnavailable(checked) ? checked : Note(checked);
  }

  absl::Status Flush() {
    {
      base::MutexLock lock(mutex);
      if (!unflushed) return absl::OkStatus();
    }
    KENG_RETURN_IF_ERROR(Ready());
    KENG_RETURN_IF_ERROR(Note(FromRocks(db->Flush({}), "flush")));
    base::MutexLock lock(mutex);
    unflushed = false;
    return absl::OkStatus();
  }

  absl::Status Write(rocksdb::WriteBatch* batch, const rocksdb::WriteOptions& write_options) {
    // A write that survives a crash must not stand on one that does not.
    KENG_RETURN_IF_ERROR(Flush());
    KENG_RETURN_IF_ERROR(Ready());
    return Note(FromRocks(db->Write(write_options, batch), "write"));
  }
};

Store::Store(std::unique_ptr<State> state) : state_(std::move(state)) {}

Store::~Store() {
  if (state_->db != nullptr) (void)state_->db->Close();
}

namespace {

absl::Status CheckLayout(const StoreOptions& options, std::string_view found) {
  const std::string wanted = base::StrCat(kFormat, " ", options.layout);
  if (found == wanted) return absl::OkStatus();
  return absl::FailedPreconditionError(base::StrCat(
      "store ", options.path, ": its layout is \"", found, "\" and this program reads \"", wanted,
      "\"; use the version that wrote it, or move the folder away: the state is then "
      "folded anew from the inbox"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> Store::Open(const StoreOptions& options,
                                                   const base::Clock& clock,
                                                   base::Metrics* metrics) {
  std::error_code error;
  if (options.environment == nullptr) std::filesystem::create_directories(options.path, error);
  if (error) {
    return absl::FailedPreconditionError(
        base::StrCat("store ", options.path, ": ", error.message()));
  }
  auto state = std::make_unique<State>(options, clock);
  rocksdb::DB* db = nullptr;
  const rocksdb::Status opened = rocksdb::DB::Open(ToRocks(options), options.path, &db);
  if (opened.IsIOError() && opened.ToString().find("lock") != std::string::npos) {
    return absl::FailedPreconditionError(
        base::StrCat("store ", options.path, ": another process owns it"));
  }
  KENG_RETURN_IF_ERROR(FromRocks(opened, base::StrCat("open ", options.path)));
  state->db.reset(db);
  if (metrics != nullptr) {
    state->full_total = metrics->counter("keng_store_disk_full_total",
                                         "Writes that the full disk refused; they are repeated");
    state->erased_total =
        metrics->counter("keng_store_erasures_total", "Times that deleted bytes were erased");
    state->disk_gauge = metrics->gauge("keng_store_disk_bytes", "Size of the store's files");
    state->owed_gauge =
        metrics->gauge("keng_store_commits_owed",
                       "Batches that the log of changes has, or may have, and the store has not");
  }

  std::string found;
  const rocksdb::Status got = db->Get({}, FullKey(kOwnTable, kFormatKey), &found);
  if (got.IsNotFound()) {
    rocksdb::WriteOptions durable;
    durable.sync = true;
    KENG_RETURN_IF_ERROR(FromRocks(db->Put(durable, FullKey(kOwnTable, kFormatKey),
                                           base::StrCat(kFormat, " ", options.layout)),
                                   "write the layout"));
  } else {
    KENG_RETURN_IF_ERROR(FromRocks(got, "read the layout"));
    KENG_RETURN_IF_ERROR(CheckLayout(options, found));
  }
  std::string erased;
  if (db->Get({}, FullKey(kOwnTable, kErasedKey), &erased).ok()) {
    int64_t seconds = 0;
    if (absl::SimpleAtoi(erased, &seconds)) {
      base::MutexLock lock(state->mutex);
      state->erased_at = absl::FromUnixSeconds(seconds);
    }
  }
  return std::unique_ptr<Store>(new Store(std::move(state)));
}

absl::StatusOr<std::unique_ptr<Store>> Store::OpenReadOnly(const StoreOptions& options,
                                                           const base::Clock& clock) {
  if (!std::filesystem::exists(options.path + "/CURRENT")) {
    return absl::NotFoundError(base::StrCat("store ", options.path, ": there is none"));
  }
  auto state = std::make_unique<State>(options, clock);
  rocksdb::DB* db = nullptr;
  rocksdb::Options rocks = ToRocks(options);
  rocks.create_if_missing = false;
  KENG_RETURN_IF_ERROR(FromRocks(rocksdb::DB::OpenForReadOnly(rocks, options.path, &db),
                                 base::StrCat("open ", options.path, " read-only")));
  state->db.reset(db);
  std::string found;
  KENG_RETURN_IF_ERROR(
      FromRocks(db->Get({}, FullKey(kOwnTable, kFormatKey), &found), "read the layout"));
  KENG_RETURN_IF_ERROR(CheckLayout(options, found));
  return std::unique_ptr<Store>(new Store(std::move(state)));
}

std::unique_ptr<Changes> Store::NewChanges() {
  return std::unique_ptr<Changes>(new Changes(std::make_unique<Changes::State>(*state_->db)));
}

absl::Status Store::Commit(Changes& changes) {
  KENG_RETURN_IF_ERROR(state_->CheckFreeSpace());
  rocksdb::WriteOptions options;
  options.sync = state_->options.sync_interval <= absl::ZeroDuration();
  if (state_->group != nullptr) {
    KENG_RETURN_IF_ERROR(state_->group->Commit(changes.state_->batch, changes.state_->owed));
  } else {
    KENG_RETURN_IF_ERROR(state_->Write(changes.state_->batch.GetWriteBatch(), options));
  }
  changes.Clear();
  base::MutexLock lock(state_->mutex);
  state_->unsynced = !options.sync;
  return absl::OkStatus();
}

void Store::SetChangeLog(ChangeLog& log) {
  KENG_CHECK(state_->group == nullptr, "a store has one log of changes");
  const auto write = [state = state_.get()](rocksdb::WriteBatch& batch) {
    rocksdb::WriteOptions options;
    options.sync = state->options.sync_interval <= absl::ZeroDuration();
    return state->Write(&batch, options);
  };
  state_->group = std::make_unique<GroupCommit>(log, write, state_->clock, state_->owed_gauge);
}

absl::Status Store::ApplyLogged(absl::Span<const Change> changes, int64_t next_position) {
  KENG_CHECK(state_->group == nullptr, "the log is set: its changes come from here");
  // In the order of keys, which makes the writing faster; what is said last of a row stays last.
  std::vector<const Change*> sorted;
  sorted.reserve(changes.size());
  for (const Change& change : changes) sorted.push_back(&change);
  std::stable_sort(sorted.begin(), sorted.end(), [](const Change* a, const Change* b) {
    return std::tie(a->table, a->key) < std::tie(b->table, b->key);
  });
  rocksdb::WriteBatch batch;
  for (const Change* of_row : sorted) {
    const Change& change = *of_row;
    const std::string key = FullKey(change.table, change.key);
    const rocksdb::Status status =
        change.value ? batch.Put(key, ToSlice(*change.value)) : batch.Delete(key);
    KENG_CHECK(status.ok(), status.ToString());
  }
  PutLogPosition({.next = next_position, .at = state_->clock.Now()}, batch);
  // The log still has it: what a crash takes is read again, from the position that goes with it.
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  KENG_RETURN_IF_ERROR(state_->CheckFreeSpace());
  KENG_RETURN_IF_ERROR(state_->Ready());
  {
    base::MutexLock lock(state_->mutex);
    state_->unflushed = true;
  }
  return state_->Note(FromRocks(state_->db->Write(options, &batch), "write"));
}

absl::Status Store::FlushApplied() { return state_->Flush(); }

absl::StatusOr<std::optional<LogPosition>> Store::log_position() const {
  return ReadLogPosition(*state_->db);
}

absl::Status Store::Clear() {
  KENG_CHECK(state_->group == nullptr, "what a log holds is not removed here alone");
  rocksdb::WriteBatch batch;
  const std::string begin(1, '\1'), end(1, '\xff');
  rocksdb::Status status = batch.DeleteRange(begin, end);
  KENG_CHECK(status.ok(), status.ToString());
  RemoveLogPosition(batch);
  return state_->Write(&batch, {});
}

absl::StatusOr<std::optional<std::string>> Store::Get(TableId table, std::string_view key) const {
  std::string value;
  const rocksdb::Status status = state_->db->Get({}, FullKey(table, key), &value);
  return FromGet(status, std::move(value));
}

absl::Status Store::Scan(TableId table, std::string_view begin, std::string_view end,
                         Visitor visit) const {
  const std::unique_ptr<rocksdb::Iterator> iterator(state_->db->NewIterator({}));
  return ScanWith(*iterator, table, begin, end, visit);
}

absl::Status Store::Sync() {
  {
    base::MutexLock lock(state_->mutex);
    KENG_RETURN_IF_ERROR(state_->failed);
    if (!state_->unsynced) return absl::OkStatus();
    state_->unsynced = false;
    state_->synced_at = state_->clock.Now();
  }
  const absl::Status synced = state_->options.environment == nullptr
                                  ? base::SyncLogFiles(state_->options.path)
                                  : absl::OkStatus();
  if (!synced.ok()) {
    base::MutexLock lock(state_->mutex);
    state_->unsynced = true;  // still due
  }
  // A folder that cannot be listed just now says nothing about what was written.
  return absl::IsUnavailable(synced) ? synced : state_->Note(synced);
}

absl::Status Store::SyncIfDue() {
  {
    base::MutexLock lock(state_->mutex);
    const absl::Time now = state_->clock.Now();
    // A clock that was set back must not put off the sync.
    if (now >= state_->synced_at && now - state_->synced_at < state_->options.sync_interval) {
      return absl::OkStatus();
    }
  }
  return Sync();
}

absl::Status Store::Maintain() {
  base::MutexLock one_at_a_time(state_->maintain_mutex);
  const absl::Time now = state_->clock.Now();
  state_->disk_gauge.Set(static_cast<double>(disk_bytes()));
  bool first = false;
  {
    base::MutexLock lock(state_->mutex);
    KENG_RETURN_IF_ERROR(state_->failed);
    first = state_->erased_at == absl::InfinitePast();
    if (!first && now >= state_->erased_at &&
        now - state_->erased_at < state_->options.erase_interval) {
      return absl::OkStatus();
    }
  }
  // A new store has nothing to erase: its interval begins.
  if (!first) KENG_RETURN_IF_ERROR(Erase());
  {
    base::MutexLock lock(state_->mutex);
    state_->erased_at = now;
  }
  rocksdb::WriteBatch batch;
  const rocksdb::Status put =
      batch.Put(FullKey(kOwnTable, kErasedKey), base::StrCat(absl::ToUnixSeconds(now)));
  KENG_CHECK(put.ok(), put.ToString());
  return state_->Write(&batch, {});
}

absl::Status Store::Erase() {
  // The flush ends the log file that holds the deleted bytes; the compaction rewrites every table
  // file down to the last level, without what was deleted or overwritten.
  KENG_RETURN_IF_ERROR(state_->Note(FromRocks(state_->db->Flush({}), "flush")));
  rocksdb::CompactRangeOptions compact;
  // Not kForceOptimized: it passes over files that RocksDB's own compaction has just written.
  compact.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  KENG_RETURN_IF_ERROR(
      state_->Note(FromRocks(state_->db->CompactRange(compact, nullptr, nullptr), "compact")));
  KENG_RETURN_IF_ERROR(base::DeleteObsoleteFiles(*state_->db));
  state_->erased_total.Add();
  return absl::OkStatus();
}

int64_t Store::disk_bytes() const {
  uint64_t tables = 0;
  state_->db->GetIntProperty(rocksdb::DB::Properties::kTotalSstFilesSize, &tables);
  return static_cast<int64_t>(tables);
}

}  // namespace keng::store
