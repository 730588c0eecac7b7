#include "alerting/channels/secret.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/ascii.h"
#include "base/check.h"
#include "base/strings.h"

namespace keng::alerting {
namespace {

using base::StrCat;

constexpr size_t kSecretBytesMax = 64 * 1024;

absl::StatusOr<std::string> Trimmed(const base::Yaml& place, std::string text,
                                    std::string_view from) {
  absl::StripAsciiWhitespace(&text);
  if (text.empty() || text.size() > kSecretBytesMax) {
    return absl::NotFoundError(
        StrCat(place.Where(), ": ", from, " is empty or too long; expected one secret"));
  }
  return text;
}

}  // namespace

std::string PathFrom(std::string_view folder, std::string_view path) {
  if (folder.empty() || path.starts_with('/')) return std::string(path);
  return (std::filesystem::path(folder) / path).lexically_normal().string();
}

absl::StatusOr<std::vector<std::string>> ReadSecrets(const base::Yaml& options,
                                                     std::string_view what,
                                                     std::string_view folder) {
  std::vector<std::string> secrets;
  if (const base::Yaml* files = options.Find(StrCat(what, "_file"))) {
    KENG_ASSIGN_OR_RETURN(const std::vector<std::string> paths,
                          files->Strings(StrCat(what, "_file")));
    for (const std::string& path : paths) {
      std::ifstream stream(PathFrom(folder, path), std::ios::binary);
      if (!stream) {
        return absl::NotFoundError(
            StrCat(files->Where(), ": ", what, "_file \"", path, "\" cannot be read"));
      }
      std::ostringstream text;
      text << stream.rdbuf();
      KENG_ASSIGN_OR_RETURN(std::string secret, Trimmed(*files, text.str(), path));
      secrets.push_back(std::move(secret));
    }
  }
  if (const base::Yaml* variables = options.Find(StrCat(what, "_env"))) {
    KENG_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                          variables->Strings(StrCat(what, "_env")));
    for (const std::string& name : names) {
      const char* value = std::getenv(name.c_str());
      if (value == nullptr) {
        return absl::NotFoundError(
            StrCat(variables->Where(), ": the environment has no variable ", name));
      }
      KENG_ASSIGN_OR_RETURN(std::string secret, Trimmed(*variables, value, name));
      secrets.push_back(std::move(secret));
    }
  }
  return secrets;
}

}  // namespace keng::alerting
