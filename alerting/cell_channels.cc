#include "alerting/cell_channels.h"

#include <algorithm>
#include <utility>

namespace keng::alerting {

CellChannels::CellChannels(std::map<std::string, std::vector<std::string>, std::less<>> direct,
                           std::map<std::string, std::string, std::less<>> parents)
    : direct_([&direct] {
        for (auto& [cell, names] : direct) {
          std::vector<std::string> distinct;
          for (std::string& name : names) {
            if (std::find(distinct.begin(), distinct.end(), name) == distinct.end()) {
              distinct.push_back(std::move(name));
            }
          }
          names = std::move(distinct);
        }
        return std::move(direct);
      }()),
      parents_(std::move(parents)) {}

const std::vector<std::string>& CellChannels::For(std::string_view cell,
                                                  std::string_view desk) const {
  // A tree is never deeper than its number of cells: more steps are a loop.
  for (size_t steps = 0; steps <= parents_.size() + 8 && !cell.empty(); ++steps) {
    if (const auto own = direct_.find(cell); own != direct_.end()) return own->second;
    if (const auto parent = parents_.find(cell); parent != parents_.end()) {
      cell = parent->second;
      continue;
    }
    const size_t slash = cell.rfind('/');
    if (slash == std::string_view::npos) break;
    cell = cell.substr(0, slash);
  }
  const auto last = direct_.find(desk);
  return last == direct_.end() ? none_ : last->second;
}

}  // namespace keng::alerting
