#include "alerting/incident_fold.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <variant>

#include "alerting/internal/fold_state.h"
#include "alerting/internal/ringing.h"
#include "alerting/internal/stories.h"
#include "alerting/outbox.h"
#include "base/check.h"
#include "base/crash_point.h"
#include "base/strings.h"

namespace keng::alerting {
namespace {

std::string FoldKey(int partition) { return base::StrCat("inbox/", partition); }

KnownHit* FindHit(PostRow& post, std::string_view scope, std::string_view rule) {
  for (KnownHit& hit : post.hits) {
    if (hit.rule == rule && hit.scope == scope) return &hit;
  }
  return nullptr;
}

void RaiseVersion(std::string& version, std::string_view other) {
  if (other > std::string_view(version)) version = other;
}

}  // namespace

class IncidentFold::Impl {
 public:
  Impl(store::Store& store, int partition)
      : store_(store),
        partition_(partition),
        key_(FoldKey(partition)),
        changes_(store.NewChanges()),
        stories_(fold_),
        ringing_(fold_) {
    fold_.changes = changes_.get();
  }

  absl::Status Restore() {
    KENG_ASSIGN_OR_RETURN(fold_.row, ReadFoldRow(store_, partition_));
    return absl::OkStatus();
  }

  absl::StatusOr<Outcome> Apply(std::string_view desk, int64_t offset, absl::Time appended_at,
                                const filters::InboxRecord& record) {
    KENG_CHECK(!sealed_, "a refused commit comes first");
    if (offset < fold_.row.next_offset) return Outcome::kDuplicate;
    Begin(offset, appended_at);
    KENG_ASSIGN_OR_RETURN(
        const Outcome outcome,
        std::visit([&](const auto& known) { return ApplyRecord(desk, known); }, record));
    ++fold_.row.outcomes[static_cast<size_t>(outcome)];
    return outcome;
  }

  void Skip(int64_t offset, absl::Time appended_at, Outcome outcome) {
    KENG_CHECK(!sealed_, "a refused commit comes first");
    if (offset < fold_.row.next_offset) return;
    Begin(offset, appended_at);
    ++fold_.row.outcomes[static_cast<size_t>(outcome)];
  }

  absl::Status Commit() {
    // A second attempt commits the very changes of the first (store/store.h).
    if (!sealed_) {
      KENG_RETURN_IF_ERROR(Reopen());
      changes_->Put(table::kFold, key_, Encode(fold_.row));
    }
    sealed_ = true;
    KENG_CRASH_POINT("alerting.before_commit");
    KENG_RETURN_IF_ERROR(store_.Commit(*changes_));
    sealed_ = false;
    KENG_CRASH_POINT("alerting.after_commit");
    fold_.alerts.clear();
    fold_.changed.clear();
    fold_.replayed = 0;
    return absl::OkStatus();
  }

  size_t changed_bytes() const { return changes_->bytes(); }
  const FoldState& fold() const { return fold_; }
  const Stories& stories() const { return stories_; }

 private:
  void Begin(int64_t offset, absl::Time appended_at) {
    fold_.offset = offset;
    fold_.row.next_offset = offset + 1;
    fold_.row.now = std::max(fold_.row.now, appended_at);
    fold_.post_appended_at = absl::InfinitePast();
  }

  absl::StatusOr<PostRow> LoadPost(std::string_view id) {
    KENG_ASSIGN_OR_RETURN(std::optional<PostRow> row, Load<PostRow>(*changes_, table::kPosts, id));
    if (row) return *std::move(row);
    AddDeadline(fold_, fold_.row.now + kTrailKept, kPostDeadline, id);
    return PostRow{};
  }
  void SavePost(std::string_view id, PostRow& post) {
    post.touched_at = fold_.row.now;
    changes_->Put(table::kPosts, id, Encode(post));
  }

