#include "tests/simulation/checks.h"

#include <algorithm>
#include <set>

#include "alerting/delivery_decision.h"
#include "alerting/state_tables.h"
#include "alerting/text_record.h"
#include "alerting/verify_fold.h"
#include "base/check.h"
#include "base/strings.h"
#include "filters/filter_worker.h"
#include "ingest/ingest_stage.h"
#include "ingest/post_parser.h"

namespace keng::simulation {

namespace {

using alerting::Alert;
using alerting::Incident;
using base::StrCat;
using stream::StreamId;
namespace table = alerting::table;

void Check(World& world, const absl::Status& status) {
  if (!status.ok()) world.Violate(StrCat("check: ", status.ToString()));
}

// How often the channel has accepted each alert.
std::map<std::string, int64_t> AcceptedCounts(const World& world) {
  std::map<std::string, int64_t> counts;
  for (const Sent& sent : world.sent()) {
    for (const std::string& alert : sent.alerts) ++counts[alert];
  }
  return counts;
}

// Which posts the fold has in the incident and the town has not, and the other way round.
std::string PostsThatDiffer(World& world, const store::View& store, const Incident& incident,
                            const std::set<std::string>& posts) {
  std::set<std::string> folded;
  const auto visit = [&](std::string_view key, std::string_view value) {
    alerting::PostRow row;
    Check(world, alerting::Decode(value, row));
    for (const alerting::KnownHit& hit : row.hits) {
      if (hit.incident == incident.id) folded.emplace(key);
    }
    return store::Visit::kContinue;
  };
  Check(world, store.Scan(table::kPosts, "", "", visit));
  std::string differ;
  for (const std::string& post : folded) {
    if (!posts.contains(post)) base::StrAppend(&differ, " +", post);
  }
  for (const std::string& post : posts) {
    if (!folded.contains(post)) base::StrAppend(&differ, " -", post);
  }
  return differ;
}

std::map<Story, Incident> CheckIncidents(World& world, const store::View& store) {
  std::map<Story, Incident> incidents;
  const auto visit = [&](std::string_view key, std::string_view value) {
    alerting::IncidentRow row;
    Check(world, alerting::Decode(value, row));
    const Story story{row.incident.topic, row.incident.place};
    if (!incidents.emplace(story, row.incident).second)
      world.Violate(StrCat("opened twice: ", story.topic, " in ", story.ward, " is ", key, " too"));
    return store::Visit::kContinue;
  };
  Check(world, store.Scan(table::kIncidents, "", "", visit));
  for (const auto& [story, posts] : world.town().live()) {
    const auto found = incidents.find(story);
    const std::string name = StrCat(story.topic, " in ", story.ward);
    if (found == incidents.end()) {
      world.Violate(StrCat("lost: ", name));
      continue;
    }
    const Incident& incident = found->second;
    if (incident.posts != static_cast<int64_t>(posts.size()))
      world.Violate(StrCat(name, ": ", incident.posts, " posts, not ", posts.size(), ":",
                           PostsThatDiffer(world, store, incident, posts)));
    if (incident.state != alerting::IncidentState::kOpen)
      world.Violate(StrCat(name, " is ", alerting::IncidentStateName(incident.state)));
  }
  if (incidents.size() != world.town().live().size())
    world.Violate(
        StrCat(incidents.size(), " incidents of ", world.town().live().size(), " stories"));
  return incidents;
}

void CheckDeliveries(World& world, alerting::PartitionOwner& owner,
                     const std::map<Story, Incident>& incidents) {
  const std::map<std::string, int64_t> accepted = AcceptedCounts(world);
  std::map<std::string, int> opened;  // by incident
  std::set<std::string> known;
  const auto visit = [&](std::string_view key, std::string_view value) {
    Alert alert;
    Check(world, alerting::Decode(value, alert));
    known.emplace(key);
    if (alert.reason == alerting::AlertReason::kOpened) ++opened[alert.incident.id];
    if (!accepted.contains(alert.id))
      world.Violate(StrCat("alert ", alert.id, " was never accepted by the channel"));
    return store::Visit::kContinue;
  };
  Check(world, owner.store().Scan(table::kAlerts, "", "", visit));
  for (const auto& [story, incident] : incidents) {
    if (opened[incident.id] != 1)
      world.Violate(StrCat(incident.id, " rang ", opened[incident.id], " times as opened"));
  }
  int64_t again = 0;
  for (const auto& [alert, count] : accepted) {
    if (!known.contains(alert)) world.Violate(StrCat("nobody has decided alert ", alert));
    again += count - 1;
    if (count - 1 > world.outcome().figures.takeovers + world.repeats_allowed())
      world.Violate(StrCat("alert ", alert, " was sent ", count, " times"));
    const auto deliveries = owner.outbox().Deliveries(alert);
    Check(world, deliveries.status());
    if (!deliveries.ok()) continue;
    if (deliveries->size() != 1 || !alerting::IsFinal((*deliveries)[0].state))
      world.Violate(StrCat("the delivery of ", alert, " has no end"));
  }
  if (again > world.repeats_allowed())
    world.Violate(StrCat(again, " alerts were sent again, ", world.repeats_allowed(), " may be"));
  world.outcome().figures.sent_again = again;
  world.outcome().figures.messages = static_cast<int64_t>(world.sent().size());
}

int64_t CountRecords(World& world, StreamId stream) {
  int64_t count = 0;
  for (const stream::PartitionStats& stats : world.streams().partition_stats()) {
    if (stats.stream == stream) count += stats.end;
  }
  return count;
}

// `restored`: what filters have counted of what they appended to `posts` themselves.
void CheckIngest(World& world, int64_t restored) {
  const auto counters = ingest::ReadAllCounters(world.streams());
  Check(world, counters.status());
  if (!counters.ok()) return;
  int64_t stored = 0, broken = 0;
  for (const auto& [name, counts] : *counters) {
    if (counts.lines != counts.stored + counts.duplicate + counts.dropped_total())
      world.Violate(StrCat(name, ": the outcomes do not add up to ", counts.lines, " lines"));
    for (int source = 0; source < Town::kSources; ++source) {
      const auto lines = static_cast<int64_t>(world.town().lines(source).size());
      if (name == Town::SourceName(source) && counts.lines != lines)
        world.Violate(StrCat(name, ": ", counts.lines, " lines of ", lines));
      if (name == Town::SourceName(source)) world.outcome().figures.lines += lines;
    }
    stored += counts.stored;
    broken += counts.dropped_total();
  }
  if (broken != world.town().broken())
    world.Violate(StrCat(broken, " lines dropped, ", world.town().broken(), " were broken"));
  const int64_t posts = CountRecords(world, StreamId::kPosts);
  if (world.is_faultless() ? posts != stored + restored : posts < stored + restored)
    world.Violate(StrCat(posts, " posts of ", stored, " stored and ", restored, " restored"));
}

// Returns what the filters have counted.
filters::FilterCounts CheckFilters(World& world) {
  filters::FilterCounts all;
  for (int p = 0; p < world.streams().partitions(StreamId::kPosts); ++p) {
    const auto committed = world.streams().committed(filters::kFilterReader, StreamId::kPosts, p);
    Check(world, committed.status());
    if (!committed.ok() || !committed->has_value()) continue;
    const auto counts = filters::DecodeFilterCounts((*committed)->metadata);
    Check(world, counts.status());
    if (!counts.ok()) continue;
    int64_t sum = 0;
    for (const int64_t outcome : counts->outcomes) sum += outcome;
    if (sum != (*committed)->next)
      world.Violate(StrCat("filters: ", sum, " outcomes of ", (*committed)->next, " posts"));
    all += *counts;
  }
  if (const auto unrestored =
          all.outcomes[static_cast<size_t>(filters::FilterOutcome::kUnrestored)];
      unrestored > 0)
    world.Violate(StrCat(unrestored, " newer states were not restored, and all are kept"));
  world.outcome().figures.restored += filters::RestoredPosts(all);
  return all;
}

// The newest record of each post is its newest state: what compaction keeps for ever.
void CheckPosts(World& world) {
  struct Newest {
    ingest::PostKind kind = ingest::PostKind::kPost;
    std::string version, highest;
  };
  std::map<std::string, Newest> posts;
  const auto tap = world.streams().OpenTap(StreamId::kPosts, {});
  KENG_CHECK(tap.ok(), tap.status().ToString());
  ingest::PostParser parser;
  while (true) {
    const auto batch = (*tap)->Read(1 << 20, absl::ZeroDuration());
    KENG_CHECK(batch.ok(), batch.status().ToString());
    if (*batch == nullptr) break;
    for (const stream::Record& record : (*batch)->records()) {
      ingest::Post post;
      const auto broken =
          parser.Parse(record.value, ingest::PostParser::Mode::kStored, record.time, post);
      KENG_CHECK(broken == ingest::DropReason::kNone, record.value);
      Newest& newest = posts[std::string(record.key)];
      newest.kind = post.kind;
      newest.version = post.version;
      newest.highest = std::max(newest.highest, newest.version);
    }
  }
  for (const auto& [post, newest] : posts) {
    const bool is_deleted = newest.kind == ingest::PostKind::kDelete;
    if (is_deleted != world.town().deleted().contains(post))
      world.Violate(
          StrCat("`posts` ends with ", is_deleted ? "a deletion" : "a text", " of ", post));
    if (!is_deleted && newest.version != newest.highest)
      world.Violate(StrCat("`posts` ends with version ", newest.version, " of ", post, ", not ",
                           newest.highest));
  }
}

void CheckInbox(World& world, alerting::PartitionOwner& owner, size_t incidents,
                int64_t from_filters) {
  const auto row = alerting::Load<alerting::FoldRow>(owner.store(), table::kFold, "inbox/0");
  Check(world, row.status());
  if (!row.ok() || !row->has_value()) return world.Violate("the inbox was never folded");
  const alerting::FoldRow& fold = **row;
  const int64_t end = CountRecords(world, StreamId::kInbox);
  world.outcome().figures.inbox_records = end;
  int64_t sum = 0;
  for (const int64_t outcome : fold.outcomes) sum += outcome;
  if (sum != end) world.Violate(StrCat("alerting: ", sum, " outcomes of ", end, " records"));
  const auto of = [&](alerting::Outcome outcome) {
    return fold.outcomes[static_cast<size_t>(outcome)];
  };
  if (of(alerting::Outcome::kOpened) != static_cast<int64_t>(incidents))
    world.Violate(StrCat(of(alerting::Outcome::kOpened), " opened, ", incidents, " incidents"));
  if (of(alerting::Outcome::kBroken) + of(alerting::Outcome::kUnknownRecord) != 0)
    world.Violate("the inbox has records that cannot be read");
  const int64_t own = of(alerting::Outcome::kTick) + of(alerting::Outcome::kEpoch) +
                      of(alerting::Outcome::kSettings) + of(alerting::Outcome::kStaleEpoch) +
                      of(alerting::Outcome::kActionDone) + of(alerting::Outcome::kActionRepeated);
  if (world.is_faultless() ? end - own != from_filters : end - own < from_filters)
    world.Violate(StrCat(end - own, " records of ", from_filters, " that filters have written"));
}

void CheckTexts(World& world, const store::View& store) {
  world.outcome().figures.texts_outdated = static_cast<int64_t>(
      world.alerting_metrics().counter("keng_alerting_texts_outdated_total", "").value());
  std::set<std::string> gone = world.town().deleted();
  gone.insert(world.town().emptied().begin(), world.town().emptied().end());
  for (const std::string& post : gone) {
    const auto text = world.streams().Lookup(StreamId::kTexts, post);
    Check(world, text.status());
    if (text.ok() && text->has_value())
      world.Violate(StrCat("`texts` has the text of ", post, ", which is gone"));
    const auto row = store.Get(table::kTexts, post);
    Check(world, row.status());
    if (row.ok() && row->has_value())
      world.Violate(StrCat("the store has the text of ", post, ", which is gone"));
  }
  for (const auto& [story, posts] : world.town().live()) {
    for (const std::string& post : posts) {
      const auto row = alerting::Load<alerting::TextRow>(store, table::kTexts, post);
      Check(world, row.status());
      if (row.ok() && row->has_value() && (*row)->version != world.town().VersionOf(post))
        world.Violate(StrCat("the store has an older text of ", post));
      if (row.ok() && !row->has_value()) world.Violate(StrCat("the text of ", post, " is lost"));
      const auto text = world.streams().Lookup(StreamId::kTexts, post);
      Check(world, text.status());
      if (!text.ok() || !text->has_value() ||
          alerting::ParseTextRecord(**text).version != world.town().VersionOf(post))
        world.Violate(StrCat("`texts` has not the newest text of ", post));
    }
  }
}

// All rows that the changelog keeps.
std::map<std::string, std::string> LoggedRows(World& world, const store::View& store) {
  std::map<std::string, std::string> rows;
  for (store::TableId id = 1; id <= table::kTextMarks; ++id) {
    if (id == table::kTexts || id == table::kTextsRead || id == table::kTextMarks) continue;
    const auto visit = [&](std::string_view key, std::string_view value) {
      const bool is_text = id == table::kErasures && key[8] == alerting::kTextErasure;
      if (!is_text) rows.emplace(StrCat(static_cast<int>(id), "/", key), value);
      return store::Visit::kContinue;
    };
    Check(world, store.Scan(id, "", "", visit));
  }
  return rows;
}

void CheckState(World& world, alerting::PartitionOwner& owner) {
  const auto verified = alerting::VerifyFold(world.streams(), owner.store(), world.disks());
  Check(world, verified.status());
  if (verified.ok() && !verified->empty()) world.Violate(StrCat("fold: ", *verified));

  const std::map<std::string, std::string> rows = LoggedRows(world, owner.store());
  const auto streams = world.Join("auditor");
  alerting::PartitionOwnerOptions options;
  options.alerting.desk = Territory::kDesk;
  options.alerting.owner = "auditor";
  options.store.path = "/auditor";
  options.store.environment = world.disks();
  const auto rebuilt =
      alerting::PartitionOwner::Open(std::move(options), *streams, world.clock(), nullptr);
  Check(world, rebuilt.status());
  if (rebuilt.ok() && LoggedRows(world, (*rebuilt)->store()) != rows)
    world.Violate("`state` rebuilds other rows than the owner has");
}

}  // namespace

void CheckAll(World& world) {
  alerting::PartitionOwner* const owner = world.owner();
  if (owner == nullptr) return world.Violate("nobody owns the inbox");
  const std::map<Story, Incident> incidents = CheckIncidents(world, owner->store());
  world.outcome().figures.stories = static_cast<int64_t>(incidents.size());
  CheckDeliveries(world, *owner, incidents);
  const filters::FilterCounts filtered = CheckFilters(world);
  CheckIngest(world, filters::RestoredPosts(filtered));
  CheckPosts(world);
  CheckInbox(world, *owner, incidents.size(),
             filtered.hits + filtered.edits + filtered.retractions);
  CheckTexts(world, owner->store());
  CheckState(world, *owner);
}

}  // namespace keng::simulation
