// How the status of a pipeline is told: as JSON for programs, as a table for people.

#include <algorithm>
#include <boost/json.hpp>

#include "absl/strings/str_format.h"
#include "app/pipeline.h"
#include "base/strings.h"

namespace keng::app {

namespace {

namespace json = boost::json;

int64_t Sum(const filters::FilterCounts& counts) {
  int64_t sum = 0;
  for (const int64_t outcome : counts.outcomes) sum += outcome;
  return sum;
}

int64_t Value(const std::map<std::string, int64_t>& counts, const std::string& key) {
  const auto found = counts.find(key);
  return found == counts.end() ? 0 : found->second;
}

}  // namespace

std::string StatusJson(const PipelineStatus& status) {
  json::object outcomes;
  for (int i = 0; i < filters::kFilterOutcomes; ++i) {
    const std::string_view name =
        filters::FilterOutcomeName(static_cast<filters::FilterOutcome>(i));
    outcomes[json::string_view(name.data(), name.size())] = status.filters.outcomes[i];
  }
  json::object alerting;
  for (const auto& [outcome, count] : status.alerting) alerting[outcome] = count;
  json::array trouble;
  for (const std::string& line : status.trouble) trouble.push_back(json::string(line));
  const Repeats repeats = CountRepeats(status);
  const json::object document = {{"ingest",
                                  {{"lines", status.ingest.lines},
                                   {"stored", status.ingest.stored},
                                   {"expanded", status.ingest.expanded},
                                   {"duplicate", status.ingest.duplicate},
                                   {"dropped", status.ingest.dropped}}},
                                 {"filters",
                                  {{"outcomes", outcomes},
                                   {"hits", status.filters.hits},
                                   {"edits", status.filters.edits},
                                   {"retractions", status.filters.retractions},
                                   {"restored", filters::RestoredPosts(status.filters)}}},
                                 {"alerting", alerting},
                                 {"repeats", {{"posts", repeats.posts}, {"hits", repeats.hits}}},
                                 {"lag", status.lag},
                                 {"alerts_pending", status.alerts_pending},
                                 {"trouble", trouble},
                                 {"idle", status.idle()}};
  return json::serialize(document);
}

std::string StatusText(const PipelineStatus& status) {
  const auto& ingest = status.ingest;
  std::string text =
      absl::StrFormat("ingest    %8d lines    = %d stored + %d duplicate + %d dropped\n",
                      ingest.lines, ingest.stored, ingest.duplicate, ingest.dropped);
  absl::StrAppendFormat(&text, "filters   %8d posts    =", Sum(status.filters));
  for (int i = 0; i < filters::kFilterOutcomes; ++i) {
    const std::string name(filters::FilterOutcomeName(static_cast<filters::FilterOutcome>(i)));
    absl::StrAppendFormat(&text, "%s %d %s", i == 0 ? "" : " +", status.filters.outcomes[i], name);
  }
  absl::StrAppendFormat(
      &text, "\nalerting  %8d hits     = %d opened + %d joined + %d duplicate + %d superseded\n",
      status.filters.hits, Value(status.alerting, "opened"), Value(status.alerting, "joined"),
      Value(status.alerting, "duplicate"), Value(status.alerting, "superseded"));
  const Repeats repeats = CountRepeats(status);
  if (repeats.posts > 0 || repeats.hits > 0) {
    absl::StrAppendFormat(
        &text, "again     %8d posts and %d hits, written a second time after a failure\n",
        repeats.posts, repeats.hits);
  }
  if (const int64_t restored = filters::RestoredPosts(status.filters); restored > 0) {
    absl::StrAppendFormat(
        &text, "restored  %8d posts, appended again by the filters behind an outdated state\n",
        restored);
  }
  absl::StrAppendFormat(&text, "waiting   %8d records, %d alerts\n", status.lag,
                        status.alerts_pending);
  for (const std::string& line : status.trouble) base::StrAppend(&text, "trouble: ", line, "\n");
  const std::string disagreement = status.idle() ? Disagreement(status) : "";
  if (!status.idle()) {
    text.append("work is under way; the sums agree when it is done\n");
  } else if (disagreement.empty()) {
    text.append("the sums agree\n");
  } else {
    base::StrAppend(&text, "THE SUMS DO NOT AGREE: ", disagreement, "\n");
  }
  return text;
}

namespace {

// What `posts` has at least: ingest's, and what the filters have appended again.
int64_t Stored(const PipelineStatus& status) {
  return status.ingest.stored + status.ingest.expanded + filters::RestoredPosts(status.filters);
}

int64_t Folded(const PipelineStatus& status) {
  return Value(status.alerting, "opened") + Value(status.alerting, "joined") +
         Value(status.alerting, "duplicate") + Value(status.alerting, "superseded");
}

}  // namespace

Repeats CountRepeats(const PipelineStatus& status) {
  if (status.counting == Counting::kExact) return {};
  return {.posts = std::max<int64_t>(0, Sum(status.filters) - Stored(status)),
          .hits = std::max<int64_t>(0, Folded(status) - status.filters.hits)};
}

std::string Disagreement(const PipelineStatus& status) {
  const auto& ingest = status.ingest;
  const Repeats repeats = CountRepeats(status);
  if (ingest.lines != ingest.stored + ingest.duplicate + ingest.dropped) {
    return absl::StrFormat("%d lines came in and %d have an outcome", ingest.lines,
                           ingest.stored + ingest.duplicate + ingest.dropped);
  }
  if (Sum(status.filters) != Stored(status) + repeats.posts) {
    return absl::StrFormat("%d posts were stored and %d filtered", Stored(status),
                           Sum(status.filters));
  }
  if (Folded(status) != status.filters.hits + repeats.hits) {
    return absl::StrFormat("%d hits were written and %d folded", status.filters.hits,
                           Folded(status));
  }
  // A hit that was written again is one that the fold knows.
  if (repeats.hits > Value(status.alerting, "duplicate") + Value(status.alerting, "superseded")) {
    return absl::StrFormat("%d hits were written again and %d were known", repeats.hits,
                           Value(status.alerting, "duplicate"));
  }
  return "";
}

}  // namespace keng::app
