#ifndef KENG_ALERTING_CHANNELS_SECRET_H_
#define KENG_ALERTING_CHANNELS_SECRET_H_

// Secrets of channels: tokens, signing keys, URLs that hold a token. They come from a file or an
// environment variable that the configuration names, never from the configuration itself, and stand
// in no error.

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/yaml.h"

namespace keng::alerting {

// The secrets that `options` names under "<what>_file" (a path, or a list of them) and "<what>_env"
// (a variable's name, or a list), in that order, without white space around them. Empty when
// neither key stands there. NotFound: a file or variable is missing or empty. InvalidArgument: the
// keys hold something else than names.
absl::StatusOr<std::vector<std::string>> ReadSecrets(const base::Yaml& options,
                                                     std::string_view what,
                                                     std::string_view folder);

// `path` as seen from `folder`; an absolute one as it is.
std::string PathFrom(std::string_view folder, std::string_view path);

}  // namespace keng::alerting

#endif  // KENG_ALERTING_CHANNELS_SECRET_H_
