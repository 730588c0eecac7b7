#include "alerting/channel_worker.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <utility>

#include "alerting/cloud_event.h"
#include "base/check.h"
#include "base/crash_point.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/strings.h"

namespace keng::alerting {
namespace {

using base::StrCat;
using stream::StreamId;

constexpr size_t kFetchEntries = 256;
constexpr size_t kChangedMax = 4096;

// Completes the alert when all channels of its cell are done.
absl::Status CompleteIfDone(const DeliveryContext& context, const Outbox::Entry& entry) {
  KENG_ASSIGN_OR_RETURN(const std::vector<Delivery> deliveries,
                        context.outbox->Deliveries(entry.alert.id));
  for (const std::string& name : context.routes->For(entry.alert.cell, entry.alert.desk)) {
    const auto mine = std::find_if(deliveries.begin(), deliveries.end(),
                                   [&name](const Delivery& d) { return d.channel == name; });
    if (mine == deliveries.end() || !IsFinal(mine->state)) return absl::OkStatus();
  }
  return context.outbox->Complete(entry.sequence, entry.alert.id);
}

base::Counter DeliveryCounter(base::Metrics* metrics, std::string_view channel,
                              std::string_view result) {
  if (metrics == nullptr) return {};
  return metrics->counter("keng_channel_deliveries_total", "Results of alert deliveries",
                          {{"channel", std::string(channel)}, {"result", std::string(result)}});
}

// As in metrics and in the stream `alerts`.
std::string_view StateName(DeliveryState state) {
  switch (state) {
    case DeliveryState::kPending:
      return "pending";
    case DeliveryState::kSent:
      return "sent";
    case DeliveryState::kDead:
      return "dead";
    case DeliveryState::kSuppressed:
      return "suppressed";
    case DeliveryState::kDigested:
      return "digested";
  }
  return "?";
}

struct WorkerMetrics {
  WorkerMetrics(base::Metrics* metrics, const std::string& channel)
      : sent(DeliveryCounter(metrics, channel, "sent")),
        retry(DeliveryCounter(metrics, channel, "retry")),
        dead(DeliveryCounter(metrics, channel, "dead")),
        suppressed(DeliveryCounter(metrics, channel, "suppressed")),
        digested(DeliveryCounter(metrics, channel, "digested")),
        edited(DeliveryCounter(metrics, channel, "edited")),
        edit_failed(DeliveryCounter(metrics, channel, "edit_failed")) {
    if (metrics == nullptr) return;
    const base::Labels labels{{"channel", channel}};
    post_to_alert = metrics->histogram(
        "keng_post_to_alert_seconds",
        "From the post's durable append to the channel's acceptance of the alert",
        base::LatencyBounds(), labels);
    queue_items = metrics->gauge("keng_channel_queue_items",
                                 "Deliveries that the channel's worker holds in memory", labels);
    queue_full = metrics->counter("keng_channel_queue_full_total",
                                  "Rounds in which further alerts had to wait on disk", labels);
    oldest = metrics->gauge("keng_channel_oldest_seconds",
                            "Age of the oldest alert that the channel has not accepted", labels);
    disabled = metrics->gauge("keng_channel_disabled",
                              "1 when the endpoint asked never to be called again", labels);
    outbox_errors = metrics->counter("keng_channel_outbox_errors_total",
                                     "Failed reads and writes of the outbox and its logs", labels);
  }

  base::Counter sent, retry, dead, suppressed, digested, edited, edit_failed;
  base::Histogram post_to_alert;
  base::Gauge queue_items, oldest, disabled;
  base::Counter queue_full, outbox_errors;
};

class ChannelWorker final : public DeliveryWorker {
 public:
  ChannelWorker(const DeliveryContext& context, ChannelSpec channel)
      : context_(context),
        options_(context_.options),
        name_(std::move(channel.name)),
        languages_(LanguageList(channel.languages)),
        channel_(std::move(channel.channel)),
        repeats_(channel_->Can(Capability::kIdempotent) ? Repeats::kRecognised : Repeats::kVisible),
        metrics_(context.metrics, name_),
        random_(options_.seed != 0 ? options_.seed : std::random_device{}()) {}

