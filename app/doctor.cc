#include "app/doctor.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <filesystem>
#include <sstream>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "app/admin_client.h"
#include "app/pipeline.h"
#include "base/strings.h"
#include "filters/places/cells.h"
#include "filters/places/gazetteer.h"
#include "filters/places/resolver.h"
#include "filters/rules/placing.h"
#include "filters/rules/rule_commands.h"
#include "ingest/author_keys.h"

namespace keng::app {

namespace {

using base::StrCat;

class Report {
 public:
  explicit Report(std::ostream& out) : out_(out) {}
  void Good(std::string_view what, std::string_view detail) {
    out_ << "ok    " << what << ": " << detail << "\n";
  }
  void Note(std::string_view what, std::string_view detail) {
    out_ << "note  " << what << ": " << detail << "\n";
  }
  void Bad(std::string_view what, std::string_view detail) {
    out_ << "BAD   " << what << ": " << detail << "\n";
    bad_ = true;
  }
  int status() const { return bad_ ? 1 : 0; }

 private:
  std::ostream& out_;
  bool bad_ = false;
};

// The nearest folder at or above `path` that is there.
std::filesystem::path Existing(std::filesystem::path path) {
  path = std::filesystem::absolute(path);
  while (!std::filesystem::exists(path) && path.has_parent_path() && path != path.parent_path()) {
    path = path.parent_path();
  }
  return path;
}

void CheckData(const Config& config, Report& report) {
  const std::string folder = Existing(config.data_dir).string();
  if (access(folder.c_str(), W_OK) != 0) {
    report.Bad("data_dir",
               StrCat(folder, " is not writable for this user; chown it or choose another"));
    return;
  }
  struct statvfs disk = {};
  if (statvfs(folder.c_str(), &disk) == 0) {
    const int64_t free_bytes =
        static_cast<int64_t>(disk.f_bavail) * static_cast<int64_t>(disk.f_frsize);
    const std::string free_text = absl::StrFormat("%s, %d MiB free", folder, free_bytes >> 20);
    if (free_bytes < 2 * config.streams.disk_free_min) {
      report.Bad("disk", StrCat(free_text, "; writes are refused below streams.disk_free_min"));
    } else {
      report.Good("disk", free_text);
    }
  }
  if (CallAdmin(AdminSocketPath(config), "GET", "/v1/status", "", absl::Seconds(2)).ok()) {
    report.Note("running", "a keng runs on this data_dir; keng top shows it");
  }
}

void CheckKeys(const Config& config, Report& report) {
  struct stat file = {};
  if (stat(config.keys_file.c_str(), &file) != 0) {
    report.Note("keys",
                StrCat(config.keys_file, " is not there; keng run makes it, or keng keys make"));
    return;
  }
  const auto keys = ingest::LoadAuthorKeys(config.keys_file);
  if (!keys.ok()) {
    report.Bad("keys", std::string(keys.status().message()));
  } else if ((file.st_mode & 077) != 0) {
    report.Bad("keys", StrCat(config.keys_file, " can be read by others; chmod 600 it"));
  } else {
    report.Good("keys", StrCat(config.keys_file, ", key ", (*keys)->current(), " in use"));
  }
}

void CheckRules(const Config& config, Report& report) {
  const auto gazetteer = filters::Gazetteer::Load({config.places});
  if (!gazetteer.ok()) return report.Bad("places", std::string(gazetteer.status().message()));
  report.Good("places", StrCat((*gazetteer)->places().size(), " places, ",
                               (*gazetteer)->literals().size(), " names"));
  const auto cells = filters::Cells::Load(config.cells, **gazetteer);
  if (!cells.ok()) return report.Bad("cells", std::string(cells.status().message()));
  report.Good("cells",
              StrCat((*cells)->cells().size(), " cells, ", (*cells)->accounts(), " accounts"));
  for (const auto& [cell, channels] : config.cell_channels) {
    if ((*cells)->Find(cell) == nullptr)
      report.Bad("cell_channels", StrCat("no cell \"", cell, "\""));
  }
  if (config.cell_channels.count((*cells)->desk().code) == 0) {
    report.Note("cell_channels",
                StrCat("the desk ", (*cells)->desk().code,
                       " has no channel: alerts of cells without one are counted as suppressed"));
  }
  if (config.rules.empty()) {
    return report.Note("rules", "no files: only what keng rules publish puts in force matches");
  }
  std::ostringstream out;
  std::ostringstream err;
  filters::RuleInput input{.paths = config.rules, .overrides_path = "", .now = absl::Now()};
  input.placing =
      filters::MakePlacing(std::make_shared<const filters::Resolver>(*gazetteer, *cells));
  const int status = filters::RulesTest(input, filters::ReportForm::kWords, out, err);
  if (status != 0) return report.Bad("rules", StrCat(err.str(), out.str()));
  std::string last;
  std::istringstream lines(out.str());
  for (std::string line; std::getline(lines, line);) last = line;
  report.Good("rules", last);
}

}  // namespace

int RunDoctor(const Config& config, std::ostream& out) {
  Report report(out);
  report.Good("config", config.path);
  CheckData(config, report);
  CheckKeys(config, report);
  CheckRules(config, report);
  for (const SourceConfig& source : config.sources) {
    if (source.until < absl::Now()) {
      report.Bad("source",
                 StrCat(source.name, ": its `until` has passed: everything it brings is dropped"));
    }
  }
  if (config.mode == Mode::kShadow) report.Note("mode", "shadow: channels stay silent");
  return report.status();
}

}  // namespace keng::app
