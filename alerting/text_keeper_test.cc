// The keeper in its worker: what is in force is what the fold says.

#include "alerting/text_keeper.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "alerting/alerting_worker.h"
#include "alerting/store_outbox.h"
#include "alerting/testing/fold_kit.h"
#include "alerting/text_record.h"
#include "base/stable_hash.h"
#include "stream/testing/memory_streams.h"

namespace keng::alerting {
namespace {

using filters::EditRecord;
using filters::InboxRecord;
using filters::RetractionRecord;
using stream::StreamId;
using ::testing::ElementsAre;
using testing::MakeHit;

constexpr int kDesks = 2;

std::string RecordOf(const std::string& text, const std::string& version) {
  return base::StrCat(R"({"text":")", text, R"(","url":"https://example.org/","account":"a")",
                      R"(,"version":")", version, R"("})");
}

TEST(ParseTextRecord, WhatIsNoRecordHasNoText) {
  EXPECT_EQ(ParseTextRecord(RecordOf("ngập", "2")).text, "ngập");
  EXPECT_EQ(ParseTextRecord(RecordOf("ngập", "2")).version, "2");
  for (const char* none : {"", "{", "[]", "{}", R"({"text":1,"version":null})"}) {
    EXPECT_EQ(ParseTextRecord(none).text, "") << none;
    EXPECT_EQ(ParseTextRecord(none).version, "") << none;
  }
}

class TextKeeperTest : public ::testing::Test {
 protected:
  TextKeeperTest() { Open(0); }

  // A desk whose inbox is partition `d`.
  static std::string DeskOf(int d) {
    for (int code = 10;; ++code) {
      std::string desk = base::StrCat(code);
      if (base::PartitionOf(desk, kDesks) == d) return desk;
    }
  }
  std::string path(int d) const { return base::StrCat(folder_.path(), "/", d); }
  void Open(int d) {
    if (stores_[d] == nullptr) stores_[d] = testing::OpenStore(path(d), clock_);
    AlertingOptions options{.desk = DeskOf(d), .partition = d, .texts_reader = ""};
    auto worker = AlertingWorker::Open(options, streams_, *stores_[d], clock_, &metrics_);
    ASSERT_TRUE(worker.ok()) << worker.status();
    workers_[d] = *std::move(worker);
  }
  void Reopen() {
    workers_[0] = nullptr;
    Open(0);
  }
  // The machine is lost, and with it the store.
  void ReopenEmpty() {
    workers_[0] = nullptr;
    stores_[0] = nullptr;
    std::filesystem::remove_all(path(0));
    Open(0);
  }

  void WriteText(const std::string& post, const std::string& text, const std::string& version) {
    stream::WriteSet set;
    set.Append(StreamId::kTexts, post, RecordOf(text, version));
    ASSERT_TRUE(streams_.Write(set).ok());
  }
  void WriteTombstone(const std::string& post) {
    stream::WriteSet set;
    set.AppendTombstone(StreamId::kTexts, post);
    ASSERT_TRUE(streams_.Write(set).ok());
  }
  void WriteInbox(const InboxRecord& record) {
    stream::WriteSet set;
    for (int d = 0; d < kDesks; ++d) {
      filters::AppendInboxRecord(record, set.BeginRecord(StreamId::kInbox, DeskOf(d)));
      set.EndRecord();
    }
    ASSERT_TRUE(streams_.Write(set).ok());
  }
  // As a filter does it.
  void WriteHit(const std::string& post, const std::string& text, const std::string& version) {
    WriteText(post, text, version);
    auto hit = MakeHit(post);
    hit.version = version;
    WriteInbox(hit);
  }
  void WriteRetraction(const std::string& post, const std::string& version) {
    WriteTombstone(post);
    WriteInbox(RetractionRecord{post, version});
  }

  // Until nobody has anything left to do.
  void Drain() {
    for (int round = 0; round < 20; ++round) {
      for (const auto& worker : workers_) {
        if (worker == nullptr) continue;
        const auto step = worker->RunOnce(absl::ZeroDuration());
        ASSERT_TRUE(step.ok()) << step.status();
      }
    }
  }
  std::optional<std::string> Kept(const std::string& post, int d = 0) const {
    return *StoreOutbox(*stores_[d]).Text(post);
  }
  // All records of the post in `texts`, "-" for a tombstone.
  std::vector<std::string> Texts(const std::string& post) {
    std::vector<std::string> texts;
    const auto tap = *streams_.OpenTap(StreamId::kTexts, {});
    while (const auto batch = *tap->Read(1 << 20, absl::ZeroDuration())) {
      for (const stream::Record& record : batch->records()) {
        if (record.key != post) continue;
        texts.push_back(record.tombstone ? "-" : ParseTextRecord(record.value).text);
      }
    }
    return texts;
  }
  double Outdated() { return metrics_.counter("keng_alerting_texts_outdated_total", "").value(); }
  int Marks() const {
    int marks = 0;
    EXPECT_TRUE(stores_[0]
                    ->Scan(table::kTextMarks, "", "",
                           [&](std::string_view, std::string_view) {
                             ++marks;
                             return store::Visit::kContinue;
                           })
                    .ok());
    return marks;
  }

