#include "ingest/sources/source_table.h"

#include <filesystem>
#include <iterator>

#include "base/check.h"
#include "base/strings.h"
#include "ingest/sources/file_source.h"
#include "ingest/sources/http_source.h"
#include "ingest/sources/intake_source.h"
#include "ingest/sources/rss_source.h"

namespace keng::ingest {

namespace {

using base::Yaml;

// Keys that every source has.
constexpr std::string_view kCommonKeys[] = {"name", "type", "purpose", "owner", "until"};

absl::Status CheckKeys(const Yaml& entry, std::vector<std::string_view> own) {
  own.insert(own.end(), std::begin(kCommonKeys), std::end(kCommonKeys));
  return entry.CheckKeys("a source", own);
}

std::string Relative(const SourceEnvironment& environment, const std::string& path) {
  if (path.empty() || path.front() == '/' || environment.folder.empty()) return path;
  return (std::filesystem::path(environment.folder) / path).lexically_normal().string();
}

absl::StatusOr<std::unique_ptr<Source>> MakeFile(const Yaml& entry, SourceOptions options,
                                                 const SourceEnvironment& environment) {
  KENG_RETURN_IF_ERROR(CheckKeys(entry, {"path", "follow"}));
  FileSourceOptions file;
  const Yaml* path = entry.Find("path");
  if (path == nullptr) return entry.Error("a file source without a path; add path: posts.ndjson");
  KENG_ASSIGN_OR_RETURN(file.path, path->String("path"));
  file.path = Relative(environment, file.path);
  if (const Yaml* follow = entry.Find("follow")) {
    KENG_ASSIGN_OR_RETURN(const bool on, follow->Bool("follow"));
    file.mode = on ? FileMode::kFollow : FileMode::kOnce;
  }
  if (file.mode == FileMode::kOnce) file.progress = environment.progress;
  KENG_ASSIGN_OR_RETURN(auto intake, environment.stage->OpenSource(std::move(options)));
  return MakeFileSource(std::move(file), std::move(intake));
}

absl::StatusOr<std::unique_ptr<Source>> MakeStdin(const Yaml& entry, SourceOptions options,
                                                  const SourceEnvironment& environment) {
  KENG_RETURN_IF_ERROR(CheckKeys(entry, {}));
  KENG_ASSIGN_OR_RETURN(auto intake, environment.stage->OpenSource(std::move(options)));
  return MakeStdinSource({}, std::move(intake));
}

absl::StatusOr<std::unique_ptr<Source>> MakeHttp(const Yaml& entry, SourceOptions options,
                                                 const SourceEnvironment& environment) {
  KENG_RETURN_IF_ERROR(CheckKeys(
      entry, {"listen", "tokens_file", "tls_certificate_file", "tls_key_file", "body_bytes_max"}));
  KENG_ASSIGN_OR_RETURN(HttpSourceOptions http, ReadHttpSourceOptions(entry));
  http.tokens_file = Relative(environment, http.tokens_file);
  http.tls_certificate_file = Relative(environment, http.tls_certificate_file);
  http.tls_key_file = Relative(environment, http.tls_key_file);
  KENG_ASSIGN_OR_RETURN(auto intake, environment.stage->OpenSource(std::move(options)));
  return MakeHttpSource(std::move(http), std::move(intake), environment.metrics);
}

absl::StatusOr<std::unique_ptr<Source>> MakeRss(const Yaml& entry, SourceOptions options,
                                                const SourceEnvironment& environment) {
  KENG_RETURN_IF_ERROR(
      CheckKeys(entry, {"url", "account", "interval", "identity", "allow_private", "ca_file"}));
  KENG_ASSIGN_OR_RETURN(RssSourceOptions rss, ReadRssSourceOptions(entry));
  rss.ca_file = Relative(environment, rss.ca_file);
  KENG_ASSIGN_OR_RETURN(auto intake, environment.stage->OpenSource(std::move(options)));
  return MakeRssSource(std::move(rss), std::move(intake), *environment.clock, environment.metrics);
}

absl::StatusOr<std::unique_ptr<Source>> MakeIntake(const Yaml& entry, SourceOptions options,
                                                   const SourceEnvironment& environment) {
  KENG_RETURN_IF_ERROR(CheckKeys(entry, {}));
  KENG_ASSIGN_OR_RETURN(auto intake, environment.stage->OpenSource(std::move(options)));
  return MakeIntakeSource(*environment.streams, std::move(intake));
}

struct Kind {
  std::string_view type;
  absl::StatusOr<std::unique_ptr<Source>> (*make)(const Yaml&, SourceOptions,
                                                  const SourceEnvironment&);
};

constexpr Kind kKinds[] = {
    {"file", MakeFile}, {"http", MakeHttp},   {"intake", MakeIntake},
    {"rss", MakeRss},   {"stdin", MakeStdin},
};

}  // namespace

absl::StatusOr<std::unique_ptr<Source>> MakeSource(const Yaml& entry, SourceOptions options,
                                                   const SourceEnvironment& environment) {
  const Yaml* type = entry.Find("type");
  for (const Kind& kind : kKinds) {
    if (type != nullptr && type->scalar() == kind.type)
      return kind.make(entry, std::move(options), environment);
  }
  return entry.Error(base::StrCat("source \"", options.name, "\" is of type \"",
                                  type == nullptr ? "" : type->scalar(),
                                  "\"; expected file, http, intake, rss or stdin"));
}

std::vector<std::string_view> SourceKinds() {
  std::vector<std::string_view> kinds;
  for (const Kind& kind : kKinds) kinds.push_back(kind.type);
  return kinds;
}

}  // namespace keng::ingest
