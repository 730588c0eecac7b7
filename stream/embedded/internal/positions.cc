#include "stream/embedded/internal/positions.h"

#include <algorithm>

#include "base/strings.h"

namespace keng::stream::internal {
namespace {

constexpr std::string_view kPrefix = "position/";

}  // namespace

// "position/" u8 stream, u64 partition, name: the name is last because it may hold anything.
std::string Positions::Key(std::string_view reader, StreamId stream, int partition) {
  std::string key(kPrefix);
  key.push_back(static_cast<char>(stream));
  AppendBigEndian64(static_cast<uint64_t>(partition), key);
  key.append(reader);
  return key;
}

std::string Positions::Encode(Offset next, std::string_view metadata) {
  std::string value;
  AppendBigEndian64(static_cast<uint64_t>(next), value);
  value.append(metadata);
  return value;
}

absl::Status Positions::Recover(Database& database) {
  std::unique_ptr<rocksdb::Iterator> it(database.db().NewIterator({}, database.meta()));
  base::MutexLock lock(mutex_);
  positions_.clear();
  for (it->Seek(std::string(kPrefix)); it->Valid(); it->Next()) {
    std::string_view key = it->key().ToStringView();
    const std::string_view value = it->value().ToStringView();
    if (!key.starts_with(kPrefix)) break;
    key.remove_prefix(kPrefix.size());
    if (key.size() < 9 || value.size() < 8) {
      return absl::DataLossError("a stored reader position is damaged");
    }
    const auto stream = static_cast<StreamId>(key[0]);
    const auto partition = static_cast<int>(BigEndian64(key.substr(1)));
    positions_[{stream, partition, std::string(key.substr(9))}] = Committed{
        .next = static_cast<Offset>(BigEndian64(value)), .metadata = std::string(value.substr(8))};
  }
  return Database::ToStatus(it->status(), "reading the positions of readers");
}

void Positions::Set(std::string_view reader, StreamId stream, int partition, Committed committed) {
  base::MutexLock lock(mutex_);
  positions_[{stream, partition, std::string(reader)}] = std::move(committed);
}

void Positions::Remove(std::string_view reader, StreamId stream) {
  base::MutexLock lock(mutex_);
  std::erase_if(positions_, [&](const auto& item) {
    return std::get<0>(item.first) == stream && std::get<2>(item.first) == reader;
  });
}

std::optional<Committed> Positions::Get(std::string_view reader, StreamId stream,
                                        int partition) const {
  base::MutexLock lock(mutex_);
  const auto it = positions_.find({stream, partition, std::string(reader)});
  if (it == positions_.end()) return std::nullopt;
  return it->second;
}

std::optional<Offset> Positions::Slowest(StreamId stream, int partition) const {
  base::MutexLock lock(mutex_);
  std::optional<Offset> slowest;
  for (auto it = positions_.lower_bound({stream, partition, ""}); it != positions_.end(); ++it) {
    if (std::get<0>(it->first) != stream || std::get<1>(it->first) != partition) break;
    slowest = std::min(slowest.value_or(it->second.next), it->second.next);
  }
  return slowest;
}

std::vector<Positions::Row> Positions::rows() const {
  base::MutexLock lock(mutex_);
  std::vector<Row> rows;
  for (const auto& [id, committed] : positions_) {
    rows.push_back({std::get<2>(id), std::get<0>(id), std::get<1>(id), committed.next});
  }
  return rows;
}

}  // namespace keng::stream::internal
