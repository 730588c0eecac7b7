#include "tests/simulation/world.h"

#include <algorithm>
#include <boost/json.hpp>
#include <utility>

#include "alerting/dead_letters.h"
#include "alerting/state_tables.h"
#include "base/check.h"
#include "base/stable_hash.h"
#include "base/strings.h"
#include "filters/filter_worker.h"
#include "ingest/ingest_stage.h"

namespace keng::simulation {

namespace {

using alerting::SendOutcome;
using alerting::SendResult;
using base::StrCat;
using stream::MemoryCluster;
using stream::StreamId;

constexpr int kPostsPartitions = 3;
constexpr int64_t kDrainRoundsMax = 4000;
// Nothing that a run is about takes as long: stories are joined within 72 hours, posts are late
// after 24.
constexpr absl::Duration kAheadMax = absl::Hours(8);

// What kills a process: thrown out of a call, through all of its frames.
struct Killed {
  Fault fault;
};

std::vector<std::pair<StreamId, stream::StreamConfig>> Configs() {
  std::vector<std::pair<StreamId, stream::StreamConfig>> configs;
  for (const StreamId stream : stream::kAllStreams) {
    stream::StreamConfig config = stream::DefaultConfig(stream, kPostsPartitions);
    // Every offset of these stands for a record, so that counters can be compared with offsets.
    if (stream == StreamId::kPosts || stream == StreamId::kInbox) {
      config.compacted = false;
      config.retention = absl::InfiniteDuration();
    }
    if (stream == StreamId::kSources) config.partitions = 4;
    configs.emplace_back(stream, config);
  }
  return configs;
}

Fault KillAt(MemoryCluster::Point point) {
  switch (point) {
    case MemoryCluster::Point::kBeforeWrite:
      return Fault::kKilledBeforeWrite;
    case MemoryCluster::Point::kInWrite:
      return Fault::kKilledInWrite;
    case MemoryCluster::Point::kAfterWrite:
      return Fault::kKilledAfterWrite;
    case MemoryCluster::Point::kBeforeAppend:
      return Fault::kKilledBeforeAppend;
    case MemoryCluster::Point::kAfterAppend:
      return Fault::kKilledAfterAppend;
  }
  return Fault::kKilledIdle;
}

bool IsExpected(const absl::Status& status) {
  return status.ok() || absl::IsAborted(status) || absl::IsUnavailable(status) ||
         absl::IsResourceExhausted(status);
}

// Ids of the alerts that a message tells.
std::vector<std::string> AlertsOf(const alerting::Message& message) {
  if (message.kind != alerting::MessageKind::kDigest) return {message.id};
  std::vector<std::string> ids;
  const boost::json::value event = boost::json::parse(message.event);
  for (const boost::json::value& alert : event.at("data").at("alerts").as_array())
    ids.emplace_back(alert.at("id").as_string());
  return ids;
}

// "", or which delivery is dead.
std::string DeadOf(alerting::PartitionOwner& owner) {
  std::string dead;
  const absl::Status scanned = owner.store().Scan(
      alerting::table::kDeliveries, "", "", [&](std::string_view, std::string_view value) {
        alerting::Delivery delivery;
        const absl::Status decoded = alerting::Decode(value, delivery);
        KENG_CHECK(decoded.ok(), decoded.ToString());
        if (delivery.state != alerting::DeliveryState::kDead) return store::Visit::kContinue;
        dead = StrCat("the delivery of ", delivery.alert, " is dead");
        return store::Visit::kStop;
      });
  return scanned.ok() ? dead : scanned.ToString();
}

}  // namespace

Rates DrawRates(uint64_t seed, std::mt19937_64& random) {
  Rates rates;
  if (seed % 8 == 0) return rates;
  const auto draw = [&random](int rare, int frequent) {
    const uint64_t roll = random() % 4;
    return roll == 0 ? 0 : roll == 1 ? frequent : rare;
  };
  rates.kill_idle = draw(20, 100);
  rates.kill_in_call = draw(40, 200);
  rates.stall_in_call = draw(40, 200);
  rates.stall_idle = draw(20, 80);
  rates.write = draw(200, 1500);
  rates.append = draw(200, 1500);
  rates.cork = draw(15, 60);
  rates.rebalance = draw(30, 200);
  rates.machine = draw(10, 30);
  rates.disk = draw(10, 40);
  rates.clock = draw(30, 100);
  rates.compact = draw(30, 150);
  rates.rules = draw(20, 100);
  rates.channel = draw(1000, 4000);
  return rates;
}

World::World(Territory& territory, uint64_t seed, Keep keep)
    : territory_(territory),
      keep_(keep),
      random_(seed * 0x9e3779b97f4a7c15ULL + 1),
      rates_(DrawRates(seed, random_)),
      is_faultless_(seed % 8 == 0),
      can_edit_(Below(2) == 0),
      town_(territory, random_(), outcome_.faults),
      streams_(Configs(), clock_),
      cluster_(streams_, this) {
  if (Below(2) == 0) streams_.SetAppendGap(1);
  for (const char* name : {"ingest-0", "ingest-1"})
    machines_.push_back({.name = name, .stage = Stage::kIngest});
  for (const char* name : {"filter-0", "filter-1", "filter-2"})
    machines_.push_back({.name = name, .stage = Stage::kFilter});
  for (const char* name : {"alert-0", "alert-1"})
    machines_.push_back({.name = name, .stage = Stage::kAlert});
  for (Machine& machine : machines_) Start(machine);
  auto tap = streams_.OpenTap(StreamId::kInbox, {});
  KENG_CHECK(tap.ok(), tap.status().ToString());
  inbox_tap_ = *std::move(tap);
}

World::~World() {
  inbox_tap_ = nullptr;
  machines_.clear();
}

void World::Trace(std::string line) {
  outcome_.trace_hash = base::StableHash64(line, outcome_.trace_hash);
  if (keep_ == Keep::kTrace) outcome_.trace.push_back(StrCat(step_, " ", line));
}

World::Machine& World::machine(const std::string& name) {
  const auto found = std::find_if(machines_.begin(), machines_.end(),
                                  [&](const Machine& machine) { return machine.name == name; });
  KENG_CHECK(found != machines_.end(), name);
  return *found;
}

int World::rules_of(const std::string& process) { return machine(process).rules; }

std::string World::folder_of(const std::string& process) {
  return StrCat("/", process, ".", machine(process).folder);
}

void World::TakenOver(const std::string& process, const alerting::PartitionOwner& owner) {
  maybe_sent_again_ += owner.maybe_sent_again();
  ++outcome_.figures.takeovers;
  Trace(StrCat(process, " has taken over: ", alerting::RecoveryWayName(owner.recovery().way), " ",
               owner.recovery().rows, " rows, ", owner.maybe_sent_again(), " in flight"));
}

void World::Start(Machine& machine) {
  Trace(StrCat(machine.name, " starts"));
  machine.process = MakeProcess(machine.stage, machine.name, cluster_.Open(machine.name), *this);
}

void World::Kill(Machine& machine, Fault fault) {
  Trace(StrCat(machine.name, " ", FaultName(fault)));
  Count(fault);
  cluster_.Forsake(machine.name);
  machine.process = nullptr;
  machine.restart_at = step_ + 1 + static_cast<int64_t>(Below(60));
  // Before it comes back or not: both happen.
  machine.evict_at = step_ + 1 + static_cast<int64_t>(Below(90));
  machine.is_stalled = machine.is_evicted = false;
  if (machine.stage == Stage::kAlert && Chance(rates_.machine * 100)) {
    Count(Fault::kMachineLost);
    ++machine.folder;
  }
}

void World::StepMachine(Machine& machine) {
  std::string what;
  machine.is_in_call = true;
  ++outcome_.figures.steps;
  try {
    const absl::Status status = machine.process->Step(random_(), what);
    machine.is_in_call = false;
    Trace(StrCat(machine.name, " ", what, status.ok() ? "" : ": ",
                 status.ok() ? "" : std::string(status.message())));
    if (absl::IsAborted(status)) Count(Fault::kShutOut);
    if (!IsExpected(status)) Violate(StrCat(machine.name, " ", what, ": ", status.ToString()));
  } catch (const Killed& killed) {
    machine.is_in_call = false;
    Kill(machine, killed.fault);
  }
  for (; disk_refused_ < disk_.refused(); ++disk_refused_) Count(Fault::kDiskFull);
}

void World::StepSomebody() {
  std::vector<Machine*> able;
  for (Machine& machine : machines_) {
    if (machine.process != nullptr && !machine.is_stalled && !machine.is_in_call)
      able.push_back(&machine);
  }
  if (!able.empty()) StepMachine(*able[Below(able.size())]);
}

// What becomes due by itself.
void World::Due() {
  for (Machine& machine : machines_) {
    if (machine.evict_at != 0 && step_ >= machine.evict_at) {
      machine.evict_at = 0;
      if (cluster_.Evict(machine.name)) {
        Trace(StrCat(machine.name, " is evicted"));
        machine.is_evicted = machine.process != nullptr;
      }
    }
    if (machine.process == nullptr && step_ >= machine.restart_at) {
      // A machine that was evicted as dead joins anew; one that was not has its place back.
      machine.evict_at = 0;
      Start(machine);
    }
    if (machine.is_stalled && !machine.is_in_call && step_ >= machine.stalled_until) Wake(machine);
  }
  if (is_corked_ && step_ >= uncork_at_) {
    is_corked_ = false;
    streams_.Uncork();
  }
  if (empty_disk_at_ != 0 && step_ >= empty_disk_at_) {
    empty_disk_at_ = 0;
    disk_.Fill("");
  }
}

void World::Wake(Machine& machine) {
  Trace(StrCat(machine.name, " goes on", machine.is_evicted ? " as a zombie" : ""));
  Count(machine.is_evicted ? Fault::kZombie : Fault::kStalled);
  machine.is_stalled = machine.is_evicted = false;
  machine.evict_at = 0;
}

void World::InterveneInStreams() {
  if (Chance(rates_.cork) && !is_corked_) {
    Count(Fault::kCorked);
    is_corked_ = true;
    uncork_at_ = step_ + 1 + static_cast<int64_t>(Below(40));
    streams_.Cork();
    Trace("corked");
  }
  if (Chance(rates_.rebalance)) {
    const std::pair<std::string_view, StreamId> groups[] = {
        {"ingest", StreamId::kSources},
        {filters::kFilterReader, StreamId::kPosts},
        {alerting::kAlertingReader, StreamId::kInbox}};
    const auto& [name, stream] = groups[Below(3)];
    if (cluster_.Rebalance(name, stream)) Count(Fault::kRebalanced);
    Trace(StrCat("rebalance of ", name));
  }
  if (Chance(rates_.compact)) {
    Count(Fault::kCompacted);
    const absl::Status maintained = streams_.Maintain();
    KENG_CHECK(maintained.ok(), maintained.ToString());
    Trace("compacted");
  }
}

// What goes wrong between two steps.
void World::Intervene() {
  Machine& chosen = machines_[Below(machines_.size())];
  const bool is_there = chosen.process != nullptr && !chosen.is_stalled && !chosen.is_in_call;
  if (is_there && Chance(rates_.kill_idle)) Kill(chosen, Fault::kKilledIdle);
  if (is_there && chosen.process != nullptr && Chance(rates_.stall_idle)) {
    Trace(StrCat(chosen.name, " stands still"));
    chosen.is_stalled = true;
    chosen.stalled_until = step_ + 1 + static_cast<int64_t>(Below(120));
    chosen.evict_at = Below(3) == 0 ? 0 : step_ + 1 + static_cast<int64_t>(Below(60));
  }
  InterveneInStreams();
  if (Chance(rates_.disk) && empty_disk_at_ == 0) {
    const std::string name = Below(2) == 0 ? "alert-0" : "alert-1";
    empty_disk_at_ = step_ + 1 + static_cast<int64_t>(Below(40));
    disk_.Fill(folder_of(name));
    Trace(StrCat(name, " has a full disk"));
  }
  if (Chance(rates_.clock)) {
    const bool ahead = Below(2) == 0 && clock_.Now() < kStart + kAheadMax;
    const auto minutes = static_cast<int64_t>(1 + Below(ahead ? 40 : 90));
    Count(ahead ? Fault::kClockAhead : Fault::kClockBack);
    clock_.Advance(absl::Minutes(ahead ? minutes : -minutes));
    if (clock_.Now() < kStart) clock_.Set(kStart);
    Trace(StrCat("clock ", ahead ? "+" : "-", minutes, " min"));
  }
  if (!is_faultless_ && Below(60) == 0) ReplayDead();
  if (Chance(rates_.rules)) {
    Machine& filter = machines_[2 + Below(3)];
    filter.rules = 1 - filter.rules;
    Count(Fault::kRulesSwapped);
    Trace(StrCat(filter.name, " has rules ", filter.rules));
  }
}

void World::MaybeKill(Fault fault) {
  // Calls of the channel are few.
  const bool is_send = fault == Fault::kKilledBeforeSend || fault == Fault::kKilledAfterSend;
  if (Chance(rates_.kill_in_call * (is_send ? 4 : 1))) throw Killed{fault};
}

// The process stands still within its call, and the others go on.
void World::MaybeStall(const std::string& process) {
  if (depth_ > 0 || !Chance(rates_.stall_in_call)) return;
  Machine& machine = this->machine(process);
  ++depth_;
  Trace(StrCat(machine.name, " stands still in a call"));
  machine.is_stalled = true;
  if (Below(4) != 0) machine.evict_at = step_ + 1 + static_cast<int64_t>(Below(30));
  const auto steps = static_cast<int64_t>(10 + Below(150));
  for (int64_t i = 0; i < steps; ++i) {
    ++step_;
    clock_.Advance(absl::Milliseconds(Below(200)));
    Due();
    Intervene();
    StepSomebody();
  }
  Wake(machine);
  --depth_;
}

void World::At(const std::string& process, Point point) {
  MaybeKill(KillAt(point));
  MaybeStall(process);
}

MemoryCluster::WriteFate World::OnWrite(const std::string& process, const stream::WriteSet&) {
  using End = MemoryCluster::WriteEnd;
  if (!Chance(rates_.write)) return {};
  const std::pair<End, Fault> ends[] = {{End::kRefused, Fault::kWriteRefused},
                                        {End::kUnreachable, Fault::kWriteUnreachable},
                                        {End::kBroken, Fault::kWriteBroken},
                                        {End::kUnanswered, Fault::kWriteUnanswered}};
  const auto& [end, fault] = ends[Below(4)];
  Count(fault);
  Trace(StrCat(process, " ", FaultName(fault)));
  return {.end = end, .random = random_()};
}

MemoryCluster::AppendFate World::OnAppend(const std::string& process) {
  using Fate = MemoryCluster::AppendFate;
  if (!Chance(rates_.append)) return Fate::kWhole;
  const bool is_written = Below(2) == 0;
  const Fault fault = is_written ? Fault::kAppendUnanswered : Fault::kAppendUnreachable;
  Count(fault);
  Trace(StrCat(process, " ", FaultName(fault)));
  return is_written ? Fate::kUnanswered : Fate::kUnreachable;
}

// What quotes a post that nobody has changed has its text: it stands in `texts` before the hit
// stands in the inbox.
void World::CheckText(const alerting::Message& message) {
  if (message.kind != alerting::MessageKind::kAlert) return;
  const boost::json::value event = boost::json::parse(message.event);
  const boost::json::value& post = event.at("data").at("post");
  if (!post.is_object() || !post.at("url").is_string()) return;
  const std::string url(post.at("url").as_string());
  const std::string id = url.substr(url.find("sim:"));
  if (!town_.IsUntouched(id) || message.event.find(town_.TextOf(id)) != std::string::npos) return;
  Violate(StrCat("alert ", message.id, " quotes ", id, " without its text"));
}

SendResult World::Send(const std::string& process, const alerting::Message& message) {
  MaybeKill(Fault::kKilledBeforeSend);
  MaybeStall(process);
  CheckText(message);
  SendResult result{.outcome = SendOutcome::kSent};
  bool is_accepted = true;
  if (Chance(rates_.channel)) {
    const std::pair<SendOutcome, Fault> ends[] = {
        {SendOutcome::kTransient, Fault::kChannelRefused},
        {SendOutcome::kRetryAfter, Fault::kChannelBusy},
        {SendOutcome::kUnknown, Fault::kChannelUnanswered},
        {SendOutcome::kUnknown, Fault::kChannelUnreachable},
        {SendOutcome::kPermanent, Fault::kChannelPermanent}};
    const auto& [end, fault] = ends[Below(std::size(ends))];
    Count(fault);
    result = {.outcome = end, .retry_after = absl::Seconds(20), .error = "simulated"};
    is_accepted = fault == Fault::kChannelUnanswered;
  }
  if (is_accepted) {
    sent_.push_back(
        {.alerts = AlertsOf(message), .is_digest = message.kind == alerting::MessageKind::kDigest});
    if (result.outcome != SendOutcome::kSent)
      unanswered_ += static_cast<int64_t>(sent_.back().alerts.size());
    else
      result.remote_id = StrCat(100 + sent_.size());
  }
  Trace(StrCat(process, " sends ", message.id, ": ", alerting::SendOutcomeName(result.outcome)));
  MaybeKill(Fault::kKilledAfterSend);
  MaybeStall(process);
  return result;
}

// As `keng dead replay`, of an operator who sees what the owner sees.
void World::ReplayDead() {
  alerting::PartitionOwner* const owner = this->owner();
  if (owner == nullptr || is_corked_) return;
  const auto asked =
      alerting::DeadReplay(streams_, owner->outbox(), territory_.routes(), Territory::kDesk,
                           {.id = StrCat("replay-", step_), .actor = "operator"});
  if (!asked.ok()) return Violate(StrCat("replay: ", asked.status().ToString()));
  if (asked->replayed == 0) return;
  Count(Fault::kReplayed);
  Trace(StrCat(asked->replayed, " deliveries are asked for again"));
}

void World::LookAtInbox() {
  filters::InboxParser parser;
  while (true) {
    const auto batch = inbox_tap_->Read(1 << 20, absl::ZeroDuration());
    KENG_CHECK(batch.ok(), batch.status().ToString());
    if (*batch == nullptr) return;
    for (const stream::Record& record : (*batch)->records()) {
      const auto parsed = parser.Parse(record.value);
      if (!parsed.ok()) {
        Violate(StrCat("inbox record ", record.offset, ": ", parsed.status().ToString()));
        continue;
      }
      if (const auto* hit = std::get_if<filters::HitRecord>(&*parsed))
        town_.SeenInInbox(hit->hit.post);
      if (keep_ == Keep::kTrace) Trace(StrCat("inbox ", record.offset, " ", record.value));
    }
  }
}

void World::Run() {
  const auto steps = static_cast<int64_t>(300 + Below(600));
  while (step_ < steps) {
    ++step_;
    clock_.Advance(absl::Milliseconds(Below(200)));
    Due();
    Intervene();
    if (Below(10) == 0) {
      LookAtInbox();
      for (uint64_t more = Below(3) + 1; more > 0; --more) town_.Write(clock_.Now());
    }
    StepSomebody();
  }
}

alerting::PartitionOwner* World::owner() {
  for (Machine& machine : machines_) {
    if (machine.process == nullptr) continue;
    if (auto* const owner = OwnerIn(*machine.process)) {
      if (cluster_.Holds(machine.name, alerting::kAlertingReader, StreamId::kInbox, 0))
        return owner;
    }
  }
  return nullptr;
}

// Every line is read, every post filtered, every record folded, every text put right, every alert
// delivered: "", or what is left.
std::string World::Left() {
  for (int p = 0; p < kPostsPartitions; ++p) {
    const auto committed = streams_.committed(filters::kFilterReader, StreamId::kPosts, p);
    const int64_t end = *streams_.End(StreamId::kPosts, p);
    if (!committed.ok() || !committed->has_value()) return "a partition has no reader";
    if ((*committed)->next != end)
      return StrCat("posts/", p, " is filtered to ", (*committed)->next, " of ", end);
  }
  alerting::PartitionOwner* const owner = this->owner();
  if (owner == nullptr) return "nobody owns the inbox";
  if (owner->worker().lag() > 0) return StrCat(owner->worker().lag(), " records are not folded");
  const auto counters = ingest::ReadAllCounters(streams_);
  KENG_CHECK(counters.ok(), counters.status().ToString());
  size_t lines = 0, read = 0;
  for (int source = 0; source < Town::kSources; ++source) lines += town_.lines(source).size();
  for (const auto& [name, counts] : *counters) read += static_cast<size_t>(counts.lines);
  if (read != lines) return StrCat(read, " lines of ", lines, " are read");
  bool is_marked = false;
  const absl::Status marks = owner->store().Scan(alerting::table::kTextMarks, "", "",
                                                 [&](std::string_view, std::string_view) {
                                                   is_marked = true;
                                                   return store::Visit::kStop;
                                                 });
  if (!marks.ok()) return marks.ToString();
  if (is_marked) return "texts are not put right";
  const auto pending = owner->outbox().pending_count();
  if (!pending.ok()) return pending.status().ToString();
  if (*pending == 0) return DeadOf(*owner);
  std::string left = StrCat(*pending, " alerts are pending:");
  const auto entries = owner->outbox().Pending(0, 10);
  if (!entries.ok()) return entries.status().ToString();
  for (const auto& entry : *entries) {
    base::StrAppend(&left, " ", entry.alert.id);
    const auto deliveries = owner->outbox().Deliveries(entry.alert.id);
    if (!deliveries.ok()) return deliveries.status().ToString();
    for (const auto& delivery : *deliveries)
      base::StrAppend(&left, " (", static_cast<int>(delivery.state), ", ", delivery.attempts,
                      " attempts, ", delivery.last_error, ")");
  }
  return left;
}

void World::Heal() {
  Trace("everything heals");
  rates_ = {};
  streams_.Uncork();
  is_corked_ = false;
  disk_.Fill("");
  empty_disk_at_ = 0;
  for (Machine& machine : machines_) {
    if (machine.process == nullptr) Start(machine);
    machine.evict_at = 0;
    if (machine.is_stalled) Wake(machine);
  }
  int quiet = 0;
  std::string left;
  for (int64_t round = 0; round < kDrainRoundsMax; ++round) {
    ++step_;
    clock_.Advance(absl::Seconds(static_cast<int64_t>(Below(3))));
    for (Machine& machine : machines_) StepMachine(machine);
    if (round % 40 == 0) ReplayDead();
    // What is durable must do: whoever holds things only in memory forgets them here.
    if (round % 500 == 250) {
      for (Machine& machine : machines_) cluster_.Evict(machine.name);
    }
    left = Left();
    quiet = left.empty() ? quiet + 1 : 0;
    // Some rounds more, in which nothing may happen that should not.
    if (quiet == 20) return;
  }
  Violate(StrCat("the line does not run dry: ", left));
}

}  // namespace keng::simulation
