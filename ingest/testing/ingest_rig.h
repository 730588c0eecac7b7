#ifndef KENG_INGEST_TESTING_INGEST_RIG_H_
#define KENG_INGEST_TESTING_INGEST_RIG_H_

// An ingest stage on embedded streams in a folder of its own, with a fake clock, which tests can
// take down and bring up again.

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/clock.h"
#include "ingest/ingest_stage.h"
#include "stream/embedded/embedded_streams.h"

namespace keng::ingest {

class IngestRig {
 public:
  explicit IngestRig(IngestOptions options = {}) : options_(options) {
    std::string pattern = (std::filesystem::temp_directory_path() / "keng-ingest-XXXXXX").string();
    KENG_CHECK(mkdtemp(pattern.data()) != nullptr);
    folder_ = pattern;
    Open();
  }
  ~IngestRig() {
    Close();
    std::filesystem::remove_all(folder_);
  }

  void Open() {
    stream::EmbeddedOptions options;
    options.directory = folder_ + "/streams";
    options.streams = stream::DefaultStreams(2);
    options.memtable_bytes = 1 << 20;
    options.disk_free_min = 0;
    streams = *stream::OpenEmbeddedStreams(options, clock, nullptr);
    keyring = *AuthorKeyring::Open(folder_ + "/keys.json", clock.Now());
    stage = *IngestStage::Open(options_, {*streams, clock, *keyring, opt_outs, metrics.get()});
  }
  void Close() {
    stage.reset();
    keyring.reset();
    streams.reset();
  }

  std::unique_ptr<SourceIntake> OpenSource(std::string name) {
    SourceOptions options;
    options.name = std::move(name);
    options.purpose = "test";
    options.owner = "test";
    return *stage->OpenSource(std::move(options));
  }

  // Key and value of each record, partition by partition.
  std::vector<std::pair<std::string, std::string>> Records(stream::StreamId stream) {
    std::vector<std::pair<std::string, std::string>> records;
    auto tap = *streams->OpenTap(stream);
    while (auto batch = *tap->Read(1 << 20, absl::ZeroDuration()))
      for (const stream::Record& record : batch->records())
        records.emplace_back(record.key, record.value);
    return records;
  }

  std::string path(std::string_view name) const { return folder_ + "/" + std::string(name); }

  base::FakeClock clock{absl::FromUnixSeconds(1'789'351'866)};  // 2026-09-14
  std::unique_ptr<base::Metrics> metrics = std::make_unique<base::Metrics>();
  std::shared_ptr<const OptOutList> opt_outs;
  std::unique_ptr<stream::Streams> streams;
  std::unique_ptr<AuthorKeyring> keyring;
  std::unique_ptr<IngestStage> stage;

 private:
  const IngestOptions options_;
  std::string folder_;
};

// Adds a line with the padding that the intake asks for.
inline SourceIntake::Result AddLine(SourceIntake& intake, std::string line, int64_t position = 0) {
  const size_t size = line.size();
  line.append(PostParser::kPadding, ' ');
  return intake.Add(std::string_view(line).substr(0, size), position);
}

// The line of a post; `fields` come after the required ones: R"(,"author":"7")".
inline std::string PostLine(std::string_view id, std::string_view text,
                            std::string_view fields = {}) {
  return base::StrCat("{\"id\":\"", id, "\",\"source\":\"x:a\",\"text\":\"", text,
                      "\",\"created_at\":\"2026-09-14T02:05:11Z\"", fields, "}");
}
inline std::string DeleteLine(std::string_view id, std::string_view fields = {}) {
  return base::StrCat("{\"id\":\"", id, "\",\"source\":\"x:a\",\"kind\":\"delete\"", fields, "}");
}

}  // namespace keng::ingest

#endif  // KENG_INGEST_TESTING_INGEST_RIG_H_
