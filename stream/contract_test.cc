#include "stream/contract_test.h"

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include "base/stable_hash.h"
#include "base/strings.h"
#include "stream/changelog.h"

namespace keng::stream {

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StreamsContractTest);

StreamsContractTest::StreamsContractTest() : clock_(absl::FromUnixSeconds(1'760'000'000)) {
  configs_ = {
      {StreamId::kPosts, {.partitions = 3, .retention = absl::Hours(24 * 7), .compacted = true}},
      {StreamId::kInbox, {.retention = absl::Hours(10)}},
      {StreamId::kTexts,
       {.partitions = 2, .retention = absl::Hours(24 * 30), .compacted = true, .indexed = true}},
      {StreamId::kControl, {.compacted = true, .indexed = true}},
      {StreamId::kDead, {.retention_bytes = 100'000}},
      {StreamId::kState, {.partitions = 3, .compacted = true}},
  };
  place_ = GetParam().make_place();
}

void StreamsContractTest::Open() {
  streams_ = nullptr;
  auto opened = place_->Open(configs_, clock_);
  ASSERT_TRUE(opened.ok()) << opened.status();
  streams_ = *std::move(opened);
}

void StreamsContractTest::Append(StreamId stream, std::string_view key, std::string_view value) {
  WriteSet set;
  set.Append(stream, key, value);
  const absl::Status status = streams().Write(set);
  ASSERT_TRUE(status.ok()) << status;
}

std::unique_ptr<Reader> StreamsContractTest::OpenReader(std::string_view name, StreamId stream) {
  auto reader = streams().OpenReader(name, stream);
  EXPECT_TRUE(reader.ok()) << reader.status();
  return reader.ok() ? *std::move(reader) : nullptr;
}

void StreamsContractTest::Commit(std::string_view reader, StreamId stream, int partition,
                                 Offset next) {
  WriteSet set;
  set.Commit(reader, stream, partition, next);
  const absl::Status status = streams().Write(set);
  ASSERT_TRUE(status.ok()) << status;
}

namespace {

constexpr size_t kMiB = 1 << 20;

std::string Show(const RecordBatch& batch, const Record& record) {
  return base::StrCat(batch.partition(), "/", record.offset, " ", record.key,
                      record.tombstone ? "!" : base::StrCat("=", record.value));
}

// Everything that the reader has, without waiting.
std::vector<std::string> ReadAll(Reader& reader, size_t bytes_max = kMiB) {
  std::vector<std::string> out;
  while (true) {
    const auto batch = reader.Read(bytes_max, absl::ZeroDuration());
    EXPECT_TRUE(batch.ok()) << batch.status();
    if (!batch.ok() || *batch == nullptr) return out;
    EXPECT_FALSE((*batch)->records().empty());
    for (const Record& record : (*batch)->records()) out.push_back(Show(**batch, record));
  }
}

}  // namespace

std::vector<std::string> StreamsContractTest::Contents(StreamId stream) {
  auto tap = streams().OpenTap(stream);
  EXPECT_TRUE(tap.ok()) << tap.status();
  std::vector<std::string> contents = ReadAll(**tap);
  std::sort(contents.begin(), contents.end());
  return contents;
}

TEST_P(StreamsContractTest, RecordsComeBackInOrderFromOffsetZero) {
  Open();
  WriteSet set;
  set.Append(StreamId::kInbox, "desk", "first");
  set.Append(StreamId::kInbox, "desk", "");
  set.AppendTombstone(StreamId::kInbox, "gone");
  set.BeginRecord(StreamId::kInbox, "desk").append("built ").append("in place");
  set.EndRecord();
  ASSERT_TRUE(streams().Write(set).ok());
  set.Clear();
  set.Append(StreamId::kInbox, "desk", std::string(3 * kMiB, 'x'));
  ASSERT_TRUE(streams().Write(set).ok());

  EXPECT_EQ(*streams().End(StreamId::kInbox, 0), 5);
  const auto reader = OpenReader("r", StreamId::kInbox);
  const std::vector<std::string> all = ReadAll(*reader);
  ASSERT_EQ(all.size(), 5U);
  EXPECT_EQ(all[0], "0/0 desk=first");
  EXPECT_EQ(all[1], "0/1 desk=");
  EXPECT_EQ(all[2], "0/2 gone!");
  EXPECT_EQ(all[3], "0/3 desk=built in place");
  EXPECT_EQ(all[4].size(), 3 * kMiB + 9);
  EXPECT_EQ(reader->position(0), 5);
}

TEST_P(StreamsContractTest, ValuesMayBeReadPastTheirEnd) {
  Open();
  Append(StreamId::kInbox, "desk", "{}");
  const auto reader = OpenReader("r", StreamId::kInbox);
  const auto batch = reader->Read(kMiB, absl::ZeroDuration());
  ASSERT_TRUE(batch.ok() && *batch != nullptr);
  const std::string_view value = (*batch)->records().back().value;
  // The address sanitizer is the judge.
  int sum = 0;
  for (size_t i = 0; i < RecordBatch::kValuePadding; ++i) sum += value.data()[value.size() + i];
  EXPECT_NE(sum, INT32_MIN);
}

TEST_P(StreamsContractTest, ABatchOutlivesItsReader) {
  Open();
  Append(StreamId::kInbox, "desk", "kept");
  std::shared_ptr<const RecordBatch> batch;
  {
    const auto reader = OpenReader("r", StreamId::kInbox);
    batch = *reader->Read(kMiB, absl::ZeroDuration());
  }
  EXPECT_EQ(batch->records()[0].value, "kept");
}

TEST_P(StreamsContractTest, KeysGoToTheirMurmur2Partition) {
  Open();
  WriteSet set;
  for (int i = 0; i < 200; ++i) set.Append(StreamId::kPosts, base::StrCat("post-", i), "v");
  ASSERT_TRUE(streams().Write(set).ok());
  auto tap = streams().OpenTap(StreamId::kPosts);
  std::set<int> seen;
  int records = 0;
  while (const auto batch = *(*tap)->Read(kMiB, absl::ZeroDuration())) {
    seen.insert(batch->partition());
    for (const Record& record : batch->records()) {
      EXPECT_EQ(base::PartitionOf(record.key, 3), batch->partition()) << record.key;
      ++records;
    }
  }
  EXPECT_EQ(records, 200);
  EXPECT_EQ(seen, (std::set<int>{0, 1, 2}));
  EXPECT_EQ(streams().partitions(StreamId::kPosts), 3);
}

TEST_P(StreamsContractTest, AReaderOfSomePartitionsSeesOnlyThem) {
  Open();
  WriteSet set;
  for (int i = 0; i < 50; ++i) set.Append(StreamId::kPosts, base::StrCat("post-", i), "v");
  ASSERT_TRUE(streams().Write(set).ok());
  auto one = streams().OpenReader("r", StreamId::kPosts, {1});
  auto others = streams().OpenReader("r", StreamId::kPosts, {0, 2});
  ASSERT_TRUE(one.ok() && others.ok()) << one.status() << others.status();
  const size_t first = ReadAll(**one).size(), second = ReadAll(**others).size();
  EXPECT_EQ(first, static_cast<size_t>(*streams().End(StreamId::kPosts, 1)));
  EXPECT_EQ(first + second, 50U);
  EXPECT_EQ(streams().OpenReader("r", StreamId::kPosts, {3}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_P(StreamsContractTest, SmallReadsLoseAndRepeatNothing) {
  Open();
  std::vector<std::string> expected;
  for (int i = 0; i < 40; ++i) {
    WriteSet set;
    for (int j = 0; j <= i % 3; ++j) {
      expected.push_back(
          base::StrCat("0/", expected.size(), " desk=", std::string(static_cast<size_t>(i), 'x')));
      set.Append(StreamId::kInbox, "desk", std::string(static_cast<size_t>(i), 'x'));
    }
    ASSERT_TRUE(streams().Write(set).ok());
  }
  for (const size_t bytes_max : {size_t{0}, size_t{1}, size_t{100}, size_t{1000}, kMiB}) {
    auto tap = streams().OpenTap(StreamId::kInbox);
    EXPECT_EQ(ReadAll(**tap, bytes_max), expected) << "bytes_max=" << bytes_max;
  }
}

TEST_P(StreamsContractTest, AReaderBeginsAtItsCommittedPosition) {
  Open();
  for (int i = 0; i < 5; ++i) Append(StreamId::kInbox, "desk", base::StrCat(i));
  {
    const auto reader = OpenReader("r", StreamId::kInbox);
    EXPECT_EQ(ReadAll(*reader).size(), 5U);
    Commit("r", StreamId::kInbox, 0, 3);
    EXPECT_EQ(reader->position(0), 5) << "a commit does not move the reader";
  }
  const auto again = OpenReader("r", StreamId::kInbox);
  EXPECT_EQ(ReadAll(*again), (std::vector<std::string>{"0/3 desk=3", "0/4 desk=4"}));
  const auto other = OpenReader("other", StreamId::kInbox);
  EXPECT_EQ(ReadAll(*other).size(), 5U) << "readers do not share positions";
  EXPECT_EQ(streams().committed("r", StreamId::kInbox, 0)->value().next, 3);
  EXPECT_EQ(streams().committed("other", StreamId::kInbox, 0)->value().next, 0);
  EXPECT_EQ(*streams().committed("nobody", StreamId::kInbox, 0), std::nullopt);
}

TEST_P(StreamsContractTest, MetadataStandsWithThePosition) {
  Open();
  Append(StreamId::kInbox, "desk", "v");
  const auto reader = OpenReader("r", StreamId::kInbox);
  WriteSet set;
  const std::string metadata("counters\0and more", 17);
  set.Commit("r", StreamId::kInbox, 0, 1, metadata);
  ASSERT_TRUE(streams().Write(set).ok());
  EXPECT_EQ(streams().committed("r", StreamId::kInbox, 0)->value().metadata, metadata);
  const std::vector<ReaderStats> stats = streams().reader_stats();
  ASSERT_EQ(stats.size(), 1U);
  EXPECT_EQ(stats[0].reader, "r");
  EXPECT_EQ(stats[0].committed, 1);
  EXPECT_EQ(stats[0].lag, 0);
}

TEST_P(StreamsContractTest, ABadSetIsRefusedWhole) {
  Open();
  const auto reader = OpenReader("r", StreamId::kInbox);
  struct Case {
    const char* what;
    std::function<void(WriteSet&)> add;
    absl::StatusCode code;
  };
  const Case cases[] = {
      {"position past the end", [](WriteSet& set) { set.Commit("r", StreamId::kInbox, 0, 2); },
       absl::StatusCode::kInvalidArgument},
      {"negative position", [](WriteSet& set) { set.Commit("r", StreamId::kInbox, 0, -1); },
       absl::StatusCode::kInvalidArgument},
      {"no such partition", [](WriteSet& set) { set.Commit("r", StreamId::kInbox, 1, 0); },
       absl::StatusCode::kInvalidArgument},
      {"unknown reader", [](WriteSet& set) { set.Commit("nobody", StreamId::kInbox, 0, 0); },
       absl::StatusCode::kFailedPrecondition},
      {"long metadata",
       [](WriteSet& set) { set.Commit("r", StreamId::kInbox, 0, 0, std::string(4097, 'm')); },
       absl::StatusCode::kInvalidArgument},
      {"long key",
       [](WriteSet& set) {
         set.Append(StreamId::kInbox, std::string(WriteSet::kKeyBytesMax + 1, 'k'), "v");
       },
       absl::StatusCode::kInvalidArgument},
      {"long value",
       [](WriteSet& set) {
         set.Append(StreamId::kInbox, "k", std::string(WriteSet::kValueBytesMax + 1, 'v'));
       },
       absl::StatusCode::kInvalidArgument},
      {"stream that is not there",
       [](WriteSet& set) { set.Append(StreamId::kAlerts, "desk", "v"); },
       absl::StatusCode::kInvalidArgument},
  };
  for (const Case& c : cases) {
    WriteSet set;
    set.Append(StreamId::kInbox, "desk", "must not be written");
    c.add(set);
    EXPECT_EQ(streams().Write(set).code(), c.code) << c.what;
    EXPECT_EQ(*streams().End(StreamId::kInbox, 0), 0) << c.what;
  }
  WriteSet set;
  set.Append(StreamId::kInbox, "desk", "v");
  set.Commit("r", StreamId::kInbox, 0, 1);
  EXPECT_TRUE(streams().Write(set).ok()) << "the position after the set's own record is fine";
}

TEST_P(StreamsContractTest, OneOpenReaderForANameAndPartition) {
  Open();
  auto reader = OpenReader("r", StreamId::kInbox);
  EXPECT_EQ(streams().OpenReader("r", StreamId::kInbox).status().code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(streams().RemoveReader("r", StreamId::kInbox).code(),
            absl::StatusCode::kFailedPrecondition);
  reader = nullptr;
  EXPECT_NE(OpenReader("r", StreamId::kInbox), nullptr);
}

TEST_P(StreamsContractTest, SeekGoesAnywhereFromBeginningToEnd) {
  Open();
  WriteSet set;
  for (int i = 0; i < 10; ++i) set.Append(StreamId::kInbox, "desk", base::StrCat(i));
  ASSERT_TRUE(streams().Write(set).ok());
  const auto reader = OpenReader("r", StreamId::kInbox);
  for (const Offset offset : {7, 0, 3, 10, 9}) {
    ASSERT_TRUE(reader->Seek(0, offset).ok()) << offset;
    EXPECT_EQ(reader->position(0), offset);
    const std::vector<std::string> rest = ReadAll(*reader);
    EXPECT_EQ(rest.size(), static_cast<size_t>(10 - offset));
    if (offset < 10) {
      EXPECT_EQ(rest[0], base::StrCat("0/", offset, " desk=", offset));
    }
  }
  EXPECT_EQ(reader->Seek(0, 11).code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(reader->Seek(0, -1).code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(reader->Seek(1, 0).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(reader->position(0), 10) << "a refused seek moves nothing";
}

TEST_P(StreamsContractTest, SeekToTimeFindsTheFirstAtOrAfter) {
  Open();
  if (!capabilities().seek_by_time) GTEST_SKIP() << "Capabilities: no seek_by_time";
  const absl::Time start = clock_.Now();
  for (int i = 0; i < 20; ++i) {
    Append(StreamId::kInbox, "desk", base::StrCat(i));
    clock_.Advance(absl::Seconds(10));
  }
  const auto reader = OpenReader("r", StreamId::kInbox);
  struct Case {
    absl::Duration after;
    Offset offset;
  };
  const Case cases[] = {{-absl::Hours(1), 0},     {absl::ZeroDuration(), 0},
                        {absl::Seconds(1), 1},    {absl::Seconds(10), 1},
                        {absl::Seconds(95), 10},  {absl::Seconds(190), 19},
                        {absl::Seconds(191), 20}, {absl::InfiniteDuration(), 20}};
  for (const Case& c : cases) {
    ASSERT_TRUE(reader->SeekToTime(0, start + c.after).ok());
    EXPECT_EQ(reader->position(0), c.offset) << c.after;
  }
}

TEST_P(StreamsContractTest, AppendTimeNeverGoesBack) {
  Open();
  absl::Time newest = absl::InfinitePast();
  for (const int step : {0, 60, -3600, 10, 7200}) {
    clock_.Advance(absl::Seconds(step));
    Append(StreamId::kInbox, "desk", "v");
    newest = std::max(newest, clock_.Now());
    auto tap = streams().OpenTap(StreamId::kInbox);
    absl::Time last = absl::InfinitePast();
    while (const auto batch = *(*tap)->Read(kMiB, absl::ZeroDuration())) {
      for (const Record& record : batch->records()) {
        EXPECT_GE(record.time, last);
        last = record.time;
      }
    }
    EXPECT_EQ(last, newest) << "I3: a running maximum of the clock";
    if (capabilities().survives_reopen) {
      tap->reset();
      Open();
    }
  }
}

TEST_P(StreamsContractTest, AWaitingReaderIsWokenByAWrite) {
  Open();
  const auto reader = OpenReader("r", StreamId::kInbox);
  std::thread writer([this] { Append(StreamId::kInbox, "desk", "v"); });
  const auto batch = reader->Read(kMiB, absl::InfiniteDuration());
  writer.join();
  ASSERT_TRUE(batch.ok() && *batch != nullptr);
  EXPECT_EQ((*batch)->records()[0].value, "v");
}

TEST_P(StreamsContractTest, WakeEndsAWait) {
  Open();
  const auto reader = OpenReader("r", StreamId::kInbox);
  std::thread waker([&] { reader->Wake(); });
  const auto batch = reader->Read(kMiB, absl::InfiniteDuration());
  waker.join();
  ASSERT_TRUE(batch.ok());
  EXPECT_EQ(*batch, nullptr);
  EXPECT_EQ(*reader->Read(kMiB, absl::Milliseconds(1)), nullptr) << "and a time-out does too";
}

TEST_P(StreamsContractTest, WritesOfManyThreadsAllArriveInTheirOrder) {
  Open();
  constexpr int kThreads = 4, kWrites = 150;
  std::vector<std::thread> writers;
  std::atomic<int> failures{0};
  for (int t = 0; t < kThreads; ++t) {
    writers.emplace_back([&, t] {
      for (int i = 0; i < kWrites; ++i) {
        WriteSet set;
        set.Append(StreamId::kInbox, base::StrCat("writer-", t), base::StrCat(i));
        set.Append(StreamId::kPosts, base::StrCat("post-", t, "-", i), base::StrCat(i));
        if (!streams().Write(set).ok()) ++failures;
      }
    });
  }
  const auto reader = OpenReader("r", StreamId::kInbox);
  std::vector<int> next(kThreads, 0);
  for (int records = 0; records < kThreads * kWrites;) {
    const auto batch = reader->Read(1000, absl::Seconds(30));
    ASSERT_TRUE(batch.ok() && *batch != nullptr);
    for (const Record& record : (*batch)->records()) {
      EXPECT_EQ(record.offset, records++) << "I1";
      const auto writer = static_cast<size_t>(record.key.back() - '0');
      EXPECT_EQ(record.value, base::StrCat(next[writer]++)) << "I5";
    }
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(Contents(StreamId::kPosts).size(), static_cast<size_t>(kThreads * kWrites));
}

// A hit names a text: when the hit is seen the text is there. Without atomic writes what stands
// before a record in its set is.
TEST_P(StreamsContractTest, WhoSeesARecordSeesWhatWasWrittenWithIt) {
  Open();
  constexpr int kSets = 3000;
  const bool atomic = capabilities().atomic_write;
  std::atomic<int> failures{0};
  std::thread writer([&] {
    for (int i = 0; i < kSets; ++i) {
      WriteSet set;
      if (atomic) set.Append(StreamId::kInbox, "desk", "hit");
      set.Append(StreamId::kPosts, base::StrCat(i), "text");
      set.Append(StreamId::kControl, "key", "text");
      if (!atomic) set.Append(StreamId::kInbox, "desk", "hit");
      if (!streams().Write(set).ok()) ++failures;
    }
  });
  const auto reader = OpenReader("r", StreamId::kInbox);
  Offset hits = 0, early = 0;
  while (hits < kSets) {
    const auto batch = reader->Read(1000, absl::Seconds(30));
    if (!batch.ok() || *batch == nullptr) break;
    hits = (*batch)->next_offset();
    for (const StreamId stream : {StreamId::kPosts, StreamId::kControl}) {
      Offset end = 0;
      for (int p = 0; p < streams().partitions(stream); ++p) end += *streams().End(stream, p);
      if (end < hits) ++early;
    }
  }
  writer.join();
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(hits, kSets);
  EXPECT_EQ(early, 0) << "hits were seen before their texts";
}

TEST_P(StreamsContractTest, RetentionByTimeNeverPassesARegisteredReader) {
  Open();
  if (!capabilities().trims) GTEST_SKIP() << "Capabilities: no trims";
  EXPECT_EQ(*streams().Begin(StreamId::kInbox, 0), 0);
  EXPECT_TRUE(absl::IsNotFound(streams().Begin(StreamId::kInbox, 99).status()));
  auto reader = OpenReader("slow", StreamId::kInbox);
  for (int i = 0; i < 10; ++i) {
    Append(StreamId::kInbox, "desk", base::StrCat(i));
    clock_.Advance(absl::Hours(1));
  }
  clock_.Advance(absl::Hours(4) + absl::Minutes(30));  // 0..4 are older than 10 hours
  ASSERT_TRUE(streams().Maintain().ok());
  EXPECT_EQ(Contents(StreamId::kInbox).size(), 10U) << "I4";
  Commit("slow", StreamId::kInbox, 0, 2);
  ASSERT_TRUE(streams().Maintain().ok());
  EXPECT_EQ(Contents(StreamId::kInbox).front(), "0/2 desk=2");
  Commit("slow", StreamId::kInbox, 0, 8);
  ASSERT_TRUE(streams().Maintain().ok());
  EXPECT_EQ(Contents(StreamId::kInbox).front(), "0/5 desk=5") << "not younger than its retention";
  EXPECT_EQ(*streams().Begin(StreamId::kInbox, 0), 5);
  EXPECT_EQ(ReadAll(*reader).front(), "0/5 desk=5") << "a reader behind it begins at what is kept";
  reader = nullptr;
  Commit("slow", StreamId::kInbox, 0, 5);
  clock_.Advance(absl::Hours(20));
  ASSERT_TRUE(streams().Maintain().ok());
  EXPECT_EQ(Contents(StreamId::kInbox).front(), "0/5 desk=5");
  ASSERT_TRUE(streams().RemoveReader("slow", StreamId::kInbox).ok());
  ASSERT_TRUE(streams().Maintain().ok());
  EXPECT_TRUE(Contents(StreamId::kInbox).empty());
  EXPECT_TRUE(absl::IsNotFound(streams().RemoveReader("slow", StreamId::kInbox)));
  Append(StreamId::kInbox, "desk", "new");
  EXPECT_EQ(Contents(StreamId::kInbox), std::vector<std::string>{"0/10 desk=new"}) << "I1";
}

TEST_P(StreamsContractTest, RetentionBySizeRefusesTheAppendInstead) {
  Open();
  if (!capabilities().bounds_bytes) GTEST_SKIP() << "Capabilities: no bounds_bytes";
  auto reader = OpenReader("slow", StreamId::kDead);
  const std::string value(9000, 'x');
  WriteSet set;
  set.Append(StreamId::kDead, "stage", value);
  int taken = 0;
  absl::Status status;
  while (taken < 100 && (status = streams().Write(set)).ok()) ++taken;
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_GE(taken, 9);
  EXPECT_LE(taken, 11);
  EXPECT_EQ(*streams().End(StreamId::kDead, 0), taken) << "a refused append leaves nothing";
  ASSERT_TRUE(streams().Maintain().ok());
  EXPECT_EQ(Contents(StreamId::kDead).size(), static_cast<size_t>(taken)) << "I4";
  Append(StreamId::kInbox, "desk", "another stream goes on");

  Commit("slow", StreamId::kDead, 0, 5);
  ASSERT_TRUE(streams().Write(set).ok()) << "room by the reader's progress";
  ASSERT_TRUE(streams().Maintain().ok());
  const std::vector<PartitionStats> stats = streams().partition_stats();
  for (const PartitionStats& partition : stats) {
    if (partition.stream == StreamId::kDead) {
      EXPECT_LE(partition.bytes, 100'000);
    }
  }
  const std::vector<std::string> kept = ReadAll(*reader);
  EXPECT_LT(kept.size(), static_cast<size_t>(taken) + 1) << "what was read made room";
  EXPECT_GE(kept.size(), static_cast<size_t>(taken) + 1 - 5) << "I4";
}

TEST_P(StreamsContractTest, ATapHoldsNothingBack) {
  Open();
  if (!capabilities().trims) GTEST_SKIP() << "Capabilities: no trims";
  Append(StreamId::kInbox, "desk", "old");
  auto tap = streams().OpenTap(StreamId::kInbox);
  clock_.Advance(absl::Hours(20));
  Append(StreamId::kInbox, "desk", "new");
  ASSERT_TRUE(streams().Maintain().ok());
  EXPECT_EQ(ReadAll(**tap), std::vector<std::string>{"0/1 desk=new"});
  EXPECT_TRUE(streams().reader_stats().empty());
}

TEST_P(StreamsContractTest, CompactionKeepsTheNewestOfEachKeyAndTheTombstones) {
  Open();
  if (!capabilities().compacts) GTEST_SKIP() << "Capabilities: no compacts";
  const auto reader = OpenReader("r", StreamId::kControl);
  for (int i = 0; i < 5; ++i) {
    WriteSet set;
    set.Append(StreamId::kControl, "resume", base::StrCat(i));
    set.Append(StreamId::kControl, base::StrCat("once-", i), "v");
    ASSERT_TRUE(streams().Write(set).ok());
  }
  WriteSet set;
  set.AppendTombstone(StreamId::kControl, "once-2");
  ASSERT_TRUE(streams().Write(set).ok());
  clock_.Advance(absl::Hours(24));
  ASSERT_TRUE(streams().Maintain().ok());
  const std::vector<std::string> expected = {"0/1 once-0=v", "0/10 once-2!", "0/3 once-1=v",
                                             "0/7 once-3=v", "0/8 resume=4", "0/9 once-4=v"};
  EXPECT_EQ(Contents(StreamId::kControl), expected);
  EXPECT_EQ(ReadAll(*reader).size(), 6U) << "a registered reader sees the same";
  EXPECT_EQ(*streams().End(StreamId::kControl, 0), 11);
  Append(StreamId::kControl, "resume", "5");
  EXPECT_EQ(Contents(StreamId::kControl).size(), 7U) << "the next run has not come";
  clock_.Advance(absl::Hours(24));
  ASSERT_TRUE(streams().Maintain().ok());
  EXPECT_EQ(Contents(StreamId::kControl)[2], "0/11 resume=5");
}

TEST_P(StreamsContractTest, LookupFindsTheNewestValue) {
  Open();
  if (!capabilities().lookup) GTEST_SKIP() << "Capabilities: no lookup";
  EXPECT_EQ(*streams().Lookup(StreamId::kTexts, "a"), std::nullopt);
  for (int round = 0; round < 3; ++round) {
    Append(StreamId::kTexts, "a", base::StrCat("a", round));
    Append(StreamId::kTexts, "b", base::StrCat("b", round));
    EXPECT_EQ(streams().Lookup(StreamId::kTexts, "a")->value(), base::StrCat("a", round));
    clock_.Advance(absl::Hours(24));
    ASSERT_TRUE(streams().Maintain().ok());
    EXPECT_EQ(streams().Lookup(StreamId::kTexts, "a")->value(), base::StrCat("a", round));
    EXPECT_EQ(streams().Lookup(StreamId::kTexts, "b")->value(), base::StrCat("b", round));
  }
  WriteSet set;
  set.AppendTombstone(StreamId::kTexts, "a");
  ASSERT_TRUE(streams().Write(set).ok());
  EXPECT_EQ(*streams().Lookup(StreamId::kTexts, "a"), std::nullopt) << "at once";
  clock_.Advance(absl::Hours(24 * 31));
  // A clock that went so far ahead is believed only after an hour.
  ASSERT_TRUE(streams().Maintain().ok());
  clock_.Advance(absl::Hours(2));
  ASSERT_TRUE(streams().Maintain().ok());
  EXPECT_EQ(*streams().Lookup(StreamId::kTexts, "b"), std::nullopt) << "past its retention";
  EXPECT_EQ(streams().Lookup(StreamId::kPosts, "a").status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_P(StreamsContractTest, AClockThatJumpsAheadDeletesNothingUnread) {
  Open();
  const auto reader = OpenReader("r", StreamId::kInbox);
  Append(StreamId::kInbox, "desk", "unread");
  clock_.Advance(absl::Hours(24 * 365 * 10));
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(streams().Maintain().ok());
    clock_.Advance(absl::Hours(1));
  }
  EXPECT_EQ(ReadAll(*reader), std::vector<std::string>{"0/0 desk=unread"});
}

TEST_P(StreamsContractTest, EverythingIsThereAfterReopening) {
  Open();
  if (!capabilities().survives_reopen) GTEST_SKIP() << "Capabilities: no survives_reopen";
  auto reader = OpenReader("r", StreamId::kInbox);
  for (int round = 0; round < 4; ++round) {
    WriteSet set;
    set.Append(StreamId::kInbox, "desk", base::StrCat(round));
    set.Append(StreamId::kTexts, "post", base::StrCat("text ", round));
    set.Commit("r", StreamId::kInbox, 0, round, base::StrCat("meta ", round));
    ASSERT_TRUE(streams().Write(set).ok());
    reader = nullptr;
    Open();
    EXPECT_EQ(*streams().End(StreamId::kInbox, 0), round + 1);
    EXPECT_EQ(streams().committed("r", StreamId::kInbox, 0)->value().next, round);
    EXPECT_EQ(streams().committed("r", StreamId::kInbox, 0)->value().metadata,
              base::StrCat("meta ", round));
    reader = OpenReader("r", StreamId::kInbox);
    EXPECT_EQ(ReadAll(*reader),
              std::vector<std::string>{base::StrCat("0/", round, " desk=", round)});
    if (capabilities().lookup) {
      EXPECT_EQ(streams().Lookup(StreamId::kTexts, "post")->value(), base::StrCat("text ", round));
    }
  }
}

// ---- The changelog of one owner (stream/changelog.h) -----------------------------------------

TEST_P(StreamsContractTest, AChangelogSaysWhereItsBatchEnds) {
  Open();
  if (!capabilities().changelog) {
    EXPECT_EQ(streams().OpenChangelog("91").status().code(), absl::StatusCode::kFailedPrecondition);
    GTEST_SKIP() << "Capabilities: no changelog";
  }
  auto changelog = streams().OpenChangelog("91");
  ASSERT_TRUE(changelog.ok()) << changelog.status();
  const int partition = base::PartitionOf("91", 3);
  Offset before = 0;
  for (int i = 0; i < 3; ++i) {
    WriteSet set;
    set.Append(StreamId::kState, base::StrCat("91/1/a", i), "first");
    set.Append(StreamId::kState, std::string("91/2/\0/b", 8), base::StrCat("round ", i));
    set.AppendTombstone(StreamId::kState, "91/3/c");
    const auto end = (*changelog)->Append(set);
    ASSERT_TRUE(end.ok()) << end.status();
    EXPECT_GE(*end, before + 3) << "gaps are allowed, going back is not";
    EXPECT_LE(*end, *streams().End(StreamId::kState, partition));
    auto tap = streams().OpenTap(StreamId::kState, {partition});
    ASSERT_TRUE(tap.ok()) << tap.status();
    ASSERT_TRUE((*tap)->Seek(partition, before).ok());
    std::vector<std::string> rows;
    Offset last = -1;
    while ((*tap)->position(partition) < *end) {
      const auto batch = (*tap)->Read(kMiB, absl::Seconds(10));
      ASSERT_TRUE(batch.ok() && *batch != nullptr) << batch.status();
      for (const Record& record : (*batch)->records()) {
        last = record.offset;
        rows.push_back(
            base::StrCat(record.key.substr(0, 4), record.tombstone ? "!" : "=", record.value));
      }
    }
    EXPECT_EQ(last + 1, *end) << "one past the last record of the batch";
    EXPECT_EQ(rows,
              (std::vector<std::string>{"91/1=first", base::StrCat("91/2=round ", i), "91/3!"}));
    before = *end;
  }
}

TEST_P(StreamsContractTest, AChangelogTakesItsOwnersStateOnly) {
  Open();
  if (!capabilities().changelog) GTEST_SKIP() << "Capabilities: no changelog";
  auto changelog = streams().OpenChangelog("91");
  ASSERT_TRUE(changelog.ok()) << changelog.status();
  const auto refused = [&](const WriteSet& set) {
    return (*changelog)->Append(set).status().code() == absl::StatusCode::kInvalidArgument;
  };
  WriteSet set;
  EXPECT_TRUE(refused(set)) << "nothing to append";
  set.Append(StreamId::kState, "91/1/a", "mine");
  set.Append(StreamId::kState, "911/1/a", "another's");
  EXPECT_TRUE(refused(set));
  set.Clear();
  set.Append(StreamId::kState, "91/1/a", "mine");
  set.Append(StreamId::kInbox, "91", "another stream");
  EXPECT_TRUE(refused(set));
  set.Clear();
  set.Append(StreamId::kState, "91/1/a", "mine");
  set.Commit("r", StreamId::kInbox, 0, 0);
  EXPECT_TRUE(refused(set)) << "positions are Write()'s";
  EXPECT_TRUE(Contents(StreamId::kState).empty());
  set.Clear();
  set.Append(StreamId::kState, "91/1/a", "mine");
  EXPECT_TRUE((*changelog)->Append(set).ok()) << "a refused batch does no harm to the next";
  EXPECT_EQ(Contents(StreamId::kState).size(), 1U);
}

TEST_P(StreamsContractTest, ABatchOfAChangelogIsSeenWhole) {
  Open();
  if (!capabilities().changelog) GTEST_SKIP() << "Capabilities: no changelog";
  auto changelog = streams().OpenChangelog("91");
  ASSERT_TRUE(changelog.ok()) << changelog.status();
  constexpr int kBatches = 30, kRows = 50;
  std::atomic<int> failures{0};
  std::thread writer([&] {
    for (int i = 0; i < kBatches; ++i) {
      WriteSet set;
      for (int row = 0; row < kRows; ++row) {
        set.Append(StreamId::kState, base::StrCat("91/1/", i, "-", row), base::StrCat(i));
      }
      if (!(*changelog)->Append(set).ok()) ++failures;
    }
  });
  const int partition = base::PartitionOf("91", 3);
  auto tap = streams().OpenTap(StreamId::kState, {partition});
  ASSERT_TRUE(tap.ok()) << tap.status();
  std::vector<int> seen(kBatches, 0);
  for (int records = 0; records < kBatches * kRows;) {
    const auto batch = (*tap)->Read(kMiB, absl::Seconds(30));
    if (!batch.ok() || *batch == nullptr) break;
    for (const Record& record : (*batch)->records()) {
      ++seen[static_cast<size_t>(std::stoi(std::string(record.value)))];
      ++records;
    }
    // Whoever sees one row may read all of its batch without waiting.
    const size_t newest =
        static_cast<size_t>(std::stoi(std::string((*batch)->records().back().value)));
    while (seen[newest] < kRows) {
      const auto rest = (*tap)->Read(kMiB, absl::Seconds(5));
      if (!rest.ok() || *rest == nullptr) break;
      for (const Record& record : (*rest)->records()) {
        ++seen[static_cast<size_t>(std::stoi(std::string(record.value)))];
        ++records;
      }
    }
    EXPECT_EQ(seen[newest], kRows) << "a batch was cut";
  }
  writer.join();
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(seen, std::vector<int>(kBatches, kRows));
}

TEST_P(StreamsContractTest, ASecondOwnerShutsOutTheFirst) {
  Open();
  if (!capabilities().changelog) GTEST_SKIP() << "Capabilities: no changelog";
  auto first = streams().OpenChangelog("91");
  auto other = streams().OpenChangelog("79");
  ASSERT_TRUE(first.ok() && other.ok()) << first.status() << other.status();
  WriteSet set;
  set.Append(StreamId::kState, "91/1/a", "first");
  ASSERT_TRUE((*first)->Append(set).ok());
  auto second = streams().OpenChangelog("91");
  ASSERT_TRUE(second.ok()) << second.status();
  set.Clear();
  set.Append(StreamId::kState, "91/1/a", "zombie");
  set.Append(StreamId::kState, "91/1/b", "zombie");
  EXPECT_EQ((*first)->Append(set).status().code(), absl::StatusCode::kAborted);
  set.Clear();
  set.Append(StreamId::kState, "91/1/a", "second");
  ASSERT_TRUE((*second)->Append(set).ok());
  set.Clear();
  set.Append(StreamId::kState, "91/1/a", "zombie");
  EXPECT_EQ((*first)->Append(set).status().code(), absl::StatusCode::kAborted) << "for good";
  set.Clear();
  set.Append(StreamId::kState, "79/1/a", "other");
  EXPECT_TRUE((*other)->Append(set).ok()) << "another owner is not concerned";
  std::vector<std::string> values;
  for (const std::string& row : Contents(StreamId::kState)) {
    values.push_back(row.substr(row.find(' ') + 1));
  }
  std::sort(values.begin(), values.end());
  EXPECT_EQ(values, (std::vector<std::string>{"79/1/a=other", "91/1/a=first", "91/1/a=second"}));
}

TEST_P(StreamsContractTest, AChangelogIsThereAfterReopening) {
  Open();
  if (!capabilities().changelog) GTEST_SKIP() << "Capabilities: no changelog";
  if (!capabilities().survives_reopen) GTEST_SKIP() << "Capabilities: no survives_reopen";
  Offset before = 0;
  for (int round = 0; round < 2; ++round) {
    {
      auto changelog = streams().OpenChangelog("91");
      ASSERT_TRUE(changelog.ok()) << changelog.status();
      WriteSet set;
      set.Append(StreamId::kState, base::StrCat("91/1/", round), "v");
      const auto end = (*changelog)->Append(set);
      ASSERT_TRUE(end.ok()) << end.status();
      EXPECT_GT(*end, before) << "I1";
      before = *end;
    }
    Open();
    EXPECT_EQ(Contents(StreamId::kState).size(), static_cast<size_t>(round + 1));
  }
}

}  // namespace keng::stream
