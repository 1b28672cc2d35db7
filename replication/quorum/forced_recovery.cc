#include "replication/quorum/forced_recovery.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace strandline {
namespace {

// Others may have begun epochs that the survivor never heard of, one each second or two while they
// found no majority. Ours is to be the newest for whoever follows, after hours of that.
constexpr std::int32_t kEpochsSkipped = 10'000;

// Those of the newest change of the voters that the log holds, and those before, as it may never
// have been committed.
VoterSet known_voters(const QuorumLog& log) {
  VoterSet all = log.voters();
  const QuorumBatch* change = log.voters_change();
  if (change == nullptr) return all;
  for (const Voter& voter : log.voters_at(change->next_offset - 1).all()) {
    if (!all.contains(voter.key)) all = all.with(voter);
  }
  return all;
}

std::string number(Offset offset) { return std::to_string(offset.value()); }

}  // namespace

std::string ForcedLoss::text() const {
  std::string all =
      "Kept is the metadata log up to offset " + number(kept.offset) + ", epoch " +
      std::to_string(kept.epoch.value()) +
      ". What others committed behind that is lost, and nobody can say what it was.\n";
  if (surely_committed < kept.offset) {
    all += "Offsets from " + number(surely_committed) + " up to " + number(kept.offset) +
           " may never have been committed, and will be.\n";
  }
  if (!was_voter) all += "This replica had no vote: its log may lag behind by any amount.\n";
  if (was_uncertain) {
    all +=
        "This replica lost the end of its own log at a start: it may lack what it acknowledged.\n";
  }
  if (had_lost_voters) {
    all +=
        "Lost with that was a change of the voters: there may be voters that are not named here.\n";
  }
  for (const Voter& voter : left_out) {
    all += "Broker " + std::to_string(voter.key.node.value()) + ", directory " +
           to_text(voter.key.directory) +
           ", loses its vote, and must never start again with this directory.\n";
  }
  return all;
}

Result<ForcedQuorum> force_lone_voter(const QuorumStart& survivor, const Voter& self) {
  const QuorumLog& log = survivor.log;
  const LeaderEpoch newest =
      std::max({survivor.vote.epoch, log.end().epoch, survivor.vote.voters_seen.epoch});
  if (newest.value() > std::numeric_limits<std::int32_t>::max() / 2) return Errc::corrupt_file;
  const LeaderEpoch epoch = newest + kEpochsSkipped;
  const LogEnd end{epoch, log.end().offset + 1};
  const VoterSet before = known_voters(log);

  ForcedQuorum forced{
      .batch = {.base_offset = log.end().offset,
                .next_offset = end.offset,
                .epoch = epoch,
                .voters = VoterSet{{self}},
                .bytes = nullptr},
      // Certain by decree: there is nobody left to learn from.
      .vote = {.epoch = epoch,
               .voted_for = self.key,
               .uncertain = false,
               .voters_seen = end,
               .voters_settled = end.offset},
      .loss = {.kept = log.end(),
               .surely_committed = std::max(log.start(), survivor.vote.voters_settled),
               .was_voter = before.contains(self.key),
               .was_uncertain = survivor.vote.uncertain,
               .had_lost_voters =
                   survivor.vote.uncertain && log.voters_end() < survivor.vote.voters_seen,
               .left_out = before.without(self.key).all()}};
  // A voter set may have been settled that the log has lost since.
  forced.loss.surely_committed = std::min(forced.loss.surely_committed, log.end().offset);
  return forced;
}

}  // namespace strandline
