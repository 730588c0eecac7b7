#include "ingest/sources/file_source.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/json.hpp>
#include <cerrno>
#include <optional>
#include <ostream>
#include <utility>

#include "absl/time/clock.h"
#include "base/check.h"
#include "base/mutex.h"
#include "base/stable_hash.h"
#include "base/strings.h"
#include "ingest/internal/line_splitter.h"

namespace keng::ingest {
namespace {

constexpr int64_t kFingerprintBytes = 1024;
constexpr absl::Duration kStdinWait = absl::Milliseconds(200);

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(Descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  int get() const { return value_; }
  bool valid() const { return value_ >= 0; }

 private:
  int value_ = -1;
};

// Up to `size` bytes; 0 at the end.
absl::StatusOr<size_t> ReadSome(int descriptor, absl::Span<char> room) {
  while (true) {
    const ssize_t count = ::read(descriptor, room.data(), room.size());
    if (count >= 0) return static_cast<size_t>(count);
    if (errno != EINTR) return absl::ErrnoToStatus(errno, "read");
  }
}

// Where in which file reading goes on.
struct FilePoint {
  int64_t offset = 0;
  bool skipping = false;  // in the middle of a line that is too long
  uint64_t inode = 0;
  int64_t fingerprint_bytes = 0;
  uint64_t fingerprint = 0;

  std::string Format() const {
    return base::StrCat("{\"offset\":", offset, ",\"skipping\":", skipping ? "true" : "false",
                        ",\"inode\":\"", inode, "\",\"fingerprint_bytes\":", fingerprint_bytes,
                        ",\"fingerprint\":\"", fingerprint, "\"}");
  }
  static std::optional<FilePoint> Parse(std::string_view text) {
    try {
      const boost::json::object object = boost::json::parse({text.data(), text.size()}).as_object();
      const auto number = [&](const char* name) {
        return std::stoull(boost::json::value_to<std::string>(object.at(name)));
      };
      FilePoint point;
      point.offset = object.at("offset").to_number<int64_t>();
      point.skipping = object.at("skipping").as_bool();
      point.inode = number("inode");
      point.fingerprint_bytes = object.at("fingerprint_bytes").to_number<int64_t>();
      point.fingerprint = number("fingerprint");
      return point;
    } catch (const std::exception&) {
      return std::nullopt;
    }
  }
};

// Of the file's first `bytes` bytes; nullopt when it is shorter.
std::optional<uint64_t> Fingerprint(int descriptor, int64_t bytes) {
  std::string head(static_cast<size_t>(std::clamp<int64_t>(bytes, 0, kFingerprintBytes)), '\0');
  size_t size = 0;
  while (size < head.size()) {
    const ssize_t count =
        ::pread(descriptor, head.data() + size, head.size() - size, static_cast<off_t>(size));
    if (count <= 0) return std::nullopt;
    size += static_cast<size_t>(count);
  }
  return base::StableHash64(head);
}

bool Continues(int descriptor, const FilePoint& point) {
  struct stat info {};
  if (::fstat(descriptor, &info) != 0 || info.st_size < point.offset) return false;
  const auto fingerprint = Fingerprint(descriptor, point.fingerprint_bytes);
  return fingerprint.has_value() && *fingerprint == point.fingerprint;
}

// A progress bar, drawn at most every 200 ms.
class Progress {
 public:
  Progress(std::ostream* out, std::string name) : out_(out), name_(std::move(name)) {}

  enum class Line { kGoesOn, kEnds };
  void Show(int64_t done, int64_t total, int64_t lines, Line line) {
    constexpr int64_t kWidth = 30;
    const absl::Time now = absl::Now();
    if (line == Line::kGoesOn && now < shown_ + absl::Milliseconds(200)) return;
    shown_ = now;
    const int64_t share = total > 0 ? 100 * std::min(done, total) / total : 100;
    std::string bar(static_cast<size_t>(kWidth * share / 100), '#');
    bar.resize(kWidth, '.');
    *out_ << '\r' << name_ << " [" << bar << "] " << share << " %  " << lines << " lines";
    if (line == Line::kEnds) *out_ << '\n';
    out_->flush();
  }

 private:
  std::ostream* const out_;
  const std::string name_;
  absl::Time shown_ = absl::InfinitePast();
};

// What reading a file and reading a pipe have in common: lines go into the intake.
class LineSource : public Source {
 public:
  LineSource(size_t block_bytes, std::unique_ptr<SourceIntake> intake)
      : splitter_(block_bytes), intake_(std::move(intake)) {}

  bool finished() const override { return finished_.load(); }

 protected:
  enum class End { kOpen, kReached };

