#include "filters/filter_worker.h"

#include <charconv>
#include <map>
#include <utility>

#include "base/check.h"
#include "base/crash_point.h"
#include "base/json_text.h"
#include "base/mutex.h"
#include "base/strings.h"
#include "filters/inbox_record.h"
#include "filters/matcher/matcher.h"
#include "filters/sketch.h"
#include "ingest/post_parser.h"

namespace keng::filters {

std::string_view FilterOutcomeName(FilterOutcome outcome) {
  constexpr std::string_view kNames[] = {"hit",       "filtered_out", "retracted", "late",
                                         "elsewhere", "broken",       "outdated",  "unrestored"};
  return kNames[static_cast<int>(outcome)];
}

FilterCounts& FilterCounts::operator+=(const FilterCounts& other) {
  for (int i = 0; i < kFilterOutcomes; ++i) outcomes[i] += other.outcomes[i];
  hits += other.hits;
  edits += other.edits;
  retractions += other.retractions;
  return *this;
}

// "1 hits edits retractions outcome0 outcome1 ...": version first; outcomes may grow at the end.
// Zeros at the end are left out, so that a process of the version before, which knows fewer, can
// take the partition over for as long as none of the new ones has come about.
std::string EncodeFilterCounts(const FilterCounts& counts) {
  std::string text = base::StrCat("1 ", counts.hits, " ", counts.edits, " ", counts.retractions);
  size_t size = counts.outcomes.size();
  while (size > 0 && counts.outcomes[size - 1] == 0) --size;
  for (size_t i = 0; i < size; ++i) base::StrAppend(&text, " ", counts.outcomes[i]);
  return text;
}

absl::StatusOr<FilterCounts> DecodeFilterCounts(std::string_view text) {
  FilterCounts counts;
  if (text.empty()) return counts;
  std::vector<int64_t> numbers;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    int64_t number = 0;
    const auto [next, error] = std::from_chars(at, end, number);
    if (error != std::errc() || number < 0) break;
    numbers.push_back(number);
    at = next < end && *next == ' ' ? next + 1 : next;
    if (next == end) break;
  }
  if (numbers.size() < 4 || numbers.size() > 4 + kFilterOutcomes || numbers[0] != 1 || at != end) {
    return absl::InvalidArgumentError(base::StrCat("the position of reader ", kFilterReader,
                                                   " carries \"", text,
                                                   "\"; expected the counters of a filter worker"));
  }
  counts.hits = numbers[1];
  counts.edits = numbers[2];
  counts.retractions = numbers[3];
  for (size_t i = 4; i < numbers.size(); ++i) counts.outcomes[i - 4] = numbers[i];
  return counts;
}

namespace {

// What was counted in one partition, whoever held it then.
struct PartitionCounters {
  PartitionCounters(base::Metrics& metrics, int partition) {
    const base::Labels labels{{"partition", base::StrCat(partition)}};
    for (int i = 0; i < kFilterOutcomes; ++i) {
      base::Labels with_outcome = labels;
      with_outcome["outcome"] = std::string(FilterOutcomeName(static_cast<FilterOutcome>(i)));
      outcomes[static_cast<size_t>(i)] =
          metrics.counter("keng_filters_posts_total",
                          "Posts by what became of them in the filter stage", with_outcome);
    }
    hits = metrics.counter("keng_filters_hits_total", "Hits written to the inbox", labels);
    edits = metrics.counter("keng_filters_edits_total", "Edits written to the inbox", labels);
    retractions = metrics.counter("keng_filters_retractions_total",
                                  "Retractions written to the inbox", labels);
  }

  void Tell(const FilterCounts& counts) const {
    for (size_t i = 0; i < outcomes.size(); ++i)
      outcomes[i].RaiseTo(static_cast<double>(counts.outcomes[i]));
    hits.RaiseTo(static_cast<double>(counts.hits));
    edits.RaiseTo(static_cast<double>(counts.edits));
    retractions.RaiseTo(static_cast<double>(counts.retractions));
  }

  std::array<base::Counter, kFilterOutcomes> outcomes;
  base::Counter hits, edits, retractions;
};

}  // namespace

struct FilterWorker::State {
  State(FilterOptions worker_options, stream::Streams& worker_streams,
        std::function<FilterKit()> worker_kit)
      : options(std::move(worker_options)), streams(worker_streams), kit(std::move(worker_kit)) {}