  const base::TemporaryFolder folder_{"keng-texts"};
  base::FakeClock clock_{testing::At({})};
  base::Metrics metrics_;
  stream::MemoryStreams streams_{{{StreamId::kInbox, {.partitions = kDesks}},
                                  {StreamId::kTexts, stream::DefaultConfig(StreamId::kTexts, 2)}},
                                 clock_};
  std::unique_ptr<store::Store> stores_[kDesks];
  std::unique_ptr<AlertingWorker> workers_[kDesks];
};

// Where it would begin at 0, or at the end, it would keep none of what is there.
TEST_F(TextKeeperTest, ANewStoreDoesNotBeginWhereNobodyKnowsTheBeginning) {
  WriteHit("p1", "ngập tới gối", "1");
  const auto store = testing::OpenStore(base::StrCat(folder_.path(), "/new"), clock_);
  const auto open = [&] { return TextKeeper::Open("", streams_, *store, nullptr); };
  streams_.HideBegin();
  EXPECT_EQ(open().status().code(), absl::StatusCode::kUnavailable);
  streams_.ShowBegin();
  const auto keeper = open();
  ASSERT_TRUE(keeper.ok()) << keeper.status();
  ASSERT_TRUE((*keeper)->Drain().ok());
  EXPECT_TRUE(StoreOutbox(*store).Text("p1")->has_value());
}

TEST_F(TextKeeperTest, ATextBehindItsDeletionIsDeletedAgain) {
  WriteHit("p1", "cũ", "1");
  WriteRetraction("p1", "2");
  Drain();
  WriteText("p1", "cũ", "1");
  WriteText("p2", "khác", "1");
  Drain();
  EXPECT_EQ(Kept("p1"), std::nullopt);
  EXPECT_THAT(Texts("p1"), ElementsAre("cũ", "-", "cũ", "-"));
  EXPECT_EQ(Kept("p2"), "khác");
  EXPECT_THAT(Texts("p2"), ElementsAre("khác")) << "nothing is known of it";
  EXPECT_EQ(Outdated(), 1);
  EXPECT_EQ(Marks(), 0);
}

TEST_F(TextKeeperTest, AlsoWhenOfThePostNothingButItsDeletionIsKnown) {
  WriteRetraction("p1", "");
  Drain();
  WriteText("p1", "cũ", "");
  Drain();
  EXPECT_EQ(Kept("p1"), std::nullopt);
  EXPECT_THAT(Texts("p1"), ElementsAre("-", "cũ", "-"));
}

// The text stands behind the tombstone when both are read, and the retraction is folded after that.
TEST_F(TextKeeperTest, ATextThatCameBeforeTheRetractionWasFoldedIsDeletedAgain) {
  WriteHit("p1", "cũ", "1");
  Drain();
  WriteTombstone("p1");
  WriteText("p1", "cũ", "1");
  Drain();
  ASSERT_EQ(Kept("p1"), "cũ") << "nobody can know better yet";
  WriteInbox(RetractionRecord{"p1", "2"});
  Drain();
  EXPECT_EQ(Kept("p1"), std::nullopt);
  EXPECT_THAT(Texts("p1"), ElementsAre("cũ", "-", "cũ", "-"));
  EXPECT_EQ(Outdated(), 1);
}

TEST_F(TextKeeperTest, ADroppedWorkerPutsRightWhatItsStoreHasMarked) {
  WriteHit("p1", "cũ", "1");
  WriteRetraction("p1", "2");
  Drain();
  WriteText("p1", "cũ", "1");
  streams_.FailNext(1);  // the tombstone
  EXPECT_TRUE(absl::IsResourceExhausted(workers_[0]->RunOnce(absl::ZeroDuration()).status()));
  ASSERT_EQ(streams_.failed(), 1) << "the fault never fired";
  EXPECT_EQ(Kept("p1"), std::nullopt) << "hidden all the same";
  Reopen();
  Drain();
  EXPECT_THAT(Texts("p1"), ElementsAre("cũ", "-", "cũ", "-"));
  EXPECT_EQ(Marks(), 0);
}

TEST_F(TextKeeperTest, ARefusedTombstoneIsRepeatedAndKeepsNothingFromRinging) {
  WriteHit("p1", "cũ", "1");
  WriteRetraction("p1", "2");
  Drain();
  WriteText("p1", "cũ", "1");
  WriteHit("p2", "khác", "1");
  streams_.FailNext(1);
  const auto step = workers_[0]->RunOnce(absl::ZeroDuration());
  ASSERT_TRUE(step.ok()) << step.status();
  EXPECT_GT(step->alerts, 0);
  ASSERT_EQ(streams_.failed(), 1) << "the fault never fired";
  Drain();
  EXPECT_THAT(Texts("p1"), ElementsAre("cũ", "-", "cũ", "-"));
}

// The mark of the retraction is durable before the retraction is.
TEST_F(TextKeeperTest, ARetractionThatIsFoldedAgainIsLookedAtAgain) {
  WriteHit("p1", "cũ", "1");
  Drain();
  WriteText("p1", "cũ", "1");
  Drain();
  auto keeper = *TextKeeper::Open("", streams_, *stores_[0], nullptr);
  keeper->Note(RetractionRecord{"p1", "2"});
  ASSERT_TRUE(keeper->MarkNoted().ok());
  EXPECT_EQ(Marks(), 1);
  keeper = nullptr;  // dies before the fold is committed
  Reopen();
  Drain();
  EXPECT_EQ(Kept("p1"), "cũ") << "the fold does not say so yet";
  EXPECT_EQ(Marks(), 0);
  EXPECT_EQ(Outdated(), 0);
  WriteInbox(RetractionRecord{"p1", "2"});
  Drain();
  EXPECT_EQ(Kept("p1"), std::nullopt);
  EXPECT_THAT(Texts("p1"), ElementsAre("cũ", "cũ", "-"));
}

TEST_F(TextKeeperTest, AnOlderTextBehindANewerOneIsAnsweredWithTheNewer) {
  WriteHit("p1", "cũ", "1");
  WriteHit("p1", "mới", "2");
  Drain();
  WriteText("p1", "cũ", "1");
  Drain();
  EXPECT_EQ(Kept("p1"), "mới");
  EXPECT_THAT(Texts("p1"), ElementsAre("cũ", "mới", "cũ", "mới"));
  const auto newest = streams_.Lookup(StreamId::kTexts, "p1");
  EXPECT_EQ(**newest, RecordOf("mới", "2")) << "whole";
  Reopen();
  Drain();
  EXPECT_THAT(Texts("p1"), ElementsAre("cũ", "mới", "cũ", "mới")) << "and not once more";
  EXPECT_EQ(Outdated(), 1);
}

TEST_F(TextKeeperTest, TheSameVersionOrNoneIsAsItComes) {
  WriteHit("p1", "một", "2");
  Drain();
  WriteText("p1", "hai", "2");
  WriteText("p2", "một", "2");
  WriteText("p2", "hai", "");
  WriteText("p2", "ba", "1");
  Drain();
  EXPECT_EQ(Kept("p1"), "hai");
  EXPECT_THAT(Texts("p1"), ElementsAre("một", "hai"));
  EXPECT_EQ(Kept("p2"), "ba");
  EXPECT_THAT(Texts("p2"), ElementsAre("một", "hai", "ba"));
  EXPECT_EQ(Outdated(), 0);
}

TEST_F(TextKeeperTest, WhatWasEditedToReportNothingStaysGone) {
  WriteHit("p1", "cũ", "1");
  Drain();
  WriteTombstone("p1");
  WriteInbox(EditRecord{.post = "p1", .version = "2"});
  Drain();
  WriteText("p1", "cũ", "1");
  Drain();
  EXPECT_EQ(Kept("p1"), std::nullopt);
  EXPECT_THAT(Texts("p1"), ElementsAre("cũ", "-", "cũ", "-"));
  // Before the edit is folded.
  WriteHit("p2", "cũ", "1");
  Drain();
  WriteTombstone("p2");
  WriteText("p2", "cũ", "1");
  WriteInbox(EditRecord{.post = "p2", .version = "2"});
  Drain();
  EXPECT_EQ(Kept("p2"), std::nullopt);
  EXPECT_THAT(Texts("p2"), ElementsAre("cũ", "-", "cũ", "-"));
}

TEST_F(TextKeeperTest, APostThatCameBackKeepsItsText) {
  WriteHit("p1", "cũ", "1");
  WriteRetraction("p1", "2");
  Drain();
  WriteHit("p1", "lại có", "3");
  Drain();
  EXPECT_EQ(Kept("p1"), "lại có");
  WriteText("p1", "cũ", "1");
  Drain();
  EXPECT_EQ(Kept("p1"), "lại có");
  EXPECT_THAT(Texts("p1"), ElementsAre("cũ", "-", "lại có", "cũ", "lại có"));
}

// Over a cluster the fold's rows come back from `state`, and the texts from their beginning.
TEST_F(TextKeeperTest, WhoeverReadsAnewAppendsNothingBehindWhatIsNewer) {
  WriteHit("p1", "cũ", "1");
  WriteHit("p1", "mới", "2");
  WriteHit("p2", "cũ", "1");
  WriteRetraction("p2", "2");
  Drain();
  workers_[0] = nullptr;
  auto changes = stores_[0]->NewChanges();
  for (const store::TableId id : {table::kTexts, table::kTextsRead}) {
    ASSERT_TRUE(stores_[0]
                    ->Scan(id, "", "",
                           [&](std::string_view key, std::string_view) {
                             changes->Delete(id, key);
                             return store::Visit::kContinue;
                           })
                    .ok());
  }
  ASSERT_TRUE(stores_[0]->Commit(*changes).ok());
  changes = nullptr;
  Open(0);
  Drain();
  EXPECT_EQ(Kept("p1"), "mới");
  EXPECT_THAT(Texts("p1"), ElementsAre("cũ", "mới"));
  EXPECT_EQ(Kept("p2"), std::nullopt);
  EXPECT_THAT(Texts("p2"), ElementsAre("cũ", "-"));
  EXPECT_EQ(Marks(), 0);
  EXPECT_EQ(Outdated(), 0);
}

TEST_F(TextKeeperTest, AnEmptyStoreFoldsItsWayToTheSame) {
  WriteHit("p1", "cũ", "1");
  WriteHit("p1", "mới", "2");
  WriteHit("p2", "cũ", "1");
  WriteRetraction("p2", "2");
  WriteHit("p2", "lại có", "3");
  Drain();
  ReopenEmpty();
  Drain();
  EXPECT_EQ(Kept("p1"), "mới");
  EXPECT_EQ(Kept("p2"), "lại có");
  EXPECT_EQ(Outdated(), 0);
}

TEST_F(TextKeeperTest, SeveralDesksAgreeAndComeToRest) {
  Open(1);
  WriteHit("p1", "cũ", "1");
  WriteRetraction("p1", "2");
  WriteHit("p2", "cũ", "1");
  WriteHit("p2", "mới", "2");
  Drain();
  WriteText("p1", "cũ", "1");
  WriteText("p2", "cũ", "1");
  Drain();
  const std::vector<std::string> p1 = Texts("p1"), p2 = Texts("p2");
  EXPECT_EQ(p1.back(), "-");
  EXPECT_EQ(p2.back(), "mới");
  EXPECT_LE(Outdated(), 4) << "each desk each post once";
  for (int d = 0; d < kDesks; ++d) {
    EXPECT_EQ(Kept("p1", d), std::nullopt);
    EXPECT_EQ(Kept("p2", d), "mới");
  }
  Drain();
  EXPECT_EQ(Texts("p1"), p1);
  EXPECT_EQ(Texts("p2"), p2);
}

// One desk has folded the deletion, the other has not and stands up for the newer text.
TEST_F(TextKeeperTest, ADeskThatIsBehindGivesWay) {
  Open(1);
  WriteHit("p1", "cũ", "1");
  WriteHit("p1", "mới", "2");
  Drain();
  WriteRetraction("p1", "3");
  WriteText("p1", "mới", "2");
  WriteText("p1", "cũ", "1");
  for (int round = 0; round < 5; ++round) {
    ASSERT_TRUE(workers_[0]->RunOnce(absl::ZeroDuration()).ok());
  }
  EXPECT_EQ(Kept("p1", 0), std::nullopt);
  Drain();
  for (int d = 0; d < kDesks; ++d) EXPECT_EQ(Kept("p1", d), std::nullopt);
  EXPECT_EQ(Texts("p1").back(), "-");
}

TEST_F(TextKeeperTest, ManyArePutRightInParts) {
  constexpr int kMany = 2'500;
  stream::WriteSet inbox, texts;
  for (int i = 0; i < kMany; ++i) {
    const std::string post = base::StrCat("p", i);
    filters::AppendInboxRecord(RetractionRecord{post, ""},
                               inbox.BeginRecord(StreamId::kInbox, DeskOf(0)));
    inbox.EndRecord();
    texts.Append(StreamId::kTexts, post, RecordOf("cũ", "1"));
  }
  ASSERT_TRUE(streams_.Write(inbox).ok());
  Drain();
  ASSERT_TRUE(streams_.Write(texts).ok());
  Drain();
  EXPECT_EQ(Outdated(), kMany);
  EXPECT_EQ(Marks(), 0);
  EXPECT_EQ(Texts("p7").back(), "-");
}

}  // namespace
}  // namespace keng::alerting
