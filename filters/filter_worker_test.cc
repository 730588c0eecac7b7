#include "filters/filter_worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "base/check.h"
#include "base/clock.h"
#include "base/strings.h"
#include "filters/inbox_record.h"
#include "filters/places/cells.h"
#include "filters/places/gazetteer.h"
#include "filters/rules/rule_loader.h"
#include "ingest/post_writer.h"
#include "stream/embedded/embedded_streams.h"
#include "stream/testing/memory_cluster.h"
#include "stream/testing/memory_streams.h"

namespace keng::filters {
namespace {

using stream::StreamId;

constexpr char kRules[] = R"(
rules:
  - {id: flood, topic: flooding, place: required, any: [ngập lút bánh]}
  - {id: rubbish, topic: rubbish, any: [rác chất đống]}
)";

const absl::Time kNow = absl::FromUnixSeconds(1'792'300'000);

ingest::Post NewPost(std::string_view id, std::string_view text) {
  ingest::Post post;
  post.id = id;
  post.source = "test";
  post.text = text;
  post.created_at = kNow;
  post.author = "a1:0123456789abcdef01234567";
  return post;
}

class FilterWorkerTest : public testing::Test {
 protected:
  FilterWorkerTest() : clock_(kNow), streams_(stream::DefaultStreams(2), clock_) {
    const std::string source = KENG_SOURCE_DIR;
    auto gazetteer = Gazetteer::Load({source + "/rules/places"});
    KENG_CHECK(gazetteer.ok(), std::string(gazetteer.status().message()));
    auto cells = Cells::Load(source + "/rules/cells.yaml", **gazetteer);
    KENG_CHECK(cells.ok(), std::string(cells.status().message()));
    kit_.resolver = std::make_shared<const Resolver>(*gazetteer, *cells);
    SetRules(kRules);
    Open();
  }

  void SetRules(std::string_view text) {
    auto files = LoadRulesText("rules.yaml", text);
    KENG_CHECK(files.ok(), std::string(files.status().message()));
    auto rules = RuleSet::Compile(
        *std::move(files), {.folded = kit_.resolver->gazetteer().literals(), .is_named_place = {}});
    KENG_CHECK(rules.ok(), std::string(rules.status().message()));
    kit_.rules = *std::move(rules);
  }

  void Open() {
    worker_.reset();
    auto worker = FilterWorker::Open(
        {.desks = {"91"}, .sketch_seed = 7}, streams_, [this] { return kit_; }, metrics_);
    KENG_CHECK(worker.ok(), std::string(worker.status().message()));
    worker_ = *std::move(worker);
  }

  void Store(const ingest::Post& post) {
    std::string json;
    ingest::AppendPostJson(post, json);
    StoreValue(post.id, json);
  }
  void StoreValue(std::string_view key, std::string_view value) {
    stream::WriteSet set;
    set.Append(StreamId::kPosts, key, value);
    ASSERT_TRUE(streams_.Write(set).ok());
  }

  // Runs until all is read; returns the records that were processed.
  int64_t RunAll() {
    int64_t all = 0;
    for (;;) {
      const auto done = worker_->RunOnce(absl::ZeroDuration());
      EXPECT_TRUE(done.ok()) << done.status();
      if (!done.ok() || *done == 0) return all;
      all += *done;
    }
  }

  std::vector<InboxRecord> Inbox() {
    std::vector<InboxRecord> records;
    InboxParser parser;
    auto tap = streams_.OpenTap(StreamId::kInbox, {});
    for (;;) {
      const auto batch = (*tap)->Read(1 << 20, absl::ZeroDuration());
      if (!batch.ok() || *batch == nullptr) return records;
      for (const stream::Record& record : (*batch)->records()) {
        EXPECT_EQ(record.key, "91");
        auto parsed = parser.Parse(record.value);
        EXPECT_TRUE(parsed.ok()) << parsed.status();
        records.push_back(*std::move(parsed));
      }
    }
  }
  int64_t Outcomes(FilterOutcome outcome) {
    return worker_->counts().outcomes[static_cast<int>(outcome)];
  }

  base::FakeClock clock_;
  base::Metrics metrics_;
  stream::MemoryStreams streams_;
  FilterKit kit_;
  std::unique_ptr<FilterWorker> worker_;
};

TEST_F(FilterWorkerTest, AHitCarriesPlaceSpansAndFactsAndTheTextIsStoredOnce) {
  const std::string text = "hẻm này ngập lút bánh, phường Long Xuyên, An Giang. Rác chất đống luôn";
  Store(NewPost("t:1", text));
  EXPECT_EQ(RunAll(), 1);
  const auto inbox = Inbox();
  ASSERT_EQ(inbox.size(), 2u) << "one hit for each rule";
  const auto& hit = std::get<HitRecord>(inbox[0]);
  EXPECT_EQ(hit.hit.rule, "flood");
  EXPECT_EQ(hit.hit.cell, "30307");
  EXPECT_EQ(hit.hit.place, "30307");
  EXPECT_EQ(hit.hit.reason, RouteReason::kExplicit);
  ASSERT_EQ(hit.hit.spans.size(), 1u);
  const Span span = hit.hit.spans[0].span;
  EXPECT_EQ(text.substr(span.begin, span.end - span.begin), "ngập lút bánh");
  EXPECT_EQ(hit.place_path, (std::vector<std::string>{"30307", "91"}));
  EXPECT_FALSE(hit.sketch.shingles.empty());
  EXPECT_EQ(hit.rule_set, kit_.rules->version());
  EXPECT_EQ(hit.appended_at, kNow);
  const auto stored = streams_.Lookup(StreamId::kTexts, "t:1");
  ASSERT_TRUE(stored.ok() && stored->has_value());
  EXPECT_THAT(**stored, testing::HasSubstr(text));
}

TEST_F(FilterWorkerTest, EachPostEndsInOneOutcome) {
  Store(NewPost("t:hit", "ngập lút bánh ở phường Long Xuyên, An Giang"));
  Store(NewPost("t:noise", "trời đẹp quá"));
  Store(NewPost("t:no-place", "ngập lút bánh rồi bà con ơi"));
  Store(NewPost("t:elsewhere", "ngập lút bánh ở quận Ninh Kiều, Cần Thơ"));
  ingest::Post late = NewPost("t:late", "ngập lút bánh ở phường Long Xuyên, An Giang");
  late.created_at = kNow - absl::Hours(25);
  Store(late);
  ingest::Post gone = NewPost("t:gone", "");
  gone.kind = ingest::PostKind::kDelete;
  Store(gone);
  StoreValue("t:broken", "{\"id\": 5");
  EXPECT_EQ(RunAll(), 7);
  EXPECT_EQ(Outcomes(FilterOutcome::kHit), 1);
  EXPECT_EQ(Outcomes(FilterOutcome::kFilteredOut), 2)
      << "noise, and a rule whose place is not known";
  EXPECT_EQ(Outcomes(FilterOutcome::kElsewhere), 1);
  EXPECT_EQ(Outcomes(FilterOutcome::kLate), 1);
  EXPECT_EQ(Outcomes(FilterOutcome::kRetracted), 1);
  EXPECT_EQ(Outcomes(FilterOutcome::kBroken), 1);
  EXPECT_EQ(*streams_.End(StreamId::kDead, 0), 1);
  EXPECT_EQ(Inbox().size(), 2u) << "the hit and the retraction";
}

TEST_F(FilterWorkerTest, AnEditWithdrawsWhatNoLongerMatches) {
  Store(NewPost("t:1", "ngập lút bánh ở phường Long Xuyên, An Giang"));
  ingest::Post edit = NewPost("t:1", "hết ngập rồi nha bà con");
  edit.edit = true;
  edit.version = "2";
  Store(edit);
  RunAll();
  const auto inbox = Inbox();
  ASSERT_EQ(inbox.size(), 2u);
  const auto& record = std::get<EditRecord>(inbox[1]);
  EXPECT_EQ(record.post, "t:1");
  EXPECT_EQ(record.version, "2");
  EXPECT_TRUE(record.rules.empty());
  EXPECT_EQ(*streams_.Lookup(StreamId::kTexts, "t:1"), std::nullopt)
      << "the old text must not stay";
}

TEST_F(FilterWorkerTest, ALateEditStillTakesEffectAndRingsNothingNew) {
  ingest::Post edit = NewPost("t:1", "ngập lút bánh ở phường Long Xuyên, An Giang");
  edit.edit = true;
  edit.created_at = kNow - absl::Hours(48);
  Store(edit);
  RunAll();
  const auto inbox = Inbox();
  ASSERT_EQ(inbox.size(), 1u);
  EXPECT_EQ(std::get<EditRecord>(inbox[0]).rules, std::vector<std::string>{"flood"});
  EXPECT_EQ(Outcomes(FilterOutcome::kLate), 1);
}

TEST_F(FilterWorkerTest, ARetractionTakesTheTextAway) {
  Store(NewPost("t:1", "ngập lút bánh ở phường Long Xuyên, An Giang"));
  RunAll();
  ASSERT_NE(*streams_.Lookup(StreamId::kTexts, "t:1"), std::nullopt);
  ingest::Post gone = NewPost("t:1", "");
  gone.kind = ingest::PostKind::kDelete;
  Store(gone);
  RunAll();
  EXPECT_EQ(*streams_.Lookup(StreamId::kTexts, "t:1"), std::nullopt);
  EXPECT_EQ(std::get<RetractionRecord>(Inbox().back()).post, "t:1");
}

TEST_F(FilterWorkerTest, ARefusedWriteIsRepeatedWholeAndCountedOnce) {
  Store(NewPost("t:1", "ngập lút bánh ở phường Long Xuyên, An Giang"));
  streams_.FailNext(2);
  EXPECT_EQ(worker_->RunOnce(absl::ZeroDuration()).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(worker_->counts().hits, 0) << "nothing is counted before it is durable";
  EXPECT_EQ(worker_->RunOnce(absl::ZeroDuration()).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(*worker_->RunOnce(absl::ZeroDuration()), 1);
  EXPECT_EQ(streams_.failed(), 2);
  EXPECT_EQ(Outcomes(FilterOutcome::kHit), 1);
  EXPECT_EQ(Inbox().size(), 1u);
}

TEST_F(FilterWorkerTest, CountersComeBackWithThePosition) {
  Store(NewPost("t:1", "ngập lút bánh ở phường Long Xuyên, An Giang"));
  Store(NewPost("t:2", "trời đẹp"));
  RunAll();
  Open();
  EXPECT_EQ(RunAll(), 0) << "nothing is processed twice";
  EXPECT_EQ(Outcomes(FilterOutcome::kHit), 1);
  EXPECT_EQ(Outcomes(FilterOutcome::kFilteredOut), 1);
}

TEST_F(FilterWorkerTest, ANewRuleSetIsTakenUpAtTheNextBatch) {
  Store(NewPost("t:1", "cúp điện ở phường Long Xuyên, An Giang"));
  RunAll();
  SetRules("rules: [{id: power, topic: power-outage, any: [cúp điện]}]");
  Store(NewPost("t:2", "cúp điện ở phường Long Xuyên, An Giang"));
  RunAll();
  const auto inbox = Inbox();
  ASSERT_EQ(inbox.size(), 1u);
  EXPECT_EQ(std::get<HitRecord>(inbox[0]).hit.post, "t:2");
}

TEST(FilterCounts, SurviveTheirEncodingAndRefuseOthers) {
  FilterCounts counts;
  counts.outcomes = {1, 2, 3, 4, 5, 6, 10, 11};
  counts.hits = 7;
  counts.edits = 8;
  counts.retractions = 9;
  const auto decoded = DecodeFilterCounts(EncodeFilterCounts(counts));
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->outcomes, counts.outcomes);
  EXPECT_EQ(decoded->hits, 7);
  EXPECT_EQ(decoded->retractions, 9);
  EXPECT_TRUE(DecodeFilterCounts("").ok());
  for (const char* text : {"2 1 1 1", "1 2", "1 -1 0 0", "1 x", "1 1 1 1 1 1 1 1 1 1 1 1 1"}) {
    EXPECT_FALSE(DecodeFilterCounts(text).ok()) << text;
  }
}

TEST(FilterCounts, AVersionThatKnowsFewerOutcomesIsUnderstoodAndUnderstands) {
  const auto six = DecodeFilterCounts("1 7 8 9 1 2 3 4 5 6");
  ASSERT_TRUE(six.ok());
  EXPECT_EQ(six->outcomes, (std::array<int64_t, kFilterOutcomes>{1, 2, 3, 4, 5, 6, 0, 0}));
  EXPECT_EQ(EncodeFilterCounts(*six), "1 7 8 9 1 2 3 4 5 6");
}

// Keeps the streams of each write, in the order first named.
class WriteOrder final : public stream::MemoryCluster::Faults {
 public:
  void At(const std::string&, stream::MemoryCluster::Point) override {}
  stream::MemoryCluster::WriteFate OnWrite(const std::string&,
                                           const stream::WriteSet& set) override {
    for (const stream::WriteSet::Entry& entry : set.entries()) {
      if (std::find(streams.begin(), streams.end(), entry.stream) == streams.end())
        streams.push_back(entry.stream);
    }
    return {};
  }
  stream::MemoryCluster::AppendFate OnAppend(const std::string&) override {
    return stream::MemoryCluster::AppendFate::kWhole;
  }

  std::vector<StreamId> streams;
};

TEST_F(FilterWorkerTest, TextsComeBeforeTheInboxAlsoWhereAnEditComesFirst) {
  ingest::Post edit = NewPost("t:1", "hẻm này ngập lút bánh, phường Long Xuyên, An Giang");
  edit.edit = true;
  Store(edit);
  worker_.reset();
  WriteOrder order;
  stream::MemoryCluster cluster(streams_, &order);
  const auto streams = cluster.Open("filter");
  const auto worker = FilterWorker::Open(
      {.desks = {"91"}, .sketch_seed = 7}, *streams, [this] { return kit_; }, metrics_);
  ASSERT_TRUE(worker.ok()) << worker.status();
  for (int i = 0; i < 4; ++i) ASSERT_TRUE((*worker)->RunOnce(absl::ZeroDuration()).ok());
  EXPECT_EQ(order.streams, (std::vector<StreamId>{StreamId::kTexts, StreamId::kInbox}));
}

// A worker over streams that several processes write, as over Kafka.
class GuardedFilterWorkerTest : public FilterWorkerTest {
 protected:
  GuardedFilterWorkerTest() : cluster_(streams_, nullptr) { Reopen(); }
  ~GuardedFilterWorkerTest() override { worker_.reset(); }

  void Reopen() {
    worker_.reset();
    cluster_streams_ = cluster_.Open("filter");
    const auto kit = [this] {
      if (at_kit_) at_kit_();
      return kit_;
    };
    auto worker =
        FilterWorker::Open({.desks = {"91"}, .sketch_seed = 7}, *cluster_streams_, kit, metrics_);
    KENG_CHECK(worker.ok(), std::string(worker.status().message()));
    worker_ = *std::move(worker);
  }
  // Until nothing is left, also of what the worker itself has appended.
  void RunDry() {
    for (int quiet = 0, step = 0; quiet < 2; ++step) {
      ASSERT_LT(step, 100) << "it does not end";
      const auto done = worker_->RunOnce(absl::Seconds(1));
      ASSERT_TRUE(done.ok()) << done.status();
      quiet = *done == 0 ? quiet + 1 : 0;
    }
  }
  void Process(const ingest::Post& post) {
    Store(post);
    RunDry();
  }
  // The values of `posts` under this id, in order.
  std::vector<std::string> Stored(std::string_view id) {
    std::vector<std::string> values;
    auto tap = streams_.OpenTap(StreamId::kPosts, {});
    for (;;) {
      const auto batch = (*tap)->Read(1 << 20, absl::ZeroDuration());
      if (!batch.ok() || *batch == nullptr) return values;
      for (const stream::Record& record : (*batch)->records())
        if (record.key == id) values.emplace_back(record.value);
    }
  }

  static ingest::Post State(std::string_view text, std::string_view version) {
    ingest::Post post = NewPost("t:1", text);
    post.version = version;
    return post;
  }
  static ingest::Post Edit(std::string_view text, std::string_view version) {
    ingest::Post post = State(text, version);
    post.edit = true;
    return post;
  }
  static ingest::Post Deletion(std::string_view version) {
    ingest::Post post = State("", version);
    post.kind = ingest::PostKind::kDelete;
    return post;
  }

  stream::MemoryCluster cluster_;
  std::unique_ptr<stream::Streams> cluster_streams_;
  std::function<void()> at_kit_;
};

constexpr char kFlood[] = "ngập lút bánh ở phường Long Xuyên, An Giang";
constexpr char kRubbish[] = "rác chất đống ở phường Long Xuyên, An Giang";

TEST_F(GuardedFilterWorkerTest, ATextBehindItsDeletionIsNotMatchedAndTheDeletionStandsLast) {
  Process(Deletion(""));
  const size_t inbox = Inbox().size();
  Process(State(kFlood, "1"));
  EXPECT_EQ(Outcomes(FilterOutcome::kOutdated), 1);
  EXPECT_EQ(Outcomes(FilterOutcome::kHit), 0);
  EXPECT_EQ(Outcomes(FilterOutcome::kRetracted), 2) << "the deletion, and once more";
  const auto stored = Stored("t:1");
  ASSERT_EQ(stored.size(), 3u);
  EXPECT_THAT(stored.back(), testing::HasSubstr(R"("kind":"delete")"));
  EXPECT_EQ(*streams_.Lookup(StreamId::kTexts, "t:1"), std::nullopt);
  EXPECT_EQ(Inbox().size(), inbox + 1) << "one retraction more and no hit";
  EXPECT_EQ(RestoredPosts(worker_->counts()), 1);
}

TEST_F(GuardedFilterWorkerTest, AnOlderEditBehindANewerOneIsNotMatchedAndTheNewerStandsLast) {
  Process(Edit(kRubbish, "3"));
  Process(Edit(kFlood, "2"));
  Process(State(kFlood, "1"));
  EXPECT_EQ(Outcomes(FilterOutcome::kOutdated), 2);
  EXPECT_EQ(Outcomes(FilterOutcome::kHit), 3) << "the edit and, twice, what was appended again";
  for (const InboxRecord& record : Inbox()) {
    if (const auto* hit = std::get_if<HitRecord>(&record)) {
      EXPECT_EQ(hit->hit.rule, "rubbish");
    }
  }
  const auto stored = Stored("t:1");
  ASSERT_EQ(stored.size(), 5u);
  EXPECT_EQ(stored.back(), stored.front()) << "to the byte";
  const auto text = streams_.Lookup(StreamId::kTexts, "t:1");
  ASSERT_TRUE(text.ok() && text->has_value());
  EXPECT_THAT(**text, testing::HasSubstr("rác chất đống"));
}

TEST_F(GuardedFilterWorkerTest, WhatWasKnownAndNewerStatesPassAsEver) {
  Process(State(kFlood, "1"));
  Process(State(kFlood, "1"));
  Process(Edit(kRubbish, "2"));
  Process(Edit(kRubbish, "2"));
  Process(Deletion("3"));
  Process(Deletion("3"));
  EXPECT_EQ(Outcomes(FilterOutcome::kOutdated), 0);
  EXPECT_EQ(Outcomes(FilterOutcome::kHit), 4);
  EXPECT_EQ(Outcomes(FilterOutcome::kRetracted), 2);
  EXPECT_EQ(Stored("t:1").size(), 6u) << "nothing was appended again";
}

TEST_F(GuardedFilterWorkerTest, TheNextOwnerReadsBackWhatItMustKnow) {
  Process(Edit(kRubbish, "2"));
  ingest::Post gone = NewPost("t:2", "");
  gone.kind = ingest::PostKind::kDelete;
  Process(gone);
  Reopen();
  Process(State(kFlood, "1"));
  Process(NewPost("t:2", kFlood));
  EXPECT_EQ(Outcomes(FilterOutcome::kOutdated), 2);
  EXPECT_EQ(Stored("t:1").back(), Stored("t:1").front());
  EXPECT_THAT(Stored("t:2").back(), testing::HasSubstr(R"("kind":"delete")"));
}

TEST_F(GuardedFilterWorkerTest, AnEditThatCannotBeReadBackIsCountedApart) {
  Process(Edit(kRubbish, "2"));
  Store(State(kFlood, "1"));
  ASSERT_TRUE(streams_.Maintain().ok());  // compacts
  RunDry();
  EXPECT_EQ(Outcomes(FilterOutcome::kUnrestored), 1);
  EXPECT_EQ(Outcomes(FilterOutcome::kOutdated), 0);
  EXPECT_EQ(Outcomes(FilterOutcome::kHit), 1) << "the old text is not matched all the same";
  EXPECT_EQ(Stored("t:1").size(), 1u);
}

TEST_F(GuardedFilterWorkerTest, AnEditThatCannotBeReadBackNowIsReadBackLater) {
  Process(Edit(kRubbish, "2"));
  Store(State(kFlood, "1"));
  // The kit is asked for when the batch has come in: from then on the broker does not deliver.
  at_kit_ = [this] { streams_.Cork(); };
  EXPECT_EQ(worker_->RunOnce(absl::Seconds(1)).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Outcomes(FilterOutcome::kOutdated), 0) << "nothing is counted before it is durable";
  at_kit_ = nullptr;
  streams_.Uncork();
  RunDry();
  EXPECT_EQ(Outcomes(FilterOutcome::kOutdated), 1);
  EXPECT_EQ(Stored("t:1").back(), Stored("t:1").front());
  EXPECT_EQ(Stored("t:1").size(), 3u);
}

TEST_F(FilterWorkerTest, WhereOneProcessWritesNothingIsGuarded) {
  ingest::Post gone = NewPost("t:1", "");
  gone.kind = ingest::PostKind::kDelete;
  Store(gone);
  Store(NewPost("t:1", "ngập lút bánh ở phường Long Xuyên, An Giang"));
  EXPECT_EQ(RunAll(), 2);
  EXPECT_EQ(Outcomes(FilterOutcome::kHit), 1) << "ingest knows all posts and stores no such thing";
  EXPECT_EQ(Outcomes(FilterOutcome::kOutdated), 0);
}

}  // namespace
}  // namespace keng::filters
