#ifndef KENG_INGEST_POST_WRITER_H_
#define KENG_INGEST_POST_WRITER_H_

// The canonical JSON form of a post: fixed order of keys, only the schema's fields, none that is
// empty, times in UTC with milliseconds. What a producer put into other fields ends here.

#include <string>

#include "ingest/post.h"

namespace keng::ingest {

// Appends one JSON object without a line feed. Parsing it (kStored) gives the same post, its times
// rounded down to milliseconds. REQUIRES: valid UTF-8, an id.
void AppendPostJson(const Post& post, std::string& out);

}  // namespace keng::ingest

#endif  // KENG_INGEST_POST_WRITER_H_
