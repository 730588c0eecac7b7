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

// Only the loop's thread adds and removes slots and those that leave, so that they may be used
// outside the lock there.
absl::Status WorkerSlots::OpenSlot(const std::string& key, Slot& slot) {
  {
    base::MutexLock lock(mutex_);
    if (leaving_.contains(key))
      return absl::UnavailableError(
          base::StrCat(parts_.prefix, "-", key, ": what was closed has not ended"));
  }
  KENG_ASSIGN_OR_RETURN(slot.worker, parts_.open(key));
  slot.shut_out = false;
  slot.idle = false;
  Slot* const raw = &slot;
  slot.thread = std::make_unique<StageThread>(
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
  return absl::OkStatus();
}

void WorkerSlots::CloseSlot(const std::string& key, Slot& slot) {
  if (slot.thread != nullptr) slot.thread->Stop();
  slot.thread = nullptr;
  slot.idle = false;
  if (slot.worker == nullptr) return;
  if (const absl::Status closed = slot.worker->Close(parts_.close_deadline); !closed.ok()) {
    base::LogWarn("worker.leaving", {{"stage", base::StrCat(parts_.prefix, "-", key)},
                                     {"reason", std::string(closed.message())}});
    base::MutexLock lock(mutex_);
    leaving_[key] = std::move(slot.worker);
    leaving_gauge_.Set(static_cast<double>(leaving_.size()));
  }
  slot.worker = nullptr;
}

absl::Status WorkerSlots::Reap(absl::Duration deadline) {
  const absl::Time end = absl::Now() + deadline;
  std::vector<std::pair<std::string, SlotWorker*>> leaving;
  {
    base::MutexLock lock(mutex_);
    for (const auto& [key, worker] : leaving_) leaving.emplace_back(key, worker.get());
  }
  absl::Status first;
  for (const auto& [key, worker] : leaving) {
    const absl::Duration left = std::max(end - absl::Now(), absl::ZeroDuration());
    if (const absl::Status closed = worker->Close(left); !closed.ok()) {
      first.Update(closed);
      continue;
    }
    base::LogInfo("worker.left", {{"stage", base::StrCat(parts_.prefix, "-", key)}});
    std::unique_ptr<SlotWorker> gone;  // destroyed without the lock
    base::MutexLock lock(mutex_);
    gone = std::move(leaving_[key]);
    leaving_.erase(key);
    leaving_gauge_.Set(static_cast<double>(leaving_.size()));
  }
  return first;
}

absl::Status WorkerSlots::Finish() { return Reap(parts_.close_deadline); }

absl::Status WorkerSlots::Open(const std::vector<std::string>& keys) {
  Reap(absl::ZeroDuration()).IgnoreError();  // OpenSlot() sees whose has not ended
  for (const std::string& key : keys) {
    {
      base::MutexLock lock(mutex_);
      if (slots_.contains(key)) continue;
    }
    auto slot = std::make_unique<Slot>();
    KENG_RETURN_IF_ERROR(OpenSlot(key, *slot));
    base::MutexLock lock(mutex_);
    slots_[key] = std::move(slot);
  }
  return absl::OkStatus();
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
  for (const auto& [key, slot] : closed) {
    if (slot->worker != nullptr) {
      CloseSlot(key, *slot);
      slot->closed_at = absl::Now();
    }
    if (absl::Now() - slot->closed_at < parts_.reopen_after) continue;
    const absl::Status opened = OpenSlot(key, *slot);
    if (opened.ok()) continue;
    slot->closed_at = absl::Now();
    if (!absl::IsAborted(opened)) return opened;
  }
  return absl::OkStatus();
}

void WorkerSlots::CloseAll() {
  std::map<std::string, std::unique_ptr<Slot>> slots;
  {
    base::MutexLock lock(mutex_);
    slots.swap(slots_);
  }
  for (const auto& [key, slot] : slots) CloseSlot(key, *slot);
}

std::vector<std::string> WorkerSlots::trouble() const {
  std::vector<std::string> lines;
  base::MutexLock lock(mutex_);
  for (const auto& [key, worker] : leaving_) {
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
