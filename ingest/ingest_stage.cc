#include "ingest/ingest_stage.h"

#include <algorithm>
#include <boost/json.hpp>
#include <utility>

#include "base/check.h"
#include "base/crash_point.h"
#include "base/json_text.h"
#include "base/log.h"
#include "base/strings.h"
#include "ingest/masking.h"
#include "ingest/post_writer.h"

namespace keng::ingest {
namespace {

using stream::StreamId;

constexpr std::string_view kControlPrefix = "ingest/";
constexpr std::string_view kDeadKey = "ingest";
constexpr size_t kResumePointBytesMax = 4096;
constexpr size_t kScanBytes = 1 << 20;
constexpr absl::Duration kPressureInterval = absl::Milliseconds(50);

// "stored" and the like, in the order in which they are written.
struct CounterName {
  std::string_view name;
  int64_t SourceCounters::*value;
};
constexpr CounterName kCounterNames[] = {
    {"lines", &SourceCounters::lines},         {"stored", &SourceCounters::stored},
    {"duplicate", &SourceCounters::duplicate}, {"outdated", &SourceCounters::outdated},
    {"edits", &SourceCounters::edits},         {"deletions", &SourceCounters::deletions},
    {"expanded", &SourceCounters::expanded}};

bool IsSourceName(std::string_view name) {
  constexpr size_t kNameBytesMax = 64;
  return !name.empty() && name.size() <= kNameBytesMax &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_.-") ==
             std::string_view::npos;
}

// Calls `visit` with each record of `stream` that is there now, tombstones too.
template <typename Visit>
absl::Status ForEachRecord(stream::Streams& streams, StreamId stream, Visit visit) {
  KENG_ASSIGN_OR_RETURN(const std::unique_ptr<stream::Reader> tap, streams.OpenTap(stream));
  while (true) {
    KENG_ASSIGN_OR_RETURN(const std::shared_ptr<const stream::RecordBatch> batch,
                          tap->Read(kScanBytes, absl::ZeroDuration()));
    if (batch == nullptr) return absl::OkStatus();
    for (const stream::Record& record : batch->records()) visit(record);
  }
}

}  // namespace

int64_t SourceCounters::dropped_total() const {
  int64_t total = 0;
  for (const int64_t count : dropped) total += count;
  return total;
}

absl::StatusOr<SourceControl> ParseSourceControl(std::string_view value) {
  SourceControl control;
  try {
    const boost::json::object object = boost::json::parse({value.data(), value.size()}).as_object();
    if (object.at("v").to_number<int>() != 1)
      return absl::DataLossError("a source's control record of another version");
    control.resume_point = boost::json::value_to<std::string>(object.at("resume_point"));
    for (const CounterName& counter : kCounterNames)
      control.counters.*counter.value =
          object.at({counter.name.data(), counter.name.size()}).to_number<int64_t>();
    const boost::json::object& dropped = object.at("dropped").as_object();
    for (size_t i = 0; i < kDropReasons; ++i) {
      const std::string_view name = DropReasonName(static_cast<DropReason>(i));
      if (const auto* count = dropped.if_contains({name.data(), name.size()}))
        control.counters.dropped[i] = count->to_number<int64_t>();
    }
  } catch (const std::exception&) {
    return absl::DataLossError("a source's control record is not what ingest writes");
  }
  return control;
}

// ---- SourceIntake ----

SourceIntake::SourceIntake(IngestStage& stage, SourceOptions options)
    : stage_(stage),
      options_(std::move(options)),
      control_key_(base::StrCat(kControlPrefix, options_.name)),
      mapper_(stage.parts_.opt_outs) {
  base::Metrics* metrics = stage_.parts_.metrics;
  if (metrics == nullptr) return;
  const base::Labels labels = {{"source", options_.name}};
  handles_.lines = metrics->counter("keng_ingest_lines_total", "Lines that came in.", labels);
  const auto outcome = [&](const char* name) {
    return metrics->counter("keng_ingest_outcomes_total",
                            "What became of the lines; their sum is keng_ingest_lines_total.",
                            {{"source", options_.name}, {"outcome", name}});
  };
  handles_.stored = outcome("stored");
  handles_.duplicate = outcome("duplicate");
  for (size_t i = 1; i < kDropReasons; ++i)
    handles_.dropped[i] =
        metrics->counter("keng_ingest_dropped_total", "Lines put aside in dead, by reason.",
                         {{"source", options_.name},
                          {"reason", std::string(DropReasonName(static_cast<DropReason>(i)))}});
  handles_.outdated = metrics->counter("keng_ingest_outdated_total",
                                       "Duplicates that were older than the stored state.", labels);
  handles_.expanded = metrics->counter("keng_ingest_expanded_total",
                                       "Deletions made from the deletion of an account.", labels);
  handles_.last_commit =
      metrics->gauge("keng_ingest_last_commit_timestamp_seconds",
                     "When this source last brought something that is durable.", labels);
  handles_.commit_seconds = metrics->histogram(
      "keng_ingest_commit_seconds", "Time to make a batch durable.", base::LatencyBounds(), labels);
}

SourceIntake::~SourceIntake() {
  base::MutexLock lock(stage_.mutex_);
  std::erase(stage_.open_sources_, options_.name);
}

absl::Status SourceIntake::Load() {
  std::optional<std::string> value;
  stream::Streams& streams = stage_.parts_.streams;
  if (streams.capabilities().lookup) {
    KENG_ASSIGN_OR_RETURN(value, streams.Lookup(StreamId::kControl, control_key_));
  } else {
    KENG_RETURN_IF_ERROR(
        ForEachRecord(streams, StreamId::kControl, [&](const stream::Record& record) {
          if (record.key == control_key_ && !record.tombstone) value = std::string(record.value);
        }));
  }
  if (value.has_value()) {
    KENG_ASSIGN_OR_RETURN(SourceControl control, ParseSourceControl(*value));
    resume_point_ = std::move(control.resume_point);
    counters_ = control.counters;
  }
  Report();
  next_ = counters_;
  return absl::OkStatus();
}

// A source may have been in another process meanwhile, and come back.
void SourceIntake::Report() const {
  const auto tell = [](const base::Counter& counter, int64_t total) {
    counter.RaiseTo(static_cast<double>(total));
  };
  tell(handles_.lines, counters_.lines);
  tell(handles_.stored, counters_.stored);
  tell(handles_.duplicate, counters_.duplicate);
  tell(handles_.outdated, counters_.outdated);
  tell(handles_.expanded, counters_.expanded);
  for (size_t i = 1; i < kDropReasons; ++i) tell(handles_.dropped[i], counters_.dropped[i]);
}

const PostState* SourceIntake::FindState(base::Hash128 id, PostState& copy) const {
  if (const auto found = states_.find(id.low);
      found != states_.end() && found->second.first == id) {
    copy = found->second.second;
    return &copy;
  }
  base::MutexLock lock(stage_.mutex_);
  const PostState* known = stage_.recent_.Find(id);
  if (known == nullptr) return nullptr;
  copy = *known;
  return &copy;
}

void SourceIntake::Store(const Post& post, base::Hash128 id, const PostState& state) {
  AppendPostJson(post, set_.BeginRecord(StreamId::kPosts, post.id));
  set_.EndRecord();
  states_[id.low] = {id, state};
}

SourceIntake::Result SourceIntake::Drop(DropReason reason, std::string_view field,
                                        std::string_view line, int64_t position) {
  ++next_.dropped[static_cast<size_t>(reason)];
  std::string& out = set_.BeginRecord(StreamId::kDead, kDeadKey);
  out.append("{\"v\":1,\"stage\":\"ingest\",\"source\":");
  base::AppendJsonString(options_.name, out);
  base::StrAppend(&out, ",\"position\":", position, ",\"bytes\":", line.size(), ",\"reason\":\"",
                  DropReasonName(reason), "\",\"field\":\"", field, "\"");
  // Of somebody who asked not to be read, and after the end of a collection, nothing is kept.
  if (reason != DropReason::kOptedOut && reason != DropReason::kExpiredSource) {
    out.append(",\"line\":");
    base::AppendJsonString(RedactLine(line, stage_.options_.dead_line_bytes_max), out);
  }
  out.push_back('}');
  set_.EndRecord();
  return {IngestOutcome::kDropped, reason, field};
}

SourceIntake::Result SourceIntake::Add(std::string_view line, int64_t position) {
  KENG_CHECK(!sealed_, "source=", options_.name, ": the last batch waits for Commit or Discard");
  const absl::Time now = stage_.parts_.clock.Now();
  ++lines_;
  ++next_.lines;
  if (now >= options_.until) return Drop(DropReason::kExpiredSource, {}, line, position);

  if (lines_ == 1) keys_ = stage_.parts_.keyring.keys();
  Post post;
  const PostMapper::Result mapped = mapper_.Map(line, keys_, now, post);
  if (mapped.reason != DropReason::kNone) return Drop(mapped.reason, mapped.field, line, position);
  masked_bytes_ += mapper_.masked_bytes();

  const base::Hash128 id = base::StableHash128(post.id);
  const PostState state = PostState::Of(post);
  PostState copy;
  const PostState* known = FindState(id, copy);
  const StateOrder order = CompareStates(known, state);
  if (order == StateOrder::kRepeated || order == StateOrder::kOutdated) {
    ++next_.duplicate;
    if (order == StateOrder::kOutdated) ++next_.outdated;
    return {IngestOutcome::kDuplicate, DropReason::kNone, {}};
  }
  ++next_.stored;
  if (post.kind == PostKind::kDelete) {
    ++next_.deletions;
    if (post.scope == DeleteScope::kAuthor) ExpandAuthorDeletion(post, mapper_.raw_author());
  } else {
    post.edit = order == StateOrder::kNewer || post.edited_at != absl::InfinitePast();
    if (order == StateOrder::kNewer) ++next_.edits;
  }
  Store(post, id, state);
  return {};
}

void SourceIntake::ExpandAuthorDeletion(const Post& deletion, std::string_view author) {
  const std::vector<std::string> hashes = keys_->AllHashes(deletion.source, author);
  // The posts of that author that are not deleted yet, by id.
  absl::flat_hash_map<std::string, std::string> posts;
  PostParser parser;
  const auto visit = [&](std::string_view key, std::string_view padded_value) {
    Post post;
    if (parser.Parse(padded_value, PostParser::Mode::kStored, absl::InfinitePast(), post) !=
        DropReason::kNone)
      return;
    const bool theirs = post.kind != PostKind::kDelete &&
                        std::find(hashes.begin(), hashes.end(), post.author) != hashes.end();
    if (theirs)
      posts[std::string(key)] = std::string(post.source);
    else
      posts.erase(std::string(key));
  };
  expand_status_.Update(
      ForEachRecord(stage_.parts_.streams, StreamId::kPosts, [&](const stream::Record& record) {
        if (record.tombstone)
          posts.erase(std::string(record.key));
        else
          visit(record.key, record.value);
      }));
  // Those that stand in this batch.
  std::string padded;
  for (const stream::WriteSet::Entry& entry : set_.entries()) {
    if (entry.stream != StreamId::kPosts) continue;
    padded.assign(set_.value(entry));
    padded.append(PostParser::kPadding, ' ');
    visit(set_.key(entry), std::string_view(padded).substr(0, entry.value_size));
  }
  for (const auto& [id, source] : posts) {
    Post gone;
    gone.kind = PostKind::kDelete;
    gone.id = id;
    gone.source = source;
    gone.edited_at = deletion.edited_at;
    Store(gone, base::StableHash128(id), PostState::Of(gone));
    ++next_.expanded;
  }
}

bool SourceIntake::wants_commit() const {
  return lines_ >= stage_.options_.batch_lines_max ||
         set_.bytes() >= stage_.options_.batch_bytes_max;
}

std::string SourceIntake::ControlValue(std::string_view resume_point) const {
  std::string value = "{\"v\":1,\"resume_point\":";
  base::AppendJsonString(resume_point, value);
  for (const CounterName& counter : kCounterNames)
    base::StrAppend(&value, ",\"", counter.name, "\":", next_.*counter.value);
  value.append(",\"dropped\":{");
  bool first = true;
  for (size_t i = 1; i < kDropReasons; ++i) {
    if (next_.dropped[i] == 0) continue;
    base::StrAppend(&value, first ? "\"" : ",\"", DropReasonName(static_cast<DropReason>(i)),
                    "\":", next_.dropped[i]);
    first = false;
  }
  value.append("}}");
  return value;
}

absl::Status SourceIntake::Commit(std::string_view resume_point) {
  KENG_CHECK(resume_point.size() <= kResumePointBytesMax, "source=", options_.name);
  if (!expand_status_.ok()) return expand_status_;
  if (lines_ == 0 && resume_point == resume_point_) return absl::OkStatus();
  KENG_CHECK(next_.lines == next_.stored + next_.duplicate + next_.dropped_total(),
             "I1: source=", options_.name, " lines=", next_.lines);
  if (!sealed_) set_.Append(StreamId::kControl, control_key_, ControlValue(resume_point));
  sealed_ = true;

  KENG_CRASH_POINT("ingest.before_write");
  const absl::Time begin = absl::Now();
  KENG_RETURN_IF_ERROR(stage_.parts_.streams.Write(set_));
  KENG_CRASH_POINT("ingest.after_write");

  handles_.commit_seconds.Observe(absl::ToDoubleSeconds(absl::Now() - begin));
  const absl::Time now = stage_.parts_.clock.Now();
  handles_.last_commit.Set(absl::ToDoubleSeconds(now - absl::UnixEpoch()));
  counters_ = next_;
  Report();
  stage_.Learn(states_, masked_bytes_);
  resume_point_ = resume_point;
  Discard();
  if (const absl::Status rotated = stage_.parts_.keyring.RotateIfDue(now); !rotated.ok())
    base::LogError("ingest.key_rotation_failed",
                   {{"status", std::string(rotated.message().data(), rotated.message().size())}});
  return absl::OkStatus();
}

void SourceIntake::Discard() {
  set_.Clear();
  states_.clear();
  expand_status_ = absl::OkStatus();
  next_ = counters_;
  lines_ = 0;
  masked_bytes_ = 0;
  sealed_ = false;
}

absl::Status SourceIntake::Pressure() {
  const absl::Time now = absl::Now();
  if (now < pressure_asked_ + kPressureInterval) return pressure_;
  pressure_asked_ = now;
  pressure_ = absl::OkStatus();
  for (const stream::ReaderStats& reader : stage_.parts_.streams.reader_stats()) {
    if (reader.stream != StreamId::kPosts || reader.lag <= stage_.options_.lag_max) continue;
    pressure_ = absl::UnavailableError(
        base::StrCat("reader ", reader.reader, " of posts is ", reader.lag, " records behind"));
  }
  return pressure_;
}

bool SourceIntake::expired() const { return stage_.parts_.clock.Now() >= options_.until; }

// ---- IngestStage ----

IngestStage::IngestStage(IngestOptions options, Parts parts)
    : options_(options), parts_(std::move(parts)), recent_(options.recent_ids_max) {
  if (parts_.metrics == nullptr) return;
  recent_gauge_ =
      parts_.metrics->gauge("keng_ingest_recent_ids", "Post ids that ingest remembers.");
  forgotten_counter_ = parts_.metrics->counter(
      "keng_ingest_recent_ids_forgotten_total",
      "Ids that made room for others: a repetition of such a post is stored again.");
  masked_counter_ = parts_.metrics->counter("keng_ingest_masked_bytes_total",
                                            "Bytes of texts that became asterisks.");
}

absl::StatusOr<std::unique_ptr<IngestStage>> IngestStage::Open(IngestOptions options, Parts parts) {
  if (parts.opt_outs == nullptr) parts.opt_outs = std::make_shared<OptOutList>();
  auto stage = std::unique_ptr<IngestStage>(new IngestStage(options, std::move(parts)));
  KENG_RETURN_IF_ERROR(stage->CatchUp());
  return stage;
}

absl::Status IngestStage::CatchUp() {
  base::MutexLock one_at_a_time(catch_up_mutex_);
  KENG_ASSIGN_OR_RETURN(const std::unique_ptr<stream::Reader> tap,
                        parts_.streams.OpenTap(StreamId::kPosts));
  const auto newest_max = static_cast<int64_t>(options_.recent_ids_max);
  for (int partition = 0; partition < parts_.streams.partitions(StreamId::kPosts); ++partition) {
    KENG_ASSIGN_OR_RETURN(const stream::Offset begin,
                          parts_.streams.Begin(StreamId::kPosts, partition));
    KENG_ASSIGN_OR_RETURN(const stream::Offset end,
                          parts_.streams.End(StreamId::kPosts, partition));
    stream::Offset& read_to = read_to_[partition];
    KENG_RETURN_IF_ERROR(tap->Seek(partition, std::max({begin, end - newest_max, read_to})));
  }
  const absl::Status learned = LearnPosts(*tap);
  for (auto& [partition, offset] : read_to_) offset = std::max(offset, tap->position(partition));
  return learned;
}

absl::Status IngestStage::LearnPosts(stream::Reader& tap) {
  PostParser parser;
  while (true) {
    KENG_ASSIGN_OR_RETURN(const std::shared_ptr<const stream::RecordBatch> batch,
                          tap.Read(kScanBytes, absl::ZeroDuration()));
    if (batch == nullptr) break;
    for (const stream::Record& record : batch->records()) {
      Post post;
      if (record.tombstone || parser.Parse(record.value, PostParser::Mode::kStored,
                                           absl::InfinitePast(), post) != DropReason::kNone) {
        continue;
      }
      base::MutexLock lock(mutex_);
      recent_.Put(base::StableHash128(record.key), PostState::Of(post));
    }
  }
  base::MutexLock lock(mutex_);
  recent_gauge_.Set(static_cast<double>(recent_.size()));
  forgotten_reported_ = recent_.forgotten();
  return absl::OkStatus();
}

void IngestStage::Learn(const BatchStates& states, size_t masked_bytes) {
  if (masked_bytes != 0) masked_counter_.Add(static_cast<double>(masked_bytes));
  base::MutexLock lock(mutex_);
  for (const auto& [low, state] : states) recent_.Put(state.first, state.second);
  recent_gauge_.Set(static_cast<double>(recent_.size()));
  if (recent_.forgotten() == forgotten_reported_) return;
  forgotten_counter_.Add(static_cast<double>(recent_.forgotten() - forgotten_reported_));
  forgotten_reported_ = recent_.forgotten();
}

absl::StatusOr<std::unique_ptr<SourceIntake>> IngestStage::OpenSource(SourceOptions options) {
  if (!IsSourceName(options.name))
    return absl::InvalidArgumentError(base::StrCat(
        "source \"", options.name, "\": a name is 1 to 64 of a-z, 0-9, '_', '.' and '-'"));
  if (options.purpose.empty() || options.owner.empty())
    return absl::InvalidArgumentError(
        base::StrCat("source ", options.name, ": it needs a purpose and an owner"));
  {
    base::MutexLock lock(mutex_);
    if (std::find(open_sources_.begin(), open_sources_.end(), options.name) != open_sources_.end())
      return absl::AlreadyExistsError(base::StrCat("source ", options.name, " is open"));
    open_sources_.push_back(options.name);
  }
  auto intake = std::unique_ptr<SourceIntake>(new SourceIntake(*this, std::move(options)));
  KENG_RETURN_IF_ERROR(intake->Load());
  return intake;
}

absl::StatusOr<std::vector<std::string>> IngestStage::Forget(std::string_view url_or_id) {
  // By id, the post's source; a link may stand under several ids.
  absl::flat_hash_map<std::string, std::string> found;
  const bool is_url = url_or_id.find("://") != std::string_view::npos;
  PostParser parser;
  KENG_RETURN_IF_ERROR(
      ForEachRecord(parts_.streams, StreamId::kPosts, [&](const stream::Record& record) {
        Post post;
        if (record.tombstone || parser.Parse(record.value, PostParser::Mode::kStored,
                                             absl::InfinitePast(), post) != DropReason::kNone)
          return;
        if ((is_url ? post.url : record.key) == url_or_id)
          found[std::string(record.key)] = std::string(post.source);
      }));
  if (is_url) {
    // Texts are kept longer than posts. Whatever else their records say, a link in them stands in
    // quotes as JSON writes it.
    std::string quoted;
    base::AppendJsonString(url_or_id, quoted);
    KENG_RETURN_IF_ERROR(
        ForEachRecord(parts_.streams, StreamId::kTexts, [&](const stream::Record& record) {
          if (!record.tombstone && record.value.find(quoted) != std::string_view::npos)
            found.try_emplace(std::string(record.key), "forget");
        }));
    if (found.empty())
      return absl::NotFoundError("no post that is kept has this link; its id may still be known");
  } else {
    found.try_emplace(std::string(url_or_id), "forget");
  }

  base::MutexLock lock(forget_mutex_);
  if (forget_ == nullptr) {
    SourceOptions options{"forget", "erasing on request", "operator", absl::InfiniteFuture()};
    KENG_ASSIGN_OR_RETURN(forget_, OpenSource(std::move(options)));
  }
  std::vector<std::string> ids;
  for (const auto& [id, source] : found) {
    Post gone;
    gone.kind = PostKind::kDelete;
    gone.id = id;
    gone.source = source;
    gone.edited_at = parts_.clock.Now();
    std::string line;
    AppendPostJson(gone, line);
    const size_t size = line.size();
    line.append(PostParser::kPadding, ' ');
    const SourceIntake::Result result = forget_->Add(std::string_view(line).substr(0, size), 0);
    if (result.outcome == IngestOutcome::kDropped) {
      forget_->Discard();
      return absl::InvalidArgumentError(base::StrCat("\"", url_or_id, "\" is no post's id"));
    }
    ids.push_back(id);
  }
  if (const absl::Status written = forget_->Commit(""); !written.ok()) {
    forget_->Discard();
    return written;
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

absl::StatusOr<std::vector<std::pair<std::string, SourceCounters>>> ReadAllCounters(
    stream::Streams& streams) {
  absl::flat_hash_map<std::string, SourceCounters> newest;
  absl::Status status;
  KENG_RETURN_IF_ERROR(
      ForEachRecord(streams, StreamId::kControl, [&](const stream::Record& record) {
        if (record.tombstone || !record.key.starts_with(kControlPrefix)) return;
        const absl::StatusOr<SourceControl> control = ParseSourceControl(record.value);
        if (control.ok())
          newest[std::string(record.key.substr(kControlPrefix.size()))] = control->counters;
        else
          status.Update(control.status());
      }));
  KENG_RETURN_IF_ERROR(status);
  std::vector<std::pair<std::string, SourceCounters>> counters(newest.begin(), newest.end());
  std::sort(counters.begin(), counters.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  return counters;
}

}  // namespace keng::ingest
