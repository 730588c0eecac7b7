#ifndef KENG_BENCH_LOAD_H_
#define KENG_BENCH_LOAD_H_

// The load of the benchmarks: posts and phrases made from the phonology of Vietnamese syllables,
// the same for the same seed, with the sizes of a real stream (about 199 bytes of text, 462 bytes
// of JSON).

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace keng::bench {

class Load {
 public:
  explicit Load(uint64_t seed) : random_(seed) {}

  // One syllable with its marks, NFC: "nghiêng".
  std::string Syllable();
  // 2 to 4 syllables.
  std::string Phrase();
  std::vector<std::string> Phrases(size_t count);

  // A text of about `bytes` bytes that holds `inside` somewhere when it is not empty.
  std::string Text(size_t bytes, const std::string& inside);
  // A canonical post as a producer sends it.
  std::string PostJson(int64_t number, const std::string& text, absl::Time created_at);

  uint64_t Random() { return random_(); }

 private:
  std::mt19937_64 random_;
};

}  // namespace keng::bench

#endif  // KENG_BENCH_LOAD_H_
