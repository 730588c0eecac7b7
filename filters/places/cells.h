#ifndef KENG_FILTERS_PLACES_CELLS_H_
#define KENG_FILTERS_PLACES_CELLS_H_

// The cells: which unit is responsible for which place and topic, as a tree under one desk (the
// province), and the accounts whose posts belong to a cell when they name no place. Read from
// cells.yaml (form in docs/places.md). Which channels a cell rings stands in keng.yaml.
//
// Life cycle: loaded once against a gazetteer, immutable, shared. Threads: any. Tests:
// cells_test.cc.

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "filters/places/gazetteer.h"

namespace keng::filters {

struct Cell {
  static constexpr int kNobody = -1;

  std::string code;  // of the unit, the province for the desk, "30307/khom-5" below a unit
  std::string name;  // "Phường Long Xuyên"
  int parent = kNobody;
  std::vector<std::string>
      topics;  // that it takes; empty: all. What it does not take, its parent does
};

class Cells {
 public:
  // Reads the file and those that it extends. InvalidArgument with every problem found, one a line,
  // each "FILE:LINE:COLUMN: what is wrong; what to do": an unknown code or topic, a cell given
  // twice, two roots, a cycle, a unit of today without a cell, an account that is not well formed.
  static absl::StatusOr<std::shared_ptr<const Cells>> Load(const std::string& path,
                                                           const Gazetteer& gazetteer);
  static absl::StatusOr<std::shared_ptr<const Cells>> Parse(std::string_view file,
                                                            std::string_view text,
                                                            const Gazetteer& gazetteer);

  // The root comes first, then parents before children.
  const std::vector<Cell>& cells() const { return cells_; }
  const Cell& desk() const { return cells_.front(); }
  const Cell* Find(std::string_view code) const;
  // `code` and its parents up to the desk; empty for an unknown code.
  std::vector<std::string> PathToDesk(std::string_view code) const;

  // The nearest cell at or above `code` that takes `topic` (empty: any topic); the desk when none
  // does.
  const Cell& For(std::string_view code, std::string_view topic) const;
  // The cell of an account's posts that name no place, or nullptr.
  const Cell* OfAccount(std::string_view account) const;
  size_t accounts() const { return accounts_.size(); }

 private:
  friend class CellsBuilder;
  Cells() = default;

  std::vector<Cell> cells_;
  absl::flat_hash_map<std::string, int> by_code_;
  absl::flat_hash_map<std::string, int> accounts_;
};

}  // namespace keng::filters

#endif  // KENG_FILTERS_PLACES_CELLS_H_
