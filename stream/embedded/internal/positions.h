#ifndef KENG_STREAM_EMBEDDED_INTERNAL_POSITIONS_H_
#define KENG_STREAM_EMBEDDED_INTERNAL_POSITIONS_H_

// The committed positions of the registered readers, as they stand on disk. Thread-safe.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "base/mutex.h"
#include "stream/embedded/internal/database.h"
#include "stream/stream.h"

namespace keng::stream::internal {

class Positions {
 public:
  static std::string Key(std::string_view reader, StreamId stream, int partition);
  static std::string Encode(Offset next, std::string_view metadata);

  absl::Status Recover(Database& database);

  // To be called after the change is durable.
  void Set(std::string_view reader, StreamId stream, int partition, Committed committed);
  void Remove(std::string_view reader, StreamId stream);

  std::optional<Committed> Get(std::string_view reader, StreamId stream, int partition) const;
  bool Has(std::string_view reader, StreamId stream, int partition) const {
    return Get(reader, stream, partition).has_value();
  }
  // What holds retention back: the smallest position; nullopt when no reader is registered.
  std::optional<Offset> Slowest(StreamId stream, int partition) const;

  struct Row {
    std::string reader;
    StreamId stream;
    int partition;
    Offset next;
  };
  std::vector<Row> rows() const;

 private:
  using Id = std::tuple<StreamId, int, std::string>;
  mutable base::Mutex mutex_;
  std::map<Id, Committed> positions_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace keng::stream::internal

#endif  // KENG_STREAM_EMBEDDED_INTERNAL_POSITIONS_H_
