#ifndef KENG_ALERTING_CHANNELS_FILE_H_
#define KENG_ALERTING_CHANNELS_FILE_H_

// Alerts as JSON lines: each line is the CloudEvents object that a webhook would get. The `id` in
// it tells a repeat after a crash. The file may be moved away at any time (logrotate): the next
// alert opens a new one. A line that a full disk cut short is taken back; one that a power loss cut
// short is ended by a line feed when the file is opened again.

#include <string>

#include "alerting/channels/channel.h"
#include "alerting/channels/channel_table.h"

namespace keng::alerting {

// When a line is safe against power loss; a kill of the process loses nothing in any case.
enum class FileSync : uint8_t {
  kEach,    // before the alert counts as sent
  kSecond,  // at most once a second, with the next alert or Stop()
  kNever,   // when the system sees fit
};

struct FileOptions {
  std::string path;
  FileSync sync = FileSync::kSecond;
  const base::Clock* clock = nullptr;
};

class FileChannel final : public Channel {
 public:
  explicit FileChannel(FileOptions options) : options_(std::move(options)) {}
  ~FileChannel() override;

  std::string_view kind() const override { return "file"; }
  bool Can(Capability capability) const override { return capability == Capability::kIdempotent; }
  // kTransient: the file cannot be opened, written or synced.
  SendResult Send(const Message& message) override;
  SendResult Edit(std::string_view remote_id, const Message& message) override;
  void Stop() override {}

 private:
  absl::Status Open();
  bool IsInPlace() const;
  void Close();
  absl::Status WriteLine(std::string_view line);
  absl::Status Sync();

  const FileOptions options_;
  int file_ = -1;
  absl::Time synced_at_ = absl::InfinitePast();
};

// Keys: path, sync (each, second, never).
absl::StatusOr<std::unique_ptr<Channel>> MakeFile(const base::Yaml& options,
                                                  const ChannelEnvironment& environment);

}  // namespace keng::alerting

#endif  // KENG_ALERTING_CHANNELS_FILE_H_
