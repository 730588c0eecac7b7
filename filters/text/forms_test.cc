// The bars of the text part: every phrase in every form is found, and a phrase with one syllable's
// marks changed is not.

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "filters/text/fold.h"
#include "filters/text/phrase.h"
#include "filters/text/testing_forms.h"

namespace keng::filters {
namespace {

// Whether a rule with `marks: compatible` finds the phrase in the text.
class Finder {
 public:
  bool Finds(const Phrase& phrase, std::string_view text) {
    folder_.Fold(text, folded_);
    for (size_t at = folded_.text().find(phrase.literal()); at != std::string_view::npos;
         at = folded_.text().find(phrase.literal(), at + 1)) {
      const auto begin = static_cast<uint32_t>(at);
      if (CompareMarks(phrase, folded_, begin) != MarksEvidence::kConflicting) return true;
    }
    return false;
  }

 private:
  Folder folder_;
  FoldedText folded_;
};

struct Recall {
  uint64_t found = 0;
  uint64_t all = 0;
  double share() const { return static_cast<double>(found) / static_cast<double>(all); }
};

constexpr double kRecallMin = 0.995;
constexpr double kWrongMax = 0.001;

void ExpectRecall(const std::vector<std::string>& phrases, double form_min) {
  std::mt19937 random(7);
  Finder finder;
  Recall total;
  for (const testing::Form& form : testing::Forms()) {
    Recall of_form;
    std::string missed;
    for (const std::string& written : phrases) {
      const auto phrase = Phrase::Parse(written);
      ASSERT_TRUE(phrase.ok()) << written << ": " << phrase.status();
      const std::string text = "hôm nay, " + form.make(written, random) + " rồi nè";
      const bool found = finder.Finds(*phrase, text);
      of_form.found += found ? 1 : 0;
      ++of_form.all;
      if (!found && missed.size() < 300) missed += " [" + text + "]";
    }
    total.found += of_form.found;
    total.all += of_form.all;
    EXPECT_GE(of_form.share(), form_min) << form.name << missed;
    if (of_form.found < of_form.all) {
      std::printf("%-32s %.4f%s\n", form.name, of_form.share(), missed.c_str());
    }
  }
  std::printf("recall %.5f of %llu\n", total.share(), static_cast<unsigned long long>(total.all));
  EXPECT_GE(total.share(), kRecallMin);
}

void ExpectWrongMarksRejected(const std::vector<std::string>& phrases) {
  std::mt19937 random(11);
  Finder finder;
  Recall accepted;
  for (const std::string& written : phrases) {
    const auto phrase = Phrase::Parse(written);
    ASSERT_TRUE(phrase.ok());
    for (const std::string& wrong : testing::WrongMarks(written, random)) {
      const bool found = finder.Finds(*phrase, "hôm nay, " + wrong + " rồi nè");
      accepted.found += found ? 1 : 0;
      ++accepted.all;
      EXPECT_FALSE(found) << written << " in " << wrong;
    }
  }
  std::printf("wrong marks accepted: %llu of %llu\n",
              static_cast<unsigned long long>(accepted.found),
              static_cast<unsigned long long>(accepted.all));
  EXPECT_GT(accepted.all, phrases.size() * 5);
  EXPECT_LE(accepted.share(), kWrongMax);
}

TEST(FormsTest, FindsEveryPhraseInEveryForm) { ExpectRecall(testing::Phrases(), 0.985); }

TEST(FormsTest, RejectsWrongMarks) { ExpectWrongMarksRejected(testing::Phrases()); }

// Frequent words and pairs of frequent syllables as phrases.
std::vector<std::string> CorpusPhrases(const std::string& corpora) {
  std::vector<std::string> phrases;
  std::ifstream terms(corpora + "/words/rule_term_collisions.tsv");
  std::string line;
  std::getline(terms, line);
  while (std::getline(terms, line)) phrases.push_back(line.substr(0, line.find('\t')));
  std::ifstream communes(corpora + "/admin/an_giang_communes.tsv");
  std::getline(communes, line);
  while (std::getline(communes, line)) {
    const size_t name = line.find('\t', line.find('\t') + 1) + 1;
    phrases.push_back(line.substr(name, line.find('\t', name) - name));
  }
  std::ifstream syllables(corpora + "/words/syllable_fold.tsv");
  std::vector<std::string> common;
  std::getline(syllables, line);
  while (std::getline(syllables, line)) {
    const size_t forms = line.rfind('\t') + 1;
    const std::string form = line.substr(forms, line.find('(', forms) - forms);
    // Those with marks are Vietnamese for certain.
    const std::string folded = line.substr(0, line.find('\t'));
    if (form != folded) common.push_back(form);
  }
  std::mt19937 random(3);
  for (int i = 0; i < 3000 && common.size() > 1000; ++i) {
    phrases.push_back(common[random() % 1000] + " " + common[random() % 1000]);
  }
  return phrases;
}

TEST(FormsTest, HoldsOnPhrasesOfTheCorpora) {
  const char* corpora = std::getenv("KENG_CORPORA");
  if (corpora == nullptr) GTEST_SKIP() << "KENG_CORPORA is not set: phrases of the corpora not run";
  const std::vector<std::string> phrases = CorpusPhrases(corpora);
  ASSERT_GT(phrases.size(), 3000U);
  ExpectRecall(phrases, 0.965);
  ExpectWrongMarksRejected(phrases);
}

}  // namespace
}  // namespace keng::filters