  // Gives complete lines to the intake until its batch is full; at the end also the last one.
  int64_t AddLines(End end) {
    constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
    int64_t lines = 0;
    std::string_view line;
    int64_t begin = splitter_.consumed();
    while (!intake_->wants_commit() &&
           (splitter_.Next(line) || (end == End::kReached && splitter_.Last(line)))) {
      if (begin == 0 && line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
      if (!IsBlank(line)) {
        intake_->Add(line, begin);
        ++lines;
      }
      begin = splitter_.consumed();
    }
    return lines;
  }

  LineSplitter splitter_;
  std::unique_ptr<SourceIntake> intake_;
  std::atomic<bool> finished_ = false;
};

class FileSource final : public LineSource {
 public:
  FileSource(FileSourceOptions options, std::unique_ptr<SourceIntake> intake)
      : LineSource(options.block_bytes, std::move(intake)),
        options_(std::move(options)),
        progress_(options_.progress, intake_->options().name) {}

  // Opens the file where it was left.
  absl::Status Begin() {
    const std::optional<FilePoint> left = FilePoint::Parse(intake_->resume_point());
    Descriptor file = OpenPath(options_.path);
    if (!file.valid() && options_.mode == FileMode::kOnce)
      return absl::NotFoundError(base::StrCat(options_.path, ": no such file"));
    if (left.has_value()) {
      if (file.valid() && Continues(file.get(), *left)) return Continue(std::move(file), *left);
      Descriptor renamed = FindRenamed(*left);
      if (renamed.valid()) return Continue(std::move(renamed), *left);
    }
    if (file.valid()) Restart(std::move(file));
    return absl::OkStatus();
  }

  absl::StatusOr<int64_t> RunOnce() override {
    if (waiting_.has_value()) KENG_RETURN_IF_ERROR(Commit());
    if (intake_->expired()) finished_ = true;
    if (finished_.load()) return 0;
    KENG_RETURN_IF_ERROR(intake_->Pressure());
    int64_t lines = AddLines(End::kOpen);
    while (!intake_->wants_commit()) {
      KENG_ASSIGN_OR_RETURN(const size_t count, ReadBlock());
      if (count == 0) break;
      lines += AddLines(End::kOpen);
    }
    if (!intake_->wants_commit()) {
      KENG_ASSIGN_OR_RETURN(closing_, AtEnd());
      if (closing_) lines += AddLines(End::kReached);
    }
    KENG_RETURN_IF_ERROR(Commit());
    if (lines == 0 && !finished_.load()) Wait();
    return lines;
  }

  void Wake() override {
    base::MutexLock lock(mutex_);
    woken_ = true;
    wake_.NotifyAll();
  }

 private:
  static Descriptor OpenPath(const std::string& path) {
    return Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  }

  // The file that was read before and has another name now, in the same folder.
  Descriptor FindRenamed(const FilePoint& left) const {
    const size_t slash = options_.path.rfind('/');
    const std::string folder =
        slash == std::string::npos ? "./" : options_.path.substr(0, slash + 1);
    DIR* directory = ::opendir(folder.c_str());
    if (directory == nullptr) return Descriptor();
    Descriptor found;
    while (const dirent* entry = ::readdir(directory)) {
      if (entry->d_ino != left.inode) continue;
      Descriptor file = OpenPath(folder + entry->d_name);
      if (file.valid() && Continues(file.get(), left)) found = std::move(file);
    }
    ::closedir(directory);
    return found;
  }

  absl::Status Continue(Descriptor file, const FilePoint& point) {
    if (::lseek(file.get(), point.offset, SEEK_SET) < 0)
      return absl::ErrnoToStatus(errno, base::ToAbsl(options_.path));
    file_ = std::move(file);
    splitter_.Restart(point.offset, point.skipping);
    return absl::OkStatus();
  }

  void Restart(Descriptor file) {
    file_ = std::move(file);
    splitter_.Restart(0, false);
  }

  absl::StatusOr<size_t> ReadBlock() {
    if (!file_.valid()) Restart(OpenPath(options_.path));
    if (!file_.valid()) return 0;
    KENG_ASSIGN_OR_RETURN(const size_t count, ReadSome(file_.get(), splitter_.Room()));
    splitter_.Filled(count);
    return count;
  }

