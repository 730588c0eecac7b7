#include "alerting/incident_fold.h"

#include "alerting/testing/fold_kit.h"

namespace keng::alerting {
namespace {

using filters::ActionRecord;
using filters::ActionVerb;
using filters::EditRecord;
using filters::HitRecord;
using filters::RetractionRecord;
using filters::RuleStatus;
using filters::SettingsRecord;
using filters::Severity;
using testing::FoldKit;
using testing::MakeHit;
using testing::SketchOf;

HitRecord HitAt(const std::string& post, const std::string& place) {
  HitRecord hit = MakeHit(post);
  hit.hit.place = place;
  hit.hit.cell = place.empty() ? "91" : place;
  hit.place_path =
      place.empty() ? std::vector<std::string>{} : std::vector{place, std::string("91")};
  return hit;
}

ActionRecord Act(const std::string& id, ActionVerb verb, const std::string& incident) {
  return ActionRecord{.id = id, .verb = verb, .incident = incident, .actor = "an"};
}

TEST(IncidentFoldTest, DifferentWordsAboutOnePlaceAreOneStory) {
  FoldKit kit;
  EXPECT_EQ(kit.Fold(MakeHit("p1")), Outcome::kOpened);
  EXPECT_EQ(kit.Fold(MakeHit("p2")), Outcome::kJoined);
  EXPECT_EQ(kit.Fold(MakeHit("p2")), Outcome::kDuplicate);
  const Incident incident = kit.Only();
  EXPECT_EQ(incident.posts, 2);
  EXPECT_EQ(incident.authors, 2);
  EXPECT_EQ(incident.state, IncidentState::kOpen);
  EXPECT_EQ(incident.first_post, "p1");
  EXPECT_EQ(kit.TakeReasons(), "opened");
}

TEST(IncidentFoldTest, AnotherPlaceOrTopicIsAnotherStory) {
  FoldKit kit;
  kit.Fold(HitAt("p1", "30307"));
  EXPECT_EQ(kit.Fold(HitAt("p2", "30310")), Outcome::kOpened);
  HitRecord other = MakeHit("p3");
  other.hit.topic = "bridge";
  EXPECT_EQ(kit.Fold(other), Outcome::kOpened);
  EXPECT_EQ(kit.TakeReasons(), "opened opened opened");
}

TEST(IncidentFoldTest, AWiderPlaceTakesInANarrowerOneButNotTheReverse) {
  FoldKit kit;
  kit.Fold(HitAt("p1", "30307"));
  HitRecord alley = HitAt("p2", "30307/khom-5");
  alley.place_path = {"30307/khom-5", "30307", "91"};
  EXPECT_EQ(kit.Fold(alley), Outcome::kJoined);
  HitRecord far = HitAt("p3", "30310/khom-1");
  far.place_path = {"30310/khom-1", "30310", "91"};
  EXPECT_EQ(kit.Fold(far), Outcome::kOpened);
  EXPECT_EQ(kit.Fold(HitAt("p4", "30310")), Outcome::kOpened);
}

TEST(IncidentFoldTest, TheWholeDeskSwallowsNothing) {
  FoldKit kit;
  kit.Fold(HitAt("p1", "91"));
  EXPECT_EQ(kit.Fold(HitAt("p2", "30307")), Outcome::kOpened);
  EXPECT_EQ(kit.Fold(HitAt("p3", "91")), Outcome::kJoined);
}

TEST(IncidentFoldTest, ARepostUnderAnotherPlaceJoins) {
  FoldKit kit;
  kit.Fold(HitAt("p1", "30307"));
  HitRecord repost = HitAt("p2", "30310");
  repost.sketch = MakeHit("p1").sketch;
  EXPECT_EQ(kit.Fold(repost), Outcome::kJoined);
  HitRecord nowhere = HitAt("p3", "");
  nowhere.sketch = MakeHit("p1").sketch;
  EXPECT_EQ(kit.Fold(nowhere), Outcome::kJoined);
  EXPECT_EQ(kit.Fold(HitAt("p4", "")), Outcome::kOpened);
  EXPECT_EQ(kit.Fold(HitAt("p5", "")), Outcome::kOpened);
}

TEST(IncidentFoldTest, AfterWHoursAnotherStoryBegins) {
  FoldKit kit;
  kit.Fold(MakeHit("p1"));
  kit.Advance(absl::Hours(6));
  EXPECT_EQ(kit.Fold(MakeHit("p2")), Outcome::kJoined);
  kit.Advance(absl::Hours(6) + absl::Seconds(1));
  EXPECT_EQ(kit.Fold(MakeHit("p3")), Outcome::kOpened);
  kit.Tick();
  int expired = 0;
  for (const Incident& incident : kit.Incidents()) {
    expired += incident.state == IncidentState::kExpired;
  }
  EXPECT_EQ(expired, 1);
}

TEST(IncidentFoldTest, SeveralRulesOfOnePostCountOnce) {
  FoldKit kit;
  kit.Fold(MakeHit("p1"));
  HitRecord second = MakeHit("p1");
  second.hit.rule = "flood-deep";
  second.rule.severity = Severity::kHigh;
  EXPECT_EQ(kit.Fold(second), Outcome::kJoined);
  EXPECT_EQ(kit.Only().posts, 1);
  EXPECT_EQ(kit.Only().severity, Severity::kHigh);
  EXPECT_EQ(kit.TakeReasons(), "opened severity_rose");
}

TEST(IncidentFoldTest, ThresholdCountsPostsAndAuthorsInItsWindow) {
  FoldKit kit;
  const auto hit = [](const std::string& post, const std::string& author) {
    HitRecord record = MakeHit(post);
    record.author = author;
    record.rule.threshold_posts = 3;
    record.rule.threshold_authors = 2;
    record.rule.threshold_window = absl::Minutes(10);
    return record;
  };
  kit.Fold(hit("p1", "a"));
  kit.Fold(hit("p2", "a"));
  kit.Fold(hit("p3", "a"));
  EXPECT_EQ(kit.TakeReasons(), "") << "one author only";
  kit.Advance(absl::Minutes(11));
  kit.Fold(hit("p4", "b"));
  kit.Fold(hit("p5", "b"));
  EXPECT_EQ(kit.TakeReasons(), "") << "the first three are out of the window";
  kit.Fold(RetractionRecord{"p5", ""});
  kit.Fold(hit("p6", "c"));
  EXPECT_EQ(kit.TakeReasons(), "") << "a retracted post does not count";
  kit.Fold(hit("p7", "c"));
  EXPECT_EQ(kit.TakeReasons(), "opened");
  EXPECT_EQ(kit.Only().posts, 6);
}

TEST(IncidentFoldTest, GrowsTenfoldAndIsNotRungAgainByADecrement) {
  FoldKit kit;
  for (int i = 0; i < 10; ++i) kit.Fold(MakeHit(std::to_string(i)));
  EXPECT_EQ(kit.TakeReasons(), "opened grew");
  for (int i = 1; i < 10; ++i) kit.Fold(RetractionRecord{std::to_string(i), ""});
  for (int i = 10; i < 30; ++i) kit.Fold(MakeHit(std::to_string(i)));
  EXPECT_EQ(kit.TakeReasons(), "");
}

TEST(IncidentFoldTest, RetractionTakesThePostEverywhere) {
  FoldKit kit;
  kit.Fold(MakeHit("p1"));
  kit.Fold(MakeHit("p2"));
  HitRecord bridge = MakeHit("p1");
  bridge.hit.topic = "bridge";
  bridge.hit.rule = "bridge-broken";
  kit.Fold(bridge);
  EXPECT_EQ(kit.TakeReasons(), "opened opened");
  EXPECT_EQ(kit.Fold(RetractionRecord{"p1", ""}), Outcome::kRetracted);
  EXPECT_EQ(kit.TakeReasons(), "retracted");
  for (const Incident& incident : kit.Incidents()) {
    if (incident.topic == "bridge") {
      EXPECT_EQ(incident.state, IncidentState::kRetracted);
      EXPECT_EQ(incident.first_post, "");
    } else {
      EXPECT_EQ(incident.posts, 1);
      EXPECT_EQ(incident.authors, 1);
      EXPECT_EQ(incident.first_post, "p2");
      EXPECT_EQ(incident.first_url, "https://example.org/p2");
    }
  }
}

TEST(IncidentFoldTest, WhatNeverRangIsRetractedSilently) {
  FoldKit kit;
  HitRecord hit = MakeHit("p1");
  hit.rule.threshold_posts = 2;
  kit.Fold(hit);
  kit.Fold(RetractionRecord{"p1", ""});
  EXPECT_EQ(kit.TakeReasons(), "");
  EXPECT_EQ(kit.Only().state, IncidentState::kRetracted);
}

TEST(IncidentFoldTest, ALateHitOfARetractedPostDoesNotBringItBack) {
  FoldKit kit;
  EXPECT_EQ(kit.Fold(RetractionRecord{"p1", ""}), Outcome::kRetractedUnknown);
  EXPECT_EQ(kit.Fold(MakeHit("p1")), Outcome::kSuperseded);
  HitRecord versioned = MakeHit("p2");
  versioned.version = "3";
  kit.Fold(RetractionRecord{"p2", "4"});
  EXPECT_EQ(kit.Fold(versioned), Outcome::kSuperseded);
  versioned.version = "5";
  EXPECT_EQ(kit.Fold(versioned), Outcome::kOpened);
  kit.Fold(RetractionRecord{"p2", ""});
  versioned.hit.rule = "flood-deep";
  EXPECT_EQ(kit.Fold(versioned), Outcome::kSuperseded)
      << "that it came back once does not help it after a second, final retraction";
}

TEST(IncidentFoldTest, AReopenedStoryExpiresInItsTime) {
  FoldKit kit;
  kit.Fold(MakeHit("p1"));
  kit.Fold(Act("1", ActionVerb::kResolved, kit.Only().id));
  kit.Advance(absl::Minutes(1));
  kit.Fold(MakeHit("p2"));
  kit.Advance(absl::Hours(6) + absl::Seconds(1));
  kit.Tick();
  EXPECT_EQ(kit.Only().state, IncidentState::kExpired) << "not only when R would have ended";
}

TEST(IncidentFoldTest, AnEditWithdrawsTheRulesThatItDoesNotName) {
  FoldKit kit;
  HitRecord hit = MakeHit("p1");
  hit.version = "1";
  kit.Fold(hit);
  hit.hit.rule = "flood-deep";
  kit.Fold(hit);
  EXPECT_EQ(kit.Fold(EditRecord{"p1", "2", {"flood-deep"}}), Outcome::kEdited);
  EXPECT_EQ(kit.Only().posts, 1);
  EXPECT_EQ(kit.Fold(EditRecord{"p1", "1", {}}), Outcome::kEditWithoutEffect) << "older";
  EXPECT_EQ(kit.Fold(EditRecord{"p1", "3", {}}), Outcome::kEdited);
  EXPECT_EQ(kit.Only().state, IncidentState::kRetracted);
  EXPECT_EQ(kit.TakeReasons(), "opened retracted");
  EXPECT_EQ(kit.Fold(hit), Outcome::kSuperseded);
}

TEST(IncidentFoldTest, AnEditMovesSpansAndText) {
  FoldKit kit;
  HitRecord hit = MakeHit("p1");
  hit.version = "1";
  hit.hit.spans = {{{1, 5}, "ngập", {}}};
  kit.Fold(hit);
  hit.version = "2";
  hit.hit.spans = {{{7, 11}, "ngập", {}}};
  hit.sketch = SketchOf(77);
  EXPECT_EQ(kit.Fold(hit), Outcome::kDuplicate);
  EXPECT_EQ(kit.Only().first_spans[0].span.begin, 7u);
  HitRecord repost = HitAt("p2", "");
  repost.sketch = SketchOf(77);
  EXPECT_EQ(kit.Fold(repost), Outcome::kJoined) << "compared with the new text";
}

TEST(IncidentFoldTest, ReceivedStopsTheRinging) {
  FoldKit kit;
  kit.Fold(MakeHit("p1"));
  const std::string id = kit.Only().id;
  EXPECT_EQ(kit.Fold(Act("1", ActionVerb::kReceived, id)), Outcome::kActionDone);
  EXPECT_EQ(kit.Fold(Act("1", ActionVerb::kReceived, id)), Outcome::kActionRepeated);
  EXPECT_EQ(kit.Fold(Act("2", ActionVerb::kReceived, "ix")), Outcome::kActionUnknownIncident);
  for (int i = 0; i < 20; ++i) kit.Fold(MakeHit("q" + std::to_string(i)));
  EXPECT_EQ(kit.TakeReasons(), "opened");
  EXPECT_EQ(kit.Only().received_by, "an");
  HitRecord worse = MakeHit("w");
  worse.rule.severity = Severity::kCritical;
  kit.Fold(worse);
  EXPECT_EQ(kit.TakeReasons(), "severity_rose");
}

TEST(IncidentFoldTest, ResolvedReopensWithinR) {
  FoldKit kit;
  kit.Fold(MakeHit("p1"));
  const std::string id = kit.Only().id;
  kit.Fold(Act("1", ActionVerb::kResolved, id));
  EXPECT_EQ(kit.TakeReasons(), "opened resolved");
  kit.Advance(absl::Hours(12));
  kit.Tick();
  EXPECT_EQ(kit.Fold(MakeHit("p2")), Outcome::kJoined);
  EXPECT_EQ(kit.TakeReasons(), "reopened");
  kit.Fold(Act("2", ActionVerb::kResolved, id));
  kit.Advance(absl::Hours(12) + absl::Seconds(1));
  EXPECT_EQ(kit.Fold(MakeHit("p3")), Outcome::kOpened);
}

TEST(IncidentFoldTest, NoiseKeepsItsRepostsQuietAndNothingElse) {
  FoldKit kit;
  kit.Fold(MakeHit("p1"));
  kit.Fold(Act("1", ActionVerb::kNoise, kit.Only().id));
  kit.TakeReasons();
  HitRecord repost = MakeHit("p2");
  repost.sketch = MakeHit("p1").sketch;
  EXPECT_EQ(kit.Fold(repost), Outcome::kJoined);
  EXPECT_EQ(kit.TakeReasons(), "");
  EXPECT_EQ(kit.Fold(MakeHit("p3")), Outcome::kOpened);
  EXPECT_EQ(kit.TakeReasons(), "opened");
}

TEST(IncidentFoldTest, SilenceOfACellCoversWhatIsBelowAndEnds) {
  FoldKit kit;
  ActionRecord silence{.id = "1", .verb = ActionVerb::kSilence, .cell = "30307"};
  silence.until = kit.now() + absl::Hours(1);
  kit.Fold(silence);
  HitRecord alley = HitAt("p1", "30307/khom-5");
  kit.Fold(alley);
  kit.Fold(HitAt("p2", "30310"));
  EXPECT_EQ(kit.TakeReasons(), "opened");
  kit.Advance(absl::Hours(1));
  kit.Tick();
  HitRecord again = HitAt("p3", "30307/khom-5");
  EXPECT_EQ(kit.Fold(again), Outcome::kJoined);
  EXPECT_EQ(kit.TakeReasons(), "opened") << "what was silenced rings with the next hit";
}

TEST(IncidentFoldTest, ReassignRingsTheOtherCell) {
  FoldKit kit;
  kit.Fold(MakeHit("p1"));
  ActionRecord action = Act("1", ActionVerb::kReassign, kit.Only().id);
  action.cell = "30310";
  kit.Fold(action);
  ASSERT_EQ(kit.alerts().size(), 2u);
  EXPECT_EQ(kit.alerts()[1].cell, "30310");
  EXPECT_EQ(kit.TakeReasons(), "opened reassigned");
}

TEST(IncidentFoldTest, PauseIsState) {
  FoldKit kit;
  kit.Fold(ActionRecord{.id = "1", .verb = ActionVerb::kPause});
  EXPECT_TRUE(kit.row().paused);
  kit.Fold(MakeHit("p1"));
  EXPECT_EQ(kit.TakeReasons(), "opened") << "decided all the same, the dispatcher holds it";
  kit.Fold(ActionRecord{.id = "2", .verb = ActionVerb::kResume});
  EXPECT_FALSE(kit.row().paused);
}

TEST(IncidentFoldTest, DraftRulesRingNobodyAndChangeNothing) {
  FoldKit kit;
  HitRecord draft = MakeHit("p1");
  draft.rule.status = RuleStatus::kDraft;
  kit.Fold(draft);
  EXPECT_EQ(kit.TakeReasons(), "");
  EXPECT_EQ(kit.Fold(MakeHit("p2")), Outcome::kOpened);
  EXPECT_EQ(kit.TakeReasons(), "opened");
}

TEST(IncidentFoldTest, ARumourIsOneStoryInAllPlaces) {
  FoldKit kit;
  const auto rumour = [](const std::string& post, const std::string& rule,
                         const std::string& place) {
    HitRecord hit = HitAt(post, place);
    hit.hit.topic = "rumour";
    hit.hit.rule = rule;
    return hit;
  };
  kit.Fold(rumour("p1", "dam", "30307"));
  EXPECT_EQ(kit.Fold(rumour("p2", "dam", "30310")), Outcome::kJoined);
  EXPECT_EQ(kit.Fold(rumour("p3", "salt", "30307")), Outcome::kOpened);
}

TEST(IncidentFoldTest, AStormBecomesASummary) {
  FoldKit kit;
  kit.Fold(SettingsRecord{3});
  for (int i = 0; i < 8; ++i) {
    HitRecord hit = HitAt(std::to_string(i), "");
    hit.hit.cell = "30307";
    kit.Fold(hit);
  }
  HitRecord other = HitAt("x", "30310");
  kit.Fold(other);
  EXPECT_EQ(kit.TakeReasons(), "opened opened opened storm opened");
  kit.Advance(absl::Hours(1) + absl::Seconds(1));
  kit.Tick();
  ASSERT_EQ(kit.alerts().size(), 1u);
  EXPECT_EQ(kit.alerts()[0].held_back.size(), 4u);
  EXPECT_EQ(kit.alerts()[0].cell, "30307");
  EXPECT_EQ(kit.TakeReasons(), "storm");
  kit.Fold(HitAt("y", ""));
  EXPECT_EQ(kit.TakeReasons(), "opened") << "a new hour";
}

TEST(IncidentFoldTest, AlertsHoldNoTrail) {
  FoldKit kit;
  kit.Fold(MakeHit("p1"));
  ASSERT_EQ(kit.alerts().size(), 1u);
  EXPECT_EQ(kit.alerts()[0].incident.first_post, "");
  EXPECT_EQ(kit.alerts()[0].incident.first_url, "");
}

TEST(IncidentFoldTest, TheTrailGoesAfter30DaysAndThePostAfter35) {
  FoldKit kit;
  kit.Fold(MakeHit("p1"));
  kit.Advance(absl::Hours(24 * 30 + 1));
  kit.Tick();
  EXPECT_EQ(kit.Only().first_post, "");
  EXPECT_EQ(kit.Only().first_url, "");
  EXPECT_EQ(kit.Only().posts, 1);
  const std::string dump = testing::DumpFold(kit.store());
  EXPECT_EQ(dump.find("a1:p1"), std::string::npos) << "the author key is gone";
  EXPECT_EQ(kit.Fold(MakeHit("p1")), Outcome::kDuplicate);
  kit.Advance(absl::Hours(24 * 36));
  kit.Tick();
  kit.Tick();
  EXPECT_EQ(testing::DumpFold(kit.store()).find("p1"), std::string::npos);
  kit.Advance(absl::Hours(24 * 396));
  kit.Tick();
  EXPECT_TRUE(kit.Incidents().empty());
}

TEST(IncidentFoldTest, TimeNeverGoesBack) {
  FoldKit kit;
  kit.Fold(MakeHit("p1"));
  kit.Advance(absl::Hours(5));
  kit.Tick();
  kit.Advance(-absl::Hours(4));
  kit.Fold(MakeHit("p2"));
  EXPECT_EQ(kit.row().now, testing::At(absl::Hours(5)));
  EXPECT_EQ(kit.Only().last_hit_at, testing::At(absl::Hours(5)));
}

TEST(IncidentFoldTest, CountersSumToTheRecords) {
  FoldKit kit;
  kit.Fold(MakeHit("p1"));
  kit.Fold(MakeHit("p1"));
  kit.Fold(RetractionRecord{"p1", ""});
  kit.Tick();
  kit.Reopen();
  int64_t sum = 0;
  for (const int64_t count : kit.row().outcomes) sum += count;
  EXPECT_EQ(sum, 4);
  EXPECT_EQ(kit.row().next_offset, 4);
}

// A tick that ends much leaves the rest to the next, at the same place wherever batches are cut.
TEST(IncidentFoldBounds, ATickChangesAboutSoMuchAndNoMore) {
  FoldKit kit;
  // Large rows: what ends is written again whole.
  constexpr int kIncidents = 80;
  for (int i = 0; i < kIncidents; ++i) {
    filters::HitRecord hit = MakeHit(base::StrCat("p", i));
    hit.hit.topic = base::StrCat("topic-", i);
    hit.rule.answer_vi = std::string(size_t{1} << 20, 'x');
    kit.Fold(hit);
  }
  kit.Advance(absl::Hours(30));
  kit.Tick();
  const auto expired = [&] {
    int count = 0;
    for (const Incident& incident : kit.Incidents()) {
      count += incident.state == IncidentState::kExpired ? 1 : 0;
    }
    return count;
  };
  const int first = expired();
  EXPECT_GT(first, 10);
  EXPECT_LT(first, kIncidents) << "the bound was not reached: the test proves nothing";
  for (int i = 0; i < 5; ++i) kit.Tick();
  EXPECT_EQ(expired(), kIncidents);
}

}  // namespace
}  // namespace keng::alerting
