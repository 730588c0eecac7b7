#include "filters/matcher/testing/differential.h"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/strings.h"
#include "filters/matcher/matcher.h"
#include "filters/matcher/reference_matcher.h"
#include "filters/rules/rule_loader.h"

namespace keng::filters::testing {
namespace {

using base::StrAppend;
using base::StrCat;

// Few and short, so that they contain, overlap and contradict each other.
constexpr std::array<std::string_view, 18> kPhrases = {
    "ngập",   "ngập nước", "nước", "nước ngập nước", "ngáp",  "ngap",     "lộ", "con lộ", "lộ ngập",
    "kẹt xe", "xe",        "kẹt",  "xe lộ",          "đường", "đường lộ", "12", "水",     "hẻm 12"};
constexpr std::array<std::string_view, 30> kWords = {
    "ngập",      "ngap",   "ngâp",       "ngáp",    "NGẬP", "ngậpppp", "nước", "nuoc",
    "nước,",     "lộ",     "lo",         "lô",      "con",  "kẹt",     "ket",  "xe",
    "xế",        "đường",  "duong",      "đưòng",   "12",   "hẻm",     "水",   "水水",
    "#ngapnuoc", "#KẹtXe", "long xuyên", "tri tôn", "rồi",  "5cm"};
constexpr std::array<std::string_view, 5> kRegexes = {"[0-9]+ ?cm", "ngập", "^con", "xe.{0,6}lộ",
                                                      "n.p"};
constexpr std::array<std::string_view, 5> kBetween = {" ", " ", ", ", "\n", ""};
constexpr std::array<std::string_view, 4> kMarks = {"compatible", "consistent", "strict", "ignore"};

class Chooser {
 public:
  explicit Chooser(std::string_view bytes) : bytes_(bytes) {}

  uint32_t Below(uint32_t n) {
    if (at_ == bytes_.size()) return 0;
    return static_cast<unsigned char>(bytes_[at_++]) % n;
  }
  template <size_t n>
  std::string_view Of(const std::array<std::string_view, n>& values) {
    return values[Below(n)];
  }
  bool Done() const { return at_ == bytes_.size(); }

 private:
  std::string_view bytes_;
  size_t at_ = 0;
};

// YAML in flow form.
class RuleWriter {
 public:
  explicit RuleWriter(Chooser& chooser) : choose_(chooser) {}

  std::string File() {
    std::string yaml = StrCat("lists:\n  a: [", Phrases(3), "]\n  b: [", Phrases(2),
                              choose_.Below(2) == 0 ? ", {list: a}" : "", "]\nrules:\n");
    const uint32_t rules = 1 + choose_.Below(4);
    for (uint32_t i = 0; i < rules; ++i) {
      StrAppend(&yaml, "  - id: r", i, "\n    topic: flooding\n    scan: always\n");
      if (choose_.Below(4) == 0) StrAppend(&yaml, "    marks: ", choose_.Of(kMarks), "\n");
      StrAppend(&yaml, "    any: [", Conditions(0), "]\n");
      if (choose_.Below(3) == 0) StrAppend(&yaml, "    all: [", Conditions(0), "]\n");
      if (choose_.Below(3) == 0) StrAppend(&yaml, "    none: [", Conditions(0), "]\n");
    }
    return yaml;
  }

 private:
  std::string Quoted(std::string_view phrase) { return StrCat("\"", phrase, "\""); }

  std::string Phrases(uint32_t most) {
    std::string out = Quoted(choose_.Of(kPhrases));
    for (uint32_t more = choose_.Below(most); more > 0; --more)
      StrAppend(&out, ", ", Quoted(choose_.Of(kPhrases)));
    return out;
  }

