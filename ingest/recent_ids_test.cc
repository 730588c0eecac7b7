#include "ingest/recent_ids.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <utility>

#include "base/strings.h"

namespace keng::ingest {
namespace {

base::Hash128 IdOf(int number) { return base::StableHash128(base::StrCat("post:", number)); }

PostState StateOf(const std::string& text, const std::string& version = "",
                  PostKind kind = PostKind::kPost) {
  Post post;
  post.id = "post:1";
  post.kind = kind;
  post.text = text;
  post.version = version;
  return PostState::Of(post);
}

TEST(CompareStates, TellsRepetitionFromEdit) {
  const PostState first = StateOf("ngập", "1");
  EXPECT_EQ(CompareStates(nullptr, first), StateOrder::kNew);
  EXPECT_EQ(CompareStates(&first, StateOf("ngập", "1")), StateOrder::kRepeated);
  EXPECT_EQ(CompareStates(&first, StateOf("hết ngập", "2")), StateOrder::kNewer);
  const PostState second = StateOf("hết ngập", "2");
  EXPECT_EQ(CompareStates(&second, first), StateOrder::kOutdated) << "it comes late";
  const PostState unversioned = StateOf("ngập");
  EXPECT_EQ(CompareStates(&unversioned, StateOf("hết ngập")), StateOrder::kNewer)
      << "without versions the order of arrival stands";
}

TEST(CompareStates, ADeletedPostStaysDeleted) {
  const PostState deleted = StateOf("", "", PostKind::kDelete);
  EXPECT_EQ(CompareStates(&deleted, StateOf("ngập", "1")), StateOrder::kOutdated);
  EXPECT_EQ(CompareStates(&deleted, StateOf("", "", PostKind::kDelete)), StateOrder::kRepeated);
  const PostState live = StateOf("ngập", "1");
  EXPECT_EQ(CompareStates(&live, deleted), StateOrder::kNewer);
}

// Against a model that forgets nothing: what it remembers is right, and it forgets only for lack of
// room, and counts it.
TEST(RecentIds, RemembersRightOrNotAtAll) {
  RecentIds recent(1024);
  std::map<int, uint64_t> model;
  std::mt19937 random(11);
  int known = 0, missed = 0;
  for (int i = 0; i < 20'000; ++i) {
    // Mostly ids of the last few hundred, as repetitions are.
    const int number = i / 10 + static_cast<int>(random() % 300);
    const PostState* found = recent.Find(IdOf(number));
    const auto expected = model.find(number);
    if (found != nullptr) {
      ASSERT_NE(expected, model.end()) << number;
      ASSERT_EQ(found->hash, expected->second) << number;
      ++known;
    } else if (expected != model.end()) {
      ++missed;
    }
    const PostState state = StateOf(base::StrCat("text ", random() % 5));
    recent.Put(IdOf(number), state);
    model[number] = state.hash;
  }
  EXPECT_GT(known, 10'000);
  EXPECT_LT(missed, known / 100) << "ids of the last minutes are nearly always known";
  EXPECT_LE(recent.size(), 1024u);
  EXPECT_EQ(recent.size() + recent.forgotten(), model.size() + static_cast<size_t>(missed));
}

}  // namespace
}  // namespace keng::ingest
