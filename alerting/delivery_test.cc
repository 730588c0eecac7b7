// Delivery: what a worker does with alerts, retries, pauses and crashes, on a fake outbox, clock
// and channel; and the webhook and Telegram channels against a real socket.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "absl/synchronization/notification.h"
#include "alerting/channel_worker.h"
#include "alerting/channels/channel_table.h"
#include "alerting/channels/standard_webhooks.h"
#include "alerting/channels/telegram_text.h"
#include "alerting/cloud_event.h"
#include "alerting/dispatcher.h"
#include "alerting/testing/fake_channel.h"
#include "alerting/testing/fake_outbox.h"
#include "base/check.h"
#include "base/strings.h"
#include "base/temporary_folder.h"
#include "net/testing/scripted_http_server.h"

namespace keng::alerting {
namespace {

using base::StrCat;
using testing::HasSubstr;
using testing::SizeIs;

class Names final : public PlaceNames {
 public:
  std::optional<std::string> Name(std::string_view code) const override {
    if (code == "30307") return "Phường Long Xuyên";
    if (code == "91") return "Tỉnh An Giang";
    return std::nullopt;
  }
};

class MemoryLog final : public DeliveryLog {
 public:
  absl::Status Append(absl::Span<const LogRecord> records) override {
    base::MutexLock lock(mutex_);
    ++writes_;
    for (const LogRecord& record : records) records_.emplace_back(record.stream, record.json);
    return absl::OkStatus();
  }
  int writes() const {
    base::MutexLock lock(mutex_);
    return writes_;
  }
  int Count(stream::StreamId stream) const {
    base::MutexLock lock(mutex_);
    int count = 0;
    for (const auto& [id, json] : records_) count += id == stream ? 1 : 0;
    return count;
  }

