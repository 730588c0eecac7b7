#include "alerting/dispatcher.h"

#include <pthread.h>

#include <algorithm>
#include <set>
#include <thread>

#include "alerting/unrouted_worker.h"
#include "base/check.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/strings.h"

namespace keng::alerting {
namespace {
// How often a destructor says what it waits for.
constexpr absl::Duration kStopWait = absl::Seconds(30);
}  // namespace

// A worker and its thread.
class Dispatcher::Loop {
 public:
  Loop(std::string name, const DeliveryContext& context, std::unique_ptr<DeliveryWorker> worker)
      : name_(std::move(name)),
        clock_(*context.clock),
        poll_interval_(context.options.poll_interval),
        worker_(std::move(worker)) {}

  DeliveryWorker& worker() { return *worker_; }
  const std::string& name() const { return name_; }

  void Start() {
    KENG_CHECK(!thread_.joinable(), name_, " was started twice");
    thread_ = std::thread([this] { Run(); });
  }

  void Wake() {
    base::MutexLock lock(mutex_);
    woken_ = true;
    changed_.NotifyAll();
  }

  void Stop() {
    worker_->Stop();
    base::MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }

  // Whether the thread has ended, waiting for it until `deadline`.
  bool Join(absl::Time deadline) {
    if (!thread_.joinable()) return true;
    {
      base::MutexLock lock(mutex_);
      while (!ended_) {
        const absl::Duration left = deadline - absl::Now();
        if (left <= absl::ZeroDuration()) return false;
        changed_.WaitFor(mutex_, left);
      }
    }
    thread_.join();
    return true;
  }

 private:
  void Run() {
    pthread_setname_np(pthread_self(), base::StrCat("ring-", name_).substr(0, 15).c_str());
    while (true) {
      const absl::Time next = worker_->RunOnce();
      base::MutexLock lock(mutex_);
      // Not less: a round that has something left to do at once gives others the processor.
      constexpr absl::Duration kWaitMin = absl::Milliseconds(1);
      if (!woken_ && !stopping_) {
        changed_.WaitFor(mutex_, std::clamp(next - clock_.Now(), kWaitMin, poll_interval_));
      }
      woken_ = false;
      if (stopping_) break;
    }
    base::MutexLock lock(mutex_);
    ended_ = true;
    changed_.NotifyAll();
  }

  // Constant after construction.
  const std::string name_;
  const base::Clock& clock_;
  const absl::Duration poll_interval_;
  const std::unique_ptr<DeliveryWorker> worker_;

  std::thread thread_;  // of the thread that starts and stops

  base::Mutex mutex_;
  base::CondVar changed_;
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
};

Dispatcher::Dispatcher(DeliveryContext context, std::vector<ChannelSpec> channels) {
  std::set<std::string> names;
  for (ChannelSpec& channel : channels) {
    KENG_CHECK(names.insert(channel.name).second, "two channels are called ", channel.name);
    const std::string name = channel.name;
    loops_.push_back(
        std::make_unique<Loop>(name, context, MakeChannelWorker(context, std::move(channel))));
  }
  loops_.push_back(std::make_unique<Loop>("none", context, MakeUnroutedWorker(context)));
}

Dispatcher::~Dispatcher() {
  absl::Status stopped;
  while (!(stopped = Stop(kStopWait)).ok()) {
    base::LogWarn("channels.not_ended", {{"reason", std::string(stopped.message())}});
  }
}

void Dispatcher::Start() {
  for (const auto& loop : loops_) loop->Start();
}

absl::Status Dispatcher::Stop(absl::Duration deadline) {
  const absl::Time start = absl::Now();
  for (const auto& loop : loops_) loop->Stop();
  const absl::Time cut_at = start + deadline * 0.75;
  std::vector<Loop*> busy;
  for (const auto& loop : loops_) {
    if (!loop->Join(cut_at)) busy.push_back(loop.get());
  }
  for (Loop* loop : busy) loop->worker().Cut();
  std::string left;
  for (Loop* loop : busy) {
    if (!loop->Join(start + deadline))
      base::StrAppend(&left, left.empty() ? "" : ", ", loop->name());
  }
  if (left.empty()) return absl::OkStatus();
  return absl::DeadlineExceededError(base::StrCat("channels still busy: ", left));
}

void Dispatcher::Wake() {
  for (const auto& loop : loops_) loop->Wake();
}

void Dispatcher::NotifyChanged(const std::vector<std::string>& incident_ids) {
  for (const auto& loop : loops_) {
    loop->worker().NotifyChanged(incident_ids);
    loop->Wake();
  }
}

void Dispatcher::RunOnce() {
  for (const auto& loop : loops_) loop->worker().RunOnce();
}

}  // namespace keng::alerting
