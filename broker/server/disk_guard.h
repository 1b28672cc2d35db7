// Watches the free space of the data directory. At the first water mark produce is refused while
// reads, deletes and retention go on; at the second the ballast file is given up, so that the
// broker itself can still write what deleting needs, and every change of the metadata that does not
// free space is refused. Both undo themselves when there is room again.
//
// Thread   shard 0; the looking runs on its disk threads
// Owns     the ballast file
#pragma once

#include <atomic>
#include <cstdint>

#include "broker/partition/shard.h"
#include "storage/io/disk.h"

namespace strandline {

class DiskGuard {
 public:
  // refuses_writes, refuses_changes   set while the first, the second mark is passed; all arguments
  //                                   outlive the guard
  DiskGuard(Shard& shard, Disk& disk, std::atomic<bool>& refuses_writes,
            std::atomic<bool>& refuses_changes);

  // Gives up the ballast of an earlier run if the disk is full: the start itself has to write.
  // Waits for the disk; the same goes for look_now(), which begins the judging.
  void make_room_to_start();
  void look_now();

  // Looks every second from now on.
  void start();

  DiskSpace space() const;

 private:
  void tick();
  void judge(const DiskSpace& space);
  void judge_writes(std::uint64_t available);
  void judge_changes(std::uint64_t available);
  void keep_ballast(std::uint64_t available);
  void give_up_ballast();
  std::uint64_t stop_mark() const;

  Shard& shard_;
  Disk& disk_;
  std::atomic<bool>& refuses_writes_;
  std::atomic<bool>& refuses_changes_;
  std::atomic<std::uint64_t> total_{0};
  std::atomic<std::uint64_t> available_{0};
  // Of the disk thread that looks; one at a time.
  bool has_ballast_ = false;    // there is such a file
  bool ballast_whole_ = false;  // and it takes up what it should
};

}  // namespace strandline
