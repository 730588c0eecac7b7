// What ingest costs a post on one core, without the stream: parsing, masking, hashing the author,
// the recent ids, and the canonical form. Budget: 1.2 us.

#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "base/strings.h"
#include "ingest/masking.h"
#include "ingest/post_mapper.h"
#include "ingest/post_writer.h"
#include "ingest/recent_ids.h"

namespace keng::ingest {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'789'351'866);

// Posts of about 480 bytes, one in four with a number.
std::vector<std::string> Lines() {
  std::vector<std::string> lines;
  for (int i = 0; i < 4096; ++i) {
    lines.push_back(base::StrCat(
        R"({"id":"forum:)", 100000 + i, R"(","source":"forum:anhiep.example","kind":"comment",)",
        R"("url":"https://anhiep.example/t/)", i, R"(","author":"u)", i % 700,
        R"(","account":"forum:board:3","created_at":"2026-09-14T09:05:11.482+07:00",)",
        R"("text":"Đường trước chợ Mỹ Long nước ngập nửa bánh xe rồi bà con ơi, ai đi qua nhớ )",
        R"(tránh ra đường lớn, mấy đứa nhỏ tan học về chưa được, mong phường xuống coi )",
        i % 4 == 0 ? "giúp, gọi 0912 345 678" : "giúp liền", R"(","lang":"vi","reply_to":null,)",
        R"("reach":{"likes":12,"shares":3,"replies":4}})"));
    lines.back().append(PostParser::kPadding, ' ');
  }
  return lines;
}

void BM_Parse(benchmark::State& state) {
  const std::vector<std::string> lines = Lines();
  PostParser parser;
  Post post;
  size_t at = 0;
  for (auto _ : state) {
    const std::string& line = lines[at++ % lines.size()];
    benchmark::DoNotOptimize(
        parser.Parse(std::string_view(line).substr(0, line.size() - PostParser::kPadding),
                     PostParser::Mode::kInput, kNow, post));
  }
}
BENCHMARK(BM_Parse);

void BM_WholePath(benchmark::State& state) {
  const std::vector<std::string> lines = Lines();
  PostMapper mapper(std::make_shared<OptOutList>());
  const auto keys = std::make_shared<const AuthorKeys>(
      std::vector<AuthorKeys::Key>{{1, kNow, std::make_shared<base::KeyedHash>("benchmark")}}, 1);
  RecentIds recent(1 << 20);
  std::string out;
  size_t at = 0;
  for (auto _ : state) {
    const std::string& line = lines[at++ % lines.size()];
    Post post;
    mapper.Map(std::string_view(line).substr(0, line.size() - PostParser::kPadding), keys, kNow,
               post);
    const base::Hash128 id = base::StableHash128(post.id);
    const PostState post_state = PostState::Of(post);
    benchmark::DoNotOptimize(CompareStates(recent.Find(id), post_state));
    recent.Put(id, post_state);
    if (out.size() > 1 << 20) out.clear();
    AppendPostJson(post, out);
  }
}
BENCHMARK(BM_WholePath);

void BM_MaskPrescan(benchmark::State& state) {
  const std::string text =
      "Đường trước chợ Mỹ Long nước ngập nửa bánh xe rồi bà con ơi, ai đi qua nhớ tránh ra đường "
      "lớn, mấy đứa nhỏ tan học về chưa được";
  for (auto _ : state) benchmark::DoNotOptimize(MayHoldPersonalData(text));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * text.size()));
}
BENCHMARK(BM_MaskPrescan);

}  // namespace
}  // namespace keng::ingest

BENCHMARK_MAIN();