  absl::StatusOr<Outcome> ApplyRecord(std::string_view desk, const filters::HitRecord& hit) {
    if (hit.hit.cell.empty() || hit.hit.reason == filters::RouteReason::kElsewhere) {
      return Outcome::kElsewhere;
    }
    KENG_ASSIGN_OR_RETURN(PostRow post, LoadPost(hit.hit.post));
    if (IsSuperseded(post, hit.version)) return Outcome::kSuperseded;
    // Only a state that is newer than the retraction itself brings a post back. The next retraction
    // counts by itself: one without a version is final, whatever this one said.
    post.retracted = false;
    post.retracted_version.clear();
    RaiseVersion(post.version, hit.version);
    const std::string scope = Stories::ScopeOf(desk, hit);
    KENG_ASSIGN_OR_RETURN(const Outcome outcome, ApplyHit(desk, scope, hit, post));
    SavePost(hit.hit.post, post);
    return outcome;
  }

  absl::StatusOr<Outcome> ApplyHit(std::string_view desk, const std::string& scope,
                                   const filters::HitRecord& hit, PostRow& post) {
    fold_.post_appended_at = hit.appended_at;
    if (KnownHit* known = FindHit(post, scope, hit.hit.rule); known != nullptr) {
      if (OlderVersion(known->version, hit.version)) {
        known->version = hit.version;
        KENG_RETURN_IF_ERROR(Update(*known, hit));
      }
      return Outcome::kDuplicate;
    }
    KnownHit added{.rule = hit.hit.rule, .scope = scope, .version = hit.version};
    // The post is in an incident of this topic through another rule: it counts once.
    const auto same = std::find_if(post.hits.begin(), post.hits.end(),
                                   [&](const KnownHit& known) { return known.scope == scope; });
    if (same != post.hits.end()) {
      added.incident = same->incident;
      added.member = same->member;
      KENG_RETURN_IF_ERROR(JoinAgain(added.incident, hit));
      post.hits.push_back(std::move(added));
      return Outcome::kJoined;
    }
    KENG_ASSIGN_OR_RETURN(std::optional<Stories::Found> found, stories_.Find(scope, hit));
    if (!found) {
      KENG_ASSIGN_OR_RETURN(IncidentRow incident, stories_.Open(desk, scope, hit));
      KENG_ASSIGN_OR_RETURN(added.member, stories_.AddPost(incident, hit));
      added.incident = incident.incident.id;
      KENG_RETURN_IF_ERROR(AfterHit(incident, hit, JoinVerdict::kJoin));
      post.hits.push_back(std::move(added));
      return Outcome::kOpened;
    }
    KENG_ASSIGN_OR_RETURN(added.member, stories_.AddPost(found->incident, hit));
    added.incident = found->incident.incident.id;
    KENG_RETURN_IF_ERROR(AfterHit(found->incident, hit, found->verdict));
    post.hits.push_back(std::move(added));
    return Outcome::kJoined;
  }

  // The incident has one post more, or the post one rule more: state, severity, alert.
  absl::Status AfterHit(IncidentRow& incident, const filters::HitRecord& hit, JoinVerdict verdict) {
    Incident& shown = incident.incident;
    const bool reopened = verdict == JoinVerdict::kReopen;
    if (reopened) {
      shown.state = IncidentState::kOpen;
      shown.closed_at = absl::InfiniteFuture();
      shown.received_by.clear();
      // The deadline that stands is that of the resolution, which may be later.
      AddDeadline(fold_, QuietDeadline(shown), kIncidentDeadline, shown.id);
    }
    const bool rose = hit.rule.severity > shown.severity;
    if (rose) {
      shown.severity = hit.rule.severity;
      shown.facts.severity = hit.rule.severity;
    }
    if (shown.state == IncidentState::kGathering &&
        hit.rule.status == filters::RuleStatus::kStable) {
      KENG_ASSIGN_OR_RETURN(const Stories::Recent recent,
                            stories_.CountRecent(incident, hit.rule.threshold_window));
      if (ThresholdReached(hit.rule, recent.posts, recent.authors)) {
        shown.state = IncidentState::kOpen;
        KENG_RETURN_IF_ERROR(stories_.ForgetRecent(incident));
      }
    }
    KENG_RETURN_IF_ERROR(ringing_.AfterHit(incident, reopened, rose));
    fold_.SaveIncident(incident);
    return absl::OkStatus();
  }

