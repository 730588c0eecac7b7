#include "ingest/ingest_stage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <string>

#include "ingest/testing/ingest_rig.h"

namespace keng::ingest {
namespace {

using stream::StreamId;
using testing::HasSubstr;
using testing::Not;

// The posts stream as one string.
std::string AllPosts(IngestRig& rig) {
  std::string all;
  for (const auto& [key, value] : rig.Records(StreamId::kPosts)) all += value + "\n";
  return all;
}

TEST(IngestStage, StoresMasksAndHashes) {
  IngestRig rig;
  auto source = rig.OpenSource("feed");
  const auto result = AddLine(
      *source, PostLine("x:1", "ngập, gọi 0912345678", R"(,"author":"teo","name":"PLANTED")"));
  EXPECT_EQ(result.outcome, IngestOutcome::kStored);
  ASSERT_TRUE(source->Commit("at 1").ok());
  const auto records = rig.Records(StreamId::kPosts);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].first, "x:1");
  EXPECT_THAT(records[0].second, HasSubstr("\"text\":\"ngập, gọi **********\""));
  EXPECT_THAT(records[0].second, HasSubstr("\"author\":\"a1:"));
  EXPECT_THAT(records[0].second, Not(HasSubstr("teo")));
  EXPECT_THAT(records[0].second, Not(HasSubstr("PLANTED")));
}

TEST(IngestStage, EveryLineEndsInOneOutcome) {
  struct Step {
    std::string line;
    IngestOutcome outcome;
    DropReason reason = DropReason::kNone;
    const char* why;
  };
  const Step steps[] = {
      {PostLine("x:1", "a"), IngestOutcome::kStored, {}, "new"},
      {PostLine("x:1", "a"), IngestOutcome::kDuplicate, {}, "the same state in one batch"},
      {PostLine("x:1", "a", R"(,"reach":{"likes":9})"),
       IngestOutcome::kDuplicate,
       {},
       "reach only"},
      {PostLine("x:1", "b"), IngestOutcome::kStored, {}, "an edit by arrival"},
      {PostLine("x:2", "a", R"(,"version":"05")"), IngestOutcome::kStored, {}, "new"},
      {PostLine("x:2", "b", R"(,"version":"04")"), IngestOutcome::kDuplicate, {}, "outdated"},
      {PostLine("x:2", "c", R"(,"version":"06")"),
       IngestOutcome::kStored,
       {},
       "an edit by version"},
      {"{", IngestOutcome::kDropped, DropReason::kJsonSyntax, "broken"},
      {PostLine("x:3", "\\ud800"), IngestOutcome::kDropped, DropReason::kUnicode, "surrogate"},
      {DeleteLine("x:1"), IngestOutcome::kStored, {}, "a deletion"},
      {DeleteLine("x:1"), IngestOutcome::kDuplicate, {}, "deleted already"},
      {PostLine("x:1", "c"), IngestOutcome::kDuplicate, {}, "a deletion wins over a late state"},
      {DeleteLine("x:9"), IngestOutcome::kStored, {}, "a deletion before its post"},
      {PostLine("x:9", "a"), IngestOutcome::kDuplicate, {}, "a late creation"},
  };
  // The same, whether the batch ends after each line (and the stage is opened anew) or never.
  for (const bool reopen : {false, true}) {
    IngestRig rig;
    auto source = rig.OpenSource("feed");
    for (const Step& step : steps) {
      const auto result = AddLine(*source, step.line);
      EXPECT_EQ(result.outcome, step.outcome) << step.why << " reopen=" << reopen;
      EXPECT_EQ(result.reason, step.reason) << step.why;
      if (!reopen) continue;
      ASSERT_TRUE(source->Commit("").ok());
      source.reset();
      rig.Close();
      rig.Open();
      source = rig.OpenSource("feed");
    }
    ASSERT_TRUE(source->Commit("").ok());
    const SourceCounters& counters = source->counters();
    EXPECT_EQ(counters.lines, 14);
    EXPECT_EQ(counters.stored, 6);
    EXPECT_EQ(counters.duplicate, 6);
    EXPECT_EQ(counters.outdated, 3);
    EXPECT_EQ(counters.edits, 2);
    EXPECT_EQ(counters.deletions, 2);
    EXPECT_EQ(counters.dropped_total(), 2);
    EXPECT_EQ(rig.Records(StreamId::kPosts).size(), 6u);
    EXPECT_EQ(rig.Records(StreamId::kDead).size(), 2u);
  }
}

