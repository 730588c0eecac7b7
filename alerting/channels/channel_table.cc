#include "alerting/channels/channel_table.h"

#include <array>

#include "alerting/channels/file.h"
#include "alerting/channels/telegram.h"
#include "alerting/channels/terminal.h"
#include "alerting/channels/webhook.h"
#include "base/check.h"
#include "base/strings.h"

namespace keng::alerting {
namespace {

struct ChannelKind {
  std::string_view name;
  absl::StatusOr<std::unique_ptr<Channel>> (*make)(const base::Yaml& options,
                                                   const ChannelEnvironment& environment);
};

constexpr std::array kKinds = {
    ChannelKind{"terminal", &MakeTerminal},
    ChannelKind{"file", &MakeFile},
    ChannelKind{"webhook", &MakeWebhook},
    ChannelKind{"telegram", &MakeTelegram},
};

}  // namespace

std::vector<std::string_view> ChannelKinds() {
  std::vector<std::string_view> names;
  for (const ChannelKind& kind : kKinds) names.push_back(kind.name);
  return names;
}

absl::StatusOr<ChannelSpec> MakeChannel(const base::Yaml& options,
                                        const ChannelEnvironment& environment) {
  const base::Yaml* name = options.Find("name");
  const base::Yaml* type = options.Find("type");
  if (name == nullptr || type == nullptr) {
    return options.Error("a channel needs \"name\" and \"type\"");
  }
  ChannelSpec spec;
  KENG_ASSIGN_OR_RETURN(spec.name, name->String("name"));
  if (const base::Yaml* lang = options.Find("lang")) {
    const std::optional<Languages> languages = LanguagesByName(lang->scalar());
    if (!languages.has_value()) {
      return lang->Error(base::StrCat("lang is \"", lang->scalar(), "\"; expected vi, en or both"));
    }
    spec.languages = *languages;
  }
  for (const ChannelKind& kind : kKinds) {
    if (kind.name != type->scalar()) continue;
    KENG_ASSIGN_OR_RETURN(spec.channel, kind.make(options, environment));
    return spec;
  }
  const std::string_view nearest = base::NearestWord(type->scalar(), ChannelKinds());
  return type->Error(base::StrCat(
      "there is no channel type \"", type->scalar(), "\"; expected terminal, file, webhook or ",
      "telegram", nearest.empty() ? "" : base::StrCat(" (did you mean ", nearest, "?)")));
}

}  // namespace keng::alerting