  // Constant after construction.
  const FilterOptions options;
  stream::Streams& streams;
  const std::function<FilterKit()> kit;
  std::unique_ptr<stream::Reader> reader;
  std::unique_ptr<PostsGuard> guard;          // null: this process is the only one that writes
  std::map<int, PartitionCounters> counters;  // its keys are constant
  base::Counter batch_counter, refused_counter;
  base::Histogram batch_seconds;

  // Of the worker's thread.
  ingest::PostParser brief_parser;  // its text must outlive the second look at the same record
  ingest::PostParser parser;
  std::shared_ptr<const RuleSet> rules;
  std::unique_ptr<Matcher> matcher;
  MatchResult match;
  std::vector<Span> spans;
  // Processed and not written yet: refused at the last call, to be finished first.
  std::shared_ptr<const stream::RecordBatch> batch;
  stream::WriteSet writes;    // what `batch` leads to
  FilterCounts pending;       // what `writes` adds
  bool is_committed = false;  // the position of `batch` stands in `writes`
  std::map<int, FilterCounts> by_partition;

  mutable base::Mutex mutex;
  FilterCounts committed ABSL_GUARDED_BY(mutex);

  FilterOutcome Process(const stream::Record& record, const FilterKit& current);
  // `match` holds what the post matched.
  FilterOutcome ProcessPost(const ingest::Post& post, const stream::Record& record,
                            const FilterKit& current);
  void Retract(std::string_view post, std::string_view version);
  void WriteText(const ingest::Post& post);
  void WriteBroken(const stream::Record& record, ingest::DropReason reason);
  void AppendToInbox(std::string_view desk, const InboxRecord& record);
  // Whether a newer state than this stands before it.
  bool IsOutdated(const ingest::Post& post, stream::Offset offset) {
    return guard != nullptr && guard->Observe(post, offset) == PostsGuard::Standing::kOutdated;
  }
  absl::StatusOr<int64_t> Finish();
  absl::Status Flush();
};

void FilterWorker::State::AppendToInbox(std::string_view desk, const InboxRecord& record) {
  AppendInboxRecord(record, writes.BeginRecord(stream::StreamId::kInbox, desk));
  writes.EndRecord();
}

void FilterWorker::State::Retract(std::string_view post, std::string_view version) {
  writes.AppendTombstone(stream::StreamId::kTexts, post);
  for (const std::string& desk : options.desks) {
    AppendToInbox(desk,
                  RetractionRecord{.post = std::string(post), .version = std::string(version)});
    ++pending.retractions;
  }
}

// The text once, with the link and the place where it stood: what an officer is shown.
void FilterWorker::State::WriteText(const ingest::Post& post) {
  std::string& out = writes.BeginRecord(stream::StreamId::kTexts, post.id);
  out.append(R"({"text":)");
  base::AppendJsonString(post.text, out);
  out.append(R"(,"url":)");
  base::AppendJsonString(post.url, out);
  out.append(R"(,"account":)");
  base::AppendJsonString(post.account, out);
  out.append(R"(,"version":)");
  base::AppendJsonString(post.version, out);
  out.push_back('}');
  writes.EndRecord();
}

void FilterWorker::State::WriteBroken(const stream::Record& record, ingest::DropReason reason) {
  std::string& out = writes.BeginRecord(stream::StreamId::kDead, "filters");
  base::StrAppend(&out, R"({"v":1,"stage":"filters","reason":")", ingest::DropReasonName(reason),
                  R"(","offset":)", record.offset, R"(,"record":)");
  base::AppendJsonString(record.key, out);
  out.push_back('}');
  writes.EndRecord();
}

