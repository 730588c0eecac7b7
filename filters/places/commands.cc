#include "filters/places/commands.h"

#include <istream>
#include <memory>
#include <ostream>
#include <utility>

#include "absl/time/clock.h"
#include "base/check.h"
#include "base/json_text.h"
#include "filters/places/resolver.h"
#include "ingest/post_parser.h"

namespace keng::filters {
namespace {

absl::StatusOr<std::unique_ptr<Resolver>> Open(const PlaceFiles& files) {
  KENG_ASSIGN_OR_RETURN(std::shared_ptr<const Gazetteer> gazetteer, Gazetteer::Load(files.places));
  KENG_ASSIGN_OR_RETURN(std::shared_ptr<const Cells> cells, Cells::Load(files.cells, *gazetteer));
  return std::make_unique<Resolver>(std::move(gazetteer), std::move(cells));
}

void AppendNullable(std::string_view value, std::string& out) {
  if (value.empty())
    out += "null";
  else
    base::AppendJsonString(value, out);
}

}  // namespace

int CellsCheck(const PlaceFiles& files, std::ostream& out, std::ostream& err) {
  absl::StatusOr<std::unique_ptr<Resolver>> resolver = Open(files);
  if (!resolver.ok()) {
    err << resolver.status().message() << '\n';
    return 1;
  }
  const Gazetteer& gazetteer = (*resolver)->gazetteer();
  size_t units = 0, old_units = 0, elsewhere = 0;
  for (const Place& place : gazetteer.places()) {
    if (!place.served)
      ++elsewhere;
    else if (place.old)
      ++old_units;
    else if (place.level == PlaceLevel::kUnit)
      ++units;
  }
  const Cells& cells = (*resolver)->cells();
  out << "desk " << cells.desk().code << " (" << cells.desk().name << "): " << cells.cells().size()
      << " cells, " << units << " units, all with a cell; " << cells.accounts() << " accounts\n"
      << "gazetteer: " << gazetteer.places().size() << " places (" << old_units
      << " of before July 2025, " << elsewhere << " elsewhere), " << gazetteer.literals().size()
      << " names to look for\n";
  return 0;
}

int Route(const RouteOptions& options, std::istream& in, std::ostream& out, std::ostream& err) {
  absl::StatusOr<std::unique_ptr<Resolver>> opened = Open(options.files);
  if (!opened.ok()) {
    err << opened.status().message() << '\n';
    return 1;
  }
  const Resolver& resolver = **opened;
  const NameScanner scanner(resolver.gazetteer());
  Folder folder;
  FoldedText folded;
  std::vector<LiteralMatch> matches;

  if (options.text) {
    folder.Fold(*options.text, folded);
    scanner.Scan(folded, matches);
    std::string words;
    resolver.Explain(folded, matches, {.account = options.account}, words);
    out << words;
    return 0;
  }

  ingest::PostParser parser;
  std::string line, answer;
  int64_t number = 0;
  int status = 0;
  while (std::getline(in, line)) {
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    line.reserve(line.size() + ingest::PostParser::kPadding);
    ingest::Post post;
    const ingest::DropReason reason =
        parser.Parse(line, ingest::PostParser::Mode::kTool, absl::Now(), post);
    if (reason != ingest::DropReason::kNone) {
      err << "line " << number << ": no post: " << ingest::DropReasonName(reason);
      if (!parser.failed_field().empty()) err << " (" << parser.failed_field() << ")";
      err << '\n';
      status = 1;
      continue;
    }
    folder.Fold(post.text, folded);
    matches.clear();
    scanner.Scan(folded, matches);
    const Placement placement = resolver.Resolve(folded, matches, {.account = post.account});
    answer = "{\"id\":";
    base::AppendJsonString(post.id, answer);
    answer += ",\"cell\":";
    AppendNullable(placement.cell, answer);
    answer += ",\"reason\":";
    base::AppendJsonString(RouteReasonName(placement.reason), answer);
    answer += ",\"place\":";
    AppendNullable(placement.place, answer);
    answer += "}\n";
    out << answer;
  }
  return status;
}

}  // namespace keng::filters
