#include "filters/rules/rule_package.h"

#include <zstd.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "base/check.h"
#include "base/strings.h"
#include "filters/rules/rule_loader.h"
#include "net/decompress.h"

namespace keng::filters {

namespace {

using base::StrCat;

constexpr std::string_view kMagic = "KENGRP01";
constexpr int kLevel = 9;
// At level 9 a window has 4 MiB at most.
constexpr net::DecompressLimits kLimits = {.bytes_max = RulePackage::kBytesMax,
                                           .ratio_max = 10'000,
                                           .ratio_free_bytes = size_t{1} << 20,
                                           .window_bytes_max = size_t{8} << 20};

// The folder of a path as a key: "x.yaml" lies in ".".
std::string FolderOf(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}
std::string NameOf(const std::string& path) {
  return std::filesystem::path(path).filename().string();
}

// Reads from another reader and remembers each file that was read.
class RecordingReader final : public RuleFileReader {
 public:
  explicit RecordingReader(const RuleFileReader& from) : from_(from) {}
  bool Exists(const std::string& path) const override { return from_.Exists(path); }
  bool IsFolder(const std::string& path) const override { return from_.IsFolder(path); }
  absl::StatusOr<std::vector<std::string>> List(const std::string& folder) const override {
    return from_.List(folder);
  }
  absl::StatusOr<std::string> Read(const std::string& path) const override {
    KENG_ASSIGN_OR_RETURN(std::string text, from_.Read(path));
    read_[path] = text;
    return text;
  }
  const std::map<std::string, std::string>& read() const { return read_; }

 private:
  const RuleFileReader& from_;
  mutable std::map<std::string, std::string> read_;  // one thread loads
};

// Gives each folder a name of its own, in the order in which they are asked for.
class FolderNames {
 public:
  std::string Of(const std::string& folder) {
    if (const auto known = names_.find(folder); known != names_.end()) return known->second;
    std::error_code error;
    std::filesystem::path full = std::filesystem::absolute(folder, error).lexically_normal();
    if (!full.has_filename()) full = full.parent_path();
    const std::string last = full.has_filename() ? full.filename().string() : "rules";
    std::string name = last;
    for (int n = 2; !taken_.insert(name).second; ++n) name = StrCat(last, "-", n);
    return names_.emplace(folder, std::move(name)).first->second;
  }
  std::string OfFile(const std::string& path) {
    return StrCat(Of(FolderOf(path)), "/", NameOf(path));
  }

 private:
  std::map<std::string, std::string> names_;
  std::set<std::string> taken_;
};

void AppendNumber(size_t value, std::string& out) {
  for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>(value >> shift));
}
void AppendText(std::string_view text, std::string& out) {
  AppendNumber(text.size(), out);
  out.append(text);
}

// Takes numbers and texts from the front; fails once and for all when there is too little left.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : left_(bytes) {}
  uint32_t Number() {
    const std::string_view bytes = Take(4);
    uint32_t value = 0;
    for (size_t i = 0; i < bytes.size(); ++i)
      value |= static_cast<uint32_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
    return value;
  }
  std::string Text() { return std::string(Take(Number())); }
  std::string_view Take(size_t size) {
    if (size > left_.size()) ok_ = false;
    if (!ok_) return {};
    const std::string_view taken = left_.substr(0, size);
    left_.remove_prefix(size);
    return taken;
  }
  bool ok() const { return ok_; }
  bool at_end() const { return ok_ && left_.empty(); }

 private:
  std::string_view left_;
  bool ok_ = true;
};

absl::Status Broken() {
  return absl::InvalidArgumentError("the package is no rule package or was cut short");
}

}  // namespace

absl::StatusOr<RulePackage> RulePackage::Read(const std::vector<std::string>& paths,
                                              const std::string& overrides_path,
                                              const RuleFileReader& reader) {
  const RecordingReader recording(reader);
  KENG_RETURN_IF_ERROR(
      LoadRules(paths, {.overrides_path = overrides_path, .reader = &recording}).status());
  RulePackage package;
  FolderNames names;
  for (const std::string& path : paths) {
    if (reader.IsFolder(path)) {
      // As the loader joins it with a name, so that a slash at its end makes no other folder.
      package.paths_.push_back(names.Of(FolderOf((std::filesystem::path(path) / "x").string())));
    } else {
      package.paths_.push_back(names.OfFile(path));
    }
  }
  if (!overrides_path.empty()) package.overrides_path_ = names.OfFile(overrides_path);
  for (const auto& [path, text] : recording.read()) package.files_[names.OfFile(path)] = text;
  KENG_RETURN_IF_ERROR(package.Check());
  return package;
}

absl::StatusOr<RulePackage> RulePackage::Make(std::vector<std::string> paths,
                                              std::string overrides_path, Files files) {
  RulePackage package;
  package.paths_ = std::move(paths);
  package.overrides_path_ = std::move(overrides_path);
  package.files_ = std::move(files);
  KENG_RETURN_IF_ERROR(package.Check());
  return package;
}

