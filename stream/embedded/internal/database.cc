#include "stream/embedded/internal/database.h"

#include <fcntl.h>
#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/env.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/check.h"
#include "base/database_files.h"
#include "base/database_log.h"
#include "base/stable_hash.h"
#include "base/strings.h"
#include "stream/embedded/internal/wal_check.h"

namespace keng::stream::internal {
namespace {

constexpr int kRewriteAttempts = 5;

constexpr std::string_view kLayoutKey = "layout";
constexpr std::string_view kLayout = "keng-streams-1";
constexpr std::string_view kPartitionsPrefix = "partitions/";
// The free space is looked at each time that this much was written.
constexpr int64_t kBytesPerLook = 4 << 20;

std::string FamilyName(StreamId stream, int partition) {
  return base::StrCat(StreamName(stream), "-", partition);
}

bool IsNoSpace(const rocksdb::Status& status) {
  return status.IsNoSpace() || status.subcode() == rocksdb::Status::kNoSpace ||
         status.subcode() == rocksdb::Status::kSpaceLimit;
}

}  // namespace

void AppendBigEndian64(uint64_t value, std::string& out) {
  for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

uint64_t BigEndian64(std::string_view bytes) {
  KENG_CHECK(bytes.size() >= 8, "bytes=", bytes.size());
  uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

std::string OffsetKey(Offset offset) {
  std::string key;
  AppendBigEndian64(static_cast<uint64_t>(offset), key);
  return key;
}

std::string DigestKey(StreamId stream, int partition, Offset base) {
  std::string key;
  key.push_back(static_cast<char>(stream));
  key.push_back(static_cast<char>(partition >> 8));
  key.push_back(static_cast<char>(partition));
  AppendBigEndian64(static_cast<uint64_t>(base), key);
  return key;
}

std::string IndexKey(StreamId stream, std::string_view key) {
  const base::Hash128 hash = base::StableHash128(key);
  std::string out;
  out.push_back(static_cast<char>(stream));
  AppendBigEndian64(hash.high, out);
  AppendBigEndian64(hash.low, out);
  return out;
}

absl::Status Database::ToStatus(const rocksdb::Status& status, std::string_view what) {
  if (status.ok()) return absl::OkStatus();
  const std::string message = base::StrCat(what, ": ", status.ToString());
  if (status.IsCorruption()) return absl::DataLossError(message);
  if (IsNoSpace(status)) return absl::ResourceExhaustedError(message);
  return absl::UnavailableError(message);
}

rocksdb::Options Database::BaseOptions() const {
  rocksdb::Options options;
  options.max_background_jobs = 2;
  options.max_open_files = 512;
  options.info_log = base::MakeDatabaseLog("stream.rocksdb");
  base::ResumeByHand(options);
  // Bounds the log that is replayed at opening, and with it how long a small stream's memtable
  // holds old logs back.
  options.max_total_wal_size = static_cast<uint64_t>(options_.memtable_bytes) * 6;
  // Replay stops at the first damage. That alone would skip a flipped byte in silence, so
  // CheckLogs() has read every log before and let nothing pass but a torn tail.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  options.track_and_verify_wals_in_manifest = true;
  // One writer at a time: the committer groups.
  options.allow_concurrent_memtable_write = false;
  options.enable_write_thread_adaptive_yield = false;
  options.bytes_per_sync = 1 << 20;
  return options;
}

rocksdb::Options Database::FamilyOptions(const std::string& name) {
  rocksdb::Options options = BaseOptions();
  const bool is_posts = name.starts_with("posts-");
  const int64_t memtable = is_posts ? options_.memtable_bytes : options_.memtable_bytes / 8;
  options.write_buffer_size = static_cast<size_t>(std::max<int64_t>(memtable, 256 << 10));
  options.max_write_buffer_number = is_posts ? 4 : 3;
  options.compression = rocksdb::kNoCompression;
  options.soft_pending_compaction_bytes_limit = 0;
  options.hard_pending_compaction_bytes_limit = 0;
  rocksdb::BlockBasedTableOptions table;
  if (name.find('-') != std::string::npos) {
    std::shared_ptr<RewriteFilterFactory>& filter = filters_[name];
    if (filter == nullptr) filter = std::make_shared<RewriteFilterFactory>();
    options.compaction_filter_factory = filter;
    // Two levels: what is flushed moves to the lower one without being read, as nothing overlaps.
    options.num_levels = 2;
    options.target_file_size_base = static_cast<uint64_t>(options.write_buffer_size);
    // A batch is bigger than a block and is read once.
    table.no_block_cache = true;
  } else {
    table.block_cache = rocksdb::NewLRUCache(4 << 20);
  }
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const EmbeddedOptions& options) {
  std::unique_ptr<Database> database(new Database(options));
  if (!database->read_only()) {
    std::error_code error;
    std::filesystem::create_directories(options.directory, error);
    if (error) {
      return absl::UnavailableError(
          base::StrCat("cannot make the directory ", options.directory, ": ", error.message()));
    }
    KENG_RETURN_IF_ERROR(database->Lock());
    KENG_RETURN_IF_ERROR(CheckLogs(options.directory));
  }
  KENG_RETURN_IF_ERROR(database->OpenFamilies());
  KENG_RETURN_IF_ERROR(database->CheckLayout());
  KENG_RETURN_IF_ERROR(database->CreateFamilies());
  return database;
}

Database::~Database() {
  if (db_ != nullptr) {
    for (const auto& [name, handle] : families_) db_->DestroyColumnFamilyHandle(handle);
    if (!read_only()) Sync().IgnoreError();
    (void)db_->Close();
    db_.reset();
  }
  if (lock_file_ >= 0) close(lock_file_);
}

absl::Status Database::Lock() {
  const std::string path = options_.directory + "/OWNER";
  lock_file_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_file_ < 0) {
    return absl::UnavailableError(base::StrCat("cannot open ", path, ": ", strerror(errno)));
  }
  if (flock(lock_file_, LOCK_EX | LOCK_NB) == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(base::StrCat(
      "the streams in ", options_.directory,
      " have an owner already: stop that process, or ask it (keng tap, keng incidents)"));
}

absl::Status Database::OpenFamilies() {
  rocksdb::DBOptions db_options(BaseOptions());
  db_options.create_if_missing = !read_only();
  std::vector<std::string> names;
  const std::string& directory = options_.directory;
  if (std::filesystem::exists(directory + "/CURRENT")) {
    const rocksdb::Status status = rocksdb::DB::ListColumnFamilies(db_options, directory, &names);
    if (!status.ok()) {
      return absl::DataLossError(
          base::StrCat("the streams in ", directory, " cannot be opened: ", status.ToString()));
    }
  } else if (read_only()) {
    return absl::NotFoundError(base::StrCat("there are no streams in ", directory));
  } else {
    names = {rocksdb::kDefaultColumnFamilyName};
  }
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  for (const std::string& name : names) descriptors.emplace_back(name, FamilyOptions(name));
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status =
      read_only() ? rocksdb::DB::OpenForReadOnly(db_options, directory, descriptors, &handles, &db)
                  : rocksdb::DB::Open(db_options, directory, descriptors, &handles, &db);
  if (!status.ok()) {
    const std::string message =
        base::StrCat("the streams in ", directory, " cannot be opened: ", status.ToString());
    if (IsNoSpace(status)) return absl::ResourceExhaustedError(message);
    return status.IsIOError() ? absl::UnavailableError(message) : absl::DataLossError(message);
  }
  db_.reset(db);
  for (size_t i = 0; i < names.size(); ++i) families_.emplace(names[i], handles[i]);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<std::string>> Database::GetMeta(std::string_view key) {
  std::string value;
  const rocksdb::Status status =
      db_->Get({}, meta(), rocksdb::Slice(key.data(), key.size()), &value);
  if (status.IsNotFound()) return std::nullopt;
  if (!status.ok()) return ToStatus(status, "reading the streams' state");
  return value;
}

absl::Status Database::CheckLayout() {
  KENG_ASSIGN_OR_RETURN(const std::optional<std::string> layout, GetMeta(kLayoutKey));
  if (layout.has_value() && *layout != kLayout) {
    return absl::FailedPreconditionError(base::StrCat("the streams in ", options_.directory,
                                                      " have the layout ", *layout,
                                                      ", this program knows ", kLayout));
  }
  for (const auto& [stream, config] : options_.streams) {
    KENG_ASSIGN_OR_RETURN(const std::optional<std::string> stored,
                          GetMeta(base::StrCat(kPartitionsPrefix, StreamName(stream))));
    if (stored.has_value() && *stored != base::StrCat(config.partitions)) {
      return absl::FailedPreconditionError(base::StrCat(
          "stream ", StreamName(stream), " in ", options_.directory, " was made with ", *stored,
          " partitions and is configured with ", config.partitions,
          ": partitions are fixed when a stream is made; set it back, or begin a new directory"));
    }
    if (!stored.has_value() && read_only()) {
      return absl::NotFoundError(
          base::StrCat("there is no stream ", StreamName(stream), " in ", options_.directory));
    }
  }
  return absl::OkStatus();
}

absl::Status Database::CreateFamilies() {
  std::vector<std::string> names = {"index", "digests"};
  for (const auto& [stream, config] : options_.streams) {
    for (int i = 0; i < config.partitions; ++i) names.push_back(FamilyName(stream, i));
  }
  for (const std::string& name : names) {
    if (families_.contains(name)) continue;
    rocksdb::ColumnFamilyHandle* handle = nullptr;
    KENG_RETURN_IF_ERROR(ToStatus(db_->CreateColumnFamily(FamilyOptions(name), name, &handle),
                                  base::StrCat("making the stream family ", name)));
    families_.emplace(name, handle);
  }
  index_ = families_.at("index");
  digests_ = families_.at("digests");
  rocksdb::WriteBatch batch;
  batch.Put(std::string(kLayoutKey), std::string(kLayout));
  for (const auto& [stream, config] : options_.streams) {
    for (int i = 0; i < config.partitions; ++i) {
      records_[{stream, i}] = families_.at(FamilyName(stream, i));
    }
    batch.Put(base::StrCat(kPartitionsPrefix, StreamName(stream)), base::StrCat(config.partitions));
  }
  return read_only() ? absl::OkStatus() : Write(batch);
}

absl::Status Database::failed() const {
  if (failed_.load(std::memory_order_acquire) == 0) return absl::OkStatus();
  return absl::DataLossError(base::StrCat("an earlier write or sync of the streams in ",
                                          options_.directory,
                                          " failed: nothing more is written; restart"));
}

absl::Status Database::WriteFailed(const rocksdb::Status& status) {
  if (IsNoSpace(status)) {
    no_space_.store(true, std::memory_order_release);
    return absl::ResourceExhaustedError(
        base::StrCat("no space for the streams in ", options_.directory, ": ", status.ToString()));
  }
  failed_.store(1, std::memory_order_release);
  return absl::DataLossError(
      base::StrCat("writing the streams in ", options_.directory, " failed: ", status.ToString()));
}

absl::Status Database::Write(rocksdb::WriteBatch& batch) {
  KENG_RETURN_IF_ERROR(failed());
  if (no_space_.load(std::memory_order_acquire)) {
    // RocksDB stops after an append that found no space; it goes on only when it could flush.
    const rocksdb::Status resumed = base::Resume(*db_);
    if (resumed.IsShutdownInProgress()) return WriteFailed(resumed);
    if (!resumed.ok()) {
      return absl::ResourceExhaustedError(base::StrCat(
          "no space for the streams in ", options_.directory, ": ", resumed.ToString()));
    }
    no_space_.store(false, std::memory_order_release);
  }
  rocksdb::WriteOptions options;
  options.sync = options_.sync_interval <= absl::ZeroDuration();
  const rocksdb::Status status = db_->Write(options, &batch);
  return status.ok() ? absl::OkStatus() : WriteFailed(status);
}

absl::Status Database::Sync() {
  KENG_RETURN_IF_ERROR(failed());
  absl::Status synced = base::SyncLogFiles(options_.directory);
  if (absl::IsDataLoss(synced)) failed_.store(1, std::memory_order_release);
  return synced;
}

absl::Status Database::CheckSpace(size_t bytes) {
  if (options_.disk_free_min <= 0) return absl::OkStatus();
  const auto added = static_cast<int64_t>(bytes);
  if (bytes_since_look_.fetch_add(added, std::memory_order_relaxed) + added < kBytesPerLook) {
    return absl::OkStatus();
  }
  absl::Status checked =
      base::CheckFreeSpace(*rocksdb::Env::Default(), options_.directory, options_.disk_free_min);
  bytes_since_look_.store(checked.ok() ? 0 : kBytesPerLook, std::memory_order_relaxed);
  return checked;
}

std::string Database::Place(StreamId stream, int partition, Offset offset) {
  std::string place =
      base::StrCat("stream ", StreamName(stream), ", partition ", partition, ", offset ", offset);
  rocksdb::ColumnFamilyMetaData metadata;
  db_->GetColumnFamilyMetaData(records(stream, partition), &metadata);
  const std::string key = OffsetKey(offset);
  for (const rocksdb::LevelMetaData& level : metadata.levels) {
    // The batch that holds the offset begins at or before it: the last file that begins there.
    const rocksdb::SstFileMetaData* found = nullptr;
    for (const rocksdb::SstFileMetaData& file : level.files) {
      if (file.smallestkey <= key && (found == nullptr || found->smallestkey < file.smallestkey)) {
        found = &file;
      }
    }
    if (found != nullptr) base::StrAppend(&place, ", file ", found->db_path, found->name);
  }
  return place;
}

absl::Status Database::DropIndexEntry(StreamId stream, std::string_view key, Offset offset,
                                      rocksdb::WriteBatch& batch) {
  const std::string index_key = IndexKey(stream, key);
  std::string newest;
  const rocksdb::Status status = db_->Get({}, index_, index_key, &newest);
  if (status.IsNotFound()) return absl::OkStatus();
  if (!status.ok()) return ToStatus(status, "reading the index");
  if (newest == OffsetKey(offset)) batch.Delete(index_, index_key);
  return absl::OkStatus();
}

std::vector<Database::File> Database::Files(StreamId stream, int partition) {
  rocksdb::ColumnFamilyMetaData metadata;
  db_->GetColumnFamilyMetaData(records(stream, partition), &metadata);
  std::vector<File> files;
  for (const rocksdb::LevelMetaData& level : metadata.levels) {
    for (const rocksdb::SstFileMetaData& file : level.files) {
      files.push_back({.first = static_cast<Offset>(BigEndian64(file.smallestkey)),
                       .last = static_cast<Offset>(BigEndian64(file.largestkey))});
    }
  }
  std::sort(files.begin(), files.end(),
            [](const File& a, const File& b) { return a.first < b.first; });
  return files;
}

absl::Status Database::Rewrite(StreamId stream, int partition, const File& file,
                               std::shared_ptr<const RewritePlan> plan) {
  RewriteFilterFactory& filter = *filters_.at(FamilyName(stream, partition));
  rocksdb::CompactRangeOptions compact;
  compact.exclusive_manual_compaction = false;
  // Not kForceOptimized: it passes over files that are newer than the call, and RocksDB's own
  // compaction may have moved the records into one just now.
  compact.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  const std::string first = OffsetKey(file.first), last = OffsetKey(file.last);
  const rocksdb::Slice first_slice(first), last_slice(last);
  // RocksDB works out which levels hold the range before it starts, and its own compaction may move
  // the file to another level in between: then nothing is rewritten. So what the plan names must
  // have been met.
  const std::shared_ptr<const RewriteProgress> progress = filter.SetPlan(plan);
  rocksdb::Status status;
  for (int attempt = 0; attempt < kRewriteAttempts; ++attempt) {
    status = db_->CompactRange(compact, records(stream, partition), &first_slice, &last_slice);
    if (!status.ok() || progress->HasMetAll(*plan)) break;
  }
  filter.ClearPlan();
  if (status.ok() && !progress->HasMetAll(*plan)) {
    return absl::UnavailableError(
        base::StrCat("rewriting ", Place(stream, partition, file.first),
                     ": RocksDB left the file as it was; tried again later"));
  }
  return ToStatus(status, base::StrCat("rewriting ", Place(stream, partition, file.first)));
}

absl::Status Database::DeleteFilesBefore(StreamId stream, int partition, Offset begin) {
  const std::string first = OffsetKey(0), last = OffsetKey(begin);
  const rocksdb::Slice first_slice(first), last_slice(last);
  return ToStatus(rocksdb::DeleteFilesInRange(db_.get(), records(stream, partition), &first_slice,
                                              &last_slice, /*include_end=*/false),
                  "deleting files that are past their retention");
}

absl::Status Database::FlushAll() {
  rocksdb::FlushOptions flush;
  flush.allow_write_stall = true;
  for (const auto& [name, handle] : families_) {
    KENG_RETURN_IF_ERROR(ToStatus(db_->Flush(flush, handle), base::StrCat("flushing ", name)));
  }
  return absl::OkStatus();
}

absl::Status Database::EraseRemoved() {
  // With a record in the newest log, flushing begins a new one, and the old ones become obsolete.
  rocksdb::WriteBatch batch;
  batch.Put("erased", "");
  KENG_RETURN_IF_ERROR(Write(batch));
  KENG_RETURN_IF_ERROR(FlushAll());
  rocksdb::CompactRangeOptions compact;
  compact.exclusive_manual_compaction = false;
  for (rocksdb::ColumnFamilyHandle* handle : {index_, meta()}) {
    KENG_RETURN_IF_ERROR(
        ToStatus(db_->CompactRange(compact, handle, nullptr, nullptr), "erasing index entries"));
  }
  return base::DeleteObsoleteFiles(*db_);
}

}  // namespace keng::stream::internal
