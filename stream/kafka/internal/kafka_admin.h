#ifndef KENG_STREAM_KAFKA_INTERNAL_KAFKA_ADMIN_H_
#define KENG_STREAM_KAFKA_INTERNAL_KAFKA_ADMIN_H_

// What is asked of the cluster beside records: topics, the ends of partitions, the positions of
// groups, trimming. Each call waits for its answer, at most the deadline given at construction;
// Unavailable when none comes.
//
// Threads: thread-safe.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "stream/kafka/internal/kafka_client.h"

namespace keng::stream {

// Asks again, with a growing pause, while the answer is an error that passes by itself; at most
// until `deadline`. Returns the last answer.
rd_kafka_resp_err_t WhileItPasses(absl::Duration deadline,
                                  absl::FunctionRef<rd_kafka_resp_err_t()> request);

// librdkafka ends a position's metadata at the first NUL, and the protocol wants UTF-8: what is
// not printable ASCII is written as %xx.
std::string EscapeMetadata(std::string_view metadata);
std::string UnescapeMetadata(std::string_view metadata);

class KafkaAdmin {
 public:
  struct Bounds {
    Offset begin = 0;
    Offset end = 0;
  };
  struct NewTopic {
    std::string name;
    int partitions = 1;
    int replication = 1;
    KafkaSettings settings;
  };
  struct TopicShape {
    int partitions = 0;
    int replication = 0;
  };

  // `client` must outlive the admin.
  KafkaAdmin(rd_kafka_t* client, absl::Duration deadline)
      : client_(client), deadline_(deadline), deadline_ms_(ToMillis(deadline)) {}

  // By name; topics that are not there are left out.
  absl::StatusOr<std::map<std::string, TopicShape>> Topics() const;
  // The same, waiting a little for those of `wanted`: brokers tell of a new topic one after the
  // other, and of one whose leader is being chosen not at all.
  absl::StatusOr<std::map<std::string, TopicShape>> TopicsWith(
      const std::vector<std::string>& wanted) const;
  // AlreadyExists is no error.
  absl::Status CreateTopics(const std::vector<NewTopic>& topics) const;
  absl::StatusOr<KafkaSettings> SettingsOf(const std::string& topic) const;

  // The oldest record kept.
  absl::StatusOr<Offset> BeginOf(const std::string& topic, int partition) const;
  // One past the last record that a reader of committed records sees.
  absl::StatusOr<Offset> EndOf(const std::string& topic, int partition) const;
  absl::StatusOr<Bounds> BoundsOf(const std::string& topic, int partition) const;
  // The first record at or after `time`; nullopt when there is none.
  absl::StatusOr<std::optional<Offset>> OffsetAt(const std::string& topic, int partition,
                                                 absl::Time time) const;
  // Removes what stands before the offsets given, by partition.
  absl::Status DeleteRecords(const std::string& topic, const std::map<int, Offset>& before) const;

  absl::StatusOr<std::vector<std::string>> Groups() const;
  // Committed positions in `topic`, by partition, of the group that the consumer `of_group` is
  // configured with; it need not be a member. Partitions without one are left out. (The admin
  // request for this crashes librdkafka 2.0.2 when the coordinator's connection ends meanwhile.)
  absl::StatusOr<std::map<int, Committed>> Positions(rd_kafka_t* of_group, const std::string& topic,
                                                     int partitions) const;
  // NotFound: no such group. FailedPrecondition: it has members.
  absl::Status DeleteGroup(const std::string& group) const;

 private:
  // The first offset at or after a time in ms, or RD_KAFKA_OFFSET_BEGINNING or _END. Negative:
  // none.
  absl::StatusOr<Offset> AskOffset(const std::string& topic, int partition,
                                   int64_t time_or_end) const;
  // Passes an answer on. When it is one of a leader that moved, the leaders are asked for first:
  // librdkafka 2.0.2 does so on its own only with the next regular refresh of its metadata.
  rd_kafka_resp_err_t LeaderAskedAnew(rd_kafka_resp_err_t error) const;

  rd_kafka_t* const client_;
  const absl::Duration deadline_;
  const int deadline_ms_;
};

}  // namespace keng::stream

#endif  // KENG_STREAM_KAFKA_INTERNAL_KAFKA_ADMIN_H_
