// Reads sealed segments from the disk before anybody needs them, at a gentle rate, and has replicas
// compare what they find: a sector that went bad is found while others still have its records.
//
//   as a leader    walks the sealed segments of what it leads, checks a piece, and tells the
//                  followers its digest
//   as a follower  reads the same offsets when it is its turn, checks them, and compares
//
// Who finds its own records damaged says so to the controller, gives its place among those in sync
// up, and fetches them again (PartitionManager). Two pieces that are both whole and yet differ are
// told of in the log: nobody can say which is right.
//
// A digest that a follower cannot use (another term, not readable here yet, too many) is dropped;
// the next round says it again.
//
// Thread   the shard; reading runs on its disk threads
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "broker/partition/partition.h"
#include "broker/partition/replication_throttle.h"
#include "broker/partition/shard.h"
#include "broker/runtime/shard_loop.h"
#include "protocol/base/clock.h"
#include "protocol/proto/replication_messages.h"
#include "storage/log/range_digest.h"

namespace strandline {

class Scrubber {
 public:
  // Both outlive it.
  //
  // line    of all shards of the broker: how fast they read, together
  Scrubber(Shard& shard, ReplicationThrottle& line);

  // On the shard: the first round begins soon.
  void start();
  // Reads nothing more. On the shard.
  void stop();

  // A leader says what it found. On the shard.
  void take(const RangeDigest& theirs);

 private:
  struct Piece {
    std::shared_ptr<Partition> partition;
    LeaderEpoch leader_epoch;
    std::uint64_t cuts = 0;  // of the log, when it was planned
    std::vector<ReadPlan> plan;
    std::uint64_t bytes_max = 0;
    std::optional<RangeDigest> theirs;  // as a follower
  };

  void tick();
  void begin_round();
  void end_round();
  void want_turn();
  void wait_in_line();
  void use_turn(std::uint64_t bytes);
  std::optional<Piece> next_own(std::uint64_t bytes);
  std::optional<Piece> own_piece(Partition& partition, std::uint64_t bytes);
  std::optional<Piece> next_told();
  void read(Piece piece, std::uint64_t turn_bytes);
  void was_read(const Piece& piece, const Result<DigestedRange>& found, std::uint64_t turn_bytes);
  void tell_followers(const Piece& piece, const DigestedRange& found);
  void compare(const Piece& piece, const DigestedRange& found);
  void leave_out(const Piece& piece, const ErrorCode& error);

  Shard& shard_;
  ReplicationThrottle& line_;
  bool stopped_ = false;

  // As a leader: what is left of the round.
  std::vector<PartitionKey> round_;
  std::size_t at_ = 0;
  std::optional<Offset> from_;  // in the partition at at_; none: its log start
  Instant round_began_;

  // As a follower.
  std::deque<RangeDigest> told_;
  int told_in_a_row_ = 0;

  // One turn at a time.
  bool is_busy_ = false;
  std::optional<ReplicationThrottle::Turn> turn_;
  std::int64_t beyond_ = 0;  // what the last turn read beyond what it had
};

}  // namespace strandline
