#include "tests/simulation/process.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "alerting/dispatcher.h"
#include "base/check.h"
#include "base/stable_hash.h"
#include "base/strings.h"
#include "filters/filter_worker.h"
#include "ingest/ingest_stage.h"

namespace keng::simulation {

namespace {

using base::StrCat;
using stream::StreamId;

// Nothing waits, but a reader that would is told less (stream/testing/memory_cluster.h).
constexpr absl::Duration kStepWait = absl::Milliseconds(200);
// As app/cluster/worker_slots.h.
constexpr absl::Duration kReopenAfter = absl::Seconds(3);

class IngestProcess final : public Process {
 public:
  using Process::Process;
  ~IngestProcess() override { CloseAll(); }

 private:
  class SourceSlot final : public Slot {
   public:
    SourceSlot(std::unique_ptr<ingest::SourceIntake> intake, const std::vector<std::string>& lines)
        : intake_(std::move(intake)), lines_(lines) {}

    absl::Status Step(uint64_t random) override {
      if (intake_->empty()) {
        size_t next = 0;
        const std::string& resume = intake_->resume_point();
        KENG_CHECK(resume.empty() || absl::SimpleAtoi(resume, &next), resume);
        KENG_CHECK(next <= lines_.size(), next);
        const size_t end = std::min(lines_.size(), next + 1 + random % 8);
        for (; next < end; ++next) {
          padded_.assign(lines_[next]).append(ingest::PostParser::kPadding, ' ');
          intake_->Add(std::string_view(padded_).substr(0, lines_[next].size()),
                       static_cast<int64_t>(next));
        }
        resume_ = StrCat(next);
      }
      return intake_->empty() ? absl::OkStatus() : intake_->Commit(resume_);
    }

   private:
    const std::unique_ptr<ingest::SourceIntake> intake_;
    const std::vector<std::string>& lines_;
    std::string padded_, resume_;
  };

  std::string_view reader() const override { return "ingest"; }
  StreamId divided() const override { return StreamId::kSources; }
  absl::Status Prepare() override {
    if (stage_ != nullptr) return stage_->CatchUp();
    KENG_ASSIGN_OR_RETURN(stage_,
                          ingest::IngestStage::Open({.recent_ids_max = 4096},
                                                    {.streams = streams(),
                                                     .clock = world().clock(),
                                                     .keyring = world().territory().keyring(),
                                                     .opt_outs = nullptr}));
    return absl::OkStatus();
  }
  std::vector<int> SlotsOf(const std::vector<int>& partitions) override {
    std::vector<int> sources;
    for (int source = 0; source < Town::kSources; ++source) {
      const int partition =
          base::PartitionOf(Town::SourceName(source), streams().partitions(StreamId::kSources));
      if (std::find(partitions.begin(), partitions.end(), partition) != partitions.end())
        sources.push_back(source);
    }
    return sources;
  }
  absl::StatusOr<std::unique_ptr<Slot>> Open(int source) override {
    KENG_ASSIGN_OR_RETURN(auto intake, stage_->OpenSource({.name = Town::SourceName(source),
                                                           .purpose = "simulation",
                                                           .owner = "simulation"}));
    return std::make_unique<SourceSlot>(std::move(intake), world().town().lines(source));
  }

  std::unique_ptr<ingest::IngestStage> stage_;
};

class FilterProcess final : public Process {
 public:
  using Process::Process;
  ~FilterProcess() override { CloseAll(); }

 private:
  class FilterSlot final : public Slot {
   public:
    explicit FilterSlot(std::unique_ptr<filters::FilterWorker> worker)
        : worker_(std::move(worker)) {}
    absl::Status Step(uint64_t) override { return worker_->RunOnce(kStepWait).status(); }

   private:
    const std::unique_ptr<filters::FilterWorker> worker_;
  };

