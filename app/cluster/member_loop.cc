#include "app/cluster/member_loop.h"

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
      metrics_(metrics) {}

MemberLoop::~MemberLoop() { Stop(); }

absl::Status MemberLoop::Start(OnFailure on_failure) {
  KENG_ASSIGN_OR_RETURN(member_, streams_.OpenMembership(reader_, stream_));
  thread_ =
      std::make_unique<StageThread>(base::StrCat("member-", host_.name()),
                                    StageThread::Hooks{.step = [this] { return Step(kPollWait); },
                                                       .wake = [this] { member_->Wake(); },
                                                       .on_failure = std::move(on_failure)},
                                    metrics_);
  return absl::OkStatus();
}

absl::StatusOr<int64_t> MemberLoop::Step(absl::Duration wait) {
  if (member_ == nullptr) {
    KENG_ASSIGN_OR_RETURN(member_, streams_.OpenMembership(reader_, stream_));
  }
  if (gaining_) {
    // While it cannot be opened the group must still hear of us.
    wait = absl::ZeroDuration();
  }
  KENG_ASSIGN_OR_RETURN(const stream::MemberEvent event, member_->Poll(wait));
  switch (event) {
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
    KENG_RETURN_IF_ERROR(host_.Gain(member_->partitions()));
    gaining_ = false;
    holding_ = true;
    held_ = static_cast<int>(member_->partitions().size());
    return 1;
  }
  if (holding_) KENG_RETURN_IF_ERROR(host_.Tend());
  return 0;
}

void MemberLoop::Lose() {
  // Also what Gain() had opened in part.
  host_.Lose();
  gaining_ = false;
  holding_ = false;
  held_ = 0;
}

void MemberLoop::Stop() {
  if (thread_ != nullptr) thread_->Stop();
  if (member_ == nullptr) return;
  Lose();
  if (member_->state() == stream::MemberState::kDraining) {
    if (const absl::Status released = member_->Release(); !released.ok())
      base::LogWarn("member.release_failed", {{"reason", std::string(released.message())}});
  }
  thread_ = nullptr;
  member_ = nullptr;
}

std::vector<std::string> MemberLoop::trouble() const {
  std::vector<std::string> lines = host_.trouble();
  if (thread_ != nullptr) {
    const std::string what = thread_->trouble();
    if (!what.empty()) lines.push_back(base::StrCat(thread_->name(), ": ", what));
  }
  return lines;
}

}  // namespace keng::app
