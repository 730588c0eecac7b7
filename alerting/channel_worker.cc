#include "alerting/channel_worker.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <utility>

#include "alerting/cloud_event.h"
#include "alerting/internal/channel_metrics.h"
#include "alerting/internal/delivery_window.h"
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

// Results in one commit of the outbox; a window may be smaller.
constexpr size_t kRecordsMax = 64;

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
        random_(options_.seed != 0 ? options_.seed : std::random_device{}()),
        window_(options_.window_max) {}

  absl::Time RunOnce() override;
  void NotifyChanged(const std::vector<std::string>& incident_ids) override;
  void Stop() override { stopping_ = true; }
  void Cut() override { channel_->Stop(); }

 private:
  struct Item {
    Outbox::Entry entry;
    Delivery delivery;
    std::optional<ShownMessage> to_show;  // to be recorded with the delivery
    std::string_view to_log;       // the result that is still to be written to `alerts`, if any
    absl::Time ended_at;           // when it came
    std::string_view dead_reason;  // of a dead one, for `dead`
    // The outbox says, or may say, something else of the delivery: a result that could not be
    // recorded, or a mark of an attempt that was not made.
    bool is_unrecorded = false;
  };
  using Items = std::map<uint64_t, Item>;
  struct Window {
    std::vector<Item*> to_send;
    std::vector<Item*> to_record;  // what is to be recorded without a call
  };

  void FollowClock(absl::Time now);
  void Fetch();
  absl::Status TakeEntry(Outbox::Entry entry);
  void AttemptDue();
  void RecordLeftOver();
  Window TakeWindow(Ringing ringing, std::deque<Item*>& left, std::vector<Item*>& late);
  void Decide(Item& item, Ringing ringing, Window& window, std::vector<Item*>& late);
  absl::Status AttemptWindow(const Window& window, std::deque<Item*>& left);
  absl::Status MarkInFlight(absl::Span<Item* const> items);
  absl::Status Attempt(Item& item);
  absl::Status Deliver(Item& item, const std::optional<ShownMessage>& shown);
  absl::Status AttemptDigest(const std::vector<Item*>& items);
  void Settle(Item& item, const SendResult& result);
  void End(Item& item, absl::Time now);
  absl::Status Record(absl::Span<Item* const> items);
  absl::Status RecordTogether(absl::Span<Item* const> items);
  LogRecord LogOf(const Alert& alert, const Delivery& delivery, std::string_view result,
                  absl::Time at) const;
  void Follow(absl::Time now);
  absl::Status Update(ShownMessage shown, absl::Time now);
  SendResult EditShown(const ShownMessage& shown, const Alert& alert,
                       const std::optional<std::string>& text);
  Message Compose(const Alert& alert, const std::optional<std::string>& text, MessageKind kind);
  absl::StatusOr<std::optional<ShownMessage>> ShownHere(std::string_view incident) const;
  void Note(const SendResult& result, absl::Time now);
  void Trouble(const absl::Status& status);
  bool IsClosed() const { return is_refused_ || is_lost_; }
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
  const ChannelMetrics metrics_;

  std::atomic<bool> stopping_ = false;

  // Of the one thread that calls RunOnce().
  std::mt19937_64 random_;
  DeliveryWindow window_;
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
  if (!IsClosed()) AttemptDue();
  if (channel_->Can(Capability::kEdit) && options_.mode == RingMode::kLive && !IsClosed()) {
    Follow(context_.clock->Now());
  }
  const absl::Time now = context_.clock->Now();
  metrics_.queue_items.Set(static_cast<double>(active_.size()));
  metrics_.window_items.Set(static_cast<double>(window_.size()));
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
  if (IsFinal(delivery.state)) {
    return context_.outbox->CompleteIfDone(entry.sequence, entry.alert.id, routes);
  }
  // No wait of ours is longer: recorded by another clock, or before this one was set back. A
  // channel that asked for more says so again.
  if (delivery.next_attempt_at - context_.clock->Now() > options_.retry.backoff.cap) {
    delivery.next_attempt_at = absl::InfinitePast();
  }
  const uint64_t sequence = entry.sequence;
  // It may have been reopened for another channel while it waits here: the same, under another
  // number.
  const auto same = std::find_if(active_.begin(), active_.end(), [&](const auto& one) {
    return one.second.entry.alert.id == entry.alert.id;
  });
  if (same != active_.end()) {
    auto node = active_.extract(same);
    node.key() = node.mapped().entry.sequence = sequence;
    active_.insert(std::move(node));
    return absl::OkStatus();
  }
  active_.emplace(sequence, Item{std::move(entry), std::move(delivery)});
  return absl::OkStatus();
}

