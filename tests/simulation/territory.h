#ifndef KENG_TESTS_SIMULATION_TERRITORY_H_
#define KENG_TESTS_SIMULATION_TERRITORY_H_

// What all runs share, because it takes longer to make than a run: rules, gazetteer, cells, author
// keys, and the words of the posts.

#include <memory>
#include <string>
#include <vector>

#include "alerting/cell_channels.h"
#include "base/temporary_folder.h"
#include "filters/filter_worker.h"
#include "ingest/author_keys.h"

namespace keng::simulation {

struct Topic {
  std::string name;    // of the topic
  std::string phrase;  // that reports it
};
struct Ward {
  std::string code;
  std::string name;
};

class Territory {
 public:
  static constexpr const char* kDesk = "91";
  static constexpr int kKits = 2;

  // From the repository's places and cells, and rules of its own. CHECKs that they can be read.
  Territory();

  // Rule sets of two versions: the second has one more rule, for what the first finds too.
  const filters::FilterKit& kit(int version) const { return kits_[version]; }
  const std::vector<Topic>& topics() const { return topics_; }
  const std::vector<Ward>& wards() const { return wards_; }
  // Syllables that no place and no phrase contains.
  const std::vector<std::string>& fillers() const { return fillers_; }
  const alerting::CellChannels& routes() const { return *routes_; }
  ingest::AuthorKeyring& keyring() { return *keyring_; }

 private:
  const base::TemporaryFolder folder_{"keng-simulation"};
  std::vector<Topic> topics_;
  std::vector<Ward> wards_;
  std::vector<std::string> fillers_;
  filters::FilterKit kits_[kKits];
  std::unique_ptr<alerting::CellChannels> routes_;
  std::unique_ptr<ingest::AuthorKeyring> keyring_;
};

}  // namespace keng::simulation

#endif  // KENG_TESTS_SIMULATION_TERRITORY_H_