  std::string_view reader() const override { return filters::kFilterReader; }
  StreamId divided() const override { return StreamId::kPosts; }
  absl::StatusOr<std::unique_ptr<Slot>> Open(int partition) override {
    const auto kit = [this] { return world().territory().kit(world().rules_of(name())); };
    KENG_ASSIGN_OR_RETURN(
        auto worker,
        filters::FilterWorker::Open({.partitions = {partition},
                                     .desks = {Territory::kDesk},
                                     .sketch_seed = 7,
                                     .batch_bytes = 4096},  // several batches, so that they meet
                                    streams(), kit, metrics_));
    return std::make_unique<FilterSlot>(std::move(worker));
  }

  base::Metrics metrics_;
};

class NoNames final : public alerting::PlaceNames {
 public:
  std::optional<std::string> Name(std::string_view) const override { return std::nullopt; }
};

class SimulatedChannel final : public alerting::Channel {
 public:
  SimulatedChannel(std::string process, Surroundings& world)
      : process_(std::move(process)), world_(world) {}
  std::string_view kind() const override { return "simulated"; }
  bool Can(alerting::Capability capability) const override {
    return (capability == alerting::Capability::kEdit) == world_.CanEdit();
  }
  alerting::SendResult Send(const alerting::Message& message) override {
    return world_.Send(process_, message);
  }
  alerting::SendResult Edit(std::string_view, const alerting::Message&) override {
    return {.outcome = alerting::SendOutcome::kSent};
  }
  void Stop() override {}

 private:
  const std::string process_;
  Surroundings& world_;
};

class AlertProcess final : public Process {
 public:
  using Process::Process;
  ~AlertProcess() override { CloseAll(); }

  alerting::PartitionOwner* owner() { return owner_; }

 private:
  class OwnerSlot final : public Slot {
   public:
    OwnerSlot(AlertProcess& process, std::unique_ptr<alerting::PartitionOwner> owner)
        : process_(process), owner_(std::move(owner)), log_(process.streams()) {
      Surroundings& world = process.world();
      alerting::DeliveryContext context;
      context.options.seed = 7;
      context.options.flight_mark = alerting::FlightMark::kAlways;
      context.options.window_max = 64;  // as over a cluster
      context.outbox = &owner_->outbox();
      context.log = &log_;
      context.places = &names_;
      context.routes = &world.territory().routes();
      context.clock = &world.clock();
      std::vector<alerting::ChannelSpec> channels;
      channels.push_back(
          {.name = "duty", .channel = std::make_unique<SimulatedChannel>(process.name(), world)});
      dispatcher_ = std::make_unique<alerting::Dispatcher>(context, std::move(channels));
      process_.owner_ = owner_.get();
    }
    ~OwnerSlot() override { process_.owner_ = nullptr; }

    absl::Status Step(uint64_t random) override {
      if (random % 3 == 0) {
        dispatcher_->RunOnce();
        return absl::OkStatus();
      }
      KENG_ASSIGN_OR_RETURN(const auto step, owner_->worker().RunOnce(kStepWait));
      if (!step.changed.empty()) dispatcher_->NotifyChanged(step.changed);
      return absl::OkStatus();
    }

   private:
    AlertProcess& process_;
    const std::unique_ptr<alerting::PartitionOwner> owner_;
    alerting::StreamDeliveryLog log_;
    NoNames names_;
    std::unique_ptr<alerting::Dispatcher> dispatcher_;
  };

  std::string_view reader() const override { return alerting::kAlertingReader; }
  StreamId divided() const override { return StreamId::kInbox; }
  absl::StatusOr<std::unique_ptr<Slot>> Open(int partition) override {
    alerting::PartitionOwnerOptions options;
    options.alerting.desk = Territory::kDesk;
    options.alerting.partition = partition;
    options.alerting.owner = name();
    options.alerting.batch_bytes = 8192;
    options.alerting.commit_bytes = 16384;
    options.store.path = world().folder_of(name());
    options.store.environment = world().disks();
    KENG_ASSIGN_OR_RETURN(
        auto owner, alerting::PartitionOwner::Open(std::move(options), streams(), world().clock(),
                                                   &world().alerting_metrics()));
    world().TakenOver(name(), *owner);
    return std::make_unique<OwnerSlot>(*this, std::move(owner));
  }

