#ifndef KENG_ALERTING_TESTING_FOLD_KIT_H_
#define KENG_ALERTING_TESTING_FOLD_KIT_H_

// What tests of the fold share: a store in a folder of its own, an inbox that numbers and times its
// records, and short ways to make records.

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "alerting/incident_fold.h"
#include "base/clock.h"
#include "base/temporary_folder.h"
#include "filters/inbox_record.h"
#include "gtest/gtest.h"
#include "store/store.h"

namespace keng::alerting::testing {

inline absl::Time At(absl::Duration since_start) {
  return absl::FromUnixSeconds(1'760'000'400) + since_start;  // on the hour
}

struct InboxEntry {
  std::string desk;
  absl::Time appended_at;
  filters::InboxRecord record;
};

inline std::unique_ptr<store::Store> OpenStore(const std::string& path, const base::Clock& clock) {
  auto opened =
      store::Store::Open({.path = path, .layout = std::string(kStateLayout)}, clock, nullptr);
  EXPECT_TRUE(opened.ok()) << opened.status();
  return *std::move(opened);
}

// All rows of the tables as one string.
inline std::string DumpTables(const store::View& view, absl::Span<const store::TableId> tables) {
  std::string dump;
  for (const store::TableId id : tables) {
    const absl::Status status =
        view.Scan(id, "", "", [&](std::string_view key, std::string_view value) {
          dump += static_cast<char>(id);
          AppendBig(key.size(), dump);
          dump += key;
          AppendBig(value.size(), dump);
          dump += value;
          return store::Visit::kContinue;
        });
    EXPECT_TRUE(status.ok()) << status;
  }
  return dump;
}

inline std::string DumpFold(const store::View& view) { return DumpTables(view, kFoldTables); }

// An inbox and its fold, for tests that tell a story record by record.
class FoldKit {
 public:
  FoldKit() : store_(OpenStore(folder_.path(), clock_)) { Reopen(); }

  // What was not committed is lost, as in a crash.
  void Reopen() {
    auto fold = IncidentFold::Open(*store_, 0);
    EXPECT_TRUE(fold.ok()) << fold.status();
    fold_ = *std::move(fold);
  }

  // Appends and folds at the current time; alerts are kept in alerts().
  Outcome Fold(filters::InboxRecord record) {
    inbox_.push_back({"91", now_, std::move(record)});
    const InboxEntry& entry = inbox_.back();
    const auto outcome = fold_->Apply(entry.desk, static_cast<int64_t>(inbox_.size()) - 1,
                                      entry.appended_at, entry.record);
    EXPECT_TRUE(outcome.ok()) << outcome.status();
    for (const Alert& alert : fold_->alerts()) alerts_.push_back(alert);
    const absl::Status committed = fold_->Commit();
    EXPECT_TRUE(committed.ok()) << committed;
    return outcome.ok() ? *outcome : Outcome::kBroken;
  }
  Outcome Tick() { return Fold(filters::TickRecord{now_}); }
  void Advance(absl::Duration step) { now_ += step; }

  std::vector<Incident> Incidents() const {
    std::vector<Incident> incidents;
    const absl::Status status =
        store_->Scan(table::kIncidents, "", "", [&](std::string_view, std::string_view value) {
          IncidentRow row;
          EXPECT_TRUE(Decode(value, row).ok());
          incidents.push_back(row.incident);
          return store::Visit::kContinue;
        });
    EXPECT_TRUE(status.ok()) << status;
    return incidents;
  }
  // REQUIRES: there is one.
  Incident Only() const {
    const std::vector<Incident> incidents = Incidents();
    EXPECT_EQ(incidents.size(), 1u);
    return incidents.empty() ? Incident{} : incidents[0];
  }
  // Reasons of the alerts since the last call, "opened grew".
  std::string TakeReasons() {
    std::string reasons;
    for (const Alert& alert : alerts_) {
      if (!reasons.empty()) reasons += ' ';
      reasons += AlertReasonName(alert.reason);
    }
    alerts_.clear();
    return reasons;
  }

  const std::vector<Alert>& alerts() const { return alerts_; }
  const std::vector<InboxEntry>& inbox() const { return inbox_; }
  store::Store& store() { return *store_; }
  base::FakeClock& clock() { return clock_; }
  absl::Time now() const { return now_; }
  const FoldRow& row() const { return fold_->row(); }

 private:
  base::TemporaryFolder folder_{"keng-fold"};
  base::FakeClock clock_{At({})};
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<IncidentFold> fold_;
  absl::Time now_ = At({});
  std::vector<InboxEntry> inbox_;
  std::vector<Alert> alerts_;
};

// A sketch of a text that is like no other number's.
inline filters::Sketch SketchOf(uint32_t text) {
  filters::Sketch sketch;
  for (uint32_t i = 0; i < 100; ++i) sketch.shingles.push_back(text * 1000 + i);
  return sketch;
}

// A hit of "flood" in cell and place 30307 by an author of its own, with a text of its own.
inline filters::HitRecord MakeHit(const std::string& post) {
  filters::HitRecord hit;
  hit.hit.post = post;
  hit.hit.rule = "flood-street";
  hit.hit.topic = "flooding";
  hit.hit.cell = "30307";
  hit.hit.place = "30307";
  hit.hit.reason = filters::RouteReason::kExplicit;
  hit.place_path = {"30307", "91"};
  hit.rule.title_vi = "Ngập";
  hit.author = "a1:" + post;
  hit.url = "https://example.org/" + post;
  hit.sketch = SketchOf(static_cast<uint32_t>(std::hash<std::string>()(post) % 4'000'000));
  return hit;
}

}  // namespace keng::alerting::testing

#endif  // KENG_ALERTING_TESTING_FOLD_KIT_H_
