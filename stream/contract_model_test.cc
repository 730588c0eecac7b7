// Random writes, commits, reads, reopenings and maintenance against a model that is obviously
// right.

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>

#include "base/stable_hash.h"
#include "base/strings.h"
#include "stream/contract_test.h"

namespace keng::stream {
namespace {

struct ModelRecord {
  std::string key, value;
  bool tombstone;
  absl::Time time;
};
using LogId = std::pair<StreamId, int>;

// All that was ever written. What may be missing of it is decided when reading.
struct Model {
  std::map<LogId, std::vector<ModelRecord>> logs;
  std::map<LogId, Offset> committed;
  std::map<LogId, absl::Time> last;
  // Everything superseded before this offset must be gone, as Maintain() ran 24 h later.
  std::map<LogId, Offset> compacted;
  // Everything older at the time of Maintain() may be gone, up to the committed position.
  std::map<LogId, Offset> expired;

  bool IsSuperseded(const LogId& id, size_t offset, size_t end) const {
    const auto& log = logs.at(id);
    for (size_t i = offset + 1; i < end; ++i) {
      if (log[i].key == log[offset].key) return true;
    }
    return false;
  }
};

class ModelRun {
 public:
  ModelRun(std::unique_ptr<StreamsPlace> place,
           std::vector<std::pair<StreamId, StreamConfig>> configs, uint32_t seed)
      : configs_(std::move(configs)), place_(std::move(place)), random_(seed) {}
  void Run();

 private:
  void Open();
  void CheckContents(StreamId stream);
  void CheckLookup();
  void WriteSome();
  void Maintain();
  Streams& streams() { return *streams_; }
  Capabilities capabilities() const { return streams_->capabilities(); }

  static constexpr StreamId kStreams[] = {StreamId::kPosts, StreamId::kInbox, StreamId::kTexts,
                                          StreamId::kControl};
  int Pick(int count) { return static_cast<int>(random_() % static_cast<uint32_t>(count)); }

