#include "app/config.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>

#include "base/check.h"
#include "base/strings.h"

namespace keng::app {
namespace {

using base::StrCat;
using base::Yaml;

// Reads one file into a Config and gathers every problem, so that an operator mends them in one go.
class ConfigReader {
 public:
  ConfigReader(std::string_view path, Config& config)
      : folder_(std::filesystem::path(path).parent_path().string()), config_(config) {}

  absl::Status Read(const Yaml& root) {
    Keep(root.CheckKeys("the configuration",
                        {"data_dir", "mode", "rules", "places", "cells", "keys_file",
                         "opt_out_file", "max_age", "metrics_listen", "stop_deadline", "streams",
                         "alerts", "sources", "channels", "cell_channels"}));
    Path(root, "data_dir", config_.data_dir);
    Path(root, "places", config_.places);
    Path(root, "cells", config_.cells);
    Path(root, "keys_file", config_.keys_file);
    Path(root, "opt_out_file", config_.opt_out_file);
    if (config_.keys_file.empty()) config_.keys_file = StrCat(config_.data_dir, "/keys.json");
    if (const Yaml* mode = root.Find("mode")) {
      if (mode->scalar() == "shadow") {
        config_.mode = Mode::kShadow;
      } else if (mode->scalar() != "live") {
        Keep(mode->Error(StrCat("mode is \"", mode->scalar(), "\"; expected live or shadow")));
      }
    }
    if (const Yaml* rules = root.Find("rules")) {
      if (Take(rules->Strings("rules"), config_.rules)) {
        for (std::string& pack : config_.rules) pack = Relative(pack);
      }
    }
    Duration(root, "max_age", config_.max_age);
    Duration(root, "stop_deadline", config_.stop_deadline);
    Text(root, "metrics_listen", config_.metrics_listen);
    if (const Yaml* streams = root.Find("streams")) ReadStreams(*streams);
    if (const Yaml* alerts = root.Find("alerts")) ReadAlerts(*alerts);
    if (const Yaml* sources = root.Find("sources")) ReadSources(*sources);
    if (const Yaml* channels = root.Find("channels")) ReadChannels(*channels);
    if (const Yaml* routes = root.Find("cell_channels")) ReadCellChannels(*routes);
    Require(root, "places", !config_.places.empty());
    Require(root, "cells", !config_.cells.empty());
    Require(root, "sources", !config_.sources.empty());
    return problems_.empty() ? absl::OkStatus() : absl::InvalidArgumentError(problems_);
  }

 private:
  void Keep(const absl::Status& status) {
    if (status.ok()) return;
    base::StrAppend(&problems_, problems_.empty() ? "" : "\n", std::string(status.message()));
  }
  template <typename T>
  bool Take(absl::StatusOr<T> value, T& target) {
    if (value.ok()) {
      target = *std::move(value);
      return true;
    }
    Keep(value.status());
    return false;
  }
  void Require(const Yaml& root, std::string_view key, bool present) {
    if (!present) {
      Keep(absl::InvalidArgumentError(StrCat(
          root.file(), ": \"", key, "\" is missing; see docs/configuration.md for an example")));
    }
  }
  std::string Relative(const std::string& path) const {
    if (path.empty() || path.front() == '/' || folder_.empty()) return path;
    return (std::filesystem::path(folder_) / path).lexically_normal().string();
  }
  void Text(const Yaml& node, std::string_view key, std::string& target) {
    if (const Yaml* value = node.Find(key)) Take(value->String(key), target);
  }
  void Path(const Yaml& node, std::string_view key, std::string& target) {
    Text(node, key, target);
    target = Relative(target);
  }
  void Duration(const Yaml& node, std::string_view key, absl::Duration& target) {
    if (const Yaml* value = node.Find(key)) Take(value->Duration(key), target);
  }
  void Number(const Yaml& node, std::string_view key, int64_t low, int64_t high, int& target) {
    const Yaml* value = node.Find(key);
    if (value == nullptr) return;
    int64_t number = 0;
    if (Take(value->Int(key, low, high), number)) target = static_cast<int>(number);
  }
  void Bytes(const Yaml& node, std::string_view key, int64_t& target) {
    if (const Yaml* value = node.Find(key)) Take(value->Bytes(key), target);
  }

