#ifndef KENG_INGEST_SOURCES_SOURCE_TABLE_H_
#define KENG_INGEST_SOURCES_SOURCE_TABLE_H_

// The kinds of sources there are, each by the name that stands as `type` in keng.yaml. A new kind
// is one pair of files and one line in the table of source_table.cc.

#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/yaml.h"
#include "ingest/ingest_stage.h"
#include "ingest/sources/source.h"

namespace keng::ingest {

// What sources are made from beside their options. Outlives them.
struct SourceEnvironment {
  IngestStage* stage = nullptr;
  stream::Streams* streams = nullptr;  // those of the stage
  const base::Clock* clock = nullptr;
  base::Metrics* metrics = nullptr;  // may be null
  std::ostream* progress = nullptr;  // where a file read once shows how far it is; null: nowhere
  std::string folder;                // relative paths of options start here
};

// The source that `entry` (one of `sources:` in keng.yaml) describes. InvalidArgument: names file,
// line and column, what was expected and what to do; NotFound: a file or a secret is missing.
absl::StatusOr<std::unique_ptr<Source>> MakeSource(const base::Yaml& entry, SourceOptions options,
                                                   const SourceEnvironment& environment);

std::vector<std::string_view> SourceKinds();

}  // namespace keng::ingest

#endif  // KENG_INGEST_SOURCES_SOURCE_TABLE_H_
