#include "tests/sim/replication/checker.h"

#include <algorithm>

namespace strandline::partition_sim {
namespace {

std::string text(ReplicaId replica) { return "replica " + std::to_string(replica.value()); }
std::string text(LeaderEpoch epoch) { return "epoch " + std::to_string(epoch.value()); }

}  // namespace

std::string text(Offset offset) { return std::to_string(offset.value()); }

void Checker::on_leader(ReplicaId replica, std::uint64_t process, LeaderEpoch epoch,
                        const ReplicaLog& log) {
  const auto [at, is_first] = leaders_.emplace(epoch, Leader{replica, process});
  const bool is_same = at->second.replica == replica && at->second.process == process;
  if (!is_first && !is_same) {
    throw Violation{"two leaders in " + text(epoch) + ": " + text(at->second.replica) + " and " +
                    text(replica)};
  }
  must_hold_committed(replica, log, epoch);
}

// One that hears late of its election may lack what a later leader has committed meanwhile.
void Checker::must_hold_committed(ReplicaId replica, const ReplicaLog& log,
                                  LeaderEpoch up_to) const {
  Offset committed_end{0};
  for (const auto& [epoch, end] : committed_ends_) {
    if (epoch <= up_to) committed_end = std::max(committed_end, end);
  }
  if (log.end() < committed_end) {
    throw Violation{"committed records are lost: the log of " + text(replica) + " ends at " +
                    text(log.end()) + ", committed was " + text(committed_end)};
  }
  for (const SimBatch& batch : log.batches()) {
    if (batch.base_offset >= committed_end) break;
    const auto known = committed_.find(batch.base_offset);
    if (known == committed_.end() || known->second != batch) {
      throw Violation{"another batch than the committed one in the log of " + text(replica) +
                      " at " + text(batch.base_offset)};
    }
  }
}

void Checker::on_high_watermark(ReplicaId replica, const ReplicaLog& log, Offset before,
                                Offset high_watermark, std::optional<LeaderEpoch> leads_in) {
  if (high_watermark < before) throw Violation{"the high watermark fell on " + text(replica)};
  if (leads_in.has_value()) committed_ends_[*leads_in] = high_watermark;
  const auto& batches = log.batches();
  auto batch = std::ranges::lower_bound(batches, before, {}, &SimBatch::base_offset);
  for (; batch != batches.end() && batch->base_offset < high_watermark; ++batch) {
    const auto known = committed_.find(batch->base_offset);
    if (known != committed_.end() && known->second != *batch) {
      throw Violation{"the log of " + text(replica) + " differs below its high watermark, at " +
                      text(batch->base_offset)};
    }
    if (known != committed_.end()) continue;
    if (batch->base_offset != committed_end() || !leads_in.has_value()) {
      throw Violation{text(replica) + " has a high watermark of " + text(high_watermark) +
                      ", committed was " + text(committed_end())};
    }
    committed_.emplace(batch->base_offset, *batch);
  }
}

void Checker::on_read(LeaderEpoch epoch, Offset high_watermark) {
  const auto [at, is_first] = reads_.emplace(epoch, Reads{high_watermark, high_watermark});
  Reads& reads = at->second;
  if (high_watermark < reads.last) {
    throw Violation{"readers saw the high watermark fall in " + text(epoch)};
  }
  reads.last = high_watermark;
  for (const auto& [other, seen] : reads_) {
    const Offset earlier = other < epoch ? seen.last : reads.last;
    const Offset later = other < epoch ? reads.first : seen.first;
    if (other != epoch && earlier > later) {
      throw Violation{"readers saw the high watermark fall between " + text(other) + " and " +
                      text(epoch) + ": from " + text(earlier) + " to " + text(later)};
    }
  }
}

void Checker::on_acknowledged(const SimBatch& batch, std::int32_t durable_on, std::int32_t needed) {
  const auto known = committed_.find(batch.base_offset);
  if (known == committed_.end() || known->second != batch) {
    throw Violation{"acknowledged and not committed: " + text(batch.base_offset)};
  }
  if (durable_on < needed) {
    throw Violation{"acknowledged with " + std::to_string(durable_on) + " copies of " +
                    std::to_string(needed) + ": " + text(batch.base_offset)};
  }
  ++acknowledged_;
}

void Checker::on_cut(ReplicaId replica, const ReplicaLog& log, Offset end) const {
  if (end >= log.high_watermark()) return;
  throw Violation{text(replica) + " cuts readable records: its high watermark is " +
                  text(log.high_watermark()) + ", it cuts to " + text(end)};
}

}  // namespace strandline::partition_sim
