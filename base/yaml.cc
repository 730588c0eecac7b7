#include "base/yaml.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include "absl/strings/numbers.h"
#include "base/check.h"
#include "base/strings.h"

namespace keng::base {

namespace {

constexpr size_t kBytesMax = size_t{16} << 20;
constexpr int kDepthMax = 64;
constexpr int kNodesMax = 2'000'000;

absl::Status At(const std::string& file, const YAML::Mark& mark, std::string_view message) {
  return absl::InvalidArgumentError(
      StrCat(file, ":", mark.line + 1, ":", mark.column + 1, ": ", message));
}

}  // namespace

// Copies a yaml-cpp tree into our own. The one class that sees both.
class YamlBuilder {
 public:
  explicit YamlBuilder(std::string file)
      : file_(std::make_shared<const std::string>(std::move(file))) {}

  absl::StatusOr<Yaml> Build(const YAML::Node& node, int depth) {
    if (depth > kDepthMax)
      return At(*file_, node.Mark(), StrCat("nested deeper than ", kDepthMax, " levels"));
    if (++nodes_ > kNodesMax) {
      return At(*file_, node.Mark(),
                StrCat("more than ", kNodesMax, " values after expanding aliases"));
    }
    Yaml yaml;
    yaml.file_ = file_;
    yaml.line_ = node.Mark().line + 1;
    yaml.column_ = node.Mark().column + 1;
    switch (node.Type()) {
      case YAML::NodeType::Undefined:
      case YAML::NodeType::Null:
        break;
      case YAML::NodeType::Scalar:
        yaml.kind_ = Yaml::Kind::kScalar;
        yaml.scalar_ = node.Scalar();
        yaml.quoted_ = node.Tag() == "!";
        break;
      case YAML::NodeType::Sequence:
        yaml.kind_ = Yaml::Kind::kSequence;
        yaml.items_.reserve(node.size());
        for (const YAML::Node& item : node) {
          KENG_ASSIGN_OR_RETURN(Yaml built, Build(item, depth + 1));
          yaml.items_.push_back(std::move(built));
        }
        break;
      case YAML::NodeType::Map: {
        yaml.kind_ = Yaml::Kind::kMap;
        std::set<std::string> seen;
        for (const auto& entry : node) {
          if (!entry.first.IsScalar())
            return At(*file_, entry.first.Mark(), "a key must be a plain word");
          if (!seen.insert(entry.first.Scalar()).second) {
            return At(
                *file_, entry.first.Mark(),
                StrCat("the key \"", entry.first.Scalar(), "\" stands twice; remove one of them"));
          }
          KENG_ASSIGN_OR_RETURN(Yaml key, Build(entry.first, depth + 1));
          KENG_ASSIGN_OR_RETURN(Yaml value, Build(entry.second, depth + 1));
          yaml.entries_.emplace_back(std::move(key), std::move(value));
        }
        break;
      }
    }
    return yaml;
  }