TEST(IngestStage, MarksEditsForTheStagesBehind) {
  IngestRig rig;
  auto source = rig.OpenSource("feed");
  AddLine(*source, PostLine("x:1", "a"));
  AddLine(*source, PostLine("x:2", "a", R"(,"edited_at":"2026-09-14T02:06:00Z")"));
  ASSERT_TRUE(source->Commit("").ok());
  EXPECT_THAT(AllPosts(rig), HasSubstr(R"("edit":true)")) << "the source says so";
  AddLine(*source, PostLine("x:1", "b"));
  ASSERT_TRUE(source->Commit("").ok());
  std::string last;
  for (const auto& [key, value] : rig.Records(StreamId::kPosts))
    if (key == "x:1") last = value;
  EXPECT_THAT(last, HasSubstr(R"("edit":true)")) << "another state was stored before";
}

TEST(IngestStage, CountersAndResumePointComeBackTogether) {
  IngestRig rig;
  auto source = rig.OpenSource("feed");
  AddLine(*source, PostLine("x:1", "a"));
  AddLine(*source, "broken");
  ASSERT_TRUE(source->Commit("after 2").ok());
  AddLine(*source, PostLine("x:2", "a"));  // never durable
  source.reset();
  rig.Close();
  rig.Open();
  source = rig.OpenSource("feed");
  EXPECT_EQ(source->resume_point(), "after 2");
  EXPECT_EQ(source->counters().lines, 2);
  EXPECT_EQ(source->counters().stored, 1);
  EXPECT_EQ(source->counters().dropped[static_cast<size_t>(DropReason::kJsonSyntax)], 1);
  EXPECT_EQ(AddLine(*source, PostLine("x:2", "a")).outcome, IngestOutcome::kStored)
      << "the line that was not committed comes again and is no duplicate";
}

TEST(IngestStage, DiscardForgetsTheBatch) {
  IngestRig rig;
  auto source = rig.OpenSource("feed");
  AddLine(*source, PostLine("x:1", "a"));
  source->Discard();
  EXPECT_EQ(AddLine(*source, PostLine("x:1", "a")).outcome, IngestOutcome::kStored)
      << "a refused push must be stored when it is sent again";
  ASSERT_TRUE(source->Commit("").ok());
  EXPECT_EQ(source->counters().lines, 1);
}

TEST(IngestStage, DeadHasNoNameAndNoNumber) {
  IngestRig rig;
  auto source = rig.OpenSource("feed");
  AddLine(*source,
          R"({"id":"x:1","author":"PLANTED","who":"PLANTED","text":"0912345678 67A-123.45")", 77);
  AddLine(*source, R"(PLANTED 0912345678)", 78);
  ASSERT_TRUE(source->Commit("").ok());
  const auto dead = rig.Records(StreamId::kDead);
  ASSERT_EQ(dead.size(), 2u);
  for (const auto& [key, value] : dead) {
    EXPECT_EQ(key, "ingest");
    EXPECT_THAT(value, Not(HasSubstr("PLANTED")));
    EXPECT_THAT(value, Not(HasSubstr("0912345678")));
    EXPECT_THAT(value, Not(HasSubstr("123.45")));
  }
  EXPECT_THAT(dead[0].second, HasSubstr("\"position\":77,"));
  EXPECT_THAT(dead[0].second, HasSubstr("\"reason\":\"json_syntax\""));
  EXPECT_THAT(dead[0].second, HasSubstr("\"source\":\"feed\""));
}

TEST(IngestStage, OptedOutAndExpiredLeaveNoContent) {
  IngestRig rig;
  {
    std::ofstream list(rig.path("opt_out"));
    list << "# asked on 3 May\nx:page:9\n"
         << "sha256:" << base::HexPrefix(base::Sha256("x:a\nteo"), 64) << "\n";
  }
  rig.opt_outs = std::make_shared<OptOutList>(*OptOutList::Load(rig.path("opt_out")));
  rig.Close();
  rig.Open();
  SourceOptions options{"feed", "test", "test", rig.clock.Now() + absl::Hours(1)};
  auto source = *rig.stage->OpenSource(options);
  EXPECT_EQ(AddLine(*source, PostLine("x:1", "CONTENT", R"(,"account":"x:page:9")")).reason,
            DropReason::kOptedOut);
  EXPECT_EQ(AddLine(*source, PostLine("x:2", "CONTENT", R"(,"author":"teo")")).reason,
            DropReason::kOptedOut);
  EXPECT_EQ(AddLine(*source, PostLine("x:3", "CONTENT", R"(,"author":"ty")")).outcome,
            IngestOutcome::kStored);
  rig.clock.Advance(absl::Hours(1));
  EXPECT_TRUE(source->expired());
  EXPECT_EQ(AddLine(*source, PostLine("x:4", "CONTENT")).reason, DropReason::kExpiredSource);
  ASSERT_TRUE(source->Commit("").ok());
  const auto dead = rig.Records(StreamId::kDead);
  ASSERT_EQ(dead.size(), 3u);
  for (const auto& [key, value] : dead) EXPECT_THAT(value, Not(HasSubstr("CONTENT")));
}