  // `built_in`: numbers and places may stand here.
  std::string Item(int depth, bool built_in) {
    const uint32_t kind = choose_.Below(built_in ? 8 : 6);
    switch (kind) {
      case 6:
        return "{number: any}";
      case 7:
        return "{place: named}";
      case 0:
      case 1:
      case 2:
        return Quoted(choose_.Of(kPhrases));
      default:
        break;
    }
    std::string out = kind == 3 ? StrCat("{list: ", choose_.Below(2) == 0 ? "a" : "b")
                                : StrCat("{phrase: ", Quoted(choose_.Of(kPhrases)));
    if (choose_.Below(3) == 0) StrAppend(&out, ", marks: ", choose_.Of(kMarks));
    if (depth < 2 && choose_.Below(2) == 0)
      StrAppend(&out, ", except: [", Items(depth + 1, 2, false), "]");
    if (depth < 2 && choose_.Below(2) == 0) {
      StrAppend(&out, ", not_near: {within: ", choose_.Below(4), ", of: [",
                Items(depth + 1, 2, true), "]}");
    }
    return out + "}";
  }

  std::string Items(int depth, uint32_t most, bool built_in) {
    std::string out = Item(depth, built_in);
    for (uint32_t more = choose_.Below(most); more > 0; --more)
      StrAppend(&out, ", ", Item(depth, built_in));
    return out;
  }

  std::string Near() {
    std::string out = StrCat("{near: {within: ", choose_.Below(6));
    if (choose_.Below(2) == 0) out += ", ordered: true";
    out += ", of: [";
    const uint32_t groups = 2 + choose_.Below(2);
    for (uint32_t i = 0; i < groups; ++i)
      StrAppend(&out, i == 0 ? "" : ", ", "[", Items(1, 2, true), "]");
    return out + "]}}";
  }

  std::string OneCondition(int depth) {
    switch (choose_.Below(depth < 2 ? 10 : 7)) {
      case 0:
      case 1:
      case 2:
        return Item(0, true);
      case 3:
      case 4:
      case 5:
        return Near();
      case 6:
        return StrCat("{regex: '", choose_.Of(kRegexes), "'}");
      case 7:
        return StrCat("{any: [", Conditions(depth + 1), "]}");
      case 8:
        return StrCat("{all: [", Conditions(depth + 1), "]}");
      default:
        return StrCat("{none: [", Conditions(depth + 1), "]}");
    }
  }

  std::string Conditions(int depth) {
    std::string out = OneCondition(depth);
    for (uint32_t more = choose_.Below(3); more > 0; --more)
      StrAppend(&out, ", ", OneCondition(depth));
    return out;
  }

  Chooser& choose_;
};

std::string Text(Chooser& choose) {
  std::string text;
  for (uint32_t words = choose.Below(24); words > 0; --words)
    StrAppend(&text, choose.Of(kWords), choose.Of(kBetween));
  return text;
}

std::string Words(const std::vector<RuleMatch>& matches) {
  std::string out;
  for (const RuleMatch& match : matches) {
    StrAppend(&out, " ", match.rule->id);
    for (const HitSpan& span : match.spans)
      StrAppend(&out, " [", span.span.begin, "-", span.span.end, " ", span.phrase, " ",
                MarksEvidenceName(span.marks), "]");
    out += ';';
  }
  return out;
}

}  // namespace

Differential CompareMatchers(std::string_view bytes) {
  Differential result;
  Chooser choose(bytes);
  const std::string yaml = RuleWriter(choose).File();
  auto files = LoadRulesText("random.yaml", yaml);
  if (!files.ok()) return result;
  const ExtraLiterals places{.folded = {" long xuyen ", " tri ton ", " xe lo "},
                             .is_named_place = {1, 1, 0}};
  auto rules = RuleSet::Compile(*std::move(files), places);
  KENG_CHECK(rules.ok(), rules.status().ToString(), "\n", yaml);
  result.loaded = true;

  Matcher matcher(*rules);
  ReferenceMatcher reference((*rules)->rules(), places);
  MatchResult fast;
  for (int i = 0; i < 8 && !(i > 0 && choose.Done()); ++i) {
    const std::string text = Text(choose);
    ingest::Post post;
    post.text = text;
    matcher.Match(post, fast);
    const std::vector<RuleMatch> slow = reference.Match(post);
    ++result.texts;
    result.matches += static_cast<int>(slow.size());
    if (fast.capped || Words(fast.rules) == Words(slow)) continue;
    result.disagreement =
        StrCat(yaml, "text [", text, "]\nfast", Words(fast.rules), "\nslow", Words(slow));
    break;
  }
  return result;
}

}  // namespace keng::filters::testing
