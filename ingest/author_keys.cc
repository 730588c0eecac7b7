#include "ingest/author_keys.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <ostream>
#include <sstream>
#include <utility>

#include "base/check.h"
#include "base/strings.h"
#include "ingest/rfc3339.h"

namespace keng::ingest {
namespace {

constexpr int kFileVersion = 1;
constexpr size_t kKeyBytes = 32;

// The file as it is written.
struct KeyFile {
  struct Entry {
    int number;
    absl::Time made;
    std::string key;
  };
  uint64_t sketch_seed = 0;
  std::vector<Entry> entries;  // by number
};

std::string ToHex(std::string_view bytes) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string hex;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    hex.push_back(kHex[byte >> 4]);
    hex.push_back(kHex[byte & 15]);
  }
  return hex;
}

std::optional<std::string> FromHex(std::string_view hex) {
  const auto value = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  if (hex.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    const int high = value(hex[i]), low = value(hex[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(high * 16 + low));
  }
  return bytes;
}

absl::Status FileError(std::string_view path, std::string_view what) {
  const int error = errno;
  return absl::ErrnoToStatus(error, base::ToAbsl(base::StrCat(path, ": ", what)));
}

absl::StatusOr<KeyFile> ReadKeyFile(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return FileError(path, "the author keys");
  if ((info.st_mode & 077) != 0)
    return absl::FailedPreconditionError(base::StrCat(
        path,
        ": others may read the author keys; put it right with chmod 600 and begin a new key"));
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  if (!file) return absl::PermissionDeniedError(base::StrCat(path, ": cannot be read"));
  const auto damaged = [&](std::string_view what) {
    return absl::DataLossError(
        base::StrCat(path, ": damaged author keys (", what, "); put a backup in its place"));
  };
  KeyFile keys;
  try {
    const boost::json::object object = boost::json::parse(text.str()).as_object();
    if (object.at("version").to_number<int>() != kFileVersion) return damaged("another version");
    const auto seed = FromHex(boost::json::value_to<std::string>(object.at("sketch_seed")));
    if (!seed.has_value() || seed->size() != sizeof(keys.sketch_seed)) return damaged("the seed");
    std::memcpy(&keys.sketch_seed, seed->data(), seed->size());
    for (const boost::json::value& entry : object.at("keys").as_array()) {
      const auto made =
          ParseRfc3339(boost::json::value_to<std::string>(entry.as_object().at("made")));
      const auto key = FromHex(boost::json::value_to<std::string>(entry.as_object().at("key")));
      const int number = entry.as_object().at("number").to_number<int>();
      if (!made.has_value() || !key.has_value() || key->size() != kKeyBytes)
        return damaged(base::StrCat("key ", number));
      if (!keys.entries.empty() && keys.entries.back().number >= number)
        return damaged("the order of the keys");
      keys.entries.push_back({number, *made, *key});
    }
  } catch (const std::exception&) {
    return damaged("it is not the JSON that was written");
  }
  if (keys.entries.empty()) return damaged("no key");
  return keys;
}

std::string Format(const KeyFile& keys) {
  std::string text = base::StrCat(
      "{\"version\": ", kFileVersion, ", \"sketch_seed\": \"",
      ToHex({reinterpret_cast<const char*>(&keys.sketch_seed), sizeof(keys.sketch_seed)}),
      "\",\n \"keys\": [");
  bool first = true;
  for (const KeyFile::Entry& entry : keys.entries) {
    std::string made;
    AppendRfc3339(entry.made, made);
    base::StrAppend(&text, first ? "\n" : ",\n", "  {\"number\": ", entry.number, ", \"made\": \"",
                    made, "\", \"key\": \"", ToHex(entry.key), "\"}");
    first = false;
  }
  return text + "]}\n";
}

// Writes all of `text` to a new file of mode 0600 and syncs it.
absl::Status WriteNewFile(const std::string& path, std::string_view text, int flags) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);
  if (file < 0) return FileError(path, "cannot be written");
  size_t written = 0;
  while (written < text.size()) {
    const ssize_t count = ::write(file, text.data() + written, text.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      const absl::Status status = FileError(path, "cannot be written");
      ::close(file);
      return status;
    }
    written += static_cast<size_t>(count);
  }
  const bool synced = ::fsync(file) == 0;
  const absl::Status status = synced ? absl::OkStatus() : FileError(path, "cannot be synced");
  ::close(file);
  return status;
}