void ChannelWorker::AttemptDue() {
  RecordLeftOver();
  const Ringing ringing = context_.outbox->paused() ? Ringing::kPaused : Ringing::kOn;
  std::deque<Item*> left;
  for (auto& [sequence, item] : active_) left.push_back(&item);
  std::vector<Item*> late;
  while (!left.empty()) {
    if (stopping_ || IsClosed()) return;
    const Window window = TakeWindow(ringing, left, late);
    if (absl::Status status = AttemptWindow(window, left); !status.ok()) Trouble(status);
  }
  if (late.empty() || stopping_ || IsClosed()) return;
  if (is_gone_ || IsBlocked(context_.clock->Now())) return;
  if (absl::Status status = AttemptDigest(late); !status.ok()) Trouble(status);
}

// What an earlier round could not record. Before anything is decided: an item is attempted only as
// the outbox knows it.
void ChannelWorker::RecordLeftOver() {
  std::vector<Item*> items;
  for (auto& [sequence, item] : active_) {
    if (item.is_unrecorded) items.push_back(&item);
  }
  for (size_t i = 0; i < items.size() && !IsClosed(); i += kRecordsMax) {
    const auto some = absl::MakeConstSpan(items).subspan(i, kRecordsMax);
    if (absl::Status status = Record(some); !status.ok()) Trouble(status);
  }
}

// Takes from the front of `left` as many as go together.
ChannelWorker::Window ChannelWorker::TakeWindow(Ringing ringing, std::deque<Item*>& left,
                                                std::vector<Item*>& late) {
  Window window;
  while (!left.empty() && window.to_send.size() < window_.size() &&
         window.to_record.size() < kRecordsMax) {
    Item& item = *left.front();
    left.pop_front();
    Decide(item, ringing, window, late);
  }
  return window;
}

void ChannelWorker::Decide(Item& item, Ringing ringing, Window& window, std::vector<Item*>& late) {
  // The windows before may have taken long: each decision looks at the clock anew.
  const absl::Time now = context_.clock->Now();
  DeliveryStep step = DecideDelivery(item.delivery, item.entry.alert.decided_at, now, options_.mode,
                                     ringing, options_.late_after);
  const bool is_attempt = step == DeliveryStep::kSend || step == DeliveryStep::kDigest;
  if (is_gone_ && is_attempt) step = DeliveryStep::kGiveUp;
  switch (step) {
    case DeliveryStep::kDone:  // and could not be recorded: in the next round
    case DeliveryStep::kWait:
      return;
    case DeliveryStep::kDigest:
      if (late.size() < options_.digest_max) late.push_back(&item);
      return;
    case DeliveryStep::kHold:
      if (WasHeld(item.delivery)) return;
      item.delivery.last_error =
          MaybeSent(item.delivery) ? StrCat(kMaybeSent, kHeldByPause) : std::string(kHeldByPause);
      item.is_unrecorded = true;
      window.to_record.push_back(&item);
      return;
    case DeliveryStep::kSuppress:
      item.delivery.state = DeliveryState::kSuppressed;
      break;
    case DeliveryStep::kGiveUp:
      item.delivery.state = DeliveryState::kDead;
      if (is_gone_) item.delivery.last_error = "the endpoint is gone";
      break;
    case DeliveryStep::kSend:
      if (!IsBlocked(now)) window.to_send.push_back(&item);
      return;
  }
  End(item, now);
  window.to_record.push_back(&item);
}

