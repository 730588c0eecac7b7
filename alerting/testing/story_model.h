#ifndef KENG_ALERTING_TESTING_STORY_MODEL_H_
#define KENG_ALERTING_TESTING_STORY_MODEL_H_

// Which posts are one story, written a second time from the definition (alerting/incident_fold.h):
// lists that are searched from end to end, no store, no index, no code of the fold. The oracle of
// story_oracle_test.cc.
//
// What it leaves out: thresholds (every story rings at once), severity, the storm cap, erasure of
// trails. Texts are near-duplicates here when they are equal.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "filters/inbox_record.h"

namespace keng::alerting::testing {

class StoryModel {
 public:
  enum class State { kOpen, kReceived, kResolved, kNoise, kRetracted, kExpired };
  struct Post {
    std::string id;
    std::vector<uint32_t> text;
    std::set<std::string> rules;
  };
  struct Story {
    std::string topic, rule, place;
    State state = State::kOpen;
    absl::Time last_hit, closed_at;
    absl::Duration join_window, reopen_window;
    std::vector<Post> posts;  // in the order in which they came
  };

  // `now`: of the record, never before that of the record before it. What became of the record in
  // the words of OutcomeName().
  std::string Apply(absl::Time now, const filters::HitRecord& hit);
  std::string Apply(absl::Time now, const filters::EditRecord& edit);
  std::string Apply(absl::Time now, const filters::RetractionRecord& gone);
  std::string Apply(absl::Time now, const filters::TickRecord& tick);
  // An action on the story with this number.
  std::string Act(absl::Time now, size_t story, filters::ActionVerb verb);

  // In the order of opening; a story's number is its place here.
  const std::vector<Story>& stories() const { return stories_; }

 private:
  struct Known {
    std::string version;
    std::optional<std::string> retracted_version;
    std::map<std::string, std::string> hits;  // rule -> version when last seen
    std::map<std::string, size_t> stories;    // rule -> story
  };

  // The better of the stories that the test takes; nullopt: none can be joined.
  template <typename Takes>
  std::optional<size_t> Best(absl::Time now, bool by_text, const Takes& takes) const;
  std::optional<size_t> Find(absl::Time now, const filters::HitRecord& hit) const;
  void Leave(absl::Time now, size_t story, const std::string& post, const std::string& rule);

  std::vector<Story> stories_;
  std::map<std::string, Known> posts_;
};

}  // namespace keng::alerting::testing

#endif  // KENG_ALERTING_TESTING_STORY_MODEL_H_
