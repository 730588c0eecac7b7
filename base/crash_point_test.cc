#include "base/crash_point.h"

#include <csignal>
#include <cstdlib>

#include "gtest/gtest.h"

namespace keng::base {
namespace {

// Each death test runs in a process of its own, which reads the environment anew.
class CrashPointTest : public testing::Test {
 protected:
  void SetUp() override { testing::GTEST_FLAG(death_test_style) = "threadsafe"; }
};

TEST_F(CrashPointTest, KillsAtTheNamedPoint) {
  EXPECT_EXIT(
      {
        setenv("KENG_CRASH_POINT", "a.here", 1);
        KENG_CRASH_POINT("a.there");
        KENG_CRASH_POINT("a.here");
        std::exit(0);
      },
      testing::KilledBySignal(SIGKILL), "");
}

TEST_F(CrashPointTest, CountsPasses) {
  EXPECT_EXIT(
      {
        setenv("KENG_CRASH_POINT", "a.here:3", 1);
        KENG_CRASH_POINT("a.here");
        KENG_CRASH_POINT("a.here");
        std::exit(7);
      },
      testing::ExitedWithCode(7), "");
  EXPECT_EXIT(
      {
        setenv("KENG_CRASH_POINT", "a.here:3", 1);
        for (int i = 0; i < 3; ++i) KENG_CRASH_POINT("a.here");
        std::exit(7);
      },
      testing::KilledBySignal(SIGKILL), "");
}

TEST_F(CrashPointTest, WithoutTheEnvironmentNothingHappens) {
  EXPECT_EXIT(
      {
        unsetenv("KENG_CRASH_POINT");
        KENG_CRASH_POINT("a.here");
        std::exit(7);
      },
      testing::ExitedWithCode(7), "");
}

}  // namespace
}  // namespace keng::base