FilterOutcome FilterWorker::State::Process(const stream::Record& record, const FilterKit& current) {
  if (record.tombstone) {
    ingest::Post gone;
    gone.kind = ingest::PostKind::kDelete;
    gone.id = record.key;
    IsOutdated(gone, record.offset);  // never: it bars every text
    Retract(record.key, "");
    return FilterOutcome::kRetracted;
  }
  // Most posts match nothing, and of those nothing but the text is needed.
  ingest::PostParser::Brief brief;
  bool scanned = false;
  const bool guarded = guard != nullptr && guard->Knows(record.key);
  if (!guarded && brief_parser.ParseBrief(record.value, brief) && !brief.edit) {
    if (brief.created_at < record.time - options.max_age) return FilterOutcome::kLate;
    matcher->Fold(brief.text, match);
    matcher->Scan(match);
    if (!matcher->HasCandidates(match)) return FilterOutcome::kFilteredOut;
    scanned = true;
  }
  ingest::Post post;
  const ingest::DropReason reason =
      parser.Parse(record.value, ingest::PostParser::Mode::kStored, record.time, post);
  if (reason != ingest::DropReason::kNone) {
    WriteBroken(record, reason);
    return FilterOutcome::kBroken;
  }
  const bool is_deletion = post.kind == ingest::PostKind::kDelete;
  if ((guarded || post.edit || is_deletion) && IsOutdated(post, record.offset))
    return FilterOutcome::kOutdated;
  if (is_deletion) {
    Retract(post.id, post.version);
    return FilterOutcome::kRetracted;
  }
  const bool late = post.created_at < record.time - options.max_age;
  // A late edit still has its effect on the incidents that its post is part of; a late new post has
  // none.
  if (late && !post.edit) return FilterOutcome::kLate;
  if (scanned) {
    matcher->Evaluate(post, match);
  } else {
    matcher->Match(post, match);
  }
  const FilterOutcome outcome = ProcessPost(post, record, current);
  return late ? FilterOutcome::kLate : outcome;
}

FilterOutcome FilterWorker::State::ProcessPost(const ingest::Post& post,
                                               const stream::Record& record,
                                               const FilterKit& current) {
  const bool late = post.created_at < record.time - options.max_age;
  std::vector<HitRecord> hits;
  std::vector<std::string> rules_now;
  bool elsewhere = false;
  for (RuleMatch& rule_match : match.rules) {
    const Rule& rule = *rule_match.rule;
    spans.clear();
    for (const HitSpan& span : rule_match.spans) spans.push_back(span.span);
    const Placement placement =
        current.resolver->Resolve(match.folded, match.literals,
                                  {.account = post.account, .topic = rule.topic, .hits = spans});
    if (placement.reason == RouteReason::kElsewhere) {
      elsewhere = true;
      continue;
    }
    if (!PlaceNeedHolds(rule.place, placement.reason)) continue;
    rules_now.push_back(rule.id);
    if (late) continue;
    HitRecord hit;
    hit.hit = {.post = std::string(post.id),
               .rule = rule.id,
               .topic = rule.topic,
               .cell = placement.cell,
               .place = placement.place,
               .reason = placement.reason,
               .spans = std::move(rule_match.spans)};
    hit.rule = rule.facts;
    hit.author = std::string(post.author);
    hit.account = std::string(post.account);
    hit.source = std::string(post.source);
    hit.url = std::string(post.url);
    hit.version = std::string(post.version);
    hit.rule_set = rules->version();
    hit.place_path = placement.place_path;
    hit.created_at = post.created_at;
    hit.appended_at = record.time;
    hits.push_back(std::move(hit));
  }
  // Before anything in the inbox: where a write is not atomic, `texts` is visible first then.
  if (!rules_now.empty()) WriteText(post);
  if (post.edit) {
    // Hits of rules that no longer match are withdrawn; an edit that matches nothing withdraws them
    // all.
    if (rules_now.empty()) writes.AppendTombstone(stream::StreamId::kTexts, post.id);
    for (const std::string& desk : options.desks) {
      AppendToInbox(desk, EditRecord{.post = std::string(post.id),
                                     .version = std::string(post.version),
                                     .rules = rules_now});
      ++pending.edits;
    }
  }
  if (rules_now.empty()) return elsewhere ? FilterOutcome::kElsewhere : FilterOutcome::kFilteredOut;
  if (hits.empty()) return FilterOutcome::kLate;
  const Sketch sketch = MakeSketch(post.text, match.folded.text(), options.sketch_seed);
  for (HitRecord& hit : hits) {
    hit.sketch = sketch;
    AppendToInbox(current.resolver->cells().desk().code, hit);
    ++pending.hits;
  }
  return FilterOutcome::kHit;
}

absl::StatusOr<int64_t> FilterWorker::State::Finish() {
  if (!is_committed) {
    if (guard != nullptr) {
      KENG_ASSIGN_OR_RETURN(const int64_t unrestored, guard->Restore(writes));
      pending.outcomes[static_cast<size_t>(FilterOutcome::kOutdated)] -= unrestored;
      pending.outcomes[static_cast<size_t>(FilterOutcome::kUnrestored)] += unrestored;
    }
    FilterCounts& counts = by_partition[batch->partition()];
    counts += pending;
    writes.Commit(kFilterReader, stream::StreamId::kPosts, batch->partition(), batch->next_offset(),
                  EncodeFilterCounts(counts));
    is_committed = true;
  }
  KENG_RETURN_IF_ERROR(Flush());
  is_committed = false;
  return static_cast<int64_t>(std::exchange(batch, nullptr)->records().size());
}

