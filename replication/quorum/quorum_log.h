// What the consensus core knows of the metadata log: the batches behind the newest snapshot, which
// it sends to followers from here, so that the thread of heartbeats reads no file.
//
// Thread   one owner
// Owns     references to the batches' bytes: as much memory as the log has grown since the snapshot
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "protocol/base/ids.h"
#include "replication/quorum/voters.h"

namespace strandline {

// How far a log goes: its end offset and the epoch of its last record. Compared as elections do,
// by epoch first.
struct LogEnd {
  LeaderEpoch epoch = kNoLeaderEpoch;
  Offset offset{0};

  friend auto operator<=>(const LogEnd&, const LogEnd&) = default;
};

struct QuorumBatch {
  Offset base_offset;
  Offset next_offset;
  LeaderEpoch epoch;
  std::optional<VoterSet> voters;  // when it changes them; holds from its append on
  std::shared_ptr<const std::vector<std::byte>> bytes;
};

// What one message may carry beside it is bounded in number, too: a frame takes 1,024 attachments.
inline constexpr std::size_t kBatchesPerReadMax = 512;

class QuorumLog {
 public:
  // before   where the log begins, with the epoch of the record before; voters: as of there
  explicit QuorumLog(const LogEnd& before, VoterSet voters)
      : start_(before), start_voters_(std::move(voters)) {}

  Offset start() const { return start_.offset; }
  const LogEnd& start_end() const { return start_; }  // with the epoch of the record before
  LogEnd end() const;
  // Of the newest batch that names them, committed or not.
  const VoterSet& voters() const;
  // As of `offset`.
  const VoterSet& voters_at(Offset offset) const;
  // The newest batch that changes the voters; none: they are those of the start.
  const QuorumBatch* voters_change() const;
  // Where that ends, or the log starts.
  LogEnd voters_end() const;

  // Needs    batch.base_offset == end().offset, batch.epoch >= end().epoch
  void append(QuorumBatch batch);
  // Needs    a batch that begins at `end`, or the log's end
  void truncate(Offset end);
  // Forgets the batches below `offset`, which are in a snapshot now. One that spans it stays.
  void cut_start(Offset offset);

  // True for the start, the end, and where a batch begins.
  bool is_boundary(Offset offset) const;
  // Epoch of the record before a boundary.
  LeaderEpoch epoch_before(Offset boundary) const;
  // The largest epoch at or below `asked`, and where it ends; the start when there is none. As
  // KIP-595 finds where two logs part.
  LogEnd end_of_epoch(LeaderEpoch asked) const;

  // The batch that begins there.
  const QuorumBatch* find(Offset base_offset) const;

  // Whole batches from a boundary on: at least one where there is one, then up to `bytes_max`, and
  // no more than kBatchesPerReadMax.
  std::vector<QuorumBatch> read(Offset from, std::size_t bytes_max) const;

 private:
  std::deque<QuorumBatch>::const_iterator at(Offset boundary) const;

  LogEnd start_;
  VoterSet start_voters_;
  std::deque<QuorumBatch> batches_;
};

}  // namespace strandline