 private:
  const std::shared_ptr<const std::string> file_;
  int nodes_ = 0;
};

// The line of the marker ("---") that begins a second document, or 0. Of the text, because yaml-cpp
// stops after the first, and its LoadAll() never ends on some broken texts (",").
static int SecondDocument(std::string_view text) {
  bool begun = false;  // something stands above that is neither comment nor directive
  int line = 1;
  for (size_t at = 0; at < text.size(); ++line) {
    const std::string_view rest = text.substr(at, text.find('\n', at) - at);
    at += rest.size() + 1;
    if (rest.starts_with("---") && rest.find_first_not_of(" \t\r", 3) != 3) {
      if (begun) return line;
      begun = true;
    } else if (rest.find_first_not_of(" \t\r") != rest.npos && rest[0] != '#' && rest[0] != '%') {
      begun = true;
    }
  }
  return 0;
}

absl::StatusOr<Yaml> Yaml::Parse(std::string_view file, std::string_view text) {
  const std::string name(file);
  if (text.size() > kBytesMax) {
    return absl::InvalidArgumentError(StrCat(name, ": ", text.size(), " bytes, at most ", kBytesMax,
                                             " are read; split the file"));
  }
  if (const int line = SecondDocument(text); line != 0) {
    return absl::InvalidArgumentError(StrCat(
        name, ":", line, ":1: a second document begins here; put it into a file of its own"));
  }
  try {
    std::istringstream stream{std::string(text)};
    return YamlBuilder(name).Build(YAML::Load(stream), 0);
  } catch (const YAML::Exception& error) {
    return At(name, error.mark.is_null() ? YAML::Mark() : error.mark, error.msg);
  }
}

absl::StatusOr<Yaml> Yaml::ParseFile(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return absl::NotFoundError(StrCat(path, ": cannot be opened for reading"));
  std::ostringstream text;
  text << stream.rdbuf();
  if (stream.bad()) return absl::UnavailableError(StrCat(path, ": cannot be read"));
  return Parse(path, text.str());
}

const Yaml* Yaml::Find(std::string_view key) const {
  for (const auto& [name, value] : entries_) {
    if (name.scalar_ == key) return &value;
  }
  return nullptr;
}

std::string Yaml::Where() const { return StrCat(*file_, ":", line_, ":", column_); }

absl::Status Yaml::Error(std::string_view message) const {
  return absl::InvalidArgumentError(StrCat(Where(), ": ", message));
}

namespace {

std::string Found(const Yaml& yaml) {
  switch (yaml.kind()) {
    case Yaml::Kind::kNull:
      return "nothing";
    case Yaml::Kind::kScalar:
      return StrCat("\"", yaml.scalar(), "\"");
    case Yaml::Kind::kSequence:
      return "a list";
    case Yaml::Kind::kMap:
      return "a map";
  }
  return "nothing";
}

std::string Joined(const std::vector<std::string_view>& words) {
  std::string joined;
  for (const std::string_view word : words) StrAppend(&joined, joined.empty() ? "" : ", ", word);
  return joined;
}

absl::Status Expected(const Yaml& yaml, std::string_view what, std::string_view expected) {
  return yaml.Error(StrCat(what, " is ", Found(yaml), "; expected ", expected));
}

}  // namespace

absl::StatusOr<std::string> Yaml::String(std::string_view what) const {
  if (!is_scalar()) return Expected(*this, what, "text");
  return scalar_;
}

absl::StatusOr<int64_t> Yaml::Int(std::string_view what, int64_t low, int64_t high) const {
  int64_t value = 0;
  if (!is_scalar() || !absl::SimpleAtoi(scalar_, &value) || value < low || value > high) {
    return Expected(*this, what, StrCat("a whole number from ", low, " to ", high));
  }
  return value;
}

absl::StatusOr<double> Yaml::Double(std::string_view what, double low, double high) const {
  double value = 0;
  if (!is_scalar() || !absl::SimpleAtod(scalar_, &value) || !(value >= low && value <= high)) {
    return Expected(*this, what, StrCat("a number from ", low, " to ", high));
  }
  return value;
}

absl::StatusOr<bool> Yaml::Bool(std::string_view what) const {
  if (is_scalar() && scalar_ == "true") return true;
  if (is_scalar() && scalar_ == "false") return false;
  return Expected(*this, what, "true or false");
}

absl::StatusOr<absl::Duration> Yaml::Duration(std::string_view what) const {
  absl::Duration duration;
  if (is_scalar() && !scalar_.empty()) {
    if (scalar_ == "0") return absl::ZeroDuration();
    int64_t days = 0;
    if (scalar_.back() == 'd' && absl::SimpleAtoi(scalar_.substr(0, scalar_.size() - 1), &days) &&
        days >= 0 && days < 100'000) {
      return absl::Hours(24) * days;
    }
    if (absl::ParseDuration(scalar_, &duration) && duration >= absl::ZeroDuration())
      return duration;
  }
  return Expected(*this, what, "a duration such as 90s, 15m, 24h or 7d");
}

absl::StatusOr<int64_t> Yaml::Bytes(std::string_view what) const {
  constexpr std::pair<std::string_view, int64_t> kUnits[] = {
      {"KiB", int64_t{1} << 10}, {"MiB", int64_t{1} << 20}, {"GiB", int64_t{1} << 30}, {"", 1}};
  if (is_scalar()) {
    for (const auto& [unit, factor] : kUnits) {
      if (!scalar_.ends_with(unit)) continue;
      int64_t number = 0;
      const std::string_view digits =
          std::string_view(scalar_).substr(0, scalar_.size() - unit.size());
      if (absl::SimpleAtoi(ToAbsl(digits), &number) && number >= 0 &&
          number <= (int64_t{1} << 50) / factor) {
        return number * factor;
      }
      break;
    }
  }
  return Expected(*this, what, "a size such as 64KiB, 10MiB or 2GiB");
}

absl::StatusOr<std::vector<std::string>> Yaml::Strings(std::string_view what) const {
  if (is_scalar()) return std::vector<std::string>{scalar_};
  if (!is_sequence()) return Expected(*this, what, "a list of texts");
  std::vector<std::string> texts;
  texts.reserve(items_.size());
  for (const Yaml& item : items_) {
    KENG_ASSIGN_OR_RETURN(std::string text, item.String(what));
    texts.push_back(std::move(text));
  }
  return texts;
}

absl::Status Yaml::CheckKeys(std::string_view what,
                             const std::vector<std::string_view>& known) const {
  if (!is_map()) return Expected(*this, what, "a map");
  for (const auto& [key, value] : entries_) {
    if (std::find(known.begin(), known.end(), key.scalar()) != known.end()) continue;
    const std::string_view near = NearestWord(key.scalar(), known);
    const std::string remedy = near.empty() ? StrCat("known are: ", Joined(known))
                                            : StrCat("did you mean \"", near, "\"?");
    return key.Error(StrCat("unknown key \"", key.scalar(), "\" in ", what, "; ", remedy));
  }
  return absl::OkStatus();
}

std::string_view NearestWord(std::string_view word, const std::vector<std::string_view>& known) {
  std::string_view best;
  size_t best_distance = std::max<size_t>(1, word.size() / 3) + 1;
  for (const std::string_view candidate : known) {
    std::vector<size_t> row(candidate.size() + 1);
    for (size_t j = 0; j <= candidate.size(); ++j) row[j] = j;
    for (size_t i = 1; i <= word.size(); ++i) {
      size_t diagonal = row[0];
      row[0] = i;
      for (size_t j = 1; j <= candidate.size(); ++j) {
        const size_t replaced = diagonal + (word[i - 1] == candidate[j - 1] ? 0 : 1);
        diagonal = row[j];
        row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
      }
    }
    if (row.back() < best_distance) {
      best_distance = row.back();
      best = candidate;
    }
  }
  return best;
}

}  // namespace keng::base