// W1 to W5 for a window. What it does not come to goes back to `left`, in its place.
absl::Status ChannelWorker::AttemptWindow(const Window& window, std::deque<Item*>& left) {
  if (absl::Status status = MarkInFlight(window.to_send); !status.ok()) {  // W1
    if (!absl::IsUnavailable(status)) window_.Close();
    return status;
  }
  const absl::Time begun = context_.clock->Now();
  absl::Time now = begun;
  absl::Status all;
  auto next = window.to_send.begin();
  const auto is_over = [&] {
    return next != window.to_send.begin() &&
           (is_gone_ || IsBlocked(now) || DeliveryWindow::IsSlow(now - begun));
  };
  for (; next != window.to_send.end() && !stopping_ && !is_over(); ++next) {
    all.Update(Attempt(**next));
    now = context_.clock->Now();
  }
  left.insert(left.begin(), next, window.to_send.end());
  if (!window.to_send.empty()) {
    window_.Adapt({.asked = window.to_send.size(),
                   .made = static_cast<size_t>(next - window.to_send.begin()),
                   .took = now - begun,
                   .may_go_on = failures_in_row_ == 0 && !IsBlocked(now)});
  }
  // In the same commit the marks of those that were not sent are taken back.
  std::vector<Item*> items = window.to_record;
  std::copy_if(window.to_send.begin(), window.to_send.end(), std::back_inserter(items),
               [](const Item* item) { return item->is_unrecorded; });
  all.Update(Record(items));
  return all;
}

absl::StatusOr<std::optional<ShownMessage>> ChannelWorker::ShownHere(
    std::string_view incident) const {
  // The window may have shown it a moment ago.
  for (auto it = active_.rbegin(); it != active_.rend(); ++it) {
    const std::optional<ShownMessage>& shown = it->second.to_show;
    if (shown.has_value() && shown->incident == incident) return shown;
  }
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

absl::Status ChannelWorker::MarkInFlight(absl::Span<Item* const> items) {
  const bool is_marked =
      repeats_ == Repeats::kVisible || options_.flight_mark == FlightMark::kAlways;
  if (items.empty() || !is_marked) return absl::OkStatus();
  std::vector<Delivery> marked;
  for (Item* item : items) {
    Delivery& delivery = marked.emplace_back(item->delivery);
    delivery.last_error =
        MaybeSent(delivery) ? StrCat(kMaybeSent, kInFlight) : std::string(kInFlight);
    item->is_unrecorded = true;  // in memory there is no mark
  }
  return context_.outbox->RecordAll(marked);
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
    Settle(item, sent);
    return absl::OkStatus();
  }
  return Deliver(item, shown);
}

absl::Status ChannelWorker::Deliver(Item& item, const std::optional<ShownMessage>& shown) {
  const Alert& alert = item.entry.alert;
  const bool is_repeat = MaybeSent(item.delivery) && repeats_ == Repeats::kVisible;
  KENG_ASSIGN_OR_RETURN(const std::optional<std::string> text,
                        context_.outbox->Text(alert.incident.first_post));
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
  Settle(item, result);
  return absl::OkStatus();
}

void ChannelWorker::Settle(Item& item, const SendResult& result) {
  const absl::Time now = context_.clock->Now();
  Note(result, now);
  item.delivery =
      AfterAttempt(std::move(item.delivery), result, now, options_.retry, repeats_, random_());
  const absl::Time appended_at = item.entry.alert.appended_at;
  if (item.delivery.state == DeliveryState::kSent && appended_at != absl::InfinitePast()) {
    metrics_.post_to_alert.Observe(absl::ToDoubleSeconds(now - appended_at));
  }
  End(item, now);
}

// The item has a result, which is to be recorded.
void ChannelWorker::End(Item& item, absl::Time now) {
  const bool is_final = IsFinal(item.delivery.state);
  if (!is_final) metrics_.retry.Add();
  item.to_log = is_final ? StateName(item.delivery.state) : "retry";
  item.ended_at = now;
  item.dead_reason = is_gone_ ? "gone" : "undeliverable";
  item.is_unrecorded = true;
}

LogRecord ChannelWorker::LogOf(const Alert& alert, const Delivery& delivery,
                               std::string_view result, absl::Time at) const {
  return {StreamId::kAlerts, alert.desk,
          AlertLogRecord(alert, delivery, channel_->kind(), result, at)};
}

// W3 to W5; items that are final are gone then. On an error nothing is forgotten: the items keep
// their results in memory, and the next round comes back here without calling the channel again.
absl::Status ChannelWorker::Record(absl::Span<Item* const> items) {
  if (items.empty()) return absl::OkStatus();
  absl::Status status = RecordTogether(items);
  const bool is_closed = absl::IsUnavailable(status) || absl::IsAborted(status);
  if (status.ok() || is_closed || items.size() == 1) return status;
  // What is refused for good must not keep the others.
  absl::Status all;
  for (Item* item : items) all.Update(RecordTogether({&item, 1}));
  return all;
}

