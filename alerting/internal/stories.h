#ifndef KENG_ALERTING_INTERNAL_STORIES_H_
#define KENG_ALERTING_INTERNAL_STORIES_H_

// The part of the fold that knows which post is in which incident: finding, opening, joining,
// leaving. Decides nothing about ringing.

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "alerting/decide.h"
#include "alerting/internal/fold_state.h"

namespace keng::alerting {

class Stories {
 public:
  explicit Stories(FoldState& fold) : fold_(fold), signatures_(table::kSignatures) {}

  struct Found {
    IncidentRow incident;
    JoinVerdict verdict = JoinVerdict::kJoin;
  };
  // Desk and topic as the key under which incidents can join: hits of rules that are not stable
  // have one of their own.
  static std::string ScopeOf(std::string_view desk, const filters::HitRecord& hit);
  // The incident that the hit belongs to; nullopt: it opens one.
  absl::StatusOr<std::optional<Found>> Find(const std::string& scope,
                                            const filters::HitRecord& hit);

  // A new incident without posts, indexed.
  absl::StatusOr<IncidentRow> Open(std::string_view desk, const std::string& scope,
                                   const filters::HitRecord& hit);
  // Adds the hit's post and returns the key of its member.
  absl::StatusOr<int64_t> AddPost(IncidentRow& incident, const filters::HitRecord& hit);
  // Takes out what a post contributed. The incident's first text becomes that of the first post
  // that is left.
  absl::Status RemovePost(IncidentRow& incident, int64_t member);
  // A newer state of a post that is in: its spans, text and link.
  absl::Status UpdatePost(IncidentRow& incident, int64_t member, const filters::HitRecord& hit);
  // The rule that a member's spans are of no longer matches.
  absl::Status ForgetSpans(IncidentRow& incident, int64_t member, std::string_view rule);
  // Erases a member's link and author; the counts stay.
  absl::Status EraseTrail(IncidentRow& incident, int64_t member);

  // Posts and distinct authors that came within `window`.
  struct Recent {
    int64_t posts = 0;
    int64_t authors = 0;
  };
  absl::StatusOr<Recent> CountRecent(const IncidentRow& incident, absl::Duration window);
  // The threshold is behind it.
  absl::Status ForgetRecent(const IncidentRow& incident);

  // Whether hits can find it. No-ops when it is so already.
  void Index(IncidentRow& incident);
  void Unindex(IncidentRow& incident);

  size_t bands_known() const { return signatures_.bands_known(); }

 private:
  absl::StatusOr<std::optional<Found>> FindByText(const std::string& scope,
                                                  const filters::HitRecord& hit);
  absl::StatusOr<std::optional<Found>> FindByKey(const std::string& scope,
                                                 std::string_view join_key) const;
  absl::StatusOr<int64_t> CountAuthor(const IncidentRow& incident, std::string_view author,
                                      int64_t change);
  absl::Status TakeFirst(IncidentRow& incident);

  FoldState& fold_;
  store::SignatureIndex signatures_;
};

}  // namespace keng::alerting

#endif  // KENG_ALERTING_INTERNAL_STORIES_H_
