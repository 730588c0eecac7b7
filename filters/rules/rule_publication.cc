#include "filters/rules/rule_publication.h"

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <random>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "base/check.h"
#include "base/stable_hash.h"
#include "base/strings.h"
#include "filters/rules/internal/control_scan.h"
#include "filters/rules/rule_package.h"
#include "filters/rules/rule_status.h"

namespace keng::filters {

namespace {

namespace json = boost::json;
using base::StrCat;
using stream::StreamId;

constexpr StreamId kControl = StreamId::kControl;
constexpr int kChunksMax = static_cast<int>(RulePackage::kPackedBytesMax / kRuleChunkBytes);
// So many chunks are one write.
constexpr int kChunksAWrite = 8;

std::string HashOf(std::string_view bytes) {
  const base::Hash128 hash = base::StableHash128(bytes);
  return StrCat(absl::StrCat(absl::Hex(hash.high, absl::kZeroPad16)),
                absl::StrCat(absl::Hex(hash.low, absl::kZeroPad16)));
}

// Never the same for two publications, also of one publisher at one time.
std::string NewId(const PublishStamp& stamp) {
  std::random_device random;
  const uint64_t seed = (uint64_t{random()} << 32) | random();
  const uint64_t id =
      base::StableHash64(StrCat(stamp.publisher, "|", absl::ToUnixNanos(stamp.at)), seed);
  return absl::StrCat(absl::Hex(id, absl::kZeroPad16));
}

std::string Field(const json::object& object, const char* key) {
  return std::string(object.at(key).as_string());
}

json::object ToJson(const Publication& publication) {
  return {{"version", publication.version},
          {"id", publication.id},
          {"chunks", publication.chunks},
          {"bytes", publication.bytes},
          {"hash", publication.hash},
          {"published_at", absl::ToUnixMicros(publication.published_at)},
          {"publisher", publication.publisher}};
}

// Throws what Boost.JSON throws of a key that is missing or of another kind.
absl::StatusOr<Publication> FromJson(const json::object& object) {
  Publication publication;
  publication.version = Field(object, "version");
  publication.id = Field(object, "id");
  publication.chunks = object.at("chunks").to_number<int>();
  publication.bytes = object.at("bytes").to_number<int64_t>();
  publication.hash = Field(object, "hash");
  publication.published_at = absl::FromUnixMicros(object.at("published_at").to_number<int64_t>());
  publication.publisher = Field(object, "publisher");
  const bool fits = publication.bytes > 0 && publication.chunks > 0 &&
                    publication.chunks <= kChunksMax && !publication.version.empty() &&
                    !publication.id.empty() && publication.version.size() <= 64 &&
                    publication.id.size() <= 64 && publication.publisher.size() <= 256 &&
                    publication.bytes <= int64_t{publication.chunks} * int64_t{kRuleChunkBytes};
  if (!fits) return absl::InvalidArgumentError("rules/current names a publication that cannot be");
  return publication;
}

// What stands in control under rules/, as far as a publisher must know it.
struct Survey {
  struct ChunkSet {
    std::map<std::string, absl::Time> keys;  // live ones, with their append times
    absl::Time newest = absl::InfinitePast();
  };
  std::optional<std::string> current;
  std::map<std::string, ChunkSet> sets;         // "rules/chunk/VERSION/ID"
  std::map<std::string, absl::Time> instances;  // keys of rules/running/, with their append times
};

absl::StatusOr<Survey> SurveyControl(stream::Streams& streams) {
  Survey survey;
  KENG_RETURN_IF_ERROR(
      ScanControl(streams, absl::InfinitePast(), [&survey](const stream::Record& record) {
        const std::string key(record.key);
        if (key == kRulesCurrentKey) {
          survey.current.reset();
          if (!record.tombstone) survey.current = std::string(record.value);
        } else if (key.starts_with(kRulesRunningPrefix)) {
          survey.instances.erase(key);
          if (!record.tombstone) survey.instances[key] = record.time;
        } else if (key.starts_with(kRulesChunkPrefix)) {
          const std::string set = key.substr(0, key.rfind('/'));
          if (record.tombstone) {
            const auto found = survey.sets.find(set);
            if (found == survey.sets.end()) return;
            found->second.keys.erase(key);
            if (found->second.keys.empty()) survey.sets.erase(found);
            return;
          }
          Survey::ChunkSet& chunks = survey.sets[set];
          chunks.keys[key] = record.time;
          chunks.newest = std::max(chunks.newest, record.time);
        }
      }));
  return survey;
}

std::string SetKey(const Publication& publication) {
  return StrCat(kRulesChunkPrefix, publication.version, "/", publication.id);
}

absl::Status WriteChunks(stream::Streams& streams, std::string_view packed,
                         const Publication& publication) {
  stream::WriteSet set;
  for (int chunk = 0; chunk < publication.chunks; ++chunk) {
    set.Append(kControl, publication.ChunkKey(chunk),
               packed.substr(static_cast<size_t>(chunk) * kRuleChunkBytes, kRuleChunkBytes));
    if ((chunk + 1) % kChunksAWrite != 0) continue;
    KENG_RETURN_IF_ERROR(streams.Write(set));
    set.Clear();
  }
  return set.empty() ? absl::OkStatus() : streams.Write(set);
}

// Tombstones for what nobody needs any more (I2), and for instances that are long gone.
absl::Status ClearAway(stream::Streams& streams, const Survey& survey, const CurrentRules& now,
                       const std::optional<CurrentRules>& before) {
  stream::WriteSet set;
  for (const auto& [key, chunks] : survey.sets) {
    if (key == SetKey(now.publication)) continue;
    if (now.previous.has_value() && key == SetKey(*now.previous)) continue;
    const bool superseded =
        before.has_value() && before->previous.has_value() && key == SetKey(*before->previous);
    if (!superseded && now.publication.published_at - chunks.newest < kRuleChunksKept) continue;
    for (const auto& [chunk, time] : chunks.keys) set.AppendTombstone(kControl, chunk);
  }
  for (const auto& [key, time] : survey.instances) {
    if (now.publication.published_at - time >= kRulesInstanceKept)
      set.AppendTombstone(kControl, key);
  }
  return set.empty() ? absl::OkStatus() : streams.Write(set);
}

using Chunks = std::vector<std::optional<std::string>>;

// False when control cannot be asked for keys.
absl::StatusOr<bool> LookUpChunks(stream::Streams& streams, const Publication& publication,
                                  Chunks& chunks) {
  if (!streams.capabilities().lookup) return false;
  for (size_t i = 0; i < chunks.size(); ++i) {
    auto chunk = streams.Lookup(kControl, publication.ChunkKey(static_cast<int>(i)));
    if (absl::IsFailedPrecondition(chunk.status())) return false;  // it is not indexed
    KENG_ASSIGN_OR_RETURN(chunks[i], std::move(chunk));
  }
  return true;
}

absl::Status ScanChunks(stream::Streams& streams, const Publication& publication, absl::Time since,
                        Chunks& chunks) {
  const std::string prefix = StrCat(SetKey(publication), "/");
  return ScanControl(streams, since, [&](const stream::Record& record) {
    int64_t number = 0;
    if (!record.key.starts_with(prefix) ||
        !absl::SimpleAtoi(base::ToAbsl(record.key.substr(prefix.size())), &number) || number < 0 ||
        number >= publication.chunks || record.value.size() > kRuleChunkBytes)
      return;
    std::optional<std::string>& chunk = chunks[static_cast<size_t>(number)];
    chunk.reset();
    if (!record.tombstone) chunk = std::string(record.value);
  });
}

}  // namespace

std::string Publication::ChunkKey(int chunk) const { return StrCat(SetKey(*this), "/", chunk); }

std::string EncodeCurrentRules(const CurrentRules& current) {
  json::object document = ToJson(current.publication);
  document["v"] = 1;
  if (current.previous.has_value()) document["previous"] = ToJson(*current.previous);
  return json::serialize(document);
}

absl::StatusOr<CurrentRules> DecodeCurrentRules(std::string_view text) {
  try {
    const json::value document = json::parse({text.data(), text.size()});
    const json::object& object = document.as_object();
    if (object.at("v").to_number<int>() != 1)
      return absl::InvalidArgumentError("rules/current is of another version of keng");
    CurrentRules current;
    KENG_ASSIGN_OR_RETURN(current.publication, FromJson(object));
    if (const json::value* previous = object.if_contains("previous")) {
      KENG_ASSIGN_OR_RETURN(current.previous, FromJson(previous->as_object()));
    }
    return current;
  } catch (const std::exception& error) {
    return absl::InvalidArgumentError(
        StrCat("rules/current cannot be read: ", std::string_view(error.what())));
  }
}

absl::StatusOr<PublishOutcome> PublishRules(stream::Streams& streams, std::string_view packed,
                                            std::string_view version, const PublishStamp& stamp) {
  if (packed.empty() || packed.size() > RulePackage::kPackedBytesMax) {
    return absl::InvalidArgumentError(StrCat(
        "a package of ", packed.size(), " bytes; expected 1 to ", RulePackage::kPackedBytesMax));
  }
  KENG_ASSIGN_OR_RETURN(const Survey survey, SurveyControl(streams));
  std::optional<CurrentRules> before;
  if (survey.current.has_value()) {
    // One that cannot be read is superseded like any other.
    absl::StatusOr<CurrentRules> current = DecodeCurrentRules(*survey.current);
    if (current.ok()) before = *std::move(current);
  }
  if (before.has_value() && before->publication.version == version &&
      GatherPackage(streams, before->publication).ok()) {
    return PublishOutcome::kAlreadyCurrent;
  }
  CurrentRules now;
  now.publication = {
      .version = std::string(version),
      .id = NewId(stamp),
      .chunks = static_cast<int>((packed.size() + kRuleChunkBytes - 1) / kRuleChunkBytes),
      .bytes = static_cast<int64_t>(packed.size()),
      .hash = HashOf(packed),
      .published_at = stamp.at,
      .publisher = stamp.publisher};
  // A second try of one version keeps the way back to another one.
  if (before.has_value())
    now.previous = before->publication.version == version ? before->previous : before->publication;
  const std::string current = EncodeCurrentRules(now);
  // What no filter can read (a publisher's name that is no UTF-8) would stop all of them.
  KENG_RETURN_IF_ERROR(DecodeCurrentRules(current).status());
  KENG_RETURN_IF_ERROR(WriteChunks(streams, packed, now.publication));
  stream::WriteSet set;
  set.Append(kControl, kRulesCurrentKey, current);
  KENG_RETURN_IF_ERROR(streams.Write(set));
  KENG_RETURN_IF_ERROR(streams.Sync());
  // It is published, whatever becomes of the rest: the next publication clears away again.
  ClearAway(streams, survey, now, before).IgnoreError();
  return PublishOutcome::kPublished;
}

absl::Status WithdrawRules(stream::Streams& streams) {
  KENG_ASSIGN_OR_RETURN(const Survey survey, SurveyControl(streams));
  if (!survey.current.has_value())
    return absl::NotFoundError("no rules are published: there is nothing to withdraw");
  stream::WriteSet set;
  set.AppendTombstone(kControl, kRulesCurrentKey);
  KENG_RETURN_IF_ERROR(streams.Write(set));
  return streams.Sync();
}

absl::StatusOr<std::string> GatherPackage(stream::Streams& streams,
                                          const Publication& publication) {
  Chunks chunks(static_cast<size_t>(publication.chunks));
  KENG_ASSIGN_OR_RETURN(bool gathered, LookUpChunks(streams, publication, chunks));
  if (!gathered && streams.capabilities().seek_by_time) {
    // The chunks are little older than what names them, and the stream may be long.
    KENG_RETURN_IF_ERROR(
        ScanChunks(streams, publication, publication.published_at - kRuleChunksKept, chunks));
    gathered =
        std::all_of(chunks.begin(), chunks.end(), [](const auto& c) { return c.has_value(); });
  }
  if (!gathered) {
    KENG_RETURN_IF_ERROR(ScanChunks(streams, publication, absl::InfinitePast(), chunks));
  }
  std::string packed;
  for (size_t i = 0; i < chunks.size(); ++i) {
    if (!chunks[i].has_value()) {
      return absl::NotFoundError(StrCat("chunk ", i, " of ", chunks.size(), " of rules ",
                                        publication.version, " is missing in control"));
    }
    packed.append(*chunks[i]);
  }
  if (static_cast<int64_t>(packed.size()) != publication.bytes ||
      HashOf(packed) != publication.hash) {
    return absl::DataLossError(StrCat("the package of rules ", publication.version,
                                      " is not what was published (its hash differs)"));
  }
  return packed;
}

}  // namespace keng::filters
