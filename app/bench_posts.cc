#include "app/bench_posts.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/time/clock.h"
#include "base/check.h"
#include "base/strings.h"
#include "filters/places/gazetteer.h"

namespace keng::app {

namespace {

using base::StrCat;

constexpr size_t kTextBytes = 199;
constexpr int64_t kSliceMax = 10'000;

// A word for each topic that no made syllable contains.
constexpr std::pair<std::string_view, std::string_view> kTopics[] = {
    {"flooding", "ngập lút bánh"},       {"road-damage", "ổ voi giữa lộ"},
    {"rubbish", "rác chất đống"},        {"water-outage", "cúp nước từ sáng"},
    {"power-outage", "cúp điện cả xóm"}, {"erosion", "sạt lở mé sông"},
    {"bridge", "cầu sắt gãy lan can"},   {"fire", "cháy nhà cháy xóm"}};

// Names of the units served, as a resident writes them.
absl::StatusOr<std::vector<std::string>> Wards(const std::string& home) {
  KENG_ASSIGN_OR_RETURN(const auto gazetteer,
                        filters::Gazetteer::Load({StrCat(home, "/rules/places")}));
  std::vector<std::string> wards;
  for (const filters::Place& place : gazetteer->places()) {
    if (place.served && !place.old && place.level == filters::PlaceLevel::kUnit) {
      wards.push_back(StrCat(place.type, " ", place.name));
    }
  }
  return wards;
}

}  // namespace

std::string BenchRules() {
  std::string yaml = "rules:\n";
  for (const auto& [topic, phrase] : kTopics) {
    base::StrAppend(&yaml, "  - {id: bench-", topic, ", topic: ", topic,
                    ", place: required, any: [", phrase, "], title: {vi: ", topic, ", en: ", topic,
                    "}}\n");
  }
  return yaml;
}

void BenchPosts::Append(std::string& out) {
  std::string inside;
  if (static_cast<double>(load_.Random() % 1'000'000) < hit_share_ * 1e6) {
    const auto& [topic, phrase] = kTopics[load_.Random() % std::size(kTopics)];
    inside = StrCat(phrase, " ở ", wards_[load_.Random() % wards_.size()], ", An Giang,");
  }
  out.append(load_.PostJson(number_++, load_.Text(kTextBytes, inside), absl::Now()));
  out.push_back('\n');
}

absl::StatusOr<BenchPosts> BenchPosts::Make(const std::string& home, double hit_share) {
  KENG_ASSIGN_OR_RETURN(std::vector<std::string> wards, Wards(home));
  return BenchPosts(hit_share, std::move(wards));
}

void WriteBenchPosts(BenchPosts& source, int64_t posts, int64_t rate, std::ostream& out) {
  std::string chunk;
  const absl::Time begin = absl::Now();
  for (int64_t written = 0; written < posts;) {
    const int64_t due =
        rate == 0
            ? std::min(posts, written + kSliceMax)
            : std::min(posts, static_cast<int64_t>(absl::ToDoubleSeconds(absl::Now() - begin) *
                                                   static_cast<double>(rate)));
    for (; written < due; ++written) source.Append(chunk);
    out << chunk << std::flush;
    chunk.clear();
    if (rate > 0) absl::SleepFor(absl::Milliseconds(1));
  }
}

}  // namespace keng::app
