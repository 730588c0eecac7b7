#include "alerting/group_command.h"

#include <algorithm>
#include <deque>
#include <iostream>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/clock.h"
#include "base/json_text.h"
#include "base/strings.h"
#include "filters/sketch.h"
#include "filters/text/fold.h"
#include "ingest/post_parser.h"
#include "store/min_hash.h"

namespace keng::alerting {

namespace {

constexpr size_t kBandEntriesMax =
    256;  // looked at in one band: in a crowd of the same any will do
constexpr size_t kComparedMax = 64;

struct Group {
  std::string first;  // id of its first post
  filters::Sketch sketch;
  store::BandKeys bands{};
};

// Groups by number, the oldest forgotten beyond the bound.
class Groups {
 public:
  explicit Groups(size_t groups_max) : groups_max_(groups_max) {}

  // The id of the group that the text belongs to; `id` itself when it begins one.
  std::string Join(const std::string& id, filters::Sketch sketch) {
    if (sketch.shingles.empty()) return id;
    const store::BandKeys bands = store::MinHashBands(sketch.shingles);
    for (const uint64_t number : Candidates(bands)) {
      const Group& group = groups_[number - forgotten_];
      if (filters::NearDuplicate(group.sketch, sketch)) return group.first;
    }
    if (groups_.size() == groups_max_) ForgetOldest();
    const uint64_t number = forgotten_ + groups_.size();
    for (size_t band = 0; band < bands.size(); ++band)
      index_[Key(band, bands[band])].push_back(number);
    groups_.push_back({.first = id, .sketch = std::move(sketch), .bands = bands});
    return id;
  }

 private:
  static uint64_t Key(size_t band, uint32_t key) {
    return (static_cast<uint64_t>(band) << 32) | key;
  }

  // Those with most bands in common first, then the oldest.
  std::vector<uint64_t> Candidates(const store::BandKeys& bands) const {
    absl::flat_hash_map<uint64_t, int> common;
    for (size_t band = 0; band < bands.size(); ++band) {
      const auto found = index_.find(Key(band, bands[band]));
      if (found == index_.end()) continue;
      const size_t count = std::min(found->second.size(), kBandEntriesMax);
      for (size_t i = 0; i < count; ++i) ++common[found->second[i]];
    }
    std::vector<std::pair<int, uint64_t>> ranked;
    ranked.reserve(common.size());
    for (const auto& [number, shared] : common) ranked.emplace_back(-shared, number);
    std::sort(ranked.begin(), ranked.end());
    if (ranked.size() > kComparedMax) ranked.resize(kComparedMax);
    std::vector<uint64_t> numbers;
    for (const auto& [shared, number] : ranked) numbers.push_back(number);
    return numbers;
  }

  void ForgetOldest() {
    const Group& oldest = groups_.front();
    for (size_t band = 0; band < oldest.bands.size(); ++band) {
      const auto found = index_.find(Key(band, oldest.bands[band]));
      auto& numbers = found->second;
      numbers.erase(std::remove(numbers.begin(), numbers.end(), forgotten_), numbers.end());
      if (numbers.empty()) index_.erase(found);
    }
    groups_.pop_front();
    ++forgotten_;
  }

  const size_t groups_max_;
  uint64_t forgotten_ = 0;  // number of groups_.front()
  std::deque<Group> groups_;
  absl::flat_hash_map<uint64_t, std::vector<uint64_t>> index_;
};

}  // namespace

int RunGroup(const GroupOptions& options, std::istream& in, std::ostream& out, std::ostream& err) {
  // A key of its own: the sketches never leave this process.
  constexpr uint64_t kSketchKey = 0x6b656e67;
  Groups groups(options.groups_max);
  ingest::PostParser parser;
  filters::Folder folder;
  filters::FoldedText folded;
  const absl::Time now = absl::Now();
  int64_t number = 0;
  int64_t broken = 0;
  std::string answer;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const size_t size = line.size();
    line.resize(size + ingest::PostParser::kPadding);
    ingest::Post post;
    const ingest::DropReason reason = parser.Parse(std::string_view(line).substr(0, size),
                                                   ingest::PostParser::Mode::kTool, now, post);
    if (reason != ingest::DropReason::kNone) {
      if (++broken <= 20)
        err << "line " << number << ": " << ingest::DropReasonName(reason) << "\n";
      continue;
    }
    folder.Fold(post.text, folded);
    const std::string group = groups.Join(
        std::string(post.id), filters::MakeSketch(post.text, folded.text(), kSketchKey));
    answer.assign(R"({"id":)");
    base::AppendJsonString(post.id, answer);
    answer.append(R"(,"group":)");
    base::AppendJsonString(group, answer);
    answer.append("}\n");
    out << answer;
  }
  if (broken > 0) err << broken << " of " << number << " lines are no posts\n";
  return broken > 0 ? 1 : 0;
}

}  // namespace keng::alerting