  base::FakeClock clock_{absl::FromUnixSeconds(1'760'000'000)};
  const std::vector<std::pair<StreamId, StreamConfig>> configs_;
  const std::unique_ptr<StreamsPlace> place_;
  std::unique_ptr<Streams> streams_;
  std::mt19937 random_;
  Model model_;
};

void ModelRun::Open() {
  streams_ = nullptr;
  auto opened = place_->Open(configs_, clock_);
  ASSERT_TRUE(opened.ok()) << opened.status();
  streams_ = *std::move(opened);
}

void ModelRun::WriteSome() {
  WriteSet set;
  Model next = model_;
  const int records = Pick(30);
  for (int i = 0; i < records; ++i) {
    const StreamId stream = kStreams[Pick(4)];
    const std::string key = base::StrCat("key-", Pick(40));
    const bool tombstone = Pick(8) == 0;
    const std::string value =
        tombstone ? "" : std::string(static_cast<size_t>(Pick(Pick(10) == 0 ? 5000 : 50)), 'v');
    const LogId id(stream, base::PartitionOf(key, streams().partitions(stream)));
    if (tombstone) {
      set.AppendTombstone(stream, key);
    } else {
      set.Append(stream, key, value);
    }
    absl::Time& last = next.last.try_emplace(id, absl::InfinitePast()).first->second;
    last = std::max(last, clock_.Now());
    next.logs[id].push_back({key, value, tombstone, last});
  }
  if (Pick(3) == 0) {
    const StreamId stream = kStreams[Pick(4)];
    const LogId id(stream, Pick(streams().partitions(stream)));
    const Offset end = static_cast<Offset>(next.logs[id].size());
    const Offset position = std::min<Offset>(end, next.committed[id] + Pick(40));
    set.Commit("model", stream, id.second, position, "m");
    next.committed[id] = position;
  }
  const absl::Status status = streams().Write(set);
  ASSERT_TRUE(status.ok()) << status;
  model_ = std::move(next);
}

void ModelRun::Maintain() {
  clock_.Advance(absl::Hours(24));
  const absl::Status status = streams().Maintain();
  ASSERT_TRUE(status.ok()) << status;
  for (const auto& [stream, config] : configs_) {
    for (int partition = 0; partition < config.partitions; ++partition) {
      const LogId id(stream, partition);
      const auto& log = model_.logs[id];
      if (config.compacted) model_.compacted[id] = static_cast<Offset>(log.size());
      if (config.retention == absl::InfiniteDuration()) continue;
      Offset& expired = model_.expired[id];
      while (expired < model_.committed[id] &&
             log[static_cast<size_t>(expired)].time < clock_.Now() - config.retention) {
        ++expired;
      }
    }
  }
}

// Reads all from each partition and compares: what must be there is, what must not be is not, in
// order.
void ModelRun::CheckContents(StreamId stream) {
  for (int partition = 0; partition < streams().partitions(stream); ++partition) {
    const LogId id(stream, partition);
    const auto& log = model_.logs[id];
    auto tap = streams().OpenTap(stream, {partition});
    ASSERT_TRUE(tap.ok());
    const Offset from = Pick(2) == 0 ? 0 : Pick(static_cast<int>(log.size()) + 1);
    ASSERT_TRUE((*tap)->Seek(partition, from).ok());
    Offset expected = from;
    const auto may_be_missing = [&](Offset offset) {
      return offset < model_.expired[id] ||
             (offset < model_.compacted[id] &&
              model_.IsSuperseded(id, static_cast<size_t>(offset),
                                  static_cast<size_t>(model_.compacted[id])));
    };
    while (true) {
      const auto batch = (*tap)->Read(static_cast<size_t>(Pick(3000)), absl::ZeroDuration());
      ASSERT_TRUE(batch.ok()) << batch.status();
      if (*batch == nullptr) break;
      for (const Record& record : (*batch)->records()) {
        for (; expected < record.offset; ++expected) {
          ASSERT_TRUE(may_be_missing(expected))
              << StreamName(stream) << "/" << partition << "/" << expected << " is lost";
        }
        ASSERT_EQ(record.offset, expected);
        const ModelRecord& model = log.at(static_cast<size_t>(expected));
        ASSERT_EQ(record.key, model.key);
        ASSERT_EQ(record.value, model.value);
        ASSERT_EQ(record.tombstone, model.tombstone);
        ASSERT_EQ(record.time, model.time);
        ASSERT_FALSE(capabilities().compacts && expected < model_.compacted[id] &&
                     model_.IsSuperseded(id, static_cast<size_t>(expected),
                                         static_cast<size_t>(model_.compacted[id])))
            << StreamName(stream) << "/" << partition << "/" << expected << " is superseded";
        ++expected;
      }
    }
    for (; expected < static_cast<Offset>(log.size()); ++expected) {
      ASSERT_TRUE(may_be_missing(expected))
          << StreamName(stream) << "/" << partition << "/" << expected << " is lost at the end";
    }
    ASSERT_EQ(*streams().End(stream, partition), static_cast<Offset>(log.size()));
  }
}

void ModelRun::CheckLookup() {
  const std::string key = base::StrCat("key-", Pick(40));
  const LogId id(StreamId::kTexts, base::PartitionOf(key, streams().partitions(StreamId::kTexts)));
  std::optional<std::string> expected;
  const auto& log = model_.logs[id];
  for (size_t i = 0; i < log.size(); ++i) {
    if (log[i].key != key) continue;
    const bool gone = log[i].tombstone || static_cast<Offset>(i) < model_.expired[id];
    expected = gone ? std::nullopt : std::optional(log[i].value);
  }
  ASSERT_EQ(*streams().Lookup(StreamId::kTexts, key), expected) << key;
}

void ModelRun::Run() {
  Open();
  for (const StreamId stream : kStreams) {
    ASSERT_TRUE(streams().OpenReader("model", stream).ok());
  }
  for (int step = 0; step < 120 && !testing::Test::HasFatalFailure(); ++step) {
    switch (Pick(12)) {
      case 0:
        Maintain();
        break;
      case 1:
        if (capabilities().survives_reopen) Open();
        break;
      case 2:
        clock_.Advance(absl::Minutes(Pick(200) - 60));
        break;
      case 3:
        CheckContents(kStreams[Pick(4)]);
        break;
      case 4:
        if (capabilities().lookup) CheckLookup();
        break;
      default:
        WriteSome();
    }
  }
  for (const StreamId stream : kStreams) CheckContents(stream);
  for (const auto& [id, committed] : model_.committed) {
    ASSERT_EQ(streams().committed("model", id.first, id.second)->value().next, committed);
  }
}

}  // namespace

TEST_P(StreamsContractTest, RandomHistoriesAgreeWithTheModel) {
  const char* seeds = std::getenv("KENG_STREAM_MODEL_SEEDS");
  const int count = seeds == nullptr ? 6 : static_cast<int>(std::strtol(seeds, nullptr, 10));
  for (int seed = 1; seed <= count && !HasFatalFailure(); ++seed) {
    SCOPED_TRACE(base::StrCat("seed ", seed));
    ModelRun(GetParam().make_place(), configs_, static_cast<uint32_t>(seed)).Run();
  }
}

}  // namespace keng::stream
