#ifndef KENG_STREAM_KAFKA_INTERNAL_KAFKA_READER_H_
#define KENG_STREAM_KAFKA_INTERNAL_KAFKA_READER_H_

// A reader of fixed partitions of one topic. librdkafka fetches ahead into its queue, bounded in
// bytes; Read() takes what is there, cuts it into batches of one partition, and copies each batch's
// keys and values into one block with room behind the last value, which is what simdjson needs:
// librdkafka's buffers end where the broker's answer ended.
//
// Invariants
//   I1  A partition's records are handed out in offset order, none twice, unless Seek() says so:
//       what librdkafka brings from before `next` is dropped.
//   I2  Read() with a timeout of zero returns nullptr only when it has read to where each
//       partition ended at some moment of the call.

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "stream/kafka/internal/kafka_admin.h"
#include "stream/kafka/internal/kafka_client.h"

namespace keng::stream {

class KafkaReader final : public Reader {
 public:
  struct Parts {
    StreamId stream;
    std::string topic;
    std::string group;            // of the client; commits go through it
    std::map<int, Offset> begin;  // partition -> first offset to read
    const KafkaAdmin* admin;      // outlives the reader
    base::Counter expired_unread;
    std::function<void(const KafkaReader*)> on_close;
  };

  static absl::StatusOr<std::unique_ptr<KafkaReader>> Open(const KafkaOptions& options,
                                                           std::string role, Parts parts,
                                                           base::Metrics* metrics);
  ~KafkaReader() override;

  absl::StatusOr<std::shared_ptr<const RecordBatch>> Read(size_t bytes_max,
                                                          absl::Duration timeout) override;
  absl::Status Seek(int partition, Offset offset) override;
  absl::Status SeekToTime(int partition, absl::Time time) override;
  Offset position(int partition) const override;
  void Wake() override;

  KafkaClient& client() const { return *client_; }

 private:
  struct Cursor {
    std::atomic<Offset> next{0};  // what Read() returns next
    Offset fetched = 0;           // one past the newest message taken from librdkafka
    Offset end_seen = -1;         // librdkafka said that the partition ended here
    absl::Time last = absl::InfinitePast();
    std::deque<Message> waiting;  // taken and not yet handed out
  };

  explicit KafkaReader(Parts parts) : parts_(std::move(parts)) {}
  absl::Status Assign();
  absl::Status SeekClient(int partition, Offset offset);
  // Takes messages from librdkafka; waits up to `timeout` for the first.
  absl::Status Fetch(absl::Duration timeout);
  absl::Status Take(Message message);
  std::shared_ptr<const RecordBatch> Cut(size_t bytes_max);
  // OK when everything up to the ends of now has been taken.
  absl::StatusOr<bool> CaughtUp();

  // Constant after Open().
  const Parts parts_;
  int deadline_ms_ = 0;
  std::unique_ptr<KafkaClient> client_;
  Queue queue_;
  std::map<int, Cursor> cursors_;  // its keys are constant

  // Of the reader's thread.
  int turn_ = 0;
  bool assigned_ = false;
  std::vector<rd_kafka_message_t*> taken_;
  absl::Status failed_;

  std::atomic<bool> woken_{false};
};

}  // namespace keng::stream

#endif  // KENG_STREAM_KAFKA_INTERNAL_KAFKA_READER_H_