  absl::Status JoinAgain(std::string_view id, const filters::HitRecord& hit) {
    KENG_ASSIGN_OR_RETURN(std::optional<IncidentRow> incident, fold_.LoadIncident(id));
    // A closed incident is not opened again by a post that was in it.
    if (!incident || !IsLive(incident->incident.state)) return absl::OkStatus();
    return AfterHit(*incident, hit, JoinVerdict::kJoin);
  }

  absl::Status Update(const KnownHit& known, const filters::HitRecord& hit) {
    KENG_ASSIGN_OR_RETURN(std::optional<IncidentRow> incident, fold_.LoadIncident(known.incident));
    if (!incident) return absl::OkStatus();
    KENG_RETURN_IF_ERROR(stories_.UpdatePost(*incident, known.member, hit));
    fold_.SaveIncident(*incident);
    return absl::OkStatus();
  }

  absl::StatusOr<Outcome> ApplyRecord(std::string_view, const filters::EditRecord& edit) {
    KENG_ASSIGN_OR_RETURN(PostRow post, LoadPost(edit.post));
    if (post.retracted || OlderVersion(edit.version, post.version)) {
      return Outcome::kEditWithoutEffect;
    }
    RaiseVersion(post.version, edit.version);
    const auto gone =
        std::stable_partition(post.hits.begin(), post.hits.end(), [&](const KnownHit& known) {
          return std::find(edit.rules.begin(), edit.rules.end(), known.rule) != edit.rules.end();
        });
    const std::vector<KnownHit> withdrawn(gone, post.hits.end());
    post.hits.erase(gone, post.hits.end());
    for (const KnownHit& hit : withdrawn) {
      const bool stays = std::any_of(post.hits.begin(), post.hits.end(), [&](const KnownHit& left) {
        return left.incident == hit.incident;
      });
      KENG_RETURN_IF_ERROR(stays ? ForgetSpans(hit) : Leave(hit.incident, hit.member));
    }
    SavePost(edit.post, post);
    return withdrawn.empty() ? Outcome::kEditWithoutEffect : Outcome::kEdited;
  }

  absl::Status ForgetSpans(const KnownHit& hit) {
    KENG_ASSIGN_OR_RETURN(std::optional<IncidentRow> incident, fold_.LoadIncident(hit.incident));
    if (!incident) return absl::OkStatus();
    KENG_RETURN_IF_ERROR(stories_.ForgetSpans(*incident, hit.member, hit.rule));
    fold_.SaveIncident(*incident);
    return absl::OkStatus();
  }

  // A post leaves an incident. A second call for the same member finds nothing to do.
  absl::Status Leave(std::string_view id, int64_t member) {
    KENG_ASSIGN_OR_RETURN(std::optional<IncidentRow> incident, fold_.LoadIncident(id));
    if (!incident) return absl::OkStatus();
    Incident& shown = incident->incident;
    const int64_t posts = shown.posts;
    KENG_RETURN_IF_ERROR(stories_.RemovePost(*incident, member));
    if (shown.posts == posts) return absl::OkStatus();
    if (shown.posts == 0) {
      if (shown.closed_at == absl::InfiniteFuture()) shown.closed_at = fold_.row.now;
      shown.state = IncidentState::kRetracted;
      stories_.Unindex(*incident);
      ringing_.StandDown(*incident, AlertReason::kRetracted);
    }
    fold_.SaveIncident(*incident);
    return absl::OkStatus();
  }

  absl::StatusOr<Outcome> ApplyRecord(std::string_view, const filters::RetractionRecord& gone) {
    KENG_ASSIGN_OR_RETURN(PostRow post, LoadPost(gone.post));
    const std::vector<KnownHit> hits = std::exchange(post.hits, {});
    for (const KnownHit& hit : hits) KENG_RETURN_IF_ERROR(Leave(hit.incident, hit.member));
    post.retracted = true;
    RaiseVersion(post.retracted_version, gone.version);
    RaiseVersion(post.version, gone.version);
    SavePost(gone.post, post);
    return hits.empty() ? Outcome::kRetractedUnknown : Outcome::kRetracted;
  }

