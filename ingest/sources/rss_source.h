#ifndef KENG_INGEST_SOURCES_RSS_SOURCE_H_
#define KENG_INGEST_SOURCES_RSS_SOURCE_H_

// A feed (RSS 2.0, Atom), polled with conditional GET. Each item is given to the intake as a
// canonical post at every poll: what is unchanged is a duplicate there, what changed an edit, so
// that nothing but the validators has to be remembered.
//
//   id  "rss:<host>:<guid, link or hash>"   url  the item's link   version  its `updated`, when the
//   feed says it
//
// Polite: never more often than the interval, the feed's ttl or its Cache-Control allow, also
// across restarts (the resume point carries the next poll); a 304 costs nothing; 429 and 503 are
// waited for as long as they ask, up to a day; other failures back off to an hour; 410 ends the
// source. Once a day the validators are left out, for servers that always say 304.
//
// Threads: RunOnce() belongs to one thread and blocks while it polls (30 s at most). Tests:
// ingest/sources/feed_test.cc.

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/yaml.h"
#include "ingest/ingest_stage.h"
#include "ingest/sources/source.h"
#include "net/http_client.h"

namespace keng::ingest {

struct RssSourceOptions {
  std::string url;
  std::string account;  // whose area counts for items that name no place; may be empty
  absl::Duration interval = absl::Minutes(15);
  net::AddressPolicy addresses = net::AddressPolicy::kPublic;
  std::string ca_file;  // may be empty
};

// The keys of one entry of `sources:` beside the common ones.
absl::StatusOr<RssSourceOptions> ReadRssSourceOptions(const base::Yaml& entry);

// `clock` must outlive the source; `metrics` may be null.
absl::StatusOr<std::unique_ptr<Source>> MakeRssSource(RssSourceOptions options,
                                                      std::unique_ptr<SourceIntake> intake,
                                                      const base::Clock& clock,
                                                      base::Metrics* metrics);

}  // namespace keng::ingest

#endif  // KENG_INGEST_SOURCES_RSS_SOURCE_H_
