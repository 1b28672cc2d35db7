#include "tests/sim/cluster/checker.h"

#include <algorithm>
#include <utility>

#include "broker/partition/leader_role.h"
#include "protocol/base/hash.h"

namespace strandline::cluster_sim {
namespace {

// A new leader's log is compared this far back; all of it is at the end of the run.
constexpr std::int64_t kLookBack = 100;

std::string text(const Host& host) { return "broker " + std::to_string(host.id); }

}  // namespace

std::string text(Offset offset) { return std::to_string(offset.value()); }
std::string text(LeaderEpoch epoch) { return std::to_string(epoch.value()); }

void Checker::after_event(Host& host) {
  if (!host.is_up()) return;
  vouching_.after_event(host);
  SimBroker& broker = *host.broker;
  const auto& here = broker.shard().partitions().all();
  for (const auto& [key, partition] : here) check_partition(host, *partition);
  const bool has_all = here.size() == partitions_.size();
  for (auto& [key, history] : partitions_) {
    if (has_all) break;
    // What a process had and has no longer went somewhere else; what comes back begins anew.
    Seen& seen = history.replicas[host.id];
    const bool is_there = here.contains(key);
    if (seen.life != host.life || is_there) continue;
    note_lost(host, history, seen.flushed);
    seen = {};
  }
  if (const MetadataNode* const metadata = broker.metadata()) {
    check_metadata(host, metadata->quorum());
    quorums_.after_event(host, metadata->quorum());
  }
  for (const Acked& acked : std::exchange(said_, {})) check_said(acked);
  if (broker.metrics().scrub_differences.value() == 0) return;
  throw Violation{"sealed records of " + text(host) +
                  " are whole and not its leader's, as its scrubber found"};
}

void Checker::note_damage(const Host& host) {
  damaged_.insert(host.id);
  for (auto& [key, history] : partitions_) {
    note_lost(host, history, std::exchange(history.replicas[host.id].flushed, Offset{0}));
  }
}

void Checker::note_lost(const Host& host, PartitionHistory& history, Offset flushed) {
  if (!damaged_.contains(host.id)) return;
  Offset& lost = history.lost.try_emplace(host.id, Offset{0}).first->second;
  lost = std::max(lost, flushed);
}

// --- replicas of partitions

void Checker::check_partition(Host& host, Partition& partition) {
  if (partition.is_cutting()) return;
  PartitionHistory& history = partitions_[partition.key()];
  Seen& seen = history.replicas[host.id];
  if (seen.life != host.life || partition.log().flushed_end() < seen.flushed) {
    note_lost(host, history, seen.flushed);
  }
  if (seen.life != host.life) seen = {.life = host.life, .high_watermark = kNoOffset};
  // In one event a leader may commit and cease to lead.
  const LeaderEpoch led_in = seen.leads_in;
  check_term(host, partition, history, seen);
  note_append(partition, history, seen);
  const LeaderEpoch leads_in = seen.leads_in == kNoLeaderEpoch ? led_in : seen.leads_in;
  check_high_watermark(host, partition, history, seen, leads_in);
  seen.flushed = partition.log().flushed_end();
  vouching_.after_event(host, partition, history.committed_end());
}

void Checker::check_term(Host& host, Partition& partition, PartitionHistory& history, Seen& seen) {
  const LeaderEpoch now =
      partition.leader() == nullptr ? kNoLeaderEpoch : partition.leader()->core().leader_epoch();
  if (now == seen.leads_in) return;
  seen.leads_in = now;
  if (now == kNoLeaderEpoch) return;
  const Process process{host.id, host.life};
  const auto [at, is_first] = history.leaders.emplace(now, process);
  if (!is_first) {
    throw Violation{"two leaders in epoch " + text(now) + ": broker " +
                    std::to_string(at->second.first) + " and " + text(host)};
  }
  ++terms_;
  world_.note("leads " + std::to_string(partition.key().partition.value()) + " in epoch " +
              text(now) + " from " + text(partition.log().log_end_offset()));
  Offset committed{0};
  for (const auto& [epoch, end] : history.committed_ends) {
    if (epoch <= now) committed = std::max(committed, end);
  }
  const Offset from = std::max(Offset{0}, committed - kLookBack);
  must_hold(host, partition.log(), history, from, committed);
}

void Checker::note_append(const Partition& partition, PartitionHistory& history, Seen& seen) {
  const Offset end = partition.bounds().log_end_offset;
  if (seen.leads_in != kNoLeaderEpoch && end > seen.log_end) {
    history.time.on_appended(seen.leads_in, end, world_.now());
  }
  seen.log_end = end;
}

void Checker::must_hold(const Host& host, const PartitionLog& log, const PartitionHistory& history,
                        Offset from, Offset end) const {
  if (log.log_end_offset() < end) {
    throw Violation{"committed records are lost: the log of " + text(host) + " ends at " +
                    text(log.log_end_offset()) + ", committed was " + text(end)};
  }
  const auto batches = batches_of(log, from, end);
  if (!batches) return;  // its disk does not answer, or what it has is damaged
  for (const BatchView& batch : *batches) {
    const auto known =
        std::ranges::lower_bound(history.committed, batch.base_offset, {}, &BatchView::base_offset);
    if (known == history.committed.end() || *known != batch) {
      throw Violation{"another batch than the committed one in the log of " + text(host) + " at " +
                      text(batch.base_offset)};
    }
  }
}

void Checker::check_high_watermark(Host& host, Partition& partition, PartitionHistory& history,
                                   Seen& seen, LeaderEpoch leads_in) {
  const PartitionLog& log = partition.log();
  const Offset now = log.high_watermark();
  const bool leads = leads_in != kNoLeaderEpoch;
  if (now < seen.high_watermark && !damaged_.contains(host.id)) {
    throw Violation{"the high watermark of " + text(host) + " fell from " +
                    text(seen.high_watermark) + " to " + text(now)};
  }
  if (now == seen.high_watermark) return;
  // From where it is known on, also when that is farther back than a look at a new process goes.
  const Offset before =
      seen.high_watermark == kNoOffset
          ? std::min(std::max(Offset{0}, now - kLookBack), history.committed_end())
          : seen.high_watermark;
  const auto batches =
      batches_of(log, std::max(log.log_start_offset(), std::min(before, now)), now);
  if (!batches && leads) history.unread_end = std::max(history.unread_end, now);
  if (!batches) return;
  compare(host, *batches, history, leads);
  seen.high_watermark = now;
  if (!leads) return;
  Offset& end = history.committed_ends[leads_in];
  end = std::max(end, now);
}

void Checker::compare(const Host& host, const std::vector<BatchView>& batches,
                      PartitionHistory& history, bool may_add) const {
  for (const BatchView& batch : batches) {
    const auto known =
        std::ranges::lower_bound(history.committed, batch.base_offset, {}, &BatchView::base_offset);
    if (known != history.committed.end()) {
      if (*known == batch) continue;
      throw Violation{"the log of " + text(host) + " differs below its high watermark, at " +
                      text(batch.base_offset)};
    }
    const bool was_led = may_add || batch.next_offset() <= history.unread_end;
    if (!was_led || batch.base_offset != history.committed_end()) {
      throw Violation{"the high watermark of " + text(host) + " is beyond " +
                      text(history.committed_end()) + ", up to where any leader committed"};
    }
    add(history, batch);
  }
}

void Checker::add(PartitionHistory& history, const BatchView& batch) const {
  const auto [place, is_first] =
      history.places.emplace(std::pair{batch.producer, batch.sequence}, batch.base_offset);
  if (!is_first) {
    throw Violation{"a producer's batch is committed twice, at " + text(place->second) + " and " +
                    text(batch.base_offset)};
  }
  const auto next = history.next_sequence.find(batch.producer);
  const Sequence wanted = next == history.next_sequence.end() ? Sequence{0} : next->second;
  // What was acknowledged with acks=1 may be lost, and what comes behind it not.
  const bool may_skip = lax_.contains(batch.producer) && batch.sequence > wanted;
  if (batch.sequence != wanted && !may_skip) {
    throw Violation{"a producer's batches are out of order: sequence " +
                    std::to_string(batch.sequence.value()) + " at " + text(batch.base_offset) +
                    ", wanted was " + std::to_string(wanted.value())};
  }
  history.time.on_committed(batch.leader_epoch, batch.base_offset);
  history.next_sequence[batch.producer] = Sequence{batch.sequence.value() + batch.records};
  history.committed.push_back(batch);
  const auto said = history.unread_acks.extract(batch.base_offset);
  if (said.empty() || is_batch_of(batch, said.mapped())) return;
  throw Violation{"acknowledged and not committed: " + text(batch.base_offset)};
}

bool Checker::is_batch_of(const BatchView& batch, const Acked& acked) {
  return batch.producer == acked.producer && batch.sequence == acked.sequence &&
         batch.base_offset == acked.base_offset;
}

// --- clients

void Checker::check_said(const Acked& acked) {
  const PartitionHistory& history = partitions_[acked.place];
  const auto disks = std::ranges::count_if(history.replicas, [&](const auto& replica) {
    const Host& host = world_.host(replica.first);
    const bool is_there = replica.second.flushed >= acked.end && is_on_disk(host, acked);
    return is_there || was_on_lost_disk(host, history, acked);
  });
  if (disks >= min_insync_) return;
  throw Violation{"acknowledged at " + text(acked.base_offset) + " and on " +
                  std::to_string(disks) + " disks"};
}

// It is believed of one that is down, or has no log at present.
bool Checker::is_on_disk(const Host& host, const Acked& acked) const {
  if (!host.is_up()) return true;
  Partition* const replica = host.broker->shard().partitions().find(acked.place);
  if (replica == nullptr || replica->is_cutting()) return true;
  const auto there = is_durable(*host.disk, replica->log(), acked.base_offset, acked.end);
  // Nobody may have met yet what is damaged there.
  return there.value_or(damaged_.contains(host.id));
}

// And whoever says so cannot know yet that it is on it no longer: the controller has counted on it,
// as far as is known there.
bool Checker::was_on_lost_disk(const Host& host, const PartitionHistory& history,
                               const Acked& acked) const {
  const auto lost = history.lost.find(host.id);
  if (lost == history.lost.end() || lost->second < acked.end) return false;
  const Host& by = world_.host(acked.said_by);
  if (!by.is_up()) return true;
  const TopicPtr topic = by.broker->shard().image()->topic(acked.place.topic_id);
  if (topic == nullptr) return false;
  const auto place = static_cast<std::size_t>(acked.place.partition.value());
  const std::vector<BrokerId>& isr = topic->partitions.at(place).isr;
  return std::ranges::find(isr, BrokerId{host.id}) != isr.end();
}

void Checker::on_acked(const Acked& acked) {
  ++acked_;
  PartitionHistory& history = partitions_[acked.place];
  const auto known =
      std::ranges::lower_bound(history.committed, acked.base_offset, {}, &BatchView::base_offset);
  const bool is_there = known != history.committed.end() && is_batch_of(*known, acked);
  const bool is_unread =
      acked.base_offset >= history.committed_end() && acked.end <= history.unread_end;
  if (!is_there && !is_unread) {
    throw Violation{"acknowledged and not committed: " + text(acked.base_offset)};
  }
  if (!is_there) history.unread_acks.emplace(acked.base_offset, acked);
  Offset& end = history.acked[acked.leader_epoch];
  end = std::max(end, acked.end);
}

Offset Checker::acked_end(const PartitionKey& place) const {
  Offset end{0};
  const auto found = partitions_.find(place);
  if (found == partitions_.end()) return end;
  for (const auto& [epoch, acked] : found->second.acked) end = std::max(end, acked);
  return end;
}

void Checker::on_read(const PartitionKey& place, LeaderEpoch epoch, Offset high_watermark,
                      Offset acked_before) {
  PartitionHistory& history = partitions_[place];
  // A leader that does not know yet that it is none any more lacks what others have acknowledged.
  const bool is_newest = history.leaders.rbegin()->first == epoch;
  if (is_newest && high_watermark < acked_before) {
    throw Violation{"a reader misses what was acknowledged: it sees " + text(high_watermark) +
                    ", acknowledged was " + text(acked_before)};
  }
  const auto [at, is_first] = history.reads.emplace(epoch, Reads{high_watermark, high_watermark});
  Reads& reads = at->second;
  if (high_watermark < reads.last) {
    throw Violation{"readers saw the high watermark fall in epoch " + text(epoch)};
  }
  reads.last = high_watermark;
  for (const auto& [other, seen] : history.reads) {
    const Offset earlier = other < epoch ? seen.last : reads.last;
    const Offset later = other < epoch ? reads.first : seen.first;
    if (other != epoch && earlier > later) {
      throw Violation{"readers saw the high watermark fall between epochs " + text(other) +
                      " and " + text(epoch) + ": from " + text(earlier) + " to " + text(later)};
    }
  }
}

// --- metadata

void Checker::check_metadata(Host& host, const Quorum& quorum) {
  MetadataSeen& seen = metadata_seen_[host.id];
  if (seen.life != host.life) seen = {.life = host.life};
  const QuorumLog& log = quorum.log();
  seen.committed = std::max(seen.committed, log.start());
  while (seen.committed < quorum.committed()) {
    const QuorumBatch* const batch = log.find(seen.committed);
    if (batch == nullptr) throw Violation{"committed metadata is not there on " + text(host)};
    const MetadataBatch is{batch->epoch, batch->next_offset, xxh3(*batch->bytes)};
    const auto [known, is_new] = metadata_.emplace(batch->base_offset, is);
    const bool is_same = known->second.epoch == is.epoch && known->second.digest == is.digest;
    if (!is_new && !is_same) {
      throw Violation{"other metadata is committed on " + text(host) + " at " +
                      text(batch->base_offset)};
    }
    seen.committed = batch->next_offset;
  }
  const LeaderEpoch now = quorum.leads() ? quorum.epoch() : kNoLeaderEpoch;
  if (now == seen.leads_in) return;
  seen.leads_in = now;
  if (now == kNoLeaderEpoch) return;
  const auto [at, is_first] = metadata_leaders_.emplace(now, Process{host.id, host.life});
  if (!is_first) throw Violation{"two leaders of the metadata in epoch " + text(now)};
  world_.note("leads the metadata in epoch " + text(now));
  // One that was elected late, past a newer leader, may lack what that one committed.
  if (metadata_leaders_.rbegin()->first != now) return;
  for (const auto& [base, batch] : metadata_) {
    if (batch.next_offset <= log.start()) continue;
    const QuorumBatch* const here = log.find(base);
    if (here == nullptr || here->epoch != batch.epoch || xxh3(*here->bytes) != batch.digest) {
      throw Violation{"a leader of the metadata lacks what is committed at " + text(base)};
    }
  }
}

// --- the end

std::uint64_t Checker::statements() const {
  std::uint64_t all = 0;
  for (const auto& [key, history] : partitions_) all += history.time.statements();
  return all;
}

Offset Checker::committed_end(const PartitionKey& place) const {
  const auto found = partitions_.find(place);
  return found == partitions_.end() ? Offset{0} : found->second.committed_end();
}

void Checker::check_everything() {
  for (const auto& [place, history] : partitions_) {
    if (history.unread_acks.empty()) continue;
    const Offset first = history.unread_acks.begin()->first;
    throw Violation{"acknowledged and not committed: " + text(first)};
  }
  for (const auto& host : world_.hosts()) {
    world_.as(*host, [&] {
      for (const auto& [key, partition] : host->broker->shard().partitions().all()) {
        const PartitionHistory& history = partitions_[key];
        const PartitionLog& log = partition->log();
        if (!batches_of(log, log.log_start_offset(), log.log_end_offset())) {
          throw Violation{"the log of " + text(*host) + " cannot be read"};
        }
        must_hold(*host, log, history, log.log_start_offset(), history.committed_end());
      }
    });
  }
}

}  // namespace strandline::cluster_sim
