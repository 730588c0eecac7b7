// Each row is an answer that a duty officer or an operator would ask for.

#include "alerting/decide.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "alerting/state_tables.h"

namespace keng::alerting {
namespace {

using filters::ActionVerb;
using filters::RuleStatus;

constexpr IncidentState kStates[] = {IncidentState::kGathering, IncidentState::kOpen,
                                     IncidentState::kReceived,  IncidentState::kResolved,
                                     IncidentState::kNoise,     IncidentState::kRetracted,
                                     IncidentState::kExpired};

absl::Time At(absl::Duration since_start) {
  return absl::FromUnixSeconds(1'760'000'400) + since_start;
}

struct JoinRow {
  const char* why;
  IncidentState state;
  JoinBasis basis;
  absl::Duration since_hit;
  absl::Duration since_closed;
  JoinVerdict verdict;
};

TEST(DecideJoin, Table) {
  constexpr auto kPlace = JoinBasis::kPlace;
  constexpr auto kText = JoinBasis::kNearDuplicate;
  const absl::Duration moment = absl::Seconds(1);
  const JoinRow rows[] = {
      {"open, within W", IncidentState::kOpen, kPlace, absl::Hours(6), {}, JoinVerdict::kJoin},
      {"open, beyond W",
       IncidentState::kOpen,
       kPlace,
       absl::Hours(6) + moment,
       {},
       JoinVerdict::kTooQuiet},
      {"gathering joins", IncidentState::kGathering, kPlace, moment, {}, JoinVerdict::kJoin},
      {"received joins", IncidentState::kReceived, kText, moment, {}, JoinVerdict::kJoin},
      {"resolved within R, however long since the last hit", IncidentState::kResolved, kPlace,
       absl::Hours(90), absl::Hours(12), JoinVerdict::kReopen},
      {"resolved beyond R", IncidentState::kResolved, kText, moment, absl::Hours(12) + moment,
       JoinVerdict::kTooLate},
      {"noise, the same text", IncidentState::kNoise, kText, moment, moment,
       JoinVerdict::kJoinQuietly},
      {"noise, the same text beyond W", IncidentState::kNoise, kText, absl::Hours(7), moment,
       JoinVerdict::kTooQuiet},
      {"noise, another text of the place", IncidentState::kNoise, kPlace, moment, moment,
       JoinVerdict::kClosed},
      {"retracted", IncidentState::kRetracted, kText, moment, moment, JoinVerdict::kClosed},
      {"expired", IncidentState::kExpired, kText, moment, moment, JoinVerdict::kClosed},
  };
  for (const JoinRow& row : rows) {
    Incident incident;
    incident.state = row.state;
    incident.facts.join_window = absl::Hours(6);
    incident.facts.reopen_window = absl::Hours(12);
    incident.last_hit_at = At(-row.since_hit);
    incident.closed_at = At(-row.since_closed);
    EXPECT_EQ(DecideJoin(incident, row.basis, At({})), row.verdict) << row.why;
  }
}

RingCase Rung(int64_t posts, int64_t posts_rung) {
  return {.state = IncidentState::kOpen, .posts = posts, .posts_rung = posts_rung};
}

TEST(DecideRing, Table) {
  struct Row {
    const char* why;
    RingCase ring;
    RingVerdict verdict;
    AlertReason reason;
  };
  const auto with = [](RingCase ring, auto change) {
    change(ring);
    return ring;
  };
  const AlertReason any = AlertReason::kOpened;
  const std::vector<Row> rows = {
      {"first", Rung(1, 0), RingVerdict::kRing, AlertReason::kOpened},
      {"more of the same", Rung(9, 1), RingVerdict::kNothingNew, any},
      {"tenfold", Rung(10, 1), RingVerdict::kRing, AlertReason::kGrew},
      {"tenfold of a larger one", Rung(119, 12), RingVerdict::kNothingNew, any},
      {"tenfold of a larger one, reached", Rung(120, 12), RingVerdict::kRing, AlertReason::kGrew},
      {"below its threshold",
       with(Rung(2, 0), [](RingCase& r) { r.state = IncidentState::kGathering; }),
       RingVerdict::kBelowThreshold, any},
      {"a draft rule never rings",
       with(Rung(1, 0), [](RingCase& r) { r.status = RuleStatus::kDraft; }),
       RingVerdict::kDraftRule, any},
      {"nor one under test", with(Rung(1, 0), [](RingCase& r) { r.status = RuleStatus::kTest; }),
       RingVerdict::kDraftRule, any},
      {"reopened", with(Rung(5, 4), [](RingCase& r) { r.reopened = true; }), RingVerdict::kRing,
       AlertReason::kReopened},
      {"worse", with(Rung(5, 4), [](RingCase& r) { r.severity_rose = true; }), RingVerdict::kRing,
       AlertReason::kSeverityRose},
      {"received: growth is quiet",
       with(Rung(10, 1), [](RingCase& r) { r.state = IncidentState::kReceived; }),
       RingVerdict::kReceived, any},
      {"received and worse rings",
       with(Rung(5, 4),
            [](RingCase& r) {
              r.state = IncidentState::kReceived;
              r.severity_rose = true;
            }),
       RingVerdict::kRing, AlertReason::kSeverityRose},
      {"closed", with(Rung(10, 1), [](RingCase& r) { r.state = IncidentState::kNoise; }),
       RingVerdict::kClosed, any},
      {"silenced", with(Rung(1, 0), [](RingCase& r) { r.silenced = true; }), RingVerdict::kSilenced,
       AlertReason::kOpened},
      {"the cell's cap",
       with(Rung(1, 0),
            [](RingCase& r) {
              r.rings_per_hour_max = 3;
              r.rings_this_hour = 3;
            }),
       RingVerdict::kHeldBack, AlertReason::kOpened},
      {"below the cap",
       with(Rung(1, 0),
            [](RingCase& r) {
              r.rings_per_hour_max = 3;
              r.rings_this_hour = 2;
            }),
       RingVerdict::kRing, AlertReason::kOpened},
      {"no cap", with(Rung(1, 0), [](RingCase& r) { r.rings_this_hour = 1000; }),
       RingVerdict::kRing, AlertReason::kOpened},
      {"silence goes before the cap: the summary must not speak of it",
       with(Rung(1, 0),
            [](RingCase& r) {
              r.silenced = true;
              r.rings_per_hour_max = 1;
              r.rings_this_hour = 1;
            }),
       RingVerdict::kSilenced, AlertReason::kOpened},
  };
  for (const Row& row : rows) {
    const RingDecision decision = DecideRing(row.ring);
    EXPECT_EQ(decision.verdict, row.verdict)
        << row.why << ": " << RingVerdictName(decision.verdict);
    if (row.verdict == RingVerdict::kRing || row.verdict == RingVerdict::kSilenced ||
        row.verdict == RingVerdict::kHeldBack) {
      EXPECT_EQ(decision.reason, row.reason) << row.why;
    }
  }
}

// What each action does in each state, as a picture: - nothing, or the first letter of the new
// state (Gathering, Open, rEceived, Resolved, Noise, reTracted, eXpired).
TEST(DecideAction, Table) {
  const auto letter = [](IncidentState state) { return "GOERNTX"[static_cast<int>(state)]; };
  const auto row = [&](ActionVerb verb) {
    std::string out;
    for (const IncidentState state : kStates) {
      const auto next = DecideAction(state, verb);
      out += next.has_value() ? letter(*next) : '-';
    }
    return out;
  };
  //                                        G O E R N T X
  EXPECT_EQ(row(ActionVerb::kReceived), "EE-----");
  EXPECT_EQ(row(ActionVerb::kResolved), "RRR---R");
  EXPECT_EQ(row(ActionVerb::kNoise), "NNNN--N");
  EXPECT_EQ(row(ActionVerb::kSilence), "GOERN-X");
  EXPECT_EQ(row(ActionVerb::kReassign), "GOERN-X");
  EXPECT_EQ(row(ActionVerb::kPause), "-------");
  EXPECT_EQ(row(ActionVerb::kResume), "-------");
}

TEST(ThresholdReached, NeedsPostsAndAuthors) {
  filters::RuleFacts facts;
  facts.threshold_posts = 3;
  facts.threshold_authors = 2;
  EXPECT_FALSE(ThresholdReached(facts, 2, 2));
  EXPECT_FALSE(ThresholdReached(facts, 9, 1));
  EXPECT_TRUE(ThresholdReached(facts, 3, 2));
}

TEST(QuietDeadline, IsAfterEverythingThatCouldStillHappen) {
  Incident incident;
  incident.facts.join_window = absl::Hours(6);
  incident.facts.threshold_window = absl::Hours(8);
  incident.facts.reopen_window = absl::Hours(12);
  incident.last_hit_at = At({});
  incident.closed_at = At(absl::Hours(1));
  const auto deadline = [&](IncidentState state) {
    incident.state = state;
    return QuietDeadline(incident) - At({});
  };
  EXPECT_EQ(deadline(IncidentState::kOpen), absl::Hours(6));
  EXPECT_EQ(deadline(IncidentState::kGathering), absl::Hours(8)) << "the longer of both windows";
  EXPECT_EQ(deadline(IncidentState::kResolved), absl::Hours(13));
  EXPECT_EQ(deadline(IncidentState::kRetracted), absl::Hours(1));
}

TEST(OlderVersion, OnlyWhenBothAreKnown) {
  EXPECT_TRUE(OlderVersion("1", "2"));
  EXPECT_FALSE(OlderVersion("2", "1"));
  EXPECT_FALSE(OlderVersion("1", "1"));
  EXPECT_FALSE(OlderVersion("", "2"));
  EXPECT_FALSE(OlderVersion("2", ""));
}

TEST(IsSuperseded, ByANewerStateOrByARetractionThatIsNotOlder) {
  const PostRow edited{.version = "2"};
  EXPECT_TRUE(IsSuperseded(edited, "1"));
  EXPECT_FALSE(IsSuperseded(edited, "2"));
  EXPECT_FALSE(IsSuperseded(edited, "3"));
  EXPECT_FALSE(IsSuperseded(edited, "")) << "the order of arrival stands";
  const PostRow retracted{.version = "2", .retracted = true, .retracted_version = "2"};
  EXPECT_TRUE(IsSuperseded(retracted, "1"));
  EXPECT_TRUE(IsSuperseded(retracted, "2"));
  EXPECT_FALSE(IsSuperseded(retracted, "3"));
  EXPECT_TRUE(IsSuperseded(retracted, ""));
  const PostRow for_good{.version = "2", .retracted = true};
  EXPECT_TRUE(IsSuperseded(for_good, "3")) << "a retraction without a version is final";
  EXPECT_FALSE(IsSuperseded(PostRow{}, "1"));
}

}  // namespace
}  // namespace keng::alerting
