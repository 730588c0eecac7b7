// The two folds on posts of about 200 bytes: text_bench [FILE] with FILE one text a line (or JSON
// lines with a "text" member) instead of the generated posts. `paired` runs both on the same posts
// in turns and reports the median of their ratios.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "filters/text/fold.h"
#include "filters/text/testing_forms.h"

namespace keng::filters {
namespace {

// Posts as they come: mostly plain Vietnamese, some without marks, now and then a hashtag, a time,
// an emoji or an address.
std::vector<std::string> GeneratedPosts() {
  std::mt19937 random(2024);
  const auto& phrases = testing::Phrases();
  const std::vector<std::string> extras = {"#ngapnuoc",       "lúc 15h ",     "😭😭 ",
                                           "https://a.vn/x ", "Quá trời!!! ", "ui trờiiii ",
                                           "NƯỚC LÊN ",       "... "};
  std::vector<std::string> posts;
  for (int i = 0; i < 4000; ++i) {
    std::string post = "Hôm nay ";
    const size_t length = 60 + random() % 280;
    const testing::Form& form = testing::Forms()[random() % 10 == 0 ? 4 : 0];
    while (post.size() < length) {
      post += form.make(phrases[random() % phrases.size()], random);
      post += random() % 5 == 0 ? ", " : " ";
      if (random() % 12 == 0) post += extras[random() % extras.size()];
    }
    posts.push_back(post);
  }
  return posts;
}

std::vector<std::string> ReadPosts(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> posts;
  std::string line;
  while (std::getline(file, line) && posts.size() < 20000) {
    const size_t text = line.find("\"text\": \"");
    if (text != std::string::npos) line = line.substr(text + 9, line.size() - text - 11);
    for (size_t at = line.find("\\n"); at != std::string::npos; at = line.find("\\n", at)) {
      line.replace(at, 2, "\n");
    }
    posts.push_back(line);
  }
  return posts;
}

double NanosecondsPerPost(Folder& folder, FoldedText& folded,
                          const std::vector<std::string>& posts) {
  const auto begin = std::chrono::steady_clock::now();
  for (const std::string& post : posts) {
    folder.Fold(post, folded);
    benchmark::DoNotOptimize(folded.text().data());
  }
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
  return took.count() / static_cast<double>(posts.size());
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void Run(const std::vector<std::string>& posts) {
  Folder fastest;
  Folder scalar(FoldPath::kScalar);
  FoldedText folded;
  std::vector<double> fast, slow, ratio;
  for (int round = 0; round < 21; ++round) {
    fast.push_back(NanosecondsPerPost(fastest, folded, posts));
    slow.push_back(NanosecondsPerPost(scalar, folded, posts));
    ratio.push_back(slow.back() / fast.back());
  }
  size_t bytes = 0;
  for (const std::string& post : posts) bytes += post.size();
  std::cout << posts.size() << " posts of " << bytes / posts.size() << " B: fastest "
            << Median(fast) << " ns, scalar " << Median(slow) << " ns a post, scalar/fastest "
            << Median(ratio) << "\n";
}

}  // namespace
}  // namespace keng::filters

int main(int argc, char** argv) {
  keng::filters::Run(argc > 1 ? keng::filters::ReadPosts(argv[1])
                              : keng::filters::GeneratedPosts());
  return 0;
}
