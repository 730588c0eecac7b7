#ifndef KENG_ALERTING_CHANNELS_CHANNEL_H_
#define KENG_ALERTING_CHANNELS_CHANNEL_H_

// An outbound way to a duty cell. A channel turns one message into one transport call and says
// exactly what is known of its fate; it keeps no queue and retries nothing: that is
// alerting/channel_worker.h's part, the same for all channels.
//
// Threads: Send and Edit are called by the one worker of the channel. Stop() may be called by any
// thread.
//
// Implementations: terminal, file, webhook, telegram in this folder, each one pair of files and one
// line in the table of channel_table.cc; FakeChannel in alerting/testing/.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "alerting/render.h"

namespace keng::alerting {

enum class SendOutcome : uint8_t {
  kSent = 1,        // accepted; `remote_id` is what the channel calls the message, if anything
  kRetryAfter = 2,  // refused for now; not before `retry_after`, and nothing else either
  kTransient = 3,   // not accepted, worth another attempt
  kPermanent = 4,   // will never be accepted
  kUnknown = 5,     // may have been accepted
  kGone = 6,        // the endpoint asks never to be called again (HTTP 410)
};
std::string_view SendOutcomeName(SendOutcome outcome);

struct SendResult {
  SendOutcome outcome = SendOutcome::kTransient;
  // kSent: the message's id. Otherwise, for a message that goes out in parts, the ids of the parts
  // that were accepted: the next attempt is given them and goes on after them.
  std::string remote_id;
  absl::Duration retry_after;
  std::string error;  // for operators; no secret, no URL, no post text
};

enum class Capability : uint32_t {
  kEdit = 1,        // a sent message can be changed
  kIdempotent = 2,  // the receiver can tell a repeat by the message's id
};

enum class MessageKind : uint8_t {
  kAlert,     // the whole story
  kFollowUp,  // news of a story that an earlier message of this channel shows (and quotes)
  kDigest,    // several alerts that are late
};

// What a channel is given. Valid during the call.
struct Message {
  MessageKind kind = MessageKind::kAlert;
  std::string id;            // of the alert or digest: the same on every attempt
  std::vector<Body> bodies;  // for people, one a language
  std::string event;         // for programs: the CloudEvents JSON
  std::string reply_to;      // kFollowUp: remote id of the message that shows the story
  std::string sent_parts;    // SendResult::remote_id of the attempt before
};

class Channel {
 public:
  virtual ~Channel() = default;
  // "terminal", "file", ...
  virtual std::string_view kind() const = 0;
  virtual bool Can(Capability capability) const = 0;
  virtual SendResult Send(const Message& message) = 0;
  // Replaces a sent message. kSent also when nothing had to change. kPermanent: the message cannot
  // be edited (any more). REQUIRES: Can(kEdit).
  virtual SendResult Edit(std::string_view remote_id, const Message& message) = 0;
  // The channel's own pace: no call before this time (InfinitePast: at once).
  virtual absl::Time ReadyAt() const { return absl::InfinitePast(); }
  // Makes a call in progress return soon; later ones end at once with kTransient.
  virtual void Stop() = 0;
};

}  // namespace keng::alerting

#endif  // KENG_ALERTING_CHANNELS_CHANNEL_H_
