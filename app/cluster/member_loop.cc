#include "app/cluster/member_loop.h"

#include "absl/time/clock.h"
#include "base/check.h"
#include "base/log.h"
#include "base/strings.h"

namespace keng::app {

namespace {
constexpr absl::Duration kPollWait = absl::Milliseconds(200);
}  // namespace

MemberLoop::MemberLoop(StageHost& host, stream::Streams& streams, std::string reader,
                       stream::StreamId stream, base::Metrics& metrics)
    : host_(host),
      streams_(streams),
      reader_(std::move(reader)),
      stream_(stream),
      metrics_(metrics),
      shut_out_counter_(metrics.counter("keng_members_shut_out_total",
                                        "Times that a group took its member for a former one",
                                        {{"stage", std::string(host.name())}})) {}

MemberLoop::~MemberLoop() { Stop().IgnoreError(); }

absl::Status MemberLoop::Join() {
  KENG_ASSIGN_OR_RETURN(auto member, streams_.OpenMembership(reader_, stream_));
  base::MutexLock lock(mutex_);
  member_ = std::move(member);
  return absl::OkStatus();
}

absl::Status MemberLoop::Start(OnFailure on_failure) {
  KENG_RETURN_IF_ERROR(Join());
  auto thread =
      std::make_unique<StageThread>(base::StrCat("member-", host_.name()),
                                    StageThread::Hooks{.step = [this] { return Step(kPollWait); },
                                                       .wake =
                                                           [this] {
                                                             base::MutexLock lock(mutex_);
                                                             if (member_ != nullptr)
                                                               member_->Wake();
                                                           },
                                                       .on_failure = std::move(on_failure)},
                                    metrics_);
  base::MutexLock lock(mutex_);
  thread_ = std::move(thread);
  return absl::OkStatus();
}

absl::StatusOr<int64_t> MemberLoop::Step(absl::Duration wait) {
  if (member_ == nullptr) KENG_RETURN_IF_ERROR(Join());
  if (gaining_) {
    // While it cannot be opened the group must still hear of us.
    wait = absl::ZeroDuration();
  }
  const absl::StatusOr<stream::MemberEvent> event = member_->Poll(wait);
  if (absl::IsAborted(event.status()) || absl::IsCancelled(event.status()))
    return ShutOut(event.status());
  KENG_RETURN_IF_ERROR(event.status());
  switch (*event) {
    case stream::MemberEvent::kGained:
      gaining_ = true;
      base::LogInfo("member.gained", {{"stage", std::string(host_.name())},
                                      {"partitions", base::StrCat(member_->partitions().size())}});
      break;
    case stream::MemberEvent::kLost:
      base::LogInfo("member.lost", {{"stage", std::string(host_.name())},
                                    {"partitions", base::StrCat(member_->partitions().size())}});
      Lose();
      KENG_RETURN_IF_ERROR(member_->Release());
      return 1;
    case stream::MemberEvent::kNone:
      break;
  }
  if (gaining_) {
    const absl::Status gained = host_.Gain(member_->partitions());
    // Somebody whom the group has given up, or who was given it since, has taken it meanwhile. Who
    // of us is right the next Poll() says; until then it is tried again.
    if (absl::IsAborted(gained)) return absl::UnavailableError(gained.message());
    KENG_RETURN_IF_ERROR(gained);
    gaining_ = false;
    held_ = static_cast<int>(member_->partitions().size());
    return 1;
  }
  KENG_RETURN_IF_ERROR(host_.Tend());
  return 0;
}

absl::Status MemberLoop::ShutOut(const absl::Status& why) {
  const std::string reason(why.message());
  base::LogWarn("member.shut_out", {{"stage", std::string(host_.name())}, {"reason", reason}});
  shut_out_counter_.Add();
  Lose();
  std::unique_ptr<stream::Membership> gone;
  {
    base::MutexLock lock(mutex_);
    gone = std::move(member_);
  }
  gone = nullptr;
  if (absl::IsCancelled(why)) return absl::UnavailableError(reason);
  const absl::Time now = absl::Now();
  shut_out_.push_back(now);
  while (shut_out_.front() < now - kShutOutWithin) shut_out_.pop_front();
  if (shut_out_.size() >= kShutOutMax) {
    return absl::FailedPreconditionError(
        base::StrCat(reason, "; another process has this instance's name: give each its own ",
                     "(streams.kafka.instance)"));
  }
  // The thread waits a little and steps again, which joins.
  return absl::UnavailableError(reason);
}

void MemberLoop::Lose() {
  // Also what Gain() had opened in part.
  host_.Lose();
  gaining_ = false;
  held_ = 0;
}

absl::Status MemberLoop::Stop() {
  if (thread_ == nullptr && member_ == nullptr) return absl::OkStatus();
  if (thread_ != nullptr) thread_->Stop();
  Lose();
  std::unique_ptr<StageThread> thread;  // both are destroyed without the lock
  std::unique_ptr<stream::Membership> member;
  {
    base::MutexLock lock(mutex_);
    thread = std::move(thread_);
    member = std::move(member_);
  }
  thread = nullptr;
  member = nullptr;  // leaves, and gives back what it holds
  return host_.Finish();
}

std::vector<std::string> MemberLoop::trouble() const {
  std::vector<std::string> lines = host_.trouble();
  base::MutexLock lock(mutex_);
  if (thread_ != nullptr) {
    const std::string what = thread_->trouble();
    if (!what.empty()) lines.push_back(base::StrCat(thread_->name(), ": ", what));
  }
  return lines;
}

}  // namespace keng::app
