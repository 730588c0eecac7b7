#ifndef KENG_INGEST_SOURCES_INTAKE_SOURCE_H_
#define KENG_INGEST_SOURCES_INTAKE_SOURCE_H_

// The stream `intake` as a source: posts that any producer wrote to it, one JSON object a record,
// in the form of ingest/post.schema.json. They are mapped and masked like those of every source;
// what is broken goes to `dead`. Keys mean nothing; a tombstone counts as a broken line.
//
// One owner reads all partitions. The resume point holds the next offset of each ("3,0,17"); the
// committed position of the reader "ingest" follows it, for lag and retention only.
//
// Tests: ingest/sources/intake_source_test.cc.

#include <memory>

#include "absl/status/statusor.h"
#include "ingest/ingest_stage.h"
#include "ingest/sources/source.h"
#include "stream/stream.h"

namespace keng::ingest {

// FailedPrecondition: the streams have no `intake`. DataLoss: the resume point is not one of ours.
// `streams` must outlive the source.
absl::StatusOr<std::unique_ptr<Source>> MakeIntakeSource(stream::Streams& streams,
                                                         std::unique_ptr<SourceIntake> intake);

}  // namespace keng::ingest

#endif  // KENG_INGEST_SOURCES_INTAKE_SOURCE_H_
