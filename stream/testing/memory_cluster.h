#ifndef KENG_STREAM_TESTING_MEMORY_CLUSTER_H_
#define KENG_STREAM_TESTING_MEMORY_CLUSTER_H_

// Several processes over one MemoryStreams, as several machines over one Kafka: each has Streams of
// its own, whose writes are not atomic, whose readers others do not see, and which divide the
// partitions of a reader among them (stream/membership.h). Tests: memory_cluster_test.cc.
//
// Like a broker, and unlike it:
//   - A Write() goes stream by stream in the order first named, the positions last. Where it ends
//     early, Faults says.
//   - Groups are divided eagerly and by range: when somebody comes or goes, everybody gives back
//     what he has and is given anew. The time of a session is not measured: Evict() ends it.
//   - Nothing here waits, whatever the timeout. While the MemoryStreams are corked a Read() that
//     would have waited sees nothing, and one that would not is Unavailable, for it asks where the
//     end is.
//
// Life cycle: the MemoryStreams outlive the cluster, it outlives the Streams that it has made.
// Threads: one for all of it. It is for a simulation, in which whoever is to act between two steps
// of a call does so from Faults::At(), in that one thread.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stream/membership.h"
#include "stream/testing/memory_streams.h"

namespace keng::stream {

class MemoryCluster {
 public:
  // Where a call stands when the world may intervene.
  enum class Point : uint8_t { kBeforeWrite, kInWrite, kAfterWrite, kBeforeAppend, kAfterAppend };

  enum class WriteEnd : uint8_t {
    kWhole,
    kRefused,      // ResourceExhausted, nothing was written
    kUnreachable,  // Unavailable, nothing was written
    kBroken,       // Unavailable after a part
    kUnanswered,   // Unavailable, everything was written
  };
  struct WriteFate {
    WriteEnd end = WriteEnd::kWhole;
    uint64_t random = 0;  // kBroken: chooses the part
  };
  enum class AppendFate : uint8_t { kWhole, kUnreachable, kUnanswered };

  class Faults {
   public:
    virtual ~Faults() = default;
    // May throw, which leaves the call where it stands, as kill -9 does; or act for others.
    virtual void At(const std::string& process, Point point) = 0;
    virtual WriteFate OnWrite(const std::string& process, const WriteSet& set) = 0;
    virtual AppendFate OnAppend(const std::string& process) = 0;
  };

  // `faults` may be null: none.
  MemoryCluster(MemoryStreams& streams, Faults* faults);
  ~MemoryCluster();
  MemoryCluster(const MemoryCluster&) = delete;
  MemoryCluster& operator=(const MemoryCluster&) = delete;

  // The streams as `process` sees them. One at a time for a name, unless Forsake() came between.
  std::unique_ptr<Streams> Open(const std::string& process);

  // The process is dead and its groups do not know it: what it held stays its own until Evict(), or
  // until a process of that name joins again and has it at once (static membership).
  void Forsake(const std::string& process);
  // The session of the process has ended: its groups divide again. If it lives it learns of that at
  // its next Poll(). Returns whether it was a member anywhere.
  bool Evict(const std::string& process);
  // Makes the group divide again, as if somebody had come or gone. False: there is no such group.
  bool Rebalance(std::string_view name, StreamId stream);
  // Whether the process may commit for this partition now.
  bool Holds(const std::string& process, std::string_view name, StreamId stream,
             int partition) const;

 private:
  class ClusterStreams;
  class ClusterReader;
  class ClusterMembership;
  class ClusterChangelog;
  struct Member {
    std::string process;
    MemberState state = MemberState::kRevoked;
    std::vector<int> partitions;
    bool is_assigned = false;  // kRevoked: partitions are given and not yet told
    bool is_forsaken = false;
    bool is_evicted = false;
  };
  struct Group {
    std::vector<std::shared_ptr<Member>> members;
    bool is_dividing = false;
  };
  using GroupId = std::pair<std::string, StreamId>;

  void At(const std::string& process, Point point);
  std::shared_ptr<Member> Join(const GroupId& id, const std::string& process);
  void Divide(const GroupId& id, Group& group);
  void Leave(const GroupId& id, const std::shared_ptr<Member>& member);

  MemoryStreams& streams_;
  Faults* const faults_;
  std::map<GroupId, Group> groups_;
};

}  // namespace keng::stream

#endif  // KENG_STREAM_TESTING_MEMORY_CLUSTER_H_
