#include "replication/partition/epoch_history.h"

#include <algorithm>
#include <iterator>

#include "protocol/base/assertion.h"

namespace strandline {

EpochHistory::EpochHistory(EpochStarts starts) : starts_(std::move(starts)) {
  for (std::size_t i = 1; i < starts_.size(); ++i) {
    STRANDLINE_ASSERT(starts_[i - 1].leader_epoch < starts_[i].leader_epoch);
    STRANDLINE_ASSERT(starts_[i - 1].start_offset <= starts_[i].start_offset);
  }
}

void EpochHistory::on_epoch(LeaderEpoch epoch, Offset start_offset) {
  if (epoch <= latest()) return;
  STRANDLINE_ASSERT(starts_.empty() || starts_.back().start_offset <= start_offset);
  starts_.push_back({epoch, start_offset});
}

EpochPiece EpochHistory::piece(std::optional<LeaderEpoch> at_most, Offset log_end_offset) const {
  const auto beyond = at_most.has_value() ? std::ranges::upper_bound(starts_, *at_most, {},
                                                                     &EpochStart::leader_epoch)
                                          : starts_.end();
  const auto count = std::min<std::ptrdiff_t>(beyond - starts_.begin(), kEpochsPerPieceMax);
  EpochPiece piece;
  piece.starts.assign(beyond - count, beyond);
  piece.end = beyond == starts_.end() ? log_end_offset : beyond->start_offset;
  piece.has_older = beyond - count != starts_.begin();
  return piece;
}

EpochMatch EpochHistory::match(const EpochPiece& piece, Offset log_end_offset) const {
  Offset theirs_end = piece.end;
  for (std::size_t i = piece.starts.size(); i-- > 0;) {
    const EpochStart& theirs = piece.starts[i];
    const auto ours =
        std::ranges::lower_bound(starts_, theirs.leader_epoch, {}, &EpochStart::leader_epoch);
    if (ours != starts_.end() && ours->leader_epoch == theirs.leader_epoch) {
      const auto index = static_cast<std::size_t>(ours - starts_.begin());
      return {.kind = EpochMatch::Kind::common,
              .end = std::min(theirs_end, end_of(index, log_end_offset))};
    }
    theirs_end = theirs.start_offset;
  }
  if (!piece.has_older || piece.starts.empty()) return {};
  // Whatever they have between our next older epoch and this piece cannot be common.
  const auto beyond = std::ranges::lower_bound(starts_, piece.starts.front().leader_epoch, {},
                                               &EpochStart::leader_epoch);
  if (beyond == starts_.begin()) return {};
  return {.kind = EpochMatch::Kind::older, .at_most = std::prev(beyond)->leader_epoch};
}

bool is_well_formed(const EpochPiece& piece) {
  if (piece.starts.size() > kEpochsPerPieceMax || piece.end < Offset{0}) return false;
  EpochStart before{kNoLeaderEpoch, Offset{0}};
  for (const EpochStart& start : piece.starts) {
    if (start.leader_epoch <= before.leader_epoch) return false;
    if (start.start_offset < before.start_offset) return false;
    before = start;
  }
  return before.start_offset <= piece.end;
}

}  // namespace strandline
