#ifndef KENG_STREAM_KAFKA_INTERNAL_KAFKA_CHANGELOG_H_
#define KENG_STREAM_KAFKA_INTERNAL_KAFKA_CHANGELOG_H_

// A changelog as transactional producers: one transaction a batch, under ids that belong to the
// owner's name, so that the cluster itself refuses whatever an older owner still sends.
//
// There are several producers, which take turns. A transaction ends for its producer before the
// cluster has marked it as committed, and a next one of the same id is refused until then;
// librdkafka asks again after 20 ms, which is several transactions. With turns the marks of one are
// written while another works. Batches still follow one another: each begins when the one before
// has ended. A new owner takes all over before it reads; an old one that is refused once writes no
// more.
//
// Threads: one at a time; Append() waits on the calling thread.

#include <array>
#include <memory>
#include <string>

#include "base/clock.h"
#include "stream/changelog.h"
#include "stream/kafka/internal/kafka_client.h"

namespace keng::stream {

class KafkaChangelog final : public Changelog {
 public:
  // Shuts out the owner before; waits until its unfinished batch is undone.
  static absl::StatusOr<std::unique_ptr<KafkaChangelog>> Open(const KafkaOptions& options,
                                                              std::string_view owner,
                                                              const base::Clock& clock,
                                                              base::Metrics* metrics);
  ~KafkaChangelog() override;

  absl::StatusOr<Offset> Append(const WriteSet& set) override;

 private:
  KafkaChangelog(const KafkaOptions& options, std::string_view owner, const base::Clock& clock,
                 base::Metrics* metrics)
      : options_(options), owner_(owner), clock_(clock), metrics_(metrics) {}
  absl::Status Begin(size_t turn);
  absl::Status Check(const WriteSet& set) const;
  absl::StatusOr<Offset> Produce(const WriteSet& set);
  absl::Status Abort();
  // What a transaction's error means for who calls; remembers being shut out.
  absl::Status Note(rd_kafka_error_t* error, std::string_view what);

  // Constant after Open().
  const KafkaOptions options_;
  const std::string owner_;
  const base::Clock& clock_;
  base::Metrics* const metrics_;
  std::string topic_;
  int partition_ = 0;
  base::Histogram append_seconds_;

  // Of the turns. Null after a failure that only a new client mends. That is not made here: it
  // would shut out a new owner as well as itself.
  std::array<std::unique_ptr<KafkaClient>, 3> clients_;
  size_t turn_ = 0;
  absl::Status shut_out_;
};

}  // namespace keng::stream

#endif  // KENG_STREAM_KAFKA_INTERNAL_KAFKA_CHANGELOG_H_
