#ifndef KENG_ALERTING_CHANNELS_CHANNEL_TABLE_H_
#define KENG_ALERTING_CHANNELS_CHANNEL_TABLE_H_

// The kinds of channels there are, each by the name that stands as `type` in keng.yaml. A new kind
// is one pair of files and one line in the table of channel_table.cc.

#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "alerting/channel_worker.h"
#include "alerting/channels/channel.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/yaml.h"

namespace keng::alerting {

// What channels are made from beside their options. Outlives them.
struct ChannelEnvironment {
  const base::Clock* clock = nullptr;
  base::Metrics* metrics = nullptr;  // may be null
  std::ostream* terminal = nullptr;  // where `terminal` writes
  // Whether colours are wanted there: the caller asks isatty().
  enum class Colours : uint8_t { kNo, kYes } colours = Colours::kNo;
  std::string folder;  // relative paths of options start here
};

// The channel that `options` (one entry of `channels:` in keng.yaml, with name, type and the kind's
// own keys) describes. InvalidArgument: names file, line and column, what was expected and what to
// do; NotFound: a secret's file or environment variable is missing. Opens files, but no connection.
absl::StatusOr<ChannelSpec> MakeChannel(const base::Yaml& options,
                                        const ChannelEnvironment& environment);

std::vector<std::string_view> ChannelKinds();

}  // namespace keng::alerting

#endif  // KENG_ALERTING_CHANNELS_CHANNEL_TABLE_H_