absl::Status RulePackage::Check() const {
  if (files_.size() > kFilesMax || paths_.size() > kPathsMax) {
    return absl::ResourceExhaustedError(StrCat("the rule set has ", files_.size(), " files and ",
                                               paths_.size(), " paths; at most ", kFilesMax,
                                               " and ", kPathsMax, " travel"));
  }
  const auto is_name = [](std::string_view name) {
    return !name.empty() && name.size() <= kNameBytesMax && name.front() != '/' &&
           std::none_of(name.begin(), name.end(),
                        [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; });
  };
  bool good = !paths_.empty() && (overrides_path_.empty() || is_name(overrides_path_));
  for (const std::string& path : paths_) good = good && is_name(path);
  size_t bytes = 0;
  for (const auto& [name, content] : files_) {
    good = good && is_name(name) && name.back() != '/';
    bytes += name.size() + content.size();
  }
  if (!good) return absl::InvalidArgumentError("the package names no paths, or a file wrongly");
  if (bytes > kBytesMax) {
    return absl::ResourceExhaustedError(
        StrCat("the rule files have ", bytes, " bytes; at most ", kBytesMax, " travel"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> RulePackage::Pack() const {
  std::string plain(kMagic);
  AppendNumber(paths_.size(), plain);
  for (const std::string& path : paths_) AppendText(path, plain);
  AppendText(overrides_path_, plain);
  AppendNumber(files_.size(), plain);
  for (const auto& [name, content] : files_) {
    AppendText(name, plain);
    AppendText(content, plain);
  }
  std::string packed(ZSTD_compressBound(plain.size()), '\0');
  const size_t size =
      ZSTD_compress(packed.data(), packed.size(), plain.data(), plain.size(), kLevel);
  KENG_CHECK(ZSTD_isError(size) == 0, "zstd: ", ZSTD_getErrorName(size));
  packed.resize(size);
  if (size > kPackedBytesMax) {
    return absl::ResourceExhaustedError(
        StrCat("the packed rule set has ", size, " bytes; at most ", kPackedBytesMax, " travel"));
  }
  return packed;
}

absl::StatusOr<RulePackage> RulePackage::Unpack(std::string_view packed) {
  if (packed.size() > kPackedBytesMax) {
    return absl::ResourceExhaustedError(StrCat("the package has ", packed.size(),
                                               " bytes; at most ", kPackedBytesMax, " are read"));
  }
  KENG_ASSIGN_OR_RETURN(const std::string plain,
                        net::Decompress(net::ContentCoding::kZstd, packed, kLimits));
  Cursor cursor(plain);
  if (cursor.Take(kMagic.size()) != kMagic) return Broken();
  RulePackage package;
  const uint32_t paths = cursor.Number();
  for (uint32_t i = 0; i < paths && cursor.ok(); ++i) {
    if (i >= kPathsMax) return absl::ResourceExhaustedError("the package names too many paths");
    package.paths_.push_back(cursor.Text());
  }
  package.overrides_path_ = cursor.Text();
  const uint32_t files = cursor.Number();
  for (uint32_t i = 0; i < files && cursor.ok(); ++i) {
    if (i >= kFilesMax) return absl::ResourceExhaustedError("the package holds too many files");
    std::string name = cursor.Text();
    if (i > 0 && package.files_.rbegin()->first >= name) return Broken();
    package.files_.emplace_hint(package.files_.end(), std::move(name), cursor.Text());
  }
  if (!cursor.at_end()) return Broken();
  KENG_RETURN_IF_ERROR(package.Check());
  return package;
}

absl::StatusOr<RuleFiles> RulePackage::Load(absl::Time now) const {
  return LoadRules(paths_, {.now = now, .overrides_path = overrides_path_, .reader = this});
}

bool RulePackage::IsFolder(const std::string& path) const {
  const std::string prefix = path.ends_with('/') ? path : StrCat(path, "/");
  const auto first = files_.lower_bound(prefix);
  return first != files_.end() && first->first.starts_with(prefix);
}

bool RulePackage::Exists(const std::string& path) const {
  return files_.contains(path) || IsFolder(path);
}

absl::StatusOr<std::vector<std::string>> RulePackage::List(const std::string& folder) const {
  const std::string prefix = folder.ends_with('/') ? folder : StrCat(folder, "/");
  std::vector<std::string> names;
  for (auto it = files_.lower_bound(prefix); it != files_.end() && it->first.starts_with(prefix);
       ++it) {
    const std::string_view name = std::string_view(it->first).substr(prefix.size());
    if (name.find('/') == std::string_view::npos) names.emplace_back(name);
  }
  return names;
}

absl::StatusOr<std::string> RulePackage::Read(const std::string& path) const {
  const auto found = files_.find(path);
  if (found == files_.end())
    return absl::NotFoundError(StrCat(path, ": does not stand in the package"));
  return found->second;
}

}  // namespace keng::filters
