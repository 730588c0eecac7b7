#ifndef KENG_INGEST_SOURCES_HTTP_SOURCE_H_
#define KENG_INGEST_SOURCES_HTTP_SOURCE_H_

// The push intake: POST /v1/posts. Takes, by Content-Type:
//
//   application/x-ndjson (and text/plain)      one post a line
//   application/json                           one post
//   application/cloudevents+json               one CloudEvents 1.0 event whose `data` is a post
//   application/cloudevents-batch+json         an array of them
//
// with Content-Encoding gzip, zstd or none. A producer names itself by a bearer token. The answer
// is given when the posts are durable: 200
// {"accepted":n,"duplicate":d,"rejected":r,"results":[{"line":1,"outcome":"stored"},
// {"line":2,"outcome": "dropped","reason":...,"field":...}]}. 400: nothing could be read; 401, 413,
// 415; 429 with Retry-After: the pipeline is full, nothing of this request was taken, send it
// again. A repeated request is harmless: posts are known by their ids.
//
// Threads: those of net/http_server.h, which take turns at the source's one intake. RunOnce() only
// waits. Tests: ingest/sources/http_source_test.cc, over a real socket.

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/metrics.h"
#include "base/yaml.h"
#include "ingest/ingest_stage.h"
#include "ingest/sources/source.h"

namespace keng::ingest {

struct HttpSourceOptions {
  std::string address = "127.0.0.1";
  int port = 8080;                                 // 0: one that is free; see PushSource::port()
  std::string tokens_file;                         // lines "PRODUCER TOKEN"; mode 0600
  std::string tls_certificate_file, tls_key_file;  // needed for anything but loopback
  size_t body_bytes_max = size_t{32} << 20;        // as sent, and decoded
  int lines_max = 10'000;
};

class PushSource : public Source {
 public:
  virtual int port() const = 0;
};

// The keys of one entry of `sources:` beside the common ones.
absl::StatusOr<HttpSourceOptions> ReadHttpSourceOptions(const base::Yaml& entry);

// Listens at once. NotFound or InvalidArgument: the tokens; Unavailable: the port is taken.
// `metrics` may be null.
absl::StatusOr<std::unique_ptr<PushSource>> MakeHttpSource(HttpSourceOptions options,
                                                           std::unique_ptr<SourceIntake> intake,
                                                           base::Metrics* metrics);

}  // namespace keng::ingest

#endif  // KENG_INGEST_SOURCES_HTTP_SOURCE_H_
