#include <istream>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "filters/matcher/matcher.h"
#include "filters/matcher/reference_matcher.h"
#include "filters/rules/internal/command_rules.h"
#include "filters/rules/internal/post_lines.h"
#include "filters/rules/rule_commands.h"

namespace keng::filters {

namespace {

bool SameMatches(const std::vector<RuleMatch>& a, const std::vector<RuleMatch>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i].rule != b[i].rule || a[i].spans.size() != b[i].spans.size()) return false;
    for (size_t k = 0; k < a[i].spans.size(); ++k) {
      const HitSpan& x = a[i].spans[k];
      const HitSpan& y = b[i].spans[k];
      if (!(x.span == y.span) || x.phrase != y.phrase || x.marks != y.marks) return false;
    }
  }
  return true;
}

}  // namespace

int Match(const RuleInput& input, MatchOracle oracle, std::istream& in, std::ostream& out,
          std::ostream& err) {
  const std::shared_ptr<const RuleSet> rules = LoadForCommand(input, err);
  if (rules == nullptr) return 2;
  for (const RuleWarning& warning : rules->files().warnings)
    err << "warning: " << warning.message << "\n";
  Matcher matcher(rules);
  std::optional<ReferenceMatcher> reference;
  if (oracle == MatchOracle::kReference) reference.emplace(rules->rules(), rules->extra_literals());

  PostLines posts(in, err, input.now);
  ingest::Post post;
  MatchResult result;
  std::string line;
  int64_t hits = 0, posts_hit = 0, unplaced = 0, disagreements = 0, capped = 0;
  while (posts.Next(post)) {
    matcher.Match(post, result);
    if (result.capped) ++capped;
    // A capped text is the one place where the two may differ.
    if (reference.has_value() && !result.capped &&
        !SameMatches(result.rules, reference->Match(post))) {
      ++disagreements;
      err << "the reference matcher disagrees on post " << post.id << "\n";
    }
    bool any = false;
    for (const RuleMatch& match : result.rules) {
      const std::optional<Hit> hit = MakeHit(post, result, match, input.placing);
      if (!hit.has_value()) {
        ++unplaced;
        continue;
      }
      line.clear();
      AppendHitLine(*hit, line);
      line.push_back('\n');
      out.write(line.data(), static_cast<std::streamsize>(line.size()));
      ++hits;
      any = true;
    }
    if (any) ++posts_hit;
  }
  out.flush();
  err << "posts " << posts.posts() << ", with hits " << posts_hit << ", hits " << hits
      << ", matches without the place that their rule needs " << unplaced
      << ", lines that are no posts " << posts.broken() << ", capped " << capped;
  if (reference.has_value()) err << ", disagreements with the reference matcher " << disagreements;
  err << "\n";
  if (!out) {
    err << "the hits could not all be written\n";
    return 1;
  }
  return posts.broken() > 0 || disagreements > 0 ? 1 : 0;
}

}  // namespace keng::filters
