#ifndef KENG_TESTS_SIMULATION_TOWN_H_
#define KENG_TESTS_SIMULATION_TOWN_H_

// What people write in one run, and what must have rung in the end: computed from the posts and the
// definition alone, with nothing of the program.
//
// A story is a topic in a ward. A report names one topic and one ward, so that the place alone
// decides; all come within the joining window, so that each story is one incident, opened once. For
// that no story may ever be without a post, in whatever order the filters let posts overtake each
// other: the first report of a story, its anchor, stays as it is, and others are deleted or edited
// only once the anchor stands in the inbox. From then on what a report first said may come in any
// source, also when it was deleted or edited since: it carries a version, and is old.

#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "tests/simulation/fault.h"
#include "tests/simulation/territory.h"

namespace keng::simulation {

// 2026-09-14: the middle of a month, so that no key of authors is changed.
inline const absl::Time kStart = absl::FromUnixSeconds(1'789'351'866);

struct Story {
  std::string topic, ward;  // name and code
  auto operator<=>(const Story&) const = default;
};

class Town {
 public:
  static constexpr int kSources = 2;

  Town(const Territory& territory, uint64_t seed, FaultCounts& faults);

  // Somebody writes: one line more, or two, in one of the sources.
  void Write(absl::Time now);
  // The hits of this post stand in the inbox.
  void SeenInInbox(const std::string& post);

  // What a source has to read, complete lines without their ends. A source's lines only grow.
  const std::vector<std::string>& lines(int source) const { return lines_[source]; }
  static std::string SourceName(int source);

  // The truth. A post that is not deleted and reports something is live.
  const std::map<Story, std::set<std::string>>& live() const { return live_; }
  const std::set<std::string>& deleted() const { return deleted_; }
  // Edited so that it reports nothing.
  const std::set<std::string>& emptied() const { return emptied_; }
  // Never changed: its text must be found in whatever quotes it.
  bool IsUntouched(const std::string& post) const { return texts_.contains(post); }
  const std::string& TextOf(const std::string& post) const { return texts_.at(post); }
  // Of the newest state of a post that is not deleted.
  const std::string& VersionOf(const std::string& post) const { return versions_.at(post); }
  int64_t broken() const { return broken_; }

 private:
  struct Changeable {
    std::string post;
    int source;
    Story story;
  };

  uint64_t Below(uint64_t n) { return random_() % n; }
  std::string Filler(int count);
  std::string Report(const Story& story);
  std::string Line(const std::string& post, const std::string& text, absl::Time now);
  std::string NewPost();
  void Add(int source, std::string line) { lines_[source].push_back(std::move(line)); }
  void AddReport(int source, absl::Time now);
  void AddEditFirst(int source, absl::Time now);
  void RepeatAnywhere();
  void EditOrDelete(absl::Time now);

  const Territory& territory_;
  FaultCounts& faults_;
  std::mt19937_64 random_;
  std::vector<std::string> lines_[kSources];
  std::vector<Story> stories_;  // in the order in which they begin
  size_t begun_ = 0;
  std::map<std::string, Story> anchors_;  // that the inbox has not
  std::set<Story> anchored_;
  std::vector<Changeable> posts_;  // reports that are no anchors and were not changed
  std::vector<std::pair<Story, std::string>> first_lines_;  // of all that were ever among these
  int next_post_ = 0;
  int next_version_ = 0;

  std::map<Story, std::set<std::string>> live_;
  std::set<std::string> deleted_, emptied_;
  std::map<std::string, std::string> texts_, versions_;
  int64_t broken_ = 0;
};

}  // namespace keng::simulation

#endif  // KENG_TESTS_SIMULATION_TOWN_H_