TEST(IngestStage, DeletionOfAnAccountReachesAllItsPostsUnderAllKeys) {
  IngestRig rig;
  auto source = rig.OpenSource("feed");
  AddLine(*source, PostLine("x:1", "a", R"(,"author":"teo")"));
  AddLine(*source, PostLine("x:2", "a", R"(,"author":"ty")"));
  AddLine(*source, PostLine("x:3", "a", R"(,"author":"teo")"));
  AddLine(*source, DeleteLine("x:3"));
  ASSERT_TRUE(source->Commit("").ok());
  rig.clock.Advance(absl::Hours(24 * 20));  // another month, another key
  AddLine(*source, PostLine("x:4", "a"));
  ASSERT_TRUE(source->Commit("").ok());
  AddLine(*source, PostLine("x:5", "a", R"(,"author":"teo")"));
  ASSERT_TRUE(source->Commit("").ok());
  EXPECT_THAT(AllPosts(rig), HasSubstr("\"author\":\"a2:"));
  AddLine(*source, PostLine("x:6", "a", R"(,"author":"teo")"));  // in the same batch
  AddLine(*source, DeleteLine("x:user:teo", R"(,"scope":"author","author":"teo")"));
  ASSERT_TRUE(source->Commit("").ok());
  std::map<std::string, std::string> newest;
  for (const auto& [key, value] : rig.Records(StreamId::kPosts)) newest[key] = value;
  for (const char* id : {"x:1", "x:3", "x:5", "x:6", "x:user:teo"})
    EXPECT_THAT(newest[id], HasSubstr("\"kind\":\"delete\"")) << id;
  for (const char* id : {"x:2", "x:4"})
    EXPECT_THAT(newest[id], HasSubstr("\"kind\":\"post\"")) << id;
  EXPECT_EQ(source->counters().expanded, 3) << "x:3 was deleted before";
  EXPECT_THAT(AllPosts(rig), Not(HasSubstr("\"author\":\"teo\"")));
  EXPECT_EQ(AddLine(*source, PostLine("x:1", "a", R"(,"author":"teo")")).outcome,
            IngestOutcome::kDuplicate)
      << "it stays deleted";
}