 private:
  mutable base::Mutex mutex_;
  int writes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::pair<stream::StreamId, std::string>> records_ ABSL_GUARDED_BY(mutex_);
};

const absl::Time kStart = absl::FromUnixSeconds(1'792'300'000);

Alert MakeAlert(const std::string& id, absl::Time decided_at = kStart) {
  Alert alert;
  alert.id = StrCat(id, "-1");
  alert.desk = "91";
  alert.cell = "30307";
  alert.decided_at = decided_at;
  alert.appended_at = decided_at;
  Incident& incident = alert.incident;
  incident.id = id;
  incident.desk = "91";
  incident.cell = "30307";
  incident.topic = "flooding";
  incident.place = "30307";
  incident.place_path = {"30307", "91"};
  incident.state = IncidentState::kOpen;
  incident.rule = "flood-street";
  incident.facts.title_vi = "Ngập đường";
  incident.facts.title_en = "Flooded street";
  incident.first_post = StrCat("post-of-", id);
  incident.first_url = "https://social.example/p/1";
  incident.first_spans = {{.span = {.begin = 11, .end = 17},
                           .phrase = "ngập",
                           .marks = filters::MarksEvidence::kEqual}};
  incident.posts = 1;
  incident.authors = 1;
  incident.posts_rung = 1;
  incident.version = 1;
  incident.opened_at = incident.last_hit_at = incident.first_created_at = decided_at;
  return alert;
}

class DeliveryTest : public testing::Test {
 protected:
  void Add(const Alert& alert) {
    outbox_.SetIncident(alert.incident);
    outbox_.SetText(alert.incident.first_post, "Hẻm <12> ngập & kẹt");
    outbox_.Add(alert);
  }
  // As after a crash: the outbox stays, all else is new.
  void Open(RingMode mode = RingMode::kLive,
            std::set<Capability> capabilities = {Capability::kIdempotent}) {
    context_ = Context(routes_);
    context_.options.mode = mode;
    std::vector<ChannelSpec> channels;
    channels.push_back(
        {.name = "duty",
         .channel = std::make_unique<FakeChannel>(service_, std::move(capabilities))});
    dispatcher_ = std::make_unique<Dispatcher>(context_, std::move(channels));
  }
  // "stuck" leads to service_, "well" to `other`, and every alert goes to both.
  void OpenTwo(FakeService& other) {
    std::vector<ChannelSpec> channels;
    for (const auto& [name, service] : {std::pair("stuck", &service_), std::pair("well", &other)}) {
      channels.push_back({.name = name,
                          .channel = std::make_unique<FakeChannel>(
                              *service, std::set<Capability>{Capability::kIdempotent})});
    }
    dispatcher_ = std::make_unique<Dispatcher>(Context(two_routes_), std::move(channels));
  }
  DeliveryContext Context(const CellChannels& routes) {
    DeliveryContext context;
    context.options.seed = 7;
    context.options.flight_mark = flight_mark_;
    context.options.window_max = window_max_;
    context.outbox = &outbox_;
    context.log = &log_;
    context.places = &names_;
    context.routes = &routes;
    context.clock = &clock_;
    context.metrics = &metrics_;
    return context;
  }
  void Run(absl::Duration step = absl::ZeroDuration()) {
    clock_.Advance(step);
    dispatcher_->RunOnce();
  }

  base::FakeClock clock_{kStart};
  base::Metrics metrics_;
  FakeOutbox outbox_;
  MemoryLog log_;
  Names names_;
  CellChannels routes_{{{"91", {"duty"}}}, {{"30307", "91"}}};
  CellChannels two_routes_{{{"91", {"stuck", "well"}}}, {{"30307", "91"}}};
  FakeService service_;
  FlightMark flight_mark_ = FlightMark::kWhereRepeatsShow;
  size_t window_max_ = 1;
  DeliveryContext context_;  // of the last Open()
  std::unique_ptr<Dispatcher> dispatcher_;
};

TEST_F(DeliveryTest, AnAlertIsSentOnceAndRecorded) {
  Open();
  Add(MakeAlert("i1"));
  Run();
  Run();
  ASSERT_THAT(service_.sent(), SizeIs(1));
  EXPECT_EQ(service_.sent()[0].message.id, "i1-1");
  EXPECT_EQ(outbox_.Get("i1-1", "duty").state, DeliveryState::kSent);
  EXPECT_EQ(outbox_.pending(), 0u);
  EXPECT_EQ(log_.Count(stream::StreamId::kAlerts), 1);
}

TEST_F(DeliveryTest, ATransientFailureIsRetriedWithTheSameId) {
  Open();
  Add(MakeAlert("i1"));
  service_.FailNext(2, {.outcome = SendOutcome::kTransient, .error = "status 503"});
  for (int i = 0; i < 10; ++i) Run(absl::Minutes(1));
  EXPECT_EQ(service_.failures_left(), 0) << "both faults fired";
  ASSERT_THAT(service_.sent(), SizeIs(1));
  EXPECT_EQ(service_.sent()[0].message.id, "i1-1");
  EXPECT_EQ(outbox_.Get("i1-1", "duty").attempts, 3);
}

TEST_F(DeliveryTest, RetryAfterIsAMinimumForTheWholeChannel) {
  Open();
  Add(MakeAlert("i1"));
  Add(MakeAlert("i2"));
  service_.FailNext(
      1, {.outcome = SendOutcome::kRetryAfter, .retry_after = absl::Minutes(5), .error = "429"});
  Run();
  Run(absl::Minutes(4));
  EXPECT_THAT(service_.sent(), SizeIs(0));
  for (int i = 0; i < 10; ++i) Run(absl::Minutes(1));
  EXPECT_THAT(service_.sent(), SizeIs(2));
}

TEST_F(DeliveryTest, WhatIsRefusedForGoodIsDeadAndNotTriedAgain) {
  Open();
  Add(MakeAlert("i1"));
  service_.FailNext(1, {.outcome = SendOutcome::kPermanent, .error = "status 400"});
  Run();
  Run(absl::Hours(1));
  EXPECT_EQ(service_.calls(), 1);
  EXPECT_EQ(outbox_.Get("i1-1", "duty").state, DeliveryState::kDead);
  EXPECT_EQ(log_.Count(stream::StreamId::kDead), 1);
  EXPECT_EQ(outbox_.pending(), 0u);
}

TEST_F(DeliveryTest, ShadowRingsNobodyAndRecordsIt) {
  Open(RingMode::kShadow);
  Add(MakeAlert("i1"));
  Run();
  EXPECT_EQ(service_.calls(), 0);
  EXPECT_EQ(outbox_.Get("i1-1", "duty").state, DeliveryState::kSuppressed);
  EXPECT_EQ(outbox_.pending(), 0u);
}

TEST_F(DeliveryTest, APauseHoldsAndWhatWaitedComesInOneDigest) {
  Open();
  outbox_.SetPaused(Ringing::kPaused);
  Add(MakeAlert("i1"));
  Add(MakeAlert("i2"));
  Run();
  Run(absl::Minutes(45));
  EXPECT_EQ(service_.calls(), 0);
  outbox_.SetPaused(Ringing::kOn);
  dispatcher_->Wake();
  for (int i = 0; i < 3; ++i) Run(absl::Seconds(10));
  ASSERT_THAT(service_.sent(), SizeIs(1));
  EXPECT_EQ(service_.sent()[0].message.kind, MessageKind::kDigest);
  EXPECT_EQ(outbox_.Get("i1-1", "duty").state, DeliveryState::kDigested);
  EXPECT_EQ(outbox_.Get("i2-1", "duty").state, DeliveryState::kDigested);
  EXPECT_EQ(outbox_.pending(), 0u);
}

// Where another process may take the outbox over, every attempt is announced.
TEST_F(DeliveryTest, WhatIsInFlightIsRecordedFirstWhereOwnersChange) {
  flight_mark_ = FlightMark::kAlways;
  Open();
  Add(MakeAlert("i1"));
  outbox_.FailNextRecords(1);
  Run();
  EXPECT_EQ(outbox_.records_failed(), 1);
  EXPECT_EQ(service_.calls(), 0) << "not announced, not sent";
  service_.Cork();
  dispatcher_->Start();
  service_.WaitForCalls(1);
  EXPECT_TRUE(IsInFlight(outbox_.Get("i1-1", "duty")));
  service_.Uncork();
  service_.WaitForSent(1);
  EXPECT_TRUE(dispatcher_->Stop(absl::Seconds(10)).ok());
  EXPECT_FALSE(IsInFlight(outbox_.Get("i1-1", "duty")));
  EXPECT_EQ(outbox_.Get("i1-1", "duty").state, DeliveryState::kSent);
  EXPECT_THAT(service_.sent()[0].message.bodies[0].notice, testing::IsEmpty());
}

// The process dies after the channel's yes and before the record: the second message has the same
// id.
TEST_F(DeliveryTest, ACrashBetweenAcceptanceAndRecordRepeatsTheSameId) {
  Open();
  Add(MakeAlert("i1"));
  outbox_.FailNextRecords(1);
  Run();
  EXPECT_EQ(outbox_.records_failed(), 1);
  Open();
  for (int i = 0; i < 5; ++i) Run(absl::Minutes(1));
  const auto sent = service_.sent();
  ASSERT_GE(sent.size(), 2u);
  for (const auto& message : sent) EXPECT_EQ(message.message.id, "i1-1");
  EXPECT_EQ(outbox_.Get("i1-1", "duty").state, DeliveryState::kSent);
}

TEST_F(DeliveryTest, AnUnknownEndIsSaidWhereTheReceiverCannotKnow) {
  Open(RingMode::kLive, {});
  Add(MakeAlert("i1"));
  service_.FailNext(1, {.outcome = SendOutcome::kUnknown, .error = "no answer"},
                    FakeService::Accepted::kYes);
  for (int i = 0; i < 5; ++i) Run(absl::Minutes(1));
  const auto sent = service_.sent();
  ASSERT_THAT(sent, SizeIs(2));
  EXPECT_EQ(sent[0].message.bodies.at(0).notice, "");
  EXPECT_THAT(sent[1].message.bodies.at(0).notice, HasSubstr("có thể trùng"));
}

// Found by the simulation: the message of a later alert is no proof that the first one was sent.
TEST_F(DeliveryTest, ALaterAlertsMessageDoesNotStandForTheFirst) {
  Open(RingMode::kLive, {Capability::kEdit});
  service_.FailNext(1, {.outcome = SendOutcome::kUnknown, .error = "cut"});
  Alert alert = MakeAlert("i1");
  Add(alert);
  Run();
  ASSERT_EQ(service_.sent().size(), 0u);
  alert.id = "i1-2";
  alert.reason = AlertReason::kGrew;
  alert.incident.version = 2;
  Add(alert);
  Run();
  ASSERT_EQ(service_.sent().size(), 1u);
  Run(absl::Minutes(1));
  ASSERT_EQ(service_.sent().size(), 2u);
  EXPECT_EQ(service_.sent()[1].message.id, "i1-1");
  EXPECT_EQ(outbox_.pending(), 0u);
}

TEST_F(DeliveryTest, AClockThatWasSetBackPutsNoAttemptOff) {
  Open();
  service_.FailNext(2, {.outcome = SendOutcome::kTransient, .error = "503"});
  Add(MakeAlert("i1"));
  Run();
  EXPECT_EQ(service_.calls(), 1);
  Run(-absl::Hours(5));
  Run(absl::Minutes(1));
  EXPECT_EQ(service_.calls(), 2) << "the worker saw it";
  clock_.Advance(-absl::Hours(5));
  Open();
  Run();
  EXPECT_EQ(service_.sent().size(), 1u) << "it came while the process was down";
}

TEST_F(DeliveryTest, ACellWithoutAChannelIsSuppressedNotLost) {
  Open();
  Alert alert = MakeAlert("i1");
  alert.desk = alert.incident.desk = "89";
  alert.cell = alert.incident.cell = "29999";
  Add(alert);
  Run();
  EXPECT_EQ(service_.calls(), 0);
  EXPECT_EQ(outbox_.pending(), 0u);
}

TEST_F(DeliveryTest, ADeletedPostIsNotQuoted) {
  Open();
  const Alert alert = MakeAlert("i1");
  Add(alert);
  outbox_.RemoveText(alert.incident.first_post);
  Run();
  ASSERT_THAT(service_.sent(), SizeIs(1));
  const Message message = service_.sent()[0].message;
  const Body& body = message.bodies.at(0);
  EXPECT_FALSE(body.excerpt.has_value());
  EXPECT_NE(body.gone, "");
  EXPECT_THAT(message.event, testing::Not(HasSubstr("ngập &")));
}

// A stuck channel delays only itself.
TEST_F(DeliveryTest, AStuckChannelDoesNotDelayTheOther) {
  FakeService other;
  OpenTwo(other);
  service_.Cork();
  for (int i = 0; i < 5; ++i) Add(MakeAlert(StrCat("i", i)));
  dispatcher_->Start();
  dispatcher_->Wake();
  other.WaitForSent(5);
  EXPECT_THAT(service_.sent(), SizeIs(0));
  service_.Uncork();
  service_.WaitForSent(5);
  EXPECT_TRUE(dispatcher_->Stop(absl::Seconds(10)).ok());
}

// The other channel still has the alert, under the number that it had before.
TEST_F(DeliveryTest, AReplayBesideAChannelThatStillTriesIsOneMessageEach) {
  FakeService other;
  OpenTwo(other);
  Add(MakeAlert("i1"));
  service_.FailNext(1, {.outcome = SendOutcome::kTransient, .error = "503"});
  other.FailNext(1, {.outcome = SendOutcome::kPermanent, .error = "400"});
  Run();
  ASSERT_EQ(outbox_.Get("i1-1", "well").state, DeliveryState::kDead);
  ASSERT_EQ(outbox_.Get("i1-1", "stuck").state, DeliveryState::kPending);
  outbox_.Replay("i1-1", "well");
  Run(absl::Minutes(1));
  Run(absl::Minutes(1));
  EXPECT_THAT(other.sent(), SizeIs(1));
  EXPECT_THAT(service_.sent(), SizeIs(1));
  EXPECT_EQ(outbox_.pending(), 0u);
}

// A call that heeds nothing. Its thread uses what the dispatcher borrows until it ends, and what it
// did is recorded then.
TEST_F(DeliveryTest, AStopThatDoesNotWaitIsMadeGoodByTheNext) {
  Open();
  absl::Notification entered;
  absl::Notification let_go;
  service_.OnCalls([&] {
    entered.Notify();
    let_go.WaitForNotification();
  });
  Add(MakeAlert("i1"));
  dispatcher_->Start();
  entered.WaitForNotification();
  const absl::Status first = dispatcher_->Stop(absl::ZeroDuration());
  EXPECT_TRUE(absl::IsDeadlineExceeded(first));
  EXPECT_THAT(std::string(first.message()), testing::HasSubstr("busy: duty"));
  EXPECT_TRUE(absl::IsDeadlineExceeded(dispatcher_->Stop(absl::ZeroDuration())));
  let_go.Notify();
  EXPECT_TRUE(dispatcher_->Stop(absl::Seconds(10)).ok());
  EXPECT_EQ(outbox_.Get("i1-1", "duty").state, DeliveryState::kSent);
}

TEST_F(DeliveryTest, DestructionWaitsForACall) {
  Open();
  absl::Notification entered;
  service_.OnCalls([&] {
    entered.Notify();
    absl::SleepFor(absl::Milliseconds(50));
  });
  Add(MakeAlert("i1"));
  dispatcher_->Start();
  entered.WaitForNotification();
  EXPECT_TRUE(absl::IsDeadlineExceeded(dispatcher_->Stop(absl::ZeroDuration())));
  dispatcher_ = nullptr;
  EXPECT_EQ(outbox_.Get("i1-1", "duty").state, DeliveryState::kSent);
}

// Windows of alerts, as over a cluster, where each commit is a transaction.
class WindowTest : public DeliveryTest {
 protected:
  WindowTest() {
    flight_mark_ = FlightMark::kAlways;
    window_max_ = 8;
  }
  void AddSome(const std::string& name, int count) {
    for (int i = 0; i < count; ++i) Add(MakeAlert(StrCat(name, i), clock_.Now()));
  }
  // Until it takes 8 at once: windows of 1, 2 and 4.
  void Grow() {
    AddSome("grow", 7);
    Run();
    ASSERT_EQ(service_.calls(), 7);
  }
  int InFlight(const std::string& name, int count) const {
    int in_flight = 0;
    for (int i = 0; i < count; ++i) {
      in_flight += IsInFlight(outbox_.Get(StrCat(name, i, "-1"), "duty")) ? 1 : 0;
    }
    return in_flight;
  }
  std::vector<std::string> SentIds() const {
    std::vector<std::string> ids;
    for (const auto& sent : service_.sent()) ids.push_back(sent.message.id);
    return ids;
  }
  std::vector<std::string> Notices() const {
    std::vector<std::string> notices;
    for (const auto& sent : service_.sent()) {
      const std::string& notice = sent.message.bodies.at(0).notice;
      if (!notice.empty()) notices.push_back(StrCat(sent.message.id, " ", notice));
    }
    return notices;
  }
};

TEST_F(WindowTest, AWindowCostsTwoCommitsAndOneWriteOfTheLog) {
  Open();
  AddSome("a", 7);
  Run();
  EXPECT_EQ(outbox_.commits(), 3 * 2) << "windows of 1, 2 and 4";
  EXPECT_EQ(log_.writes(), 3);
  AddSome("b", 20);
  service_.OnCalls([this] {
    const bool begins = service_.calls() == 8 || service_.calls() == 8 + 8;
    if (begins) {
      EXPECT_EQ(InFlight("b", 20), 8) << "all of them before the first, and none of those before";
    }
  });
  Run();
  EXPECT_EQ(outbox_.commits(), 3 * 2 + 3 * 2) << "no window is larger than 8";
  EXPECT_EQ(log_.writes(), 6);
  EXPECT_EQ(log_.Count(stream::StreamId::kAlerts), 27);
  const std::vector<std::string> ids = SentIds();
  ASSERT_THAT(ids, SizeIs(27));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(ids[7 + i], StrCat("b", i, "-1")) << "in order";
  EXPECT_EQ(outbox_.pending(), 0u);
  EXPECT_THAT(metrics_.Expose(), HasSubstr("keng_channel_window_items{channel=\"duty\"} 8"));
}

TEST_F(WindowTest, AWindowOfOneIsRecordedOneByOne) {
  window_max_ = 1;
  Open();
  AddSome("a", 5);
  service_.OnCalls([this] { EXPECT_EQ(InFlight("a", 5), 1); });
  Run();
  EXPECT_EQ(outbox_.commits(), 5 * 2);
  EXPECT_EQ(log_.writes(), 5);
}

// One call that takes long delays no other's record, and later ones are recorded one by one.
TEST_F(WindowTest, SlowCallsCloseTheWindow) {
  Open();
  Grow();
  AddSome("b", 8);
  std::vector<int> in_flight;
  service_.OnCalls([&] {
    in_flight.push_back(InFlight("b", 8));
    clock_.Advance(absl::Milliseconds(200));
  });
  Run();
  EXPECT_THAT(in_flight, testing::ElementsAre(8, 1, 1, 1, 1, 1, 1, 1));
  // Neither fast nor slow: it stays as it is.
  service_.OnCalls([&] { clock_.Advance(absl::Milliseconds(30)); });
  const int commits = outbox_.commits();
  AddSome("c", 4);
  Run();
  EXPECT_EQ(outbox_.commits(), commits + 4 * 2);
  EXPECT_EQ(outbox_.pending(), 0u);
  EXPECT_THAT(SentIds(), SizeIs(7 + 8 + 4));
}

TEST_F(WindowTest, ACrashInAWindowRepeatsItOnceWithTheSameIds) {
  Open();
  Grow();
  AddSome("b", 5);
  service_.OnCalls([this] {
    if (service_.calls() == 8) outbox_.FailNextRecords(1);
  });
  Run();
  EXPECT_EQ(outbox_.records_failed(), 1);
  Open();
  for (int i = 0; i < 5; ++i) Run(absl::Seconds(10));
  std::map<std::string, int> times;
  for (const std::string& id : SentIds()) ++times[id];
  for (int i = 0; i < 5; ++i) EXPECT_EQ(times[StrCat("b", i, "-1")], 2);
  EXPECT_THAT(SentIds(), SizeIs(7 + 2 * 5));
  EXPECT_EQ(outbox_.pending(), 0u);
}

TEST_F(WindowTest, ARefusedWindowIsRecordedLaterWithoutASecondCall) {
  Open();
  Grow();
  AddSome("b", 5);
  service_.OnCalls([this] {
    if (service_.calls() == 8) outbox_.FailNextRecords(2);
  });
  service_.FailNext(1, {.outcome = SendOutcome::kPermanent, .error = "status 400"});
  Run();
  EXPECT_EQ(outbox_.pending(), 5u);
  AddSome("c", 1);
  Run(absl::Seconds(2));
  EXPECT_EQ(outbox_.records_failed(), 2);
  EXPECT_EQ(service_.calls(), 7 + 5) << "nothing else while the outbox refuses";
  Run(absl::Seconds(2));
  EXPECT_EQ(service_.calls(), 7 + 5 + 1);
  EXPECT_EQ(outbox_.pending(), 0u);
  EXPECT_EQ(outbox_.Get("b0-1", "duty").state, DeliveryState::kDead);
  EXPECT_EQ(outbox_.Get("b4-1", "duty").state, DeliveryState::kSent);
  EXPECT_EQ(log_.Count(stream::StreamId::kAlerts), 7 + 5 + 1) << "said once";
  EXPECT_EQ(log_.Count(stream::StreamId::kDead), 1);
}

// What was certainly not sent must not look like a repeat to people, also after a crash.
TEST_F(WindowTest, MarksOfWhatABlockedChannelDidNotTakeAreTakenBack) {
  Open(RingMode::kLive, {});
  Grow();
  AddSome("b", 8);
  service_.OnCalls([this] {
    if (service_.calls() == 10) service_.SetReadyAt(clock_.Now() + absl::Minutes(1));
  });
  Run();
  EXPECT_THAT(SentIds(), SizeIs(7 + 3));
  EXPECT_EQ(InFlight("b", 8), 0);
  EXPECT_EQ(outbox_.pending(), 5u);
  EXPECT_THAT(metrics_.Expose(), HasSubstr("keng_channel_window_items{channel=\"duty\"} 3"));
  Open(RingMode::kLive, {});
  Run(absl::Minutes(2));
  EXPECT_THAT(SentIds(), SizeIs(7 + 8));
  EXPECT_THAT(Notices(), testing::IsEmpty());
}

// The same when the outbox refuses the window that takes the marks back.
TEST_F(WindowTest, MarksAreTakenBackLaterWhenTheOutboxRefuses) {
  Open(RingMode::kLive, {});
  Grow();
  AddSome("b", 8);
  service_.OnCalls([this] {
    if (service_.calls() != 10) return;
    service_.SetReadyAt(clock_.Now() + absl::Minutes(1));
    outbox_.FailNextRecords(1);
  });
  Run();
  EXPECT_EQ(InFlight("b", 8), 8);
  Run(absl::Seconds(2));
  EXPECT_EQ(InFlight("b", 8), 0);
  EXPECT_THAT(SentIds(), SizeIs(7 + 3));
  Run(absl::Minutes(2));
  EXPECT_THAT(SentIds(), SizeIs(7 + 8));
  EXPECT_THAT(Notices(), testing::IsEmpty());
}

TEST_F(WindowTest, StopEndsAWindowAndLeavesNoMark) {
  Open(RingMode::kLive, {});
  const auto worker = MakeChannelWorker(
      context_,
      {.name = "duty", .channel = std::make_unique<FakeChannel>(service_, std::set<Capability>{})});
  AddSome("a", 7);
  worker->RunOnce();
  AddSome("b", 8);
  service_.OnCalls([&] {
    if (service_.calls() == 9) worker->Stop();
  });
  worker->RunOnce();
  EXPECT_THAT(SentIds(), SizeIs(7 + 2));
  EXPECT_EQ(InFlight("b", 8), 0);
  EXPECT_EQ(outbox_.pending(), 6u) << "the two are recorded";
}

TEST_F(WindowTest, AChannelThatIsGoneIsNotCalledAgain) {
  Open();
  Grow();
  AddSome("b", 6);
  service_.FailNext(1, {.outcome = SendOutcome::kGone, .error = "410"});
  Run();
  EXPECT_EQ(service_.calls(), 7 + 1);
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(outbox_.Get(StrCat("b", i, "-1"), "duty").state, DeliveryState::kDead);
  }
  EXPECT_EQ(log_.Count(stream::StreamId::kDead), 6);
  EXPECT_EQ(outbox_.pending(), 0u);
}

// The second alert of a story knows the message that shows it, though it is not recorded yet.
TEST_F(WindowTest, AFollowUpInTheSameWindowAnswersTheFirstMessage) {
  Open(RingMode::kLive, {Capability::kEdit});
  Grow();
  Alert alert = MakeAlert("i1");
  Add(alert);
  alert.id = "i1-2";
  alert.reason = AlertReason::kGrew;
  alert.incident.version = 2;
  Add(alert);
  Run();
  const auto sent = service_.sent();
  ASSERT_THAT(sent, SizeIs(7 + 2));
  EXPECT_EQ(sent[8].message.kind, MessageKind::kFollowUp);
  EXPECT_EQ(sent[8].message.reply_to, sent[7].remote_id);
  ASSERT_THAT(*outbox_.Shown("i1"), SizeIs(1));
  EXPECT_EQ(outbox_.Shown("i1")->front().remote_id, sent[7].remote_id);
}

TEST_F(WindowTest, TheLastOfTwoChannelsCompletesTheAlerts) {
  FakeService other;
  OpenTwo(other);
  AddSome("a", 7);
  service_.FailNext(1, {.outcome = SendOutcome::kTransient, .error = "503"});
  Run();
  EXPECT_THAT(other.sent(), SizeIs(7));
  EXPECT_EQ(outbox_.pending(), 1u) << "but for the one that failed here";
  EXPECT_EQ(outbox_.commits(), (4 + 3) * 2) << "two a window: completing costs none";
  for (int i = 0; i < 3; ++i) Run(absl::Minutes(1));
  EXPECT_EQ(outbox_.pending(), 0u);
}

// Alerts that no channel takes come in batches too.
TEST_F(WindowTest, UnroutedAlertsAreRecordedTogether) {
  Open();
  for (int i = 0; i < 5; ++i) {
    Alert alert = MakeAlert(StrCat("u", i));
    alert.desk = alert.incident.desk = "89";
    alert.cell = alert.incident.cell = "29999";
    Add(alert);
  }
  Run();
  EXPECT_EQ(outbox_.pending(), 0u);
  EXPECT_EQ(outbox_.commits(), 1);
  EXPECT_EQ(log_.writes(), 1);
  EXPECT_EQ(outbox_.Get("u4-1", "none").state, DeliveryState::kSuppressed);
}

TEST(WebhookSigner, AgreesWithTheSpecificationsVector) {
  // standard-webhooks.md, "Verifying signatures": the vector of the reference libraries.
  const auto signer = WebhookSigner::Make({"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"});
  ASSERT_TRUE(signer.ok()) << signer.status();
  EXPECT_EQ(signer->Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1'614'265'330, "{\"test\": 2432232314}"),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
  const auto bad = WebhookSigner::Make({"whsec_tooshort"});
  EXPECT_FALSE(bad.ok());
  EXPECT_THAT(std::string(bad.status().message()), testing::Not(HasSubstr("tooshort")))
      << "a secret in an error";
}

class WireTest : public testing::Test {
 protected:
  std::unique_ptr<Channel> Make(const std::string& yaml) {
    const auto options = base::Yaml::Parse("keng.yaml", yaml);
    KENG_CHECK(options.ok());
    auto spec =
        MakeChannel(*options, {.clock = &clock_, .terminal = &terminal_, .folder = folder_.path()});
    KENG_CHECK(spec.ok(), std::string(spec.status().message()));
    return std::move(spec->channel);
  }
  void WriteSecret(const std::string& name, const std::string& text) {
    const std::string path = StrCat(folder_.path(), "/", name);
    std::ofstream(path) << text;
    std::filesystem::permissions(
        path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  }
  static Message NewMessage() {
    const Alert alert = MakeAlert("i1");
    const Names names;
    Message message;
    message.id = alert.id;
    message.bodies = {
        RenderBody(alert, "Hẻm <12> ngập & kẹt", names, Language::kVietnamese, Quote::kQuote)};
    message.event = RenderEvent(alert, "Hẻm <12> ngập & kẹt", names, "/keng/91");
    return message;
  }
  static net::ScriptedAnswer Answer(int status, std::string body = "",
                                    std::vector<std::pair<std::string, std::string>> headers = {}) {
    return {.status = status, .headers = std::move(headers), .body = std::move(body)};
  }

  base::FakeClock clock_{kStart};
  std::ostringstream terminal_;
  const base::TemporaryFolder folder_{"keng-wire"};
  net::ScriptedHttpServer server_;
};

TEST_F(WireTest, WebhookSignsEachAttemptAndReadsTheAnswer) {
  WriteSecret("secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
  const auto channel = Make(StrCat("{name: hook, type: webhook, url: \"", server_.url(),
                                   "/alerts\", secret_file: secret, allow_private: true}"));
  const Message message = NewMessage();
  server_.Then(Answer(200));
  server_.Then(Answer(429, "", {{"Retry-After", "120"}}));
  server_.Then(Answer(500));
  server_.Then(Answer(400));
  server_.Then(Answer(410));
  server_.Then(Answer(302, "", {{"Location", "http://127.0.0.1:1/"}}));
  server_.Then({.action = net::ScriptedAnswer::Action::kCloseAtOnce});
  EXPECT_EQ(channel->Send(message).outcome, SendOutcome::kSent);
  const auto request = server_.requests().at(0);
  EXPECT_EQ(request.Header("webhook-id"), "i1-1");
  EXPECT_EQ(request.Header("webhook-timestamp"), StrCat(absl::ToUnixSeconds(kStart)));
  const auto signer = WebhookSigner::Make({"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"});
  EXPECT_EQ(request.Header("webhook-signature"),
            signer->Sign("i1-1", absl::ToUnixSeconds(kStart), request.body));
  EXPECT_EQ(request.body, message.event);
  const SendResult later = channel->Send(message);
  EXPECT_EQ(later.outcome, SendOutcome::kRetryAfter);
  EXPECT_EQ(later.retry_after, absl::Seconds(120));
  EXPECT_EQ(channel->Send(message).outcome, SendOutcome::kTransient);
  EXPECT_EQ(channel->Send(message).outcome, SendOutcome::kPermanent);
  EXPECT_EQ(channel->Send(message).outcome, SendOutcome::kGone);
  EXPECT_NE(channel->Send(message).outcome, SendOutcome::kSent) << "redirects are not followed";
  const SendOutcome cut = channel->Send(message).outcome;
  EXPECT_TRUE(cut == SendOutcome::kUnknown || cut == SendOutcome::kTransient)
      << SendOutcomeName(cut);
  EXPECT_EQ(server_.unused(), 0u);
}

TEST_F(WireTest, WebhookRefusesPrivateAddressesUnlessAllowed) {
  WriteSecret("secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
  const auto channel = Make(
      StrCat("{name: hook, type: webhook, url: \"", server_.url(), "/\", secret_file: secret}"));
  EXPECT_NE(channel->Send(NewMessage()).outcome, SendOutcome::kSent);
  EXPECT_EQ(server_.requests().size(), 0u);
}

TEST_F(WireTest, TelegramEscapesSendsEditsAndFallsBackToPlainText) {
  WriteSecret("token", "12345:secret-token\n");
  const auto channel =
      Make(StrCat("{name: tele, type: telegram, token_file: token, chat_id: \"-100\", base_url: \"",
                  server_.url(), "\", allow_private: true}"));
  const Message message = NewMessage();
  server_.Then(Answer(200, R"({"ok":true,"result":{"message_id":77}})"));
  server_.Then(Answer(
      400,
      R"({"ok":false,"error_code":400,"description":"Bad Request: message is not modified"})"));
  server_.Then(Answer(
      429,
      R"({"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":9}})"));
  server_.Then(
      Answer(403, R"({"ok":false,"error_code":403,"description":"Forbidden: bot was kicked"})"));
  server_.Then(Answer(
      400,
      R"({"ok":false,"error_code":400,"description":"Bad Request: can't parse entities: x"})"));
  server_.Then(Answer(200, R"({"ok":true,"result":{"message_id":78}})"));

  const SendResult sent = channel->Send(message);
  EXPECT_EQ(sent.outcome, SendOutcome::kSent) << sent.error;
  EXPECT_THAT(sent.remote_id, HasSubstr("77"));
  const auto first = server_.requests().at(0);
  EXPECT_EQ(first.target, "/bot12345:secret-token/sendMessage");
  EXPECT_THAT(first.body, HasSubstr("&lt;12&gt;"));
  EXPECT_THAT(first.body, HasSubstr("&amp; kẹt"));
  clock_.Advance(absl::Minutes(1));
  EXPECT_EQ(channel->Edit(sent.remote_id, message).outcome, SendOutcome::kSent)
      << "not modified is a success";
  EXPECT_EQ(server_.requests().at(1).target, "/bot12345:secret-token/editMessageText");
  clock_.Advance(absl::Minutes(1));
  const SendResult limited = channel->Send(message);
  EXPECT_EQ(limited.outcome, SendOutcome::kRetryAfter);
  EXPECT_GE(limited.retry_after, absl::Seconds(9));
  clock_.Advance(absl::Minutes(1));
  const SendResult kicked = channel->Send(message);
  EXPECT_EQ(kicked.outcome, SendOutcome::kPermanent);
  EXPECT_THAT(kicked.error, testing::Not(HasSubstr("secret-token")));
  clock_.Advance(absl::Minutes(1));
  EXPECT_EQ(channel->Send(message).outcome, SendOutcome::kSent) << "once more as plain text";
  EXPECT_THAT(server_.requests().at(5).body, testing::Not(HasSubstr("parse_mode")));
  EXPECT_EQ(server_.unused(), 0u);
}

TEST_F(WireTest, TerminalAndFileSayEverythingOnce) {
  const auto screen = Make("{name: screen, type: terminal}");
  EXPECT_EQ(screen->Send(NewMessage()).outcome, SendOutcome::kSent);
  EXPECT_THAT(terminal_.str(), HasSubstr("Ngập đường"));
  EXPECT_THAT(terminal_.str(), HasSubstr("Phường Long Xuyên"));
  EXPECT_THAT(terminal_.str(), HasSubstr("https://social.example/p/1"));
  const auto file = Make("{name: file, type: file, path: alerts.jsonl}");
  const Message message = NewMessage();
  EXPECT_EQ(file->Send(message).outcome, SendOutcome::kSent);
  EXPECT_EQ(file->Send(message).outcome, SendOutcome::kSent);
  std::ifstream in(StrCat(folder_.path(), "/alerts.jsonl"));
  std::string line;
  int lines = 0;
  while (std::getline(in, line)) {
    EXPECT_EQ(line, message.event) << "every retry gives the same bytes";
    ++lines;
  }
  EXPECT_EQ(lines, 2);
}

TEST(TelegramParts, CutsLongMessagesBetweenLines) {
  Body body;
  body.headline = "Đầu <đề>";
  for (int i = 0; i < 200; ++i)
    body.fields.push_back({.label = StrCat("Mục ", i), .value = std::string(60, 'x')});
  const std::vector<Body> bodies = {body};
  const auto parts = TelegramParts(bodies);
  ASSERT_GT(parts.size(), 1u);
  for (const TelegramPart& part : parts) {
    EXPECT_LE(part.plain.size(), 2 * kTelegramUnitsMax);
    EXPECT_EQ(part.html.find("<đề>"), std::string::npos);
  }
}

TEST(CutExcerpt, NeverCutsACharacterAndKeepsTheSpans) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "chữ dài ";
  const size_t at = text.size();
  text += "ngập tới gối";
  for (int i = 0; i < 100; ++i) text += " phía sau";
  const std::vector<filters::HitSpan> spans = {
      {.span = {.begin = static_cast<uint32_t>(at),
                .end = static_cast<uint32_t>(at + std::string("ngập").size())},
       .phrase = "ngập",
       .marks = filters::MarksEvidence::kEqual}};
  const Excerpt excerpt = CutExcerpt(text, spans, 80);
  ASSERT_THAT(excerpt.spans, SizeIs(1));
  EXPECT_EQ(
      excerpt.text.substr(excerpt.spans[0].begin, excerpt.spans[0].end - excerpt.spans[0].begin),
      "ngập");
  EXPECT_LT(excerpt.text.size(), 80u * 4);
  EXPECT_THAT(excerpt.text, HasSubstr("…"));
}

}  // namespace
}  // namespace keng::alerting
