#ifndef KENG_ALERTING_CELL_CHANNELS_H_
#define KENG_ALERTING_CELL_CHANNELS_H_

// Which channels ring for a cell: its own, else those of the nearest cell above it. Immutable,
// thread-safe.

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace keng::alerting {

class CellChannels {
 public:
  // `direct`: the cells that name channels. `parents`: cell -> the cell above it. A cell without an
  // entry there belongs to what stands before its last '/' ("30307/khom-5" to "30307"), else to the
  // desk. Loops in `parents` end at the desk.
  CellChannels(std::map<std::string, std::vector<std::string>, std::less<>> direct,
               std::map<std::string, std::string, std::less<>> parents);

  // The channels' names, without repeats; empty when nobody on the way up to `desk` names one.
  const std::vector<std::string>& For(std::string_view cell, std::string_view desk) const;

 private:
  const std::map<std::string, std::vector<std::string>, std::less<>> direct_;
  const std::map<std::string, std::string, std::less<>> parents_;
  const std::vector<std::string> none_;
};

}  // namespace keng::alerting

#endif  // KENG_ALERTING_CELL_CHANNELS_H_
