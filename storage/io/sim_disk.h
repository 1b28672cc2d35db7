// A disk in memory for tests: it forgets what was not synced, tears writes, fails, fills up and
// flips bits, all from one seed.
//
// What a power loss leaves: of a file, what its last sync() covered; of a directory, the names that
// sync_directory() covered (stricter than ext4, where a synced file brings its name along). The
// CrashModel may leave more than that, at random.
//
// Thread   any, under one mutex; repeatable only when called from one thread
// Owns     all bytes; Files and locks must not outlive it. A File from before a crash() answers
//          EIO ever after
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "protocol/base/clock.h"
#include "protocol/base/prng.h"
#include "storage/io/disk.h"
#include "storage/io/sim_content.h"

namespace strandline {

enum class DiskCall : std::uint8_t {
  open,
  read,
  write,
  sync,
  size,
  truncate,
  allocate,
  create_directories,
  list,
  exists,
  rename,
  remove,
  remove_tree,
  sync_directory,
  lock,
};
inline constexpr std::size_t kDiskCalls = 15;
std::string_view disk_call_name(DiskCall call);

// Thrown by an on_operation hook to stop the "process" at that call, which then does not happen.
// From there on every call answers EIO until crash().
struct CrashNow {};

// A planned failure of one kind of call.
struct DiskFault {
  DiskCall call = DiskCall::sync;
  std::uint64_t nth = 1;     // counts from now, 1 = the next one; 0: by chance instead
  std::uint64_t repeat = 1;  // how many calls in a row fail from the n-th on
  std::uint64_t chance_of_1000 = 0;
  int error = 5;          // EIO
  std::string path_part;  // only calls whose path contains this
};

class SimDisk final : public Disk {
 public:
  explicit SimDisk(std::uint64_t seed);
  ~SimDisk() override;

  Result<std::shared_ptr<File>> open(std::string_view path, OpenMode mode) override;
  Result<void> create_directories(std::string_view path) override;
  Result<std::vector<std::string>> list(std::string_view directory) override;
  Result<bool> exists(std::string_view path) override;
  Result<void> rename(std::string_view from, std::string_view to) override;
  Result<void> remove(std::string_view path) override;
  Result<void> remove_tree(std::string_view path) override;
  Result<void> sync_directory(std::string_view path) override;
  Result<DiskSpace> space() override;
  Result<std::unique_ptr<DirectoryLock>> lock(std::string_view path) override;

  // Ends the "process": files and locks of before are dead, and what the model says is lost.
  void crash(const CrashModel& model);

  void plan(DiskFault fault);
  void clear_faults();

  // A disk that lies: from here on these calls say "done" and do nothing. Only sync and
  // sync_directory; for tests of the tests.
  void lie_about(DiskCall call);

  // Called before each operation, outside the mutex; may throw CrashNow.
  using Hook = std::function<void(DiskCall call, const std::string& path)>;
  void on_operation(Hook hook);

  // How long a call of this kind would take; the sum is handed out by take_delay().
  void set_delay(DiskCall call, Duration delay);
  Duration take_delay();

  // Writes beyond this many bytes in all files fail with ENOSPC.
  static constexpr std::uint64_t kUnlimited = ~std::uint64_t{0};
  void set_capacity(std::uint64_t bytes);

  // Bit rot on the device; with in_cache_too also what a clean cached page shows. False when the
  // file is not there or shorter.
  bool flip_bit(std::string_view path, std::uint64_t position, unsigned bit, bool in_cache_too);

  // Whether a power loss at this moment would leave these bytes there, under that name.
  bool has_durably(std::string_view path, std::uint64_t position, ByteView bytes) const;

  std::uint64_t count(DiskCall call) const;
  std::uint64_t used_bytes() const;

  struct Node;  // a file or a directory

 private:
  friend class SimFile;
  friend class SimLock;
  struct NameChange {
    std::uint64_t order;
    std::shared_ptr<Node> directory;
    std::string name;
    std::shared_ptr<Node> now;  // null: removed
  };

  // Runs the hook, then takes the mutex and counts the call. An error: the call fails with it.
  Result<void> begin(DiskCall call, const std::string& path, std::unique_lock<std::mutex>& lock);
  int planned_error(DiskCall call, const std::string& path);
  enum class View : std::uint8_t { running, durable };
  std::shared_ptr<Node> find(std::string_view path, View view = View::running) const;
  Result<std::shared_ptr<Node>> find_directory(std::string_view path) const;
  Result<void> rename_locked(const std::string& from, const std::string& to);
  // Sets or (null) removes a name, for now only in memory.
  void set_name(const std::shared_ptr<Node>& directory, std::string_view name,
                std::shared_ptr<Node> now, std::uint64_t order);
  void lose_names(CrashModel::Names model);
  std::uint64_t used_locked() const;

  mutable std::mutex mutex_;
  Prng prng_;
  Hook hook_;
  bool halted_ = false;
  std::uint64_t generation_ = 0;
  std::uint64_t order_ = 0;
  std::uint64_t capacity_bytes_ = kUnlimited;
  std::shared_ptr<Node> root_;
  std::vector<NameChange> unsynced_names_;
  std::vector<DiskFault> faults_;
  std::array<std::uint64_t, kDiskCalls> counts_{};
  std::array<Duration, kDiskCalls> delays_{};
  std::array<bool, kDiskCalls> lies_{};
  Duration delay_{0};
  std::set<std::string> locks_;  // paths held
};

}  // namespace strandline
