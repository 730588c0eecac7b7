#include "tests/simulation/town.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "base/check.h"
#include "base/json_text.h"
#include "base/strings.h"

namespace keng::simulation {

using base::StrCat;

Town::Town(const Territory& territory, uint64_t seed, FaultCounts& faults)
    : territory_(territory), faults_(faults), random_(seed) {
  for (const Ward& ward : territory_.wards()) {
    for (const Topic& topic : territory_.topics()) stories_.push_back({topic.name, ward.code});
  }
  // std::shuffle may differ between libraries: a seed must not.
  for (size_t i = stories_.size(); i > 1; --i) std::swap(stories_[i - 1], stories_[Below(i)]);
}

// Of different slots, so that two processes read them.
std::string Town::SourceName(int source) { return StrCat("town", source); }

std::string Town::Filler(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    const auto& fillers = territory_.fillers();
    base::StrAppend(&text, i == 0 ? "" : " ", fillers[Below(fillers.size())]);
  }
  return text;
}

std::string Town::Report(const Story& story) {
  std::string phrase, name;
  for (const Topic& topic : territory_.topics()) {
    if (topic.name == story.topic) phrase = topic.phrase;
  }
  for (const Ward& ward : territory_.wards()) {
    if (ward.code == story.ward) name = ward.name;
  }
  return StrCat(Filler(12), ", ", phrase, " ở ", name, ", An Giang. ", Filler(18));
}

std::string Town::NewPost() { return StrCat("sim:", ++next_post_); }

std::string Town::Line(const std::string& post, const std::string& text, absl::Time now) {
  // Long enough ago that no jump of the clock makes it a thing of the future.
  const std::string stamp =
      absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", now - absl::Hours(6), absl::UTCTimeZone());
  const std::string version = absl::StrFormat("%06d", ++next_version_);
  versions_[post] = version;
  std::string line =
      StrCat("{\"id\":\"", post, "\",\"source\":\"sim:town\",\"url\":\"https://example.org/", post,
             "\",\"author\":\"author-", Below(20), "\",\"created_at\":\"", stamp,
             "\",\"kind\":\"post\",\"lang\":\"vi\",\"version\":\"", version, "\",\"text\":");
  base::AppendJsonString(text, line);
  line += '}';
  return line;
}

void Town::Write(absl::Time now) {
  const int source = static_cast<int>(Below(kSources));
  const uint64_t roll = Below(100);
  if (roll < 3) {
    ++broken_;
    faults_.Add(Fault::kLineBroken);
    return Add(source, "{\"id\": \"broken\", \"source\": ");
  }
  if (roll < 15) return EditOrDelete(now);
  if (roll < 22 && !lines_[source].empty()) {
    faults_.Add(Fault::kLineRepeated);
    const std::string again = lines_[source][Below(lines_[source].size())];
    if (again.starts_with("{\"id\": ")) ++broken_;
    return Add(source, again);
  }
  if (roll < 25) return RepeatAnywhere();
  if (roll < 30) return AddEditFirst(source, now);
  if (roll < 70) return AddReport(source, now);
  Add(source, Line(NewPost(), Filler(30), now));
}

void Town::AddReport(int source, absl::Time now) {
  const bool begins = begun_ == 0 || (begun_ < stories_.size() && Below(4) == 0);
  if (begins) ++begun_;
  const Story& story = begins ? stories_[begun_ - 1] : stories_[Below(begun_)];
  const std::string post = NewPost();
  const std::string text = Report(story);
  const std::string line = Line(post, text, now);
  Add(source, line);
  live_[story].insert(post);
  texts_[post] = text;
  if (begins) {
    anchors_[post] = story;
  } else {
    posts_.push_back({post, source, story});
    first_lines_.emplace_back(story, line);
  }
}

// Two sources are read by processes that do not know each other's posts.
void Town::RepeatAnywhere() {
  if (first_lines_.empty()) return;
  const auto& [story, line] = first_lines_[Below(first_lines_.size())];
  if (!anchored_.contains(story)) return;
  faults_.Add(Fault::kLineRepeated);
  Add(static_cast<int>(Below(kSources)), line);
}

// Its newer state arrives before its first one, which must then change nothing.
void Town::AddEditFirst(int source, absl::Time now) {
  if (anchored_.empty()) return;
  const Story story = *std::next(anchored_.begin(), static_cast<int>(Below(anchored_.size())));
  const std::string post = NewPost();
  const bool reports = Below(2) == 0;
  const std::string first = Line(post, Report(story), now);
  const std::string second = Line(post, reports ? Report(story) : Filler(30), now);
  Add(source, second);
  Add(source, first);
  if (reports) live_[story].insert(post);
  faults_.Add(Fault::kLineReordered);
}

void Town::EditOrDelete(absl::Time now) {
  std::vector<size_t> may;
  for (size_t i = 0; i < posts_.size(); ++i) {
    if (anchored_.contains(posts_[i].story)) may.push_back(i);
  }
  if (may.empty()) return;
  // The newest is the one that is still on its way, where an old state of it may come late.
  const size_t chosen = Below(2) == 0 ? may.back() : may[Below(may.size())];
  const Changeable post = posts_[chosen];
  posts_.erase(posts_.begin() + static_cast<std::ptrdiff_t>(chosen));
  texts_.erase(post.post);
  if (Below(2) == 0) {
    faults_.Add(Fault::kPostDeleted);
    std::string line =
        StrCat("{\"id\":\"", post.post, "\",\"source\":\"sim:town\",\"kind\":\"delete\"");
    if (Below(2) == 0)
      base::StrAppend(&line, ",\"version\":\"", absl::StrFormat("%06d", ++next_version_), "\"");
    Add(post.source, line + "}");
    deleted_.insert(post.post);
    live_[post.story].erase(post.post);
    return;
  }
  faults_.Add(Fault::kPostEdited);
  const bool reports = Below(2) == 0;
  Add(post.source, Line(post.post, reports ? Report(post.story) : Filler(30), now));
  if (reports) return;
  emptied_.insert(post.post);
  live_[post.story].erase(post.post);
}

void Town::SeenInInbox(const std::string& post) {
  const auto anchor = anchors_.find(post);
  if (anchor == anchors_.end()) return;
  anchored_.insert(anchor->second);
  anchors_.erase(anchor);
}

}  // namespace keng::simulation
