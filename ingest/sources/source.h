#ifndef KENG_INGEST_SOURCES_SOURCE_H_
#define KENG_INGEST_SOURCES_SOURCE_H_

// A source asks or is told, and gives lines to its intake. A new one is a pair of files here and a
// line in source_table.cc.
//
// Life cycle: made from its options; RunOnce() is called again and again by one thread until
// finished(); destroying it at any point is as safe as kill -9.
//
// Threads: RunOnce() belongs to one thread at a time; Wake() and finished() may be called by any.

#include <cstdint>

#include "absl/status/statusor.h"

namespace keng::ingest {

class Source {
 public:
  virtual ~Source() = default;

  // One step: reads what is there, makes it durable, returns how many lines that were. Waits a
  // little (200 ms at most) when there is nothing to do. ResourceExhausted or Unavailable: the
  // pipeline is full; call again after a while, nothing is lost. Others end the source.
  virtual absl::StatusOr<int64_t> RunOnce() = 0;
  // Makes a RunOnce() that waits return soon.
  virtual void Wake() = 0;
  // Nothing will ever come again, and all that came is durable.
  virtual bool finished() const = 0;
};

}  // namespace keng::ingest

#endif  // KENG_INGEST_SOURCES_SOURCE_H_