  absl::StatusOr<Outcome> ApplyRecord(std::string_view desk, const filters::ActionRecord& action) {
    KENG_ASSIGN_OR_RETURN(const std::optional<std::string> known,
                          changes_->Get(table::kActions, action.id));
    if (known) return Outcome::kActionRepeated;
    std::string offset;
    AppendBig(static_cast<uint64_t>(fold_.offset), offset);
    changes_->Put(table::kActions, action.id, offset);
    AddDeadline(fold_, fold_.row.now + kPostsKept, kActionDeadline, action.id);
    using filters::ActionVerb;
    if (action.verb == ActionVerb::kPause || action.verb == ActionVerb::kResume) {
      fold_.row.paused = action.verb == ActionVerb::kPause;
      return Outcome::kActionDone;
    }
    if (action.verb == ActionVerb::kReplay) {
      KENG_RETURN_IF_ERROR(Replay(action));
      return Outcome::kActionDone;
    }
    if (action.verb == ActionVerb::kSilence && action.incident.empty()) {
      ringing_.Silence(desk, action.cell.empty() ? desk : std::string_view(action.cell),
                       action.topic, action.until);
      return Outcome::kActionDone;
    }
    KENG_ASSIGN_OR_RETURN(std::optional<IncidentRow> incident, fold_.LoadIncident(action.incident));
    if (!incident) return Outcome::kActionUnknownIncident;
    return ActOn(*incident, action);
  }

  // A dead delivery is attempted again. What was delivered is not a function of the inbox: nothing
  // of the fold's own depends on it, so that a number is taken in any case.
  absl::Status Replay(const filters::ActionRecord& action) {
    const int64_t number = ++fold_.row.alerts_decided;
    const std::string key = PairKey(action.alert, action.channel);
    KENG_ASSIGN_OR_RETURN(const std::optional<Delivery> known,
                          Load<Delivery>(*changes_, table::kDeliveries, key));
    if (!known.has_value() || known->state != DeliveryState::kDead) return absl::OkStatus();
    KENG_ASSIGN_OR_RETURN(const auto alert, changes_->Get(table::kAlerts, action.alert));
    if (!alert.has_value()) return absl::OkStatus();
    // Ids of parts that went out and the warning of a possible repeat stay with it.
    Delivery again{.alert = known->alert, .channel = known->channel, .remote_id = known->remote_id};
    if (MaybeSent(*known)) again.last_error = base::StrCat(kMaybeSent, "replayed");
    changes_->Put(table::kDeliveries, key, Encode(again));
    reopened_[action.alert] = number;
    ++fold_.replayed;
    return absl::OkStatus();
  }

  // Moves the alerts of replayed deliveries to their new places in kPending: the channels' workers
  // are past the old ones.
  absl::Status Reopen() {
    if (reopened_.empty()) return absl::OkStatus();
    std::vector<std::string> old;
    KENG_RETURN_IF_ERROR(
        changes_->Scan(table::kPending, "", "", [&](std::string_view key, std::string_view alert) {
          if (reopened_.contains(alert)) old.emplace_back(key);
          return store::Visit::kContinue;
        }));
    for (const std::string& key : old) changes_->Delete(table::kPending, key);
    for (const auto& [alert, number] : reopened_) {
      std::string key;
      AppendBig(PendingSequence(number), key);
      changes_->Put(table::kPending, key, alert);
    }
    reopened_.clear();
    return absl::OkStatus();
  }

  absl::StatusOr<Outcome> ActOn(IncidentRow& incident, const filters::ActionRecord& action) {
    using filters::ActionVerb;
    Incident& shown = incident.incident;
    const std::optional<IncidentState> next = DecideAction(shown.state, action.verb);
    if (!next) return Outcome::kActionWithoutEffect;
    const bool gathered = shown.state == IncidentState::kGathering;
    shown.state = *next;
    switch (action.verb) {
      case ActionVerb::kReceived:
        shown.received_by = action.actor;
        break;
      case ActionVerb::kResolved:
        shown.closed_at = fold_.row.now;
        stories_.Index(incident);
        AddDeadline(fold_, QuietDeadline(shown), kIncidentDeadline, shown.id);
        ringing_.StandDown(incident, AlertReason::kResolved);
        break;
      case ActionVerb::kNoise:
        shown.closed_at = fold_.row.now;
        break;
      case ActionVerb::kSilence:
        incident.silenced_until = action.until;
        break;
      case ActionVerb::kReassign:
        if (action.cell.empty() || action.cell == shown.cell) return Outcome::kActionWithoutEffect;
        shown.cell = action.cell;
        KENG_RETURN_IF_ERROR(ringing_.AfterReassign(incident));
        break;
      case ActionVerb::kPause:
      case ActionVerb::kResume:
      case ActionVerb::kReplay:
        break;
    }
    if (gathered && shown.state != IncidentState::kGathering) {
      KENG_RETURN_IF_ERROR(stories_.ForgetRecent(incident));
    }
    fold_.SaveIncident(incident);
    return Outcome::kActionDone;
  }

