#ifndef KENG_FILTERS_PLACES_COMMANDS_H_
#define KENG_FILTERS_PLACES_COMMANDS_H_

// `keng cells check` and `keng route` as functions; app/ parses the flags. Each returns the exit
// status: 0 done, 1 something found wrong, 2 usage.

#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

namespace keng::filters {

struct PlaceFiles {
  std::vector<std::string> places;  // files and folders of the gazetteer
  std::string cells;                // cells.yaml
};

// Loads both and prints either a summary to `out`, or every problem to `err` ("FILE:LINE:COLUMN:
// what; remedy", one a line) and returns 1.
int CellsCheck(const PlaceFiles& files, std::ostream& out, std::ostream& err);

struct RouteOptions {
  PlaceFiles files;
  std::optional<std::string> text;  // set: this one text, explained in words, instead of `in`
  std::string account;              // of `text`
};

// Posts as JSON lines from `in`; for each {"id","cell","reason","place"} to `out`, cell and place
// null where there is none. A line that is no post is named on `err` by number and reason, and the
// status is 1 at the end; the lines around it are unharmed.
int Route(const RouteOptions& options, std::istream& in, std::ostream& out, std::ostream& err);

}  // namespace keng::filters

#endif  // KENG_FILTERS_PLACES_COMMANDS_H_
