#include "ingest/sources/intake_source.h"

#include <atomic>
#include <charconv>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/strings.h"

namespace keng::ingest {
namespace {

using stream::Offset;
using stream::StreamId;

constexpr std::string_view kReader = "ingest";
constexpr size_t kReadBytes = size_t{1} << 20;
constexpr absl::Duration kWait = absl::Milliseconds(200);

std::string EncodeOffsets(const std::vector<Offset>& next) {
  std::string text;
  for (size_t i = 0; i < next.size(); ++i) base::StrAppend(&text, i == 0 ? "" : ",", next[i]);
  return text;
}

// "" for a new source. A partition that the resume point does not know begins at 0.
absl::StatusOr<std::vector<Offset>> DecodeOffsets(std::string_view text, size_t partitions) {
  std::vector<Offset> next;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    Offset offset = 0;
    const auto [rest, error] = std::from_chars(at, end, offset);
    if (error != std::errc() || offset < 0 || (rest != end && *rest != ',')) {
      return absl::DataLossError(
          base::StrCat("the resume point of the intake is \"", text, "\"; expected offsets"));
    }
    next.push_back(offset);
    at = rest == end ? rest : rest + 1;
  }
  if (next.size() > partitions) {
    return absl::DataLossError(base::StrCat("the resume point of the intake names ", next.size(),
                                            " partitions and the stream has ", partitions));
  }
  next.resize(partitions, 0);
  return next;
}

class IntakeSource final : public Source {
 public:
  IntakeSource(stream::Streams& streams, std::unique_ptr<SourceIntake> intake,
               std::unique_ptr<stream::Reader> reader, std::vector<Offset> next)
      : streams_(streams),
        intake_(std::move(intake)),
        reader_(std::move(reader)),
        next_(std::move(next)) {}

  absl::StatusOr<int64_t> RunOnce() override {
    if (!intake_->empty()) return Commit();  // refused at the last call
    if (intake_->expired()) {
      finished_ = true;
      return 0;
    }
    KENG_RETURN_IF_ERROR(intake_->Pressure());
    KENG_ASSIGN_OR_RETURN(const auto batch, reader_->Read(kReadBytes, kWait));
    if (batch == nullptr) return 0;
    for (const stream::Record& record : batch->records()) {
      // A blank line is no line to the intake; here every record has to end in an outcome.
      constexpr std::string_view kNone =
          "null                                                                                ";
      const bool blank = record.value.find_first_not_of(" \t\r\n") == std::string_view::npos;
      intake_->Add(blank ? kNone.substr(0, 4) : record.value, record.offset);
    }
    records_ = static_cast<int64_t>(batch->records().size());
    next_[static_cast<size_t>(batch->partition())] = batch->next_offset();
    return Commit();
  }

  void Wake() override { reader_->Wake(); }
  bool finished() const override { return finished_; }

 private:
  absl::StatusOr<int64_t> Commit() {
    KENG_RETURN_IF_ERROR(intake_->Commit(EncodeOffsets(next_)));
    // The resume point is what counts; when this is refused the next batch says it again.
    stream::WriteSet set;
    for (size_t p = 0; p < next_.size(); ++p)
      set.Commit(kReader, StreamId::kIntake, static_cast<int>(p), next_[p]);
    if (const absl::Status told = streams_.Write(set); absl::IsDataLoss(told)) return told;
    return std::exchange(records_, 0);
  }

  stream::Streams& streams_;
  const std::unique_ptr<SourceIntake> intake_;
  const std::unique_ptr<stream::Reader> reader_;
  std::vector<Offset> next_;
  int64_t records_ = 0;
  std::atomic<bool> finished_{false};
};

}  // namespace

absl::StatusOr<std::unique_ptr<Source>> MakeIntakeSource(stream::Streams& streams,
                                                         std::unique_ptr<SourceIntake> intake) {
  const int partitions = streams.partitions(StreamId::kIntake);
  if (partitions == 0) {
    return absl::FailedPreconditionError(
        base::StrCat("source ", intake->options().name,
                     ": these streams have no intake; it needs streams.kafka, and `keng topics "
                     "create`. One process has the http source"));
  }
  KENG_ASSIGN_OR_RETURN(std::vector<Offset> next,
                        DecodeOffsets(intake->resume_point(), static_cast<size_t>(partitions)));
  KENG_ASSIGN_OR_RETURN(std::unique_ptr<stream::Reader> reader,
                        streams.OpenReader(kReader, StreamId::kIntake));
  for (int partition = 0; partition < partitions; ++partition) {
    Offset& offset = next[static_cast<size_t>(partition)];
    KENG_ASSIGN_OR_RETURN(const Offset begin, streams.Begin(StreamId::kIntake, partition));
    offset = std::max(offset, begin);
    KENG_RETURN_IF_ERROR(reader->Seek(partition, offset));
  }
  return std::make_unique<IntakeSource>(streams, std::move(intake), std::move(reader),
                                        std::move(next));
}

}  // namespace keng::ingest