TEST(IngestStage, ForgetDeletesByIdAndByLink) {
  IngestRig rig;
  auto source = rig.OpenSource("feed");
  AddLine(*source, PostLine("x:1", "a", R"(,"url":"https://x.example/1")"));
  AddLine(*source, PostLine("x:2", "a"));
  ASSERT_TRUE(source->Commit("").ok());
  EXPECT_EQ(*rig.stage->Forget("https://x.example/1"), std::vector<std::string>{"x:1"});
  EXPECT_EQ(*rig.stage->Forget("x:2"), std::vector<std::string>{"x:2"});
  EXPECT_EQ(*rig.stage->Forget("x:unknown"), std::vector<std::string>{"x:unknown"});
  EXPECT_EQ(rig.stage->Forget("https://x.example/7").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(AddLine(*source, PostLine("x:1", "a")).outcome, IngestOutcome::kDuplicate);
  std::map<std::string, std::string> newest;
  for (const auto& [key, value] : rig.Records(StreamId::kPosts)) newest[key] = value;
  EXPECT_THAT(newest["x:1"], HasSubstr("\"kind\":\"delete\""));
  EXPECT_THAT(newest["x:2"], HasSubstr("\"kind\":\"delete\""));
  const auto counters = *ReadAllCounters(*rig.streams);
  ASSERT_EQ(counters.size(), 2u);
  EXPECT_EQ(counters[1].first, "forget");
  EXPECT_EQ(counters[1].second.stored, 3);
}

TEST(IngestStage, RefusesSourcesWithoutPurposeOrTwice) {
  IngestRig rig;
  const auto open = [&](SourceOptions options) {
    return rig.stage->OpenSource(std::move(options)).status().code();
  };
  EXPECT_EQ(open({"feed", "", "me"}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(open({"feed", "why", ""}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(open({"Feed", "why", "me"}), absl::StatusCode::kInvalidArgument);
  auto source = rig.OpenSource("feed");
  EXPECT_EQ(open({"feed", "why", "me"}), absl::StatusCode::kAlreadyExists);
  source.reset();
  EXPECT_EQ(open({"feed", "why", "me"}), absl::StatusCode::kOk);
}

TEST(IngestStage, PressureFollowsTheSlowestReaderOfPosts) {
  IngestOptions options;
  options.lag_max = 2;
  IngestRig rig(options);
  auto reader = *rig.streams->OpenReader("filters", StreamId::kPosts);
  auto source = rig.OpenSource("feed");
  EXPECT_TRUE(source->Pressure().ok());
  for (int i = 0; i < 8; ++i) AddLine(*source, PostLine(base::StrCat("x:", i), "a"));
  ASSERT_TRUE(source->Commit("").ok());
  source.reset();
  source = rig.OpenSource("feed");
  EXPECT_EQ(source->Pressure().code(), absl::StatusCode::kUnavailable);
}

TEST(IngestStage, MetricsAreTheDurableCounters) {
  IngestRig rig;
  auto source = rig.OpenSource("feed");
  AddLine(*source, PostLine("x:1", "a"));
  AddLine(*source, PostLine("x:1", "a"));
  AddLine(*source, "{");
  EXPECT_THAT(rig.metrics->Expose(), HasSubstr("keng_ingest_lines_total{source=\"feed\"} 0"));
  ASSERT_TRUE(source->Commit("").ok());
  source.reset();
  rig.Close();
  rig.metrics = std::make_unique<base::Metrics>();  // another process
  rig.Open();
  source = rig.OpenSource("feed");
  const std::string text = rig.metrics->Expose();
  EXPECT_THAT(text, HasSubstr("keng_ingest_lines_total{source=\"feed\"} 3"));
  EXPECT_THAT(text,
              HasSubstr("keng_ingest_dropped_total{reason=\"json_syntax\",source=\"feed\"} 1"));
  EXPECT_THAT(text, HasSubstr("keng_ingest_recent_ids 1"));
}

TEST(IngestStage, ASourceThatComesBackIsNotCountedTwice) {
  IngestRig rig;
  for (int round = 0; round < 3; ++round) {
    auto source = rig.OpenSource("feed");
    AddLine(*source, PostLine(base::StrCat("x:", round), "a"));
    ASSERT_TRUE(source->Commit("").ok());
  }
  EXPECT_THAT(rig.metrics->Expose(), HasSubstr("keng_ingest_lines_total{source=\"feed\"} 3"));
}

// A model that forgets nothing, put to the same random edits, deletions and repetitions.
TEST(RecentIds, AgreesWithAModelWhileThereIsRoom) {
  std::mt19937 random(11);
  RecentIds recent(1 << 12);
  std::map<std::string, PostState> model;
  for (int round = 0; round < 20000; ++round) {
    const std::string id = base::StrCat("x:", random() % 500);
    const std::string text = base::StrCat(random() % 3), version = base::StrCat(random() % 3);
    Post post;
    post.text = text;
    post.version = random() % 2 == 0 ? std::string_view(version) : std::string_view();
    post.kind = random() % 4 == 0 ? PostKind::kDelete : PostKind::kPost;
    const PostState state = PostState::Of(post);
    const auto known = model.find(id);
    const base::Hash128 hash = base::StableHash128(id);
    const StateOrder expected =
        CompareStates(known == model.end() ? nullptr : &known->second, state);
    ASSERT_EQ(CompareStates(recent.Find(hash), state), expected);
    if (expected != StateOrder::kNew && expected != StateOrder::kNewer) continue;
    model[id] = state;
    recent.Put(hash, state);
  }
  EXPECT_EQ(recent.size(), model.size());
  EXPECT_EQ(recent.forgotten(), 0u);
}

TEST(RecentIds, ForgetsTheOldestAndCountsIt) {
  RecentIds recent(8);
  for (uint64_t i = 0; i < 9; ++i) recent.Put({0, i * 2 + 2}, PostState());
  EXPECT_EQ(recent.size(), 8u);
  EXPECT_EQ(recent.forgotten(), 1u);
  EXPECT_EQ(recent.Find({0, 2}), nullptr) << "the first";
  EXPECT_NE(recent.Find({0, 4}), nullptr);
  EXPECT_NE(recent.Find({0, 18}), nullptr);
}

}  // namespace
}  // namespace keng::ingest