  // Nothing can be read now: true when nothing will ever come in this file.
  absl::StatusOr<bool> AtEnd() {
    if (!file_.valid()) return false;
    if (options_.mode == FileMode::kOnce) return true;
    struct stat mine {};
    struct stat named {};
    if (::fstat(file_.get(), &mine) != 0)
      return absl::ErrnoToStatus(errno, base::ToAbsl(options_.path));
    const off_t read_to = ::lseek(file_.get(), 0, SEEK_CUR);
    if (read_to > mine.st_size) return true;  // emptied in place
    if (::stat(options_.path.c_str(), &named) != 0) return false;
    if (named.st_ino == mine.st_ino && named.st_dev == mine.st_dev) return false;
    // Something may have been written between the last read and the renaming.
    return read_to == mine.st_size;
  }

  // The end of a followed file that was rotated away is the beginning of the next.
  FilePoint Here() const {
    FilePoint point;
    struct stat info {};
    const bool next = closing_ && options_.mode == FileMode::kFollow;
    if (next || !file_.valid() || ::fstat(file_.get(), &info) != 0) return point;
    point.offset = splitter_.consumed();
    point.skipping = splitter_.skipping();
    point.inode = info.st_ino;
    point.fingerprint_bytes = std::min(point.offset, kFingerprintBytes);
    point.fingerprint = Fingerprint(file_.get(), point.fingerprint_bytes).value_or(0);
    return point;
  }

  absl::Status Commit() {
    if (!waiting_.has_value()) waiting_ = Here().Format();
    KENG_RETURN_IF_ERROR(intake_->Commit(*waiting_));
    waiting_.reset();
    ShowProgress();
    if (!closing_) return absl::OkStatus();
    closing_ = false;
    if (options_.mode == FileMode::kOnce)
      finished_ = true;
    else
      Restart(OpenPath(options_.path));
    return absl::OkStatus();
  }

  void ShowProgress() {
    struct stat info {};
    if (options_.progress == nullptr || !file_.valid() || ::fstat(file_.get(), &info) != 0) return;
    progress_.Show(splitter_.consumed(), info.st_size, intake_->counters().lines,
                   closing_ ? Progress::Line::kEnds : Progress::Line::kGoesOn);
  }

  void Wait() {
    base::MutexLock lock(mutex_);
    if (!woken_) wake_.WaitFor(mutex_, options_.poll_interval);
    woken_ = false;
  }

  const FileSourceOptions options_;
  Progress progress_;
  Descriptor file_;
  bool closing_ = false;                // the batch ends the file
  std::optional<std::string> waiting_;  // the resume point of a batch that was refused

  base::Mutex mutex_;
  base::CondVar wake_;
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;
};

class StdinSource final : public LineSource {
 public:
  StdinSource(StdinSourceOptions options, std::unique_ptr<SourceIntake> intake)
      : LineSource(options.block_bytes, std::move(intake)), descriptor_(options.descriptor) {}

  absl::StatusOr<int64_t> RunOnce() override {
    if (waiting_) KENG_RETURN_IF_ERROR(Commit());
    if (intake_->expired()) finished_ = true;
    if (finished_.load()) return 0;
    KENG_RETURN_IF_ERROR(intake_->Pressure());
    int64_t lines = AddLines(ended_ ? End::kReached : End::kOpen);
    while (!intake_->wants_commit() && !ended_) {
      // For more it waits only when there is nothing to write.
      pollfd ready{descriptor_, POLLIN, 0};
      const int timeout = lines == 0 ? static_cast<int>(absl::ToInt64Milliseconds(kStdinWait)) : 0;
      if (::poll(&ready, 1, timeout) <= 0) break;
      KENG_ASSIGN_OR_RETURN(const size_t count, ReadSome(descriptor_, splitter_.Room()));
      splitter_.Filled(count);
      ended_ = count == 0;
      lines += AddLines(ended_ ? End::kReached : End::kOpen);
    }
    KENG_RETURN_IF_ERROR(Commit());
    return lines;
  }

  void Wake() override {}  // it never waits for longer than kStdinWait

 private:
  absl::Status Commit() {
    waiting_ = true;
    KENG_RETURN_IF_ERROR(intake_->Commit(""));
    waiting_ = false;
    if (ended_ && splitter_.empty()) finished_ = true;
    return absl::OkStatus();
  }

  const int descriptor_;
  bool ended_ = false;
  bool waiting_ = false;  // a batch was refused
};

}  // namespace

absl::StatusOr<std::unique_ptr<Source>> MakeFileSource(FileSourceOptions options,
                                                       std::unique_ptr<SourceIntake> intake) {
  auto source = std::make_unique<FileSource>(std::move(options), std::move(intake));
  KENG_RETURN_IF_ERROR(source->Begin());
  return source;
}

std::unique_ptr<Source> MakeStdinSource(StdinSourceOptions options,
                                        std::unique_ptr<SourceIntake> intake) {
  return std::make_unique<StdinSource>(options, std::move(intake));
}

}  // namespace keng::ingest
