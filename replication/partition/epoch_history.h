// The epochs of one log, and where two logs part (KIP-101, KIP-279).
//
// An epoch has one leader, which wrote its records one behind the other on top of one log. So two
// logs that both hold records of an epoch agree up to where the shorter of the two runs of that
// epoch ends; the newest epoch that both know decides.
//
// Thread   one owner
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "protocol/base/ids.h"
#include "replication/partition/messages.h"
#include "storage/log/epoch_cache.h"

namespace strandline {

// What a piece of a follower's epochs says against the leader's history.
struct EpochMatch {
  enum class Kind : std::uint8_t {
    common,  // both logs agree below `end`
    older,   // perhaps among the follower's epochs at or below `at_most`
    none,    // no epoch in common
  };
  Kind kind = Kind::none;
  Offset end = kNoOffset;
  LeaderEpoch at_most = kNoLeaderEpoch;
  friend bool operator==(const EpochMatch&, const EpochMatch&) = default;
};

class EpochHistory {
 public:
  EpochHistory() = default;
  // starts   ascending in epoch, not descending in offset, as an EpochCache has them
  explicit EpochHistory(EpochStarts starts);

  const EpochStarts& starts() const { return starts_; }
  LeaderEpoch latest() const {
    return starts_.empty() ? kNoLeaderEpoch : starts_.back().leader_epoch;
  }

  // A batch was appended, or a term begins, at the end of the log; older epochs change nothing.
  void on_epoch(LeaderEpoch epoch, Offset start_offset);

  // The newest epochs at or below `at_most`, as many as a piece holds.
  //
  // at_most   none: all
  EpochPiece piece(std::optional<LeaderEpoch> at_most, Offset log_end_offset) const;

  // Needs    is_well_formed(piece)
  EpochMatch match(const EpochPiece& piece, Offset log_end_offset) const;

 private:
  Offset end_of(std::size_t index, Offset log_end_offset) const {
    return index + 1 < starts_.size() ? starts_[index + 1].start_offset : log_end_offset;
  }

  EpochStarts starts_;
};

// Whether a piece that came from outside is one at all: size, order, bounds.
bool is_well_formed(const EpochPiece& piece);

}  // namespace strandline