  alerting::PartitionOwner* owner_ = nullptr;
};

}  // namespace

Process::Process(std::string name, std::unique_ptr<stream::Streams> streams,
                 Surroundings& surroundings)
    : name_(std::move(name)), surroundings_(surroundings), streams_(std::move(streams)) {}

Process::~Process() = default;

absl::Status Process::Step(uint64_t random, std::string& what) {
  if (slots_.empty() || random % 4 == 0) return StepMember(what);
  const auto chosen =
      std::next(slots_.begin(), static_cast<std::ptrdiff_t>((random >> 8) % slots_.size()));
  const int key = chosen->first;
  what = StrCat("slot ", key);
  absl::Status status = chosen->second->Step(random >> 16);
  if (!absl::IsAborted(status)) return status;
  slots_.erase(key);
  shut_out_at_[key] = world().clock().Now();
  return status;
}

// As app/cluster/member_loop.h.
absl::Status Process::StepMember(std::string& what) {
  what = "member";
  if (member_ == nullptr) {
    KENG_ASSIGN_OR_RETURN(member_, streams_->OpenMembership(reader(), divided()));
  }
  KENG_ASSIGN_OR_RETURN(const stream::MemberEvent event, member_->Poll(absl::ZeroDuration()));
  switch (event) {
    case stream::MemberEvent::kGained:
      what = "gained";
      is_gaining_ = true;
      break;
    case stream::MemberEvent::kLost:
      what = "lost";
      slots_.clear();
      shut_out_at_.clear();
      is_gaining_ = is_holding_ = false;
      return member_->Release();
    case stream::MemberEvent::kNone:
      break;
  }
  if (is_gaining_) {
    KENG_RETURN_IF_ERROR(Prepare());
    for (const int slot : SlotsOf(member_->partitions())) {
      if (slots_.contains(slot)) continue;
      KENG_ASSIGN_OR_RETURN(auto opened, Open(slot));
      slots_[slot] = std::move(opened);
    }
    is_gaining_ = false;
    is_holding_ = true;
    return absl::OkStatus();
  }
  return is_holding_ ? Tend() : absl::OkStatus();
}

absl::Status Process::Tend() {
  const absl::Time now = world().clock().Now();
  for (auto it = shut_out_at_.begin(); it != shut_out_at_.end();) {
    if (now >= it->second && now - it->second < kReopenAfter) {
      ++it;
      continue;
    }
    absl::StatusOr<std::unique_ptr<Slot>> slot = Open(it->first);
    if (!slot.ok()) return slot.status();
    slots_[it->first] = *std::move(slot);
    it = shut_out_at_.erase(it);
  }
  return absl::OkStatus();
}

std::unique_ptr<Process> MakeProcess(Stage stage, std::string name,
                                     std::unique_ptr<stream::Streams> streams,
                                     Surroundings& surroundings) {
  switch (stage) {
    case Stage::kIngest:
      return std::make_unique<IngestProcess>(std::move(name), std::move(streams), surroundings);
    case Stage::kFilter:
      return std::make_unique<FilterProcess>(std::move(name), std::move(streams), surroundings);
    case Stage::kAlert:
      return std::make_unique<AlertProcess>(std::move(name), std::move(streams), surroundings);
  }
  KENG_CHECK(false, static_cast<int>(stage));
  return nullptr;
}

alerting::PartitionOwner* OwnerIn(Process& process) {
  auto* const alerting = dynamic_cast<AlertProcess*>(&process);
  return alerting == nullptr ? nullptr : alerting->owner();
}

}  // namespace keng::simulation
