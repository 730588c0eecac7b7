#ifndef KENG_INGEST_AUTHOR_KEYS_H_
#define KENG_INGEST_AUTHOR_KEYS_H_

// The keys that turn an author into "a<N>:<24 hex of HMAC-SHA-256(key N, source \0 author)>", and
// the seed of the near-duplicate sketches: one JSON file of mode 0600 that belongs to the
// installation. A new key begins each month and the old one is destroyed when the last data made
// with it are gone, so that nobody can be followed from month to month or be found again later.
//
// Life cycle: MakeAuthorKeys() once; AuthorKeyring::Open() by the program that ingests; the other
// functions are `keng keys` (docs/sources.md). All of them replace the file as a whole (write,
// sync, rename), so a crash leaves the old or the new one, and hold the lock "<file>.lock" while
// they do, so that any number of processes of one data folder share the file: the first makes it,
// the first begins a month's key, the others take what it made.
//
// Tests: ingest/author_keys_test.cc.

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/keyed_hash.h"
#include "base/mutex.h"
#include "base/stable_hash.h"

namespace keng::ingest {

// How long a key is kept after a newer one: the longest time that a record with an author key is
// kept (inbox, 35 days), and a day.
inline constexpr absl::Duration kAuthorKeyKept = absl::Hours(24 * 36);

// All keys of one state of the file. Immutable, thread-safe.
class AuthorKeys {
 public:
  struct Key {
    int number = 0;
    absl::Time made = absl::InfinitePast();
    std::shared_ptr<const base::KeyedHash> hash;
  };

  // `keys` in increasing order of number, the last one is in use. REQUIRES: at least one.
  AuthorKeys(std::vector<Key> keys, uint64_t sketch_seed)
      : keys_(std::move(keys)), sketch_seed_(sketch_seed) {}

  // The author's key of this month. REQUIRES: `author` is not empty.
  std::string Hash(std::string_view source, std::string_view author) const {
    return HashWith(keys_.back(), source, author);
  }
  // Under each key that is left, the one in use last: what a deletion of an account looks for.
  std::vector<std::string> AllHashes(std::string_view source, std::string_view author) const;

  // For filters/sketch.h: makes sketches unreadable and incomparable elsewhere.
  uint64_t sketch_seed() const { return sketch_seed_; }
  int current() const { return keys_.back().number; }
  absl::Time current_made() const { return keys_.back().made; }

 private:
  static std::string HashWith(const Key& key, std::string_view source, std::string_view author);

  std::vector<Key> keys_;
  uint64_t sketch_seed_;
};

// The keys of a running program: rotated when a month begins. Thread-safe.
class AuthorKeyring {
 public:
  // Makes the file when it is not there and no other process does. FailedPrecondition: others may
  // read the file (mode). DataLoss: it is damaged; NotFound or PermissionDenied: it cannot be
  // written.
  static absl::StatusOr<std::unique_ptr<AuthorKeyring>> Open(std::string path, absl::Time now);

  std::shared_ptr<const AuthorKeys> keys() const;
  // Begins a new key when `now` is in a later month (UTC) than the one in use, and destroys what
  // kAuthorKeyKept has passed for. Called at every batch: nearly always only a comparison.
  absl::Status RotateIfDue(absl::Time now);

 private:
  AuthorKeyring(std::string path, std::shared_ptr<const AuthorKeys> keys);

  const std::string path_;
  mutable base::Mutex mutex_;
  std::shared_ptr<const AuthorKeys> keys_ ABSL_GUARDED_BY(mutex_);
  absl::Time due_ ABSL_GUARDED_BY(mutex_);
};

// `keng keys make|rotate|backup|destroy|list`. Each prints what it did to `out` for people, never
// key material.
// AlreadyExists when the file is there. NotFound: its folder is not.
absl::Status MakeAuthorKeys(const std::string& path, absl::Time now, std::ostream& out);
// Begins a new key now, whatever the month.
absl::Status RotateAuthorKeys(const std::string& path, absl::Time now, std::ostream& out);
// A copy of mode 0600. AlreadyExists when `to` is there.
absl::Status BackupAuthorKeys(const std::string& path, const std::string& to, std::ostream& out);
// Destroys key `number`. FailedPrecondition: it is the one in use. Data made with it stay, and
// their authors can no longer be found: deletions of accounts do not reach them.
absl::Status DestroyAuthorKey(const std::string& path, int number, std::ostream& out);
absl::Status ListAuthorKeys(const std::string& path, std::ostream& out);
absl::StatusOr<std::shared_ptr<const AuthorKeys>> LoadAuthorKeys(const std::string& path);

// Who asked not to be read. The file has one entry a line: an account's id as posts carry it, or
// "sha256:" and 64 hex digits of SHA-256 of an account's id or of "<source>\n<author>", so that it
// need not name anybody; '#' begins a comment. Immutable, thread-safe.
class OptOutList {
 public:
  OptOutList() = default;
  // InvalidArgument names file and line. NotFound: there is no such file.
  static absl::StatusOr<OptOutList> Load(const std::string& path);

  bool empty() const { return plain_.empty() && hashed_.empty(); }
  bool HasAccount(std::string_view account) const;
  bool HasAuthor(std::string_view source, std::string_view author) const;

 private:
  bool HasDigest(std::string_view bytes) const;

  absl::flat_hash_set<std::string> plain_;
  absl::flat_hash_set<std::string> hashed_;  // raw digests
};

// The same answers from a bounded memory: authors come in bursts, an HMAC costs 0.5 us and a
// look-up 40 ns. Direct-mapped, so that it needs no upkeep. Not thread-safe: one for each thread.
class AuthorCache {
 public:
  struct Answer {
    std::string_view key;  // "" when opted out; valid until the next call
    bool opted_out = false;
  };

  explicit AuthorCache(std::shared_ptr<const OptOutList> opt_outs);

  // REQUIRES: `author` is not empty.
  Answer Find(const std::shared_ptr<const AuthorKeys>& keys, std::string_view source,
              std::string_view author);

 private:
  static constexpr size_t kSlots = 4096;
  struct Slot {
    base::Hash128 who;
    Answer answer;
    std::string key;
  };

  const std::shared_ptr<const OptOutList> opt_outs_;
  std::shared_ptr<const AuthorKeys> keys_;  // whose answers the slots hold
  std::vector<Slot> slots_;
  std::string scratch_;
};

}  // namespace keng::ingest

#endif  // KENG_INGEST_AUTHOR_KEYS_H_