  absl::StatusOr<Outcome> ApplyRecord(std::string_view, const filters::TickRecord& tick) {
    fold_.row.now = std::max(fold_.row.now, tick.now);
    std::vector<std::string> due;
    std::string end;
    AppendTime(fold_.row.now, end);
    KENG_RETURN_IF_ERROR(
        changes_->Scan(table::kDeadlines, "", end, [&](std::string_view key, std::string_view) {
          due.emplace_back(key);
          return due.size() < kDeadlinesPerTick ? store::Visit::kContinue : store::Visit::kStop;
        }));
    const size_t bytes_before = changes_->bytes();
    for (const std::string& key : due) {
      // What a record changes is a function of the state, however batches are cut: so is this.
      if (changes_->bytes() - bytes_before > kTickBytesMax) break;
      changes_->Delete(table::kDeadlines, key);
      const std::string_view id = std::string_view(key).substr(9);
      switch (key[8]) {
        case kIncidentDeadline:
          KENG_RETURN_IF_ERROR(PassIncident(id));
          break;
        case kPostDeadline:
          KENG_RETURN_IF_ERROR(PassPost(id));
          break;
        case kActionDeadline:
          changes_->Delete(table::kActions, id);
          break;
        case kSilenceDeadline:
          KENG_RETURN_IF_ERROR(ringing_.EndSilence(id));
          break;
        case kStormDeadline:
          KENG_RETURN_IF_ERROR(ringing_.EndStormHour(id));
          break;
        default:
          return absl::DataLossError("alerting: a deadline of an unknown kind");
      }
    }
    return Outcome::kTick;
  }

  // A live incident that has been quiet expires; a closed one can no longer be joined, and after
  // kIncidentsKept is forgotten.
  absl::Status PassIncident(std::string_view id) {
    KENG_ASSIGN_OR_RETURN(std::optional<IncidentRow> incident, fold_.LoadIncident(id));
    if (!incident) return absl::OkStatus();
    Incident& shown = incident->incident;
    const absl::Time quiet = QuietDeadline(shown);
    if (quiet >= fold_.row.now) {
      AddDeadline(fold_, quiet, kIncidentDeadline, id);
      return absl::OkStatus();
    }
    if (IsLive(shown.state)) {
      shown.state = IncidentState::kExpired;
      shown.closed_at = fold_.row.now;
      KENG_RETURN_IF_ERROR(stories_.ForgetRecent(*incident));
      stories_.Unindex(*incident);
      fold_.SaveIncident(*incident);
    } else if (incident->indexed) {
      stories_.Unindex(*incident);
      fold_.SaveQuietly(*incident);
    }
    if (fold_.row.now - shown.closed_at >= kIncidentsKept) {
      return Forget(id);
    }
    AddDeadline(fold_, shown.closed_at + kIncidentsKept, kIncidentDeadline, id);
    return absl::OkStatus();
  }

  absl::Status Forget(std::string_view id) {
    changes_->Delete(table::kIncidents, id);
    std::vector<std::string> messages;
    KENG_RETURN_IF_ERROR(changes_->ScanPrefix(table::kShown, IdPrefix(id),
                                              [&](std::string_view key, std::string_view) {
                                                messages.emplace_back(key);
                                                return store::Visit::kContinue;
                                              }));
    for (const std::string& key : messages) changes_->Delete(table::kShown, key);
    return absl::OkStatus();
  }