  absl::Time RunOnce() override;
  void NotifyChanged(const std::vector<std::string>& incident_ids) override;
  void Stop() override { stopping_ = true; }
  void Cut() override { channel_->Stop(); }

 private:
  struct Item {
    Outbox::Entry entry;
    Delivery delivery;
    std::optional<ShownMessage> to_show;  // to be recorded with the delivery
  };
  using Items = std::map<uint64_t, Item>;

  void FollowClock(absl::Time now);
  void Fetch();
  absl::Status TakeEntry(Outbox::Entry entry);
  void AttemptDue(absl::Time now);
  absl::Status HandleStep(Items::iterator item, DeliveryStep step, absl::Time now);
  absl::Status Hold(Item& item);
  absl::Status Attempt(Item& item);
  absl::Status Deliver(Item& item, const std::optional<ShownMessage>& shown);
  absl::Status AttemptDigest(const std::vector<uint64_t>& late);
  absl::Status MarkInFlight(Item& item);
  absl::Status Settle(Item& item, const SendResult& result);
  absl::Status Finish(Item& item);
  absl::Status Log(const Item& item, std::string_view result);
  void Follow(absl::Time now);
  absl::Status Update(ShownMessage shown, absl::Time now);
  SendResult EditShown(const ShownMessage& shown, const Alert& alert,
                       const std::optional<std::string>& text);
  Message Compose(const Alert& alert, const std::optional<std::string>& text, MessageKind kind);
  absl::StatusOr<std::optional<ShownMessage>> ShownHere(std::string_view incident) const;
  void Note(const SendResult& result, absl::Time now);
  void Trouble(const absl::Status& status);
  bool IsBlocked(absl::Time now) const { return now < BlockedUntil(); }
  absl::Time BlockedUntil() const { return std::max(blocked_until_, channel_->ReadyAt()); }
  absl::Time NextRound(absl::Time now) const;

  // Constant after construction.
  const DeliveryContext context_;
  const DeliveryOptions& options_ = context_.options;
  const std::string name_;
  const std::vector<Language> languages_;
  const std::unique_ptr<Channel> channel_;
  const Repeats repeats_;
  const WorkerMetrics metrics_;

  std::atomic<bool> stopping_ = false;

  // Of the one thread that calls RunOnce().
  std::mt19937_64 random_;
  Items active_;
  uint64_t cursor_ = 0;
  bool is_gone_ = false;
  bool has_trouble_ = false;
  bool is_refused_ = false;  // the outbox takes no records in this round
  bool is_lost_ = false;     // it belongs to another process, for good
  bool is_behind_ = false;   // the outbox holds more than fits
  int failures_in_row_ = 0;
  absl::Time round_at_ = absl::InfinitePast();  // by the clock, of the last one
  absl::Time blocked_until_ = absl::InfinitePast();
  absl::Time scan_at_ = absl::InfinitePast();
  std::set<std::string> following_;               // incidents to look at
  std::map<std::string, absl::Time> edit_after_;  // incident -> no edit before

