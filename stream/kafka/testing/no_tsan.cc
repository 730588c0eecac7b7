// In builds without the thread sanitizer librdkafka has the C library's threads
// (c11_threads_for_tsan.cc).

namespace keng::stream {
[[maybe_unused]] constexpr int kNoTsan = 0;
}  // namespace keng::stream
