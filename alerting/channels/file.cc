#include "alerting/channels/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "alerting/channels/secret.h"
#include "base/check.h"
#include "base/strings.h"

namespace keng::alerting {
namespace {

using base::StrCat;

absl::Status Failed(std::string_view what) {
  return absl::UnavailableError(StrCat(what, ": ", std::strerror(errno)));
}

}  // namespace

FileChannel::~FileChannel() {
  if (file_ >= 0 && options_.sync != FileSync::kNever) ::fdatasync(file_);
  Close();
}

void FileChannel::Close() {
  if (file_ >= 0) ::close(file_);
  file_ = -1;
}

bool FileChannel::IsInPlace() const {
  struct stat opened {
  }, named{};
  return ::fstat(file_, &opened) == 0 && ::stat(options_.path.c_str(), &named) == 0 &&
         opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

absl::Status FileChannel::Open() {
  if (file_ >= 0) {
    if (IsInPlace()) return absl::OkStatus();
    if (options_.sync != FileSync::kNever) ::fdatasync(file_);
    Close();
  }
  // Alerts quote posts: nobody else on the machine needs to read them.
  file_ = ::open(options_.path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
  if (file_ < 0) return Failed("open");
  const off_t size = ::lseek(file_, 0, SEEK_END);
  char last = '\n';
  if (size > 0 && ::pread(file_, &last, 1, size - 1) != 1) return Failed("read");
  if (last != '\n' && ::write(file_, "\n", 1) != 1) return Failed("write");
  return absl::OkStatus();
}

absl::Status FileChannel::WriteLine(std::string_view line) {
  const off_t before = ::lseek(file_, 0, SEEK_END);
  size_t done = 0;
  while (done < line.size()) {
    const ssize_t wrote = ::write(file_, line.data() + done, line.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) {
      const absl::Status status = Failed("write");
      // Half a line must not stand before the next one. When it cannot be taken back, opening
      // again ends it.
      if (done > 0 && ::ftruncate(file_, before) != 0) Close();
      return status;
    }
    done += static_cast<size_t>(wrote);
  }
  return absl::OkStatus();
}

absl::Status FileChannel::Sync() {
  if (options_.sync == FileSync::kNever) return absl::OkStatus();
  const absl::Time now = options_.clock->Now();
  // A clock that was set back syncs once more than needed.
  const bool is_recent = now >= synced_at_ && now - synced_at_ < absl::Seconds(1);
  if (options_.sync == FileSync::kSecond && is_recent) return absl::OkStatus();
  if (::fdatasync(file_) != 0) return Failed("sync");
  synced_at_ = now;
  return absl::OkStatus();
}

SendResult FileChannel::Send(const Message& message) {
  absl::Status status = Open();
  if (status.ok()) status = WriteLine(StrCat(message.event, "\n"));
  if (status.ok()) status = Sync();
  if (status.ok()) return {.outcome = SendOutcome::kSent};
  return {.outcome = SendOutcome::kTransient, .error = std::string(status.message())};
}

SendResult FileChannel::Edit(std::string_view, const Message&) {
  return {.outcome = SendOutcome::kPermanent, .error = "a file cannot be edited"};
}

absl::StatusOr<std::unique_ptr<Channel>> MakeFile(const base::Yaml& options,
                                                  const ChannelEnvironment& environment) {
  KENG_RETURN_IF_ERROR(
      options.CheckKeys("a file channel", {"name", "type", "lang", "path", "sync"}));
  FileOptions file;
  file.clock = environment.clock;
  const base::Yaml* path = options.Find("path");
  if (path == nullptr) {
    return options.Error("a file channel needs \"path\": where the JSON lines go");
  }
  KENG_ASSIGN_OR_RETURN(const std::string named, path->String("path"));
  file.path = PathFrom(environment.folder, named);
  if (const base::Yaml* sync = options.Find("sync")) {
    if (sync->scalar() == "each") {
      file.sync = FileSync::kEach;
    } else if (sync->scalar() == "never") {
      file.sync = FileSync::kNever;
    } else if (sync->scalar() != "second") {
      return sync->Error(
          StrCat("sync is \"", sync->scalar(), "\"; expected each, second or never"));
    }
  }
  return std::make_unique<FileChannel>(std::move(file));
}

}  // namespace keng::alerting
