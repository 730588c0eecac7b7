#ifndef KENG_FILTERS_TEXT_TESTING_FORMS_H_
#define KENG_FILTERS_TEXT_TESTING_FORMS_H_

// For tests and benchmarks: a phrase in every form in which people type it, and phrases to do so
// with. Written from the definition of Vietnamese spelling, apart from the fold that it tests.

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace keng::filters::testing {

// Phrases of local issues in NFC, lower case.
const std::vector<std::string>& Phrases();

struct Form {
  const char* name;
  std::function<std::string(std::string_view phrase, std::mt19937& random)> make;
};
// Every form that must be found.
const std::vector<Form>& Forms();

// A letter of NFC Vietnamese text: a base with its quality (0 none, 1 breve, 2 circumflex, 3 horn,
// 4 bar) and tone (0 none, 1 huyền, 2 sắc, 3 hỏi, 4 ngã, 5 nặng). Other characters are kept as they
// are in `other`.
struct Letter {
  char base = 0;
  uint8_t quality = 0;
  uint8_t tone = 0;
  bool upper = false;
  std::string other;
};
std::vector<Letter> Spell(std::string_view nfc);
std::string Compose(const std::vector<Letter>& letters);

// The phrase with one syllable's marks changed to others that it could have as a word, none of the
// results being the phrase with marks left out. Empty when the phrase has no such neighbour.
std::vector<std::string> WrongMarks(std::string_view phrase, std::mt19937& random);

}  // namespace keng::filters::testing

#endif  // KENG_FILTERS_TEXT_TESTING_FORMS_H_
