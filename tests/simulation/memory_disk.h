#ifndef KENG_TESTS_SIMULATION_MEMORY_DISK_H_
#define KENG_TESTS_SIMULATION_MEMORY_DISK_H_

// The disks of all machines of one run, in memory: a file system for StoreOptions::environment in
// which everything below a path can be full.

#include <memory>
#include <string>

namespace rocksdb {
class Env;
}

namespace keng::simulation {

class MemoryDisk {
 public:
  MemoryDisk();
  ~MemoryDisk();
  MemoryDisk(const MemoryDisk&) = delete;
  MemoryDisk& operator=(const MemoryDisk&) = delete;

  rocksdb::Env* environment() const;
  // From now on no byte can be written below `path`; "": everywhere it can. One place at a time.
  // Spared are the first bytes of a log and the files that name the others: where the first write
  // of a log finds the disk full, RocksDB 7.8 does not begin another log when it resumes, and its
  // next write ends the process.
  void Fill(const std::string& path);
  // Writes that were refused, and looks that found no room for one.
  int64_t refused() const;

 private:
  struct State;
  class FileSystem;
  class File;
  std::shared_ptr<State> state_;
  std::unique_ptr<rocksdb::Env> memory_;
  std::unique_ptr<rocksdb::Env> environment_;
};

}  // namespace keng::simulation

#endif  // KENG_TESTS_SIMULATION_MEMORY_DISK_H_
