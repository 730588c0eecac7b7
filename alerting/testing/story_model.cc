#include "alerting/testing/story_model.h"

#include <algorithm>
#include <tuple>

namespace keng::alerting::testing {
namespace {

using filters::ActionVerb;
using State = StoryModel::State;

bool Live(State state) { return state == State::kOpen || state == State::kReceived; }

// 0: joins, 1: reopens, 2: joins quietly, 3: does not join.
int Rank(const StoryModel::Story& story, bool by_text, absl::Time now) {
  const bool recent = now - story.last_hit <= story.join_window;
  if (Live(story.state)) return recent ? 0 : 3;
  if (story.state == State::kResolved) return now - story.closed_at <= story.reopen_window ? 1 : 3;
  if (story.state == State::kNoise) return by_text && recent ? 2 : 3;
  return 3;
}

bool Older(const std::string& a, const std::string& b) { return !a.empty() && !b.empty() && a < b; }

}  // namespace

template <typename Takes>
std::optional<size_t> StoryModel::Best(absl::Time now, bool by_text, const Takes& takes) const {
  std::optional<size_t> best;
  for (size_t i = 0; i < stories_.size(); ++i) {
    const int rank = Rank(stories_[i], by_text, now);
    if (rank == 3 || !takes(stories_[i])) continue;
    if (!best.has_value() || std::make_tuple(rank, -absl::ToUnixNanos(stories_[i].last_hit)) <
                                 std::make_tuple(Rank(stories_[*best], by_text, now),
                                                 -absl::ToUnixNanos(stories_[*best].last_hit))) {
      best = i;
    }
  }
  return best;
}

std::optional<size_t> StoryModel::Find(absl::Time now, const filters::HitRecord& hit) const {
  const auto same_topic = [&](const Story& story) { return story.topic == hit.hit.topic; };
  const auto by_text = Best(now, true, [&](const Story& story) {
    return same_topic(story) && !story.posts.empty() &&
           story.posts.front().text == hit.sketch.shingles;
  });
  if (by_text.has_value()) return by_text;
  if (hit.hit.topic == "rumour") {
    return Best(now, false, [&](const Story& story) {
      return same_topic(story) && story.rule == hit.hit.rule;
    });
  }
  std::vector<std::string> places;
  if (!hit.hit.place.empty()) places.push_back(hit.hit.place);
  for (const std::string& place : hit.place_path) {
    if (place != "91") places.push_back(place);
  }
  for (const std::string& place : places) {
    const auto by_place = Best(
        now, false, [&](const Story& story) { return same_topic(story) && story.place == place; });
    if (by_place.has_value()) return by_place;
  }
  return std::nullopt;
}

std::string StoryModel::Apply(absl::Time now, const filters::HitRecord& hit) {
  Known& known = posts_[hit.hit.post];
  if (known.retracted_version.has_value()) {
    if (known.retracted_version->empty() || hit.version <= *known.retracted_version) {
      return "superseded";
    }
  }
  if (Older(hit.version, known.version)) return "superseded";
  known.retracted_version.reset();
  known.version = std::max(known.version, hit.version);
  const std::string& rule = hit.hit.rule;
  if (const auto seen = known.hits.find(rule); seen != known.hits.end()) {
    if (Older(seen->second, hit.version)) {
      seen->second = hit.version;
      for (Post& post : stories_[known.stories[rule]].posts) {
        if (post.id == hit.hit.post) post.text = hit.sketch.shingles;
      }
    }
    return "duplicate";
  }
  known.hits[rule] = hit.version;
  for (const auto& [other, story] : known.stories) {
    if (stories_[story].topic != hit.hit.topic) continue;
    for (Post& post : stories_[story].posts) {
      if (post.id == hit.hit.post) post.rules.insert(rule);
    }
    known.stories.emplace(rule, story);
    return "joined";
  }
  const Post post{.id = hit.hit.post, .text = hit.sketch.shingles, .rules = {rule}};
  const std::optional<size_t> found = Find(now, hit);
  if (!found.has_value()) {
    known.stories[rule] = stories_.size();
    stories_.push_back({.topic = hit.hit.topic,
                        .rule = rule,
                        .place = hit.hit.place,
                        .last_hit = now,
                        .join_window = hit.rule.join_window,
                        .reopen_window = hit.rule.reopen_window,
                        .posts = {post}});
    return "opened";
  }
  Story& story = stories_[*found];
  if (story.state == State::kResolved) story.state = State::kOpen;
  story.last_hit = now;
  story.posts.push_back(post);
  known.stories[rule] = *found;
  return "joined";
}

void StoryModel::Leave(absl::Time now, size_t story_number, const std::string& id,
                       const std::string& rule) {
  Story& story = stories_[story_number];
  for (auto post = story.posts.begin(); post != story.posts.end(); ++post) {
    if (post->id != id) continue;
    post->rules.erase(rule);
    if (!post->rules.empty()) return;
    story.posts.erase(post);
    if (!story.posts.empty()) return;
    if (Live(story.state)) story.closed_at = now;
    story.state = State::kRetracted;
    return;
  }
}

std::string StoryModel::Apply(absl::Time now, const filters::EditRecord& edit) {
  Known& known = posts_[edit.post];
  if (known.retracted_version.has_value() || Older(edit.version, known.version)) {
    return "edit_without_effect";
  }
  known.version = std::max(known.version, edit.version);
  std::vector<std::string> gone;
  for (const auto& [rule, version] : known.hits) {
    if (std::find(edit.rules.begin(), edit.rules.end(), rule) == edit.rules.end()) {
      gone.push_back(rule);
    }
  }
  for (const std::string& rule : gone) {
    Leave(now, known.stories[rule], edit.post, rule);
    known.hits.erase(rule);
    known.stories.erase(rule);
  }
  return gone.empty() ? "edit_without_effect" : "edited";
}

std::string StoryModel::Apply(absl::Time now, const filters::RetractionRecord& gone) {
  Known& known = posts_[gone.post];
  const bool had = !known.hits.empty();
  for (const auto& [rule, story] : known.stories) Leave(now, story, gone.post, rule);
  known.hits.clear();
  known.stories.clear();
  known.retracted_version = std::max(known.retracted_version.value_or(""), gone.version);
  known.version = std::max(known.version, gone.version);
  return had ? "retracted" : "retracted_unknown";
}

std::string StoryModel::Apply(absl::Time now, const filters::TickRecord&) {
  for (Story& story : stories_) {
    if (!Live(story.state) || story.last_hit + story.join_window >= now) continue;
    story.state = State::kExpired;
    story.closed_at = now;
  }
  return "tick";
}

std::string StoryModel::Act(absl::Time now, size_t number, ActionVerb verb) {
  Story& story = stories_[number];
  if (verb == ActionVerb::kReceived) {
    if (story.state != State::kOpen) return "action_without_effect";
    story.state = State::kReceived;
  } else if (verb == ActionVerb::kResolved) {
    if (!Live(story.state) && story.state != State::kExpired) return "action_without_effect";
    story.state = State::kResolved;
    story.closed_at = now;
  } else {
    if (story.state == State::kNoise || story.state == State::kRetracted) {
      return "action_without_effect";
    }
    story.state = State::kNoise;
    story.closed_at = now;
  }
  return "action_done";
}

}  // namespace keng::alerting::testing