absl::Status SyncFolder(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  if (const int file = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); file >= 0) {
    ::fsync(file);
    ::close(file);
  }
  return absl::OkStatus();
}

// Who changes the file holds this: processes of one data folder begin a month at the same moment,
// and a key that one of them has and the file has not would be lost with that process.
class FileLock {
 public:
  static absl::StatusOr<FileLock> Take(const std::string& path) {
    const std::string name = path + ".lock";
    const int file = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) return FileError(name, "cannot be opened");
    FileLock lock(file);
    while (::flock(file, LOCK_EX) != 0) {
      if (errno != EINTR) return FileError(name, "cannot be locked");
    }
    return lock;
  }
  ~FileLock() {
    if (file_ >= 0) ::close(file_);
  }
  FileLock(FileLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
  FileLock& operator=(FileLock&&) = delete;

 private:
  explicit FileLock(int file) : file_(file) {}
  int file_;
};

enum class Existing : uint8_t { kReplace, kKeep };

// Puts the whole file there at once. With kKeep AlreadyExists when there is one.
absl::Status Put(const std::string& path, const KeyFile& keys, Existing existing) {
  // A name of its own: another process may be at the same.
  const std::string temporary = base::StrCat(path, ".new.", ToHex(base::RandomBytes(8)));
  absl::Status status = WriteNewFile(temporary, Format(keys), O_EXCL);
  if (status.ok() && existing == Existing::kReplace) {
    if (::rename(temporary.c_str(), path.c_str()) == 0) return SyncFolder(path);
    status = FileError(path, "cannot be replaced");
  } else if (status.ok()) {
    if (::link(temporary.c_str(), path.c_str()) == 0) {
      status = SyncFolder(path);
    } else {
      status = FileError(path, "cannot be made");
    }
  }
  ::unlink(temporary.c_str());
  return status;
}

KeyFile::Entry NewKey(int number, absl::Time now) {
  return {number, now, base::RandomBytes(kKeyBytes)};
}

std::shared_ptr<const AuthorKeys> ToKeys(const KeyFile& file) {
  std::vector<AuthorKeys::Key> keys;
  for (const KeyFile::Entry& entry : file.entries)
    keys.push_back({entry.number, entry.made, std::make_shared<base::KeyedHash>(entry.key)});
  return std::make_shared<AuthorKeys>(std::move(keys), file.sketch_seed);
}

// A key's data end with the key that follows it, so that one's age counts.
int DestroyExpired(KeyFile& file, absl::Time now) {
  int destroyed = 0;
  while (file.entries.size() > 1 && file.entries[1].made + kAuthorKeyKept < now) {
    file.entries.erase(file.entries.begin());
    ++destroyed;
  }
  return destroyed;
}

absl::Time NextMonth(absl::Time time) {
  const absl::CivilMonth month = absl::ToCivilMonth(time, absl::UTCTimeZone());
  return absl::FromCivil(month + 1, absl::UTCTimeZone());
}

enum class RotateWhen : uint8_t { kNow, kIfDue };

// Begins a new key. kIfDue: unless the file has one of this month already, from another process.
absl::Status Rotate(const std::string& path, absl::Time now, RotateWhen when, std::ostream& out) {
  KENG_ASSIGN_OR_RETURN(const FileLock lock, FileLock::Take(path));
  KENG_ASSIGN_OR_RETURN(KeyFile file, ReadKeyFile(path));
  if (when == RotateWhen::kIfDue && now < NextMonth(file.entries.back().made))
    return absl::OkStatus();
  const int number = file.entries.back().number + 1;
  file.entries.push_back(NewKey(number, now));
  const int destroyed = DestroyExpired(file, now);
  KENG_RETURN_IF_ERROR(Put(path, file, Existing::kReplace));
  out << "key " << number << " is in use; destroyed " << destroyed << " whose data are gone\n";
  return absl::OkStatus();
}

}  // namespace

