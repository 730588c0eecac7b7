// The fold against a slow model of the same definition, on random inboxes; and against itself, cut
// into other batches with crashes between.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "alerting/testing/fold_kit.h"
#include "alerting/testing/story_model.h"
#include "base/strings.h"

namespace keng::alerting {
namespace {

using base::StrCat;
using filters::ActionRecord;
using filters::ActionVerb;
using filters::EditRecord;
using filters::HitRecord;
using filters::RetractionRecord;
using filters::TickRecord;
using testing::FoldKit;
using testing::MakeHit;
using testing::SketchOf;
using testing::StoryModel;

std::string NameOf(StoryModel::State state) {
  switch (state) {
    case StoryModel::State::kOpen:
      return "open";
    case StoryModel::State::kReceived:
      return "received";
    case StoryModel::State::kResolved:
      return "resolved";
    case StoryModel::State::kNoise:
      return "noise";
    case StoryModel::State::kRetracted:
      return "retracted";
    case StoryModel::State::kExpired:
      return "expired";
  }
  return "";
}

// Few posts, places and texts, so that they meet all the time.
class RandomInbox {
 public:
  explicit RandomInbox(uint32_t seed) : random_(seed) {}

  uint32_t Below(uint32_t n) { return random_() % n; }

  HitRecord Hit() {
    static const std::vector<std::vector<std::string>> kPaths = {{},
                                                                 {"91"},
                                                                 {"30307", "91"},
                                                                 {"30307/khom-1", "30307", "91"},
                                                                 {"30307/khom-2", "30307", "91"},
                                                                 {"30310", "91"},
                                                                 {"old:1", "30310", "91"}};
    HitRecord hit = MakeHit(StrCat("p", Below(60)));
    const uint32_t kind = Below(5);
    hit.hit.topic = kind == 0 ? "bridge" : kind == 1 ? "rumour" : "flooding";
    hit.hit.rule = StrCat(hit.hit.topic, "-", Below(2));
    hit.place_path = kPaths[Below(static_cast<uint32_t>(kPaths.size()))];
    hit.hit.place = hit.place_path.empty() ? "" : hit.place_path.front();
    hit.hit.cell = hit.place_path.size() < 2 ? "91" : hit.place_path[hit.place_path.size() - 2];
    hit.sketch = SketchOf(Below(3) == 0 ? Below(6) : 1000 + next_text_++);
    hit.version = Version();
    return hit;
  }
  EditRecord Edit() {
    EditRecord edit{.post = StrCat("p", Below(60)), .version = Version()};
    for (const char* rule : {"flooding-0", "flooding-1", "bridge-0", "rumour-1"}) {
      if (Below(2) == 0) edit.rules.emplace_back(rule);
    }
    return edit;
  }
  RetractionRecord Retraction() { return {StrCat("p", Below(60)), Below(2) == 0 ? "" : Version()}; }
  absl::Duration Step() {
    return Below(12) == 0 ? absl::Minutes(Below(15 * 60)) : absl::Seconds(1 + Below(600));
  }

 private:
  std::string Version() { return Below(3) == 0 ? "" : StrCat(Below(9)); }

  std::mt19937 random_;
  uint32_t next_text_ = 0;
};

// The model and the fold over one inbox, record by record.
class Comparison {
 public:
  explicit Comparison(uint32_t seed) : inbox_(seed) {}

  void Run(int records) {
    for (int i = 0; i < records && !::testing::Test::HasFailure(); ++i) Step(i);
    CompareStories();
    EXPECT_EQ(testing::DumpFold(kit_.store()), Refolded()) << "other batches, crashes between";
  }

  std::map<std::string, int> outcomes;

 private:
  void Step(int i) {
    kit_.Advance(inbox_.Step());
    const uint32_t kind = inbox_.Below(20);
    if (kind < 12) {
      Both(i, inbox_.Hit());
    } else if (kind < 14) {
      Both(i, inbox_.Edit());
    } else if (kind < 16) {
      Both(i, inbox_.Retraction());
    } else if (kind < 17 || ids_.empty()) {
      Both(i, TickRecord{kit_.now()});
    } else {
      const size_t story = inbox_.Below(static_cast<uint32_t>(ids_.size()));
      const ActionVerb verbs[] = {ActionVerb::kReceived, ActionVerb::kResolved, ActionVerb::kNoise};
      const ActionVerb verb = verbs[inbox_.Below(3)];
      Compare(i,
              kit_.Fold(ActionRecord{.id = StrCat("a", i), .verb = verb, .incident = ids_[story]}),
              model_.Act(kit_.now(), story, verb));
    }
  }