  base::Mutex mutex_;
  std::set<std::string> changed_ ABSL_GUARDED_BY(mutex_);
  bool changed_overflow_ ABSL_GUARDED_BY(mutex_) = false;
};

absl::Time ChannelWorker::RunOnce() {
  if (is_lost_) return context_.clock->Now() + options_.poll_interval;
  FollowClock(context_.clock->Now());
  has_trouble_ = false;
  is_refused_ = false;
  Fetch();
  if (!is_refused_ && !is_lost_) AttemptDue(context_.clock->Now());
  if (channel_->Can(Capability::kEdit) && options_.mode == RingMode::kLive && !is_refused_ &&
      !is_lost_) {
    Follow(context_.clock->Now());
  }
  const absl::Time now = context_.clock->Now();
  metrics_.queue_items.Set(static_cast<double>(active_.size()));
  metrics_.oldest.Set(active_.empty() ? 0
                                      : absl::ToDoubleSeconds(
                                            now - active_.begin()->second.entry.alert.decided_at));
  return NextRound(now);
}

// A clock that was set back must not put off what was soon to be due: all that waits goes back with
// it.
void ChannelWorker::FollowClock(absl::Time now) {
  const absl::Duration back = round_at_ - now;
  round_at_ = now;
  if (back <= absl::ZeroDuration()) return;
  blocked_until_ -= back;
  for (auto& [sequence, item] : active_) item.delivery.next_attempt_at -= back;
  for (auto& [incident, after] : edit_after_) after -= back;
}

absl::Time ChannelWorker::NextRound(absl::Time now) const {
  if (has_trouble_) return now + absl::Seconds(1);
  const bool has_room = active_.size() < options_.active_max;
  if (is_behind_ && has_room) return now;
  absl::Time next = now + options_.poll_interval;
  if (context_.outbox->paused()) return next;
  for (const auto& [sequence, item] : active_) {
    next = std::min(next, std::max(item.delivery.next_attempt_at, BlockedUntil()));
  }
  return next;
}

void ChannelWorker::Fetch() {
  is_behind_ = false;
  while (active_.size() < options_.active_max) {
    absl::StatusOr<std::vector<Outbox::Entry>> entries = context_.outbox->Pending(
        cursor_, std::min(kFetchEntries, options_.active_max - active_.size()));
    if (!entries.ok()) return Trouble(entries.status());
    if (entries->empty()) return;
    for (Outbox::Entry& entry : *entries) {
      const uint64_t sequence = entry.sequence;
      if (absl::Status status = TakeEntry(std::move(entry)); !status.ok()) return Trouble(status);
      cursor_ = sequence;
    }
  }
  is_behind_ = true;
  metrics_.queue_full.Add();
}

absl::Status ChannelWorker::TakeEntry(Outbox::Entry entry) {
  const std::vector<std::string>& routes = context_.routes->For(entry.alert.cell, entry.alert.desk);
  if (std::find(routes.begin(), routes.end(), name_) == routes.end()) return absl::OkStatus();
  KENG_ASSIGN_OR_RETURN(const std::vector<Delivery> deliveries,
                        context_.outbox->Deliveries(entry.alert.id));
  Delivery delivery{.alert = entry.alert.id, .channel = name_};
  for (const Delivery& known : deliveries) {
    if (known.channel == name_) delivery = known;
  }
  if (IsFinal(delivery.state)) return CompleteIfDone(context_, entry);
  // No wait of ours is longer: recorded by another clock, or before this one was set back. A
  // channel that asked for more says so again.
  if (delivery.next_attempt_at - context_.clock->Now() > options_.retry.backoff.cap) {
    delivery.next_attempt_at = absl::InfinitePast();
  }
  const uint64_t sequence = entry.sequence;
  active_.emplace(sequence, Item{std::move(entry), std::move(delivery)});
  return absl::OkStatus();
}

void ChannelWorker::AttemptDue(absl::Time now) {
  const Ringing ringing = context_.outbox->paused() ? Ringing::kPaused : Ringing::kOn;
  std::vector<uint64_t> late;
  std::vector<uint64_t> sequences;
  sequences.reserve(active_.size());
  for (const auto& [sequence, item] : active_) sequences.push_back(sequence);
  for (const uint64_t sequence : sequences) {
    if (stopping_) return;
    const auto found = active_.find(sequence);
    const Item& item = found->second;
    // Each attempt may take long: the next decision looks at the clock anew.
    now = context_.clock->Now();
    const DeliveryStep step = DecideDelivery(item.delivery, item.entry.alert.decided_at, now,
                                             options_.mode, ringing, options_.late_after);
    if (step == DeliveryStep::kDigest && !is_gone_) {
      if (late.size() < options_.digest_max) late.push_back(sequence);
      continue;
    }
    if (absl::Status status = HandleStep(found, step, now); !status.ok()) Trouble(status);
    if (is_refused_ || is_lost_) return;
  }
  if (late.empty() || stopping_ || IsBlocked(context_.clock->Now())) return;
  if (absl::Status status = AttemptDigest(late); !status.ok()) Trouble(status);
}

absl::Status ChannelWorker::HandleStep(Items::iterator found, DeliveryStep step, absl::Time now) {
  Item& item = found->second;
  const bool is_attempt = step == DeliveryStep::kSend || step == DeliveryStep::kDigest;
  if (is_gone_ && is_attempt) step = DeliveryStep::kGiveUp;
  absl::Status status;
  switch (step) {
    case DeliveryStep::kWait:
    case DeliveryStep::kDigest:
      return absl::OkStatus();
    case DeliveryStep::kHold:
      return Hold(item);
    case DeliveryStep::kDone:
      status = Finish(item);
      break;
    case DeliveryStep::kSuppress:
      item.delivery.state = DeliveryState::kSuppressed;
      status = Finish(item);
      break;
    case DeliveryStep::kGiveUp:
      item.delivery.state = DeliveryState::kDead;
      if (is_gone_) item.delivery.last_error = "the endpoint is gone";
      status = Finish(item);
      break;
    case DeliveryStep::kSend:
      if (IsBlocked(now)) return absl::OkStatus();
      status = Attempt(item);
      break;
  }
  // What could not be recorded stays, and is recorded or attempted again.
  if (status.ok() && IsFinal(item.delivery.state)) active_.erase(found);
  return status;
}

absl::Status ChannelWorker::Hold(Item& item) {
  if (WasHeld(item.delivery)) return absl::OkStatus();
  Delivery held = item.delivery;
  held.last_error = MaybeSent(held) ? StrCat(kMaybeSent, kHeldByPause) : std::string(kHeldByPause);
  KENG_RETURN_IF_ERROR(context_.outbox->Record(held));
  item.delivery = std::move(held);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<ShownMessage>> ChannelWorker::ShownHere(
    std::string_view incident) const {
  KENG_ASSIGN_OR_RETURN(const std::vector<ShownMessage> messages, context_.outbox->Shown(incident));
  for (const ShownMessage& message : messages) {
    if (message.channel == name_ && message.incident == incident) return message;
  }
  return std::optional<ShownMessage>();
}

Message ChannelWorker::Compose(const Alert& alert, const std::optional<std::string>& text,
                               MessageKind kind) {
  Message message{.kind = kind, .id = alert.id};
  const Quote quote = kind == MessageKind::kFollowUp ? Quote::kAfterQuote : Quote::kQuote;
  for (const Language language : languages_) {
    message.bodies.push_back(RenderBody(alert, text, *context_.places, language, quote));
  }
  message.event = RenderEvent(alert, text, *context_.places, options_.event_source);
  return message;
}

absl::Status ChannelWorker::MarkInFlight(Item& item) {
  if (repeats_ == Repeats::kRecognised && options_.flight_mark != FlightMark::kAlways) {
    return absl::OkStatus();
  }
  Delivery delivery = item.delivery;
  delivery.last_error =
      MaybeSent(delivery) ? StrCat(kMaybeSent, kInFlight) : std::string(kInFlight);
  return context_.outbox->Record(delivery);
}

absl::Status ChannelWorker::Attempt(Item& item) {
  std::optional<ShownMessage> shown;
  if (channel_->Can(Capability::kEdit)) {
    KENG_ASSIGN_OR_RETURN(shown, ShownHere(item.entry.alert.incident.id));
  }
  const bool is_repeat = MaybeSent(item.delivery);
  const bool is_ours =
      shown.has_value() && shown->incident_version == item.entry.alert.incident.version;
  if (is_repeat && is_ours && item.entry.alert.reason == AlertReason::kOpened) {
    // The crash came between the record of the message and that of the delivery: it was sent. A
    // message that shows a later version may be that of a later alert.
    item.delivery.last_error.clear();
    const SendResult sent{.outcome = SendOutcome::kSent, .remote_id = shown->remote_id};
    return Settle(item, sent);
  }
  return Deliver(item, shown);
}

absl::Status ChannelWorker::Deliver(Item& item, const std::optional<ShownMessage>& shown) {
  const Alert& alert = item.entry.alert;
  const bool is_repeat = MaybeSent(item.delivery) && repeats_ == Repeats::kVisible;
  KENG_ASSIGN_OR_RETURN(const std::optional<std::string> text,
                        context_.outbox->Text(alert.incident.first_post));
  KENG_RETURN_IF_ERROR(MarkInFlight(item));  // W1
  KENG_CRASH_POINT("alerting.before_send");
  const bool ends_story =
      alert.reason == AlertReason::kResolved || alert.reason == AlertReason::kRetracted;
  SendResult result{.outcome = SendOutcome::kPermanent};
  ShownMessage to_show{
      .incident = alert.incident.id, .channel = name_, .incident_version = alert.incident.version};
  if (shown.has_value() && ends_story) {
    // Nobody is rung to read that there is nothing to do: the message that shows the story says it.
    result = EditShown(*shown, alert, text);
    to_show.remote_id = shown->remote_id;
    if (result.outcome == SendOutcome::kSent) item.to_show = to_show;
  }
  if (result.outcome == SendOutcome::kPermanent) {
    Message message =
        Compose(alert, text, shown.has_value() ? MessageKind::kFollowUp : MessageKind::kAlert);
    if (shown.has_value()) message.reply_to = shown->remote_id;
    message.sent_parts = item.delivery.remote_id;
    for (Body& body : message.bodies) {
      if (is_repeat) body.notice = std::string(RepeatNotice(body.language));
    }
    result = channel_->Send(message);  // W2
    const bool shows_story = !shown.has_value() && alert.reason != AlertReason::kStorm;
    if (shows_story && result.outcome == SendOutcome::kSent && !result.remote_id.empty() &&
        channel_->Can(Capability::kEdit)) {
      to_show.remote_id = result.remote_id;
      item.to_show = to_show;
    }
  }
  KENG_CRASH_POINT("alerting.after_send");
  return Settle(item, result);
}

absl::Status ChannelWorker::Settle(Item& item, const SendResult& result) {
  const absl::Time now = context_.clock->Now();
  Note(result, now);
  item.delivery =
      AfterAttempt(std::move(item.delivery), result, now, options_.retry, repeats_, random_());
  if (IsFinal(item.delivery.state)) {
    const absl::Time appended_at = item.entry.alert.appended_at;
    if (item.delivery.state == DeliveryState::kSent && appended_at != absl::InfinitePast()) {
      metrics_.post_to_alert.Observe(absl::ToDoubleSeconds(now - appended_at));
    }
    return Finish(item);
  }
  metrics_.retry.Add();
  KENG_RETURN_IF_ERROR(Log(item, "retry"));
  return context_.outbox->Record(item.delivery);
}

absl::Status ChannelWorker::Log(const Item& item, std::string_view result) {
  const Alert& alert = item.entry.alert;
  return context_.log->Append(
      StreamId::kAlerts, alert.desk,
      AlertLogRecord(alert, item.delivery, channel_->kind(), result, context_.clock->Now()));
}

// W3 to W5. On an error nothing is forgotten: the item keeps its final state in memory, and the
// next round comes back here without calling the channel again.
absl::Status ChannelWorker::Finish(Item& item) {
  if (item.to_show.has_value()) {
    KENG_RETURN_IF_ERROR(context_.outbox->RecordShown(*item.to_show));
    item.to_show.reset();
  }
  KENG_RETURN_IF_ERROR(Log(item, StateName(item.delivery.state)));
  if (item.delivery.state == DeliveryState::kDead) {
    KENG_RETURN_IF_ERROR(context_.log->Append(
        StreamId::kDead, kDeadStage,
        DeadRecord(item.delivery, is_gone_ ? "gone" : "undeliverable", context_.clock->Now())));
    base::LogError(
        "alert.dead",
        {{"alert", item.delivery.alert}, {"channel", name_}, {"error", item.delivery.last_error}});
  }
  KENG_RETURN_IF_ERROR(context_.outbox->Record(item.delivery));  // W4
  KENG_CRASH_POINT("alerting.after_delivery_record");
  switch (item.delivery.state) {
    case DeliveryState::kSent:
      metrics_.sent.Add();
      break;
    case DeliveryState::kDead:
      metrics_.dead.Add();
      break;
    case DeliveryState::kSuppressed:
      metrics_.suppressed.Add();
      break;
    case DeliveryState::kDigested:
      metrics_.digested.Add();
      break;
    case DeliveryState::kPending:
      break;
  }
  return CompleteIfDone(context_, item.entry);  // W5
}

absl::Status ChannelWorker::AttemptDigest(const std::vector<uint64_t>& sequences) {
  std::vector<LateAlert> late;
  bool is_repeat = false;
  for (const uint64_t sequence : sequences) {
    Item& item = active_.at(sequence);
    KENG_ASSIGN_OR_RETURN(std::optional<std::string> text,
                          context_.outbox->Text(item.entry.alert.incident.first_post));
    is_repeat = is_repeat || (MaybeSent(item.delivery) && repeats_ == Repeats::kVisible);
    late.push_back({item.entry.alert, std::move(text)});
  }
  Message message{.kind = MessageKind::kDigest, .id = DigestId(late)};
  for (const Language language : languages_) {
    message.bodies.push_back(RenderDigestBody(late, *context_.places, language));
    if (is_repeat) message.bodies.back().notice = std::string(RepeatNotice(language));
  }
  message.event = RenderDigestEvent(late, *context_.places, options_.event_source);
  for (const uint64_t sequence : sequences) {
    KENG_RETURN_IF_ERROR(MarkInFlight(active_.at(sequence)));
  }
  KENG_CRASH_POINT("alerting.before_digest");
  SendResult result = channel_->Send(message);
  KENG_CRASH_POINT("alerting.after_digest");
  const absl::Time now = context_.clock->Now();
  Note(result, now);
  result.remote_id.clear();  // a digest is never edited, and its parts are not the members'
  // One draw: the members stay together for the next attempt.
  const uint64_t random = random_();
  absl::Status all;
  for (const uint64_t sequence : sequences) {
    const auto found = active_.find(sequence);
    Item& item = found->second;
    const bool was_held = WasHeld(item.delivery);
    item.delivery =
        AfterAttempt(std::move(item.delivery), result, now, options_.retry, repeats_, random);
    absl::Status status;
    if (IsFinal(item.delivery.state)) {
      if (item.delivery.state == DeliveryState::kSent) {
        item.delivery.state = DeliveryState::kDigested;
      }
      status = Finish(item);
      if (status.ok()) active_.erase(found);
    } else {
      if (was_held) {
        item.delivery.last_error =
            MaybeSent(item.delivery) ? StrCat(kMaybeSent, kHeldByPause) : std::string(kHeldByPause);
      }
      metrics_.retry.Add();
      status = Log(item, "retry");
      status.Update(context_.outbox->Record(item.delivery));
    }
    all.Update(status);
  }
  return all;
}

// What a result says about the channel as a whole.
void ChannelWorker::Note(const SendResult& result, absl::Time now) {
  switch (result.outcome) {
    case SendOutcome::kSent:
    case SendOutcome::kPermanent:
      failures_in_row_ = 0;
      return;
    case SendOutcome::kRetryAfter:
      blocked_until_ = now + std::min(result.retry_after, absl::Hours(24));
      return;
    case SendOutcome::kGone:
      if (!is_gone_) {
        base::LogError("channel.gone", {{"channel", name_}});
        metrics_.disabled.Set(1);
      }
      is_gone_ = true;
      return;
    case SendOutcome::kTransient:
    case SendOutcome::kUnknown:
      // A receiver that is down costs every waiting alert a time-out: after some failures in a row
      // the channel as a whole waits between attempts.
      constexpr int kFailuresFree = 3;
      constexpr absl::Duration kPauseMax = absl::Seconds(30);
      if (++failures_in_row_ > kFailuresFree) {
        blocked_until_ = now + net::FullJitter({.base = absl::Seconds(1), .cap = kPauseMax},
                                               failures_in_row_ - kFailuresFree, random_());
      }
      return;
  }
}

void ChannelWorker::NotifyChanged(const std::vector<std::string>& incident_ids) {
  if (!channel_->Can(Capability::kEdit)) return;
  base::MutexLock lock(mutex_);
  for (const std::string& id : incident_ids) {
    if (changed_.size() >= kChangedMax) {
      changed_overflow_ = true;  // the scan finds them
      return;
    }
    changed_.insert(id);
  }
}

void ChannelWorker::Follow(absl::Time now) {
  bool scan = now >= scan_at_ || scan_at_ - now > options_.shown_scan_interval;
  {
    base::MutexLock lock(mutex_);
    following_.merge(changed_);
    changed_.clear();
    scan = scan || changed_overflow_;
    changed_overflow_ = false;
  }
  std::vector<ShownMessage> messages;
  const auto add = [&](std::string_view incident) {
    absl::StatusOr<std::vector<ShownMessage>> shown = context_.outbox->Shown(incident);
    if (!shown.ok()) return Trouble(shown.status());
    for (ShownMessage& message : *shown) {
      if (message.channel == name_) messages.push_back(std::move(message));
    }
  };
  if (scan) {
    scan_at_ = now + options_.shown_scan_interval;
    following_.clear();
    std::erase_if(edit_after_, [now](const auto& entry) { return entry.second <= now; });
    add("");
  } else {
    const std::set<std::string> following = std::exchange(following_, {});
    for (const std::string& incident : following) add(incident);
  }
  for (ShownMessage& message : messages) {
    if (stopping_ || is_refused_ || is_lost_) return;
    if (absl::Status status = Update(std::move(message), now); !status.ok()) Trouble(status);
  }
}

absl::Status ChannelWorker::Update(ShownMessage shown, absl::Time now) {
  KENG_ASSIGN_OR_RETURN(const std::optional<Incident> incident,
                        context_.outbox->CurrentIncident(shown.incident));
  if (!incident.has_value() || incident->version <= shown.incident_version) {
    return absl::OkStatus();
  }
  const auto after = edit_after_.find(shown.incident);
  const bool is_too_soon = after != edit_after_.end() && now < after->second;
  if (is_gone_ || is_too_soon || IsBlocked(context_.clock->Now())) {
    if (following_.size() < kChangedMax) following_.insert(shown.incident);
    return absl::OkStatus();
  }
  Alert alert{.id = StrCat(incident->id, "-v", incident->version),
              .desk = incident->desk,
              .cell = incident->cell,
              .incident = *incident,
              .decided_at = now,
              .appended_at = absl::InfinitePast()};
  if (incident->state == IncidentState::kResolved) alert.reason = AlertReason::kResolved;
  if (incident->state == IncidentState::kRetracted) alert.reason = AlertReason::kRetracted;
  KENG_ASSIGN_OR_RETURN(const std::optional<std::string> text,
                        context_.outbox->Text(incident->first_post));
  const SendResult result = EditShown(shown, alert, text);
  edit_after_[shown.incident] = context_.clock->Now() + options_.edit_interval_min;
  Note(result, context_.clock->Now());
  switch (result.outcome) {
    case SendOutcome::kSent:
      metrics_.edited.Add();
      break;
    case SendOutcome::kPermanent:
    case SendOutcome::kGone:
      // It cannot be edited any more: not tried again for this version.
      metrics_.edit_failed.Add();
      break;
    default:
      if (following_.size() < kChangedMax) following_.insert(shown.incident);
      return absl::OkStatus();
  }
  shown.incident_version = incident->version;
  KENG_RETURN_IF_ERROR(context_.outbox->RecordShown(shown));
  const Item item{.entry = {.alert = std::move(alert)},
                  .delivery = {.alert = shown.incident, .channel = name_}};
  return Log(item, result.outcome == SendOutcome::kSent ? "edited" : "edit_failed");
}

SendResult ChannelWorker::EditShown(const ShownMessage& shown, const Alert& alert,
                                    const std::optional<std::string>& text) {
  return channel_->Edit(shown.remote_id, Compose(alert, text, MessageKind::kAlert));
}

void ChannelWorker::Trouble(const absl::Status& status) {
  metrics_.outbox_errors.Add();
  is_refused_ = is_refused_ || absl::IsUnavailable(status);
  if (absl::IsAborted(status)) {
    if (!is_lost_) base::LogWarn("alert.partition_lost", {{"channel", name_}});
    is_lost_ = true;
    return;
  }
  if (has_trouble_) return;  // one line a round
  has_trouble_ = true;
  base::LogError("alert.outbox", {{"channel", name_}, {"error", status.ToString()}});
}

class UnroutedWorker final : public DeliveryWorker {
 public:
  explicit UnroutedWorker(const DeliveryContext& context)
      : context_(context), suppressed_(DeliveryCounter(context.metrics, "none", "suppressed")) {}

  absl::Time RunOnce() override {
    const absl::Time now = context_.clock->Now();
    if (is_lost_) return now + context_.options.poll_interval;
    absl::StatusOr<std::vector<Outbox::Entry>> entries =
        context_.outbox->Pending(cursor_, kFetchEntries);
    if (!entries.ok()) return Trouble(entries.status(), now);
    for (const Outbox::Entry& entry : *entries) {
      if (stopping_) break;
      if (absl::Status status = Look(entry); !status.ok()) return Trouble(status, now);
      cursor_ = entry.sequence;
    }
    return entries->size() == kFetchEntries ? now : now + context_.options.poll_interval;
  }
  void NotifyChanged(const std::vector<std::string>&) override {}
  void Stop() override { stopping_ = true; }
  void Cut() override {}

 private:
  absl::Time Trouble(const absl::Status& status, absl::Time now) {
    is_lost_ = absl::IsAborted(status);
    if (is_lost_) return now + context_.options.poll_interval;
    base::LogError("alert.outbox", {{"channel", "none"}, {"error", status.ToString()}});
    return now + absl::Seconds(1);
  }

  absl::Status Look(const Outbox::Entry& entry) {
    const Alert& alert = entry.alert;
    if (!context_.routes->For(alert.cell, alert.desk).empty()) {
      return CompleteIfDone(context_, entry);
    }
    const Delivery delivery{.alert = alert.id,
                            .channel = "none",
                            .state = DeliveryState::kSuppressed,
                            .last_error = "the cell has no channel"};
    KENG_RETURN_IF_ERROR(context_.log->Append(
        StreamId::kAlerts, alert.desk,
        AlertLogRecord(alert, delivery, "none", "suppressed", context_.clock->Now())));
    KENG_RETURN_IF_ERROR(context_.outbox->Record(delivery));
    suppressed_.Add();
    return context_.outbox->Complete(entry.sequence, alert.id);
  }

  const DeliveryContext context_;
  const base::Counter suppressed_;
  std::atomic<bool> stopping_ = false;
  bool is_lost_ = false;  // the outbox belongs to another process
  uint64_t cursor_ = 0;
};

}  // namespace

std::unique_ptr<DeliveryWorker> MakeChannelWorker(const DeliveryContext& context,
                                                  ChannelSpec channel) {
  return std::make_unique<ChannelWorker>(context, std::move(channel));
}

std::unique_ptr<DeliveryWorker> MakeUnroutedWorker(const DeliveryContext& context) {
  return std::make_unique<UnroutedWorker>(context);
}

}  // namespace keng::alerting
