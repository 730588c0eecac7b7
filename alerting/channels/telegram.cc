#include "alerting/channels/telegram.h"

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <optional>
#include <vector>

#include "absl/strings/str_split.h"
#include "alerting/channels/secret.h"
#include "alerting/channels/telegram_text.h"
#include "base/check.h"
#include "base/log.h"
#include "base/strings.h"
#include "net/backoff.h"

namespace keng::alerting {
namespace {

namespace json = boost::json;
using base::StrCat;

constexpr std::string_view kAsHtml = "html";
constexpr std::string_view kAsPlain = "plain";

json::value ChatId(const std::string& chat_id) {
  int64_t number = 0;
  const auto [end, error] =
      std::from_chars(chat_id.data(), chat_id.data() + chat_id.size(), number);
  if (error == std::errc() && end == chat_id.data() + chat_id.size()) return number;
  return json::value(chat_id);
}

std::optional<int64_t> MessageNumber(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::vector<std::string> Ids(std::string_view remote_id) {
  std::vector<std::string> ids;
  for (absl::string_view id : absl::StrSplit(base::ToAbsl(remote_id), ',', absl::SkipEmpty())) {
    ids.emplace_back(id.data(), id.size());
  }
  return ids;
}

bool IsToken(std::string_view token) {
  return !token.empty() && token.size() <= 128 &&
         std::all_of(token.begin(), token.end(), [](char byte) {
           return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
                  (byte >= 'A' && byte <= 'Z') || byte == ':' || byte == '_' || byte == '-';
         });
}

}  // namespace

// One method call; the text is put in by the form that is tried.
struct TelegramChannel::Call {
  std::string_view method;
  const TelegramPart& part;
  std::optional<int64_t> edited;
  std::optional<int64_t> reply_to;
};

struct TelegramChannel::Answer {
  SendResult result;
  std::string description;  // of a 400
  std::optional<int64_t> migrated_to;
};

TelegramChannel::TelegramChannel(TelegramOptions options, std::unique_ptr<net::HttpClient> client,
                                 const base::Clock& clock)
    : options_(std::move(options)),
      client_(std::move(client)),
      clock_(clock),
      chat_id_(options_.chat_id) {}

absl::StatusOr<std::unique_ptr<TelegramChannel>> TelegramChannel::Make(TelegramOptions options,
                                                                       const base::Clock& clock,
                                                                       base::Metrics* metrics) {
  if (!IsToken(options.token)) {
    return absl::InvalidArgumentError(
        "the bot's token must look like 123456:ABC-DEF, as BotFather gave it");
  }
  net::HttpClientOptions client;
  client.name = "telegram";
  client.addresses = options.addresses;
  client.ca_file = options.ca_file;
  KENG_ASSIGN_OR_RETURN(std::unique_ptr<net::HttpClient> http,
                        net::HttpClient::Make(std::move(client), metrics));
  return std::unique_ptr<TelegramChannel>(
      new TelegramChannel(std::move(options), std::move(http), clock));
}

absl::Time TelegramChannel::ReadyAt() const { return pace_.ReadyAt(clock_.Now()); }

TelegramChannel::Answer TelegramChannel::PostOnce(const Call& call, std::string_view form) {
  json::object body{{"chat_id", ChatId(chat_id_)},
                    {"link_preview_options", {{"is_disabled", true}}}};
  if (call.edited.has_value()) body["message_id"] = *call.edited;
  if (call.reply_to.has_value()) {
    body["reply_parameters"] = {{"message_id", *call.reply_to},
                                {"allow_sending_without_reply", true}};
  }
  body["text"] = form == kAsHtml ? call.part.html : call.part.plain;
  if (form == kAsHtml) body["parse_mode"] = "HTML";
  net::HttpRequest request;
  request.method = net::HttpMethod::kPost;
  request.url = StrCat(options_.base_url, "/bot", options_.token, "/", call.method);
  request.headers = {{"Content-Type", "application/json"}};
  request.body = json::serialize(body);
  request.total_timeout = options_.timeout;
  request.response_bytes_max = 256 * 1024;
  pace_.Count(clock_.Now());
  const net::HttpResult http = client_->Send(request);
  Answer answer;
  if (http.outcome != net::HttpOutcome::kAnswered) {
    answer.result.outcome = http.outcome == net::HttpOutcome::kUnknown ? SendOutcome::kUnknown
                                                                       : SendOutcome::kTransient;
    answer.result.error = http.error;
    return answer;
  }
  boost::system::error_code broken;
  const json::value parsed = json::parse(http.body, broken);
  const json::object empty;
  const json::object& reply = !broken && parsed.is_object() ? parsed.get_object() : empty;
  const auto object = [](const json::object& in, std::string_view key) -> const json::object* {
    const json::value* value = in.if_contains(json::string_view(key.data(), key.size()));
    return value == nullptr ? nullptr : value->if_object();
  };
  if (http.status == 200) {
    // Accepted, whatever became of the answer's body.
    answer.result.outcome = SendOutcome::kSent;
    if (const json::object* message = object(reply, "result")) {
      const json::value* id = message->if_contains("message_id");
      if (id != nullptr && id->is_int64()) answer.result.remote_id = StrCat(id->get_int64());
    }
    return answer;
  }
  if (const json::value* text = reply.if_contains("description"); text && text->is_string()) {
    answer.description = std::string(text->get_string()).substr(0, 200);
  }
  answer.result.error =
      StrCat("HTTP ", http.status, answer.description.empty() ? "" : ": ", answer.description);
  const json::object* parameters = object(reply, "parameters");
  const auto number = [parameters](const char* key) -> std::optional<int64_t> {
    const json::value* value = parameters == nullptr ? nullptr : parameters->if_contains(key);
    if (value == nullptr || !value->is_int64()) return std::nullopt;
    return value->get_int64();
  };
  answer.migrated_to = number("migrate_to_chat_id");
  switch (http.status) {
    case 400:
    case 401:
    case 403:
    case 404:
      answer.result.outcome = SendOutcome::kPermanent;
      break;
    case 429:
      answer.result.outcome = SendOutcome::kRetryAfter;
      answer.result.retry_after =
          absl::Seconds(std::clamp<int64_t>(number("retry_after").value_or(-1), -1, 86400));
      if (answer.result.retry_after < absl::ZeroDuration()) {
        answer.result.retry_after = net::ParseRetryAfter(http.Header("retry-after"), clock_.Now())
                                        .value_or(absl::Seconds(5));
      }
      break;
    default:
      answer.result.outcome = SendOutcome::kTransient;
  }
  return answer;
}

TelegramChannel::Answer TelegramChannel::Post(const Call& call) {
  Answer answer = PostOnce(call, kAsHtml);
  if (answer.migrated_to.has_value()) {
    chat_id_ = StrCat(*answer.migrated_to);
    base::LogWarn("channel.telegram.migrated", {{"new_chat_id", chat_id_}});
    answer = PostOnce(call, kAsHtml);
  }
  if (answer.description.find("can't parse entities") != std::string::npos) {
    answer = PostOnce(call, kAsPlain);
  }
  return answer;
}

SendResult TelegramChannel::Send(const Message& message) {
  const std::vector<TelegramPart> parts = TelegramParts(message.bodies);
  // Parts that an attempt before brought through are not sent again.
  std::string ids = message.sent_parts;
  for (size_t i = Ids(ids).size(); i < parts.size(); ++i) {
    Call call{.method = "sendMessage", .part = parts[i]};
    if (i == 0) {
      const std::vector<std::string> original = Ids(message.reply_to);
      if (!original.empty()) call.reply_to = MessageNumber(original.front());
    }
    Answer answer = Post(call);
    if (answer.result.outcome != SendOutcome::kSent) {
      answer.result.remote_id = ids;
      return answer.result;
    }
    base::StrAppend(&ids, ids.empty() ? "" : ",", answer.result.remote_id);
  }
  return {.outcome = SendOutcome::kSent, .remote_id = ids};
}

SendResult TelegramChannel::Edit(std::string_view remote_id, const Message& message) {
  const std::vector<std::string> ids = Ids(remote_id);
  if (ids.empty()) return {.outcome = SendOutcome::kPermanent, .error = "no message to edit"};
  std::vector<TelegramPart> parts = TelegramParts(message.bodies);
  // A text that has become shorter leaves parts over; what has become longer than its parts ends
  // with the last of them.
  while (parts.size() < ids.size()) parts.push_back({.html = "…", .plain = "…"});
  SendResult all{.outcome = SendOutcome::kSent};
  for (size_t i = 0; i < ids.size(); ++i) {
    const std::optional<int64_t> id = MessageNumber(ids[i]);
    if (!id.has_value()) return {.outcome = SendOutcome::kPermanent, .error = "no message id"};
    Answer answer = Post({.method = "editMessageText", .part = parts[i], .edited = id});
    const bool is_same = answer.description.find("message is not modified") != std::string::npos;
    if (answer.result.outcome != SendOutcome::kSent && !is_same) return answer.result;
  }
  return all;
}

absl::StatusOr<std::unique_ptr<Channel>> MakeTelegram(const base::Yaml& options,
                                                      const ChannelEnvironment& environment) {
  KENG_RETURN_IF_ERROR(
      options.CheckKeys("a telegram channel", {"name", "type", "lang", "token_file", "token_env",
                                               "chat_id", "base_url", "allow_private", "ca_file"}));
  TelegramOptions telegram;
  KENG_ASSIGN_OR_RETURN(const std::vector<std::string> tokens,
                        ReadSecrets(options, "token", environment.folder));
  if (tokens.size() != 1) {
    return options.Error(
        "a telegram channel needs \"token_file\" or \"token_env\": where the bot's token is");
  }
  telegram.token = tokens.front();
  const base::Yaml* chat = options.Find("chat_id");
  if (chat == nullptr) return options.Error("a telegram channel needs \"chat_id\"");
  KENG_ASSIGN_OR_RETURN(telegram.chat_id, chat->String("chat_id"));
  if (const base::Yaml* url = options.Find("base_url")) {
    KENG_ASSIGN_OR_RETURN(telegram.base_url, url->String("base_url"));
    while (telegram.base_url.ends_with('/')) telegram.base_url.pop_back();
  }
  if (const base::Yaml* allow = options.Find("allow_private")) {
    KENG_ASSIGN_OR_RETURN(const bool is_allowed, allow->Bool("allow_private"));
    if (is_allowed) telegram.addresses = net::AddressPolicy::kAny;
  }
  if (const base::Yaml* file = options.Find("ca_file")) {
    KENG_ASSIGN_OR_RETURN(const std::string path, file->String("ca_file"));
    telegram.ca_file = PathFrom(environment.folder, path);
  }
  absl::StatusOr<std::unique_ptr<TelegramChannel>> channel =
      TelegramChannel::Make(std::move(telegram), *environment.clock, environment.metrics);
  if (!channel.ok()) return options.Error(std::string(channel.status().message()));
  return *std::move(channel);
}

}  // namespace keng::alerting
