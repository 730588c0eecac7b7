#include "ingest/author_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <barrier>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

#include "base/check.h"
#include "base/strings.h"

namespace keng::ingest {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'789'351'866);  // 2026-09-14

class AuthorKeysTest : public testing::Test {
 protected:
  AuthorKeysTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "keng-keys-XXXXXX").string();
    KENG_CHECK(mkdtemp(pattern.data()) != nullptr);
    folder_ = pattern;
    path_ = folder_ + "/keys.json";
  }
  ~AuthorKeysTest() override { std::filesystem::remove_all(folder_); }

  std::string folder_, path_;
  std::ostringstream out_;
};

TEST_F(AuthorKeysTest, MakesAPrivateFileOnce) {
  ASSERT_TRUE(MakeAuthorKeys(path_, kNow, out_).ok());
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(MakeAuthorKeys(path_, kNow, out_).code(), absl::StatusCode::kAlreadyExists);
  ::chmod(path_.c_str(), 0640);
  EXPECT_EQ(LoadAuthorKeys(path_).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(AuthorKeysTest, HashesDifferByAuthorSourceMonthAndInstallation) {
  auto keyring = *AuthorKeyring::Open(path_, kNow);
  const std::string hash = keyring->keys()->Hash("x:a", "teo");
  EXPECT_THAT(hash, testing::MatchesRegex("a1:[0-9a-f]+"));
  EXPECT_EQ(hash.size(), 27u);
  EXPECT_EQ(keyring->keys()->Hash("x:a", "teo"), hash);
  EXPECT_NE(keyring->keys()->Hash("x:a", "ty"), hash);
  EXPECT_NE(keyring->keys()->Hash("x:b", "teo"), hash);
  EXPECT_NE((*AuthorKeyring::Open(folder_ + "/other.json", kNow))->keys()->Hash("x:a", "teo"),
            hash);
  const uint64_t seed = keyring->keys()->sketch_seed();
  ASSERT_TRUE(keyring->RotateIfDue(kNow + absl::Hours(24)).ok());
  EXPECT_EQ(keyring->keys()->current(), 1) << "the same month";
  ASSERT_TRUE(keyring->RotateIfDue(kNow + absl::Hours(24 * 20)).ok());
  EXPECT_THAT(keyring->keys()->Hash("x:a", "teo"), testing::StartsWith("a2:"));
  EXPECT_EQ(keyring->keys()->AllHashes("x:a", "teo").front(), hash);
  EXPECT_EQ(keyring->keys()->sketch_seed(), seed);
}

TEST_F(AuthorKeysTest, DestroysKeysWhoseDataAreGoneAndOnRequest) {
  ASSERT_TRUE(MakeAuthorKeys(path_, kNow, out_).ok());
  for (int month = 1; month <= 3; ++month)
    ASSERT_TRUE(RotateAuthorKeys(path_, kNow + month * absl::Hours(24 * 30), out_).ok());
  // Key 1 was followed by key 2 sixty days ago, key 2 by key 3 thirty days ago.
  EXPECT_EQ((*LoadAuthorKeys(path_))->AllHashes("x", "y").size(), 3u);
  EXPECT_EQ(DestroyAuthorKey(path_, 1, out_).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(DestroyAuthorKey(path_, 4, out_).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(DestroyAuthorKey(path_, 2, out_).ok());
  std::ostringstream list;
  ASSERT_TRUE(ListAuthorKeys(path_, list).ok());
  EXPECT_THAT(list.str(), testing::StartsWith("3  made "));
  EXPECT_THAT(list.str(), testing::HasSubstr("4  made "));
}

// As processes of one data folder that are started together, and go into a new month together.
TEST_F(AuthorKeysTest, WhoOpensAtTheSameMomentHasTheSameKeys) {
  constexpr int kOpeners = 8, kRounds = 40;
  for (int round = 0; round < kRounds; ++round) {
    const std::string path = base::StrCat(path_, round);
    std::barrier begin(kOpeners);
    std::vector<std::string> hashes(kOpeners), next(kOpeners), errors(kOpeners);
    std::vector<std::thread> openers;
    for (int i = 0; i < kOpeners; ++i) {
      openers.emplace_back([&, i] {
        begin.arrive_and_wait();
        auto keyring = AuthorKeyring::Open(path, kNow);
        if (!keyring.ok()) errors[i] = keyring.status().ToString();
        begin.arrive_and_wait();
        if (!keyring.ok()) return;
        hashes[i] = (*keyring)->keys()->Hash("x", "y");
        const absl::Status rotated = (*keyring)->RotateIfDue(kNow + absl::Hours(24 * 20));
        if (!rotated.ok()) errors[i] = rotated.ToString();
        next[i] = (*keyring)->keys()->Hash("x", "y");
      });
    }
    for (std::thread& opener : openers) opener.join();
    ASSERT_THAT(errors, testing::Each(""));
    ASSERT_THAT(hashes, testing::Each(hashes.front()));
    ASSERT_THAT(next, testing::Each(next.front()));
    ASSERT_THAT(next.front(), testing::StartsWith("a2:"));
  }
  for (const auto& entry : std::filesystem::directory_iterator(folder_))
    EXPECT_THAT(entry.path().string(), testing::Not(testing::HasSubstr(".new")));
}

TEST_F(AuthorKeysTest, ABackupHashesAlike) {
  ASSERT_TRUE(MakeAuthorKeys(path_, kNow, out_).ok());
  ASSERT_TRUE(BackupAuthorKeys(path_, folder_ + "/copy", out_).ok());
  EXPECT_EQ((*LoadAuthorKeys(folder_ + "/copy"))->Hash("x", "y"),
            (*LoadAuthorKeys(path_))->Hash("x", "y"));
  EXPECT_EQ(BackupAuthorKeys(path_, folder_ + "/copy", out_).code(),
            absl::StatusCode::kAlreadyExists);
}

TEST_F(AuthorKeysTest, DamageIsDataLoss) {
  ASSERT_TRUE(MakeAuthorKeys(path_, kNow, out_).ok());
  for (const char* text : {"", "{", "[]", R"({"version":1})",
                           R"({"version":1,"sketch_seed":"0011223344556677","keys":[]})",
                           R"({"version":2,"sketch_seed":"0011223344556677","keys":[]})"}) {
    std::ofstream(path_, std::ios::trunc) << text;
    EXPECT_EQ(LoadAuthorKeys(path_).status().code(), absl::StatusCode::kDataLoss) << text;
  }
}

TEST_F(AuthorKeysTest, OptOutListNamesTheBadLine) {
  std::ofstream(path_) << "# c\nx:page:1 # asked\n\nsha256:12\n";
  const auto list = OptOutList::Load(path_);
  EXPECT_EQ(list.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(list.status().message()), testing::HasSubstr(path_ + ":4:"));
}

TEST_F(AuthorKeysTest, TheCacheSaysWhatTheKeysSay) {
  auto keyring = *AuthorKeyring::Open(path_, kNow);
  AuthorCache cache(std::make_shared<OptOutList>());
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 20000; ++i) {  // more than there are slots
      const std::string author = base::StrCat("u", i * 7919 % 6000);
      ASSERT_EQ(cache.Find(keyring->keys(), "x", author).key, keyring->keys()->Hash("x", author));
    }
    ASSERT_TRUE(keyring->RotateIfDue(kNow + absl::Hours(24 * 20)).ok());
  }
}

}  // namespace
}  // namespace keng::ingest
