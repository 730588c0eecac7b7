# What most sources include; see keng_precompiled in keng.cmake.
set(KENG_COMMON_HEADERS
    <algorithm> <array> <atomic> <cstdint> <cstring> <deque> <filesystem> <fstream> <functional> <map> <memory> <optional>
    <random> <set> <sstream> <string> <string_view> <thread> <utility> <vector>
    <absl/container/flat_hash_map.h> <absl/container/flat_hash_set.h> <absl/status/status.h> <absl/status/statusor.h>
    <absl/strings/numbers.h> <absl/strings/str_cat.h> <absl/strings/str_format.h> <absl/synchronization/mutex.h>
    <absl/time/clock.h> <absl/time/time.h> <absl/types/span.h>)
keng_precompiled(keng_precompiled_library HEADERS ${KENG_COMMON_HEADERS})
keng_precompiled(keng_precompiled_test HEADERS ${KENG_COMMON_HEADERS} <gmock/gmock.h> <gtest/gtest.h>
                 LIBS GTest::gtest GTest::gmock OPTIONS ${KENG_QUICK_COMPILE})
