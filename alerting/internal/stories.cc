#include "alerting/internal/stories.h"

#include <algorithm>
#include <set>

#include "absl/strings/numbers.h"
#include "alerting/incident_fold.h"
#include "base/check.h"
#include "base/stable_hash.h"
#include "base/strings.h"
#include "filters/sketch.h"

namespace keng::alerting {
namespace {

constexpr std::string_view kRumour = "rumour";
constexpr std::string_view kDraftMark = "\x01";
constexpr size_t kScanMax = 64;

std::string MemberKey(const IncidentRow& incident, int64_t member) {
  std::string key = IdPrefix(incident.incident.id);
  AppendBig(static_cast<uint64_t>(member), key);
  return key;
}

// Newest first: the time counted down from the end of all times.
std::string RecentKey(const IncidentRow& incident, absl::Time time, int64_t member) {
  std::string key = IdPrefix(incident.incident.id);
  AppendBig(~static_cast<uint64_t>(absl::ToUnixMicros(time)), key);
  AppendBig(static_cast<uint64_t>(member), key);
  return key;
}

std::string PlaceKey(std::string_view place) { return base::StrCat("p", place); }
std::string RuleKey(std::string_view rule) { return base::StrCat("r", rule); }

int Rank(JoinVerdict verdict) {
  switch (verdict) {
    case JoinVerdict::kJoin:
      return 0;
    case JoinVerdict::kReopen:
      return 1;
    case JoinVerdict::kJoinQuietly:
      return 2;
    default:
      return 3;
  }
}

// Keeps the better of two candidates; a verdict that is no joining is never kept.
void Prefer(std::optional<Stories::Found>& best, Stories::Found candidate) {
  if (Rank(candidate.verdict) == 3) return;
  const auto order = [](const Stories::Found& found) {
    return std::make_pair(Rank(found.verdict),
                          -absl::ToUnixMicros(found.incident.incident.last_hit_at));
  };
  if (!best || order(candidate) < order(*best) ||
      (order(candidate) == order(*best) &&
       candidate.incident.incident.id < best->incident.incident.id)) {
    best = std::move(candidate);
  }
}

void ShowFirst(IncidentRow& row, int64_t key, MemberRow member) {
  Incident& shown = row.incident;
  row.first_member = key;
  row.sketch = std::move(member.sketch);
  shown.first_post = std::move(member.post);
  shown.first_url = std::move(member.url);
  shown.first_account = std::move(member.account);
  shown.first_spans = std::move(member.spans);
  shown.first_created_at = member.created_at;
}

MemberRow MakeMember(const filters::HitRecord& hit, absl::Time now) {
  return MemberRow{.post = hit.hit.post,
                   .author = hit.author,
                   .url = hit.url,
                   .account = hit.account,
                   .version = hit.version,
                   .route_reason = hit.hit.reason,
                   .spans = hit.hit.spans,
                   .sketch = hit.sketch,
                   .created_at = hit.created_at,
                   .joined_at = now,
                   .spans_rule = hit.hit.rule};
}

}  // namespace

std::string Stories::ScopeOf(std::string_view desk, const filters::HitRecord& hit) {
  const bool stable = hit.rule.status == filters::RuleStatus::kStable;
  return IdPrefix(
      PairKey(desk, base::StrCat(hit.hit.topic, stable ? std::string_view() : kDraftMark)));
}

absl::StatusOr<std::optional<Stories::Found>> Stories::Find(const std::string& scope,
                                                            const filters::HitRecord& hit) {
  KENG_ASSIGN_OR_RETURN(std::optional<Found> found, FindByText(scope, hit));
  if (found) return found;
  if (hit.hit.topic == kRumour) return FindByKey(scope, RuleKey(hit.hit.rule));
  if (hit.hit.place.empty()) return std::nullopt;
  KENG_ASSIGN_OR_RETURN(found, FindByKey(scope, PlaceKey(hit.hit.place)));
  if (found) return found;
  const std::string_view desk = std::string_view(scope).substr(0, scope.find('\0'));
  for (const std::string& place : hit.place_path) {
    if (place == hit.hit.place || place == desk) continue;
    KENG_ASSIGN_OR_RETURN(found, FindByKey(scope, PlaceKey(place)));
    if (found) return found;
  }
  return std::nullopt;
}

absl::StatusOr<std::optional<Stories::Found>> Stories::FindByText(const std::string& scope,
                                                                  const filters::HitRecord& hit) {
  if (hit.sketch.shingles.empty()) return std::nullopt;
  KENG_ASSIGN_OR_RETURN(
      const std::vector<std::string> ids,
      signatures_.Candidates(*fold_.changes, scope, store::MinHashBands(hit.sketch.shingles),
                             kCandidatesMax, kScanMax));
  std::optional<Found> best;
  for (const std::string& id : ids) {
    KENG_ASSIGN_OR_RETURN(std::optional<IncidentRow> row, fold_.LoadIncident(id));
    if (!row) continue;
    const JoinVerdict verdict = DecideJoin(row->incident, JoinBasis::kNearDuplicate, fold_.row.now);
    if (Rank(verdict) == 3 || !filters::NearDuplicate(row->sketch, hit.sketch)) continue;
    Prefer(best, Found{*std::move(row), verdict});
  }
  return best;
}

absl::StatusOr<std::optional<Stories::Found>> Stories::FindByKey(const std::string& scope,
                                                                 std::string_view join_key) const {
  const std::string prefix = base::StrCat(scope, IdPrefix(join_key));
  std::vector<std::string> ids;
  KENG_RETURN_IF_ERROR(fold_.changes->ScanPrefix(table::kJoinKeys, prefix,
                                                 [&](std::string_view key, std::string_view) {
                                                   ids.emplace_back(key.substr(prefix.size()));
                                                   return store::Visit::kContinue;
                                                 }));
  std::optional<Found> best;
  for (const std::string& id : ids) {
    KENG_ASSIGN_OR_RETURN(std::optional<IncidentRow> row, fold_.LoadIncident(id));
    if (!row) continue;
    const JoinVerdict verdict = DecideJoin(row->incident, JoinBasis::kPlace, fold_.row.now);
    Prefer(best, Found{*std::move(row), verdict});
  }
  return best;
}

absl::StatusOr<IncidentRow> Stories::Open(std::string_view desk, const std::string& scope,
                                          const filters::HitRecord& hit) {
  IncidentRow row;
  Incident& shown = row.incident;
  // I2: a function of the hit. The number at the end differs only when the same hit opens a second
  // time, after an edit had taken it back.
  for (int64_t n = 0;; ++n) {
    const base::Hash128 hash = base::StableHash128(
        base::StrCat(PairKey(scope, hit.hit.post), IdPrefix(""), hit.hit.rule, IdPrefix(""), n));
    shown.id = base::StrCat("i", absl::Hex(hash.high, absl::kZeroPad16));
    KENG_ASSIGN_OR_RETURN(const std::optional<IncidentRow> taken, fold_.LoadIncident(shown.id));
    if (!taken) break;
  }
  shown.desk = desk;
  shown.cell = hit.hit.cell;
  shown.topic = hit.hit.topic;
  shown.place = hit.hit.place;
  shown.place_path = hit.place_path;
  shown.severity = hit.rule.severity;
  shown.route_reason = hit.hit.reason;
  shown.rule = hit.hit.rule;
  shown.facts = hit.rule;
  shown.opened_at = fold_.row.now;
  shown.last_hit_at = fold_.row.now;
  row.scope = scope;
  if (hit.hit.topic == kRumour) {
    row.join_key = RuleKey(hit.hit.rule);
  } else if (!hit.hit.place.empty()) {
    row.join_key = PlaceKey(hit.hit.place);
  }
  AddDeadline(fold_, QuietDeadline(shown), kIncidentDeadline, shown.id);
  return row;
}

absl::StatusOr<int64_t> Stories::CountAuthor(const IncidentRow& incident, std::string_view author,
                                             int64_t change) {
  const std::string key = PairKey(incident.incident.id, author);
  KENG_ASSIGN_OR_RETURN(const std::optional<std::string> stored,
                        fold_.changes->Get(table::kAuthors, key));
  const int64_t before = stored ? static_cast<int64_t>(ReadBig(*stored)) : 0;
  const int64_t after = before + change;
  if (after <= 0) {
    fold_.changes->Delete(table::kAuthors, key);
    return before > 0 ? -1 : 0;
  }
  std::string value;
  AppendBig(static_cast<uint64_t>(after), value);
  fold_.changes->Put(table::kAuthors, key, value);
  return before == 0 ? 1 : 0;
}

absl::StatusOr<int64_t> Stories::AddPost(IncidentRow& incident, const filters::HitRecord& hit) {
  Incident& shown = incident.incident;
  MemberRow member = MakeMember(hit, fold_.row.now);
  if (shown.authors >= kAuthorsMax) member.author.clear();
  if (!member.author.empty()) {
    KENG_ASSIGN_OR_RETURN(const int64_t change, CountAuthor(incident, member.author, 1));
    shown.authors += change;
  }
  if (shown.state == IncidentState::kGathering) {
    fold_.changes->Put(table::kRecent, RecentKey(incident, member.joined_at, fold_.offset),
                       member.author);
  }
  fold_.changes->Put(table::kMembers, MemberKey(incident, fold_.offset), Encode(member));
  if (shown.posts == 0) ShowFirst(incident, fold_.offset, std::move(member));
  ++shown.posts;
  shown.last_hit_at = fold_.row.now;
  Index(incident);
  return fold_.offset;
}

absl::Status Stories::RemovePost(IncidentRow& incident, int64_t member) {
  Incident& shown = incident.incident;
  const std::string key = MemberKey(incident, member);
  KENG_ASSIGN_OR_RETURN(const std::optional<MemberRow> row,
                        Load<MemberRow>(*fold_.changes, table::kMembers, key));
  if (!row) return absl::OkStatus();
  fold_.changes->Delete(table::kMembers, key);
  fold_.changes->Delete(table::kRecent, RecentKey(incident, row->joined_at, member));
  if (!row->author.empty()) {
    KENG_ASSIGN_OR_RETURN(const int64_t change, CountAuthor(incident, row->author, -1));
    shown.authors += change;
  }
  --shown.posts;
  if (incident.first_member == member) KENG_RETURN_IF_ERROR(TakeFirst(incident));
  return absl::OkStatus();
}

absl::Status Stories::TakeFirst(IncidentRow& incident) {
  const bool indexed = incident.indexed;
  Unindex(incident);
  std::optional<MemberRow> first;
  int64_t first_key = kNoMember;
  absl::Status decoded;
  const std::string prefix = IdPrefix(incident.incident.id);
  KENG_RETURN_IF_ERROR(fold_.changes->ScanPrefix(
      table::kMembers, prefix, [&](std::string_view key, std::string_view value) {
        first.emplace();
        decoded = Decode(value, *first);
        first_key = static_cast<int64_t>(ReadBig(key.substr(prefix.size())));
        return store::Visit::kStop;
      }));
  KENG_RETURN_IF_ERROR(decoded);
  if (!first) {
    first.emplace();
    first->created_at = incident.incident.first_created_at;
    first_key = kNoMember;
  }
  ShowFirst(incident, first_key, *std::move(first));
  if (indexed) Index(incident);
  return absl::OkStatus();
}

absl::Status Stories::UpdatePost(IncidentRow& incident, int64_t member,
                                 const filters::HitRecord& hit) {
  const std::string key = MemberKey(incident, member);
  KENG_ASSIGN_OR_RETURN(std::optional<MemberRow> row,
                        Load<MemberRow>(*fold_.changes, table::kMembers, key));
  if (!row) return absl::OkStatus();
  row->spans = hit.hit.spans;
  row->spans_rule = hit.hit.rule;
  row->sketch = hit.sketch;
  row->url = hit.url;
  row->account = hit.account;
  row->version = hit.version;
  fold_.changes->Put(table::kMembers, key, Encode(*row));
  if (incident.first_member == member) {
    const bool indexed = incident.indexed;
    Unindex(incident);
    ShowFirst(incident, member, *std::move(row));
    if (indexed) Index(incident);
  }
  return absl::OkStatus();
}

absl::Status Stories::ForgetSpans(IncidentRow& incident, int64_t member, std::string_view rule) {
  const std::string key = MemberKey(incident, member);
  KENG_ASSIGN_OR_RETURN(std::optional<MemberRow> row,
                        Load<MemberRow>(*fold_.changes, table::kMembers, key));
  if (!row || row->spans_rule != rule) return absl::OkStatus();
  row->spans.clear();
  row->spans_rule.clear();
  fold_.changes->Put(table::kMembers, key, Encode(*row));
  if (incident.first_member == member) incident.incident.first_spans.clear();
  return absl::OkStatus();
}

absl::Status Stories::EraseTrail(IncidentRow& incident, int64_t member) {
  Incident& shown = incident.incident;
  const int64_t posts = shown.posts;
  const int64_t authors = shown.authors;
  KENG_RETURN_IF_ERROR(RemovePost(incident, member));
  shown.posts = posts;
  shown.authors = authors;
  return absl::OkStatus();
}

absl::StatusOr<Stories::Recent> Stories::CountRecent(const IncidentRow& incident,
                                                     absl::Duration window) {
  const std::string prefix = IdPrefix(incident.incident.id);
  Recent recent;
  std::set<std::string, std::less<>> authors;
  std::vector<std::string> passed;
  int64_t seen = 0;
  KENG_RETURN_IF_ERROR(fold_.changes->ScanPrefix(
      table::kRecent, prefix, [&](std::string_view key, std::string_view author) {
        const uint64_t micros = ~ReadBig(key.substr(prefix.size()));
        if (fold_.row.now - absl::FromUnixMicros(static_cast<int64_t>(micros)) > window) {
          passed.emplace_back(key);
        } else {
          ++recent.posts;
          authors.emplace(author);
        }
        return ++seen < kRecentMax ? store::Visit::kContinue : store::Visit::kStop;
      }));
  for (const std::string& key : passed) fold_.changes->Delete(table::kRecent, key);
  recent.authors = static_cast<int64_t>(authors.size());
  return recent;
}

absl::Status Stories::ForgetRecent(const IncidentRow& incident) {
  std::vector<std::string> keys;
  KENG_RETURN_IF_ERROR(fold_.changes->ScanPrefix(table::kRecent, IdPrefix(incident.incident.id),
                                                 [&](std::string_view key, std::string_view) {
                                                   keys.emplace_back(key);
                                                   return store::Visit::kContinue;
                                                 }));
  for (const std::string& key : keys) fold_.changes->Delete(table::kRecent, key);
  return absl::OkStatus();
}

void Stories::Index(IncidentRow& incident) {
  if (incident.indexed) return;
  incident.indexed = true;
  if (!incident.join_key.empty()) {
    fold_.changes->Put(
        table::kJoinKeys,
        base::StrCat(incident.scope, IdPrefix(incident.join_key), incident.incident.id), "");
  }
  if (!incident.sketch.shingles.empty()) {
    signatures_.Add(*fold_.changes, incident.scope, store::MinHashBands(incident.sketch.shingles),
                    incident.incident.id);
  }
}

void Stories::Unindex(IncidentRow& incident) {
  if (!incident.indexed) return;
  incident.indexed = false;
  if (!incident.join_key.empty()) {
    fold_.changes->Delete(
        table::kJoinKeys,
        base::StrCat(incident.scope, IdPrefix(incident.join_key), incident.incident.id));
  }
  if (!incident.sketch.shingles.empty()) {
    signatures_.Remove(*fold_.changes, incident.scope,
                       store::MinHashBands(incident.sketch.shingles), incident.incident.id);
  }
}

}  // namespace keng::alerting