std::string AuthorKeys::HashWith(const Key& key, std::string_view source, std::string_view author) {
  constexpr size_t kDigits = 24;
  std::string message(source);
  message.push_back('\0');
  message.append(author);
  return base::StrCat("a", key.number, ":", base::HexPrefix(key.hash->Compute(message), kDigits));
}

std::vector<std::string> AuthorKeys::AllHashes(std::string_view source,
                                               std::string_view author) const {
  std::vector<std::string> hashes;
  for (const Key& key : keys_) hashes.push_back(HashWith(key, source, author));
  return hashes;
}

AuthorKeyring::AuthorKeyring(std::string path, std::shared_ptr<const AuthorKeys> keys)
    : path_(std::move(path)), keys_(std::move(keys)), due_(NextMonth(keys_->current_made())) {}

absl::StatusOr<std::unique_ptr<AuthorKeyring>> AuthorKeyring::Open(std::string path,
                                                                   absl::Time now) {
  if (::access(path.c_str(), F_OK) != 0) {
    std::ostringstream ignored;
    // Another process that was started at the same moment may have been first.
    const absl::Status made = MakeAuthorKeys(path, now, ignored);
    if (!made.ok() && !absl::IsAlreadyExists(made)) return made;
  }
  KENG_ASSIGN_OR_RETURN(std::shared_ptr<const AuthorKeys> keys, LoadAuthorKeys(path));
  auto keyring =
      std::unique_ptr<AuthorKeyring>(new AuthorKeyring(std::move(path), std::move(keys)));
  KENG_RETURN_IF_ERROR(keyring->RotateIfDue(now));
  return keyring;
}

std::shared_ptr<const AuthorKeys> AuthorKeyring::keys() const {
  base::MutexLock lock(mutex_);
  return keys_;
}

absl::Status AuthorKeyring::RotateIfDue(absl::Time now) {
  {
    base::MutexLock lock(mutex_);
    if (now < due_) return absl::OkStatus();
    // Taken by this caller; the others go on with the old key until the new one stands.
    due_ = absl::InfiniteFuture();
  }
  std::ostringstream ignored;
  absl::Status status = Rotate(path_, now, RotateWhen::kIfDue, ignored);
  absl::StatusOr<std::shared_ptr<const AuthorKeys>> keys = LoadAuthorKeys(path_);
  base::MutexLock lock(mutex_);
  if (status.ok() && keys.ok()) {
    keys_ = *keys;
    due_ = NextMonth(keys_->current_made());
    return absl::OkStatus();
  }
  due_ = now + absl::Minutes(1);
  return status.ok() ? keys.status() : status;
}

absl::StatusOr<std::shared_ptr<const AuthorKeys>> LoadAuthorKeys(const std::string& path) {
  KENG_ASSIGN_OR_RETURN(const KeyFile file, ReadKeyFile(path));
  return ToKeys(file);
}

absl::Status MakeAuthorKeys(const std::string& path, absl::Time now, std::ostream& out) {
  KeyFile file;
  const std::string seed = base::RandomBytes(sizeof(file.sketch_seed));
  std::memcpy(&file.sketch_seed, seed.data(), seed.size());
  file.entries.push_back(NewKey(1, now));
  KENG_RETURN_IF_ERROR(Put(path, file, Existing::kKeep));
  out << "made " << path << " with key 1; back it up (keng keys backup)\n";
  return absl::OkStatus();
}

absl::Status RotateAuthorKeys(const std::string& path, absl::Time now, std::ostream& out) {
  return Rotate(path, now, RotateWhen::kNow, out);
}

absl::Status BackupAuthorKeys(const std::string& path, const std::string& to, std::ostream& out) {
  KENG_ASSIGN_OR_RETURN(const KeyFile file, ReadKeyFile(path));
  KENG_RETURN_IF_ERROR(WriteNewFile(to, Format(file), O_EXCL));
  out << "copied " << file.entries.size() << " keys to " << to
      << "; destroy the copy when its keys are destroyed here\n";
  return absl::OkStatus();
}

