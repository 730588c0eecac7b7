#ifndef KENG_APP_CONFIG_H_
#define KENG_APP_CONFIG_H_

// keng.yaml: everything that an operator chooses. Parsed and checked as a whole before anything
// starts; each error names file, line, column, the value and what to do. Relative paths are
// relative to the file. Secrets never stand in it: a key that ends in _file or _env says where one
// is.
//
// The manual is docs/configuration.md; `keng config schema` prints the JSON Schema for editors.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/yaml.h"

namespace keng::app {

// kShadow: the whole line runs and the channels stay silent, for a first week of watching.
enum class Mode : uint8_t { kLive, kShadow };

// A source or a channel as configured: what all have in common, and the node from which its own
// kind reads the rest.
struct SourceConfig {
  std::string name;     // also the key of its resume point: renaming a source starts it anew
  std::string type;     // file, stdin, http, rss
  std::string purpose;  // why these posts are read (requirement P1)
  std::string owner;    // who answers for it
  absl::Time until;     // collection stops
  base::Yaml options;
};

struct ChannelConfig {
  std::string name;
  std::string type;  // terminal, file, webhook, telegram
  base::Yaml options;
};

// The cluster that holds the streams; docs/kafka.md.
struct KafkaConfig {
  std::string bootstrap;  // "host:port,host:port"; empty: embedded streams
  std::string prefix = "keng.";
  std::string instance;  // of this process among all; default: the host's name
  int replication = 1;
  int min_insync_replicas = 1;
  absl::Duration retention_slack = absl::Hours(24) * 7;
  // librdkafka's settings, of every client, of producers, of consumers. Secrets have been read.
  std::map<std::string, std::string> settings, producer, consumer;
};

struct StreamSettings {
  KafkaConfig kafka;
  int posts_partitions = 2;
  absl::Duration sync_interval = absl::Milliseconds(200);
  absl::Duration posts_retention = absl::Hours(24) * 7;
  absl::Duration inbox_retention = absl::Hours(24) * 35;
  absl::Duration texts_retention = absl::Hours(24) * 30;
  absl::Duration alerts_retention = absl::Hours(24) * 396;
  absl::Duration dead_retention = absl::Hours(24) * 7;
  int64_t posts_bytes_max = int64_t{16} << 30;  // for each partition
  int64_t tail_bytes = int64_t{64} << 20;       // newest records of a partition kept in memory
  int64_t disk_free_min = int64_t{256} << 20;   // writes are refused while less is free
};

struct AlertSettings {
  absl::Duration tick_interval = absl::Seconds(10);
  int rings_per_cell_hour_max = 20;
  absl::Duration late_after = absl::Minutes(30);
};

struct Config {
  std::string path;                    // of keng.yaml; errors and relative paths start here
  std::string data_dir = "keng-data";  // streams/, store/, keys, admin.sock
  Mode mode = Mode::kLive;
  // Packs: folders or files; in force while nothing is published. Empty: only what is published.
  std::vector<std::string> rules;
  std::string places;        // the gazetteer's folder
  std::string cells;         // cells.yaml
  std::string keys_file;     // author keys; default data_dir/keys.json
  std::string opt_out_file;  // accounts that asked to be left out; may be empty
  absl::Duration max_age = absl::Hours(24);
  std::string metrics_listen = "127.0.0.1:9464";  // /metrics, /healthz, /readyz; empty: none
  absl::Duration stop_deadline = absl::Seconds(20);
  StreamSettings streams;
  AlertSettings alerts;
  std::vector<SourceConfig> sources;
  std::vector<ChannelConfig> channels;
  // Cell code -> channel names; a cell without an entry takes its parent's.
  std::map<std::string, std::vector<std::string>> cell_channels;
};

// InvalidArgument or NotFound with every problem found, one a line.
absl::StatusOr<Config> LoadConfig(const std::string& path);
absl::StatusOr<Config> ParseConfig(std::string_view path, std::string_view text);

}  // namespace keng::app

#endif  // KENG_APP_CONFIG_H_
