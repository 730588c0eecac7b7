#ifndef KENG_FILTERS_RULES_RULE_PUBLICATION_H_
#define KENG_FILTERS_RULES_RULE_PUBLICATION_H_

// The way of a rule set from one machine to all filters: its package, in chunks, in the compacted
// stream `control`.
//
//   rules/chunk/VERSION/ID/N  bytes [N * 512 KiB, (N + 1) * 512 KiB) of the package
//   rules/current             JSON, version 1: which publication is in force, and the one before it
//   rules/running/INSTANCE    what a filter runs (filters/rules/rule_status.h)
//
// ID is new for every publication, so that two publishers never write one key and what one of them
// clears away is never what the other one is writing.
//
// Invariants
//   I1  `rules/current` is written after all chunks that it names: in the one partition that
//   control
//       has by default, whoever sees it has seen them. (With more partitions a follower waits.)
//   I2  The chunks of the publication in force and of the one before it stay, for the way back.
//       Others go when they are an hour old, which no publisher needs.
//   I3  The last `rules/current` is in force, whoever wrote it.
//
// Threads: functions, safe for any thread. Tests: filters/rules/rule_publication_test.cc.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "stream/stream.h"

namespace keng::filters {

inline constexpr std::string_view kRulesCurrentKey = "rules/current";
inline constexpr std::string_view kRulesChunkPrefix = "rules/chunk/";
inline constexpr size_t kRuleChunkBytes = size_t{512} << 10;
// Chunks that no `rules/current` names are cleared away when they are so old.
inline constexpr absl::Duration kRuleChunksKept = absl::Hours(1);

struct Publication {
  std::string version;  // of the rule set
  std::string id;       // of this publication
  int chunks = 0;
  int64_t bytes = 0;  // of the package
  std::string hash;   // of the package: 32 hex digits of XXH3, 128 bits
  absl::Time published_at;
  std::string publisher;

  std::string ChunkKey(int chunk) const;
};
struct CurrentRules {
  Publication publication;
  std::optional<Publication> previous;
};
std::string EncodeCurrentRules(const CurrentRules& current);
// InvalidArgument: not made by EncodeCurrentRules(), or of another version.
absl::StatusOr<CurrentRules> DecodeCurrentRules(std::string_view json);

// Who publishes, and when.
struct PublishStamp {
  std::string publisher;
  absl::Time at;
};
enum class PublishOutcome : uint8_t {
  kPublished,
  kAlreadyCurrent,  // this version is in force and whole: nothing was written
};

// Makes the package of rules of `version` the one in force. On OK it is durable and every filter
// will see it. InvalidArgument: an empty package or one over RulePackage::kPackedBytesMax, a
// version or publisher that is no UTF-8 or too long (64 and 256 bytes). DeadlineExceeded: control
// cannot be read to its end. Else the errors of Streams::Write(): the rules in force are as before,
// or (Unavailable) perhaps the new ones; publish again.
absl::StatusOr<PublishOutcome> PublishRules(stream::Streams& streams, std::string_view packed,
                                            std::string_view version, const PublishStamp& stamp);

// Nothing is published any more: every filter goes back to the files of its configuration.
// NotFound: nothing was. The chunks go with a later publication.
absl::Status WithdrawRules(stream::Streams& streams);

// The package of a publication, gathered from `control` and held against its size and hash.
// NotFound: a chunk is missing (its number is named). DataLoss: what is there is not what was
// published. DeadlineExceeded: control cannot be read to its end now.
absl::StatusOr<std::string> GatherPackage(stream::Streams& streams, const Publication& publication);

}  // namespace keng::filters

#endif  // KENG_FILTERS_RULES_RULE_PUBLICATION_H_
