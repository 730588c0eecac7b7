#include "alerting/state_changelog.h"

#include <charconv>
#include <utility>

#include "absl/time/clock.h"
#include "alerting/state_tables.h"
#include "base/check.h"
#include "base/strings.h"

namespace keng::alerting {
namespace {

using stream::StreamId;
using stream::WriteSet;

constexpr store::TableId kOwnTable = 0;
constexpr std::string_view kOwnerKey = "owner";

void AppendPrefix(std::string_view desk, store::TableId table, std::string& key) {
  base::StrAppend(&key, desk, "/", static_cast<int>(table), "/");
}

// For errors: the row's own key only where it names no person.
absl::Status Unreadable(const stream::Record& record, std::string_view why) {
  std::string shown;
  const std::string_view key = record.key;
  const size_t table_end = key.find('/', key.find('/') + 1);
  const bool names_author =
      key.find(base::StrCat("/", static_cast<int>(table::kAuthors), "/")) != std::string_view::npos;
  for (const char c : names_author ? key.substr(0, table_end) : key) {
    shown += c >= ' ' && c <= '~' ? c : '.';
  }
  return absl::DataLossError(
      base::StrCat("state: record ", record.offset, " with the key \"", shown, "\" ", why));
}

}  // namespace

std::string StateKey(std::string_view desk, store::TableId table, std::string_view key) {
  std::string state_key;
  AppendPrefix(desk, table, state_key);
  state_key += key;
  return state_key;
}

absl::StatusOr<StateRow> ParseStateRecord(std::string_view desk, const stream::Record& record) {
  const size_t desk_end = record.key.find('/');
  if (desk_end == std::string_view::npos) return Unreadable(record, "names no desk");
  if (record.key.substr(0, desk_end) != desk) return StateRow{};
  const size_t table_end = record.key.find('/', desk_end + 1);
  int table = -1;
  if (table_end != std::string_view::npos) {
    const std::string_view number = record.key.substr(desk_end + 1, table_end - desk_end - 1);
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), table);
    if (error != std::errc() || end != number.data() + number.size()) table = -1;
  }
  if (table < 0 || table > 254) {
    return Unreadable(record, "names no table");
  }
  StateRow row{.change = {.table = static_cast<store::TableId>(table),
                          .key = record.key.substr(table_end + 1)},
               .is_ours = true};
  if (record.tombstone) return row;
  if (record.value.empty() || record.value[0] != kStateRowVersion) {
    return Unreadable(
        record,
        base::StrCat("has a row of version ",
                     record.value.empty() ? 0 : static_cast<uint8_t>(record.value[0]),
                     ", and this program reads version ", static_cast<int>(kStateRowVersion)));
  }
  row.change.value = record.value.substr(1);
  return row;
}

StateChangelog::StateChangelog(std::unique_ptr<stream::Changelog> changelog, std::string desk,
                               base::Metrics* metrics)
    : changelog_(std::move(changelog)), desk_(std::move(desk)) {
  if (metrics == nullptr) return;
  rows_ = metrics->counter("keng_alerting_state_rows_total", "Rows appended to `state`");
  bytes_ = metrics->counter("keng_alerting_state_bytes_total",
                            "Bytes of keys and values appended to `state`");
  failures_ = metrics->counter("keng_alerting_state_refused_total",
                               "Batches that `state` did not take; they are repeated");
  append_seconds_ = metrics->histogram("keng_alerting_state_append_seconds",
                                       "Time to append a batch to `state`", base::LatencyBounds());
}

bool StateChangelog::Logs(store::TableId table, std::string_view key) const {
  switch (table) {
    case table::kTexts:
    case table::kTextsRead:
    case table::kTextMarks:
      return false;
    case table::kErasures:  // time, kind, id
      return key.size() <= 8 || key[8] != kTextErasure;
    default:
      return true;
  }
}

absl::StatusOr<int64_t> StateChangelog::Append(absl::Span<const store::Change> changes) {
  set_.Clear();
  std::string key;
  for (const store::Change& change : changes) {
    key.clear();
    AppendPrefix(desk_, change.table, key);
    key += change.key;
    const size_t value_bytes = change.value ? change.value->size() + 1 : 0;
    if (key.size() > WriteSet::kKeyBytesMax || value_bytes > WriteSet::kValueBytesMax ||
        set_.bytes() + key.size() + value_bytes > WriteSet::kBytesMax) {
      return absl::InvalidArgumentError(base::StrCat(
          "state: a row of table ", static_cast<int>(change.table), " with a key of ", key.size(),
          " and a value of ", value_bytes, " bytes does not fit after ", set_.bytes(), " bytes"));
    }
    if (!change.value) {
      set_.AppendTombstone(StreamId::kState, key);
      continue;
    }
    std::string& buffer = set_.BeginRecord(StreamId::kState, key);
    buffer += kStateRowVersion;
    buffer += *change.value;
    set_.EndRecord();
  }
  return AppendSet();
}

absl::StatusOr<int64_t> StateChangelog::Announce(std::string_view owner) {
  set_.Clear();
  std::string& buffer = set_.BeginRecord(StreamId::kState, StateKey(desk_, kOwnTable, kOwnerKey));
  buffer += kStateRowVersion;
  buffer += owner;
  set_.EndRecord();
  return AppendSet();
}

absl::StatusOr<int64_t> StateChangelog::AppendSet() {
  const absl::Time begin = absl::Now();
  absl::StatusOr<int64_t> end = changelog_->Append(set_);
  append_seconds_.Observe(absl::ToDoubleSeconds(absl::Now() - begin));
  if (!end.ok()) {
    failures_.Add();
    return end;
  }
  rows_.Add(static_cast<double>(set_.entries().size()));
  bytes_.Add(static_cast<double>(set_.bytes()));
  return end;
}

}  // namespace keng::alerting
