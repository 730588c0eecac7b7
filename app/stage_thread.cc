#include "app/stage_thread.h"

#include <pthread.h>

#include <algorithm>
#include <random>
#include <utility>

#include "absl/time/clock.h"
#include "base/log.h"

namespace keng::app {

namespace {
constexpr absl::Duration kBackoffFirst = absl::Milliseconds(10);
constexpr absl::Duration kBackoffMax = absl::Seconds(1);

bool Transient(const absl::Status& status) {
  return absl::IsResourceExhausted(status) || absl::IsUnavailable(status) ||
         absl::IsDeadlineExceeded(status);
}
}  // namespace

StageThread::StageThread(std::string name, Hooks hooks, base::Metrics& metrics)
    : name_(std::move(name)),
      hooks_(std::move(hooks)),
      retries_(metrics.counter("keng_stage_retries_total", "Steps that were refused and repeated",
                               {{"stage", name_}})),
      degraded_(metrics.gauge("keng_stage_degraded", "1 while the stage's steps are refused",
                              {{"stage", name_}})),
      thread_([this] { Run(); }) {}

StageThread::~StageThread() { Stop(); }

void StageThread::Stop() {
  {
    base::MutexLock lock(mutex_);
    stop_ = true;
    stopped_.NotifyAll();
  }
  if (hooks_.wake) hooks_.wake();
  if (thread_.joinable()) thread_.join();
}

std::string StageThread::trouble() const {
  base::MutexLock lock(mutex_);
  return trouble_;
}

void StageThread::SetTrouble(const std::string& trouble) {
  base::MutexLock lock(mutex_);
  trouble_ = trouble;
}

void StageThread::Run() {
  pthread_setname_np(pthread_self(), name_.substr(0, 15).c_str());
  std::minstd_rand random(static_cast<uint32_t>(absl::ToUnixNanos(absl::Now())));
  absl::Duration backoff = kBackoffFirst;
  for (;;) {
    {
      base::MutexLock lock(mutex_);
      if (stop_) return;
    }
    const absl::StatusOr<int64_t> done = hooks_.step();
    if (done.ok()) {
      if (backoff != kBackoffFirst) {
        base::LogInfo("stage.recovered", {{"stage", name_}});
        SetTrouble("");
        degraded_.Set(0);
        backoff = kBackoffFirst;
      }
      if (hooks_.finished && hooks_.finished()) return;
      continue;
    }
    const std::string message(done.status().message());
    if (!Transient(done.status())) {
      SetTrouble(message);
      degraded_.Set(1);
      if (hooks_.on_failure) hooks_.on_failure(name_, done.status());
      return;
    }
    if (backoff == kBackoffFirst) {
      base::LogWarn("stage.refused", {{"stage", name_}, {"reason", message}});
      degraded_.Set(1);
    }
    SetTrouble(message);
    retries_.Add();
    const absl::Duration wait = backoff * std::uniform_real_distribution<double>(0.5, 1.0)(random);
    const absl::Time until = absl::Now() + wait;
    base::MutexLock lock(mutex_);
    for (absl::Duration left = wait; !stop_ && left > absl::ZeroDuration();
         left = until - absl::Now()) {
      stopped_.WaitFor(mutex_, left);
    }
    backoff = std::min(backoff * 2, kBackoffMax);
  }
}

}  // namespace keng::app
