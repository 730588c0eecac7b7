#ifndef KENG_ALERTING_CHANNELS_TELEGRAM_TEXT_H_
#define KENG_ALERTING_CHANNELS_TELEGRAM_TEXT_H_

// A message in the forms that Telegram takes: HTML (Bot API, "HTML style") and plain text, cut into
// parts of at most 4096 UTF-16 code units after entities. Pure functions.

#include <cstddef>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "alerting/render.h"

namespace keng::alerting {

inline constexpr size_t kTelegramUnitsMax = 4096;

struct TelegramPart {
  std::string html;
  std::string plain;
};

// At least one part. Cuts stand between lines, or at spaces of a line that is itself too long,
// never inside a tag, an entity or a character.
std::vector<TelegramPart> TelegramParts(absl::Span<const Body> bodies,
                                        size_t units_max = kTelegramUnitsMax);

// "<", ">", "&" and '"' as entities.
std::string EscapeTelegramHtml(std::string_view text);

}  // namespace keng::alerting

#endif  // KENG_ALERTING_CHANNELS_TELEGRAM_TEXT_H_
