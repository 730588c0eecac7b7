#include "app/config_schema.h"

namespace keng::app {

std::string ConfigSchema() {
  return R"schema({
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "keng.yaml",
  "type": "object",
  "additionalProperties": false,
  "required": ["places", "cells", "sources"],
  "$defs": {
    "duration": {"type": ["string", "integer"], "pattern": "^(0|[0-9.]+(ns|us|ms|s|m|h|d).*)$"},
    "bytes": {"type": ["string", "integer"], "pattern": "^[0-9]+(KiB|MiB|GiB)?$"},
    "name": {"type": "string", "pattern": "^[a-z0-9_-]{1,64}$"}
  },
  "properties": {
    "data_dir": {"type": "string"},
    "mode": {"enum": ["live", "shadow"]},
    "rules": {"type": ["array", "string"], "items": {"type": "string"}},
    "places": {"type": "string"},
    "cells": {"type": "string"},
    "keys_file": {"type": "string"},
    "opt_out_file": {"type": "string"},
    "max_age": {"$ref": "#/$defs/duration"},
    "metrics_listen": {"type": "string"},
    "stop_deadline": {"$ref": "#/$defs/duration"},
    "streams": {
      "type": "object",
      "additionalProperties": false,
      "properties": {
        "kafka": {
          "type": "object",
          "additionalProperties": false,
          "required": ["bootstrap"],
          "properties": {
            "bootstrap": {"type": "string"},
            "prefix": {"type": "string"},
            "instance": {"type": "string"},
            "replication": {"type": "integer", "minimum": 1, "maximum": 9},
            "min_insync_replicas": {"type": "integer", "minimum": 1, "maximum": 9},
            "retention_slack": {"$ref": "#/$defs/duration"},
            "settings": {"type": "object"},
            "producer": {"type": "object"},
            "consumer": {"type": "object"}
          }
        },
        "posts_partitions": {"type": "integer", "minimum": 1, "maximum": 64},
        "sync_interval": {"$ref": "#/$defs/duration"},
        "posts_retention": {"$ref": "#/$defs/duration"},
        "inbox_retention": {"$ref": "#/$defs/duration"},
        "texts_retention": {"$ref": "#/$defs/duration"},
        "alerts_retention": {"$ref": "#/$defs/duration"},
        "dead_retention": {"$ref": "#/$defs/duration"},
        "posts_bytes_max": {"$ref": "#/$defs/bytes"},
        "tail_bytes": {"$ref": "#/$defs/bytes"},
        "disk_free_min": {"$ref": "#/$defs/bytes"}
      }
    },
    "alerts": {
      "type": "object",
      "additionalProperties": false,
      "properties": {
        "tick_interval": {"$ref": "#/$defs/duration"},
        "rings_per_cell_hour_max": {"type": "integer", "minimum": 1, "maximum": 100000},
        "late_after": {"$ref": "#/$defs/duration"}
      }
    },
    "sources": {
      "type": "array",
      "minItems": 1,
      "items": {
        "type": "object",
        "required": ["name", "type", "purpose", "owner", "until"],
        "properties": {
          "name": {"$ref": "#/$defs/name"},
          "type": {"enum": ["file", "stdin", "http", "intake", "rss"]},
          "purpose": {"type": "string"},
          "owner": {"type": "string"},
          "until": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
        }
      }
    },
    "channels": {
      "type": "array",
      "items": {
        "type": "object",
        "required": ["name", "type"],
        "properties": {
          "name": {"$ref": "#/$defs/name"},
          "type": {"enum": ["terminal", "file", "webhook", "telegram"]}
        }
      }
    },
    "cell_channels": {"type": "object", "additionalProperties": {"type": "array", "items": {"$ref": "#/$defs/name"}}}
  }
}
)schema";
}

}  // namespace keng::app
