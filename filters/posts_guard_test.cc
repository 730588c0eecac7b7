#include "filters/posts_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "base/check.h"
#include "base/clock.h"
#include "base/strings.h"
#include "ingest/post_writer.h"
#include "stream/embedded/embedded_streams.h"
#include "stream/testing/memory_streams.h"

namespace keng::filters {
namespace {

using ingest::Post;
using ingest::PostKind;
using stream::Offset;
using stream::StreamId;
using testing::ElementsAre;
using testing::HasSubstr;
using Standing = PostsGuard::Standing;

const absl::Time kNow = absl::FromUnixSeconds(1'792'300'000);

enum class As : uint8_t { kPlain, kEdit, kDeletion };

Post Make(std::string_view id, std::string_view text, std::string_view version, As as) {
  Post post;
  post.id = id;
  post.source = "test";
  post.text = text;
  post.version = version;
  post.edit = as == As::kEdit;
  if (as == As::kDeletion)
    post.kind = PostKind::kDelete;
  else
    post.created_at = kNow;
  return post;
}

// One partition of `posts`.
class PostsGuardTest : public testing::Test {
 protected:
  PostsGuardTest() : clock_(kNow), streams_(stream::DefaultStreams(1), clock_) { Open({}); }

  void Open(PostsGuardOptions options) {
    guard_ = std::make_unique<PostsGuard>(options, streams_, "0", metrics_);
  }

  // Appends it to `posts` and returns where it stands.
  Offset Store(const Post& post) {
    stream::WriteSet set;
    ingest::AppendPostJson(post, set.BeginRecord(StreamId::kPosts, post.id));
    set.EndRecord();
    KENG_CHECK(streams_.Write(set).ok(), "");
    return *streams_.End(StreamId::kPosts, 0) - 1;
  }
  // The record appended and seen by the guard.
  Standing StoreAndObserve(const Post& post) { return guard_->Observe(post, Store(post)); }

  // The values that Restore() appends to `posts`.
  std::vector<std::string> Restored() {
    stream::WriteSet writes;
    const auto left = guard_->Restore(writes);
    EXPECT_TRUE(left.ok()) << left.status();
    unrestored_ = left.ok() ? *left : -1;
    std::vector<std::string> values;
    tombstones_ = 0;
    for (const auto& entry : writes.entries()) {
      if (entry.stream == StreamId::kPosts)
        values.emplace_back(writes.value(entry));
      else if (entry.stream == StreamId::kTexts && entry.tombstone)
        ++tombstones_;
    }
    return values;
  }
  void WarmUp(Offset next) {
    guard_->Expect(0, next);
    while (!guard_->warm()) ASSERT_TRUE(guard_->WarmUp().ok());
  }

  base::FakeClock clock_;
  base::Metrics metrics_;
  stream::MemoryStreams streams_;
  std::unique_ptr<PostsGuard> guard_;
  int64_t unrestored_ = 0;
  int tombstones_ = 0;
};

TEST_F(PostsGuardTest, KnowsOnlyWhatWasEditedOrDeleted) {
  EXPECT_FALSE(guard_->Knows("t:1"));
  StoreAndObserve(Make("t:1", "b", "2", As::kEdit));
  StoreAndObserve(Make("t:2", "", "", As::kDeletion));
  EXPECT_TRUE(guard_->Knows("t:1"));
  EXPECT_TRUE(guard_->Knows("t:2"));
  EXPECT_FALSE(guard_->Knows("t:3"));
  EXPECT_THAT(Restored(), ElementsAre());
  EXPECT_THAT(metrics_.Expose(), HasSubstr(R"(keng_filters_newer_states{partition="0"} 2)"));
}

TEST_F(PostsGuardTest, ATextBehindADeletionIsOutdatedAndTheDeletionComesAgain) {
  StoreAndObserve(Make("t:1", "", "5", As::kDeletion));
  EXPECT_EQ(StoreAndObserve(Make("t:1", "a", "1", As::kPlain)), Standing::kOutdated);
  EXPECT_THAT(Restored(),
              ElementsAre(R"({"id":"t:1","kind":"delete","source":"test","version":"5"})"));
  EXPECT_EQ(tombstones_, 1) << "its text goes again too";
  EXPECT_THAT(Restored(), ElementsAre()) << "once";
}

TEST_F(PostsGuardTest, AnOlderStateBehindAnEditIsOutdatedAndTheEditComesAgain) {
  const Post edit = Make("t:1", "b", "2", As::kEdit);
  StoreAndObserve(edit);
  EXPECT_EQ(StoreAndObserve(Make("t:1", "a", "1", As::kPlain)), Standing::kOutdated);
  std::string as_it_stood;
  ingest::AppendPostJson(edit, as_it_stood);
  EXPECT_THAT(Restored(), ElementsAre(as_it_stood));
  EXPECT_EQ(tombstones_, 0);
  // Which is the state that is known.
  EXPECT_EQ(StoreAndObserve(edit), Standing::kCurrent);
  EXPECT_EQ(StoreAndObserve(Make("t:1", "c", "3", As::kPlain)), Standing::kCurrent);
  EXPECT_EQ(StoreAndObserve(edit), Standing::kOutdated) << "a newer one is known meanwhile";
  EXPECT_THAT(Restored(), ElementsAre(HasSubstr(R"("text":"c")")));
}

TEST_F(PostsGuardTest, ADeletionOlderThanAnEditIsOutdated) {
  StoreAndObserve(Make("t:1", "b", "7", As::kEdit));
  EXPECT_EQ(StoreAndObserve(Make("t:1", "", "5", As::kDeletion)), Standing::kOutdated);
  EXPECT_THAT(Restored(), ElementsAre(HasSubstr(R"("text":"b")")));
}

TEST_F(PostsGuardTest, WhatCameInTheSameBatchBehindItCounts) {
  StoreAndObserve(Make("t:1", "b", "2", As::kEdit));
  StoreAndObserve(Make("t:1", "a", "1", As::kPlain));
  StoreAndObserve(Make("t:1", "", "3", As::kDeletion));
  EXPECT_THAT(Restored(), ElementsAre(HasSubstr(R"("kind":"delete")")));
}

TEST_F(PostsGuardTest, WithoutVersionsTheOrderOfArrivalStands) {
  StoreAndObserve(Make("t:1", "b", "", As::kEdit));
  EXPECT_EQ(StoreAndObserve(Make("t:1", "a", "", As::kPlain)), Standing::kCurrent);
}

TEST_F(PostsGuardTest, OfTwoDeletionsTheOneThatBarsMoreStands) {
  for (const auto& [first, second] : {std::pair("", "5"), std::pair("5", "")}) {
    Open({});
    StoreAndObserve(Make("t:1", "", first, As::kDeletion));
    EXPECT_EQ(StoreAndObserve(Make("t:1", "", second, As::kDeletion)), Standing::kCurrent);
    EXPECT_EQ(StoreAndObserve(Make("t:1", "a", "7", As::kPlain)), Standing::kOutdated) << first;
  }
  Open({});
  StoreAndObserve(Make("t:1", "", "5", As::kDeletion));
  EXPECT_EQ(StoreAndObserve(Make("t:1", "a", "7", As::kPlain)), Standing::kCurrent)
      << "its source says that it is there again";
}

TEST_F(PostsGuardTest, AnEditThatIsNoLongerKeptIsCounted) {
  const Offset edit = Store(Make("t:1", "b", "2", As::kEdit));
  guard_->Observe(Make("t:1", "b", "2", As::kEdit), edit);
  EXPECT_EQ(StoreAndObserve(Make("t:1", "a", "1", As::kPlain)), Standing::kOutdated);
  ASSERT_TRUE(streams_.Maintain().ok());  // compacts: the older record of the key goes
  EXPECT_THAT(Restored(), ElementsAre());
  EXPECT_EQ(unrestored_, 1);
  Restored();
  EXPECT_EQ(unrestored_, 0);
}

TEST_F(PostsGuardTest, ARepeatedEditIsReadBackFromItsLastRecord) {
  const Post edit = Make("t:1", "b", "2", As::kEdit);
  StoreAndObserve(edit);
  StoreAndObserve(edit);
  ASSERT_TRUE(streams_.Maintain().ok());
  guard_->Observe(Make("t:1", "a", "1", As::kPlain), *streams_.End(StreamId::kPosts, 0));
  EXPECT_THAT(Restored(), ElementsAre(HasSubstr(R"("text":"b")")));
}

TEST_F(PostsGuardTest, WhatRestoringMayAppendIsBounded) {
  Open({.restored_bytes_max = 1});
  for (const char* id : {"t:1", "t:2"}) StoreAndObserve(Make(id, "b", "2", As::kEdit));
  for (const char* id : {"t:1", "t:2"}) StoreAndObserve(Make(id, "a", "1", As::kPlain));
  EXPECT_EQ(Restored().size(), 1u);
  EXPECT_EQ(unrestored_, 1);
}

TEST_F(PostsGuardTest, AWarmUpLearnsEditsAndDeletionsUpToThePosition) {
  Store(Make("t:1", "a", "1", As::kPlain));
  Store(Make("t:1", "b", "2", As::kEdit));
  Store(Make("t:1", "a", "1", As::kPlain));  // outdated, restored behind
  Store(Make("t:2", "", "", As::kDeletion));
  stream::WriteSet tombstone;
  tombstone.AppendTombstone(StreamId::kPosts, "t:3");
  ASSERT_TRUE(streams_.Write(tombstone).ok());
  const Offset next = *streams_.End(StreamId::kPosts, 0);
  Store(Make("t:4", "", "", As::kDeletion));
  WarmUp(next);
  EXPECT_TRUE(guard_->Knows("t:2"));
  EXPECT_TRUE(guard_->Knows("t:3"));
  EXPECT_FALSE(guard_->Knows("t:4")) << "it is still to be processed";
  EXPECT_EQ(StoreAndObserve(Make("t:1", "a", "1", As::kPlain)), Standing::kOutdated);
  EXPECT_THAT(Restored(), ElementsAre(HasSubstr(R"("text":"b")")));
}

TEST_F(PostsGuardTest, AWarmUpIsBounded) {
  Open({.warm_up_records = 2});
  for (int i = 0; i < 4; ++i) Store(Make(base::StrCat("t:", i), "", "", As::kDeletion));
  WarmUp(4);
  EXPECT_FALSE(guard_->Knows("t:1"));
  EXPECT_TRUE(guard_->Knows("t:2"));
  EXPECT_TRUE(guard_->Knows("t:3"));
}

TEST_F(PostsGuardTest, IdsAreBoundedAndForgettingIsCounted) {
  Open({.ids_max = 8});
  for (int i = 0; i < 10; ++i) StoreAndObserve(Make(base::StrCat("t:", i), "", "", As::kDeletion));
  EXPECT_FALSE(guard_->Knows("t:0"));
  EXPECT_TRUE(guard_->Knows("t:9"));
  Restored();
  EXPECT_THAT(metrics_.Expose(), HasSubstr("keng_filters_newer_states_forgotten_total 2"));
}

}  // namespace
}  // namespace keng::filters