  void ReadStreams(const Yaml& node) {
    StreamSettings& streams = config_.streams;
    Keep(node.CheckKeys("streams",
                        {"kafka", "posts_partitions", "sync_interval", "posts_retention",
                         "inbox_retention", "texts_retention", "alerts_retention", "dead_retention",
                         "posts_bytes_max", "tail_bytes", "disk_free_min"}));
    if (const Yaml* kafka = node.Find("kafka")) ReadKafka(*kafka);
    Number(node, "posts_partitions", 1, 64, streams.posts_partitions);
    Duration(node, "sync_interval", streams.sync_interval);
    Duration(node, "posts_retention", streams.posts_retention);
    Duration(node, "inbox_retention", streams.inbox_retention);
    Duration(node, "texts_retention", streams.texts_retention);
    Duration(node, "alerts_retention", streams.alerts_retention);
    Duration(node, "dead_retention", streams.dead_retention);
    Bytes(node, "posts_bytes_max", streams.posts_bytes_max);
    Bytes(node, "tail_bytes", streams.tail_bytes);
    Bytes(node, "disk_free_min", streams.disk_free_min);
  }

  void ReadKafka(const Yaml& node) {
    KafkaConfig& kafka = config_.streams.kafka;
    Keep(node.CheckKeys("streams.kafka",
                        {"bootstrap", "prefix", "instance", "replication", "min_insync_replicas",
                         "retention_slack", "settings", "producer", "consumer"}));
    Text(node, "bootstrap", kafka.bootstrap);
    if (kafka.bootstrap.empty())
      Keep(node.Error("streams.kafka needs bootstrap: the brokers, as host:port,host:port"));
    Text(node, "prefix", kafka.prefix);
    Text(node, "instance", kafka.instance);
    if (kafka.instance.empty()) kafka.instance = HostName();
    Number(node, "replication", 1, 9, kafka.replication);
    Number(node, "min_insync_replicas", 1, 9, kafka.min_insync_replicas);
    if (kafka.min_insync_replicas > kafka.replication)
      Keep(node.Error(base::StrCat("min_insync_replicas is ", kafka.min_insync_replicas,
                                   " and replication is ", kafka.replication,
                                   "; no write would ever be acknowledged")));
    Duration(node, "retention_slack", kafka.retention_slack);
    ReadKafkaSettings(node, "settings", kafka.settings);
    ReadKafkaSettings(node, "producer", kafka.producer);
    ReadKafkaSettings(node, "consumer", kafka.consumer);
  }

  static std::string HostName() {
    char name[256] = {};
    return gethostname(name, sizeof(name) - 1) == 0 ? name : "keng";
  }

  // "KEY: VALUE" of librdkafka; "KEY_file: PATH" and "KEY_env: NAME" say where the value is.
  void ReadKafkaSettings(const Yaml& node, std::string_view name,
                         std::map<std::string, std::string>& settings) {
    const Yaml* found = node.Find(name);
    if (found == nullptr) return;
    if (!found->is_map())
      return Keep(found->Error(StrCat(name, " is no map; expected \"SETTING: VALUE\" entries")));
    for (const auto& [key, value] : found->entries()) {
      std::string setting = key.scalar();
      std::string text = value.scalar();
      if (!value.is_scalar())
        return Keep(value.Error(StrCat(setting, " is no single value; expected text or a number")));
      if (setting.ends_with("_file")) {
        setting.resize(setting.size() - std::string_view("_file").size());
        if (!ReadSecretFile(value, text)) continue;
      } else if (setting.ends_with("_env")) {
        setting.resize(setting.size() - std::string_view("_env").size());
        const char* secret = std::getenv(text.c_str());
        if (secret == nullptr) {
          Keep(value.Error(
              StrCat("the environment variable ", text, " is not set; it holds ", setting)));
          continue;
        }
        text = secret;
      } else if (setting.find("password") != std::string::npos ||
                 setting.find("secret") != std::string::npos || setting.ends_with(".pem")) {
        Keep(key.Error(StrCat(setting, " is a secret and must not stand here; write ", setting,
                              "_file: PATH or ", setting, "_env: NAME")));
        continue;
      }
      settings[setting] = text;
    }
  }

  bool ReadSecretFile(const Yaml& node, std::string& text) {
    const std::string path = Relative(node.scalar());
    std::ifstream file(path, std::ios::binary);
    if (!file) {
      Keep(node.Error(StrCat("\"", path, "\" cannot be read; it should hold the secret alone")));
      return false;
    }
    std::ostringstream content;
    content << file.rdbuf();
    text = content.str();
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    return true;
  }

