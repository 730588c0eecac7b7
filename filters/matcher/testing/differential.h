#ifndef KENG_FILTERS_MATCHER_TESTING_DIFFERENTIAL_H_
#define KENG_FILTERS_MATCHER_TESTING_DIFFERENTIAL_H_

// The fast matcher against the slow one, on rules and texts that arbitrary bytes choose: what the
// differential test and the fuzzer share.

#include <string>
#include <string_view>

namespace keng::filters::testing {

struct Differential {
  bool loaded = false;       // the rules that the bytes chose are valid together
  int texts = 0;             // that were matched
  int matches = 0;           // of the slow matcher, over all texts
  std::string disagreement;  // rules, text and both answers; empty: none
};

// The bytes choose a rule file of up to four rules over a few short words that overlap, and up to
// eight texts of the same words in other forms. Missing bytes read as 0.
Differential CompareMatchers(std::string_view bytes);

}  // namespace keng::filters::testing

#endif  // KENG_FILTERS_MATCHER_TESTING_DIFFERENTIAL_H_