absl::Status ChannelWorker::RecordTogether(absl::Span<Item* const> items) {
  std::vector<LogRecord> log;
  for (const Item* item : items) {
    if (item->to_log.empty()) continue;
    log.push_back(LogOf(item->entry.alert, item->delivery, item->to_log, item->ended_at));
    if (item->delivery.state != DeliveryState::kDead) continue;
    log.push_back({StreamId::kDead, std::string(kDeadStage),
                   DeadRecord(item->delivery, item->dead_reason, item->ended_at)});
  }
  if (!log.empty()) KENG_RETURN_IF_ERROR(context_.log->Append(log));  // W3
  std::vector<Outbox::Result> results;
  for (Item* item : items) {
    item->to_log = {};
    const Alert& alert = item->entry.alert;
    results.push_back({.delivery = item->delivery,
                       .shown = item->to_show,
                       .sequence = item->entry.sequence,
                       .channels = context_.routes->For(alert.cell, alert.desk)});
  }
  KENG_RETURN_IF_ERROR(context_.outbox->RecordResults(results));  // W4, W5
  KENG_CRASH_POINT("alerting.after_delivery_record");
  for (Item* item : items) {
    item->is_unrecorded = false;
    item->to_show.reset();
    const Delivery& delivery = item->delivery;
    if (!IsFinal(delivery.state)) continue;
    metrics_.CountEnd(delivery.state);
    if (delivery.state == DeliveryState::kDead) {
      base::LogError(
          "alert.dead",
          {{"alert", delivery.alert}, {"channel", name_}, {"error", delivery.last_error}});
    }
    active_.erase(item->entry.sequence);
  }
  return absl::OkStatus();
}

absl::Status ChannelWorker::AttemptDigest(const std::vector<Item*>& items) {
  std::vector<LateAlert> late;
  bool is_repeat = false;
  for (const Item* item : items) {
    KENG_ASSIGN_OR_RETURN(std::optional<std::string> text,
                          context_.outbox->Text(item->entry.alert.incident.first_post));
    is_repeat = is_repeat || (MaybeSent(item->delivery) && repeats_ == Repeats::kVisible);
    late.push_back({item->entry.alert, std::move(text)});
  }
  Message message{.kind = MessageKind::kDigest, .id = DigestId(late)};
  for (const Language language : languages_) {
    message.bodies.push_back(RenderDigestBody(late, *context_.places, language));
    if (is_repeat) message.bodies.back().notice = std::string(RepeatNotice(language));
  }
  message.event = RenderDigestEvent(late, *context_.places, options_.event_source);
  KENG_RETURN_IF_ERROR(MarkInFlight(items));
  KENG_CRASH_POINT("alerting.before_digest");
  SendResult result = channel_->Send(message);
  KENG_CRASH_POINT("alerting.after_digest");
  const absl::Time now = context_.clock->Now();
  Note(result, now);
  result.remote_id.clear();  // a digest is never edited, and its parts are not the members'
  // One draw: the members stay together for the next attempt.
  const uint64_t random = random_();
  for (Item* item : items) {
    Delivery& delivery = item->delivery;
    const bool was_held = WasHeld(delivery);
    delivery = AfterAttempt(std::move(delivery), result, now, options_.retry, repeats_, random);
    if (delivery.state == DeliveryState::kSent) delivery.state = DeliveryState::kDigested;
    if (!IsFinal(delivery.state) && was_held) {
      delivery.last_error =
          MaybeSent(delivery) ? StrCat(kMaybeSent, kHeldByPause) : std::string(kHeldByPause);
    }
    End(*item, now);
  }
  return Record(items);
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
    if (stopping_ || IsClosed()) return;
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
  const LogRecord record =
      LogOf(alert, {.alert = shown.incident, .channel = name_},
            result.outcome == SendOutcome::kSent ? "edited" : "edit_failed", context_.clock->Now());
  return context_.log->Append({&record, 1});
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

}  // namespace

std::unique_ptr<DeliveryWorker> MakeChannelWorker(const DeliveryContext& context,
                                                  ChannelSpec channel) {
  return std::make_unique<ChannelWorker>(context, std::move(channel));
}

}  // namespace keng::alerting