  // First the trail to the post is erased, then the post is forgotten.
  absl::Status PassPost(std::string_view id) {
    KENG_ASSIGN_OR_RETURN(std::optional<PostRow> post, Load<PostRow>(*changes_, table::kPosts, id));
    if (!post) return absl::OkStatus();
    const absl::Time erase_at = post->touched_at + kTrailKept;
    if (erase_at > fold_.row.now) {
      AddDeadline(fold_, erase_at, kPostDeadline, id);
      return absl::OkStatus();
    }
    if (!post->trail_erased) {
      std::set<std::string, std::less<>> done;
      for (const KnownHit& hit : post->hits) {
        if (done.insert(hit.incident).second) KENG_RETURN_IF_ERROR(EraseTrail(hit));
      }
      post->trail_erased = true;
      changes_->Put(table::kPosts, id, Encode(*post));
    }
    const absl::Time forget_at = post->touched_at + kPostsKept;
    if (forget_at > fold_.row.now) {
      AddDeadline(fold_, forget_at, kPostDeadline, id);
    } else {
      changes_->Delete(table::kPosts, id);
    }
    return absl::OkStatus();
  }

  absl::Status EraseTrail(const KnownHit& hit) {
    KENG_ASSIGN_OR_RETURN(std::optional<IncidentRow> incident, fold_.LoadIncident(hit.incident));
    if (!incident) return absl::OkStatus();
    KENG_RETURN_IF_ERROR(stories_.EraseTrail(*incident, hit.member));
    fold_.SaveIncident(*incident);
    return absl::OkStatus();
  }

  absl::StatusOr<Outcome> ApplyRecord(std::string_view, const filters::EpochRecord& epoch) {
    if (epoch.epoch < fold_.row.epoch) return Outcome::kStaleEpoch;
    fold_.row.epoch = epoch.epoch;
    return Outcome::kEpoch;
  }

  absl::StatusOr<Outcome> ApplyRecord(std::string_view, const filters::SettingsRecord& settings) {
    if (settings.epoch != 0 && settings.epoch < fold_.row.epoch) return Outcome::kStaleEpoch;
    fold_.row.settings = settings;
    fold_.row.settings.epoch = 0;  // stored without it
    return Outcome::kSettings;
  }

  store::Store& store_;
  const int partition_;
  const std::string key_;
  std::unique_ptr<store::Changes> changes_;
  std::map<std::string, int64_t, std::less<>> reopened_;  // alert -> its new number
  bool sealed_ = false;  // the row stands in changes_, whose commit was refused
  FoldState fold_;
  Stories stories_;
  Ringing ringing_;
};

absl::StatusOr<std::unique_ptr<IncidentFold>> IncidentFold::Open(store::Store& store,
                                                                 int partition) {
  auto impl = std::make_unique<Impl>(store, partition);
  KENG_RETURN_IF_ERROR(impl->Restore());
  return std::unique_ptr<IncidentFold>(new IncidentFold(std::move(impl)));
}

absl::StatusOr<FoldRow> ReadFoldRow(const store::View& view, int partition) {
  KENG_ASSIGN_OR_RETURN(std::optional<FoldRow> row,
                        Load<FoldRow>(view, table::kFold, FoldKey(partition)));
  return row.has_value() ? *std::move(row) : FoldRow();
}

IncidentFold::IncidentFold(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
IncidentFold::~IncidentFold() = default;

int64_t IncidentFold::next_offset() const { return row().next_offset; }
absl::StatusOr<Outcome> IncidentFold::Apply(std::string_view desk, int64_t offset,
                                            absl::Time appended_at,
                                            const filters::InboxRecord& record) {
  return impl_->Apply(desk, offset, appended_at, record);
}
void IncidentFold::Skip(int64_t offset, absl::Time appended_at, Outcome outcome) {
  impl_->Skip(offset, appended_at, outcome);
}
absl::Status IncidentFold::Commit() { return impl_->Commit(); }
const std::vector<Alert>& IncidentFold::alerts() const { return impl_->fold().alerts; }
const std::vector<std::string>& IncidentFold::changed() const { return impl_->fold().changed; }
int64_t IncidentFold::replayed() const { return impl_->fold().replayed; }
const FoldRow& IncidentFold::row() const { return impl_->fold().row; }
size_t IncidentFold::changed_bytes() const { return impl_->changed_bytes(); }
size_t IncidentFold::bands_known() const { return impl_->stories().bands_known(); }

}  // namespace keng::alerting
