#ifndef KENG_ALERTING_CHANNELS_TERMINAL_H_
#define KENG_ALERTING_CHANNELS_TERMINAL_H_

// Alerts as a duty officer reads them on a screen: for `keng run` on a terminal and the demo.

#include <ostream>

#include "alerting/channels/channel.h"
#include "alerting/channels/channel_table.h"

namespace keng::alerting {

struct TerminalOptions {
  // Written by one thread at a time; outlives the channel.
  std::ostream* out = nullptr;
  ChannelEnvironment::Colours colours = ChannelEnvironment::Colours::kNo;
};

class TerminalChannel final : public Channel {
 public:
  explicit TerminalChannel(TerminalOptions options) : options_(options) {}

  std::string_view kind() const override { return "terminal"; }
  bool Can(Capability) const override { return false; }
  // kTransient: the stream is broken.
  SendResult Send(const Message& message) override;
  SendResult Edit(std::string_view remote_id, const Message& message) override;
  void Stop() override {}

 private:
  const TerminalOptions options_;
};

// Keys: none beside lang.
absl::StatusOr<std::unique_ptr<Channel>> MakeTerminal(const base::Yaml& options,
                                                      const ChannelEnvironment& environment);

}  // namespace keng::alerting

#endif  // KENG_ALERTING_CHANNELS_TERMINAL_H_