absl::Status FilterWorker::State::Flush() {
  KENG_CRASH_POINT("filters.before_write");
  const absl::Status status = streams.Write(writes);
  if (!status.ok()) {
    refused_counter.Add();
    return status;
  }
  KENG_CRASH_POINT("filters.after_write");
  writes.Clear();
  counters.at(batch->partition()).Tell(by_partition[batch->partition()]);
  {
    base::MutexLock lock(mutex);
    committed += pending;
  }
  pending = {};
  return absl::OkStatus();
}

FilterWorker::FilterWorker(std::unique_ptr<State> state) : state_(std::move(state)) {}
FilterWorker::~FilterWorker() = default;

absl::StatusOr<std::unique_ptr<FilterWorker>> FilterWorker::Open(FilterOptions options,
                                                                 stream::Streams& streams,
                                                                 std::function<FilterKit()> kit,
                                                                 base::Metrics& metrics) {
  if (options.partitions.empty()) {
    for (int p = 0; p < streams.partitions(stream::StreamId::kPosts); ++p)
      options.partitions.push_back(p);
  }
  auto state = std::make_unique<State>(std::move(options), streams, std::move(kit));
  if (streams.capabilities().membership) {
    const auto& held = state->options.partitions;
    state->guard = std::make_unique<PostsGuard>(
        state->options.guard, streams, held.size() == 1 ? base::StrCat(held[0]) : "all", metrics);
  }
  FilterCounts restored;
  for (const int partition : state->options.partitions) {
    KENG_ASSIGN_OR_RETURN(auto committed,
                          streams.committed(kFilterReader, stream::StreamId::kPosts, partition));
    if (!committed.has_value()) continue;
    if (state->guard != nullptr) state->guard->Expect(partition, committed->next);
    KENG_ASSIGN_OR_RETURN(const FilterCounts counts, DecodeFilterCounts(committed->metadata));
    state->by_partition[partition] = counts;
    restored += counts;
  }
  KENG_ASSIGN_OR_RETURN(state->reader, streams.OpenReader(kFilterReader, stream::StreamId::kPosts,
                                                          state->options.partitions));
  for (const int partition : state->options.partitions) {
    const auto& [counted, is_new] =
        state->counters.emplace(partition, PartitionCounters(metrics, partition));
    counted->second.Tell(state->by_partition[partition]);
  }
  state->batch_counter = metrics.counter("keng_filters_batches_total", "Batches processed");
  state->refused_counter =
      metrics.counter("keng_filters_refused_total", "Writes that the stream refused for now");
  state->batch_seconds = metrics.histogram(
      "keng_filters_batch_seconds", "Time for one batch, without waiting", base::LatencyBounds());
  {
    base::MutexLock lock(state->mutex);
    state->committed = restored;
  }
  return std::unique_ptr<FilterWorker>(new FilterWorker(std::move(state)));
}

absl::StatusOr<int64_t> FilterWorker::RunOnce(absl::Duration timeout) {
  State& state = *state_;
  if (state.batch != nullptr) return state.Finish();
  if (state.guard != nullptr && !state.guard->warm()) {
    KENG_ASSIGN_OR_RETURN(const int64_t read, state.guard->WarmUp());
    if (!state.guard->warm()) return read;
  }
  KENG_ASSIGN_OR_RETURN(const auto batch, state.reader->Read(state.options.batch_bytes, timeout));
  if (batch == nullptr) return 0;
  const absl::Time begin = absl::Now();
  const FilterKit current = state.kit();
  if (state.rules != current.rules) {
    state.rules = current.rules;
    state.matcher = std::make_unique<Matcher>(current.rules);
  }
  KENG_CHECK(state.writes.empty(), "a batch was begun before the one before it was written");
  for (const stream::Record& record : batch->records()) {
    const FilterOutcome outcome = state.Process(record, current);
    ++state.pending.outcomes[static_cast<int>(outcome)];
  }
  state.batch = batch;
  state.batch_counter.Add();
  auto finished = state.Finish();
  state.batch_seconds.Observe(absl::ToDoubleSeconds(absl::Now() - begin));
  return finished;
}

void FilterWorker::Wake() { state_->reader->Wake(); }

FilterCounts FilterWorker::counts() const {
  base::MutexLock lock(state_->mutex);
  return state_->committed;
}

}  // namespace keng::filters
