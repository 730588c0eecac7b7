#ifndef KENG_ALERTING_TESTING_FAKE_CHANNEL_H_
#define KENG_ALERTING_TESTING_FAKE_CHANNEL_H_

// A channel that remembers what it was given and fails when told to. Thread-safe. The fake and its
// controls are apart, because a worker owns its channel: what was sent outlives a "crash" of the
// worker.

#include <deque>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "alerting/channels/channel.h"
#include "base/mutex.h"

namespace keng::alerting {

// What stands behind the channel: the service.
class FakeService {
 public:
  struct Sent {
    std::string remote_id;
    Message message;
  };
  struct Edited {
    std::string remote_id;
    Message message;
  };

  // The next `count` calls end with `result`; those of outcome kUnknown are accepted all the same
  // when `accepted` says so.
  enum class Accepted { kNo, kYes };
  void FailNext(int count, SendResult result, Accepted accepted = Accepted::kNo);
  // Calls wait from now on, until Uncork() or the channel's Stop().
  void Cork();
  void Uncork();
  void SetReadyAt(absl::Time ready_at);
  // Runs in every call from now on, before it ends, in the thread that calls; holds no lock.
  void OnCalls(std::function<void()> hook);

  std::vector<Sent> sent() const;
  std::vector<Edited> edited() const;
  int calls() const;
  int failures_left() const;
  void WaitForCalls(int count) const;
  // Waits until that many messages were accepted.
  void WaitForSent(size_t count) const;

  SendResult Send(const Message& message);
  SendResult Edit(std::string_view remote_id, const Message& message);
  absl::Time ready_at() const;
  void Stop();

 private:
  struct Failure {
    SendResult result;
    Accepted accepted;
  };
  std::optional<Failure> Begin();
  std::optional<Failure> WaitForTurn();

  mutable base::Mutex mutex_;
  mutable base::CondVar changed_;
  std::function<void()> hook_ ABSL_GUARDED_BY(mutex_);
  std::deque<Failure> failures_ ABSL_GUARDED_BY(mutex_);
  std::vector<Sent> sent_ ABSL_GUARDED_BY(mutex_);
  std::vector<Edited> edited_ ABSL_GUARDED_BY(mutex_);
  int calls_ ABSL_GUARDED_BY(mutex_) = 0;
  bool corked_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time ready_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

class FakeChannel final : public Channel {
 public:
  FakeChannel(FakeService& service, std::set<Capability> capabilities)
      : service_(service), capabilities_(std::move(capabilities)) {}
  std::string_view kind() const override { return "fake"; }
  bool Can(Capability capability) const override { return capabilities_.contains(capability); }
  SendResult Send(const Message& message) override { return service_.Send(message); }
  SendResult Edit(std::string_view remote_id, const Message& message) override {
    return service_.Edit(remote_id, message);
  }
  absl::Time ReadyAt() const override { return service_.ready_at(); }
  void Stop() override { service_.Stop(); }

 private:
  FakeService& service_;
  const std::set<Capability> capabilities_;
};

}  // namespace keng::alerting

#endif  // KENG_ALERTING_TESTING_FAKE_CHANNEL_H_
