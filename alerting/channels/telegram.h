#ifndef KENG_ALERTING_CHANNELS_TELEGRAM_H_
#define KENG_ALERTING_CHANNELS_TELEGRAM_H_

// Messages of a Telegram bot to one chat (Bot API: sendMessage, editMessageText), as HTML with
// everything escaped. The message that shows an incident is edited as the incident grows and when
// its post is withdrawn.
//
// Not idempotent: Telegram gives the message's id in its answer only. remote_id is the message ids
// of all parts with commas between.
//
// Answers: 429 waits for parameters.retry_after; 400 "can't parse entities" is tried once more as
// plain text, so that no alert is lost to markup; 400 with migrate_to_chat_id goes to the new chat
// and stays with it; other 400, 401, 403, 404 are permanent; 5xx and network errors are worth
// another attempt. "message is not modified" is success.
//
// Pace: at most one message a second and 20 a minute into the chat, edits included (ReadyAt()).
// A message of several parts counts each and may exceed the distance by its parts.

#include <memory>
#include <string>

#include "alerting/channels/channel.h"
#include "alerting/channels/channel_table.h"
#include "alerting/channels/send_pace.h"
#include "net/http_client.h"

namespace keng::alerting {

struct TelegramOptions {
  std::string token;    // never shown
  std::string chat_id;  // a number, or "@name" of a public channel
  std::string base_url = "https://api.telegram.org";
  net::AddressPolicy addresses = net::AddressPolicy::kPublic;
  std::string ca_file;
  absl::Duration timeout = absl::Seconds(20);
};

class TelegramChannel final : public Channel {
 public:
  static absl::StatusOr<std::unique_ptr<TelegramChannel>> Make(TelegramOptions options,
                                                               const base::Clock& clock,
                                                               base::Metrics* metrics);

  std::string_view kind() const override { return "telegram"; }
  bool Can(Capability capability) const override { return capability == Capability::kEdit; }
  SendResult Send(const Message& message) override;
  SendResult Edit(std::string_view remote_id, const Message& message) override;
  absl::Time ReadyAt() const override;
  void Stop() override { client_->Stop(); }

 private:
  struct Answer;
  struct Call;

  TelegramChannel(TelegramOptions options, std::unique_ptr<net::HttpClient> client,
                  const base::Clock& clock);
  Answer Post(const Call& call);
  Answer PostOnce(const Call& call, std::string_view form);

  const TelegramOptions options_;
  const std::unique_ptr<net::HttpClient> client_;
  const base::Clock& clock_;
  // Of the channel's worker.
  std::string chat_id_;
  mutable SendPace pace_{absl::Seconds(1), 20};
};

// Keys: token_file or token_env, chat_id, base_url, allow_private, ca_file.
absl::StatusOr<std::unique_ptr<Channel>> MakeTelegram(const base::Yaml& options,
                                                      const ChannelEnvironment& environment);

}  // namespace keng::alerting

#endif  // KENG_ALERTING_CHANNELS_TELEGRAM_H_