  void ReadAlerts(const Yaml& node) {
    AlertSettings& alerts = config_.alerts;
    Keep(node.CheckKeys("alerts", {"tick_interval", "rings_per_cell_hour_max", "late_after"}));
    Duration(node, "tick_interval", alerts.tick_interval);
    Number(node, "rings_per_cell_hour_max", 1, 100'000, alerts.rings_per_cell_hour_max);
    Duration(node, "late_after", alerts.late_after);
  }

  // A name that is used as a key of stored things: short, plain, and given once.
  bool Name(const Yaml& node, std::string_view what, std::set<std::string>& taken,
            std::string& name) {
    const Yaml* value = node.Find("name");
    if (value == nullptr) {
      Keep(node.Error(StrCat("a ", what, " without a name; add name: ...")));
      return false;
    }
    if (!Take(value->String("name"), name)) return false;
    if (name.empty() || name.size() > 64 ||
        name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_") != std::string::npos) {
      Keep(value->Error(StrCat("the name \"", name, "\" of a ", what,
                               "; expected 1 to 64 of a-z, 0-9, - and _")));
      return false;
    }
    if (!taken.insert(name).second) {
      Keep(value->Error(StrCat("a second ", what, " named \"", name, "\"; give it another name")));
      return false;
    }
    return true;
  }

  void ReadSources(const Yaml& node) {
    if (!node.is_sequence())
      return Keep(node.Error("sources is no list; expected \"- name: ...\" entries"));
    std::set<std::string> taken;
    for (const Yaml& item : node.items()) {
      SourceConfig source;
      if (!Name(item, "source", taken, source.name)) continue;
      Text(item, "type", source.type);
      Text(item, "purpose", source.purpose);
      Text(item, "owner", source.owner);
      std::string until;
      Text(item, "until", until);
      if (source.purpose.empty() || source.owner.empty() || until.empty()) {
        Keep(item.Error(
            StrCat("source \"", source.name,
                   "\" needs purpose, owner and until: nothing is collected without them")));
        continue;
      }
      std::string error;
      if (!absl::ParseTime("%Y-%m-%d", until, absl::UTCTimeZone(), &source.until, &error)) {
        Keep(item.Find("until")->Error(
            StrCat("until is \"", until, "\"; expected a date such as 2027-12-31")));
        continue;
      }
      source.until += absl::Hours(24);
      source.options = item;
      config_.sources.push_back(std::move(source));
    }
  }

  void ReadChannels(const Yaml& node) {
    if (!node.is_sequence())
      return Keep(node.Error("channels is no list; expected \"- name: ...\" entries"));
    std::set<std::string> taken;
    for (const Yaml& item : node.items()) {
      ChannelConfig channel;
      if (!Name(item, "channel", taken, channel.name)) continue;
      Text(item, "type", channel.type);
      channel.options = item;
      config_.channels.push_back(std::move(channel));
    }
  }

  void ReadCellChannels(const Yaml& node) {
    if (!node.is_map())
      return Keep(node.Error("cell_channels is no map; expected \"CELL: [channel, ...]\" entries"));
    for (const auto& [cell, names] : node.entries()) {
      std::vector<std::string> channels;
      if (!Take(names.Strings("cell_channels"), channels)) continue;
      for (const std::string& name : channels) {
        bool known = false;
        for (const ChannelConfig& channel : config_.channels) known = known || channel.name == name;
        if (!known) {
          Keep(names.Error(
              StrCat("cell ", cell.scalar(), " rings channel \"", name,
                     "\", which is not configured; add it under channels, before cell_channels")));
        }
      }
      config_.cell_channels[cell.scalar()] = std::move(channels);
    }
  }

  const std::string folder_;
  Config& config_;
  std::string problems_;
};

}  // namespace

absl::StatusOr<Config> ParseConfig(std::string_view path, std::string_view text) {
  KENG_ASSIGN_OR_RETURN(const Yaml root, Yaml::Parse(path, text));
  Config config;
  config.path = std::string(path);
  KENG_RETURN_IF_ERROR(ConfigReader(path, config).Read(root));
  return config;
}

absl::StatusOr<Config> LoadConfig(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) {
    return absl::NotFoundError(StrCat(
        path,
        ": cannot be read; give the configuration with --config (an example is deploy/keng.yaml)"));
  }
  std::ostringstream text;
  text << stream.rdbuf();
  return ParseConfig(path, text.str());
}

}  // namespace keng::app