absl::Status DestroyAuthorKey(const std::string& path, int number, std::ostream& out) {
  KENG_ASSIGN_OR_RETURN(const FileLock lock, FileLock::Take(path));
  KENG_ASSIGN_OR_RETURN(KeyFile file, ReadKeyFile(path));
  if (file.entries.back().number == number)
    return absl::FailedPreconditionError(
        base::StrCat("key ", number, " is in use; keng keys rotate first"));
  const auto entry = std::find_if(file.entries.begin(), file.entries.end(),
                                  [&](const auto& each) { return each.number == number; });
  if (entry == file.entries.end())
    return absl::NotFoundError(base::StrCat("there is no key ", number, "; see keng keys list"));
  file.entries.erase(entry);
  KENG_RETURN_IF_ERROR(Put(path, file, Existing::kReplace));
  out << "destroyed key " << number << "\n";
  return absl::OkStatus();
}

absl::Status ListAuthorKeys(const std::string& path, std::ostream& out) {
  KENG_ASSIGN_OR_RETURN(const KeyFile file, ReadKeyFile(path));
  for (size_t i = 0; i < file.entries.size(); ++i) {
    std::string made;
    AppendRfc3339(file.entries[i].made, made);
    out << file.entries[i].number << "  made " << made;
    if (i + 1 == file.entries.size()) {
      out << "  in use\n";
      continue;
    }
    std::string until;
    AppendRfc3339(file.entries[i + 1].made + kAuthorKeyKept, until);
    out << "  kept until " << until << "\n";
  }
  return absl::OkStatus();
}

absl::StatusOr<OptOutList> OptOutList::Load(const std::string& path) {
  std::ifstream file(path);
  if (!file) return absl::NotFoundError(base::StrCat(path, ": the opt-out list cannot be read"));
  OptOutList list;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    line.erase(std::min(line.find('#'), line.size()));
    while (!line.empty() && std::strchr(" \t\r", line.back()) != nullptr) line.pop_back();
    line.erase(0, std::min(line.find_first_not_of(" \t"), line.size()));
    if (line.empty()) continue;
    constexpr std::string_view kHashed = "sha256:";
    if (!line.starts_with(kHashed)) {
      list.plain_.insert(line);
      continue;
    }
    const auto digest = FromHex(std::string_view(line).substr(kHashed.size()));
    if (!digest.has_value() || digest->size() != sizeof(base::Digest))
      return absl::InvalidArgumentError(
          base::StrCat(path, ":", number, ": expected 64 hex digits (lower case) after sha256:"));
    list.hashed_.insert(*digest);
  }
  return list;
}

bool OptOutList::HasDigest(std::string_view bytes) const {
  return !hashed_.empty() && hashed_.contains(base::ToAbsl(base::AsBytes(base::Sha256(bytes))));
}

bool OptOutList::HasAccount(std::string_view account) const {
  if (account.empty() || empty()) return false;
  return plain_.contains(base::ToAbsl(account)) || HasDigest(account);
}

bool OptOutList::HasAuthor(std::string_view source, std::string_view author) const {
  return !hashed_.empty() && HasDigest(base::StrCat(source, "\n", author));
}

AuthorCache::AuthorCache(std::shared_ptr<const OptOutList> opt_outs)
    : opt_outs_(std::move(opt_outs)), slots_(kSlots) {}

AuthorCache::Answer AuthorCache::Find(const std::shared_ptr<const AuthorKeys>& keys,
                                      std::string_view source, std::string_view author) {
  if (keys != keys_) {
    keys_ = keys;
    slots_.assign(kSlots, Slot());
  }
  scratch_.assign(source);
  scratch_.push_back('\0');
  scratch_.append(author);
  const base::Hash128 who = base::StableHash128(scratch_);
  Slot& slot = slots_[who.low % kSlots];
  if (slot.who != who) {
    slot.who = who;
    slot.answer.opted_out = opt_outs_->HasAuthor(source, author);
    slot.key = slot.answer.opted_out ? std::string() : keys_->Hash(source, author);
    slot.answer.key = slot.key;
  }
  return slot.answer;
}

}  // namespace keng::ingest
