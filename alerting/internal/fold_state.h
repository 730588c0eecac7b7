#ifndef KENG_ALERTING_INTERNAL_FOLD_STATE_H_
#define KENG_ALERTING_INTERNAL_FOLD_STATE_H_

// What the parts of the fold share: the changes in the making, the fold's row, and what a record
// led to. The parts: stories.h (who is in which incident), ringing.h (what rings), and
// incident_fold.cc (which record does what).

#include <string>
#include <string_view>
#include <vector>

#include "alerting/state_tables.h"
#include "store/min_hash.h"
#include "store/store.h"

namespace keng::alerting {

struct FoldState {
  store::Changes* changes = nullptr;
  FoldRow row;
  int64_t offset = 0;  // of the record that is being applied
  absl::Time post_appended_at = absl::InfinitePast();
  std::vector<Alert> alerts;
  std::vector<std::string> changed;
  int64_t replayed = 0;

  absl::StatusOr<std::optional<IncidentRow>> LoadIncident(std::string_view id) const {
    return Load<IncidentRow>(*changes, table::kIncidents, id);
  }
  // Saves an incident that changed in a way that an officer would see.
  void SaveIncident(IncidentRow& incident) {
    ++incident.incident.version;
    SaveQuietly(incident);
    changed.push_back(incident.incident.id);
  }
  // Saves what nobody sees.
  void SaveQuietly(const IncidentRow& incident) {
    changes->Put(table::kIncidents, incident.incident.id, Encode(incident));
  }
};

// Kinds of rows in kDeadlines. On disk: never reused.
inline constexpr char kIncidentDeadline = 'i';
inline constexpr char kPostDeadline = 'p';
inline constexpr char kActionDeadline = 'a';
inline constexpr char kSilenceDeadline = 's';
inline constexpr char kStormDeadline = 't';

inline void AddDeadline(FoldState& fold, absl::Time time, char kind, std::string_view id) {
  std::string key;
  AppendTime(time, key);
  key += kind;
  key += id;
  fold.changes->Put(table::kDeadlines, key, "");
}

}  // namespace keng::alerting

#endif  // KENG_ALERTING_INTERNAL_FOLD_STATE_H_