  template <typename Record>
  void Both(int i, const Record& record) {
    const std::vector<Incident> before = kit_.Incidents();
    const Outcome outcome = kit_.Fold(record);
    Compare(i, outcome, model_.Apply(kit_.now(), record));
    if (outcome != Outcome::kOpened) return;
    for (const Incident& incident : kit_.Incidents()) {
      if (std::none_of(before.begin(), before.end(),
                       [&](const Incident& old) { return old.id == incident.id; })) {
        ids_.push_back(incident.id);
      }
    }
  }

  void Compare(int i, Outcome fold, const std::string& model) {
    EXPECT_EQ(OutcomeName(fold), model) << "record " << i;
    ++outcomes[model];
  }

  void CompareStories() {
    ASSERT_EQ(ids_.size(), model_.stories().size());
    std::map<std::string, Incident> incidents;
    for (const Incident& incident : kit_.Incidents()) incidents[incident.id] = incident;
    std::map<std::string, int> opened;
    for (const Alert& alert : kit_.alerts()) {
      if (alert.reason == AlertReason::kOpened) ++opened[alert.incident.id];
    }
    for (size_t i = 0; i < ids_.size(); ++i) {
      const StoryModel::Story& story = model_.stories()[i];
      const Incident& incident = incidents[ids_[i]];
      EXPECT_EQ(IncidentStateName(incident.state), NameOf(story.state)) << i;
      EXPECT_EQ(incident.posts, static_cast<int64_t>(story.posts.size())) << i;
      EXPECT_EQ(incident.first_post, story.posts.empty() ? "" : story.posts.front().id) << i;
      EXPECT_EQ(opened[ids_[i]], 1) << "each story rings as opened once";
    }
  }

  // The same inbox in batches of random sizes, each of which may be lost before its commit.
  std::string Refolded() {
    const base::TemporaryFolder folder("keng-fold");
    const auto store = testing::OpenStore(folder.path(), kit_.clock());
    auto fold = *IncidentFold::Open(*store, 0);
    while (fold->next_offset() < static_cast<int64_t>(kit_.inbox().size())) {
      for (uint32_t left = 1 + inbox_.Below(40); left > 0; --left) {
        const auto offset = static_cast<size_t>(fold->next_offset());
        if (offset >= kit_.inbox().size()) break;
        const testing::InboxEntry& entry = kit_.inbox()[offset];
        EXPECT_TRUE(
            fold->Apply(entry.desk, fold->next_offset(), entry.appended_at, entry.record).ok());
      }
      if (inbox_.Below(3) == 0) {
        fold = *IncidentFold::Open(*store, 0);  // killed before the commit
        continue;
      }
      EXPECT_TRUE(fold->Commit().ok());
      if (inbox_.Below(3) == 0) fold = *IncidentFold::Open(*store, 0);  // killed after it
    }
    return testing::DumpFold(*store);
  }

  RandomInbox inbox_;
  FoldKit kit_;
  StoryModel model_;
  std::vector<std::string> ids_;  // of the model's stories
};

TEST(StoryOracle, TheFoldAndTheModelTellTheSameStories) {
  std::map<std::string, int> outcomes;
  for (uint32_t seed = 1; seed <= (KENG_THOROUGH ? 25 : 8) && !HasFailure(); ++seed) {
    SCOPED_TRACE(StrCat("seed ", seed));
    Comparison comparison(seed);
    comparison.Run(300);
    for (const auto& [name, count] : comparison.outcomes) outcomes[name] += count;
  }
  // The comparison means something: each of these was met.
  for (const char* name :
       {"opened", "joined", "duplicate", "superseded", "edited", "edit_without_effect", "retracted",
        "retracted_unknown", "action_done", "action_without_effect", "tick"}) {
    EXPECT_GT(outcomes[name], 20) << name;
  }
}

}  // namespace
}  // namespace keng::alerting
