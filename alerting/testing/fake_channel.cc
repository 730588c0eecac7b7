#include "alerting/testing/fake_channel.h"

#include <utility>

#include "base/strings.h"

namespace keng::alerting {

void FakeService::FailNext(int count, SendResult result, Accepted accepted) {
  base::MutexLock lock(mutex_);
  for (int i = 0; i < count; ++i) failures_.push_back({result, accepted});
}

void FakeService::Cork() {
  base::MutexLock lock(mutex_);
  corked_ = true;
}

void FakeService::Uncork() {
  base::MutexLock lock(mutex_);
  corked_ = false;
  changed_.NotifyAll();
}

void FakeService::SetReadyAt(absl::Time ready_at) {
  base::MutexLock lock(mutex_);
  ready_at_ = ready_at;
}

void FakeService::OnCalls(std::function<void()> hook) {
  base::MutexLock lock(mutex_);
  hook_ = std::move(hook);
}

absl::Time FakeService::ready_at() const {
  base::MutexLock lock(mutex_);
  return ready_at_;
}

std::vector<FakeService::Sent> FakeService::sent() const {
  base::MutexLock lock(mutex_);
  return sent_;
}

std::vector<FakeService::Edited> FakeService::edited() const {
  base::MutexLock lock(mutex_);
  return edited_;
}

int FakeService::calls() const {
  base::MutexLock lock(mutex_);
  return calls_;
}

int FakeService::failures_left() const {
  base::MutexLock lock(mutex_);
  return static_cast<int>(failures_.size());
}

void FakeService::WaitForCalls(int count) const {
  base::MutexLock lock(mutex_);
  while (calls_ < count) changed_.Wait(mutex_);
}

void FakeService::WaitForSent(size_t count) const {
  base::MutexLock lock(mutex_);
  while (sent_.size() < count) changed_.Wait(mutex_);
}

std::optional<FakeService::Failure> FakeService::Begin() {
  const std::optional<Failure> failure = WaitForTurn();
  std::function<void()> hook;
  {
    base::MutexLock lock(mutex_);
    hook = hook_;
  }
  if (hook) hook();
  return failure;
}

std::optional<FakeService::Failure> FakeService::WaitForTurn() {
  base::MutexLock lock(mutex_);
  ++calls_;
  changed_.NotifyAll();
  while (corked_ && !stopped_) changed_.Wait(mutex_);
  if (corked_) {
    return Failure{{.outcome = SendOutcome::kUnknown, .error = "stopped"}, Accepted::kNo};
  }
  if (failures_.empty()) return std::nullopt;
  const Failure failure = failures_.front();
  failures_.pop_front();
  return failure;
}

SendResult FakeService::Send(const Message& message) {
  const std::optional<Failure> failure = Begin();
  base::MutexLock lock(mutex_);
  if (failure.has_value() && failure->accepted == Accepted::kNo) return failure->result;
  const std::string id = base::StrCat(100 + sent_.size());
  sent_.push_back({id, message});
  changed_.NotifyAll();
  if (failure.has_value()) return failure->result;
  return {.outcome = SendOutcome::kSent, .remote_id = id};
}

SendResult FakeService::Edit(std::string_view remote_id, const Message& message) {
  const std::optional<Failure> failure = Begin();
  base::MutexLock lock(mutex_);
  if (failure.has_value()) return failure->result;
  edited_.push_back({std::string(remote_id), message});
  changed_.NotifyAll();
  return {.outcome = SendOutcome::kSent};
}

void FakeService::Stop() {
  base::MutexLock lock(mutex_);
  stopped_ = true;
  changed_.NotifyAll();
}

}  // namespace keng::alerting
