// What replicas vouch for, and who is counted on: these break before anything is lost.
//
//   disks     what a log calls flushed would survive a power loss at this moment
//   copies    what is committed is flushed on as many brokers as min.insync.replicas says
//   members   everybody whom the controller may elect, as the newest committed metadata names them
//             (in sync, or eligible), has all that is committed
//
// Thread   the world's
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "broker/partition/partition.h"
#include "replication/metadata/image.h"
#include "tests/sim/cluster/world.h"

namespace strandline::cluster_sim {

class VouchChecker {
 public:
  explicit VouchChecker(std::int32_t min_insync) : min_insync_(min_insync) {}

  // All of these throw Violation.
  //
  // committed   where that ends which any leader has committed
  void after_event(const Host& host, Partition& replica, Offset committed);
  void after_event(const Host& host);

  // The host's disk is another one, and it will say so.
  void note_wiped(const Host& host);
  // Nobody knows what it lacks, or when that is found out; from the first start that has cut it
  // off, the broker itself.
  struct Flipped {
    std::string path;
    std::uint64_t position = 0;
    std::byte now{};
  };
  void note_corrupt(const Host& host, const Flipped& flipped);

 private:
  enum class Lacks : std::uint8_t { nothing, is_known, is_unknown };
  struct Replica {
    std::uint64_t life = 0;
    Offset flushed{0};
    Lacks lacks = Lacks::nothing;
    bool was_corrupt = false;  // what was committed with its help may be on one disk less
    Uuid lost_in;  // the process that ran there when it was lost, as the controller knew
  };
  struct Place {
    Offset committed{0};
    std::map<int, Replica> replicas;
  };

  Uuid incarnation_of(int id) const;
  bool has_flipped_still(const Host& host) const;
  void check_disk(const Host& host, const PartitionLog& log, Offset from, Offset end) const;
  void check_place(const PartitionKey& key, Place& place) const;

  const std::int32_t min_insync_;
  std::map<PartitionKey, Place> places_;
  std::map<int, Flipped> flipped_;
  // The newest metadata that anybody has had: who has it may be down.
  std::shared_ptr<const MetadataImage> newest_;
  Offset shown_{0};  // it goes up to there
};

}  // namespace strandline::cluster_sim
