#include "app/cluster/worker_slots.h"

#include <algorithm>

#include "absl/time/clock.h"
#include "base/check.h"
#include "base/log.h"
#include "base/strings.h"

namespace keng::app {

WorkerSlots::WorkerSlots(Parts parts)
    : parts_(std::move(parts)),
      shut_out_counter_(parts_.metrics->counter(
          "keng_workers_shut_out_total", "Workers that lost their partition to another owner",
          {{"stage", parts_.prefix}})),
      leaving_gauge_(parts_.metrics->gauge(
          "keng_workers_leaving", "Workers that were closed and have not come to their end",
          {{"stage", parts_.prefix}})) {}

WorkerSlots::~WorkerSlots() { CloseAll(); }

// Only the loop's thread changes slots_ and leaving_ and what is in them, so that it may read them
// outside the lock.
absl::Status WorkerSlots::OpenSlot(const std::string& key, Slot& slot) {
  if (const auto leaving = leaving_.find(key); leaving != leaving_.end()) {
    const absl::Time now = absl::Now();
    absl::Time& wanted_at = leaving->second.wanted_at;
    wanted_at = std::min(wanted_at, now);
    const std::string what =
        base::StrCat(parts_.prefix, "-", key, ": what was closed has not ended");
    if (now - wanted_at < parts_.close_deadline) return absl::UnavailableError(what);
    // The group believes that we work on it, and nobody does.
    return absl::FailedPreconditionError(base::StrCat(what, ", and the key is ours again"));
  }
  KENG_ASSIGN_OR_RETURN(std::unique_ptr<SlotWorker> worker, parts_.open(key));
  {
    base::MutexLock lock(mutex_);
    slot.worker = std::move(worker);
    slot.shut_out = false;
    slot.idle = false;
  }
  Slot* const raw = &slot;
  auto thread = std::make_unique<StageThread>(
      base::StrCat(parts_.prefix, "-", key),
      StageThread::Hooks{.step = [raw]() -> absl::StatusOr<int64_t> {
                           absl::StatusOr<int64_t> done = raw->worker->Step();
                           raw->idle = done.ok() && *done == 0;
                           return done;
                         },
                         .finished =
                             [raw] {
                               raw->finished = raw->worker->finished();
                               return raw->finished.load();
                             },
                         .wake = [raw] { raw->worker->Wake(); },
                         .on_failure =
                             [this, raw](const std::string& stage, const absl::Status& status) {
                               if (absl::IsAborted(status)) {
                                 shut_out_counter_.Add();
                                 base::LogWarn(
                                     "worker.shut_out",
                                     {{"stage", stage}, {"reason", std::string(status.message())}});
                                 raw->shut_out = true;
                                 return;
                               }
                               parts_.on_failure(stage, status);
                             }},
      *parts_.metrics);
  base::MutexLock lock(mutex_);
  slot.thread = std::move(thread);
  return absl::OkStatus();
}

void WorkerSlots::CloseSlot(const std::string& key, Slot& slot) {
  if (slot.thread != nullptr) slot.thread->Stop();
  std::unique_ptr<StageThread> thread;
  {
    base::MutexLock lock(mutex_);
    thread = std::move(slot.thread);
  }
  thread = nullptr;  // before its worker, and without the lock
  {
    base::MutexLock lock(mutex_);
    slot.idle = false;
    if (slot.worker == nullptr) return;
    leaving_[key].worker = std::move(slot.worker);
    leaving_gauge_.Set(static_cast<double>(leaving_.size()));
  }
  if (const absl::Status ended = End(key, parts_.close_deadline); !ended.ok())
    base::LogWarn("worker.leaving", {{"stage", base::StrCat(parts_.prefix, "-", key)},
                                     {"reason", std::string(ended.message())}});
}

absl::Status WorkerSlots::End(const std::string& key, absl::Duration deadline) {
  KENG_RETURN_IF_ERROR(leaving_.find(key)->second.worker->Close(deadline));
  std::unique_ptr<SlotWorker> gone;  // destroyed without the lock
  base::MutexLock lock(mutex_);
  gone = std::move(leaving_[key].worker);
  leaving_.erase(key);
  leaving_gauge_.Set(static_cast<double>(leaving_.size()));
  return absl::OkStatus();
}

absl::Status WorkerSlots::Reap(absl::Duration deadline) {
  const absl::Time end = absl::Now() + deadline;
  std::vector<std::string> keys;
  for (const auto& [key, leaving] : leaving_) keys.push_back(key);
  absl::Status first;
  for (const std::string& key : keys) {
    const absl::Status ended = End(key, std::max(end - absl::Now(), absl::ZeroDuration()));
    if (ended.ok())
      base::LogInfo("worker.left", {{"stage", base::StrCat(parts_.prefix, "-", key)}});
    first.Update(ended);
  }
  return first;
}

// They have had their time when they were closed: only what is left of a stop's.
absl::Status WorkerSlots::Finish() { return Reap(parts_.close_deadline / 4); }

absl::Status WorkerSlots::Open(const std::vector<std::string>& keys) {
  Reap(absl::ZeroDuration()).IgnoreError();  // OpenSlot() sees whose has not ended
  absl::Status first;
  for (const std::string& key : keys) {
    {
      base::MutexLock lock(mutex_);
      if (slots_.contains(key)) continue;
    }
    auto slot = std::make_unique<Slot>();
    const absl::Status opened = OpenSlot(key, *slot);
    first.Update(opened);
    if (!opened.ok()) continue;
    base::MutexLock lock(mutex_);
    slots_[key] = std::move(slot);
  }
  return first;
}

absl::Status WorkerSlots::Tend() {
  Reap(absl::ZeroDuration()).IgnoreError();  // OpenSlot() sees whose has not ended
  std::vector<std::pair<std::string, Slot*>> closed;
  {
    base::MutexLock lock(mutex_);
    for (const auto& [key, slot] : slots_) {
      if (slot->shut_out || slot->worker == nullptr) closed.emplace_back(key, slot.get());
    }
  }
  absl::Status first;
  for (const auto& [key, slot] : closed) {
    if (slot->worker != nullptr) {
      CloseSlot(key, *slot);
      slot->closed_at = absl::Now();
    }
    if (absl::Now() - slot->closed_at < parts_.reopen_after) continue;
    const absl::Status opened = OpenSlot(key, *slot);
    if (absl::IsAborted(opened)) {
      slot->closed_at = absl::Now();
    } else {
      first.Update(opened);
    }
  }
  return first;
}

void WorkerSlots::CloseAll() {
  std::map<std::string, std::unique_ptr<Slot>> slots;
  {
    base::MutexLock lock(mutex_);
    slots.swap(slots_);
  }
  for (auto& [key, leaving] : leaving_) leaving.wanted_at = absl::InfiniteFuture();
  for (const auto& [key, slot] : slots) CloseSlot(key, *slot);
}

std::vector<std::string> WorkerSlots::trouble() const {
  std::vector<std::string> lines;
  base::MutexLock lock(mutex_);
  for (const auto& [key, leaving] : leaving_) {
    lines.push_back(base::StrCat(parts_.prefix, "-", key, ": was closed and has not ended"));
  }
  for (const auto& [key, slot] : slots_) {
    if (slot->shut_out) {
      lines.push_back(base::StrCat(parts_.prefix, "-", key, ": shut out by another owner"));
    } else if (slot->thread != nullptr) {
      const std::string what = slot->thread->trouble();
      if (!what.empty()) lines.push_back(base::StrCat(slot->thread->name(), ": ", what));
    }
  }
  return lines;
}

bool WorkerSlots::all_finished() const {
  base::MutexLock lock(mutex_);
  return std::all_of(slots_.begin(), slots_.end(),
                     [](const auto& one) { return one.second->finished.load(); });
}

bool WorkerSlots::idle() const {
  base::MutexLock lock(mutex_);
  return std::all_of(slots_.begin(), slots_.end(), [](const auto& one) {
    return one.second->idle.load() || one.second->finished.load();
  });
}

}  // namespace keng::app
